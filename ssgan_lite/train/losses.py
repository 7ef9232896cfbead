"""Losses and regularizers of the published recipe, as pure functions. Those of phase 1 are in reconstruct.py.

Logistic loss from Goodfellow et al. (2014), R1 from Mescheder et al. (arXiv 1801.04406), path length
from StyleGAN2 (arXiv 1912.04958, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.model import DualBranchDiscriminator, SemanticGenerator

SMALLEST_AREA = 1e-4         # a part that fills a smaller share of the pictures counts as this much


def discriminator_loss(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """mean softplus(D(fake)) + mean softplus(-D(real)), the logistic loss."""
    return F.softplus(fake_score).mean() + F.softplus(-real_score).mean()


def generator_loss(fake_score: Tensor) -> Tensor:
    """mean softplus(-D(fake)), the non-saturating loss: its gradient is large where the discriminator is right."""
    return F.softplus(-fake_score).mean()


def mask_consistency(coarse_mask: Tensor, mask: Tensor) -> Tensor:
    """mean (m_c - pool(m))^2: the final mask, pooled to the coarse size, should equal the coarse mask.

    coarse_mask: [N, P, Hc, Hc] in [-1, 1]; mask: [N, P, R, R] raw scores. Gradients flow into both. A mean, so its
    weight does not depend on the size of the picture.
    """
    return (coarse_mask.float() - F.adaptive_avg_pool2d(mask, coarse_mask.shape[-1]).float()).square().mean()


class R1(NamedTuple):
    """The two penalties and the scores."""

    image: Tensor
    mask: Tensor
    score: Tensor


def r1_penalty(discriminator: DualBranchDiscriminator, image: Tensor, mask: Tensor | None) -> R1:
    """Mean over the batch of |d D / d x|^2, summed over channels and pixels, separately for image and mask.

    Penalizes the discriminator's gradient at real data, which makes training converge instead of oscillate. At twice
    the size the same discriminator has a quarter of this sum (four times as many pixels, each with a quarter of the
    gradient), so the weights grow with the square of the size.
    """
    inputs = [image.detach().requires_grad_(True)]
    if mask is not None:
        inputs.append(mask.detach().requires_grad_(True))
    score = discriminator(*inputs)
    gradients = torch.autograd.grad(score.sum(), inputs, create_graph=True)
    penalties = [gradient.square().flatten(1).sum(dim=1).mean() for gradient in gradients]
    return R1(penalties[0], penalties[1] if mask is not None else score.new_zeros(()), score)


def path_lengths(generator: SemanticGenerator, codes: Tensor, *, image_noise: Tensor | None = None,
                 noise: Sequence[Tensor] | None = None) -> Tensor:
    """How much the image changes with the codes, along a random direction of image space: [N].

    codes: expanded [N, P L, S], taken as given (the mapping network gets no gradient). image_noise: [N, 3, R, R] with
    standard deviation 1 / R, drawn if not given; noise: planes for the render net.
    """
    codes = codes.detach().requires_grad_(True)
    image = generator(codes, noise=noise).image
    if image_noise is None:
        image_noise = torch.randn_like(image) / math.sqrt(image.shape[2] * image.shape[3])
    gradient, = torch.autograd.grad((image * image_noise).sum(), codes, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def path_penalty(lengths: Tensor, running_mean: Tensor, decay: float = 0.01,
                 average: Callable[[Tensor], Tensor] = lambda mean: mean) -> tuple[Tensor, Tensor]:
    """mean (length - mean)^2 and the updated mean.

    The mean is updated first, and the gradient flows through its `decay` share of the current lengths, as published.
    average: averages over processes, if there are several.
    """
    mean = running_mean + decay * (average(lengths.mean()) - running_mean)
    return (lengths - mean).square().mean(), mean.detach()


def kept_mask_loss(scores: Tensor, before: Tensor, weights: Tensor) -> Tensor:
    """Squared difference of the mask scores from those that the same codes gave before fine-tuning.

    scores, before: [N, P, R, R]; weights: [P]. Every pixel has the weight of the part that was in front there.
    """
    weight = weights[before.argmax(dim=1)][:, None]                                            # [N, 1, R, R]
    return (weight * (scores.float() - before.float()).square()).mean()


def class_weights(areas: Tensor, balance: float = 0.5) -> Tensor:
    """area^-balance of every part, scaled so that a pixel weighs 1 on average. areas: shares of the picture, [P].

    Unweighted (0), an earring could vanish and hardly be missed; with 1 / area (1) it would count as much as the
    background.
    """
    weights = areas.clamp_min(SMALLEST_AREA).pow(-balance)
    return weights / (weights * areas).sum()
