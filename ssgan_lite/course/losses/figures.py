"""Losses as figures: the two-parameter game, path length, histograms, which loss moves which weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    GRAY,
    INK,
    LINES,
    ORANGE,
    style_axis,
)

Path = Sequence[tuple[float, float]]      # (generator, discriminator) after every step


def phase(paths: Mapping[str, Path], limit: float = 1.15) -> Figure:
    """Left: the two numbers against each other. Right: how far the generator is from the data, step by step."""
    figure = Figure(figsize=(7.6, 2.7))
    plane, time = figure.subplots(1, 2, gridspec_kw=dict(width_ratios=(1, 1.7)))
    for (name, path), (color, style, marker) in zip(paths.items(), LINES, strict=False):
        points = np.array(path)
        plane.plot(points[:, 0], points[:, 1], color=color, linestyle=style, linewidth=1.1)
        plane.plot(*points[-1], marker=marker, color=color, markersize=6, markeredgecolor="white")
        time.plot(points[:, 0], color=color, linestyle=style, linewidth=1.1, label=name)
    plane.plot(*next(iter(paths.values()))[0], marker="x", color=INK, markersize=7)
    plane.plot(0, 0, marker="+", color=INK, markersize=12)
    plane.set_xlim(-limit, limit), plane.set_ylim(-limit, limit)
    plane.set_aspect("equal")
    plane.set_xlabel("generator θ", fontsize=8.5, color=INK), plane.set_ylabel("discriminator "
                     "ψ", fontsize=8.5, color=INK)
    time.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    time.set_ylim(-limit, limit)
    time.set_xlabel("step", fontsize=8.5, color=INK), time.set_ylabel("generator θ", fontsize=8.5, color=INK)
    time.legend(fontsize=8, frameon=False, loc="lower right")
    for axis in (plane, time):
        style_axis(axis)
    figure.subplots_adjust(wspace=0.3)
    return figure


def lines(x: Sequence[float], named: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, log_x: bool = False,
          marked: Mapping[float, str] | None = None) -> Figure:
    """Curves that can be told apart in gray; `marked` puts a name at places of the x axis."""
    figure = Figure(figsize=(5.6, 2.5))
    axis = figure.subplots()
    few = len(x) <= 30
    for (name, values), (color, style, marker) in zip(named.items(), LINES, strict=False):
        axis.plot(x, values, color=color, linestyle=style, marker=marker if few else None, markersize=4, label=name,
                  linewidth=1.4)
    if log_x:
        axis.set_xscale("log")
    for place, text in (marked or {}).items():
        axis.axvline(place, color=INK, linewidth=0.7, linestyle=(0, (1, 2)))
        axis.text(place, axis.get_ylim()[1], text, fontsize=8, ha="center", va="bottom", color=INK)
    axis.set_xlabel(xlabel, fontsize=8.5, color=INK), axis.set_ylabel(ylabel, fontsize=8.5, color=INK)
    axis.legend(fontsize=8, frameon=False)
    style_axis(axis)
    return figure


def grid_areas(points: Tensor) -> Tensor:
    """Areas of the cells of a grid [n, n, 2] of points: [n - 1, n - 1]."""
    a, b = points[1:, 1:] - points[:-1, :-1], points[1:, :-1] - points[:-1, 1:]
    return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).abs() / 2


def warps(named: Mapping[str, Tensor]) -> Figure:
    """Grids [n, n, 2], each drawn to the same width, its cells the darker the larger they are."""
    figure = Figure(figsize=(2.5 * len(named), 2.7))
    for axis, (name, points) in zip(np.atleast_1d(figure.subplots(1, len(named))), named.items(), strict=False):
        points = points - points.mean((0, 1))
        points = points / points.std()
        areas = grid_areas(points)
        corners = torch.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], 2)  # [n, n, 4, 2]
        shade = (areas / areas.mean() / 2.5).clamp(0, 1).flatten().numpy()
        colors = [tuple(1 - s * (1 - np.array((0x22, 0x57, 0x7A)) / 255)) for s in shade]
        axis.add_collection(PolyCollection(corners.flatten(0, 1).numpy(), facecolors=colors, edgecolors=INK,
                                           linewidths=0.5))
        axis.set_aspect("equal")
        axis.autoscale_view()
        axis.axis("off")
        axis.set_title(name, fontsize=9, color=INK)
    return figure


def histograms(named: Mapping[str, Tensor], xlabel: str) -> Figure:
    """Share of values, one panel each on a common scale (logarithmic upwards: a few values matter too)."""
    figure = Figure(figsize=(3.6 * len(named), 2.1))
    low = min(float(values.min()) for values in named.values())
    high = max(float(values.max()) for values in named.values())
    edges = np.linspace(min(low, -1.1), max(high, 1.1), 60)
    for axis, (name, values), color in zip(np.atleast_1d(figure.subplots(1, len(named), sharey=True)), named.items(),
                                           (BLUE, ORANGE), strict=False):
        counts, _ = np.histogram(values.flatten().numpy(), edges)
        axis.bar(edges[:-1], counts / counts.sum(), np.diff(edges), align="edge", color=color)
        axis.set_yscale("log")
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel(xlabel, fontsize=8.5, color=INK)
        style_axis(axis)
    figure.axes[0].set_ylabel("share of pixels", fontsize=8.5, color=INK)
    return figure


def who_moves_whom(norms: Mapping[str, Mapping[str, float]]) -> Figure:
    """Rows are losses, columns groups of parameters: a dot for a gradient, a ring where it is zero or missing."""
    rows, columns = list(norms), list(dict.fromkeys(name for row in norms.values() for name in row))
    figure = Figure(figsize=(0.78 * len(columns) + 1.6, 0.33 * len(rows) + 1.1))
    axis = figure.subplots()
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if column in norms[row]:
                moved = norms[row][column] > 0
                axis.scatter(j, i, s=95, facecolor=BLUE if moved else "white", edgecolor=BLUE if moved else GRAY,
                             linewidths=1.1)
    axis.set_xlim(-0.6, len(columns) - 0.4), axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xticks(range(len(columns)), [name.replace(" ", "\n", 1) for name in columns], fontsize=8, color=INK)
    axis.set_yticks(range(len(rows)), rows, fontsize=8.5, color=INK)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure
