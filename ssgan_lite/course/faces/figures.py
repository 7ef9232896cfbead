"""Statistics of a data set: where parts are, how often and how large; how much a leak depends on the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
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


def part_statistics(masks: Tensor, n_parts: int) -> tuple[Tensor, Tensor]:
    """Part numbers [N, H, W] -> the share of the faces that have each part, [P], and its mean area, as a share of the
    picture, over the faces that have it, [P]; 0 where none has it."""
    area = torch.stack([(masks == part).float().mean(dim=(1, 2)) for part in range(n_parts)])  # [P, N]
    has = area > 0
    return has.float().mean(dim=1), area.sum(dim=1) / has.sum(dim=1).clamp(min=1)


def mean_change(change: Tensor, where: Tensor) -> Tensor:
    """Mean of |change|, [N, 3, H, W], over the pixels at which `where`, [N, H, W], is true: [N]."""
    return (change.abs().mean(dim=1) * where).sum(dim=(1, 2)) / where.sum(dim=(1, 2)).clamp(min=1)


def part_maps(maps: Tensor, names: Sequence[str], columns: int = 7) -> Figure:
    """The share of faces that show a part in each pixel, one gray picture per part: white never, black always.

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
    """Left, how many faces have a part; right, dots on a logarithmic scale: how many of `pixels` it then covers."""
    figure = Figure(figsize=(7.4, 0.2 * len(names) + 0.7))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw=dict(wspace=0.14))
    rows = np.arange(len(names))[::-1]
    left.barh(rows, share, color=BLUE, height=0.65)
    right.hlines(rows, 1, np.asarray(area) * pixels, color=LIGHT, linewidth=1)      # a bar has no zero to begin at
    right.plot(np.asarray(area) * pixels, rows, "o", color=BLUE, markersize=5)
    left.set_yticks(rows, names)
    left.set_xlim(0, 1), right.set_xscale("log"), right.set_xlim(1, pixels)
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
