"""The encoder: from a picture with its mask to the code z that draws it again.

A small MLP on frozen features (`ssgan_lite.features.FrozenFeatures`), pooled, and the pooled mask. It is trained with
the generator (`ssgan_lite.train.reconstruct`) as the encoder of a variational autoencoder (Kingma and Welling, arXiv
1312.6114), and ships with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.model.precision import full_precision

# Channels of the four frozen maps, and the size to which each is pooled: where things are comes from the fine maps,
# what they are from the coarse ones.
POOLED = ((24, 4), (40, 4), (112, 2), (320, 2))
FEATURES = sum(channels * size**2 for channels, size in POOLED)
MASK_SIZE = 8                                    # the mask is pooled to this size
HIDDEN = 224                                     # with 128 numbers in z: 0.9 million parameters


def pool_features(maps: Sequence[Tensor]) -> Tensor:
    """Frozen maps [N, C, h, w] at strides 4, 8, 16 and 32 -> [N, FEATURES]."""
    return torch.cat([F.adaptive_avg_pool2d(x.float(), size).flatten(1)
                      for x, (_, size) in zip(maps, POOLED, strict=True)], dim=1)


def pool_mask(mask: Tensor) -> Tensor:
    """A mask [N, P, R, R] in [-1, 1] -> [N, P * MASK_SIZE^2]."""
    return F.adaptive_avg_pool2d(mask, MASK_SIZE).flatten(1)


class Posterior(NamedTuple):
    """q(z | picture): independent normal distributions, [N, S] each."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """mean + sigma * noise, with standard normal noise [N, S]: gradients flow into both."""
        return self.mean + (self.log_variance / 2).exp() * noise


class Encoder(nn.Module):
    """Pooled features [N, FEATURES] and pooled mask [N, P * MASK_SIZE^2] -> the posterior of z."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        inputs = FEATURES + config.n_parts * MASK_SIZE**2
        self.layers = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, HIDDEN),
                                    nn.LeakyReLU(0.2))
        self.mean = nn.Linear(HIDDEN, config.style_dim)
        self.log_variance = nn.Linear(HIDDEN, config.style_dim)
        nn.init.zeros_(self.log_variance.weight)               # every picture begins with the same, small variance
        nn.init.constant_(self.log_variance.bias, -2.0)
        # Mean and standard deviation of the inputs over the data.
        self.register_buffer("offset", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))

    @full_precision
    def forward(self, features: Tensor, mask: Tensor) -> Posterior:
        h = self.layers((torch.cat([features, mask], dim=1) - self.offset) / self.scale)      # [N, HIDDEN]
        # Between sigma = 0.02 and 2.7: outside, the exponential would run away before the loss can say so.
        return Posterior(self.mean(h), self.log_variance(h).clamp(-8.0, 2.0))
