"""Dual-branch discriminator: one branch sees the image, one the mask, and their features are added.

SemanticStyleGAN (arXiv 2112.02236), "Discriminator". Two residual towers of StyleGAN2's discriminator
(arXiv 1912.04958, section 4) without shared weights. They are summed, so image and mask must agree for the
sum to look real, and one branch can be left out (fine-tuning on images without masks).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model.layers import SQRT2, ActivatedConv2d, EqualConv2d, EqualLinear, FIRFilter, channels_last_on_cpu
from ssgan_lite.model.precision import full_precision

STDDEV_GROUP = 4


class ResidualBlock(nn.Module):
    """StyleGAN2's residual block: two 3 x 3 convolutions beside a 1 x 1 skip, half the resolution, sum / sqrt(2)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = ActivatedConv2d(in_channels, in_channels, 3)
        # The sum is to be divided by sqrt(2): the activation's own sqrt(2) cancels that, the skip's weights carry it.
        self.conv2 = ActivatedConv2d(in_channels, out_channels, 3, downsample=True, gain=1.0)
        # Filtering and dropping every other sample is one strided filter; the 1 x 1 convolution then works on a
        # quarter of the pixels.
        self.skip_blur = FIRFilter(pad=(1, 1), down=2)
        self.skip = EqualConv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:                                                    # [N, in, H, W]
        skip = self.skip(self.skip_blur(x), gain=1 / SQRT2)
        return skip.add_(self.conv2(self.conv1(x)))                                            # [N, out, H/2, W/2]


class Tower(nn.Sequential):
    """1 x 1 convolution, then residual blocks down to 4 x 4: [N, in, R, R] -> [N, C, 4, 4]."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]):
        super().__init__(ActivatedConv2d(in_channels, channels[0], 1),
                         *(ResidualBlock(a, b) for a, b in itertools.pairwise(channels)))


def minibatch_stddev(x: Tensor, group: int = STDDEV_GROUP) -> Tensor:
    """Append one channel that tells how much the samples of a group differ: [N, C, H, W] -> [N, C + 1, H, W].

    It exposes mode collapse: a batch of equal faces has deviation 0 (Karras et al., arXiv 1710.10196, section 3).
    Sample n belongs to group n mod (N / group); the channel holds the group's standard
    deviation averaged over channels and pixels.
    """
    n, c, h, w = x.shape
    group = min(n, group)
    if n % group:
        raise UserError(f"A batch of {n} cannot be split into groups of {group} for the minibatch standard "
                        f"deviation. Use a batch that is a multiple of {group}.")
    groups = x.reshape(group, n // group, c, h, w)
    deviation = torch.sqrt(groups.var(dim=0, unbiased=False) + 1e-8)                           # [N/group, C, H, W]
    deviation = deviation.mean(dim=(1, 2, 3)).repeat(group).view(n, 1, 1, 1)
    return torch.cat([x, deviation.expand(n, 1, h, w)], dim=1)


class DualBranchDiscriminator(nn.Module):
    """Image [N, 3, R, R] and mask [N, P, R, R] -> one realness score each, [N, 1], without a sigmoid."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.size = config.discriminator_size or config.size
        channels = config.discriminator_channels
        self.image_tower = Tower(3, channels)
        self.mask_tower = Tower(config.n_parts, channels) if config.mask_branch else None
        self.final_conv = ActivatedConv2d(channels[-1] + 1, channels[-1], 3)
        self.final_linear = nn.Sequential(EqualLinear(channels[-1] * 16, channels[-1], activate=True),
                                          EqualLinear(channels[-1], 1))

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mask scores in about [-1, 1] (a real mask is one-hot * 2 - 1). Without a mask only the image tower speaks.

        A discriminator that was built without a mask branch (an ablation) does not look at a mask that it is given.
        One that is smaller than the pictures (`discriminator_size`) sees them pooled.
        """
        if image.shape[-1] > self.size:
            image = F.avg_pool2d(image, image.shape[-1] // self.size)
            mask = None if mask is None else F.avg_pool2d(mask, mask.shape[-1] // self.size)
        h = self.image_tower(channels_last_on_cpu(image))                                      # [N, C, 4, 4]
        if mask is not None and self.mask_tower is not None:
            h = h + self.mask_tower(channels_last_on_cpu(mask))
        return self.decide(h)

    # A deviation is a small difference of large numbers, and the loss hangs on the score; 4 x 4 pixels cost little.
    @full_precision
    def decide(self, h: Tensor) -> Tensor:
        """From the features of the towers, [N, C, 4, 4], to the scores [N, 1]."""
        h = self.final_conv(minibatch_stddev(h))
        return self.final_linear(h.flatten(1))                                                 # [N, 1]
