"""A game in the plane: data of five kinds, and what is kept of it to be looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ANGLES = 2 * math.pi * torch.arange(5) / 5
CENTERS = 2 * torch.stack([ANGLES.sin(), ANGLES.cos()], dim=1)      # [5, 2], one for each kind
SPREAD = 0.2                                                        # standard deviation within a kind
EDGE = 3.2                                                          # pictures show the square from -EDGE to EDGE


def real_points(n: int) -> Tensor:
    """n points of the data, each of a random kind: [n, 2]."""
    return CENTERS[torch.randint(len(CENTERS), (n,))] + SPREAD * torch.randn(n, 2)


@dataclass(frozen=True)
class Moment:
    """What a game looks like after so many turns: generated points [n, 2], and on a grid of places [g, g] the
    probability of being real that the discriminator gives them."""

    turn: int
    points: Tensor
    belief: Tensor


@torch.no_grad()
def look(turn: int, generator: nn.Module, discriminator: nn.Module, n: int = 300, grid: int = 48) -> Moment:
    """A moment of a game, always of the same z; the random numbers of the game itself are not touched."""
    z = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    line = torch.linspace(-EDGE, EDGE, grid)
    places = torch.cartesian_prod(line, line)                       # x in rows, y in columns
    belief = torch.sigmoid(discriminator(places)).view(grid, grid)
    return Moment(turn, generator(z), belief.T)


def kinds_found(points: Tensor, centers: Tensor, radius: float, least: int) -> int:
    """How many kinds have at least `least` of the points [n, 2] within `radius` of their center [K, 2]."""
    near = torch.cdist(points, centers) <= radius                   # [n, K]
    return int((near.sum(dim=0) >= least).sum())
