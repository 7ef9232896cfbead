"""Figures of edits: tours through codes, soft borders, and change over the distance from a part."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LINES,
    ORANGE,
    PALE,
    style_axis,
)


def tour_picture(points: Tensor, stops: Tensor) -> Figure:
    """A closed way in two coordinates: points [n, 2] of the curve, stops [m, 2] that it passes through."""
    figure = Figure(figsize=(4.2, 3.2))
    axis = figure.subplots()
    closed = lambda x: torch.cat([x, x[:1]]).T.tolist()      # noqa: E731
    axis.plot(*closed(stops), color=ORANGE, linestyle="--", linewidth=1, label="straight lines")
    axis.plot(*closed(points), color=BLUE, linewidth=1.6, label="the curve")
    axis.plot(*points.T.tolist(), ".", color=BLUE, markersize=4)
    axis.plot(*stops.T.tolist(), "o", color="white", markeredgecolor=INK, markersize=8, label="stops")
    axis.set_xlabel("first coordinate (standard deviations)", fontsize=9, color=INK)
    axis.set_ylabel("second coordinate (standard deviations)", fontsize=9, color=INK)
    style_axis(axis)
    axis.legend(fontsize=8, frameon=False)
    return figure


def closest_border(share: Tensor, size: int) -> tuple[slice, slice]:
    """The square of `size` pixels in which most is neither background nor face. share: [R, R] in [0, 1]"""
    undecided = (share * (1 - share))[None, None]
    total = torch.nn.functional.avg_pool2d(undecided, size, 1)[0, 0]
    y, x = divmod(int(total.argmax()), total.shape[1])
    return slice(y, y + size), slice(x, x + size)


def change_by_distance(change: Tensor, region: Tensor, steps: int) -> list[float]:
    """Mean of `change` [R, R] on the rings at 0 (inside), 1, 2, ... `steps` pixels from `region` [R, R] of booleans.

    A ring is what one more step in any of the eight directions adds; one without pixels gives NaN.
    """
    means, reached = [float(change[region].mean())], region
    for _ in range(steps):
        wider = F.max_pool2d(reached[None, None].float(), 3, 1, 1)[0, 0] > 0
        ring = wider & ~reached
        means.append(float(change[ring].mean()) if ring.any() else float("nan"))
        reached = wider
    return means


def leak_curves(curves: Mapping[str, list[float]], reach: int | None = None) -> Figure:
    """One line for every edit; a gray band marks how far the render net alone can reach."""
    figure = Figure(figsize=(5.6, 2.6))
    axis = figure.subplots()
    if reach:
        axis.axvspan(0, reach, color=PALE, zorder=0)
        axis.text(reach - 0.3, 0.98, "within reach of the render net", ha="right", va="top", fontsize=8, color=INK,
                  transform=axis.get_xaxis_transform())
    for (name, values), (color, line, marker) in zip(curves.items(), LINES, strict=False):
        axis.plot(range(len(values)), values, color=color, linestyle=line, marker=marker, markersize=3.5, label=name)
    axis.set_xlabel("distance from the part, in pixels (0: inside)", fontsize=9, color=INK)
    axis.set_ylabel("mean change (of a range of 2)", fontsize=9, color=INK)
    axis.set_yscale("log")
    style_axis(axis)
    axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
