"""Modulation drawn: weights as tables of numbers with their style, and what many layers do to the size of a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.course.figures import INK

BLUE, ORANGE, PALE = "#22577a", "#d1782f", "#e8eef2"
LINES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (INK, ":", "^"))


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
                                                        tables.items())):
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
    for (name, values), (color, line, marker) in zip(curves.items(), LINES):
        values, x = values.numpy(), np.arange(values.shape[1])
        axis.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.22, linewidth=0)
        axis.plot(x, np.median(values, 0), color=color, linestyle=line, marker=marker, markersize=4, label=name)
    axis.set_yscale("log")
    _plain(axis, x_label, "root mean square of the activations")
    axis.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def lines(x: Sequence[float], curves: Mapping[str, Sequence[float]], x_label: str, y_label: str, log: bool = True,
          base: int = 2, height: float = 2.6) -> Figure:
    """A few curves that stay apart in grey too: by colour, line and marker. `log`: both axes logarithmic, x to `base`."""
    figure = Figure(figsize=(5.2, height))
    axis = figure.subplots()
    for (name, y), (color, line, marker) in zip(curves.items(), LINES):
        axis.plot(x, y, color=color, linestyle=line, marker=marker, markersize=4, label=name)
    if log:
        axis.set_xscale("log", base=base), axis.set_yscale("log")
    _plain(axis, x_label, y_label)
    if len(curves) > 1:
        axis.legend(fontsize=8, frameon=False)
    return figure


def _plain(axis, x_label: str, y_label: str) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, colors=INK)
    axis.set_xlabel(x_label, fontsize=8.5, color=INK)
    axis.set_ylabel(y_label, fontsize=8.5, color=INK)
