"""Sliders for the styles of a small modulated layer, and for the truncation psi."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from ssgan_lite.course.codes.figures import cloud_figure, code_cloud, weight_tables
from ssgan_lite.course.widgets import Panel, draw, side_by_side
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.layers import demodulate
from ssgan_lite.model.mapping import truncate
from ssgan_lite.pictures import image_grid, png_bytes, to_image

HEIGHT = 240        # pixels, height of the cloud of codes in the widget


class StyleTable(Panel):
    """One slider for the style of each input, and the weights before and after with the length of each row."""

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


class TruncationSlider(Panel):
    """Drag psi: three faces on the left, their codes on the way to the mean of W on the right."""

    def __init__(self, generator: SemanticGenerator, seeds: Sequence[int] = (1, 2, 3), psi: float = 0.7):
        super().__init__()
        self.generator, self.seeds = generator, tuple(seeds)
        with torch.no_grad():
            self._w = torch.cat([generator.mapping(generator.sample_z(1, seed)) for seed in self.seeds])   # [3, S]
        if generator.mean_w.isnan().any():
            generator.update_mean_w()
        self._cloud = code_cloud(generator)
        self.psi = widgets.FloatSlider(value=psi, min=0, max=1.5, step=0.05, description="psi", readout_format=".2f",
                                       tooltip="0 is the average face, 1 leaves the codes alone, above 1 goes beyond")
        self.faces, self.codes = widgets.Image(format="png", height=150), widgets.Image(format="png", height=HEIGHT)
        self.children = [self.psi, side_by_side(self.faces, self.codes), self.caption]
        self.watch([self.psi], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"TruncationSlider({len(self.seeds)} faces of {self.generator.config.size} px)"

    @torch.no_grad()
    def _redraw(self, _=None) -> None:
        G, psi = self.generator, self.psi.value
        images = to_image(G(truncate(self._w, G.mean_w, psi)).image)
        sheet = image_grid(list(images), columns=len(images), scale=150 // G.config.size + 1)
        self.faces.value = png_bytes(sheet, compress_level=1)
        draw(self.codes, cloud_figure(G, self._cloud, self._w, [psi]), dpi=90)
        self.say(f"psi = {psi:.2f}: codes at {100 * psi:.0f} % of their distance from the mean.")
