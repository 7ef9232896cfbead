"""The plane of the game: real points, generated points, and what the discriminator believes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.course.figures import BLUE, INK, ORANGE
from ssgan_lite.course.gan.toy import EDGE, Moment, real_points
from ssgan_lite.errors import UserError

SIDE = 2.0              # inches


def board(axis: Axes, moment: Moment, real: Tensor, own_scale: bool = False) -> None:
    """One moment: the darker it is behind the points, the more the discriminator takes a point there for real.

    own_scale: white is the lowest probability of this moment and dark the highest, not 0 and 1.
    """
    low, high = (float(moment.belief.min()), float(moment.belief.max())) if own_scale else (0.0, 1.0)
    axis.imshow(moment.belief.numpy(), extent=(-EDGE, EDGE, -EDGE, EDGE), origin="lower", cmap="gray_r", vmin=low,
                vmax=low + 1.6 * max(high - low, 1e-6), interpolation="bilinear")
    axis.scatter(*real.T.numpy(), s=7, marker="o", facecolors="none", edgecolors=BLUE, linewidths=0.7)
    axis.scatter(*moment.points.T.numpy(), s=9, marker="x", color=ORANGE, linewidths=0.8)
    axis.set_xlim(-EDGE, EDGE), axis.set_ylim(-EDGE, EDGE)
    axis.set_xticks([]), axis.set_yticks([])
    means = [mean_belief(moment, points) for points in (real, moment.points)]
    told = f"white {low:.2f}, dark {high:.2f}" if own_scale else f"real {means[0]:.2f}, generated {means[1]:.2f}"
    axis.set_xlabel(told, fontsize=8, color=INK, labelpad=3)


def mean_belief(moment: Moment, points: Tensor) -> float:
    """The mean probability of being real that the discriminator of a moment gives to points [n, 2]."""
    found = F.grid_sample(moment.belief[None, None], points[None, None] / EDGE, align_corners=True,
                          padding_mode="border")
    return found.mean().item()


def boards(moments: Mapping[str, Moment], n_real: int = 120, own_scale: bool = False) -> Figure:
    """Moments of games side by side, by their titles, with the discriminator's probabilities below."""
    if not moments:
        raise UserError("No moments to show: give at least one, as {\"after 100 turns\": history[4]}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        real = real_points(n_real)
    figure = Figure(figsize=(SIDE * len(moments), SIDE + 0.5))
    axes = figure.subplots(1, len(moments), squeeze=False, gridspec_kw=dict(wspace=0.05, left=0, right=1))[0]
    for axis, (title, moment) in zip(axes, moments.items(), strict=True):
        board(axis, moment, real, own_scale)
        axis.set_title(title, fontsize=9, color=INK)
    if len(moments) > 1:
        told = ("below: its lowest and highest probability of being real" if own_scale else
                "below: mean probability of being real")
        legend = f"blue rings: real points    orange crosses: generated points    dark: taken for real    {told}"
        figure.text(0.5, -0.06, legend, ha="center", fontsize=8, color=INK)
    return figure
