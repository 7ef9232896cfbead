"""How far an edit leaks: the mean change of the picture against the distance from the part that was edited."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.course.figures import INK

STYLES = (("#22577a", "-", "o"), ("#d1782f", "--", "s"), (INK, ":", "^"))


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
    """One line for every edit; a grey band marks how far the render net alone can reach."""
    figure = Figure(figsize=(5.6, 2.6))
    axis = figure.subplots()
    if reach:
        axis.axvspan(0, reach, color="#e8eef2", zorder=0)
        axis.text(reach - 0.3, 0.97, "within reach of the render net", ha="right", va="top", fontsize=8, color=INK,
                  transform=axis.get_xaxis_transform())
    for (name, values), (color, line, marker) in zip(curves.items(), STYLES):
        axis.plot(torch.arange(len(values)), values, color=color, linestyle=line, marker=marker, markersize=3.5, label=name)
    axis.set_xlabel("distance from the part, in pixels (0: inside)", fontsize=9, color=INK)
    axis.set_ylabel("mean change", fontsize=9, color=INK)
    axis.set_ylim(bottom=0)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False, loc="center right")
    return figure
