"""Spectra of pictures and the receptive field of an output pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    ORANGE,
    style_axis,
)


def spectrum(picture: Tensor, decades: float = 4.0) -> np.ndarray:
    """Power at every frequency of a gray picture [H, W], for `picture_rows`: 0 (white, weak) to 1 (black, strong).

    Logarithmic over so many powers of ten; the middle is the mean brightness, the edges are the frequency "every
    other pixel". A Hann window keeps the picture's borders out of it.
    """
    height, width = picture.shape
    window = torch.outer(torch.hann_window(height), torch.hann_window(width))
    power = torch.fft.fftshift(torch.fft.fft2(picture * window)).abs().square()
    level = torch.log10(power / power.max() + 10 ** -(2 * decades)) / decades + 1
    return level.clamp(0, 1).numpy()


def stems(signals: Mapping[str, Tensor]) -> Figure:
    """One-dimensional signals beside each other, a stem for every sample."""
    figure = Figure(figsize=(2.6 * len(signals), 1.9))
    axes = figure.subplots(1, len(signals), sharey=True, gridspec_kw=dict(wspace=0.12), squeeze=False)[0]
    for axis, (name, signal) in zip(axes, signals.items(), strict=False):
        values = signal.flatten().numpy()
        axis.vlines(range(len(values)), 0, values, color=BLUE, linewidth=1.6)
        axis.plot(range(len(values)), values, "o", color=BLUE, markersize=3.5)
        axis.axhline(0, color=INK, linewidth=0.7)
        style_axis(axis, "position", "" if axis is not axes[0] else "value", name)
    return figure


def inputs_seen(function: Callable[[Tensor], Tensor], x: Tensor, row: int, column: int) -> Tensor:
    """How strongly one output pixel reacts to every input pixel: [h, w], 0 where it does not depend on it.

    The output's pixel (row, column), summed over samples and channels, is differentiated with respect to the input
    x [N, C, h, w]; the map is the sum of the absolute gradients over samples and channels.
    """
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(leaf)[..., row, column].sum(), leaf)
    return gradient.abs().sum(dim=(0, 1))


def reach_figure(seen: Tensor, row: float, column: float, image_size: int) -> Figure:
    """Left: the map of `inputs_seen`, logarithmic. Right: the share of it within a distance, in image pixels.

    row and column: the output pixel, in image pixels.
    """
    size = seen.shape[-1]
    step = image_size / size
    share = (seen / seen.sum()).numpy()
    figure = Figure(figsize=(7.6, 2.5))
    left, right = figure.subplots(1, 2, gridspec_kw=dict(wspace=0.75, width_ratios=(1, 1.3)))
    with np.errstate(divide="ignore"):
        shown = left.imshow(np.log10(share / share.max()), cmap="gray_r", vmin=-4, vmax=0,
                            extent=(0, image_size, image_size, 0))
    left.plot([column + 0.5], [row + 0.5], "+", color=ORANGE, markersize=12, markeredgewidth=2)
    bar = figure.colorbar(shown, ax=left, ticks=(-4, -2, 0), fraction=0.05)
    bar.ax.set_yticklabels(["1/10000", "1/100", "strongest"], fontsize=8, color=INK)
    center = (np.arange(size) + 0.5) * step
    distance = np.maximum(abs(center[:, None] - row - 0.5), abs(center[None] - column - 0.5))
    radii = np.arange(1, image_size)
    right.plot(radii, [share[distance <= radius].sum() for radius in radii], color=BLUE, linewidth=1.8)
    right.axhline(0.9, color=INK, linewidth=0.7, linestyle=":")
    right.set_ylim(0, 1.02)
    left.set_xlabel("column, in image pixels")
    left.set_ylabel("row, in image pixels")
    right.set_xlabel("distance in image pixels")
    right.set_ylabel("share of the influence")
    right.spines[["top", "right"]].set_visible(False)
    for axis in (left, right):
        axis.tick_params(labelsize=8, colors=INK)
        axis.xaxis.label.set(fontsize=8, color=INK)
        axis.yaxis.label.set(fontsize=8, color=INK)
    return figure
