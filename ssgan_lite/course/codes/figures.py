"""Codes drawn: which of them steers which layer, whose they are after mixing, and how a mapping network bends Z."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.model.latents import LatentLayout
from ssgan_lite.course.figures import INK
from ssgan_lite.course.codes.modulation import BLUE, ORANGE, PALE

KIND_COLORS = {"base": "#ffffff", "shape": PALE, "texture": BLUE}
OWNER_COLORS = (PALE, ORANGE)


def layer_chart(layout: LatentLayout, from_b: Sequence[bool] | Tensor | None = None) -> Figure:
    """One cell for every layer of every part, with the number of the W+ code that steers it.

    Colours are the kinds of code (base, shape, texture); with `from_b`, one truth value per W+ code, they say instead
    which of two faces a code was taken from.
    """
    config = layout.config
    if from_b is not None and len(from_b) != layout.n_latent:
        raise UserError(f"from_b needs {layout.n_latent} truth values, one per W+ code, not {len(from_b)}.")
    numbers = torch.arange(layout.n_latent).float()[None, :, None].expand(1, -1, config.style_dim)
    codes = layout.expand(numbers)[0, :, 0].int().view(config.n_parts, config.local_layers)     # [P, L]
    figure = Figure(figsize=(0.52 * config.local_layers + 3.2, 0.25 * config.n_parts + 0.7))
    axis = figure.subplots()
    axis.set_xlim(-2.0, config.local_layers + 2.6), axis.set_ylim(config.n_parts + 0.1, -0.9)
    axis.axis("off")
    for part, name in enumerate(config.parts):
        axis.text(-0.15, part + 0.52, name, ha="right", va="center", fontsize=8.5, color=INK)
        for layer in range(config.local_layers):
            code = int(codes[part, layer])
            kind = layout.names[code].rsplit("_", 1)[1] if code >= config.base_layers else "base"
            color = KIND_COLORS[kind] if from_b is None else OWNER_COLORS[int(from_b[code])]
            axis.add_patch(Rectangle((layer, part), 1, 1, facecolor=color, edgecolor=INK, linewidth=0.6))
            axis.text(layer + 0.5, part + 0.53, code, ha="center", va="center", fontsize=8,
                      color="white" if color == BLUE else INK)
    for layer in range(config.local_layers):
        axis.text(layer + 0.5, -0.12, layer, ha="center", va="bottom", fontsize=8, color=INK)
    axis.text(-0.15, -0.12, "layer", ha="right", va="bottom", fontsize=8, style="italic", color=INK)
    axis.plot([config.depth_layers] * 2, [-0.7, config.n_parts], color=INK, linewidth=2)
    axis.text(config.depth_layers, -0.78, "depth is read", ha="center", va="bottom", fontsize=7.5, color=INK)
    legend = KIND_COLORS if from_b is None else {"from face a": OWNER_COLORS[0], "from face b": OWNER_COLORS[1]}
    for row, (name, color) in enumerate(legend.items()):
        y = 1 + 1.5 * row
        axis.add_patch(Rectangle((config.local_layers + 0.4, y), 0.5, 0.9, facecolor=color, edgecolor=INK,
                                 linewidth=0.6))
        axis.text(config.local_layers + 1.05, y + 0.48, name, va="center", fontsize=8.5, color=INK)
    return figure


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
    middle.scatter(*cloud.T.numpy(), s=3, color="#b9c7d1", linewidth=0)
    right.scatter(*mapping(cloud).T.numpy(), s=3, color="#b9c7d1", linewidth=0)
    levels = np.linspace(-0.8, 0.8, 5)
    for channel, style in ((0, "solid"), (1, "dashed")):
        middle.contour(grid, grid, inside[..., channel], levels, colors=INK, linewidths=0.8, linestyles=style)
        for level in levels:
            (right.axvline if channel == 0 else right.axhline)(level, color=INK, linewidth=0.8, linestyle=style)
    for axis, in_z, in_w in ((middle, straight_z.numpy(), walk_w), (right, bent, target)):
        axis.plot(*in_w.T, color=BLUE, linewidth=2.2, label="straight in W")
        axis.plot(*in_z.T, color=ORANGE, linewidth=2.2, linestyle=(0, (4, 1.2)), label="straight in Z")
        axis.plot(*in_z[[0, -1]].T, "o", color=INK, markersize=4)
    titles = ("the data", f"Z, with lines of equal\n{names[0]} (solid), {names[1]} (dashed)", "W (here: the attributes)")
    for axis, title, limit in zip((left, middle, right), titles, (1.15, 2.5, 1.15)):
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
        axis.plot([min(scores[name]), max(scores[name])], [y, y], color="#b9c7d1", linewidth=2, zorder=1)
    for column, (marker, color) in enumerate((("o", "white"), ("^", ORANGE), ("s", BLUE))[3 - len(names):]):
        axis.scatter([scores[name][column] for name in order], range(len(order)), marker=marker, s=34, color=color,
                     edgecolor=INK, linewidth=0.8, label=names[column], zorder=2)
    axis.set_yticks(range(len(order)), order)
    axis.set_xlim(min(-0.05, min(map(min, scores.values())) - 0.05), 1)
    axis.tick_params(labelsize=8, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("share of the variance that a linear function predicts (R²)", fontsize=8.5, color=INK)
    axis.legend(fontsize=8, loc="lower right", framealpha=0.95)
    return figure
