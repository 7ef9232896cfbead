"""Slider for a planted correlation, with the edit direction that a model learns from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np

from ssgan_lite.course.figures import (
    picture_rows,
    to_picture,
)
from ssgan_lite.course.widgets import Panel
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import png_bytes

Experiment = Callable[[float], tuple[Sequence[np.ndarray], float]]


class PlantSlider(Panel):
    """A slider over agreements. `experiment(agreement)` gives pictures, one for each title, and the leak; what it
    gave is kept, so that going back costs nothing.
    """

    still_width = 480

    def __init__(self, experiment: Experiment, titles: Sequence[str], agreements: Sequence[float] = (0.5, 1.0)):
        if len(agreements) < 2:
            raise UserError("A slider needs at least two agreements to choose from.")
        super().__init__()
        self.experiment, self.titles = experiment, list(titles)
        self._found: dict[float, tuple[bytes, float]] = {}
        self.agreement = widgets.SelectionSlider(options=[(f"{value:.2f}", value) for value in agreements],
                                                 description="agreement", continuous_update=False,
                                                 tooltip="In what share of the faces both things go together; 0.5: "
                                                         "none")
        self.picture = widgets.Image(format="png")
        self.children = [self.agreement, self.picture, self.caption]
        self.watch([self.agreement], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"PlantSlider({len(self.agreement.options)} agreements)"

    def _redraw(self, _=None) -> None:
        value = self.agreement.value
        if value not in self._found:
            pictures, leak = self.experiment(value)
            figure = picture_rows([pictures], titles=self.titles, height=1.5)
            self._found[value] = png_bytes(to_picture(figure)), leak
        self.picture.value, leak = self._found[value]
        self.say(f"agreement {value:.2f}: for every unit of change in the hair, the background changes by "
                 f"{leak:.2f}.")
