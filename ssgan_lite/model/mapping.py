"""The mapping network z -> w, and truncation. StyleGAN (arXiv 1812.04948), section 2 and appendix B."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssgan_lite.model.layers import EqualLinear
from ssgan_lite.model.precision import full_precision


def normalize_second_moment(z: Tensor) -> Tensor:
    """z / sqrt(mean(z^2)): every z lands on a sphere, so that only its direction matters. [N, S] -> [N, S]"""
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


class MappingNetwork(nn.Module):
    """StyleGAN's mapping network: equal-width linear layers, each (the last one too) with the scaled leaky ReLU.

    They learn at `lr_multiplier` times the pace of the rest: a step in w is felt by all other layers at once, so it
    must be small.
    """

    def __init__(self, style_dim: int, n_layers: int, lr_multiplier: float = 0.01):
        super().__init__()
        self.layers = nn.ModuleList(
            EqualLinear(style_dim, style_dim, lr_multiplier, activate=True) for _ in range(n_layers))

    # Small, and its rounding errors would be in every pixel.
    @full_precision
    def forward(self, z: Tensor) -> Tensor:                                                    # [N, S]
        w = normalize_second_moment(z)
        for layer in self.layers:
            w = layer(w)                                                                       # [N, S]
        return w


def truncate(w: Tensor, mean: Tensor, psi: float) -> Tensor:
    """The truncation trick, mean + psi (w - mean). w: [..., S], mean: [S].

    psi = 1 changes nothing, psi = 0 gives the average face; between them, less variety and fewer odd faces.
    """
    return mean + psi * (w - mean)
