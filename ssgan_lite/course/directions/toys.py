"""Codes in two dimensions, in which a flow can be looked at."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def moons(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two half moons that hook into each other: points [n, 2], and which moon each belongs to, 0 or 1: [n, 1]."""
    draw = torch.Generator().manual_seed(seed)
    lower = torch.arange(n) % 2
    angle = math.pi * torch.rand(n, generator=draw)
    side = 1.0 - 2.0 * lower
    points = torch.stack([angle.cos() - 0.5 * side, side * (angle.sin() - 0.25)], dim=1)
    return points + 0.07 * torch.randn(n, 2, generator=draw), lower[:, None].float()
