"""Figures about frequencies: learning order, similarity of positions, aliasing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    GRAY,
    INK,
    LIGHT,
    LINES,
    ORANGE,
    PALE,
    style_axis,
)


def signed(maps: Tensor) -> list[np.ndarray]:
    """Maps between -1 and 1 as gray pictures for `picture_rows`: -1 white, 1 black. [N, H, W] -> N of [H, W]"""
    return list(((maps.detach() + 1) / 2).clamp(0, 1).numpy())


def waves_learned(histories: Mapping[str, Tensor], frequencies: Sequence[int], every: int) -> Figure:
    """How much of each wave a network has learned, against training steps, one plot per network.

    histories: title -> [T, K], the amplitude of each of the K waves (1 is learned, 0 is not) after 0, every, 2 every,
    ... steps.
    """
    figure = Figure(figsize=(7.2, 2.3), layout="constrained")
    for axis, (title, history) in zip(figure.subplots(1, len(histories), sharey=True, squeeze=False)[0],
                                      histories.items(), strict=False):
        steps = np.arange(len(history)) * every
        axis.axhline(1, color=LIGHT, linewidth=0.8)
        for k, frequency in enumerate(frequencies):
            color, line, marker = LINES[k % len(LINES)]
            axis.plot(steps, history[:, k], line, color=color, marker=marker, markersize=3.5, linewidth=1.3,
                      markevery=2, label=f"sin({frequency}x)")
            if k == len(frequencies) - 1:
                axis.text(steps[-1] * 1.02, history[-1, k], f"{history[-1, k]:.2f}", fontsize=7.5, va="center",
                          color=color)
        axis.set_ylim(-0.1, 1.25)
        style_axis(axis, "training step", "", title)
    figure.axes[0].set_ylabel("learned amplitude", fontsize=8, color=INK)
    figure.axes[-1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=INK)
    return figure


def similarity_curves(bands: Sequence[int]) -> Figure:
    """Mean of cos(2^k d) for k < F: how alike two positions at a distance d look to the sines and cosines."""
    distance = torch.linspace(-2, 2, 801)
    figure = Figure(figsize=(5.6, 2.1), layout="constrained")
    axis = figure.subplots()
    for i, count in enumerate(bands):
        color, line, _ = LINES[i % len(LINES)]
        alike = torch.stack([torch.cos(2.0**k * distance) for k in range(count)]).mean(0)
        axis.plot(distance, alike, line, color=color, linewidth=1.3, label=f"F = {count}")
    axis.axhline(0, color=LIGHT, linewidth=0.8)
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper right")
    style_axis(axis, "distance between two positions", "similarity")
    return figure


def sampled_waves(frequencies: Sequence[int], size: int) -> Figure:
    """sin(f x) between the points of a grid of `size` positions and on them, one plot per frequency.

    Where the grid cannot carry the wave, the slower wave that runs through the same points is drawn as well.
    """
    x = torch.linspace(-1, 1, size, dtype=torch.float64)
    dense = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    step = 2 / (size - 1)
    figure = Figure(figsize=(7.2, 1.15 * len(frequencies) + 0.3), layout="constrained")
    axes = figure.subplots(len(frequencies), 1, sharex=True, squeeze=False)[:, 0]
    for axis, frequency in zip(axes, frequencies, strict=False):
        axis.plot(dense, torch.sin(frequency * dense), color=GRAY, linewidth=0.9)
        if frequency > np.pi / step:
            turns = round(frequency * step / (2 * np.pi))                # whole turns that happen between two points
            slow = frequency - 2 * np.pi * turns / step
            axis.plot(dense, torch.sin(slow * dense + 2 * np.pi * turns * (-1 / step)), "--", color=ORANGE,
                      linewidth=1.6)
        axis.plot(x, torch.sin(frequency * x), "o", color=BLUE, markersize=4)
        axis.set_yticks([-1, 0, 1]), axis.set_ylim(-1.25, 1.25)
        style_axis(axis, y=f"sin({frequency}x)")
    axes[-1].set_xlabel(f"position x, with the {size} points of the grid", fontsize=8, color=INK)
    return figure


def highest_frequency(size: int) -> float:
    """The fastest wave that a grid of `size` positions from -1 to 1, ends included, can carry: its Nyquist limit."""
    return np.pi * (size - 1) / 2


def error_curve(seen: Sequence[float], between: Sequence[float], carried: int) -> Figure:
    """Share of wrong pixels against the number of frequencies, on the training grid and between its points.

    `carried` is the largest number of frequencies that the grid can tell apart; what lies beyond is shaded.
    """
    figure = Figure(figsize=(5.6, 2.5), layout="constrained")
    axis = figure.subplots()
    bands = range(len(seen))
    axis.axvspan(carried + 0.5, len(seen) - 0.5, color=PALE)
    axis.plot(bands, 100 * np.asarray(between), "--s", color=ORANGE, markersize=4.5, linewidth=1.4,
              label="between the grid's points")
    axis.plot(bands, 100 * np.asarray(seen), "-o", color=BLUE, markersize=4.5, linewidth=1.4,
              label="on the grid's points")
    best = int(np.argmin(between))
    axis.annotate(f"lowest: {100 * between[best]:.1f} % at F = {best}", (best, 100 * between[best]),
                  (best - 1.5, 100 * between[best] * 1.6), fontsize=8, color=INK,
                  arrowprops=dict(arrowstyle="-", color=INK, lw=0.7))
    axis.set_ylim(bottom=0), axis.set_xlim(-0.5, len(seen) - 0.5)
    axis.set_xticks(list(bands))
    axis.text(carried + 0.6, axis.get_ylim()[1] * 0.97, "too fast\nfor the\ngrid", fontsize=8, color=INK, va="top")
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper center")
    style_axis(axis, "number of frequencies F", "wrong pixels in %")
    return figure
