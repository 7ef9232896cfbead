"""Sliders that damage a real image-mask pair, with the scores of several discriminators."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.discriminator.pairs import Discriminator, damage, score_beside, shift_mask
from ssgan_lite.course.figures import (
    GRAY,
    INK,
    LINES,
)
from ssgan_lite.course.widgets import Panel, captioned, draw, side_by_side, view
from ssgan_lite.data import signed_one_hot
from ssgan_lite.pictures import mask_to_rgb, to_image


class PairTester(Panel):
    """Sliders: move the mask, add noise to the image; a menu gives the image another person's mask.

    discriminators: name -> discriminator(image, mask). images [n, 3, H, W] and ids [n, H, W] with n >= 6: the first
    is the pair in hand, the next two lend their masks, the last three are the companions of the group. Drawn is how
    much each score has changed from that of the untouched pair; what falls by more than ten stays at the end of the
    scale.
    """

    def __init__(self, discriminators: Mapping[str, Discriminator], images: Tensor, ids: Tensor):
        super().__init__()
        self.discriminators, self.images, self.ids = dict(discriminators), images, ids
        self.companions = (images[-3:], signed_one_hot(ids[-3:], 13))
        self.shift = widgets.IntSlider(value=0, min=-10, max=10, description="move mask",
                                       tooltip="How many pixels the mask is moved to the right")
        self.noise = widgets.FloatSlider(value=0, min=0, max=0.5, step=0.05, description="noise",
                                         tooltip="How much noise is added to the image")
        self.owner = widgets.Dropdown(options=[("its own", 0), ("another person's", 1), ("a third person's", 2)],
                                      description="mask")
        self.pictures = [view() for _ in range(2)]
        self.scale = widgets.Image(format="png", width=340)
        self.children = [side_by_side(captioned(self.pictures, ("image", "mask")), self.scale), self.caption,
                         side_by_side(self.owner, self.shift, self.noise)]
        self._untouched = self.scores(0, 0, 0.0)
        self.watch([self.owner, self.shift, self.noise], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"PairTester({self.images.shape[-1]} px; discriminators: {', '.join(self.discriminators)})"

    def scores(self, owner: int, dx: int, noise: float) -> dict[str, float]:
        """The score of each discriminator for a damaged pair."""
        image, mask = damage(self.images[:1], self.ids[owner:owner + 1], dx, noise)
        return {name: score_beside(discriminator, image, mask, self.companions)
                for name, discriminator in self.discriminators.items()}

    def _redraw(self, _=None) -> None:
        owner, dx, noise = self.owner.value, self.shift.value, self.noise.value
        image, _ = damage(self.images[:1], self.ids[owner:owner + 1], dx, noise)
        found = self.scores(owner, dx, noise)
        ids = shift_mask(self.ids[owner:owner + 1], dx)
        draw(self.pictures[0], to_image(image)[0], smooth=False)
        draw(self.pictures[1], mask_to_rgb(ids)[0], smooth=False)
        draw(self.scale, self._draw(found), dpi=130)
        untouched = found == self._untouched
        words = "; ".join(f"{name} {score:+.2f}" for name, score in found.items())
        self.say(f"Scores: {words}.{' This pair is untouched: move something.' if untouched else ''}")

    def _draw(self, found: dict[str, float]) -> Figure:
        figure = Figure(figsize=(3.4, 0.6 + 0.5 * len(found)))
        axis = figure.subplots()
        for i, ((name, score), (color, _, marker)) in enumerate(zip(found.items(), LINES, strict=False)):
            place = -i
            change = np.clip(score - self._untouched[name], -10, 2)
            axis.plot([-10, 2], [place, place], color=GRAY, linewidth=0.8)
            axis.plot(change, place, marker=marker, markersize=10, color=color)
            axis.text(-10, place + 0.2, name, fontsize=8, color=INK)
        axis.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        axis.set_xlim(-10.6, 2.6), axis.set_ylim(-len(found) + 0.5, 0.6)
        axis.set_xticks([-10, -5, 0, 2], ["-10 or\nless", "-5", "un-\ntouched", "+2"], fontsize=8, color=INK)
        axis.set_xlabel("change of the score", fontsize=8, color=INK)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
        return figure
