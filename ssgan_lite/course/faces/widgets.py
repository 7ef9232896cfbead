"""A widget: plant more or less of a correlation in the data and watch an edit direction take the background along."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ssgan_lite.errors import UserError
from ssgan_lite.course.figures import picture_rows

Experiment = Callable[[float], tuple[Sequence[np.ndarray], float]]


class PlantSlider(widgets.VBox):
    """A slider over agreements. `experiment(agreement)` gives pictures, one for each title, and the leak; what it gave
    is kept, so that going back costs nothing.
    """

    def __init__(self, experiment: Experiment, titles: Sequence[str], agreements: Sequence[float] = (0.5, 1.0)):
        if len(agreements) < 2:
            raise UserError("A slider needs at least two agreements to choose from.")
        self.experiment, self.titles = experiment, list(titles)
        self._found: dict[float, tuple[bytes, float]] = {}
        self.agreement = widgets.SelectionSlider(options=[(f"{value:.2f}", value) for value in agreements],
                                                 description="agreement", continuous_update=False,
                                                 tooltip="In what share of the faces both things go together; 0.5: none")
        self.picture, self.caption = widgets.Image(format="png"), widgets.HTML()
        super().__init__([self.agreement, self.picture, self.caption])
        self.agreement.observe(lambda _: self._redraw(), "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"PlantSlider({len(self.agreement.options)} agreements)"

    def _redraw(self) -> None:
        value = self.agreement.value
        if value not in self._found:
            pictures, leak = self.experiment(value)
            data = io.BytesIO()
            figure = picture_rows([pictures], titles=self.titles, height=1.5)
            FigureCanvasAgg(figure).print_figure(data, format="png", dpi=100, bbox_inches="tight")
            self._found[value] = data.getvalue(), leak
        self.picture.value, leak = self._found[value]
        self.caption.value = (f"<p aria-live='polite'>agreement {value:.2f}: for every unit of change in the hair, the "
                              f"background changes by {leak:.2f}.</p>")
