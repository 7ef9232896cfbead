"""What a training run left behind: its record, its curves, its snapshots in order, and what it cost."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.errors import UserError
from ssgan_lite.course.figures import INK, picture_rows
from ssgan_lite.course.training.figures import faces_of

BLUE, ORANGE, GREY = "#22577a", "#d1782f", "#8a8a8a"
PANELS = (              # title, logarithmic?, the quantities with colour and line
    ("losses", False, (("d_loss", "critic", BLUE, "-"), ("g_loss", "generator", ORANGE, "--"))),
    ("mean scores", False, (("real_score", "real", BLUE, "-"), ("fake_score", "made up", ORANGE, "--"))),
    ("coarse against final mask", True, (("mask_loss", "mask loss", BLUE, "-"),)),
    ("slopes of the critic", True, (("r1_image", "R1, image", BLUE, "-"), ("r1_mask", "R1, mask", ORANGE, "--"))),
)
VIEW = 96               # screen pixels of a face in the slider
PAPER_GPU_HOURS = 8 * 2.5 * 24


def read_record(name: str) -> dict:
    """The record of the run that a shipped model came from: data/weights/NAME.json."""
    path = assets.find(f"weights/{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))["record"]


def read_log_as_curve(path: str | Path) -> dict[str, list]:
    """The log of a run as one list per quantity, the form in which records keep it."""
    from ssgan_lite.train.log import read_log

    lines = read_log(path)
    return {name: [line.get(name) for line in lines] for name in sorted({name for line in lines for name in line})}


def curves(curve: Mapping[str, Sequence[float | None]]) -> Figure:
    """Losses, scores, mask loss and slopes over the images seen, in four panels."""
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for axis, (title, log, lines) in zip(axes.flat, PANELS):
        for key, label, color, style in lines:
            known = [(x, y) for x, y in zip(curve["images"], curve.get(key) or ()) if y is not None]
            if known:
                axis.plot(*zip(*known), style, color=color, linewidth=1.4, label=label,
                          marker="." if len(known) < 12 else None)
        if log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.yaxis.set_minor_locator(NullLocator())
        axis.set_title(title, fontsize=9, color=INK)
        axis.tick_params(labelsize=8, colors=INK)
        axis.spines[["top", "right"]].set_visible(False)
        if axis.lines:
            axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    for axis in axes[1]:
        axis.set_xlabel("images seen", fontsize=8, color=INK)
    return figure


def kernel_curve(curve: Mapping[int, float], spread: Mapping[int, float], real: float, n: int) -> Figure:
    """Kernel distance over the images seen, with its sampling error, and that of two halves of the real faces."""
    figure = Figure(figsize=(5.6, 2.6), layout="constrained")
    axis = figure.subplots()
    images, places = list(curve), range(len(curve))          # snapshots double, so evenly spaced is nearly logarithmic
    axis.errorbar(places, list(curve.values()), yerr=[spread[i] for i in images], color=BLUE, marker="o", markersize=4,
                  capsize=2, linewidth=1.4, label=f"{n} generated faces")
    axis.axhline(real, linestyle="--", color=GREY, linewidth=1.2, label="real faces among themselves")
    axis.set_xticks(places, [f"{i:,}" for i in images])
    axis.set_ylim(bottom=min(0, real, *curve.values()) - 10)
    axis.set_xlabel("images seen", fontsize=8, color=INK)
    axis.set_ylabel("kernel distance x 1000", fontsize=8, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure


def lapse(generators: Mapping[int, torch.nn.Module], seeds: Sequence[int] = range(8), height: float = 0.75) -> Figure:
    """A run in one picture: every row a moment, every column a seed, without truncation."""
    rows = [faces_of(generator, seeds)[0] for generator in generators.values()]
    figure = picture_rows(rows, height=height)
    for axis, images in zip(figure.axes[::len(seeds)], generators):
        axis.set_ylabel(f"{images:,}", fontsize=9, color=INK, rotation=0, ha="right", va="center")
    return figure


def cost_figure(hours: Mapping[str, float]) -> Figure:
    """Device-hours on a logarithmic scale, the paper's among them."""
    hours = {"the paper, 512 px\n(8 V100)": PAPER_GPU_HOURS} | dict(hours)
    figure = Figure(figsize=(6.4, 0.5 + 0.42 * len(hours)), layout="constrained")
    axis = figure.subplots()
    colors = [ORANGE, *[BLUE] * (len(hours) - 1)]
    axis.barh(range(len(hours)), list(hours.values()), 0.6, color=colors)
    for i, value in enumerate(hours.values()):
        axis.text(value * 1.15, i, f"{value:,.0f} h" if value >= 10 else f"{value:.2g} h", va="center", fontsize=8,
                  color=INK)
    axis.set_xscale("log")
    axis.set_xlim(min(hours.values()) / 2, 3 * max(hours.values()))
    axis.set_yticks(range(len(hours)), list(hours), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("hours x devices (the devices differ)", fontsize=8, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


class TimeLapse(widgets.VBox):
    """Drag through the snapshots of a run: the same seeds at every moment, images above and masks below."""

    def __init__(self, generators: Mapping[int, torch.nn.Module], seeds: Sequence[int] = range(6)):
        if len(generators) < 2:
            raise UserError("A time-lapse needs at least two snapshots.")
        self.seeds, self.sheets = list(seeds), {}
        for images, generator in generators.items():
            rows = [np.concatenate(row, axis=1) for row in faces_of(generator, self.seeds)]
            self.sheets[images] = _png(np.concatenate(rows), len(self.seeds) * VIEW)
        self.moment = widgets.SelectionSlider(options=[(f"{images:,}", images) for images in self.sheets],
                                              description="images", continuous_update=True,
                                              layout=widgets.Layout(width="420px"))
        self.picture = widgets.Image(format="png", width=len(self.seeds) * VIEW, height=2 * VIEW)
        self.caption = widgets.HTML()
        super().__init__([self.picture, self.moment, self.caption])
        self.moment.observe(self._redraw, "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"TimeLapse({len(self.seeds)} faces, {len(self.sheets)} snapshots)"

    def _redraw(self, _=None) -> None:
        images = self.moment.value
        self.picture.value = self.sheets[images]
        self.caption.value = f"<p aria-live='polite'>After {images:,} images, the averaged generator.</p>"


def _png(pixels: np.ndarray, width: int) -> bytes:
    data = io.BytesIO()
    picture = Image.fromarray(pixels)
    picture.resize((width, width * picture.height // picture.width), Image.Resampling.NEAREST).save(data, "PNG")
    return data.getvalue()
