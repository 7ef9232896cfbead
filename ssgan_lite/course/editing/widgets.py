"""A film in a notebook: frames that were drawn before, a play button and a slider."""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from PIL import Image

WIDTH = 256     # pixels on the page


class FilmPlayer(widgets.VBox):
    """Plays uint8 frames [R, R, 3] round and round. The pictures are encoded once, so it runs smoothly anywhere."""

    def __init__(self, frames: Sequence[np.ndarray], interval: int = 80):
        self.frames = [_png(frame) for frame in frames]
        self.picture = widgets.Image(format="png", width=WIDTH, height=WIDTH)
        self.play = widgets.Play(min=0, max=len(frames) - 1, interval=interval, repeat=True)
        self.position = widgets.IntSlider(min=0, max=len(frames) - 1, description="frame")
        widgets.jslink((self.play, "value"), (self.position, "value"))
        self.position.observe(lambda _: self._show(), "value")
        super().__init__([self.picture, widgets.HBox([self.play, self.position],
                                                     layout=widgets.Layout(flex_flow="row wrap"))])
        self._show()

    def _show(self) -> None:
        self.picture.value = self.frames[self.position.value]

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"FilmPlayer({len(self.frames)} frames)"


def _png(frame: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame).resize((WIDTH, WIDTH), Image.Resampling.BICUBIC).save(data, "PNG", compress_level=1)
    return data.getvalue()
