"""Everything about one generator, and a baseline beside it if there is one: `ssgan-lite measure` calls `measure`.

The result is a dictionary of plain numbers, the content of `measure.json`:

    n, seed, data, extractor               what was compared with what
    real                                   distances between two halves of the real faces, with the same n
    parser                                 the parser's agreement with true masks of the validation split
    models[i]                              name, config, record, then one entry for each measure:
      distances, agreement, leak, leak_summary, diversity, speed

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
from torch import nn
from tqdm.auto import tqdm

from ssgan_lite import __version__
from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.features import Extractor, features_of
from ssgan_lite.measure import locality
from ssgan_lite.measure.distances import frechet_distance, kernel_distance, precision_recall
from ssgan_lite.measure.diversity import FACES as DIVERSITY_FACES
from ssgan_lite.measure.diversity import VARIANTS_OF_A_FACE, part_diversity
from ssgan_lite.measure.inception import extractor
from ssgan_lite.measure.masks import mask_agreement
from ssgan_lite.measure.parser import load_parser
from ssgan_lite.measure.report import short_name
from ssgan_lite.measure.samples import (DISTANCES, REAL, Tick, draw_codes, generate, is_monolithic, no_tick, rng)
from ssgan_lite.measure.speed import time_and_memory
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import to_levels
from ssgan_lite.weights import load_pretrained

FORMAT = "ssgan-lite measures 1"
MEASURES = ("distances", "agreement", "leak", "diversity", "speed")
FEWEST = 16


@dataclass(frozen=True)
class MeasureOptions:
    """What is measured, on how many faces."""

    weights: str                        # a shipped name or a .safetensors file
    baseline: str = ""                  # a second model to stand beside it, such as the monolithic one
    n: int = 512                        # generated faces for distances and agreement
    leak_faces: int = locality.FACES    # faces that are edited, for each part and kind
    diversity_faces: int = DIVERSITY_FACES # faces of which each part gets several variants
    seed: int = 0                       # another seed measures other faces
    data: str = "heads"                 # the real faces, and ...
    split: str = "train"                # ... which of them
    only: tuple[str, ...] = MEASURES
    inception: Path | None = None       # the weights of the standard network, see inception.py
    parser: Path | None = None          # another parser than the shipped one
    device: str = "cpu"                 # as `torch.device` names it
    batch: int = 16                     # faces at a time
    quiet: bool = False                 # no progress bars

    def quick(self) -> MeasureOptions:
        """A look within a minute or two: the same measures on few faces."""
        return replace(self, n=min(self.n, 64), leak_faces=min(self.leak_faces, 16),
                       diversity_faces=min(self.diversity_faces, 4))


class RealFaces:
    """Features of two halves of the real faces, computed once however many generators are compared with them.

    Each half has as many faces as are generated, or as there are: distances depend on the number of faces, so the
    generated ones and the other half must be equally many.
    """

    def __init__(self, data: Dataset, extract: Extractor, n: int, seed: int = 0, batch: int = 16,
                 tick: Tick = no_tick):
        self.extract, self.seed = extract, seed
        self.n = min(n, len(data) // 2)
        if self.n < FEWEST:
            raise UserError(f"{data.source} has {len(data)} faces here, too few for two halves of at least {FEWEST}.")
        order = torch.from_numpy(rng(seed, REAL).permutation(len(data))[:2 * self.n])
        device = next(extract.parameters()).device
        features = features_of(data.images[order], extract, batch, device, tick)
        self.first, self.second = features[:self.n], features[self.n:]

    def distances(self, features: np.ndarray) -> dict:
        """Of a generator's features [>= n, D] to the first half."""
        kernel = kernel_distance(features[:self.n], self.first, seed=self.seed)
        precision, recall = precision_recall(self.first, features[:self.n])
        return dict(extractor=self.extract.name, n=self.n, kernel=kernel.value, kernel_std=kernel.std,
                    frechet=frechet_distance(features[:self.n], self.first), precision=precision, recall=recall)

    def among_themselves(self) -> dict:
        """The second half to the first: what a perfect generator would get."""
        return self.distances(self.second)

    def of_generator(self, generator: nn.Module, batch: int = 16, tick: Tick = no_tick) -> dict:
        """Distances of n generated faces: enough for a curve over the snapshots of a run."""
        w = draw_codes(generator, self.n, self.seed, DISTANCES)
        return self.distances(generated_features(generator, w, self.extract, batch, tick))


def generated_features(generator: nn.Module, w: torch.Tensor, extract: Extractor, batch: int = 16,
                       tick: Tick = no_tick) -> np.ndarray:
    """Features [N, D] of the faces with these codes, rounded to 256 levels as the real ones are."""
    device = next(extract.parameters()).device
    return np.concatenate([features_of(to_levels(out.image), extract, batch, device)
                           for out in generate(generator, w, batch, tick)])


def measure(options: MeasureOptions) -> dict:
    """Measure. What cannot work is said before anything long begins."""
    check(options)
    wanted = options.only
    names = [options.weights, *([options.baseline] if options.baseline else [])]
    generators = [load_pretrained(name, options.device) for name in names]
    for name, generator in zip(names, generators):
        if generator.config.parts != PARTS.names:
            raise UserError(f'"{name}" has other parts than the heads and their parser: '
                            f"{', '.join(generator.config.parts)}.")
    if len({generator.config.size for generator in generators}) > 1:
        raise UserError(f"The two models make pictures of {' and '.join(str(g.config.size) for g in generators)} "
                        "pixels; distances and leaks compare only at one size.")
    needs_features = {"distances", "diversity"} & set(wanted)
    extract = extractor(options.inception, options.device) if needs_features else None
    parser = load_parser(options.parser).to(options.device) if "agreement" in wanted else None
    real = None
    if "distances" in wanted:
        data = open_dataset(options.data, generators[0].config.size, options.split)
        with _bar("real faces", 2 * min(options.n, len(data) // 2), options) as tick:
            real = RealFaces(data, extract, options.n, options.seed, options.batch, tick)

    models, leaks = [], None
    for name, generator in zip(names, generators):
        models.append(_measure_one(name, generator, options, extract, parser, real, leaks))
        leaks = models[0]["leak"] if not is_monolithic(generators[0]) else None
    return dict(
        format=FORMAT, version=__version__, torch=torch.__version__, seed=options.seed, n=options.n,
        data=dict(name=options.data, split=options.split, size=generators[0].config.size) if real else None,
        extractor=extract.name if extract is not None else None,
        real=real.among_themselves() if real else None,
        parser=parser.record.get("validation", {}) if parser is not None else None, models=models)


def _measure_one(name: str, generator: nn.Module, options: MeasureOptions, extract: Extractor | None,
                 parser: nn.Module | None, real: RealFaces | None, targets: dict | None) -> dict:
    """All measures of one generator; to the leaks `targets` of the first one a baseline's edits are scaled."""
    config, label = generator.config, short_name(name)
    found: dict = dict(name=name, architecture=getattr(config, "architecture", "semantic"), size=config.size,
                       images=generator.record.get("images"), config=config.to_dict(),
                       **dict.fromkeys((*MEASURES, "leak_summary")))
    if "speed" in options.only:                   # first, while the process is small: the peak of memory is shown
        found["speed"] = time_and_memory(generator)
    if real is not None:
        with _bar(f"{label}: distances", real.n, options) as tick:
            found["distances"] = real.of_generator(generator, options.batch, tick)
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
        total = options.diversity_faces * VARIANTS_OF_A_FACE * config.n_parts
        with _bar(f"{label}: diversity", total, options) as tick:
            found["diversity"] = part_diversity(generator, extract, options.diversity_faces, seed=options.seed,
                                                batch=options.batch, tick=tick)
    return found


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
