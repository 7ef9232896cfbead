"""Sliders for the styles of a small modulated layer."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from ssgan_lite.course.modulation.figures import weight_tables
from ssgan_lite.course.widgets import Panel, draw, side_by_side
from ssgan_lite.errors import UserError
from ssgan_lite.model.layers import demodulate


class StyleTable(Panel):
    """One slider for the style of each input, and the weights before and after with the length of each row."""

    still_width = 480

    def __init__(self, weight: Tensor, style: Tensor | Sequence[float]):
        super().__init__()
        if weight.ndim != 2 or len(style) != weight.shape[1]:
            raise UserError(f"A weight of shape {list(weight.shape)} needs one style for each of its inputs "
                            f"(columns), not {len(style)}.")
        self.weight = weight.detach()
        self.styles = [widgets.FloatSlider(value=float(value), min=-1, max=3, step=0.1, description=f"style {i + 1}",
                                           tooltip=f"How much every output listens to input {i + 1}",
                                           readout_format=".1f", layout=widgets.Layout(width="260px"))
                       for i, value in enumerate(style)]
        self.demodulation = widgets.Checkbox(value=True, description="demodulate", indent=False,
                                             tooltip="Give every row length 1")
        self.picture = widgets.Image(format="png")
        self.children = [side_by_side(*self.styles, self.demodulation), self.picture, self.caption]
        self.watch([*self.styles, self.demodulation], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"StyleTable({self.weight.shape[0]} outputs, {self.weight.shape[1]} inputs)"

    @property
    def used(self) -> Tensor:
        """The weights as the layer would use them now: [out, in]."""
        modulated = self.weight * torch.tensor([slider.value for slider in self.styles])
        return demodulate(modulated, dims=(1,)) if self.demodulation.value else modulated

    def _redraw(self, _=None) -> None:
        after = "W'' demodulated" if self.demodulation.value else "W' = W s"
        tables = {"W": self.weight, after: self.used}
        lengths = {title: [f"length {row.norm():.2f}" for row in table] for title, table in tables.items()}
        n_out, n_in = self.weight.shape
        figure = weight_tables(tables, lengths, [f"in {i + 1}" for i in range(n_in)],
                               [f"out {o + 1}" for o in range(n_out)])
        draw(self.picture, figure)
        rows = ", ".join(f"{row.norm():.2f}" for row in self.used)
        self.say(f"Standard deviation of the outputs for inputs of variance 1: {rows}.")
