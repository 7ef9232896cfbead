"""A film player: frames drawn before, a play button and a slider."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from ssgan_lite.course.widgets import Panel, side_by_side, view
from ssgan_lite.pictures import png_bytes

WIDTH = 256     # pixels on the page


class FilmPlayer(Panel):
    """Plays uint8 frames [R, R, 3] round and round. The pictures are encoded once, so it runs smoothly anywhere."""

    def __init__(self, frames: Sequence[np.ndarray], interval: int = 80):
        super().__init__()
        self.frames = [png_bytes(frame, WIDTH, smooth=True, compress_level=1) for frame in frames]
        self.picture = view(WIDTH)
        self.play = widgets.Play(min=0, max=len(frames) - 1, interval=interval, repeat=True)
        self.position = widgets.IntSlider(min=0, max=len(frames) - 1, description="frame")
        widgets.jslink((self.play, "value"), (self.position, "value"))
        self.position.observe(lambda _: self._show(), "value")
        self.children = [self.picture, side_by_side(self.play, self.position)]
        self._show()

    def _show(self) -> None:
        self.picture.value = self.frames[self.position.value]

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"FilmPlayer({len(self.frames)} frames)"
