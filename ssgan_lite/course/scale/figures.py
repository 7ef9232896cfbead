"""Long runs as figures: curves, snapshots and cost of a run; memory per image; scaling over GPUs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ssgan_lite import assets
from ssgan_lite.config import PRESETS
from ssgan_lite.course.figures import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    PALE,
    faces_of,
    picture_rows,
    style_axis,
)
from ssgan_lite.course.scale.planner import GPUS, Plan, kept_per_image

PANELS = (              # title, logarithmic?, the quantities with color and line
    ("losses", False, (("d_loss", "discriminator", BLUE, "-"), ("g_loss", "generator", ORANGE, "--"))),
    ("mean scores", False, (("real_score", "real", BLUE, "-"), ("fake_score", "generated", ORANGE, "--"))),
    ("coarse against final mask", True, (("mask_loss", "mask loss", BLUE, "-"),)),
    ("gradients of the discriminator", True, (("r1_image", "R1, "
                                                        "image", BLUE, "-"), ("r1_mask", "R1, mask", ORANGE, "--"))),
)
PAPER_GPU_HOURS = 8 * 2.5 * 24


def read_record(name: str) -> dict:
    """The record of the run that a shipped model came from: data/weights/NAME.json."""
    path = assets.find(f"weights/{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))["record"]


def read_log_as_curve(path: str | Path) -> dict[str, list]:
    """The log of a run as one list per quantity, the form in which records keep it."""
    from ssgan_lite.train.log import read_log

    lines = read_log(path)
    return {name: [line.get(name) for line in lines] for name in sorted({name for line in lines for name in line})}


def curves(curve: Mapping[str, Sequence[float | None]]) -> Figure:
    """Losses, scores, mask loss and gradients over the images seen, in four panels."""
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for axis, (title, log, lines) in zip(axes.flat, PANELS, strict=False):
        for key, label, color, style in lines:
            known = [(x, y) for x, y in zip(curve["images"], curve.get(key) or (), strict=False) if y is not None]
            if known:
                axis.plot(*zip(*known, strict=False), style, color=color, linewidth=1.4, label=label,
                          marker="." if len(known) < 12 else None)
        if log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.yaxis.set_minor_locator(NullLocator())
        axis.set_title(title, fontsize=9, color=INK)
        style_axis(axis)
        if axis.lines:
            axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    for axis in axes[1]:
        axis.set_xlabel("images seen", fontsize=8, color=INK)
    return figure


def kernel_curve(curve: Mapping[int, float], spread: Mapping[int, float], real: float, n: int) -> Figure:
    """Kernel distance over the images seen, with its sampling error, and that of two halves of the real faces."""
    figure = Figure(figsize=(5.6, 2.6), layout="constrained")
    axis = figure.subplots()
    images = list(curve)
    axis.errorbar(images, list(curve.values()), yerr=[spread[i] for i in images], color=BLUE, marker=
                  "o", markersize=4,
                  capsize=2, linewidth=1.4, label=f"{n} generated faces")
    axis.axhline(real, linestyle="--", color=GRAY, linewidth=1.2, label="real faces among themselves")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_ylim(bottom=min(0, real, *curve.values()) - 10)
    axis.set_xlabel("images seen", fontsize=8, color=INK)
    axis.set_ylabel("kernel distance x 1000", fontsize=8, color=INK)
    style_axis(axis)
    axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure


def lapse(generators: Mapping[int, torch.nn.Module], seeds: Sequence[int] = range(8), height: float = 0.75) -> Figure:
    """A run in one picture: every row a moment, every column a seed, without truncation."""
    rows = [faces_of(generator, seeds)[0] for generator in generators.values()]
    figure = picture_rows(rows, height=height)
    for axis, images in zip(figure.axes[::len(seeds)], generators, strict=False):
        axis.set_ylabel(f"{images:,}", fontsize=9, color=INK, rotation=0, ha="right", va="center")
    return figure


def cost_figure(hours: Mapping[str, float]) -> Figure:
    """Device-hours on a logarithmic scale, the paper's among them."""
    hours = {"the paper, 512 px\n(8 V100)": PAPER_GPU_HOURS} | dict(hours)
    figure = Figure(figsize=(6.4, 0.5 + 0.42 * len(hours)), layout="constrained")
    axis = figure.subplots()
    colors = [ORANGE, *[BLUE] * (len(hours) - 1)]
    low = min(hours.values()) / 2
    axis.grid(axis="y", color=PALE, linewidth=0.8)       # no bars: a logarithmic axis has no zero
    axis.set_axisbelow(True)
    axis.scatter(list(hours.values()), range(len(hours)), s=36, color=colors)
    for i, value in enumerate(hours.values()):
        axis.text(value * 1.25, i, f"{value:,.0f} h" if value >= 10 else f"{value:.2g} h", va="center", fontsize=8,
                  color=INK)
    axis.set_xscale("log")
    axis.set_xlim(low, 4 * max(hours.values())), axis.set_ylim(-0.6, len(hours) - 0.4)
    axis.set_yticks(range(len(hours)), list(hours), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("hours x devices (the devices differ)", fontsize=8, color=INK)
    style_axis(axis)
    return figure


def memory_figure(names: Sequence[str] = tuple(PRESETS)) -> Figure:
    """MB that one more image in the batch adds, for generator and discriminator of every preset."""
    figure = Figure(figsize=(6.4, 2.3), layout="constrained")
    axis = figure.subplots()
    kept = [kept_per_image(PRESETS[name].model) for name in names]
    for offset, which, color, marker, label in ((-0.18, 0, BLUE, "o", "generator"), (0.18, 1, ORANGE, "s",
                                                                                "discriminator")):
        values = [pair[which] / 1e6 for pair in kept]
        rows = [i + offset for i in range(len(names))]
        axis.plot(values, rows, marker, color=color, markersize=5, label=label)
        for i, value in enumerate(values):
            axis.text(value * 1.2, i + offset, f"{value:.3g}", va="center", fontsize=8, color=INK)
    axis.set_xscale("log")
    axis.set_xlim(0.5, 4000)
    axis.set_yticks(range(len(names)), names)
    axis.grid(axis="y", color=PALE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.invert_yaxis()
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper right")
    style_axis(axis, "MB kept for each image of a batch, float32", "")
    return figure


def scaling_figure(start: Plan, batches: Sequence[int] = (64, 256, 1024), gpus: Sequence[int] = GPUS,
                   mark: bool = False) -> Figure:
    """Left the hours, right the GPU-hours, over the number of GPUs, for several sizes of the whole batch.

    A curve ends where its batch can be dealt out no further. mark: a line at the number of GPUs of `start`.
    """
    figure = Figure(figsize=(7.4, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    ideal = replace(start, gpus=1)
    left.plot(gpus, [ideal.hours / n for n in gpus], ":", color=GRAY, linewidth=1.2,
              label=f"ideal, batch {start.batch}")
    for batch, line, marker, color in zip(batches, ("-", "--", "-."), "os^", (BLUE, ORANGE, INK), strict=False):
        plans = [plan for n in gpus if (plan := replace(start, gpus=n, batch=batch)).possible]
        for axis, name in ((left, "hours"), (right, "gpu_hours")):
            axis.plot([plan.gpus for plan in plans], [getattr(plan, name) for plan in plans], line, marker=marker,
                      color=color, markersize=4, linewidth=1.4, label=f"batch {batch}")
    left.set_yscale("log")
    right.set_ylim(bottom=0)
    for axis, title in ((left, "hours"), (right, "GPU-hours (what you pay)")):
        axis.set_xscale("log", base=2)
        axis.set_xticks(list(gpus), [str(n) for n in gpus])
        if mark:
            axis.axvline(start.gpus, color=ORANGE, linestyle="--", linewidth=1.2)
        style_axis(axis, "GPUs", title)
    left.legend(fontsize=8, frameon=False, labelcolor=INK, loc="lower left")
    return figure
