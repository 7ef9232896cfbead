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
    picture_rows,
)
from ssgan_lite.errors import UserError
from ssgan_lite.measure.locality import Rendered, candidate_directions, choose_directions, margin, render
from ssgan_lite.measure.report import measured_models
from ssgan_lite.measure.samples import is_monolithic
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.weights import shipped

COLUMNS = {             # what a table of models shows: the name in a record, the heading, digits
    "kernel_x1000": ("kernel", 0), "precision": ("precision", 2), "recall": ("recall", 2),
    "miou_large": ("mIoU large", 2), "miou_small": ("small", 2), "leak_texture": ("leak texture", 2),
    "leak_shape": ("shape", 2)}


def family(name: str) -> list[str]:
    """The shipped model of this name and all that ship as NAME-something: its baseline and ablations, in order."""
    return [name, *(other for other in shipped() if other.startswith(f"{name}-"))]


def by_budget(names: Sequence[str]) -> dict[str, list[str]]:
    """Shipped models in groups that may be compared: the same recipe, as many images, as many heads. The group that
    saw most images is first."""
    groups: dict[str, list[str]] = {}
    records = {name: _json(f"weights/{name}.json")["record"] for name in names}
    for name, record in sorted(records.items(), key=lambda item: -item[1]["images"]):
        phases = "in phases" if record["recipe"].get("reconstruct_every") else "the game from noise"
        if name.partition("-")[2] in ("no-reconstruction", "no-frozen-discriminator", "no-dual-discriminator"):
            phases = "in phases"                                   # all but the one that is named
        label = f"{phases}, {record['images']:,} images, {record['faces']:,} heads"
        groups.setdefault(label, []).append(name)
    return groups


def read_report(name: str) -> dict:
    """What `ssgan-lite measure` found about a shipped model, whole, as it lies beside the weights."""
    return measured_models(_json(f"weights/{name}.measure.json"))[name]


def read_measured(name: str) -> dict[str, float | str | None]:
    """The numbers of `COLUMNS`, `extractor` and `n` as they were stored with shipped weights; None: not known.

    They are taken from the result of `ssgan-lite measure`: NAME.measure.json, or that of another model which holds
    this one as its baseline.
    """
    found: dict[str, float | str | None] = dict.fromkeys((*COLUMNS, "extractor", "n"))
    for place in (name, *(other for other in shipped() if other != name)):
        try:
            result = _json(f"weights/{place}.measure.json")
        except UserError:
            continue
        if model := measured_models(result).get(name):
            return found | _summary(result, model)
    return found


def _summary(result: dict, model: dict) -> dict[str, float | str | None]:
    """Of one model of a `measure.json`; what was left out there is left out here."""
    found: dict[str, float | str | None] = {}
    if distances := model["distances"]:
        found |= {"kernel_x1000": distances["kernel"], "precision": distances["precision"],
                  "recall": distances["recall"], "extractor": result["extractor"], "n": distances["n"]}
    if model["agreement"]:
        found |= {f"miou_{size}": model["agreement"]["parser"][size] for size in ("large", "small")}
    if model["leak_summary"]:
        found |= {f"leak_{kind}": model["leak_summary"][kind]["median"] for kind in ("texture", "shape")}
    return found


def _json(path: str) -> dict:
    return json.loads(assets.find(path).read_text(encoding="utf-8"))


def measured_rows(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """{name: {heading: number}} for `table`; what was measured on other features than the judge's has no distance."""
    rows = {}
    for name in names:
        found = read_measured(name)
        if not str(found["extractor"]).startswith("EfficientNet-Lite2"):
            found |= dict(kernel_x1000=None, precision=None, recall=None)
        rows[name] = {heading: "-" if found[key] is None else f"{found[key]:.{digits}f}"
                      for key, (heading, digits) in COLUMNS.items()}
    return rows


def edit_of(generator: nn.Module, part: str, faces: int = 4, seed: int = 3,
            of: int = 12) -> tuple[Rendered, Rendered]:
    """Faces before and after an edit of one part's shape and texture, by whatever means the model has: `faces` out
    of `of`, those on which it changes the part most, so that there is something to see.

    A semantic model gets the part's codes of another face. A monolithic one is moved by one standard deviation along
    that principal axis of W which changes the part most, found on other faces (`measure.locality`).
    """
    w = generator.layout.to_w_plus(torch.cat([_w(generator, seed + i) for i in range(max(of, faces))]))
    index = generator.config.part_id(part)
    if is_monolithic(generator):
        directions = candidate_directions(generator, seed, count=8)[:8]
        most, _ = choose_directions(generator, directions, seed, margin(generator.config.size), batch=16)
        edited = w + directions[most[index]]
    else:
        donor = generator.layout.to_w_plus(torch.cat([_w(generator, seed + len(w) + i) for i in range(len(w))]))
        edited = w.clone()
        edited[:, generator.layout[index]] = donor[:, generator.layout[index]]
    before, after = render(generator, w, 16), render(generator, edited, 16)
    region = (before.ids == index) | (after.ids == index)
    change = ((after.image - before.image).abs().mean(1) * region).sum((1, 2))
    most = change.argsort(descending=True, stable=True)[:faces]
    return tuple(Rendered(*(value[most] for value in found)) for found in (before, after))


@torch.no_grad()
def _w(generator: nn.Module, seed: int) -> torch.Tensor:
    return generator.mapping(generator.sample_z(1, seed))


def leak_maps(before: Rendered, after: Rendered, part: int, name: str, full_scale: float = 0.5) -> Figure:
    """Face, edited face, where it changed, and the region that was meant to change; a column each face.

    Black in the map is a change of `full_scale` or more, in an image from -1 to 1. name: of the model, above it all.
    """
    change = (after.image - before.image).abs().mean(1)
    region = (before.ids == part) | (after.ids == part)
    rows = [to_image(before.image), to_image(after.image), (change / full_scale).clamp(0, 1).numpy(),
            region.float().numpy() * 0.75]
    labels = ["before", "after", f"change\n(black: {full_scale:g})", "region"]
    return picture_rows(rows, titles=[name], labels=labels)


def agreement_rows(image: torch.Tensor, own: torch.Tensor, seen: torch.Tensor) -> Figure:
    """Images, the masks that came with them, what a parser sees, and in black where the two differ."""
    rows = [to_image(image), mask_to_rgb(own.long()), mask_to_rgb(seen.long()), (own != seen).float().numpy()]
    return picture_rows(rows, labels=["image", "its mask", "parser", "differ"])


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


def table(rows: Mapping[str, Mapping[str, str]]) -> None:
    """Print {row: {column: text}}."""
    columns = list(next(iter(rows.values())))
    first = max(map(len, rows))
    widths = {column: max(len(column), *(len(cells[column]) for cells in rows.values())) for column in columns}
    print(" " * first, *(column.rjust(widths[column]) for column in columns), sep="  ")
    for name, cells in rows.items():
        print(name.ljust(first), *(cells[column].rjust(widths[column]) for column in columns), sep="  ")
