"""Latent codes, mapping and truncation as figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LIGHT,
    ORANGE,
    style_axis,
)
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.mapping import truncate


def warp(data: Tensor, mapping: Callable[[Tensor], Tensor], names: Sequence[str], start: Tensor, stop: Tensor
         ) -> Figure:
    """A two-dimensional mapping network in three panels: the data, Z with bent level lines, and W.

    data [N, 2] are attributes; `mapping` takes z [M, 2] to attributes [M, 2]; the walk from `start` to `stop`, [2]
    each, both in Z, is drawn twice: straight in Z, and straight in W.
    """
    grid = torch.linspace(-2.5, 2.5, 161)
    z = torch.stack(torch.meshgrid(grid, grid, indexing="xy"), dim=2)                           # [161, 161, 2]
    values = mapping(z.view(-1, 2)).view(161, 161, 2).numpy()
    cloud = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))
    inside = torch.where(z.norm(dim=2) < 2.3, 1.0, torch.nan).numpy()[..., None] * values
    straight_z = start + torch.linspace(0, 1, 60)[:, None] * (stop - start)                     # [60, 2]
    bent = mapping(straight_z).numpy()
    ends = mapping(torch.stack([start, stop])).numpy()
    target = ends[0] + np.linspace(0, 1, 60)[:, None] * (ends[1] - ends[0])                     # straight in W
    nearest = [np.nanargmin(((inside - point) ** 2).sum(2)) for point in target]
    walk_w = z.view(-1, 2).numpy()[nearest]

    figure = Figure(figsize=(8.4, 3.1))
    left, middle, right = figure.subplots(1, 3, gridspec_kw=dict(wspace=0.28))
    left.scatter(*data[:600].T.numpy(), s=3, color=BLUE, linewidth=0)
    middle.scatter(*cloud.T.numpy(), s=3, color=LIGHT, linewidth=0)
    right.scatter(*mapping(cloud).T.numpy(), s=3, color=LIGHT, linewidth=0)
    levels = np.linspace(-0.8, 0.8, 5)
    for channel, style in ((0, "solid"), (1, "dashed")):
        middle.contour(grid, grid, inside[..., channel], levels, colors=INK, linewidths=0.8, linestyles=style)
        for level in levels:
            (right.axvline if channel == 0 else right.axhline)(level, color=INK, linewidth=0.8, linestyle=style)
    for axis, in_z, in_w in ((middle, straight_z.numpy(), walk_w), (right, bent, target)):
        axis.plot(*in_w.T, color=BLUE, linewidth=2.2, label="straight in W")
        axis.plot(*in_z.T, color=ORANGE, linewidth=2.2, linestyle=(0, (4, 1.2)), label="straight in Z")
        axis.plot(*in_z[[0, -1]].T, "o", color=INK, markersize=4)
    titles = ("the data", f"Z, with lines of equal\n{names[0]} (solid), {names[1]} "
                          "(dashed)", "W (here: the attributes)")
    for axis, title, limit in zip((left, middle, right), titles, (1.15, 2.5, 1.15), strict=False):
        axis.set_title(title, fontsize=8.5, color=INK)
        axis.set_xlim(-limit, limit), axis.set_ylim(-limit, limit)
        axis.set_aspect("equal")
        axis.tick_params(labelsize=7, colors=INK)
    for axis in (left, right):
        axis.set_xlabel(names[0], fontsize=8, color=INK), axis.set_ylabel(names[1], fontsize=8, color=INK, labelpad=1)
    middle.set_xlabel("z, first number", fontsize=8, color=INK)
    middle.set_ylabel("z, second number", fontsize=8, color=INK, labelpad=1)
    right.legend(fontsize=7, loc="upper right", framealpha=0.95)
    return figure


def fit_chart(scores: dict[str, tuple[float, ...]], names: Sequence[str]) -> Figure:
    """How well a straight line predicts each property: one row a property, one marker for each of `names`.

    scores: property -> one number per name, 1 for a perfect prediction, 0 for none.
    """
    figure = Figure(figsize=(5.8, 0.24 * len(scores) + 0.8))
    axis = figure.subplots()
    order = sorted(scores, key=lambda name: scores[name][-1])
    for y, name in enumerate(order):
        axis.plot([min(scores[name]), max(scores[name])], [y, y], color=LIGHT, linewidth=2, zorder=1)
    for column, (marker, color) in enumerate((("o", "white"), ("^", ORANGE), ("s", BLUE))[3 - len(names):]):
        axis.scatter([scores[name][column] for name in order], range(len(order)), marker=marker, s=34, color=color,
                     edgecolor=INK, linewidth=0.8, label=names[column], zorder=2)
    axis.set_yticks(range(len(order)), order)
    axis.set_xlim(min(-0.05, min(map(min, scores.values())) - 0.05), 1)
    style_axis(axis)
    axis.set_xlabel("share of the variance that a linear function predicts (R²)", fontsize=8.5, color=INK)
    axis.legend(fontsize=8, loc="lower right", framealpha=0.95)
    return figure


def code_cloud(generator: SemanticGenerator, n: int = 500, seed: int = 1000) -> tuple[Tensor, Tensor]:
    """n codes [n, S], and the two directions in which W is widest, [S, 2]: what is drawn of W."""
    with torch.no_grad():
        w = generator.mapping(generator.sample_z(n, seed))
    # Of a symmetric matrix, which gives the same axes everywhere; their signs are fixed below.
    _, vectors = torch.linalg.eigh(torch.cov(w.T.double()))
    axes = vectors[:, [-1, -2]]
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return w, axes.to(w)


def cloud_figure(generator: SemanticGenerator, cloud: tuple[Tensor, Tensor], w: Tensor, psis: Sequence[float]
                 ) -> Figure:
    """W seen along its two widest directions: all codes, the mean, and the codes w [N, S] truncated by each psi."""
    codes, axes = cloud
    mean = generator.mean_w
    points = ((codes - mean) @ axes).numpy()
    figure = Figure(figsize=(3.3, 3.0))
    axis = figure.subplots()
    axis.scatter(*points.T, s=4, color=LIGHT, linewidth=0, label="codes w")
    for number, code in enumerate(w):
        ends = ((code - mean) @ axes).numpy()
        axis.plot([0, ends[0]], [0, ends[1]], color=INK, linewidth=0.8, linestyle=":")
        stops = torch.stack([(truncate(code, mean, psi) - mean) @ axes for psi in psis]).numpy()
        axis.plot(*stops.T, "o-" if len(psis) > 1 else "o", color=BLUE, markersize=4, linewidth=1.2)
        axis.annotate(chr(ord("A") + number), ends, fontsize=9, color=INK, xytext=(4, 3), textcoords="offset points")
    axis.plot(0, 0, "D", color=ORANGE, markeredgecolor=INK, markersize=7, label="mean of W")
    axis.set_xticks([]), axis.set_yticks([])
    axis.set_xlabel("widest direction of W", fontsize=8, color=INK)
    axis.set_ylabel("second widest", fontsize=8, color=INK)
    axis.legend(fontsize=7.5, loc="lower right", framealpha=0.95)
    return figure
