"""Latent codes, mapping, modulation and truncation as figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LIGHT,
    LINES,
    ORANGE,
    PALE,
    style_axis,
)
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.latents import LatentLayout
from ssgan_lite.model.mapping import truncate

KIND_COLORS = {"base": "white", "shape": PALE, "texture": BLUE}
OWNER_COLORS = (PALE, ORANGE)


def weight_tables(tables: Mapping[str, Tensor], row_notes: Mapping[str, Sequence[str]] | None = None,
                  columns: Sequence[str] = (), rows: Sequence[str] = ()) -> Figure:
    """Small matrices side by side, every number written into its cell; darker cells are larger in size.

    tables: title -> [out, in], all of one shape; row_notes: title -> a text behind each row of that table; columns
    and rows name the two axes of the first table.
    """
    shapes = {tuple(table.shape) for table in tables.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise UserError(f"The tables must be matrices of one shape, not {sorted(shapes)}.")
    (height, width), notes = shapes.pop(), row_notes or {}
    figure = Figure(figsize=(2.9 * len(tables), 0.42 * height + 0.75))
    largest = max(1e-9, *(float(table.abs().max()) for table in tables.values()))
    for number, (axis, (title, table)) in enumerate(zip(np.atleast_1d(figure.subplots(1, len(tables))),
                                                        tables.items(), strict=False)):
        axis.set_xlim(-1.1, width + 1.3), axis.set_ylim(height + 0.05, -0.45)
        axis.axis("off")
        axis.set_title(title, fontsize=9, color=INK, pad=6)
        for i in range(height):
            for j in range(width):
                value = float(table[i, j])
                strength = 0.55 * abs(value) / largest
                shade = 1 - strength * (1 - np.array([0x22, 0x57, 0x7A]) / 255)
                axis.add_patch(Rectangle((j, i), 1, 1, facecolor=shade, edgecolor=INK, linewidth=0.8))
                text = f"{round(value, 2) + 0.0:.2f}"                       # + 0.0: never "-0.00"
                axis.text(j + 0.5, i + 0.52, text, ha="center", va="center", fontsize=9, color=INK)
            if title in notes:
                axis.text(width + 0.1, i + 0.52, notes[title][i], ha="left", va="center", fontsize=8, color=INK)
            if number == 0 and i < len(rows):
                axis.text(-0.1, i + 0.52, rows[i], ha="right", va="center", fontsize=8, color=INK)
        if number == 0:
            for j, name in enumerate(columns[:width]):
                axis.text(j + 0.5, -0.08, name, ha="center", va="bottom", fontsize=8, color=INK)
    return figure


def magnitudes(curves: Mapping[str, Tensor], x_label: str = "after layer") -> Figure:
    """How large a signal is after every layer, on a logarithmic scale: a line for the median over samples, a band
    from the smallest to the largest.

    curves: name -> [samples, layers + 1], all above 0; position 0 is the input.
    """
    figure = Figure(figsize=(5.6, 2.9))
    axis = figure.subplots()
    for (name, values), (color, line, marker) in zip(curves.items(), LINES, strict=False):
        values, x = values.numpy(), np.arange(values.shape[1])
        axis.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.22, linewidth=0)
        axis.plot(x, np.median(values, 0), color=color, linestyle=line, marker=marker, markersize=4, label=name)
    axis.set_yscale("log")
    style_axis(axis, x_label, "root mean square of the activations")
    axis.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def lines(x: Sequence[float], curves: Mapping[str, Sequence[float]], x_label: str, y_label: str, log: bool = True,
          base: int = 2, height: float = 2.6) -> Figure:
    """A few curves, told apart in gray too. log: both axes are logarithmic, x to the given base."""
    figure = Figure(figsize=(5.2, height))
    axis = figure.subplots()
    for (name, y), (color, line, marker) in zip(curves.items(), LINES, strict=False):
        axis.plot(x, y, color=color, linestyle=line, marker=marker, markersize=4, label=name)
    if log:
        axis.set_xscale("log", base=base), axis.set_yscale("log")
    style_axis(axis, x_label, y_label)
    if len(curves) > 1:
        axis.legend(fontsize=8, frameon=False)
    return figure


def layer_chart(layout: LatentLayout, from_b: Sequence[bool] | Tensor | None = None) -> Figure:
    """One cell for every layer of every part, with the number of the W+ code that steers it.

    Colors are the kinds of code (base, shape, texture); with `from_b`, one truth value per W+ code, they say instead
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
