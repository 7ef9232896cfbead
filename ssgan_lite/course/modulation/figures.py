"""Modulated weights, sizes of signals, and which code controls which layer, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ssgan_lite.course.figures import BLUE, INK, LINES, ORANGE, PALE, style_axis
from ssgan_lite.errors import UserError
from ssgan_lite.model.latents import LatentLayout

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
    legend = axis.legend(fontsize=8, frameon=False, loc="upper left", title="line: median; band: all codes")
    legend.get_title().set(fontsize=8, color=INK)
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
