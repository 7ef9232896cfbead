"""Frechet and kernel distance, IoU, part frequencies and leak in a few lines; `ssgan_lite.measure` has them whole."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ssgan_lite.data.dataset import Dataset
from ssgan_lite.measure.masks import part_areas, part_frequencies
from ssgan_lite.measure.samples import DISTANCES, draw_codes


def frechet_1d(mean_a: float, std_a: float, mean_b: float, std_b: float) -> float:
    """The Frechet distance of two normal distributions of one number."""
    return (mean_a - mean_b) ** 2 + (std_a - std_b) ** 2


def unbiased_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """MMD^2 of x [n, D] and y [m, D] with the kernel (a . b / D + 1)^3, no sample being compared with itself."""
    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    n, m = len(x), len(y)
    within_x = (kernel(x, x).sum() - kernel(x, x).trace()) / (n * (n - 1))
    within_y = (kernel(y, y).sum() - kernel(y, y).trace()) / (m * (m - 1))
    return within_x + within_y - 2 * kernel(x, y).mean()


def part_iou(judged: Tensor, witness: Tensor, part: int) -> float:
    """IoU of one part, averaged over the images whose `judged` mask has it; NaN if none has. Ids [N, H, W]."""
    mine, theirs = judged == part, witness == part
    both, either = (mine & theirs).flatten(1).sum(1), (mine | theirs).flatten(1).sum(1)
    present = mine.flatten(1).any(1)
    return float((both[present] / either[present]).mean())


def leak_of(before: Tensor, after: Tensor, region: Tensor) -> Tensor:
    """Mean absolute change of a pixel outside of the region, divided by that inside: [N].

    before, after: images [N, 3, H, W]; region: bool [N, H, W].
    """
    change = (after - before).abs().mean(1)
    inside = (change * region).sum((1, 2)) / region.sum((1, 2))
    outside = (change * ~region).sum((1, 2)) / (~region).sum((1, 2))
    return outside / inside


@torch.no_grad()
def frequencies(generator: nn.Module, heads: Dataset, n: int = 256) -> dict[str, dict]:
    """{part: how often it is there}, as in `part_frequencies`, of n faces without truncation beside the heads."""
    w, count = draw_codes(generator, n, 0, DISTANCES), len(generator.config.parts)
    masks = torch.cat([generator(codes).mask.argmax(1) for codes in w.split(16)])
    return part_frequencies(part_areas(masks, count), part_areas(heads.masks, count), generator.config.parts)
