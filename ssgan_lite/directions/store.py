"""Named directions on disk: `NAME.safetensors` with the vectors, and `NAME.json` with what each was seen to do.

The same file has words for principal axes (axis_labels.py).

A direction means something to one model only, so the file carries the model's fingerprint, as saved faces do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssgan_lite import assets
from ssgan_lite.directions.direction import LinearDirection, Place, apply
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model.latents import KINDS
from ssgan_lite.storage import load_tensors, save_tensors, tensor_path
from ssgan_lite.weights import fingerprint, weights_version

FORMAT = "ssgan-lite directions 1"
SAME = 0.95             # cosine from which on an axis is the one that was measured


@dataclass(frozen=True)
class Slider:
    """A direction that has earned its name."""

    part: str                   # in whose panel it stands
    label: str                  # "length"
    direction: LinearDirection
    low: float                  # range of the coordinate, in standard deviations
    high: float
    effect: dict                # what the judge saw, as `judge.examine` says it

    @property
    def attribute(self) -> str:
        return self.direction.attribute


@dataclass(frozen=True)
class AxisName:
    """Words for the two ends of a principal axis of a part, turned so that there is more where it points."""

    part: str
    kind: str                   # "shape" or "texture"
    less: str                   # "shorter"
    more: str                   # "longer"
    vector: Tensor              # [S], the axis that was measured, or its opposite


@dataclass(frozen=True)
class NamedDirections:
    """The sliders of one model, and words for its axes."""

    sliders: tuple[Slider, ...]
    record: dict                # how they were made, and which names did not survive
    axes: tuple[AxisName, ...] = ()

    def of(self, part: str) -> list[Slider]:
        """The sliders in one part's panel."""
        return [slider for slider in self.sliders if slider.part == part]

    def find(self, part: str, label: str) -> Slider:
        """A slider by its part and label; a `UserError` says what there is instead."""
        here = {slider.label: slider for slider in self.of(part)}
        if not here:
            parts = sorted({slider.part for slider in self.sliders})
            raise UserError(f'No direction of "{part}" has a name in this model. Parts with names: '
                            f"{', '.join(parts) or 'none'}.")
        if label not in here:
            raise UserError(f'The {part} has no direction called "{label}". {suggest(str(label), here)}')
        return here[label]

    def axis_words(self, part: str, kind: str, directions: Tensor) -> list[tuple[str, str, int] | None]:
        """For axes [K, S] of a part: words for less and more, and 1 or -1, which way the axis goes; None without.

        Axes are recognized by their vectors, not by their numbers: on another machine rounding may turn one around,
        or exchange two that explain about as much.
        """
        words: list[tuple[str, str, int] | None] = [None] * len(directions)
        for name in self.axes:
            if (name.part, name.kind) == (part, kind):
                alike = torch.cosine_similarity(directions, name.vector.to(directions)[None], dim=1)       # [K]
                k = int(alike.abs().argmax())
                if abs(float(alike[k])) >= SAME:
                    words[k] = name.less, name.more, 1 if alike[k] > 0 else -1
        return words


def save_directions(named: NamedDirections, generator: nn.Module, path: str | os.PathLike) -> None:
    """Write `path`.safetensors and `path`.json."""
    tensors, entries = {}, []
    for number, slider in enumerate(named.sliders):
        tensors[f"{number}.vector"], tensors[f"{number}.reader"] = slider.direction.vector, slider.direction.reader
        tensors["mean"] = slider.direction.mean
        there = slider.direction.place
        entries.append(dict(part=slider.part, label=slider.label, attribute=slider.attribute,
                            system=slider.direction.system, place=there.name, addresses=list(there.addresses),
                            parts=list(there.parts), range=[slider.low, slider.high], effect=slider.effect))
    if named.axes:
        tensors["axes"] = torch.stack([name.vector for name in named.axes]).half()
    axes = [dict(part=name.part, kind=name.kind, less=name.less, more=name.more) for name in named.axes]
    save_tensors(path, tensors, FORMAT, dict(model=fingerprint(generator), weights=weights_version(generator),
                                             sliders=entries, axes=axes, record=named.record))


def load_directions(generator: nn.Module, path: str | os.PathLike | None = None) -> NamedDirections:
    """The named directions of a model that ships, or those in a file, for the very model that they were made for."""
    if path is None:
        known = assets.listed("directions/*.safetensors")
        if generator.name not in known:
            raise UserError(f"No named directions ship for {weights_version(generator)}, only for "
                            f"{', '.join(known) or 'no model'}. Make them: ssgan-lite directions WEIGHTS --out FILE")
        path = assets.find(f"directions/{generator.name}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    path = tensor_path(path)
    tensors, about = load_tensors(path, FORMAT, dict(model=str, weights=str, sliders=list, record=dict))
    if about["model"] != fingerprint(generator):
        raise UserError(f'"{path}" has the directions of another model, and in this one they would mean something '
                        f"else. They were made for {about['weights']}; this is {weights_version(generator)}. Make "
                        "them anew: ssgan-lite directions WEIGHTS --out FILE")
    try:
        sliders = []
        for number, entry in enumerate(about["sliders"]):
            there = Place(entry["place"], tuple(entry["addresses"]), tuple(entry["parts"]))
            direction = LinearDirection(entry["attribute"], there, entry["system"], tensors[f"{number}.vector"],
                                        tensors[f"{number}.reader"], tensors["mean"])
            low, high = map(float, entry["range"])
            slider = Slider(entry["part"], entry["label"], direction, low, high, entry["effect"])
            apply(torch.zeros(1, generator.layout.n_latent, generator.config.style_dim), direction, 0.0)    # fits
            sliders.append(slider)
        axes = [AxisName(entry["part"], entry["kind"], entry["less"], entry["more"], vector.float())
                for entry, vector in zip(about.get("axes", []), tensors.get("axes", ()), strict=True)]
        for name in axes:
            if (name.part not in generator.config.parts or name.kind not in KINDS or not isinstance(name.less, str)
                    or not isinstance(name.more, str) or len(name.vector) != generator.config.style_dim):
                raise ValueError("no words for an axis of this model")
        return NamedDirections(tuple(sliders), about["record"], tuple(axes))
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError):                   # UserError too
        raise UserError(f'"{path}" is damaged: directions in it are missing or do not fit the model.') from None
