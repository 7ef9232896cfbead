"""Sliders for the number of Fourier frequencies and for the position of a part."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
from torch import Tensor

from ssgan_lite.course.widgets import Panel, captioned, draw, gray_pixels, side_by_side, view
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image

WIDTH = 192     # screen pixels of a picture


class FrequencySlider(Panel):
    """What a coordinate network draws, against the number of frequencies it was given.

    drawings: [F + 1, H, W], how strongly each of the networks believes in a pixel (0 to 1), for 0, 1, ... F
    frequencies; wanted: [H, W] of 0 and 1.
    """

    def __init__(self, drawings: Tensor, wanted: Tensor):
        if drawings.ndim != 3 or drawings.shape[1:] != wanted.shape:
            raise UserError(f"Drawings [F, H, W] and a wanted mask [H, W] go together, not {list(drawings.shape)} "
                            f"and {list(wanted.shape)}.")
        super().__init__()
        self._drawings, self._wanted = drawings.detach(), wanted
        self.bands = widgets.IntSlider(value=0, min=0, max=len(drawings) - 1, description="frequencies")
        self.pictures = [view(WIDTH) for _ in range(3)]
        names = ("what it should draw", "what it draws", "wrong pixels")
        self.children = [captioned(self.pictures, names), self.bands, self.caption]
        draw(self.pictures[0], gray_pixels(wanted), smooth=False)
        self.watch([self.bands], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"FrequencySlider(0 to {self.bands.max} frequencies)"

    def _redraw(self, _=None) -> None:
        drawing = self._drawings[self.bands.value]
        wrong = (drawing > 0.5) != (self._wanted > 0.5)
        draw(self.pictures[1], gray_pixels(drawing), smooth=False)
        draw(self.pictures[2], gray_pixels(wrong.float()), smooth=False)
        highest = 2 ** (self.bands.value - 1) if self.bands.value else "none"
        self.say(f"{self.bands.value} frequencies, highest {highest}: {100 * wrong.float().mean():.1f} % of the "
                 "pixels are wrong.")


class PartMover(Panel):
    """Move or enlarge one part of a face by giving its generator other positions; all codes stay as they are."""

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 0.7,
                 parts: Sequence[str] = ("mouth", "nose", "hair", "eyebrows", "face", "hat", "glasses")):
        super().__init__()
        self.face = Session(generator, seed, psi)
        self._size = generator.config.size
        self.parts = [part for part in parts if part in generator.config.parts]
        generator.render.prepare()
        self.part = widgets.Dropdown(options=self.parts, description="part")
        self.right = self._slider("right", -0.5, 0.5, 0.0)
        self.down = self._slider("down", -0.5, 0.5, 0.0)
        self.zoom = self._slider("zoom", 0.6, 1.6, 1.0)
        self.back = widgets.Button(description="Put it back", icon="undo", tooltip="The plain grid for all parts")
        self.pictures = [view(WIDTH) for _ in range(2)]
        controls = side_by_side(widgets.VBox([self.part, self.back]),
                                widgets.VBox([self.right, self.down, self.zoom]))
        self.children = [captioned(self.pictures, ("the face", "its mask")), controls, self.caption]
        self.watch([self.right, self.down, self.zoom], self._move)
        self.watch([self.part], self._begin)
        self.back.on_click(lambda _: self._reset())
        self._redraw()

    def __repr__(self) -> str:
        return f"PartMover({self._size} px; parts: {', '.join(self.parts)})"

    def _move(self, _=None) -> None:
        self.face.move(self.part.value, self.right.value, self.down.value, self.zoom.value)
        self._redraw()

    def _begin(self, _=None) -> None:
        """Set the sliders to where the chosen part already is."""
        part = self.face.generator.config.part_id(self.part.value)
        where = self.face.state.placement.get(part, (0.0, 0.0, 1.0))
        for slider, value in zip((self.right, self.down, self.zoom), where, strict=False):
            self.set_quietly(slider, value, self._move)
        self._redraw()

    def _reset(self) -> None:
        self.face.reset()
        self._begin()

    def _redraw(self) -> None:
        out = self.face.render()
        draw(self.pictures[0], to_image(out.image)[0], smooth=False)
        draw(self.pictures[1], mask_to_rgb(out.mask.argmax(1))[0], smooth=False)
        dx, dy, zoom = self.right.value, self.down.value, self.zoom.value
        self.say(f"The generator of the {self.part.value} is asked for the positions "
                 f"((x - {dx:.2f}) / {zoom:.2f}, (y - {dy:.2f}) / {zoom:.2f}).")

    @staticmethod
    def _slider(name: str, low: float, high: float, value: float) -> widgets.FloatSlider:
        return widgets.FloatSlider(value=value, min=low, max=high, step=0.05, description=name, readout_format=".2f")
