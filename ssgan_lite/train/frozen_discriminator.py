"""A discriminator on frozen features: it sees what a network trained on ImageNet sees of the picture.

Projected GAN (Sauer et al., arXiv 2111.01007) and Vision-aided GAN (Kumari et al., arXiv 2112.09130). The features
come from `ssgan_lite.features.FrozenFeatures`; a fixed random mixing of channels and scales keeps the discriminator
from looking at a few of them only; one small head per scale judges. Beside the features a head sees the mask, pooled
to its scale. Nothing of the paper: there the dual-branch discriminator plays alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ssgan_lite.features import FrozenFeatures
from ssgan_lite.model.fusion import one_hot_straight_through
from ssgan_lite.train.streams import stream

MIXED = (64, 64, 96, 128)            # channels of the four maps after mixing
WIDTH = 64                           # channels of a head
SHARPNESS = 3.0                      # of the softmax whose gradient a hardened mask has
# How far the jitter goes: every picture is shifted, brightened and stretched at random.
SHIFT = 1 / 8                        # of the width, by whole pixels, either way
BRIGHTNESS = 0.2                     # added, either way, in a picture of -1 to 1
CONTRAST = 0.25                      # 0.75 to 1.25 times the distance from the mean


# ----------------------------------------------------------------------------------------------------------- formulas

def hinge_discriminator_loss(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)): what is told apart clearly enough gives no gradient."""
    return F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean()


def hinge_generator_loss(fake_score: Tensor) -> Tensor:
    """-mean D(fake)."""
    return -fake_score.mean()


def harden(scores: Tensor) -> Tensor:
    """Mask scores [N, P, R, R] -> one-hot * 2 - 1, as a real mask is, with the gradient of a softmax.

    Real masks are hard and generated ones soft: a discriminator that saw that would look at nothing else.
    """
    return 2 * one_hot_straight_through(torch.softmax(SHARPNESS * scores.float(), dim=1)) - 1


def jitter(image: Tensor, mask: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Shift, brightness and contrast, from uniform numbers `draws` [N, 4] in [0, 1): differentiable.

    Image [N, 3, R, R] and mask [N, P, R, R] are shifted together; beyond its edge the picture goes on as its last
    row.
    """
    n, size = len(image), image.shape[-1]
    reach = int(size * SHIFT)
    tone = draws[:, :2].to(image.device)
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    contrast = 1 + CONTRAST * (2 * tone[:, 1] - 1).view(n, 1, 1, 1)
    image = (image - mean) * contrast + mean + BRIGHTNESS * (2 * tone[:, 0] - 1).view(n, 1, 1, 1)
    both = F.pad(torch.cat([image, mask], dim=1), (reach,) * 4, mode="replicate")
    x, y = (draws[:, 2:] * (2 * reach + 1)).int().T.tolist()
    both = torch.stack([both[i, :, y[i]:y[i] + size, x[i]:x[i] + size] for i in range(n)])
    return both[:, :image.shape[1]], both[:, image.shape[1]:]


def draw_jitter(n: int, *address: object) -> Tensor:
    """Random numbers for `jitter`, on the CPU (where shifts are cut out): [n, 4]."""
    return torch.rand(n, 4, generator=stream(*address, "jitter"))


# ------------------------------------------------------------------------------------------------------------ network

class Mixing(nn.Module):
    """Fixed random maps: 1 x 1 across the channels, then from the coarsest map up to the finest across the scales."""

    def __init__(self, channels: Sequence[int] = FrozenFeatures.CHANNELS):
        super().__init__()
        self.across_channels = nn.ModuleList(nn.Conv2d(c, m, 1, bias=False)
                                             for c, m in zip(channels, MIXED, strict=True))
        self.across_scales = nn.ModuleList(nn.Conv2d(coarse, fine, 3, padding=1, bias=False)
                                           for fine, coarse in zip(MIXED, MIXED[1:], strict=False))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        self.requires_grad_(False)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        mixed = [conv(x) for conv, x in zip(self.across_channels, maps, strict=True)]
        for i in range(len(mixed) - 2, -1, -1):
            coarser = F.interpolate(self.across_scales[i](mixed[i + 1]), size=mixed[i].shape[-1], mode="bilinear")
            mixed[i] = (mixed[i] + coarser) * 0.7                                # about the variance of one of them
        return mixed


class ScaleHead(nn.Module):
    """A map [N, C, s, s] and the mask pooled to it [N, P, s, s] -> a score, [N, 1]. n_parts=0: it sees no mask."""

    def __init__(self, channels: int, n_parts: int, size: int):
        super().__init__()
        self.size = size
        self.from_map = spectral_norm(nn.Conv2d(channels, WIDTH, 1))
        self.from_mask = spectral_norm(nn.Conv2d(n_parts, WIDTH, 1)) if n_parts else None
        layers: list[nn.Module] = []
        for _ in range((size // 4).bit_length() - 1):                            # down to 4 x 4
            layers += [spectral_norm(nn.Conv2d(WIDTH, WIDTH, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)), nn.LeakyReLU(0.2),
                                    spectral_norm(nn.Conv2d(WIDTH, 1, 4)))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        h = self.from_map(x)
        if self.from_mask is not None:
            pooled = (F.adaptive_avg_pool2d(mask, self.size) if mask.shape[-1] >= self.size
                      else F.interpolate(mask, size=self.size))
            h = h + self.from_mask(pooled)
        return self.layers(F.leaky_relu(h, 0.2)).flatten(1)


class FrozenDiscriminator(nn.Module):
    """Frozen maps and mask [N, P, R, R] in [-1, 1] -> a score per scale, [N, 4], without a sigmoid.

    Spectral normalization (Miyato et al., arXiv 1802.05957) bounds the heads. Its power iteration runs when
    `update_norms` is called, once a step, and not with every forward pass: so a step that is taken again, or
    evaluated twice, gives the same bits.
    """

    def __init__(self, n_parts: int):
        super().__init__()
        self.mixing = Mixing()
        self.heads = nn.ModuleList(ScaleHead(c, n_parts, s) for c, s in zip(MIXED, FrozenFeatures.SIZES, strict=True))
        self.register_buffer("scale", torch.ones(len(MIXED)))     # brings the mixed maps to unit variance
        self.eval()

    def train(self, mode: bool = True) -> FrozenDiscriminator:
        return super().train(False)                                              # see `update_norms`

    @torch.no_grad()
    def calibrate(self, maps: Sequence[Tensor]) -> None:
        """Set `scale` from the frozen maps of some real pictures."""
        self.scale.copy_(torch.stack([1 / x.float().std() for x in self.mixing(maps)]))

    @torch.no_grad()
    def update_norms(self) -> None:
        """One step of the power iteration that estimates every layer's largest singular value."""
        for module in self.heads.modules():
            if nn.utils.parametrize.is_parametrized(module, "weight"):
                parametrization = module.parametrizations.weight
                parametrization[0].train()
                parametrization[0](parametrization.original)
                parametrization[0].eval()

    def forward(self, maps: Sequence[Tensor], mask: Tensor) -> Tensor:
        scores = [head(x * scale, mask) for head, x, scale in
                  zip(self.heads, self.mixing(maps), self.scale.unbind(), strict=True)]
        return torch.cat(scores, dim=1)
