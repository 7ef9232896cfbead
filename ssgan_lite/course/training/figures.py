"""A picture that grows while a model trains: the same faces again and again, one column each time."""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.course.figures import INK, picture_rows
from ssgan_lite.train import Trainer

ZOOM = 2               # screen pixels for one of the model's, along each axis
CRITIC = {"real_score": ("real pairs", "#22577a", "-"), "fake_score": ("made-up pairs", "#d1782f", "--")}


@torch.no_grad()
def faces_of(generator: torch.nn.Module, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Images and coloured masks of these seeds, uint8 [N, R, R, 3] each; the stored noise planes, whatever the mode.

    No truncation: the mean code of a network that is being trained is out of date at every step.
    """
    training = generator.training
    generator.eval()
    z = torch.cat([generator.sample_z(1, seed) for seed in seeds])
    out = generator(generator.mapping(z))
    generator.train(training)
    return to_image(out.image), mask_to_rgb(out.mask.argmax(1))


class GrowingPicture(widgets.VBox):
    """Trains in small portions and shows, after each, the same faces: a column of images above their masks.

    >>> growing = GrowingPicture(trainer, seeds=range(4))
    >>> growing.train(images=1200, portion=200)          # returns when they have been shown; the picture follows

    average: show the averaged generator, or the one that is being trained. `columns` and `history` keep everything, for a
    figure that needs no kernel.
    """

    def __init__(self, trainer: Trainer, seeds: Sequence[int] = range(4), average: bool = True):
        self.trainer, self.seeds, self.average = trainer, list(seeds), average
        self.columns: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.history: list[dict[str, float]] = []
        self._first, self._portions = trainer.images_seen, 0
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.picture.add_class("ssgan-growing")
        self.bar = widgets.IntProgress(value=0, max=1, layout=widgets.Layout(width="300px"))
        self.caption = widgets.HTML()
        super().__init__([self.picture, widgets.HBox([self.bar, self.caption])])
        self._look()

    def __repr__(self) -> str:
        return f"GrowingPicture({len(self.seeds)} faces; {len(self.columns)} looks)"

    def train(self, images: int, portion: int) -> GrowingPicture:
        """Show the trainer `images` more, looking up after every `portion` (both rounded up to whole steps)."""
        self.bar.max, self.bar.value = images, 0
        shown, due = 0, portion
        while shown < images:
            stats = self.trainer.step()
            shown += self.trainer.config.batch
            self.bar.value = min(shown, images)
            self.history.append({name: float(value) for name, value in stats.items()}
                            | {"images": self.trainer.images_seen})
            if shown >= due or shown >= images:
                due += portion
                self._portions += 1
                self._look()
        return self

    def _look(self) -> None:
        generator = self.trainer.G_ema if self.average else self.trainer.G
        self.columns[self.trainer.images_seen] = faces_of(generator, self.seeds)
        strip = np.concatenate([np.concatenate([np.concatenate(images), np.concatenate(masks)])
                                for images, masks in self.columns.values()], axis=1)
        data = io.BytesIO()
        height, width = strip.shape[:2]
        Image.fromarray(strip).resize((ZOOM * width, ZOOM * height), Image.Resampling.NEAREST).save(data, "PNG")
        self.picture.value = data.getvalue()
        self.caption.value = f"<span aria-live='polite'>{self.trainer.images_seen:,} images seen</span>"

    def figure(self, height: float = 0.75) -> Figure:
        """Every look as a column, titled with the images seen; faces in rows, images first, then masks."""
        rows = [[images[i] for images, _ in self.columns.values()] for i in range(len(self.seeds))]
        rows += [[masks[i] for _, masks in self.columns.values()] for i in range(len(self.seeds))]
        return picture_rows(rows, titles=[f"{images:,}" for images in self.columns], height=height)


def score_curves(logs: dict[str, Sequence[dict[str, float]]], smooth: int = 1) -> Figure:
    """What the critic thinks of real and made-up pairs, step by step; one panel for each named log.

    smooth: every point is the mean of so many steps, because single batches jump.
    """
    figure = Figure(figsize=(3.1 * len(logs), 2.1))
    axes = figure.subplots(1, len(logs), squeeze=False, sharey=True)[0]
    for axis, (name, log) in zip(axes, logs.items()):
        seen = [line["images"] for line in log][smooth - 1::smooth]
        for key, (label, color, style) in CRITIC.items():
            values = np.array([line[key] for line in log])[:len(seen) * smooth].reshape(-1, smooth).mean(1)
            axis.plot(seen, values, style, color=color, label=label, linewidth=1.6)
        axis.axhline(0, color=INK, linewidth=0.6)
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel("images seen", fontsize=8, color=INK)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean score", fontsize=8, color=INK)
    axes[-1].legend(fontsize=8, frameon=False)
    figure.subplots_adjust(wspace=0.12)
    return figure
