"""How far a generated face is from the picture: pixels, features at several scales, and the mask.

Features are those of EfficientNet-Lite0, which training uses too; judges (EfficientNet-Lite2, the parser) are never
part of a loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.features import FrozenFeatures

SHARPNESS = 4.0         # mask scores are trained towards +1 and -1; so many times larger they are log-probabilities
MAPS = 3                # feature maps that are compared: at strides 4, 8 and 16 of the picture at 128 pixels


class PictureDistance(nn.Module):
    """d(x, y) = pixels * mean |x - y| + features * mean over maps of |x_m / |x_m| - y_m / |y_m||^2, per picture.

    The target is looked at once; `forward` compares generated images with it.
    """

    def __init__(self, target: Tensor, pixels: float = 5.0, features: float = 1.0, network: nn.Module | None = None):
        """target: [N, 3, R, R] in [-1, 1]; pixels, features: the two weights, 0 leaves a term out."""
        super().__init__()
        self.pixels, self.features = pixels, features
        self.register_buffer("target", target)
        self.network = (network or FrozenFeatures().to(target.device)) if features else None
        with torch.no_grad():
            self.target_maps = self.maps(target) if features else []

    def maps(self, images: Tensor) -> list[Tensor]:
        """The maps that are compared: [N, C, h, w] each."""
        return self.network(images.clamp(-1.2, 1.2), MAPS)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, R, R] -> [N]"""
        maps = self.maps(images) if self.features else []
        return picture_distance(images, self.target, maps, self.target_maps, self.pixels, self.features)


def picture_distance(images: Tensor, target: Tensor, maps: Sequence[Tensor], target_maps: Sequence[Tensor],
                     pixels: float = 5.0, features: float = 1.0) -> Tensor:
    """The same for maps that are at hand already: [N]. The vectors at all positions are compared by direction."""
    total = pixels * (images - target).abs().mean((1, 2, 3))
    for a, b in zip(maps, target_maps, strict=True):
        difference = F.normalize(a.float(), dim=1) - F.normalize(b.float(), dim=1)             # [N, C, h, w]
        total = total + features / len(maps) * difference.square().sum(1).mean((1, 2))
    return total


def part_weights(ids: Tensor, n_parts: int) -> Tensor:
    """How much a pixel of each part counts, [N, P]: 1 / sqrt(area), scaled so that the mean over a picture is 1.

    Without it the background's pixels outvote an eye's by a thousand to one.
    """
    area = F.one_hot(ids.long(), n_parts).float().mean((1, 2))                                 # [N, P]
    weights = area.clamp_min(1e-4).rsqrt()
    return weights / (weights * area).sum(1, keepdim=True)


def mask_distance(scores: Tensor, depths: Tensor | None, ids: Tensor) -> Tensor:
    """Cross-entropy of the mask, once on the final scores and once on the pseudo-depths, per picture: [N].

    scores: [N, P, R, R]; depths: [N, P, Hc, Hc], or None for a model without; ids: [N, R, R] part ids.
    """
    n_parts = scores.shape[1]
    weights = part_weights(ids, n_parts)                                                       # [N, P]
    one_hot = F.one_hot(ids.long(), n_parts).movedim(-1, 1).float()                            # [N, P, R, R]
    total = _cross_entropy(SHARPNESS * scores, one_hot, weights)
    if depths is not None:
        total = total + _cross_entropy(depths, F.adaptive_avg_pool2d(one_hot, depths.shape[-1]), weights)
    return total


def _cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """-sum_p weight_p target_p log softmax(logits)_p, averaged over positions. [N]"""
    return -(weights[..., None, None] * target * torch.log_softmax(logits, 1)).sum(1).mean((1, 2))
