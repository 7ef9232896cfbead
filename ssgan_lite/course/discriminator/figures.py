"""The dual discriminator as figures: its map, a zone plate that shows aliasing, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.course.figures import (
    BLUE,
    GRAY,
    INK,
    LINES,
    ORANGE,
    PALE,
    style_axis,
)


def discriminator_map(config: ModelConfig) -> Figure:
    """The discriminator of `config`, with the shape of what goes along every arrow."""
    figure = Figure(figsize=(8.4, 2.5))
    axis = figure.add_axes([0, 0, 1, 1])
    axis.set_xlim(0, 14), axis.set_ylim(0, 4)
    axis.axis("off")
    size, last = config.size, config.discriminator_channels[-1]

    def box(left, middle, width, text, dark=False, height=0.95):
        axis.add_patch(FancyBboxPatch((left, middle - height / 2), width, height,
                                      boxstyle="round,pad=0,rounding_size=0.12", linewidth=0.9, edgecolor=INK,
                                      facecolor=BLUE if dark else PALE))
        axis.text(left + width / 2, middle, text, ha="center", va="center", fontsize=8.5,
                  color="white" if dark else INK)

    def arrow(start, end, text="", above=0.1):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=INK, linewidth=1,
                                       shrinkA=0, shrinkB=0))
        axis.text((start[0] + end[0]) / 2, max(start[1], end[1]) + above, text, ha=
                  "center", va="bottom", fontsize=7.5,
                  color=INK)

    for middle, name, channels in ((3.0, "image", 3), (1.0, "mask", config.n_parts)):
        axis.text(0.55, middle, name, ha="center", va="center", fontsize=9, color=INK)
        arrow((0.95, middle), (2.6, middle), f"[N, {channels}, {size}, {size}]")
        box(2.6, middle, 1.6, f"{name} tower", dark=True)
        axis.text(5.0, middle + 0.12, f"[N, {last}, 4, 4]", ha="center", va="bottom", fontsize=7.5, color=INK)
        axis.plot([4.2, 5.85], [middle, middle], color=INK, linewidth=1)
        arrow((5.85, middle), (5.85, 2.3 if middle > 2 else 1.7))
    axis.text(5.85, 2.0, "+", ha="center", va="center", fontsize=13, color=INK,
              bbox=dict(boxstyle="circle,pad=0.15", facecolor="white", edgecolor=INK, linewidth=0.9))
    arrow((6.2, 2.0), (7.3, 2.0))
    box(7.3, 2.0, 1.5, "minibatch\nstd. dev.", dark=True)
    arrow((8.8, 2.0), (10.4, 2.0), f"[N, {last + 1}, 4, 4]")
    box(10.4, 2.0, 0.95, "3 x 3\nconv")
    arrow((11.35, 2.0), (11.75, 2.0))
    box(11.75, 2.0, 0.95, "two\nlinear")
    arrow((12.7, 2.0), (13.6, 2.0), "[N, 1]")
    axis.text(13.65, 1.55, "score", ha="right", va="center", fontsize=9, color=INK)
    axis.text(11.6, 2.85, "the head, shared", ha="center", va="center", fontsize=8, style="italic", color=INK)
    return figure


def zone_plate(size: int = 96) -> Tensor:
    """Rings that get finer towards the edge, up to one pixel a stripe: [1, 1, size, size] in [-1, 1]."""
    x = torch.linspace(-1, 1, size)
    radius2 = x[:, None] ** 2 + x[None, :] ** 2
    return torch.cos(np.pi * size / 4 * radius2)[None, None]


def gray(picture: Tensor) -> np.ndarray:
    """[1, 1, H, W] in [-1, 1] as a gray picture for `picture_rows`."""
    return ((picture[0, 0].clamp(-1, 1) + 1) / 2).numpy()


def score_dots(scores: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """One panel a discriminator, one column a kind of pair, one dot a pair; the bar is the median.

    scores: {discriminator: {kind: [n]}}.
    """
    figure = Figure(figsize=(3.9 * len(scores), 2.5))
    rng = np.random.default_rng(0)
    axes = np.atleast_1d(figure.subplots(1, len(scores)))
    for axis, (discriminator, kinds) in zip(axes, scores.items(), strict=True):
        for column, (values, (color, _, marker)) in enumerate(zip(kinds.values(), LINES, strict=False)):
            values = values.flatten().numpy()
            across = column + rng.uniform(-0.27, 0.27, len(values))
            axis.scatter(across, values, s=9, color=color, marker=marker, alpha=0.55, linewidths=0)
            axis.plot([column - 0.35, column + 0.35], [np.median(values)] * 2, color=INK, linewidth=2)
        axis.set_xticks(range(len(kinds)), kinds, fontsize=8.5, color=INK)
        axis.set_title(discriminator, fontsize=9, color=INK)
        style_axis(axis)
    np.atleast_1d(figure.axes)[0].set_ylabel("score", fontsize=8.5, color=INK)
    figure.subplots_adjust(wspace=0.22)
    return figure


def curves(x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str,
           level: float | None = None, level_name: str = "") -> Figure:
    """Lines that can be told apart in gray; `level` is a horizontal line of reference."""
    figure = Figure(figsize=(5.2, 2.4))
    axis = figure.subplots()
    for (name, values), (color, style, marker) in zip(lines.items(), LINES, strict=False):
        axis.plot(x, values, color=color, linestyle=style, marker=marker, markersize=4, label=name)
    if level is not None:
        axis.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axis.text(x[-1], level, level_name, fontsize=8, ha="right", va="bottom", color=INK)
    axis.set_xlabel(xlabel, fontsize=8.5, color=INK), axis.set_ylabel(ylabel, fontsize=8.5, color=INK)
    if len(lines) > 1:
        axis.legend(fontsize=8, frameon=False)
    style_axis(axis)
    return figure


def bars(groups: Sequence[str], values: Mapping[str, Sequence[float]], ylabel: str) -> Figure:
    """For every group one bar of each discriminator, told apart by color and hatching."""
    figure = Figure(figsize=(7.6, 2.5))
    axis = figure.subplots()
    width = 0.8 / len(values)
    looks = ((GRAY, ""), (BLUE, "//"), (ORANGE, ".."))
    for i, ((name, heights), (color, hatch)) in enumerate(zip(values.items(), looks, strict=False)):
        places = [k + (i + 0.5) * width - 0.4 for k in range(len(groups))]
        axis.bar(places, heights, width, label=name, color=color, hatch=hatch, edgecolor="white", linewidth=0.5)
        for x, height in zip(places, heights, strict=False):
            axis.annotate(f"{height:.1f}" if abs(height) >= 0.05 else "0", (x, height), (0, 2 if height >= 0 else -2),
                          textcoords="offset points", fontsize=7, ha="center",
                          va="bottom" if height >= 0 else "top", color=INK)
    axis.margins(y=0.1)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set_xticks(range(len(groups)), groups, fontsize=8.5, color=INK)
    axis.set_ylabel(ylabel, fontsize=8.5, color=INK)
    axis.legend(fontsize=8, frameon=False, loc="best")
    style_axis(axis)
    return figure
