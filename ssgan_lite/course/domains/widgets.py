"""A slider between a model and its fine-tuned child: some sections of the one, the others of the other."""

from __future__ import annotations

import ipywidgets as widgets
import torch

from ssgan_lite.course.widgets import Panel, captioned, draw, side_by_side, view
from ssgan_lite.model import SemanticGenerator, blend
from ssgan_lite.pictures import mask_to_rgb, to_image

CHOICES = {             # what is taken from the child: text on the page -> sections
    "render net": ("render",),
    "last stage of the render net": ("render_last",),
    "textures": ("texture",),
    "textures and render net": ("texture", "render"),
    "shapes": ("shape",),
    "all local generators": ("local",),
    "everything": ("mapping", "local", "render"),
}


class BlendSlider(Panel):
    """One code in the parent, in a blend and in the child; choose the sections, drag their share."""

    def __init__(self, parent: SemanticGenerator, child: SemanticGenerator, seed: int = 0, psi: float = 0.7):
        super().__init__()
        self.parent, self.child, self.seed, self.psi = parent, child, seed, psi
        self.sections = widgets.Dropdown(options=list(CHOICES), description="of the child:",
                                         tooltip="Which sections of the generator come from the child")
        self.share = widgets.FloatSlider(value=1, min=0, max=1, step=0.1, description="share", readout_format=".1f",
                                         continuous_update=False, tooltip="0 is the parent, 1 the child")
        self.person = widgets.IntSlider(value=seed, min=0, max=63, description="seed", continuous_update=False,
                                        tooltip="Which face")
        self.pictures = [view() for _ in range(4)]
        self.children = [side_by_side(self.sections, self.share, self.person),
                         captioned(self.pictures, ["parent", "blend", "its mask", "child"]), self.caption]
        self.watch([self.sections, self.share, self.person], self._redraw)
        self._redraw()

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"BlendSlider(seed {self.seed})"

    @property
    def layers(self) -> dict[str, float]:
        """The sections that are taken from the child, with their share."""
        last = f"render_{self.parent.config.render_stages - 1}"
        return {last if name == "render_last" else name: self.share.value for name in CHOICES[self.sections.value]}

    @torch.no_grad()
    def _redraw(self, _=None) -> None:
        mixed = blend(self.parent, self.child, self.layers)
        outs = []
        for generator in (self.parent, mixed, self.child):
            w = generator.mapping(generator.sample_z(1, self.person.value))
            outs.append(generator(generator.truncate(w, self.psi)))
        for place, out in zip((self.pictures[0], self.pictures[1], self.pictures[3]), outs, strict=True):
            draw(place, to_image(out.image)[0], smooth=True)
        draw(self.pictures[2], mask_to_rgb(outs[1].mask.argmax(1))[0])
        self.say(f"{self.sections.value.capitalize()}: {self.share.value:.0%} of the child.")
