"""Depth-based fusion: pseudo-depths of the parts become fusion weights and a coarse mask.

SemanticStyleGAN (arXiv 2112.02236), "Fusion". `fuse` is what the generator, the editor's renderer and all figures
call; the functions below it are its steps. N samples, P parts, maps of H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig

EPS = 1e-8
LEAST = 1e-30           # a smaller weight is zero; not more, for two divisions by EPS can follow


class Fused(NamedTuple):
    """What the pseudo-depths decide."""

    weights: Tensor        # [N, P, H, W], how much of each part's features enters the sum (`LocalBank.compose`)
    coarse_mask: Tensor    # [N, P, H, W], in [-1, 1], which part is seen where


def fuse(depths: Tensor, config: ModelConfig, present: Tensor | None = None) -> Fused:
    """Pseudo-depths [N, P, H, W] -> fusion weights and coarse mask, with everything that the model's config says.

    present: [P] or [N, P] of 0 and 1 switches parts off.
    """
    mask = soft_mask(depths, present)                                                          # [N, P, H, W]
    if config.fusion == "hard":
        weights = hard_fusion_weights(mask, config.transparent_ids)
        mask = one_hot_straight_through(mask)
    else:
        weights = fusion_weights(mask, config.transparent_ids)
    return Fused(weights, to_coarse_mask(mask))


def soft_mask(depths: Tensor, present: Tensor | None = None) -> Tensor:
    """Softmax over the parts: a_p = exp(d_p) / sum_q exp(d_q). depths: [N, P, H, W] -> [N, P, H, W].

    `present` [N, P] or [P] of 0 and 1 switches parts off; what is left is renormalized to sum to 1.
    """
    mask = softmax_of_depths(depths)
    if present is not None:
        mask = mask * torch.as_tensor(present, dtype=mask.dtype, device=mask.device)[..., None, None]
        mask = mask / (mask.sum(dim=1, keepdim=True) + EPS)
    return mask


def softmax_of_depths(depths: Tensor) -> Tensor:
    """Softmax along axis 1, with zero for everything below LEAST.

    Depths lie up to 100 apart, so weights go down to 1e-44. Numbers below 1e-38 (denormals) change no result in
    float32, but a CPU multiplies them many times as slowly: with them the feature heads of `lite64` take 11 times as
    long (benchmarks/denormals.py).
    """
    return F.threshold(torch.softmax(depths, dim=1), LEAST, 0.0)


def fusion_weights(mask: Tensor, transparent: Sequence[int] = ()) -> Tensor:
    """How much of each part's features enters the sum. mask: [N, P, H, W] -> [N, P, H, W].

    Solid parts share a total of 1 as if the transparent ones were not there. Transparent parts (glasses, earrings)
    are added on top with their own weight, so that what lies behind them stays visible.
    """
    if not transparent:
        return mask
    is_solid = _solid(mask, transparent)
    solid = mask * is_solid
    return solid / (solid.sum(dim=1, keepdim=True) + EPS) + mask * (1 - is_solid)


def one_hot_straight_through(mask: Tensor) -> Tensor:
    """One for the largest entry along the parts, zero for the others, with the gradient of `mask` itself.

    The step has no useful derivative, so the backward pass pretends that it was not there (the straight-through
    estimator, Bengio et al., arXiv 1308.3432). Where `mask` is all zero, so is the result. [N, P, H, W]
    """
    hard = torch.zeros_like(mask).scatter_(1, mask.argmax(dim=1, keepdim=True), 1.0)
    hard = hard * (mask.detach().amax(dim=1, keepdim=True) > 0)
    return hard + (mask - mask.detach())


def hard_fusion_weights(mask: Tensor, transparent: Sequence[int] = ()) -> Tensor:
    """`fusion_weights` without blending, for the ablation "hard fusion": [N, P, H, W] of zeros and ones.

    Of the solid parts the nearest one alone is seen; a transparent part is added where it is the nearest of all, so
    glasses keep the face behind them. Without this second look the glasses' pixels would show glasses alone.
    """
    nearest = one_hot_straight_through(mask)
    weights = fusion_weights(mask, transparent)
    is_solid = _solid(mask, transparent)
    return one_hot_straight_through(weights * is_solid) + nearest * (1 - is_solid)


def to_coarse_mask(mask: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], the scale on which the discriminator and the mask loss see masks."""
    return 2 * mask - 1


def _solid(mask: Tensor, transparent: Sequence[int]) -> Tensor:
    """1 for solid parts, 0 for transparent ones: [1, P, 1, 1]."""
    is_solid = mask.new_ones(mask.shape[1])
    for part in transparent:
        is_solid[part] = 0.0          # one at a time: a GPU would have to be waited for to copy a list of indices
    return is_solid.view(1, -1, 1, 1)
