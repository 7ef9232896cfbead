"""Depth fusion as figures: softmax weights, temperature, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LINES,
    ORANGE,
    style_axis,
)
from ssgan_lite.parts import vocabulary


def depths_and_weights(depths: Tensor, weights: Tensor, names: Sequence[str]) -> Figure:
    """Left: how near each part is in every pixel. Right: its share of the pixel. Both [P, pixels]."""
    figure = Figure(figsize=(7.2, 2.5))
    left, right = figure.subplots(1, 2, gridspec_kw=dict(wspace=0.3))
    n_pixels = depths.shape[1]
    bottom = np.zeros(n_pixels)
    colors = vocabulary(tuple(names)).palette / 255
    for i, (name, color) in enumerate(zip(names, colors, strict=True)):
        for pixel in range(n_pixels):
            spot = pixel + 0.2 * (i - (len(names) - 1) / 2)
            height = depths[i, pixel].item()
            left.bar(spot, height, 0.18, color=color, edgecolor=INK, linewidth=0.6)
            if height == 0:
                left.plot([spot - 0.09, spot + 0.09], [0, 0], color=color, linewidth=4, solid_capstyle="butt")
        share = weights[i].numpy()
        right.bar(range(n_pixels), share, 0.6, bottom=bottom, color=color, edgecolor=INK, linewidth=0.6, label=name)
        bottom += share
    left.axhline(0, color=INK, linewidth=0.8)
    left.set_ylabel("pseudo-depth (higher is nearer)")
    right.set_ylabel("softmax weight")
    right.set_ylim(0, 1)
    style_axis(left), style_axis(right)
    for axis in (left, right):
        axis.set_xticks(range(n_pixels), [f"pixel {i}" for i in range(n_pixels)])
    handles, labels = right.get_legend_handles_labels()
    right.legend(handles[::-1], labels[::-1], fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def temperature_curves(temperatures: Sequence[float] = (0.25, 1.0, 4.0)) -> Figure:
    """Weight of one of two parts against the difference of their depths, and the slope, for several temperatures."""
    figure = Figure(figsize=(7.2, 2.4))
    weight_axis, slope_axis = figure.subplots(1, 2, gridspec_kw=dict(wspace=0.3))
    difference = np.linspace(-8, 8, 401)
    for t, style, color in zip(temperatures, ("--", "-", ":"), (ORANGE, BLUE, INK), strict=False):
        weight = 1 / (1 + np.exp(-difference / t))
        weight_axis.plot(difference, weight, style, color=color, linewidth=1.6)
        slope_axis.plot(difference, weight * (1 - weight) / t, style, color=color, linewidth=1.6, label=f"T = {t:g}")
    weight_axis.set_ylabel("weight of the hair")
    slope_axis.set_ylabel("slope of the weight")
    for axis in (weight_axis, slope_axis):
        axis.set_xlabel("depth of the hair minus depth of the face")
    slope_axis.legend(fontsize=8, frameon=False)
    style_axis(weight_axis), style_axis(slope_axis)
    return figure


def learning_curves(curves: Mapping[str, Sequence[float]], ylabel: str) -> Figure:
    """A few curves over training steps, each with a line style of its own."""
    figure = Figure(figsize=(4.6, 2.2))
    axis = figure.subplots()
    for (name, values), (color, style, _) in zip(curves.items(), LINES, strict=False):
        axis.plot(values, style, color=color, linewidth=1.8, label=name)
    axis.set_xlabel("training step")
    axis.set_ylabel(ylabel)
    axis.legend(fontsize=8, frameon=False, loc="center right")
    style_axis(axis)
    return figure
