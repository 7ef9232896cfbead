"""Another background: a color, or an image of one's own, laid behind the face.

The generator's own background is a part like any other and can be exchanged through its codes. What comes from
outside is not in the range of its codes, so it is composed with the finished picture: with the mask as a stencil.
"""

from __future__ import annotations

import colorsys
import functools
import math
import os
import warnings
from dataclasses import dataclass, replace
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


UNMOVED = (0.0, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is seen behind the face: [3, 1, 1] for a color, [3, S, S] for an image, both in [-1, 1].

    An image is kept as it came; how it is laid behind the face is told by the fields below it.
    """

    pixels: Tensor
    name: str = "a picture"        # for the reader: "#20507a", "beach.jpg"
    place: tuple[float, float, float] = UNMOVED         # (dx, dy, zoom) of an image, as of a part (`Session.move`)
    mirrored: bool = False                              # an image, left to right, before it is placed
    brightness: float = 0.0                             # of an image: -1 black, 0 as it is, 1 white
    hsv: tuple[float, float, float] | None = None       # a color's, where the pixels do not tell (gray has no hue)

    @property
    def is_color(self) -> bool:
        """One color, or an image?"""
        return self.pixels.shape[-1] == 1

    @property
    def color(self) -> tuple[float, float, float]:
        """Of a color: hue (0 to 360 degrees), saturation and brightness (0 to 1), the "V" of HSV."""
        if self.hsv is not None:
            return self.hsv
        hue, saturation, brightness = colorsys.rgb_to_hsv(*(self.pixels.flatten().double() / 2 + 0.5).tolist())
        return 360 * hue, saturation, brightness

    def behind(self, image: Tensor, scores: Tensor) -> Tensor:
        """The picture [N, 3, R, R] with the backdrop where its mask scores [N, P, R, R] say background."""
        share = background_share(scores)[:, None]                                              # [N, 1, R, R]
        return torch.lerp(image, self.sized(image.shape[-1]).to(image).expand_as(image), share)

    def sized(self, size: int) -> Tensor:
        """[3, 1, 1] for a color, else [3, size, size], as it lies behind the face."""
        return self.pixels if self.is_color else _laid(self, size)


@functools.lru_cache(maxsize=8)         # one picture of the page asks for two sizes, several times
def _laid(backdrop: Backdrop, size: int) -> Tensor:
    """An image as it lies behind the face: [3, size, size]. Beyond its edges it goes on mirrored."""
    pixels, (dx, dy, zoom) = backdrop.pixels, backdrop.place
    if backdrop.place == UNMOVED and not backdrop.mirrored:
        pixels = _resized(pixels, size)
    else:                               # first made as small as it will be seen, for sampling alone would alias
        pixels = _resized(pixels, min(pixels.shape[-1], max(1, round(size * zoom))))
        at = (torch.arange(size) + 0.5) * 2 / size - 1                                         # pixel centers
        x, y = (at - dx) / zoom * (-1 if backdrop.mirrored else 1), (at - dy) / zoom
        grid = torch.stack([x.expand(size, size), y[:, None].expand(size, size)], 2).to(pixels)
        pixels = F.grid_sample(pixels[None], grid[None], "bicubic", "reflection", align_corners=False)[0].clamp(-1, 1)
    if backdrop.brightness:
        pixels = pixels.lerp(torch.full_like(pixels, math.copysign(1, backdrop.brightness)), abs(backdrop.brightness))
    return pixels


def _resized(pixels: Tensor, size: int) -> Tensor:
    if pixels.shape[-1] == size:
        return pixels
    return F.interpolate(pixels[None], (size, size), mode="bicubic", antialias=True)[0].clamp(-1, 1)


def blend_backdrops(a: Backdrop | None, b: Backdrop | None, share: float) -> Backdrop | None:
    """Between two of them: colors are mixed, an image moves; of two that are unlike, the nearer one."""
    near = a if share < 0.5 else b
    if a is None or b is None or a is b or share in (0, 1):
        return near
    mix = lambda x, y: x + share * (y - x)      # noqa: E731
    if a.is_color and b.is_color:
        return Backdrop(torch.lerp(a.pixels, b.pixels, share), near.name)
    if a.pixels is not b.pixels or a.mirrored != b.mirrored:
        return near
    return replace(near, place=tuple(map(mix, a.place, b.place)), brightness=mix(a.brightness, b.brightness))


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


def hsv_backdrop(hue: float, saturation: float, brightness: float) -> Backdrop:
    """A color of hue (0 to 360 degrees), saturation and brightness (0 to 1), rounded to 256 levels."""
    levels = [round(255 * x) for x in colorsys.hsv_to_rgb(hue / 360, saturation, brightness)]
    name = "#" + "".join(f"{level:02x}" for level in levels)
    return Backdrop(torch.tensor(levels).view(3, 1, 1) / 127.5 - 1, name, hsv=(hue, saturation, brightness))


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
