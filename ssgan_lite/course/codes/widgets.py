"""A slider for the truncation psi."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ssgan_lite.course.codes.figures import cloud_figure, code_cloud
from ssgan_lite.course.widgets import Panel, draw, side_by_side
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.mapping import truncate
from ssgan_lite.pictures import image_grid, png_bytes, to_image

HEIGHT = 240        # pixels, height of the cloud of codes in the widget


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
