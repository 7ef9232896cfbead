"""The render net stage by stage: its inputs, the output of each head, and the sum so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.fusion import fuse
from ssgan_lite.model.render import RenderNet


@torch.no_grad()
def fuse_face(generator: SemanticGenerator, seed: int, psi: float = 0.7) -> tuple[Tensor, Tensor]:
    """What the render net is given for one face: features [1, O, Hc, Hc] and the coarse mask [1, P, Hc, Hc]."""
    w = generator.truncate(generator.mapping(generator.sample_z(1, seed)), psi)
    codes = generator.layout.expand(w).unflatten(1, (generator.config.n_parts, -1))
    hidden, depths = generator.local(codes, generator.embedding())
    weights, coarse_mask = fuse(depths, generator.config)
    return generator.local.compose(hidden, weights), coarse_mask


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
        for parameter, value in zip(strengths, before, strict=False):
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
    for image_part, mask_part in zip(images, masks, strict=False):
        if net.mask_residual and mask_part.shape[-1] == net.coarse_size:
            mask_part = mask_part + coarse_mask
        image, mask = image + enlarge(net, image_part), mask + enlarge(net, mask_part)
        all_images.append(image)
        all_masks.append(mask)
    return all_images, all_masks
