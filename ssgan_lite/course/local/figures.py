"""Local generators as figures: codes per layer, pseudo-depths, features, drift of parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.course.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    style_axis,
)

FAR, NEAR = -15.0, 15.0         # pseudo-depths that are drawn white and black


def layer_table(config: ModelConfig, part: str = "hair") -> Figure:
    """Which code goes to which layer, for the background and for any other part, and where depth is read."""
    n, d, b = config.local_layers, config.depth_layers, config.base_layers
    figure = Figure(figsize=(7.6, 2.3))
    axis = figure.add_axes([0, 0, 1, 1])
    axis.set_xlim(-2.1, n + 2.2), axis.set_ylim(-0.35, 3.0)
    axis.axis("off")
    looks = {"base": ("white", INK), "shape": (PALE, INK), "texture": (BLUE, "white")}
    for y, name in ((1.6, "background"), (0.3, part)):
        axis.text(-0.15, y + 0.3, name, ha="right", va="center", fontsize=9, color=INK)
        for layer in range(n):
            kind = "texture" if layer >= d else "shape"
            if name != "background" and layer < b:
                kind = "base"
            face, ink = looks[kind]
            axis.add_patch(Rectangle((layer + 0.04, y), 0.92, 0.6, facecolor=face, edgecolor=INK, linewidth=0.8))
            text = f"base {layer}" if kind == "base" else kind
            axis.text(layer + 0.5, y + 0.3, text, ha="center", va="center", fontsize=8, color=ink)
        arrow = dict(arrowstyle="-|>", color=INK, linewidth=1, shrinkA=0, shrinkB=0)
        axis.annotate("", (n + 0.45, y + 0.3), (n + 0.02, y + 0.3), arrowprops=arrow)
        axis.text(n + 0.52, y + 0.3, f"features\n[{config.local_channels}, {config.coarse_size}, "
                                     f"{config.coarse_size}]",
                  va="center", fontsize=8, color=INK)
        if name == "background":
            axis.text(d - 0.1, y - 0.27, "depth: 0 everywhere", ha="center", va="center", fontsize=8, color=INK)
        else:
            axis.annotate("", (d - 0.05, y - 0.33), (d - 0.05, y), arrowprops=arrow)
            axis.text(d + 0.1, y - 0.27, f"pseudo-depth [{config.coarse_size}, {config.coarse_size}]", va="center",
                      fontsize=8, color=INK)
    for layer in range(n):
        axis.text(layer + 0.5, 2.45, str(layer), ha="center", va="center", fontsize=8, color=INK)
    axis.text(-0.15, 2.45, "layer", ha="right", va="center", fontsize=8, color=INK)
    return figure


def depth_pictures(depths: Tensor) -> list[np.ndarray]:
    """Pseudo-depths as gray pictures for `picture_rows`: far is white, near is black. [P, H, W] -> P of [H, W]"""
    return list(((depths.detach() - FAR) / (NEAR - FAR)).clamp(0, 1).cpu().numpy())


def feature_picture(hidden: Tensor) -> np.ndarray:
    """The three directions in which features differ most from pixel to pixel (PCA), as red, green and blue.

    [C, H, W] -> [H, W, 3] uint8. The colors mean nothing by themselves; equal colors mean similar features.
    """
    c, h, w = hidden.shape
    pixels = hidden.detach().double().flatten(1)                                               # [C, M]
    _, _, axes = torch.linalg.svd(pixels - pixels.mean(1, keepdim=True), full_matrices=False)
    axes = axes[:3]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))                               # a sign that stays
    axes = axes * largest.sign() / axes.abs().quantile(0.98, dim=1, keepdim=True)
    return ((axes.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).view(3, h, w).permute(1, 2, 0).cpu().numpy()


def drift_scatter(pairs: Mapping[str, tuple[Tensor, Tensor]], names: tuple[str, str]) -> Figure:
    """Where two parts are, in pixels right of the picture's middle, one against the other, one dot per face; one plot
    for each entry of `pairs`."""
    figure = Figure(figsize=(2.7 * len(pairs), 2.5), layout="constrained")
    axes = figure.subplots(1, len(pairs), sharex=True, sharey=True, squeeze=False)[0]
    for i, (axis, (title, (first, second))) in enumerate(zip(axes, pairs.items(), strict=False)):
        axis.plot(first, second, "o^"[i % 2], color=(BLUE, ORANGE)[i % 2], markersize=4, alpha=0.75,
                  markeredgewidth=0)
        axis.set_title(title, fontsize=9, color=INK)
        axis.set_xlabel(f"middle of the {names[0]} (pixels)", fontsize=8, color=INK)
        style_axis(axis)
    axes[0].set_ylabel(f"middle of the {names[1]} (pixels)", fontsize=8, color=INK)
    return figure
