"""A picture that grows while a model trains: the same faces again and again, one column each time."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from ssgan_lite.course.figures import faces_of, picture_rows
from ssgan_lite.course.training.figures import drawn_again
from ssgan_lite.course.widgets import Panel
from ssgan_lite.pictures import mask_to_rgb, png_bytes
from ssgan_lite.train import Trainer

ZOOM = 2               # screen pixels for one of the model's, along each axis


class GrowingPicture(Panel):
    """Trains in small portions and shows, after each, the same faces: a column of images above their masks.

    >>> growing = GrowingPicture(trainer, seeds=range(4))
    >>> growing.train(images=1200, portion=200)          # returns when they have been shown; the picture follows

    average: show the averaged generator, or the one that is being trained. again: heads of the data that are drawn
    again, through the encoder, below the faces of the seeds. `columns` and `history` keep everything, for a figure
    that needs no kernel.
    """

    def __init__(self, trainer: Trainer, seeds: Sequence[int] = range(4), average: bool = True,
                 again: Sequence[int] = ()):
        super().__init__()
        self.trainer, self.seeds, self.average, self.again = trainer, list(seeds), average, list(again)
        self.columns: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.history: list[dict[str, float]] = []
        self._first, self._portions = trainer.images_seen, 0
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.picture.add_class("ssgan-growing")
        self.bar = widgets.IntProgress(value=0, max=1, layout=widgets.Layout(width="300px"))
        self.children = [self.picture, widgets.HBox([self.bar, self.caption])]
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
        looks = [faces_of(generator, self.seeds)]
        if self.again:
            looks.append(drawn_again(self.trainer, self.again))
        self.columns[self.trainer.images_seen] = tuple(np.concatenate(both) for both in zip(*looks, strict=True))
        strip = np.concatenate([np.concatenate([np.concatenate(images), np.concatenate(masks)])
                                for images, masks in self.columns.values()], axis=1)
        self.picture.value = png_bytes(strip, ZOOM * strip.shape[1])
        self.say(f"{self.trainer.images_seen:,} images seen")

    def figure(self, height: float = 0.75) -> Figure:
        """Every look as a column, titled with the images seen: each face above its mask, the heads that are drawn
        again behind those of the seeds, and themselves in the last column."""
        looks = list(self.columns.values())
        rows = [[look[kind][i] for look in looks] for i in range(len(looks[0][0])) for kind in (0, 1)]
        titles = [f"{images:,}" for images in self.columns]
        if self.again:
            real = self.trainer.data
            shown = zip(real.images[self.again].movedim(1, -1).cpu().numpy(),
                        mask_to_rgb(real.masks[self.again].long().cpu()), strict=True)
            last = [None] * (2 * len(self.seeds)) + [picture for pair in shown for picture in pair]
            rows, titles = [[*row, picture] for row, picture in zip(rows, last, strict=True)], [*titles, "the head"]
        labels = [f"seed {seed}" for seed in self.seeds] + [f"head {index}" for index in self.again]
        return picture_rows(rows, titles, [text for name in labels for text in (name, "")], height)
