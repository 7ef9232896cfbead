"""Figures on many parts: cost, leads, IoU against area, and what was measured with one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ssgan_lite.course.figures import BLUE, GRAY, INK, LIGHT, LINES, ORANGE, style_axis
from ssgan_lite.course.many_parts.by_hand import lead

OWN = ("5", "13", "30")          # runs of `benchmarks/parts_quality.py` that differ in their parts alone


def parameter_bars(rows: Mapping[str, tuple[int, int]]) -> Figure:
    """Parameters of whole generators, local generators and all the rest: label -> (local, rest)."""
    figure = Figure(figsize=(5.4, 0.36 * len(rows) + 0.7))
    axis = figure.subplots()
    for y, (local, rest) in enumerate(rows.values()):
        axis.barh(y, rest / 1e6, color=LIGHT, edgecolor=INK, linewidth=0.6, label="all the rest" if not y else None)
        axis.barh(y, local / 1e6, left=rest / 1e6, color=BLUE, edgecolor=INK, linewidth=0.6,
                  label="local generators" if not y else None)
        axis.text((local + rest) / 1e6, y, f" {100 * local / (local + rest):.0f} % local", va="center", fontsize=8,
                  color=INK)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.invert_yaxis()
    axis.set_xlim(0, 1.22 * max(sum(row) for row in rows.values()) / 1e6)
    style_axis(axis, "million parameters")
    axis.legend(fontsize=8, frameon=False, loc="upper right")
    return figure


def lead_curves(counts: Sequence[int] = (2, 5, 13, 30, 300)) -> Figure:
    """The share of the part in front against how much nearer it is, among so many parts."""
    figure = Figure(figsize=(5.4, 2.7))
    axis, x = figure.subplots(), np.linspace(0, 10, 200)
    for i, count in enumerate(counts):
        color, line, _ = LINES[i % len(LINES)]
        axis.plot(x, np.exp(x) / (np.exp(x) + count - 1), line, color=color, linewidth=1 + 0.4 * (i >= len(LINES)),
                  label=f"{count} parts: {lead(0.9, count):.1f}")
    axis.axhline(0.9, color=GRAY, linewidth=0.8)
    axis.set_ylim(0, 1)
    style_axis(axis, "lead of the nearest part in pseudo-depth", "its share of the pixel")
    axis.legend(fontsize=8, frameon=False, title="lead for nine tenths", title_fontsize=8)
    return figure


def iou_against_area(runs: Mapping[str, tuple[Sequence[float], Sequence[float]]], names: Sequence[str] = (),
                     marked: Sequence[str] = ()) -> Figure:
    """A panel per run, (areas, IoUs): every part a dot; `marked` parts are called by their names."""
    figure = Figure(figsize=(3.0 * len(runs) + 0.6 * (len(runs) == 1), 2.6))
    axes = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False, gridspec_kw=dict(wspace=0.08))[0]
    for i, (axis, (title, (areas, ious))) in enumerate(zip(axes, runs.items(), strict=True)):
        _dots(axis, areas, ious, names, marked)
        style_axis(axis, "share of all pixels", "IoU" if i == 0 else "", f"{title}: mean {np.nanmean(ious):.2f}")
    return figure


def measured_quality(found: Mapping[str, dict]) -> Figure:
    """What `benchmarks/parts_quality.py` has measured: starving parts, quality of all runs, softmax, parameters."""
    figure = Figure(figsize=(9.6, 5.6))
    (rare, level), (soft, cost) = figure.subplots(2, 2, gridspec_kw=dict(wspace=0.42, hspace=0.5))
    for (color, _, marker), name in zip(LINES, [n for n in OWN if n in found], strict=False):
        parts = found[name]["parts"].values()
        rare.scatter([p["area"] for p in parts], [p["iou"] for p in parts], s=18, color=color, marker=marker,
                     label=f"{name} parts")
    rare.set_xscale("log")
    rare.legend(fontsize=8, frameon=False)
    style_axis(rare, "share of all pixels", "IoU", "Small parts are hardly learned")
    y = np.arange(len(found))
    for (color, _, marker), merged_to in zip(LINES, ("5", "13", "30"), strict=False):
        values = [row["iou"].get(merged_to, np.nan) for row in found.values()]
        level.scatter(values, y, color=color, marker=marker, s=26, label=f"as {merged_to} parts")
    level.set_yticks(y, list(found))
    level.set_ylim(len(found) - 0.5, -0.5)
    level.grid(axis="y", color=LIGHT, linewidth=0.6)
    level.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style_axis(level, "mean IoU, finer parts merged", "", "The same scenes, merged to the same parts")
    soft.barh(y, [row["kinds"] for row in found.values()], color=LIGHT, edgecolor=INK, linewidth=0.6)
    soft.set_yticks(y, list(found))
    soft.invert_yaxis()
    style_axis(soft, "parts among which a pixel is divided", "", "The softmax decides later")
    for name, row in found.items():
        shared = bool(row["sharing"])
        cost.scatter(row["local"] / 1e3, row["iou"]["5"], s=28, color=ORANGE if shared else BLUE,
                     marker="s" if shared else "o")
        cost.annotate(name, (row["local"] / 1e3, row["iou"]["5"]), fontsize=7, color=INK, xytext=(4, 3),
                      textcoords="offset points")
    cost.set_xscale("log")
    cost.set_xlim(8, 900)
    style_axis(cost, "thousand parameters of local generators", "mean IoU, merged to 5",
               "Own generators (dots), one shared (square)")
    return figure


def _dots(axis: Axes, areas: Sequence[float], ious: Sequence[float], names: Sequence[str],
          marked: Sequence[str]) -> None:
    axis.scatter(areas, ious, s=14, color=BLUE)
    for name in marked:
        i = list(names).index(name)
        axis.scatter(areas[i], ious[i], s=26, color=ORANGE, marker="s")
        crowded = any(0 < iou - ious[i] < 0.2 and abs(np.log(area / areas[i])) < 0.5
                      for area, iou in zip(areas, ious, strict=True) if area > 0)
        text = axis.annotate(name, (areas[i], ious[i]), fontsize=7.5, color=INK, textcoords="offset points",
                             xytext=(0, -11) if crowded else (0, 5), ha="center", zorder=5)     # away from other dots
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])
    axis.set_xscale("log")
    axis.set_ylim(-0.03, 1)
