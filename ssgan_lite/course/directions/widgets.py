"""A rig as a joystick: drag on the face, and the rig turns it."""

from __future__ import annotations

from pathlib import Path

import anywidget
import torch
import traitlets
from IPython.display import HTML, display
from torch import Tensor, nn

from ssgan_lite.directions.stylerig import RigNet
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import png_bytes, still_html, to_image

HERE = Path(__file__).parent
WIDTH = 256         # pixels on the page
REACH = 2.5         # standard deviations of the model's faces from the middle of the stick to its border


class RigStick(anywidget.AnyWidget):
    """Drag on a face: right and left for one parameter of a rig, up and down for another. Arrow keys do as well.

    Every place of the stick is computed from the face as it was given, not from the one before, so nothing drifts.
    """

    _esm, _css = HERE / "stick.js", HERE / "stick.css"

    place = traitlets.List([0.0, 0.0]).tag(sync=True)           # of the stick: across and up, -1 to 1
    picture = traitlets.Bytes().tag(sync=True)                  # PNG
    caption = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int().tag(sync=True)
    across = traitlets.Unicode().tag(sync=True)
    up = traitlets.Unicode().tag(sync=True)

    def __init__(self, generator: nn.Module, rig: RigNet, codes: Tensor, has: Tensor, across: str = "yaw",
                 up: str = "pitch"):
        """codes: [1, n_latent, S] of a face; has: [1, K], its parameters as they are read from it."""
        if len(codes) != 1:
            raise UserError(f"The stick turns one face, not {len(codes)}.")
        if across == up:
            raise UserError(f'Left and right need another parameter than up and down; both are "{up}".')
        super().__init__(across=across.replace("_", " "), up=up.replace("_", " "))
        self.generator, self.rig, self.codes, self.has = generator, rig, codes, has
        self.columns = rig.column(across), rig.column(up)
        self.observe(self._draw, "place")
        self._draw()

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"RigStick({self.across} and {self.up})"

    @torch.no_grad()
    def at(self, x: float, y: float) -> Tensor:
        """The codes [1, n_latent, S] at a place of the stick; its middle is the face as it was given."""
        wants = self.has.clone()
        for column, place in zip(self.columns, (x, y), strict=True):
            wants[:, column] += REACH * float(place) * self.rig.spread[column]
        return self.rig(self.codes, self.has, wants)

    @torch.no_grad()
    def _draw(self, _=None) -> None:
        x, y = (max(-1.0, min(1.0, float(value))) for value in self.place)
        pixels = to_image(self.generator(self.at(x, y)).image)[0]
        with self.hold_sync():
            self.picture = png_bytes(pixels, 2 * WIDTH, smooth=True, compress_level=1)
            self.caption = f"{self.across} {REACH * x:+.1f}, {self.up} {REACH * y:+.1f} standard deviations"
            self.answered += 1

    def _repr_mimebundle_(self, **options):
        """The widget, and before it a picture that is seen where the widget cannot be: without a kernel."""
        with torch.no_grad():
            pixels = to_image(self.generator(self.at(*self.place)).image)[0]
        display(HTML(still_html([pixels], "A face to be turned by dragging", hidden_by="rs", width=WIDTH)))
        return super()._repr_mimebundle_(**options)
