"""Figures of directions: what else changes, names earned or not, and flows in two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import BLUE, GRAY, INK, LIGHT, ORANGE, style_axis
from ssgan_lite.directions.styleflow import StyleFlow, integrate

COLORS, MARKERS = (BLUE, ORANGE), ("o", "^")


def groups_on_a_line(values: Tensor, has: Tensor, names: Sequence[str], x: str) -> Figure:
    """Two histograms of one number [N]: of those that have something (has: [N], bool), and of the others."""
    figure = Figure(figsize=(5.0, 2.1))
    axis = figure.subplots()
    low, high = float(values.min()), float(values.max())
    bins = np.linspace(low, high, 28)
    for chosen, color, hatch, name in ((~has, BLUE, None, names[0]), (has, ORANGE, "///", names[1])):
        axis.hist(values[chosen].numpy(), bins, density=True, alpha=0.65, color=color, hatch=hatch, label=name,
                  edgecolor="white", linewidth=0.4)
    axis.set_yticks([])
    axis.set_ylim(top=1.35 * axis.get_ylim()[1])                               # room for the names
    style_axis(axis, x)
    axis.spines["left"].set_visible(False)
    axis.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    return figure


def names_earned(panels: Mapping[str, tuple[Tensor, Tensor]], least: float, unit: str = "moved by (sd)") -> Figure:
    """For every title: by how much faces were moved, and what the judge read; with the correlation."""
    figure = Figure(figsize=(min(2.5 * len(panels), 10.2), 2.5), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (title, (amounts, read)) in zip(axes, panels.items(), strict=True):
        r = float(torch.corrcoef(torch.stack([amounts, read]))[0, 1])
        earned = r >= least
        axis.scatter(amounts, read, s=9, color=BLUE if earned else GRAY, marker="o" if earned else "x", linewidth=0.7)
        style_axis(axis, unit, "what the judge reads (sd)" if axis is axes[0] else "", title)
        axis.text(0.03, 0.97, f"r = {r:.2f}: {'has its name' if earned else 'no name'}", transform=axis.transAxes,
                  va="top", fontsize=8.5, color=INK)
    return figure


def side_effects(table: Mapping[str, Mapping[str, float]], wanted: str) -> Figure:
    """Bars: for every system what an edit changed, in standard deviations; the wanted attribute stands out."""
    attributes = list(dict.fromkeys(name for row in table.values() for name in row))
    figure = Figure(figsize=(2.3 * len(table) + 1.2, 0.24 * len(attributes) + 0.7), layout="constrained")
    axes = figure.subplots(1, len(table), squeeze=False, sharey=True, sharex=True)[0]
    for axis, (system, row) in zip(axes, table.items(), strict=True):
        values = [row.get(name, float("nan")) for name in attributes]
        bars = axis.barh(range(len(attributes)), values, height=0.72,
                         color=[ORANGE if name == wanted else BLUE for name in attributes])
        for bar, name in zip(bars, attributes, strict=True):
            if name == wanted:
                bar.set_hatch("///"), bar.set_edgecolor("white")
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_yticks(range(len(attributes)), [name.replace("_", " ") for name in attributes], fontsize=8)
        axis.invert_yaxis() if axis is axes[0] else None
        style_axis(axis, "standard deviations", "", system)
        axis.spines["left"].set_visible(False)
        axis.tick_params(left=False)
    return figure


@torch.no_grad()
def flow_stations(flow: StyleFlow, noise: Tensor, condition: Tensor, times: Sequence[float]) -> list[Tensor]:
    """Where points of noise [N, D] are at each of these times, in the coordinates of the data: [N, D] each."""
    found, x, now = [], noise, 0.0
    standard = (condition - flow.center) / flow.spread
    for time in times:
        if time > now:
            x, _ = integrate(flow.field, x, standard, now, time)
        found.append((x * flow.scale) @ flow.basis + flow.mean)
        now = time
    return found


def flow_figure(stations: Sequence[Tensor], condition: Tensor, times: Sequence[float],
                names: Sequence[str] = ("", "")) -> Figure:
    """One panel for every time: noise that becomes two moons. condition: [N, 1] of 0 and 1."""
    figure = Figure(figsize=(2.1 * len(times), 2.2), layout="constrained")
    axes = figure.subplots(1, len(times), squeeze=False, sharex=True, sharey=True)[0]
    for axis, x, time in zip(axes, stations, times, strict=True):
        for value in (0, 1):
            chosen = condition[:, 0] == value
            axis.scatter(*x[chosen].T.tolist(), s=5, color=COLORS[value], marker=MARKERS[value], linewidth=0,
                         label=names[value])
        axis.set_title(f"t = {time:.2g}", fontsize=9, color=INK)
        axis.set_xticks([]), axis.set_yticks([])
        axis.set_aspect("equal")
        axis.spines[:].set_color(LIGHT)
    if any(names):
        axes[-1].legend(fontsize=7.5, frameon=False, loc="upper right", borderpad=0, markerscale=1.5)
    return figure


def moved_points(background: Tensor, condition: Tensor, ways: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """For every title: points [n, 2] before and after an edit, with a line between, over the whole cloud."""
    figure = Figure(figsize=(3.3 * len(ways), 2.7), layout="constrained")
    axes = figure.subplots(1, len(ways), squeeze=False, sharex=True, sharey=True)[0]
    for axis, (title, (before, after)) in zip(axes, ways.items(), strict=True):
        _cloud(axis, background, condition)
        for a, b in zip(before.tolist(), after.tolist(), strict=True):
            axis.plot(*zip(a, b, strict=True), color=INK, linewidth=0.6, alpha=0.7)
        axis.scatter(*before.T.tolist(), s=22, color=BLUE, edgecolor="white", linewidth=0.5, zorder=3, label="before")
        axis.scatter(*after.T.tolist(), s=26, color=ORANGE, marker="^", edgecolor="white", linewidth=0.5, zorder=3,
                     label="after")
        axis.set_title(title, fontsize=9, color=INK)
        axis.set_xticks([]), axis.set_yticks([])
        axis.set_aspect("equal")
        axis.spines[:].set_color(LIGHT)
    axes[0].legend(fontsize=8, frameon=False, loc="lower left")
    return figure


def _cloud(axis: Axes, points: Tensor, condition: Tensor) -> None:
    for value, color in ((0, LIGHT), (1, "#e9cdb3")):
        axis.scatter(*points[condition[:, 0] == value].T.tolist(), s=4, color=color, linewidth=0)


def wanted_and_not(table: Mapping[str, tuple[float, float]], wanted: str, other: str) -> Figure:
    """For every way: how much of what was wanted happened, and of what was not, in standard deviations."""
    figure = Figure(figsize=(5.6, 0.42 * len(table) + 0.7), layout="constrained")
    axis = figure.subplots()
    rows = np.arange(len(table))
    for shift, column, color, hatch, name in ((-0.2, 0, ORANGE, "///", f"{wanted} (wanted)"),
                                              (0.2, 1, BLUE, None, f"{other} (not wanted)")):
        axis.barh(rows + shift, [values[column] for values in table.values()], height=0.36, color=color, hatch=hatch,
                  edgecolor="white", linewidth=0.4, label=name)
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set_yticks(rows, list(table), fontsize=8.5)
    axis.invert_yaxis()
    style_axis(axis, "change that the judge reads, in standard deviations among these faces")
    axis.spines["left"].set_visible(False)
    axis.tick_params(left=False)
    axis.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
