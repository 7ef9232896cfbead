"""Two widgets about positions: how many frequencies a drawing needs, and a part moved by its coordinates."""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from PIL import Image
from torch import Tensor

from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image

VIEW = 192      # pixels, width of each picture on the screen


class FrequencySlider(widgets.VBox):
    """What a coordinate network draws, against the number of frequencies it was given.

    drawings: [F + 1, H, W], how strongly each of the networks believes in a pixel (0 to 1), for 0, 1, ... F
    frequencies; wanted: [H, W] of 0 and 1.
    """

    def __init__(self, drawings: Tensor, wanted: Tensor):
        if drawings.ndim != 3 or drawings.shape[1:] != wanted.shape:
            raise UserError(f"Drawings [F, H, W] and a wanted mask [H, W] go together, not {list(drawings.shape)} and "
                            f"{list(wanted.shape)}.")
        self._drawings, self._wanted = drawings.detach(), wanted
        self.bands = widgets.IntSlider(value=0, min=0, max=len(drawings) - 1, description="frequencies")
        self.pictures = [widgets.Image(format="png", width=VIEW, height=VIEW) for _ in range(3)]
        self.caption = widgets.HTML()
        super().__init__([_captioned(self.pictures, ("what it should draw", "what it draws", "wrong pixels")),
                          self.bands, self.caption])
        self.pictures[0].value = _grey(wanted)
        self.bands.observe(self._redraw, "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"FrequencySlider(0 to {self.bands.max} frequencies)"

    def _redraw(self, _=None) -> None:
        drawing = self._drawings[self.bands.value]
        wrong = (drawing > 0.5) != (self._wanted > 0.5)
        self.pictures[1].value = _grey(drawing)
        self.pictures[2].value = _grey(wrong.float())
        self.caption.value = (f"<p aria-live='polite'>{self.bands.value} frequencies, highest "
                              f"{2 ** (self.bands.value - 1) if self.bands.value else 'none'}: "
                              f"{100 * wrong.float().mean():.1f} % of the pixels are wrong.</p>")


class PartMover(widgets.VBox):
    """Move or enlarge one part of a face by giving its generator other positions; all codes stay as they are."""

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 0.7,
                 parts: Sequence[str] = ("mouth", "nose", "hair", "eyebrows", "face", "hat", "glasses")):
        self.face = Session(generator, seed, psi)
        self._size = generator.config.size
        self.parts = [part for part in parts if part in generator.config.parts]
        generator.render.prepare()
        self.part = widgets.Dropdown(options=self.parts, description="part")
        self.right = self._slider("right", -0.5, 0.5, 0.0)
        self.down = self._slider("down", -0.5, 0.5, 0.0)
        self.zoom = self._slider("zoom", 0.6, 1.6, 1.0)
        self.back = widgets.Button(description="Put it back", icon="undo", tooltip="The plain grid for all parts")
        self.pictures = [widgets.Image(format="png", width=VIEW, height=VIEW) for _ in range(2)]
        self.caption = widgets.HTML()
        controls = widgets.HBox([widgets.VBox([self.part, self.back]),
                                 widgets.VBox([self.right, self.down, self.zoom])],
                                layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([_captioned(self.pictures, ("the face", "its mask")), controls, self.caption])
        for slider in (self.right, self.down, self.zoom):
            slider.observe(self._move, "value")
        self.part.observe(self._begin, "value")
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
        for slider, value in zip((self.right, self.down, self.zoom), where):
            slider.unobserve(self._move, "value")
            slider.value = value
            slider.observe(self._move, "value")
        self._redraw()

    def _reset(self) -> None:
        self.face.reset()
        self._begin()

    def _redraw(self) -> None:
        out = self.face.render()
        self.pictures[0].value = _png(to_image(out.image)[0])
        self.pictures[1].value = _png(mask_to_rgb(out.mask.argmax(1))[0])
        dx, dy, zoom = self.right.value, self.down.value, self.zoom.value
        self.caption.value = (f"<p aria-live='polite'>The generator of the {self.part.value} is asked for the "
                              f"positions ((x - {dx:.2f}) / {zoom:.2f}, (y - {dy:.2f}) / {zoom:.2f}).</p>")

    @staticmethod
    def _slider(name: str, low: float, high: float, value: float) -> widgets.FloatSlider:
        return widgets.FloatSlider(value=value, min=low, max=high, step=0.05, description=name, readout_format=".2f")


def _captioned(pictures: Sequence[widgets.Image], names: Sequence[str]) -> widgets.HBox:
    return widgets.HBox([widgets.VBox([picture, widgets.Label(name)]) for picture, name in zip(pictures, names)],
                        layout=widgets.Layout(flex_flow="row wrap"))


def _grey(map_: Tensor) -> bytes:
    """0 white, 1 black, as in `picture_rows`."""
    return _png(np.stack([np.uint8(255 - 255 * map_.clamp(0, 1).numpy())] * 3, axis=2))


def _png(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(array).resize((2 * VIEW, 2 * VIEW), Image.Resampling.NEAREST).save(data, "PNG", compress_level=1)
    return data.getvalue()
