"""Statistics of a data set: where parts are, how often and how large, which attributes correlate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LIGHT,
    LINES,
    PALE,
    style_axis,
)
from ssgan_lite.errors import UserError


def part_maps(maps: Tensor, names: Sequence[str], columns: int = 7) -> Figure:
    """The share of faces that show a part in each pixel, one gray picture a part: white never, black always.

    maps: [P, H, W], 0 to 1. Rare parts are drawn as strong as frequent ones; the largest share stands below.
    """
    if len(maps) != len(names):
        raise UserError(f"There are {len(maps)} maps and {len(names)} names.")
    rows = -(-len(maps) // columns)
    figure = Figure(figsize=(1.15 * columns, 1.45 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=dict(wspace=0.08, hspace=0.42)).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, picture, name in zip(axes, maps.numpy(), names, strict=False):
        axis.axis("on")
        axis.set_xticks([]), axis.set_yticks([])
        axis.imshow(picture, cmap="gray_r", vmin=0, vmax=max(float(picture.max()), 1e-6), interpolation="nearest")
        axis.set_title(name, fontsize=8.5, color=INK, pad=3)
        axis.set_xlabel(f"up to {picture.max():.0%}", fontsize=7.5, color=INK, labelpad=2)
    return figure


def part_bars(share: Sequence[float], area: Sequence[float], names: Sequence[str], pixels: int) -> Figure:
    """Left, how many faces have a part; right, how many of a picture's `pixels` it then covers, logarithmically."""
    figure = Figure(figsize=(7.4, 0.2 * len(names) + 0.7))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw=dict(wspace=0.08))
    rows = np.arange(len(names))[::-1]
    left.barh(rows, share, color=BLUE, height=0.65)
    right.barh(rows, np.asarray(area) * pixels, color=BLUE, height=0.65)
    left.set_yticks(rows, names)
    left.set_xlim(0, 1), right.set_xscale("log")
    left.set_xlabel("share of heads that have the part", fontsize=8.5, color=INK)
    right.set_xlabel(f"mean pixels where there are any, of {pixels:,}", fontsize=8.5, color=INK)
    for axis in (left, right):
        style_axis(axis)
    return figure


def reduction_bars(panels: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> Figure:
    """Shares between 0 and 1, a panel for each measure: one bar for every way (up to three) and every name.

    panels: title -> {way: one value a name}.
    """
    figure = Figure(figsize=(3.9 * len(panels), 2.5))
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True, gridspec_kw=dict(wspace=0.06)))
    for axis, (title, ways) in zip(axes, panels.items(), strict=False):
        width = 0.8 / len(ways)
        styles = ((PALE, ""), (LIGHT, "///"), (BLUE, ""))[-len(ways):]
        for number, ((label, values), (color, hatch)) in enumerate(zip(ways.items(), styles, strict=False)):
            axis.bar(np.arange(len(names)) + (number - (len(ways) - 1) / 2) * width, values, width, label=label,
                     color=color, hatch=hatch, edgecolor=INK, linewidth=0.6)
        axis.set_xticks(range(len(names)), names)
        axis.set_ylim(0, 1.02)
        axis.set_title(title, fontsize=9, color=INK)
        style_axis(axis)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=8, loc="lower center", ncols=3, frameon=False,
                  bbox_to_anchor=(0.5, -0.12))
    return figure


def correlation_table(matrix: np.ndarray, names: Sequence[str]) -> Figure:
    """Correlations [A, A] as a table: numbers in hundredths below the diagonal, darker where they are larger."""
    count = len(names)
    if matrix.shape != (count, count):
        raise UserError(f"{count} attributes have {count} x {count} correlations, not {list(matrix.shape)}.")
    figure = Figure(figsize=(0.48 * count + 1.4, 0.3 * count + 0.8))
    axis = figure.subplots()
    shown = np.where(np.tri(count, k=-1, dtype=bool), np.abs(matrix), np.nan)
    axis.imshow(shown, cmap="gray_r", vmin=0, vmax=1.6, aspect="auto")
    for i in range(count):
        for j in range(i):
            number = f"{round(matrix[i, j], 2) + 0.0:.2f}"                 # + 0.0: never "-.00"
            axis.text(j, i, number.replace("0.", ".", 1), ha="center", va="center",
                      fontsize=7.5, color=INK)
    axis.set_xticks(range(count - 1), names[:-1], rotation=45, ha="right")
    axis.set_yticks(range(1, count), names[1:])
    axis.set_ylim(count - 0.5, 0.5), axis.set_xlim(-0.5, count - 1.5)
    axis.tick_params(labelsize=8, colors=INK, length=0)
    axis.spines[:].set_visible(False)
    return figure


def leak_curve(curves: Mapping[str, Mapping[float, float]]) -> Figure:
    """Leak of an edit against the agreement that was planted in the data; curves: name -> {agreement: leak}."""
    figure = Figure(figsize=(4.8, 2.6))
    axis = figure.subplots()
    for (label, values), (color, line, marker) in zip(curves.items(), LINES, strict=False):
        axis.plot(list(values), list(values.values()), color=color, linestyle=line, marker=marker, markersize=4,
                  label=label)
    axis.set_xlabel("agreement planted in the data (0.5: none)", fontsize=8.5, color=INK)
    axis.set_ylabel("leak: change of the background\n/ change of the hair", fontsize=8.5, color=INK)
    axis.set_ylim(bottom=-0.05)
    style_axis(axis)
    axis.legend(fontsize=8, frameon=False)
    return figure
