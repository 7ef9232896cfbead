"""Slider through the stages of the render net, and for its noise."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
import torch

from ssgan_lite.course.rendering.stages import fuse_face, louder, so_far
from ssgan_lite.course.widgets import Panel, captioned, draw, side_by_side, view
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image


class StageViewer(Panel):
    """Walk through the stages of the render net, and turn the noise up.

    Four pictures: the image so far, what the last stage added, the mask so far, where the mask was changed last.
    """

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 0.7):
        super().__init__()
        self.net, self.psi, self.generator = generator.render, psi, generator
        n_stages = len(self.net.stages)
        self.stage = widgets.IntSlider(value=n_stages, min=1, max=n_stages, description="stage",
                                       tooltip="How many stages of the render net have drawn")
        self.noise = widgets.FloatSlider(value=0, min=0, max=0.3, step=0.01, description="noise",
                                         tooltip="Added to the learnt noise strength of every convolution")
        self.seed = widgets.BoundedIntText(value=seed, min=0, max=9999, description="face",
                                           tooltip="The seed of the face")
        self.pictures = [view() for _ in range(4)]
        names = ("image so far", "added by this stage", "mask so far", "mask changed here")
        controls = side_by_side(self.stage, self.noise, self.seed)
        self.children = [captioned(self.pictures, names), self.caption, controls]
        self.watch([self.seed, self.noise], self._render)
        self.watch([self.stage], self._redraw)
        self._render()

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"StageViewer({len(self.net.stages)} stages, {self.net.start_size} to {self.generator.config.size} px)"

    def _render(self, _=None) -> None:
        with louder(self.net, self.noise.value):
            self.images, self.masks = so_far(self.net, *fuse_face(self.generator, self.seed.value, self.psi))
        self._redraw()

    def _redraw(self, _=None) -> None:
        last = self.stage.value - 1
        image, mask = self.images[last], self.masks[last].argmax(1)
        before = self.images[last - 1] if last else torch.zeros_like(image)
        if last:
            changed = (mask != self.masks[last - 1].argmax(1))[0].numpy()
        else:
            changed = np.zeros(mask.shape[1:], bool)
        colors = mask_to_rgb(mask)[0]
        arrays = (to_image(image)[0], to_image(image - before)[0], colors,
                  np.where(changed[..., None], colors, np.uint8(245)))
        for place, array in zip(self.pictures, arrays, strict=True):
            draw(place, array, smooth=False)
        size = self.net.start_size * 2 ** self.stage.value
        carries = "the coarse mask is in" if size >= self.net.coarse_size else "the coarse mask is not in yet"
        carries = carries if self.net.mask_residual else "this net adds no coarse mask"
        self.say(f"Drawn up to {size} x {size} pixels; {carries}.")
