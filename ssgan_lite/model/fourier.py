"""Fourier features: the position embedding that lets an MLP draw sharp edges.

SemanticStyleGAN (arXiv 2112.02236), "Local generator"; Tancik et al., "Fourier features let networks learn high
frequency functions in low dimensional domains" (arXiv 2006.10739).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssgan_lite.model.precision import full_precision


def coordinate_grid(size: int) -> Tensor:
    """The positions of a size x size map: [2, size, size], channel 0 = x (along the width), channel 1 = y (down).

    Both run from -1 to 1 with the ends included: the corner pixels sit *on* the corners.
    """
    line = torch.linspace(-1.0, 1.0, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])                                                                 # [2, size, size]


def fourier_features(grid: Tensor, bands: int) -> Tensor:
    """[..., 2, H, W] -> [..., 2 (2 bands + 1), H, W]: xy, sin(xy), cos(xy), sin(2xy), cos(2xy), sin(4xy), ...

    The frequencies are 2^0 ... 2^(bands - 1), with no factor pi; with `bands=0` the coordinates are left alone.
    """
    features = [grid]
    for band in range(bands):
        features += [torch.sin(2.0**band * grid), torch.cos(2.0**band * grid)]
    return torch.cat(features, dim=-3)


def move_and_zoom(grid: Tensor, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0) -> Tensor:
    """The grid that makes a part appear shifted by (dx, dy) and `zoom` times larger about its new center.

    dx and dy are in units of half the picture's width; positive moves right and down. Moving what is drawn to the
    right means asking the generator for positions further to the left, hence the minus sign.
    """
    shift = torch.tensor([dx, dy], dtype=grid.dtype, device=grid.device).view(2, 1, 1)
    return (grid - shift) / zoom


class PositionEmbedding(nn.Module):
    """Fourier features and one linear 1 x 1 map without bias: the input that all local generators share."""

    def __init__(self, size: int, bands: int, out_channels: int):
        super().__init__()
        in_channels = 2 * (2 * bands + 1)
        self.bands = bands
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels))
        self.scale = 1 / math.sqrt(in_channels)
        self.register_buffer("grid", coordinate_grid(size), persistent=False)

    def forward(self, grid: Tensor | None = None) -> Tensor:
        """[..., 2, H, W] (default: the plain grid, [2, H, W]) -> [..., C, H, W]."""
        return self._embed(self.grid if grid is None else grid)

    # In bfloat16 neighboring pixels of a large picture would be given the same position.
    @full_precision
    def _embed(self, grid: Tensor) -> Tensor:
        features = fourier_features(grid, self.bands)
        return torch.einsum("cf,...fhw->...chw", self.weight * self.scale, features)
