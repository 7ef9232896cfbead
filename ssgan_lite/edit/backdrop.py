"""Another background: a color, or an image of one's own, laid behind the face.

The generator's own background is a part like any other and can be exchanged through its codes. What comes from
outside is not in the range of its codes, so it is composed with the finished picture: with the mask as a stencil.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.data.decode import Source, as_rgb, open_picture
from ssgan_lite.errors import UserError
from ssgan_lite.storage import user_path

SHOWN = 512             # pixels, width of a picture that people look at; larger ones stay as they are


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is seen behind the face: [3, 1, 1] for a color, [3, S, S] for an image, both in [-1, 1]."""

    pixels: Tensor
    name: str = "a picture"        # for the reader: "#20507a", "beach.jpg"

    def behind(self, image: Tensor, scores: Tensor) -> Tensor:
        """The picture [N, 3, R, R] with the backdrop where its mask scores [N, P, R, R] say background."""
        share = background_share(scores)[:, None]                                              # [N, 1, R, R]
        return torch.lerp(image, self.sized(image.shape[-1]).to(image).expand_as(image), share)

    def sized(self, size: int) -> Tensor:
        """[3, 1, 1] for a color, else [3, size, size]."""
        if self.pixels.shape[-1] in (1, size):
            return self.pixels
        return F.interpolate(self.pixels[None], (size, size), mode="bicubic", antialias=True)[0].clamp(-1, 1)


def background_share(scores: Tensor) -> Tensor:
    """How much of every pixel is background: 1 on the wall, 0 in the face, shades between. [N, P, R, R] -> [N, R, R]

    The scores cannot give the shades: they are trained against masks of zeros and ones and jump within a pixel.
    """
    return soften(without_islands((scores.argmax(dim=1) == 0).float()))


def soften(stencil: Tensor) -> Tensor:
    """The mean over every pixel and its eight neighbors; beyond the edge the picture goes on as it is. [N, R, R]"""
    padded = F.pad(stencil[:, None], (1, 1, 1, 1), mode="replicate")                           # [N, 1, R + 2, R + 2]
    return F.avg_pool2d(padded, kernel_size=3, stride=1)[:, 0]


def without_islands(stencil: Tensor) -> Tensor:
    """Take out specks of background inside the face, such as an eye that the mask lost. [N, R, R] of zeros and ones

    What touches the edge of the picture, or is wider than a sixteenth of it somewhere, is background; so is all that
    hangs together with it. (Morphological reconstruction: the sure places grow as far as the stencil reaches.)
    """
    r = max(1, stencil.shape[-1] // 32)
    grow = lambda x, reach: F.max_pool2d(x[:, None], 2 * reach + 1, 1, reach)[:, 0]    # noqa: E731
    known = 1 - grow(1 - stencil, r)                                        # eroded: what is left of wide places
    known[:, [0, -1]] = stencil[:, [0, -1]]
    known[:, :, [0, -1]] = stencil[:, :, [0, -1]]
    while True:
        grown = grow(known, 1) * stencil
        if torch.equal(grown, known):
            return known
        known = grown


def color_backdrop(color: str) -> Backdrop:
    """From a name or code that Pillow knows: "white", "#20507a", "hsl(200, 60%, 30%)"."""
    try:
        rgb = ImageColor.getrgb(color)[:3]
    except (ValueError, AttributeError, TypeError):
        raise UserError(f'"{color}" is not a color. Write a name such as "white", or "#20507a".') from None
    return Backdrop(torch.tensor(rgb).view(3, 1, 1) / 127.5 - 1, str(color))


def image_backdrop(source: Source, size: int) -> Backdrop:
    """From an image file (its bytes, a Pillow image, an array), cut to a square about its center: [3, size, size].

    Decoded as `prepare` does it: upright, 16-bit gray scaled, what is transparent on white.
    """
    if isinstance(source, (str, os.PathLike)):
        source = user_path(source)
    name = source.name if isinstance(source, Path) else "a picture"
    with warnings.catch_warnings(action="ignore"):              # of damaged files; the picture itself is seen at once
        picture = as_rgb(open_picture(source), name)
    picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.asarray(picture, np.float32).transpose(2, 0, 1).copy())
    return Backdrop(pixels / 127.5 - 1, name)
