"""Slider along the shape and texture codes of one part."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from ssgan_lite.course.local.figures import depth_pictures, feature_picture
from ssgan_lite.course.widgets import Panel, captioned, draw, gray_pixels, side_by_side, view
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image


class ShapeWalk(Panel):
    """Lead one part along its shape code (or its texture code) towards that of a guest, and watch its pseudo-depth.

    0 is the part as it was, 1 the guest's; beyond both ends the way goes straight on.
    """

    def __init__(self, generator: SemanticGenerator, seed: int = 0, guest: int = 1, psi: float = 0.7,
                 parts: Sequence[str] = ("hair", "face", "nose", "mouth", "eyebrows", "ears", "neck", "hat")):
        super().__init__()
        self.generator = G = generator.eval()
        self.parts = [part for part in parts if part in G.config.parts]
        with torch.no_grad():
            self._own, self._guest = (G.layout.to_w_plus(G.truncate(G.mapping(G.sample_z(1, s)), psi)).clone()
                                      for s in (seed, guest))
            self._before = G(self._own)
        G.render.prepare()
        self.part = widgets.Dropdown(options=self.parts, description="part")
        self.shape, self.texture = (
            widgets.FloatSlider(value=0, min=-1, max=2, step=0.1, description=kind, readout_format=".1f")
            for kind in ("shape", "texture"))
        self.pictures = [view() for _ in range(4)]
        names = ("its depth: near is dark", "its features", "the face", "the mask")
        controls = side_by_side(self.part, widgets.VBox([self.shape, self.texture]))
        self.children = [captioned(self.pictures, names), controls, self.caption]
        self.watch([self.part], self._begin)
        self.watch([self.shape, self.texture], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"ShapeWalk({self.generator.config.size} px; parts: {', '.join(self.parts)})"

    def codes(self) -> Tensor:
        """The W+ code that is shown: [1, n_latent, S]."""
        codes = self._own.clone()
        for kind, slider in (("shape", self.shape), ("texture", self.texture)):
            address = self.generator.layout[self.part.value, kind]
            codes[:, address] = torch.lerp(self._own[:, address], self._guest[:, address], slider.value)
        return codes

    def _begin(self, _=None) -> None:
        for slider in (self.shape, self.texture):
            self.set_quietly(slider, 0.0, self._redraw)
        self._redraw()

    @torch.no_grad()
    def _redraw(self, _=None) -> None:
        G, part = self.generator, self.generator.config.part_id(self.part.value)
        out = G(self.codes())
        per_layer = out.codes.unflatten(1, (G.config.n_parts, G.config.local_layers))
        hidden, _ = G.local(per_layer, G.embedding())
        pictures = (gray_pixels(depth_pictures(out.depths[0, [part]])[0]), feature_picture(hidden[0, part]),
                    to_image(out.image)[0], mask_to_rgb(out.mask.argmax(1))[0])
        for place, picture in zip(self.pictures, pictures, strict=True):
            draw(place, picture)
        change = (out.depths - self._before.depths).abs().amax((0, 2, 3))
        own, others = change[part].item(), torch.cat([change[:part], change[part + 1:]]).max().item()
        self.say(f"Largest change of pseudo-depth: {own:.1f} in the {self.part.value}, {others:.1f} in all other "
                 "parts.")
