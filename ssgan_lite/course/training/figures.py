"""Scores of real and generated pairs during training; heads of the data, drawn again; how sharp pictures are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    ORANGE,
    style_axis,
)
from ssgan_lite.model.encoder import pool_mask
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.train import Trainer

SCORES = {"real_score": ("real pairs", BLUE, "-"), "fake_score": ("generated pairs", ORANGE, "--")}


def score_curves(logs: dict[str, Sequence[dict[str, float]]], smooth: int = 1, one_scale: bool = True) -> Figure:
    """What the discriminator thinks of real and generated pairs, step by step; one panel for each named log.

    smooth: every point is the mean of so many steps, because single batches jump. one_scale: for all panels; without
    it each has its own.
    """
    figure = Figure(figsize=((2.6 if one_scale else 2.3) * len(logs), 2.1))
    axes = figure.subplots(1, len(logs), squeeze=False, sharey=one_scale)[0]
    for axis, (name, log) in zip(axes, logs.items(), strict=False):
        seen = [line["images"] for line in log][smooth - 1::smooth]
        for key, (label, color, style) in SCORES.items():
            values = np.array([line[key] for line in log])[:len(seen) * smooth].reshape(-1, smooth).mean(1)
            axis.plot(seen, values, style, color=color, label=label, linewidth=1.6)
        axis.axhline(0, color=INK, linewidth=0.6)
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel("images seen", fontsize=8, color=INK)
        style_axis(axis)
    axes[0].set_ylabel("mean score", fontsize=8, color=INK)
    axes[-1].legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.subplots_adjust(wspace=0.12 if one_scale else 0.3)
    return figure


@torch.no_grad()
def drawn_again(trainer: Trainer, heads: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Heads of the trainer's data through its encoder (the mean code) and generator: images and colored masks, uint8
    [N, R, R, 3] each; with the stored noise planes."""
    indices = torch.as_tensor(list(heads))
    _, mask = trainer.data.batch(indices)
    code = trainer.encoder(trainer.cache.features(indices, torch.zeros_like(indices)), pool_mask(mask)).mean
    training = trainer.G.training
    trainer.G.eval()
    out = trainer.G(trainer.G.mapping(code))
    trainer.G.train(training)
    return to_image(out.image), mask_to_rgb(out.mask.argmax(1))


def sharpness(images: np.ndarray) -> float:
    """Mean absolute difference of neighboring pixels, of 255 levels: images [N, H, W, 3] of bytes."""
    x = np.asarray(images, float)
    return (np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()) / 2
