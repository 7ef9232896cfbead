"""A widget: damage a real pair of image and mask with sliders and watch what critics say about it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.data import Dataset, signed_one_hot
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.course.discriminator.figures import BLUE, GREY, MARKERS, ORANGE
from ssgan_lite.course.figures import INK

VIEW = 170      # pixels, width of a picture
Critic = Callable[[Tensor, Tensor], Tensor]


def shift_mask(ids: Tensor, dx: int) -> Tensor:
    """Part ids [N, H, W] moved dx pixels to the right (left if negative); background (0) comes in from the side."""
    width = ids.shape[-1]
    moved = F.pad(ids, (max(dx, 0), max(-dx, 0)))
    return moved[..., :width] if dx >= 0 else moved[..., -width:]


def damage(image: Tensor, ids: Tensor, dx: int = 0, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Image [N, 3, H, W] with `noise` times a fixed random pattern, and the mask [N, H, W] of ids moved by dx pixels.

    Returns the image and the mask as a critic gets it, [N, P, H, W].
    """
    pattern = torch.randn(image.shape[1:], generator=torch.Generator().manual_seed(0))
    return image + noise * pattern, signed_one_hot(shift_mask(ids, dx), 13)


@torch.no_grad()
def score_beside(critic: Critic, image: Tensor, mask: Tensor, companions: tuple[Tensor, Tensor]) -> float:
    """The score of one pair [1, ...], judged together with untouched pairs [3, ...]: critics look at groups of four."""
    return float(critic(torch.cat([image, companions[0]]), torch.cat([mask, companions[1]]))[0])


@torch.no_grad()
def mean_changes(critic: Critic, faces: Dataset, states: Sequence[tuple[int, int, float]], n: int = 60) -> list[float]:
    """How much the scores of n faces change, on average, in each state (owner of the mask, dx, noise).

    n: fewer, if there are not so many.
    owner: how many faces further on the mask is taken from. Every face is judged in a group of four with three
    untouched ones, as in `score_beside`: sample k of 4 n shares its group with k + n, k + 2 n and k + 3 n.
    """
    n = min(n, len(faces) - max(owner for owner, _, _ in states))
    image, ids = faces.image_batch(range(n)), faces.require_masks()
    rest = torch.cat([torch.arange(n).roll(-k) for k in (7, 8, 9)])         # any other faces
    companions = (image[rest], signed_one_hot(ids[rest], len(faces.parts)))
    scores = []
    for owner, dx, noise in ((0, 0, 0.0), *states):
        bad_image, bad_mask = damage(image, ids[owner:owner + n], dx, noise)
        pairs = (torch.cat([bad, untouched]) for bad, untouched in zip((bad_image, bad_mask), companions))
        scores.append(critic(*pairs)[:n])
    return [float((score - scores[0]).mean()) for score in scores[1:]]


class PairTester(widgets.VBox):
    """Sliders: move the mask, add noise to the image; a menu gives the image another person's mask.

    critics: name -> critic(image, mask). images [n, 3, H, W] and ids [n, H, W] with n >= 6: the first is the pair in
    hand, the next two lend their masks, the last three are the companions of the group. Drawn is how much each score
    has changed from that of the untouched pair; what falls by more than three stays at the end of the scale.
    """

    def __init__(self, critics: Mapping[str, Critic], images: Tensor, ids: Tensor):
        self.critics, self.images, self.ids = dict(critics), images, ids
        self.companions = (images[-3:], signed_one_hot(ids[-3:], 13))
        self.shift = widgets.IntSlider(value=0, min=-10, max=10, description="move mask",
                                       tooltip="How many pixels the mask is moved to the right")
        self.noise = widgets.FloatSlider(value=0, min=0, max=0.5, step=0.05, description="noise",
                                         tooltip="How much noise is added to the image")
        self.owner = widgets.Dropdown(options=[("its own", 0), ("another person's", 1), ("a third person's", 2)],
                                      description="mask")
        self.pictures = [widgets.Image(format="png", width=VIEW, height=VIEW) for _ in range(2)]
        self.scale = widgets.Image(format="png", width=340)
        self.caption = widgets.HTML()
        names = ("image", "mask")
        views = [widgets.VBox([picture, widgets.Label(name)]) for picture, name in zip(self.pictures, names)]
        super().__init__([widgets.HBox([*views, self.scale], layout=widgets.Layout(flex_flow="row wrap")),
                          self.caption,
                          widgets.HBox([self.owner, self.shift, self.noise],
                                       layout=widgets.Layout(flex_flow="row wrap"))])
        self._untouched = self.scores(0, 0, 0.0)
        for control in (self.owner, self.shift, self.noise):
            control.observe(self._redraw, "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"PairTester({self.images.shape[-1]} px; critics: {', '.join(self.critics)})"

    def scores(self, owner: int, dx: int, noise: float) -> dict[str, float]:
        """The score of each critic for a damaged pair."""
        image, mask = damage(self.images[:1], self.ids[owner:owner + 1], dx, noise)
        return {name: score_beside(critic, image, mask, self.companions) for name, critic in self.critics.items()}

    def _redraw(self, _=None) -> None:
        owner, dx, noise = self.owner.value, self.shift.value, self.noise.value
        image, _ = damage(self.images[:1], self.ids[owner:owner + 1], dx, noise)
        found = self.scores(owner, dx, noise)
        ids = shift_mask(self.ids[owner:owner + 1], dx)
        for view, pixels in zip(self.pictures, (to_image(image)[0], mask_to_rgb(ids)[0])):
            view.value = _png(Image.fromarray(pixels).resize((2 * VIEW, 2 * VIEW), Image.Resampling.NEAREST))
        self.scale.value = _png(self._draw(found))
        untouched = found == self._untouched
        words = "; ".join(f"{name} {score:+.2f}" for name, score in found.items())
        self.caption.value = (f"<p aria-live='polite'>Scores: {words}."
                              f"{' This pair is untouched: move something.' if untouched else ''}</p>")

    def _draw(self, found: dict[str, float]) -> Image.Image:
        figure = Figure(figsize=(3.4, 0.6 + 0.5 * len(found)))
        axis = figure.subplots()
        for row, ((name, score), color, marker) in enumerate(zip(found.items(), (BLUE, ORANGE, GREY), MARKERS)):
            place = np.clip(score - self._untouched[name], -3, 1)
            axis.plot([-3, 1], [-row, -row], color=GREY, linewidth=0.8)
            axis.plot(place, -row, marker=marker, markersize=10, color=color)
            axis.text(-3, -row + 0.2, name, fontsize=8, color=INK)
        axis.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        axis.set_xlim(-3.2, 1.2), axis.set_ylim(-len(found) + 0.5, 0.6)
        axis.set_xticks([-3, -2, -1, 0, 1], ["-3 or\nless", "-2", "-1", "un-\ntouched", "+1"], fontsize=8, color=INK)
        axis.set_xlabel("change of the score", fontsize=8, color=INK)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
        drawn = io.BytesIO()
        FigureCanvasAgg(figure).print_figure(drawn, format="png", dpi=130, bbox_inches="tight")
        return Image.open(drawn)


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG", compress_level=1)
    return data.getvalue()
