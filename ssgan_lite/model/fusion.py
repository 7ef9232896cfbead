"""Who is in front: pseudo-depths become soft weights, weights become a coarse mask and one feature map.

SemanticStyleGAN (arXiv 2112.02236), "Fusion".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPS = 1e-8


def soft_mask(depths: Tensor, present: Tensor | None = None) -> Tensor:
    """Softmax over the parts: a_p = exp(d_p) / sum_q exp(d_q). depths: [N, P, H, W] -> [N, P, H, W].

    `present` [N, P] or [P] of 0 and 1 switches parts off; what is left is renormalised to sum to 1.
    """
    mask = torch.softmax(depths, dim=1)
    if present is not None:
        mask = mask * torch.as_tensor(present, dtype=mask.dtype, device=mask.device)[..., None, None]
        mask = mask / (mask.sum(dim=1, keepdim=True) + EPS)
    return mask


def fusion_weights(mask: Tensor, transparent: Sequence[int] = ()) -> Tensor:
    """How much of each part's features enters the sum. mask: [N, P, H, W] -> [N, P, H, W].

    Solid parts share a total of 1 as if the transparent ones were not there; transparent parts (glasses, earrings) are
    added on top with their own weight, so that what lies behind them stays visible.
    """
    if not transparent:
        return mask
    is_solid = mask.new_ones(mask.shape[1])
    is_solid[list(transparent)] = 0.0
    is_solid = is_solid.view(1, -1, 1, 1)
    solid = mask * is_solid
    return solid / (solid.sum(dim=1, keepdim=True) + EPS) + mask * (1 - is_solid)


def to_coarse_mask(mask: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], the scale on which the discriminator and the mask loss see masks."""
    return 2 * mask - 1
