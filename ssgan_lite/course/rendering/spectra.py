"""Signals and their spectra: what upsampling does, sample by sample and frequency by frequency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import INK


def spectrum(picture: Tensor, decades: float = 4.0) -> np.ndarray:
    """Power at every frequency of a grey picture [H, W], for `picture_rows`: 0 (white, weak) to 1 (black, strong).

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
    for axis, (name, signal) in zip(axes, signals.items()):
        values = signal.flatten().numpy()
        axis.vlines(range(len(values)), 0, values, color="#22577a", linewidth=1.6)
        axis.plot(range(len(values)), values, "o", color="#22577a", markersize=3.5)
        axis.axhline(0, color=INK, linewidth=0.7)
        axis.set_title(name, fontsize=9, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)
    return figure
