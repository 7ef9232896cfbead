"""Sliders for a cloud of generated points, with precision, recall and Frechet distance."""

from __future__ import annotations

import ipywidgets as widgets

from ssgan_lite.course.measuring.clouds import balls, two_clouds
from ssgan_lite.course.widgets import Panel, draw
from ssgan_lite.measure.distances import frechet_distance, precision_recall


class CloudPair(Panel):
    """Move and stretch a cloud of generated points; precision, recall and Frechet distance follow."""

    def __init__(self, n: int = 60):
        super().__init__()
        self.n = n
        self.shift = widgets.FloatSlider(value=0, min=0, max=3, step=0.1, description="shift")
        self.spread = widgets.FloatSlider(value=1, min=0.1, max=2, step=0.1, description="spread")
        self.k = widgets.IntSlider(value=3, min=1, max=10, description="neighbors")
        self.picture = widgets.Image(format="png", width=640)
        self.children = [self.shift, self.spread, self.k, self.picture, self.caption]
        self.watch([self.shift, self.spread, self.k], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"CloudPair({self.n} real and {self.n} generated points)"

    def _redraw(self, _=None) -> None:
        real, fake = two_clouds(self.shift.value, self.spread.value, self.n)
        precision, recall = precision_recall(real, fake, self.k.value)
        draw(self.picture, balls(real, fake, self.k.value))
        self.say(f"precision {precision:.2f}, recall {recall:.2f}, Frechet distance "
                 f"{frechet_distance(real, fake):.2f}")
