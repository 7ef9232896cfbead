"""A small parser of faces: which part is each pixel of an image? An independent witness of what an image shows.

It is trained on the heads' training split and never sees a generator, so that a generator whose mask is right while
its image ignores it (or the other way round) is found out. A U-Net (Ronneberger et al., arXiv 1505.04597) in small:
its skips are added instead of concatenated, and everything but the last two convolutions works at half resolution,
which makes it ten times cheaper than the plain one; about 0.41 million parameters.

It works at 64 x 64 pixels. Larger pictures are averaged down to that; smaller ones are enlarged, and the answer is
made smaller again by the vote that made the heads' own masks smaller (`data.masks.reduce_masks`).

    python -m ssgan_lite.measure.make_parser --out data/measure/parser64     # how the shipped one was made
"""

from __future__ import annotations

import itertools
import os

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite import assets
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.parts import PARTS, Parts, vocabulary
from ssgan_lite.storage import load_tensors, save_tensors, tensor_path
from ssgan_lite.weights import load_state

FORMAT = "ssgan-lite parser 1"
SIZE = 64
WIDTHS = (32, 64, 80, 80)           # channels at 32, 16, 8 and 4 pixels
FINE = 20                           # channels of the last two convolutions, at 64 pixels


class Conv(nn.Sequential):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
                         nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class Parser(nn.Module):
    """Images [N, 3, 64, 64] in [-1, 1] -> scores [N, P, 64, 64]."""

    size = SIZE

    def __init__(self, parts: Parts = PARTS):
        super().__init__()
        self.parts = parts
        a, *_ = WIDTHS
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), Conv(12, a), Conv(a, a))
        self.down = nn.ModuleList(nn.Sequential(Conv(i, o, 2), Conv(o, o)) for i, o in itertools.pairwise(WIDTHS))
        self.narrow = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in itertools.pairwise(WIDTHS[::-1]))
        self.up = nn.ModuleList(Conv(o, o) for o in WIDTHS[-2::-1])
        self.to_fine = nn.Sequential(nn.Conv2d(a, 4 * FINE, 1), nn.PixelShuffle(2))
        self.fine = nn.Sequential(Conv(FINE + 3, FINE), nn.Conv2d(FINE, len(parts), 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)                                                                   # [N, 32, 32, 32]
        kept = []
        for down in self.down:
            kept.append(x)
            x = down(x)                                                                        # half the size
        for narrow, up, skip in zip(self.narrow, self.up, reversed(kept), strict=True):
            x = up(F.interpolate(narrow(x), scale_factor=2) + skip)                            # twice the size
        return self.fine(torch.cat([self.to_fine(x), image], dim=1))                           # [N, P, 64, 64]


@torch.no_grad()
def parse(parser: nn.Module, images: Tensor, chunk: int = 64) -> Tensor:
    """Part ids of float images [N, 3, R, R] in [-1, 1]: uint8 [N, r, r] with r the smaller of R and 64."""
    size = images.shape[-1]
    ids = []
    for part in images.split(chunk):
        part = part.clamp(-1, 1)
        if size > SIZE:
            part = F.avg_pool2d(part, size // SIZE)
        elif size < SIZE:
            part = F.interpolate(part, size=SIZE, mode="bilinear")
        ids.append(parser(part).argmax(1).to(torch.uint8).cpu())
    ids = torch.cat(ids)                                                                       # [N, 64, 64]
    return shrink_masks(ids, size, getattr(parser, "parts", PARTS)) if size < SIZE else ids


def shrink_masks(ids: Tensor, size: int, parts: Parts = PARTS) -> Tensor:
    """Part ids uint8 [N, R, R] -> [N, size, size] by the vote that makes the data's masks smaller."""
    if ids.shape[-1] <= size:
        return ids
    return torch.from_numpy(reduce_masks(np.ascontiguousarray(ids.cpu().numpy()), ids.shape[-1] // size, parts))


def save_parser(parser: Parser, path: str | os.PathLike, record: dict) -> None:
    """Write `path`.safetensors, with floats in half precision, and `path`.json."""
    state = {name: tensor.half() if tensor.is_floating_point() else tensor
             for name, tensor in parser.state_dict().items()}
    if parser.parts != PARTS:
        record = {**record, "parts": list(parser.parts.names)}
    save_tensors(path, state, FORMAT, dict(record=record))


def load_parser(path: str | os.PathLike | None = None) -> Parser:
    """The shipped parser, or one that `make_parser` made, in eval mode; `.record` tells how good it is."""
    if path is None:
        path = assets.find(f"measure/parser{SIZE}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    path = tensor_path(path)
    state, description = load_tensors(path, FORMAT, {"record": dict})
    names = description["record"].get("parts")
    parser = Parser(vocabulary(tuple(names)) if names else PARTS)
    load_state(parser, state, str(path))
    parser.record = description["record"]
    return parser.eval().requires_grad_(False)
