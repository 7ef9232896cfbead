"""The plane of the game: real points, generated points, and what the discriminator believes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import BLUE, INK, ORANGE
from ssgan_lite.course.gan.toy import EDGE, Moment, real_points
from ssgan_lite.errors import UserError

SIDE = 2.0              # inches


def board(axis: Axes, moment: Moment, real: Tensor) -> None:
    """One moment: the darker the ground, the more the discriminator takes a point there for real."""
    axis.imshow(moment.belief.numpy(), extent=(-EDGE, EDGE, -EDGE, EDGE), origin="lower", cmap="gray_r", vmin=0,
                vmax=1.6, interpolation="bilinear")
    axis.scatter(*real.T.numpy(), s=7, marker="o", facecolors="none", edgecolors=BLUE, linewidths=0.7)
    axis.scatter(*moment.points.T.numpy(), s=9, marker="x", color=ORANGE, linewidths=0.8)
    axis.set_xlim(-EDGE, EDGE), axis.set_ylim(-EDGE, EDGE)
    axis.set_xticks([]), axis.set_yticks([])


def boards(moments: Mapping[str, Moment], n_real: int = 120) -> Figure:
    """Moments of games side by side, by their titles."""
    if not moments:
        raise UserError("No moments to show: give at least one, as {\"after 100 turns\": history[4]}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        real = real_points(n_real)
    figure = Figure(figsize=(SIDE * len(moments), SIDE + 0.5))
    axes = figure.subplots(1, len(moments), squeeze=False, gridspec_kw=dict(wspace=0.05, left=0, right=1))[0]
    for axis, (title, moment) in zip(axes, moments.items(), strict=True):
        board(axis, moment, real)
        axis.set_title(title, fontsize=9, color=INK)
    legend = "blue rings: real points    orange crosses: generated points    dark ground: taken for real"
    figure.text(0.5, 0.02, legend, ha="center", fontsize=8, color=INK)
    return figure
