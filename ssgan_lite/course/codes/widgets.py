"""A widget: styles on sliders, and what modulation and demodulation make of a small weight matrix."""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.model.layers import demodulate
from ssgan_lite.course.codes.modulation import weight_tables


class StyleTable(widgets.VBox):
    """One slider for the style of each input; below them the weights before and after, with the length of each row."""

    def __init__(self, weight: Tensor, style: Tensor | Sequence[float]):
        if weight.ndim != 2 or len(style) != weight.shape[1]:
            raise UserError(f"A weight of shape {list(weight.shape)} needs one style for each of its inputs (columns), "
                            f"not {len(style)}.")
        self.weight = weight.detach()
        self.styles = [widgets.FloatSlider(value=float(value), min=-1, max=3, step=0.1, description=f"style {i + 1}",
                                           tooltip=f"How much every output listens to input {i + 1}",
                                           readout_format=".1f", layout=widgets.Layout(width="260px"))
                       for i, value in enumerate(style)]
        self.demodulation = widgets.Checkbox(value=True, description="demodulate", indent=False,
                                             tooltip="Give every row length 1")
        self.picture, self.caption = widgets.Image(format="png"), widgets.HTML()
        super().__init__([widgets.HBox([*self.styles, self.demodulation], layout=widgets.Layout(flex_flow="row wrap")),
                          self.picture, self.caption])
        for control in (*self.styles, self.demodulation):
            control.observe(lambda _: self._redraw(), "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"StyleTable({self.weight.shape[0]} outputs, {self.weight.shape[1]} inputs)"

    @property
    def used(self) -> Tensor:
        """The weights as the layer would use them now: [out, in]."""
        modulated = self.weight * torch.tensor([slider.value for slider in self.styles])
        return demodulate(modulated, dims=(1,)) if self.demodulation.value else modulated

    def _redraw(self) -> None:
        after = "W'' demodulated" if self.demodulation.value else "W' = W s"
        tables = {"W": self.weight, after: self.used}
        lengths = {title: [f"length {row.norm():.2f}" for row in table] for title, table in tables.items()}
        n_out, n_in = self.weight.shape
        figure = weight_tables(tables, lengths, [f"in {i + 1}" for i in range(n_in)],
                               [f"out {o + 1}" for o in range(n_out)])
        data = io.BytesIO()
        FigureCanvasAgg(figure).print_figure(data, format="png", dpi=100, bbox_inches="tight")
        self.picture.value = data.getvalue()
        rows = ", ".join(f"{row.norm():.2f}" for row in self.used)
        self.caption.value = f"<p aria-live='polite'>Loudness of the outputs for inputs of variance 1: {rows}.</p>"
