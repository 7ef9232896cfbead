"""Slider for the pseudo-depth of one part."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from ssgan_lite.course.fusion.sheets import landscape, render_depths, section
from ssgan_lite.course.widgets import Panel, captioned, draw, side_by_side, view
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image


class DepthSheets(Panel):
    """Lift or lower the sheet of one part and see who is in front then.

    Four pictures: the sheets as a landscape, a cut along one row, the fused mask, the image.
    """

    def __init__(self, generator: SemanticGenerator, hidden: Tensor, depths: Tensor, row: int | None = None,
                 parts: Sequence[str] = ("hair", "face", "nose", "glasses", "hat", "background")):
        if len(depths) != 1:
            raise UserError(f"One face at a time, please: these are the depths of {len(depths)}.")
        super().__init__()
        self.generator, self.hidden, self.depths = generator, hidden.detach(), depths.detach()
        names = [part for part in parts if part in generator.config.parts]
        self.part = widgets.Dropdown(options=names + [p for p in generator.config.parts if p not in names],
                                     description="part")
        self.lift = widgets.FloatSlider(value=0, min=-30, max=30, step=1, description="lift", readout_format="+.0f",
                                        tooltip="What is added to the pseudo-depth of this part everywhere")
        size = depths.shape[-1]
        self.row = widgets.IntSlider(value=size // 2 if row is None else row, min=0, max=size - 1, description="cut "
            "row",
                                     tooltip="The row of the depth maps that the second picture shows")
        self.pictures = [view() for _ in range(4)]
        names = ("the sheets", "cut along one row", "the mask", "the image")
        self.children = [captioned(self.pictures, names), self.caption, side_by_side(self.part, self.lift, self.row)]
        self.watch([self.part], self._choose)
        self.watch([self.lift], self._redraw)
        self.watch([self.row], self._draw_section)
        self._redraw()

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"DepthSheets({self.depths.shape[1]} parts, {self.depths.shape[-1]} x {self.depths.shape[-1]})"

    @property
    def lifted(self) -> Tensor:
        """The depths as the sliders have them: [1, P, h, w]."""
        depths = self.depths.clone()
        depths[:, self.generator.config.part_id(self.part.value)] += self.lift.value
        return depths

    def _choose(self, _=None) -> None:
        if self.lift.value:
            self.lift.value = 0.0                                  # draws too
        else:
            self._redraw()

    def _redraw(self, _=None) -> None:
        depths, part = self.lifted, self.generator.config.part_id(self.part.value)
        image, mask = render_depths(self.generator, self.hidden, depths)
        draw(self.pictures[0], landscape(depths[0]))
        draw(self.pictures[2], mask_to_rgb(mask.argmax(1))[0])
        draw(self.pictures[3], to_image(image)[0])
        before, now = (torch.softmax(d, dim=1)[:, part].mean().item() for d in (self.depths, depths))
        self.say(f"{self.part.value.capitalize()}: {100 * now:.0f} % of all weight"
                 + (f"; {100 * before:.0f} % before you moved it." if self.lift.value else "."))
        self._draw_section()

    def _draw_section(self, _=None) -> None:
        draw(self.pictures[1], section(self.lifted[0], self.row.value))
