"""Pictures of tours through codes, and of the border between a face and what is behind it."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import INK


def tour_picture(points: Tensor, stops: Tensor) -> Figure:
    """A closed way in two coordinates: points [n, 2] of the curve, stops [m, 2] that it passes through."""
    figure = Figure(figsize=(4.2, 3.2))
    axis = figure.subplots()
    closed = lambda x: torch.cat([x, x[:1]]).T.tolist()      # noqa: E731
    axis.plot(*closed(stops), color="#d1782f", linestyle="--", linewidth=1, label="straight lines")
    axis.plot(*closed(points), color="#22577a", linewidth=1.6, label="the curve")
    axis.plot(*points.T.tolist(), ".", color="#22577a", markersize=4)
    axis.plot(*stops.T.tolist(), "o", color="white", markeredgecolor=INK, markersize=8, label="stops")
    axis.set_xlabel("first coordinate", fontsize=9, color=INK)
    axis.set_ylabel("second coordinate", fontsize=9, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
    return figure


def closest_border(share: Tensor, size: int) -> tuple[slice, slice]:
    """The square of `size` pixels in which most is neither background nor face. share: [R, R] in [0, 1]"""
    undecided = (share * (1 - share))[None, None]
    total = torch.nn.functional.avg_pool2d(undecided, size, 1)[0, 0]
    y, x = divmod(int(total.argmax()), total.shape[1])
    return slice(y, y + size), slice(x, x + size)
