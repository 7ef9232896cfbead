"""Damaged image-mask pairs, and how much their scores change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.data import Dataset, signed_one_hot

Discriminator = Callable[[Tensor, Tensor], Tensor]


def shift_mask(ids: Tensor, dx: int) -> Tensor:
    """Part ids [N, H, W] moved dx pixels to the right (left if negative); background (0) comes in from the side."""
    width = ids.shape[-1]
    moved = F.pad(ids, (max(dx, 0), max(-dx, 0)))
    return moved[..., :width] if dx >= 0 else moved[..., -width:]


def damage(image: Tensor, ids: Tensor, dx: int = 0, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Image [N, 3, H, W] with `noise` times a fixed random pattern, and the mask [N, H, W] of ids moved by dx pixels.

    Returns the image and the mask as a discriminator gets it, [N, P, H, W].
    """
    pattern = torch.randn(image.shape[1:], generator=torch.Generator().manual_seed(0))
    return image + noise * pattern, signed_one_hot(shift_mask(ids, dx), 13)


@torch.no_grad()
def score_beside(discriminator: Discriminator, image: Tensor, mask: Tensor,
                 companions: tuple[Tensor, Tensor]) -> float:
    """The score of one pair [1, ...], in a group with three untouched pairs [3, ...]."""
    return float(discriminator(torch.cat([image, companions[0]]), torch.cat([mask, companions[1]]))[0])


@torch.no_grad()
def mean_changes(discriminator: Discriminator, faces: Dataset, states: Sequence[tuple[int, int, float]],
                 n: int = 60) -> list[float]:
    """How much the scores of n faces change, on average, in each state (owner of the mask, dx, noise).

    n: fewer, if there are not so many.
    owner: how many faces further on the mask is taken from. Every face is judged in a group of four with three
    untouched ones, as in `score_beside`: sample k of 4 n shares its group with k + n, k + 2 n and k + 3 n.
    """
    n = min(n, len(faces) - max(owner for owner, _, _ in states))
    image, ids = faces.image_batch(range(n)), faces.require_masks()
    rest = torch.cat([torch.arange(n).roll(-k) for k in (7, 8, 9)])         # any other faces
    companions = (image[rest], signed_one_hot(ids[rest], len(faces.parts)))
    scores = []
    for owner, dx, noise in ((0, 0, 0.0), *states):
        bad_image, bad_mask = damage(image, ids[owner:owner + n], dx, noise)
        scores.append(discriminator(torch.cat([bad_image, companions[0]]), torch.cat([bad_mask, companions[1]]))[:n])
    return [float((score - scores[0]).mean()) for score in scores[1:]]
