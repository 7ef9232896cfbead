"""`ssgan-lite directions WEIGHTS --out FILE`: names for a model's sliders, in a quarter of an hour of one core.

Names that the judge confirms, of heads alone, and words for principal axes, of any model with parts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from ssgan_lite.directions.axis_labels import name_axes
from ssgan_lite.directions.naming import CANDIDATES, LEAST_CORRELATION, SWAPS, WHOLE, name_directions
from ssgan_lite.directions.sample import draw_sample, load_sample, with_swaps
from ssgan_lite.directions.store import NamedDirections, save_directions
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import load_predictor
from ssgan_lite.model.generator import LatentGenerator
from ssgan_lite.storage import tensor_path
from ssgan_lite.weights import load_pretrained


@dataclass(frozen=True)
class DirectionsOptions:
    """For which model names are looked for, on how many faces."""

    weights: str                    # a shipped name, or a .safetensors file
    out: Path                       # the file to write, .safetensors with a .json beside it
    faces: int = 200                # faces on which the judge confirms a name
    seed: int = 0                   # other faces
    shuffle: bool = False           # shuffle the labels: what survives then survives by chance
    force: bool = False             # replace files that exist
    quiet: bool = False             # no progress bars


def find_names(options: DirectionsOptions) -> int:
    """Draw a labelled sample, find directions, let the judge confirm them, write those that it does."""
    path = tensor_path(options.out)
    if path.exists() and not options.force:
        raise UserError(f'"{path}" exists. Choose another --out, or add --force to replace it.')
    for name, least in (("faces", 20), ("seed", 0)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(options, name)}.")
    generator, began = load_pretrained(options.weights), time.perf_counter()
    if is_head(generator):
        named = _judged(generator, options)
    else:
        named = NamedDirections((), {})
        print("The judge knows heads, and this model has other parts: its axes get words, and no name is confirmed.")
    if not options.shuffle:
        named = replace(named, axes=name_axes(generator, options.quiet))
    named.record.update(shuffled=options.shuffle, seconds=round(time.perf_counter() - began))
    save_directions(named, generator, path)
    _tell(named, options.faces)
    print(f"Written: {path}")
    return 0


def is_head(generator: LatentGenerator) -> bool:
    """Has the model the parts for which the judge knows names? One without parts is left to `name_directions`."""
    parts = set(generator.config.parts)
    return generator.config.architecture == "monolithic" or {c.part for c in CANDIDATES} <= parts


def _judged(generator: LatentGenerator, options: DirectionsOptions) -> NamedDirections:
    teacher, judging = load_predictor("lite0"), load_predictor("lite2")
    try:
        sample = load_sample(generator)                 # labels that ship spare us the drawing
    except UserError:
        sample = draw_sample(generator, teacher, WHOLE, 2, options.seed, options.quiet)
    sample = with_swaps(sample, SWAPS, teacher, options.seed, options.quiet)
    if options.shuffle:
        sample = sample.shuffled(options.seed)
    return name_directions(sample, judging, faces=options.faces, seed=options.seed, quiet=options.quiet)


def _tell(named: NamedDirections, faces: int) -> None:
    refused = named.record.get("refused", [])
    if named.sliders or refused:
        print(f"{len(named.sliders)} of {len(CANDIDATES)} names were confirmed (correlation at least "
              f"{LEAST_CORRELATION:g} on {faces} faces):")
    for slider in named.sliders:
        effect = slider.effect
        print(f"  {slider.part + ': ' + slider.label:30} correlation {effect['correlation']:.2f}, per unit "
              f"{effect['per_unit']:+.2f}, moved {effect['moved']:.0%}, at {slider.direction.place.name}, leak "
              f"{'-' if effect['leak'] is None else format(effect['leak'], '.2f')}, spill {effect['spill']:.2f}")
    for entry in refused:
        best = max((tried.get("correlation", 0.0) for tried in entry["tried"]), default=0.0)
        print(f"  {entry['part'] + ': ' + entry['label']:30} not confirmed ({best:.2f})")
    if named.axes:
        print(f"{len(named.axes)} axes have words, by measuring:")
    for axis in named.axes:
        print(f"  {axis.part + ' ' + axis.kind:30} {axis.less} - {axis.more}")
