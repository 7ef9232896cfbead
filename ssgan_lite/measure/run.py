"""Everything about one generator, and a baseline beside it if there is one: `ssgan-lite measure` calls `measure`.

The result is a dictionary of plain numbers, the content of `measure.json`:

    n, seed, data, extractor               what was compared with what
    real, seen_real                        distances between two halves of the real faces, with the same n
    parser                                 the parser's agreement with true masks of the validation split
    models[i]                              name, config, record, then one entry for each measure:
      distances                            to real faces, in the eyes of a judge that no training has seen
      seen                                 the same in the eyes of the network that training compares features with
      parts, dead_parts                    how often each part is there, beside the real faces' share
      attributes                           what the faces look like to the judge of attributes, beside real ones
      agreement, leak, leak_summary, diversity, speed

A measure that was left out, or that a model does not have, is None. The same seed gives the same numbers on the same
machine, another seed another sample of faces; only `speed` depends on the hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ssgan_lite import __version__
from ssgan_lite.assets import cache_folder
from ssgan_lite.data import open_dataset
from ssgan_lite.device import choose_device
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.features import EfficientNetLite0, Extractor, features_of
from ssgan_lite.measure import diversity, locality
from ssgan_lite.measure.attributes import AttributePredictor, compare_attributes, load_predictor
from ssgan_lite.measure.distances import FEWEST, RealFaces, compared
from ssgan_lite.measure.inception import extractor
from ssgan_lite.measure.masks import mask_agreement, part_areas, part_frequencies
from ssgan_lite.measure.parser import load_parser
from ssgan_lite.measure.report import short_name
from ssgan_lite.measure.samples import DISTANCES, REAL, Tick, draw_codes, generate, is_monolithic, rng
from ssgan_lite.measure.speed import time_and_memory
from ssgan_lite.pictures import to_levels
from ssgan_lite.weights import load_pretrained

FORMAT = "ssgan-lite measures 2"
MEASURES = ("distances", "parts", "attributes", "agreement", "leak", "diversity", "speed")


@dataclass(frozen=True)
class MeasureOptions:
    """What is measured, on how many faces."""

    weights: str                        # a shipped name, a .safetensors file or a published checkpoint
    baseline: str = ""                  # a second model to stand beside it, such as the monolithic one
    n: int = 1024                       # generated faces, for distances, parts and mask agreement
    seed: int = 0                       # another seed measures other faces
    quick: bool = False                 # few faces: a look within a minute or two, not a measurement
    only: tuple[str, ...] = MEASURES    # some of the measures
    leak_faces: int = locality.FACES    # faces edited for each part and kind
    diversity_faces: int = diversity.FACES    # faces of which each part gets several variants
    data: str = "heads"                 # the real faces; of the heads those with seeds below 2,500
    split: str = "train"                # which of them: train, val or all
    inception: Path | None = None       # take the FID's Inception: its pt_inception-2015-12-05-6726825d.pth
    parser: Path | None = None          # another parser than the shipped one
    device: str = "auto"                # auto, cpu, cuda, cuda:1
    batch: int = 16                     # faces at a time
    quiet: bool = False                 # no progress bars


class _Reference:
    """What generated faces are compared with: features of real ones for each network, and areas of their parts."""

    def __init__(self, size: int, judges: list[Extractor], options: MeasureOptions):
        data = compared(open_dataset(options.data, size, options.split))
        self.n = min(options.n, len(data) // 2)
        with _bar("real faces", 2 * self.n * len(judges), options) as tick:
            self.faces = [RealFaces(data, judge, options.n, options.seed, options.batch, tick,
                                    cache_folder() / "measure") for judge in judges]
        self.parts = data.parts if data.has_masks else None
        self.areas = part_areas(data.masks, len(data.parts)) if data.has_masks else None
        self.attributes = load_predictor("lite2").to(options.device) if "attributes" in options.only else None
        if self.attributes is not None:
            rows = torch.from_numpy(rng(options.seed, REAL).permutation(len(data))[:self.n])
            self.scores = torch.cat([self.attributes.read(data.image_batch(part, torch.zeros(len(part), dtype=bool),
                                                                           options.device))
                                     for part in rows.split(options.batch)])


def measure(options: MeasureOptions) -> dict:
    """Measure. What cannot work is said before anything long begins."""
    if options.quick:
        options = replace(options, n=min(options.n, 64), leak_faces=min(options.leak_faces, 16),
                          diversity_faces=min(options.diversity_faces, 4))
    check(options)
    options = replace(options, device=str(choose_device(options.device)))
    wanted = options.only
    names = [options.weights, *([options.baseline] if options.baseline else [])]
    generators = [load_pretrained(name, options.device) for name in names]
    parser = load_parser(options.parser).to(options.device) if "agreement" in wanted else None
    for name, generator in zip(names, generators, strict=True):
        if parser is not None and generator.config.parts != parser.parts.names:
            others = " ".join(measure for measure in wanted if measure != "agreement")
            raise UserError(f'"{name}" has other parts than the parser: {", ".join(generator.config.parts)}. Make a '
                            "parser of them (python -m ssgan_lite.measure.make_parser --data ...) and add --parser, "
                            f"or leave mask agreement out: --only {others}")
    if len({generator.config.size for generator in generators}) > 1:
        raise UserError(f"The two models make pictures of {' and '.join(str(g.config.size) for g in generators)} "
                        "pixels; distances and leaks compare only at one size.")
    judge = extractor(options.inception, options.device) if {"distances", "diversity"} & set(wanted) else None
    # Training's own network stands beside the judge: how much closer it finds the faces is what training cheated.
    judges = [judge, EfficientNetLite0().to(options.device)] if "distances" in wanted else []
    reference = None
    if {"distances", "parts", "attributes"} & set(wanted):
        reference = _Reference(generators[0].config.size, judges, options)
        if "parts" in wanted and reference.parts not in (None, generators[0].config.parts):
            raise UserError(f'"{names[0]}" has other parts than {options.data}. Name data of its parts with --data, '
                            "or leave the measure parts out (--only).")

    models, leaks = [], None
    for name, generator in zip(names, generators, strict=True):
        models.append(_measure_one(name, generator, options, judge, parser, reference, leaks))
        leaks = models[0]["leak"] if not is_monolithic(generators[0]) else None
    real, seen = [faces.among_themselves() for faces in reference.faces] if judges else (None, None)
    return dict(
        format=FORMAT, version=__version__, torch=torch.__version__, seed=options.seed, n=options.n,
        data=dict(name=options.data, split=options.split, size=generators[0].config.size) if reference else None,
        extractor=judge.name if judge is not None else None, real=real, seen_real=seen,
        parser=parser.record.get("validation", {}) if parser is not None else None, models=models)


def _measure_one(name: str, generator: nn.Module, options: MeasureOptions, judge: Extractor | None,
                 parser: nn.Module | None, reference: _Reference | None, targets: dict | None) -> dict:
    """All measures of one generator; to the leaks `targets` of the first one a baseline's edits are scaled."""
    config, label = generator.config, short_name(name)
    found: dict = dict(name=name, architecture=getattr(config, "architecture", "semantic"), size=config.size,
                       images=generator.record.get("images"), config=config.to_dict(),
                       **dict.fromkeys((*MEASURES, "seen", "dead_parts", "leak_summary")))
    if "speed" in options.only:                   # first, while the process is small: the peak of memory is shown
        found["speed"] = time_and_memory(generator)
    if reference is not None:
        w = draw_codes(generator, reference.n, options.seed, DISTANCES)
        with _bar(f"{label}: faces", len(w), options) as tick:
            features, areas, scores = survey(generator, w, [faces.extract for faces in reference.faces],
                                             options.batch, tick, reference.attributes)
        if features:
            found["distances"], found["seen"] = (faces.distances(f) for faces, f
                                                 in zip(reference.faces, features, strict=True))
        if scores is not None:
            found["attributes"] = compare_attributes(reference.attributes.names, scores, reference.scores)
        if "parts" in options.only and reference.areas is not None:
            found["parts"] = part_frequencies(areas, reference.areas, config.parts)
            found["dead_parts"] = [part for part, values in found["parts"].items() if values["dead"]]
    if parser is not None:
        w = draw_codes(generator, options.n, options.seed, DISTANCES)
        with _bar(f"{label}: agreement", options.n, options) as tick:
            found["agreement"] = mask_agreement(generator, w, parser, config.parts, options.batch, tick)
    if "leak" in options.only:
        # How many faces a baseline needs depends on the directions that are chosen.
        total = None if is_monolithic(generator) else options.leak_faces * (1 + 2 * config.n_parts)
        with _bar(f"{label}: leak", total, options) as tick:
            if is_monolithic(generator):
                found["leak"] = locality.baseline_leak(generator, targets, options.leak_faces, options.seed,
                                                       options.batch, tick)
            else:
                found["leak"] = locality.semantic_leak(generator, options.leak_faces, options.seed, options.batch,
                                                       tick)
        found["leak_summary"] = locality.summary(found["leak"])
    if "diversity" in options.only and not is_monolithic(generator):
        total = options.diversity_faces * diversity.VARIANTS_OF_A_FACE * config.n_parts
        with _bar(f"{label}: diversity", total, options) as tick:
            found["diversity"] = diversity.part_diversity(generator, judge, options.diversity_faces,
                                                          seed=options.seed, batch=options.batch, tick=tick)
    return found


def survey(generator: nn.Module, w: Tensor, judges: list[Extractor], batch: int,
           tick: Tick, attributes: AttributePredictor | None = None
           ) -> tuple[list[np.ndarray], np.ndarray, Tensor | None]:
    """Features [N, D] of each network, areas [N, P] of the parts and attributes [N, A], of faces drawn once."""
    features: list[list[np.ndarray]] = [[] for _ in judges]
    areas, scores = [], []
    for out in generate(generator, w, batch, tick):
        pixels = to_levels(out.image)
        for found, judge in zip(features, judges, strict=True):
            found.append(features_of(pixels, judge, batch, pixels.device))
        areas.append(part_areas(out.mask.argmax(1), out.mask.shape[1]))
        if attributes is not None:
            scores.append(attributes.read(out.image))
    return ([np.concatenate(found) for found in features], np.concatenate(areas),
            torch.cat(scores) if scores else None)


def check(options: MeasureOptions) -> None:
    """What is wrong with the options is a `UserError`."""
    for name in options.only:
        if name not in MEASURES:
            raise UserError(f'There is no measure called "{name}". {suggest(name, MEASURES)}')
    if not options.only:
        raise UserError(f"Name at least one measure: {', '.join(MEASURES)}.")
    if options.n < FEWEST:
        raise UserError(f"{options.n} faces are too few to measure anything; use --n {FEWEST} or more (512 is a "
                        "start).")
    for name, least in (("leak_faces", 1), ("diversity_faces", 1), ("batch", 1), ("seed", 0)):
        if getattr(options, name) < least:
            raise UserError(f"{name.replace('_', ' ')} must be at least {least}, not {getattr(options, name)}.")


@contextmanager
def _bar(what: str, total: int | None, options: MeasureOptions) -> Iterator[Tick]:
    with tqdm(total=total, desc=what, unit="face", disable=options.quiet, leave=False) as bar:
        yield bar.update
