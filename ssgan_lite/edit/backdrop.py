"""Another background: a colour, or an image of one's own, laid behind the face.

The generator's own background is a part like any other and can be exchanged through its codes. What comes from outside
is not in the range of its codes, so it is composed with the finished picture: with the mask as a stencil.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps
from torch import Tensor

from ssgan_lite.errors import UserError

SOFTNESS = 0.5      # scores lie on the scale of the coarse mask, -1 to 1: the stencil fades over a quarter of it


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is seen behind the face: [3, 1, 1] for a colour, [3, R, R] for an image, both in [-1, 1]."""

    pixels: Tensor
    name: str = "a picture"        # for the reader: "#20507a", "beach.jpg"

    def behind(self, image: Tensor, scores: Tensor) -> Tensor:
        """The picture [N, 3, R, R] with the backdrop where its mask scores [N, P, R, R] say background."""
        share = background_share(scores)[:, None]                                              # [N, 1, R, R]
        return torch.lerp(image, self.pixels.to(image).expand_as(image), share)


def background_share(scores: Tensor) -> Tensor:
    """1 where the background wins clearly, 0 where another part does, a ramp between. [N, P, R, R] -> [N, R, R]

    Half way lies where the two are equal: that is the border which `scores.argmax(1)` draws.
    """
    lead = scores[:, 0] - scores[:, 1:].amax(dim=1)
    return (0.5 + lead / SOFTNESS).clamp(0, 1)


def colour_backdrop(colour: str) -> Backdrop:
    """From a name or code that Pillow knows: "white", "#20507a", "hsl(200, 60%, 30%)"."""
    try:
        rgb = ImageColor.getrgb(colour)[:3]
    except (ValueError, AttributeError, TypeError):
        raise UserError(f'"{colour}" is not a colour. Write a name such as "white", or "#20507a".') from None
    return Backdrop(torch.tensor(rgb).view(3, 1, 1) / 127.5 - 1, str(colour))


def image_backdrop(source: str | os.PathLike | bytes | Image.Image | np.ndarray, size: int) -> Backdrop:
    """From an image file (or its bytes, a Pillow image, an array): cut to a square about its centre, [3, size, size]."""
    name = Path(source).name if isinstance(source, (str, os.PathLike)) else "a picture"
    try:
        if isinstance(source, np.ndarray):
            picture = Image.fromarray(source)
        elif isinstance(source, Image.Image):
            picture = source
        else:
            picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    except FileNotFoundError:
        raise UserError(f'There is no file "{source}".') from None
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError):
        what = f'"{name}"' if name != "a picture" else "This file"
        raise UserError(f"{what} is not an image that can be read. PNG, JPEG and WebP can.") from None
    picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.asarray(picture, np.float32).transpose(2, 0, 1).copy())
    return Backdrop(pixels / 127.5 - 1, name)
