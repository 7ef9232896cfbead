"""What each stage of a render net adds to image and mask, and a widget that walks through the stages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import ipywidgets as widgets
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.fusion import fusion_weights, soft_mask, to_coarse_mask
from ssgan_lite.model.render import RenderNet
from ssgan_lite.pictures import mask_to_rgb, to_image

VIEW = 176      # pixels on the screen, width and height of each of the four pictures


@torch.no_grad()
def fuse_face(generator: SemanticGenerator, seed: int, psi: float = 0.7) -> tuple[Tensor, Tensor]:
    """What the render net is given for one face: features [1, O, Hc, Hc] and the coarse mask [1, P, Hc, Hc]."""
    w = generator.truncate(generator.mapping(generator.sample_z(1, seed)), psi)
    codes = generator.layout.expand(w).unflatten(1, (generator.config.n_parts, -1))
    hidden, depths = generator.local(codes, generator.embedding())
    mask = soft_mask(depths)
    weights = fusion_weights(mask, generator.config.transparent_ids)
    return generator.local.compose(hidden, weights), to_coarse_mask(mask)


@contextmanager
def louder(net: RenderNet, strength: float) -> Iterator[None]:
    """Add `strength` to the noise strength of every convolution; afterwards all is as it was."""
    strengths = [conv.noise_strength for stage in net.stages for conv in (stage.up, stage.conv)]
    before = [parameter.data.clone() for parameter in strengths]
    for parameter in strengths:
        parameter.data += strength
    try:
        yield
    finally:
        for parameter, value in zip(strengths, before):
            parameter.data = value


@torch.no_grad()
def head_outputs(net: RenderNet, features: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The outputs of all image heads and of all mask heads, before anything is added: [N, 3, s, s], [N, P, s, s]."""
    images, masks = [], []
    x = F.avg_pool2d(features, net.coarse_size // net.start_size)
    for i, stage in enumerate(net.stages):
        if x.shape[-1] == net.coarse_size:
            x = torch.cat([x, features], dim=1)
        x = stage.conv(stage.up(x, net.stored_noise[2 * i]), net.stored_noise[2 * i + 1])
        images.append(stage.to_image(x))
        masks.append(stage.to_mask(x))
    return images, masks


@torch.no_grad()
def enlarge(net: RenderNet, picture: Tensor) -> Tensor:
    """To full size along the skip chain: doubled again and again by the heads' own filter. [N, C, s, s]"""
    size = net.start_size * 2 ** len(net.stages)
    while picture.shape[-1] < size:
        picture = net.stages[0].to_image.upsample(picture)
    return picture


def so_far(net: RenderNet, features: Tensor, coarse_mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Image and mask scores at full size after every stage; the coarse mask is in from its own resolution on.

    The chain is linear, so what came later can simply be left out of the sum. The last pair is the net's output.
    """
    images, masks = head_outputs(net, features)
    image = mask = 0
    all_images, all_masks = [], []
    for image_part, mask_part in zip(images, masks):
        if net.mask_residual and mask_part.shape[-1] == net.coarse_size:
            mask_part = mask_part + coarse_mask
        image, mask = image + enlarge(net, image_part), mask + enlarge(net, mask_part)
        all_images.append(image)
        all_masks.append(mask)
    return all_images, all_masks


class StageViewer(widgets.VBox):
    """Walk through the stages of the render net, and turn the noise up.

    Four pictures: the image so far, what the last stage added, the mask so far, where the mask was changed last.
    """

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 0.7):
        self.net, self.psi, self.generator = generator.render, psi, generator
        n_stages = len(self.net.stages)
        self.stage = widgets.IntSlider(value=n_stages, min=1, max=n_stages, description="stage",
                                       tooltip="How many stages of the render net have drawn")
        self.noise = widgets.FloatSlider(value=0, min=0, max=0.3, step=0.01, description="noise",
                                         tooltip="Added to the learnt noise strength of every convolution")
        self.seed = widgets.BoundedIntText(value=seed, min=0, max=9999, description="face",
                                           tooltip="The seed of the face")
        self.pictures = [widgets.Image(format="png", width=VIEW, height=VIEW) for _ in range(4)]
        self.caption = widgets.HTML()
        wrap = widgets.Layout(flex_flow="row wrap")
        names = ("image so far", "added by this stage", "mask so far", "mask changed here")
        views = [widgets.VBox([picture, widgets.Label(name)]) for picture, name in zip(self.pictures, names)]
        super().__init__([widgets.HBox(views, layout=wrap), self.caption,
                          widgets.HBox([self.stage, self.noise, self.seed], layout=wrap)])
        self.seed.observe(self._render, "value")
        self.noise.observe(self._render, "value")
        self.stage.observe(self._redraw, "value")
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
        for view, array in zip(self.pictures, arrays):
            view.value = _png(array)
        size = self.net.start_size * 2 ** self.stage.value
        carries = "the coarse mask is in" if size >= self.net.coarse_size else "the coarse mask is not in yet"
        carries = carries if self.net.mask_residual else "this net adds no coarse mask"
        self.caption.value = f"<p aria-live='polite'>Drawn up to {size} x {size} pixels; {carries}.</p>"


def _png(array: np.ndarray) -> bytes:
    """A picture enlarged for the screen, as PNG."""
    if array.ndim != 3:
        raise UserError("A picture has height, width and three colours.")
    data = io.BytesIO()
    Image.fromarray(array).resize((2 * VIEW, 2 * VIEW), Image.Resampling.NEAREST).save(data, "PNG", compress_level=1)
    return data.getvalue()
