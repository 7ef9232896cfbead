"""Models side by side: which ones ship, what was measured of them, and how it looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from ssgan_lite import assets
from ssgan_lite.course.figures import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    PALE,
    faces_of,
    picture_rows,
)
from ssgan_lite.errors import UserError
from ssgan_lite.measure.locality import Rendered, candidate_directions, choose_directions, margin, render
from ssgan_lite.measure.report import measured_models
from ssgan_lite.measure.samples import is_monolithic
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.weights import shipped

COLUMNS = {             # what a table of models shows: the name in a record, the heading, digits, is less better?
    "kernel_x1000": ("kernel\ndistance", 0, True), "miou_large": ("mIoU\nlarge", 2, False),
    "miou_small": ("mIoU\nsmall", 2, False), "leak_texture": ("leak,\ntexture", 2, True),
    "leak_shape": ("leak,\nshape", 2, True)}


def family(name: str) -> list[str]:
    """The shipped model of this name and all that ship as NAME-something: its baseline and ablations, in order."""
    return [name, *(other for other in shipped() if other.startswith(f"{name}-"))]


def read_measured(name: str) -> dict[str, float | None]:
    """The numbers of `COLUMNS` (and `kernel_real_halves`) as they were stored with shipped weights; None: not known.

    They are taken from the result of `ssgan-lite measure`, NAME.measure.json or that of the family's first model,
    which holds a baseline as well; or else from the summary in the record.
    """
    record = _json(f"weights/{name}.json").get("record", {})
    found = {key: record.get("measured", {}).get(key) for key in (*COLUMNS, "kernel_real_halves")}
    for place in (name, name.split("-")[0]):
        try:
            result = _json(f"weights/{place}.measure.json")
        except UserError:
            continue
        if model := measured_models(result).get(name):
            return found | _summary(result, model)
    return found


def _summary(result: dict, model: dict) -> dict[str, float | None]:
    """Of one model of a `measure.json`; what was left out there is left out here."""
    found: dict[str, float | None] = {}
    if model["distances"]:
        found |= {"kernel_x1000": model["distances"]["kernel"], "kernel_real_halves": result["real"]["kernel"]}
    if model["agreement"]:
        found |= {f"miou_{size}": model["agreement"]["parser"][size] for size in ("large", "small")}
    if model["leak_summary"]:
        found |= {f"leak_{kind}": model["leak_summary"][kind]["median"] for kind in ("texture", "shape")}
    return found


def _json(path: str) -> dict:
    return json.loads(assets.find(path).read_text(encoding="utf-8"))


def models_table(models: Mapping[str, nn.Module], measured: Mapping[str, Mapping[str, float | None]],
                 seeds: Sequence[int] = range(5), height: float = 0.62) -> Figure:
    """One row a model: faces of the same seeds, and behind them the numbers, the best of a column in bold."""
    rows = [faces_of(generator, seeds)[0] for generator in models.values()]
    figure = picture_rows(rows, height=height)
    n = len(seeds)
    for axis, name in zip(figure.axes[::n], models, strict=False):
        axis.set_ylabel(name, fontsize=8.5, color=INK, rotation=0, ha="right", va="center")
    for j, (key, (heading, digits, less)) in enumerate(COLUMNS.items()):
        values = [measured[name].get(key) for name in models]
        known = [value for value in values if value is not None]
        best = (min if less else max)(known) if known else None
        for i, value in enumerate(values):
            axis, x = figure.axes[i * n + n - 1], 1.55 + 0.95 * j
            text = "-" if value is None else f"{value:.{digits}f}"
            axis.text(x, 0.5, text, transform=axis.transAxes, ha="center", va="center", fontsize=9, color=INK,
                      weight="bold" if value is not None and value == best else "normal")
            if i == 0:
                axis.text(x, 1.12, heading, transform=axis.transAxes, ha="center", va="bottom", fontsize=8, color=INK)
    return figure


def edit_of(generator: nn.Module, part: str, faces: int = 4, seed: int = 3) -> tuple[Rendered, Rendered]:
    """Faces before and after an edit of one part's shape and texture, by whatever means the model has.

    A semantic model gets the part's codes of another face. A monolithic one is moved by one standard deviation along
    that principal axis of W which changes the part most, found on other faces (`measure.locality`).
    """
    w = generator.layout.to_w_plus(torch.cat([_w(generator, seed + i) for i in range(faces)]))
    index = generator.config.part_id(part)
    if is_monolithic(generator):
        directions = candidate_directions(generator, seed, count=8)[:8]
        most, _ = choose_directions(generator, directions, seed, margin(generator.config.size), batch=16)
        edited = w + directions[most[index]]
    else:
        donor = generator.layout.to_w_plus(torch.cat([_w(generator, seed + faces + i) for i in range(faces)]))
        edited = w.clone()
        edited[:, generator.layout[index]] = donor[:, generator.layout[index]]
    return render(generator, w, 16), render(generator, edited, 16)


@torch.no_grad()
def _w(generator: nn.Module, seed: int) -> torch.Tensor:
    return generator.mapping(generator.sample_z(1, seed))


def leak_maps(before: Rendered, after: Rendered, part: int, full_scale: float = 0.5) -> Figure:
    """Face, edited face, where it changed, and the region that was meant to change; a column each face."""
    change = (after.image - before.image).abs().mean(1)
    region = (before.ids == part) | (after.ids == part)
    rows = [to_image(before.image), to_image(after.image), (change / full_scale).clamp(0, 1).numpy(),
            region.float().numpy() * 0.75]
    return picture_rows(rows, labels=["before", "after", "change", "region"], height=0.7)


def agreement_rows(image: torch.Tensor, own: torch.Tensor, seen: torch.Tensor) -> Figure:
    """Images, the masks that came with them, what a parser sees, and in black where the two differ."""
    rows = [to_image(image), mask_to_rgb(own.long()), mask_to_rgb(seen.long()), (own != seen).float().numpy()]
    return picture_rows(rows, labels=["image", "its mask", "parser", "differ"], height=0.7)


def dots(values: Mapping[str, Mapping[str, float]], label: str, log: bool = False) -> Figure:
    """One row a key, one kind of mark for each inner name: for leaks of parts, say, by kind of edit."""
    figure = Figure(figsize=(6.0, 0.6 + 0.24 * len(values)), layout="constrained")
    axis = figure.subplots()
    kinds = list(next(iter(values.values())))
    for kind, color, marker in zip(kinds, (BLUE, ORANGE, GRAY), "os^", strict=False):
        known = [(row[kind], i) for i, row in enumerate(values.values()) if row[kind] is not None]
        axis.plot([x for x, _ in known], [i for _, i in known], marker, color=color, markersize=5.5, label=kind,
                  fillstyle="full" if marker == "o" else "none")
    axis.set_yticks(range(len(values)), list(values))
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.set_xscale("log" if log else "linear")
    if not log:
        axis.set_xlim(left=0)
    axis.grid(axis="y", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(label, fontsize=8, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right", "left"]].set_visible(False)
    if len(kinds) > 1:
        axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def nearest(features: np.ndarray, references: np.ndarray, faces: np.ndarray, shelf: np.ndarray,
            count: int = 6) -> tuple:
    """The first `count` faces, the nearest picture of the shelf to each, and all distances to the nearest: [n]."""
    squared = ((features * features).sum(1)[:, None] + (references * references).sum(1)[None]
               - 2 * features @ references.T).clip(0)
    return (faces[:count], shelf[squared.argmin(1)[:count]]), np.sqrt(squared.min(1))


def numbers(table: Mapping[str, Mapping[str, str]], note: str = "") -> Figure:
    """{row: {column: text}} as a table; a note in small print below it."""
    columns = list(next(iter(table.values())))
    figure = Figure(figsize=(1.9 + 1.15 * len(columns), 0.5 + 0.26 * len(table)))
    axis = figure.add_axes([0, 0, 1, 1])
    axis.set_xlim(0, 1.9 + 1.15 * len(columns)), axis.set_ylim(len(table) + 0.9, -0.9)
    axis.axis("off")
    for j, column in enumerate(columns):
        axis.text(2.9 + 1.15 * j, -0.35, column, ha="right", va="center", fontsize=8.5, color=INK, weight="bold")
    axis.axhline(0.15, color=INK, linewidth=0.8)
    for i, (row, cells) in enumerate(table.items()):
        axis.text(0.05, i + 0.6, row, va="center", fontsize=9, color=INK)
        for j, column in enumerate(columns):
            axis.text(2.9 + 1.15 * j, i + 0.6, cells[column], ha="right", va="center", fontsize=9, color=INK)
    axis.text(0.05, len(table) + 0.5, note, va="center", fontsize=7.5, color=GRAY)
    return figure
