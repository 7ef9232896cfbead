"""Decoding image files: every kind that Pillow opens, upright, RGB, cropped to a square and made small.

All pictures of the user's are decoded here, for `prepare` as for backdrops. Each function raises a `UserError` whose
sentence has the file's name, so that whoever reads a thousand files can report one and go on.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ssgan_lite.errors import UserError

MAX_PIXELS = 100_000_000          # a 10,000 x 10,000 photograph takes 300 MB; more is an accident or an attack
ENLARGE_AT_MOST = 2               # a picture smaller than half the wanted size would be mostly interpolated


Source = str | os.PathLike | bytes | Image.Image | np.ndarray       # a file, the content of one, or what is decoded


def open_picture(source: Source) -> Image.Image:
    """The decoded picture, upright as its EXIF data say, in whatever mode it came; animations give their first frame.

    Arrays are uint8 or uint16 [H, W], or uint8 [H, W, 3 or 4].
    """
    name = f'"{Path(source).name}"' if isinstance(source, (str, os.PathLike)) else "This picture"
    try:
        if isinstance(source, np.ndarray):
            return Image.fromarray(source)
        content = io.BytesIO(source) if isinstance(source, bytes) else source
        with contextlib.nullcontext(source) if isinstance(source, Image.Image) else Image.open(content) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise UserError(f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels. Make it smaller "
                        f"first.") from None
    except FileNotFoundError:
        raise UserError(f'There is no file "{source}".') from None
    except PermissionError:
        raise UserError(f"{name} may not be read. Give yourself permission to.") from None
    except IsADirectoryError:
        raise UserError(f"{name} is a folder, not an image.") from None
    except Exception as error:                               # damaged files make Pillow raise nearly anything
        reason = "unknown kind of file" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise UserError(f"{name} is not an image, or a damaged one ({reason}).") from None


def as_rgb(image: Image.Image, name: str) -> Image.Image:
    """8-bit RGB: what is transparent lies on white; 16-bit gray is scaled; CMYK is converted."""
    if image.mode.startswith("I"):                           # I;16 and its like, or I: gray with 16 or 32 bits
        values = np.asarray(image).astype(np.int64)
        if values.size and (values.min() < 0 or values.max() > 65_535):
            raise UserError(f'"{name}" holds numbers from {values.min()} to {values.max()}, not 16-bit gray. '
                            f"Convert it to 8 bits first.")
        image = Image.fromarray((values / 257).round().astype(np.uint8))
    elif image.mode == "F":
        raise UserError(f'"{name}" holds floating-point numbers of unknown scale. Convert it to 8 bits first.')
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def square(image: Image.Image) -> Image.Image:
    """The largest square around the center."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def shrink_image(image: Image.Image, size: int, name: str) -> np.ndarray:
    """The central square of an RGB image at `size` x `size`, by Lanczos: uint8 [3, S, S]."""
    side = min(image.size)
    if side * ENLARGE_AT_MOST < size:
        raise UserError(f'"{name}" is {image.width} x {image.height} pixels: too small for {size} x {size} (the '
                        f"shorter side needs at least {-(-size // ENLARGE_AT_MOST)}).")
    small = square(image).resize((size, size), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def check_same_aspect(image_size: Sequence[int], mask_size: Sequence[int], name: str, mask_name: str) -> None:
    """Image and mask may differ in size, but must show the same section: proportions equal to within a pixel."""
    (width, height), (mask_width, mask_height) = image_size, mask_size
    if abs(width * mask_height - height * mask_width) > max(width, height, mask_width, mask_height):
        raise UserError(f'"{name}" is {width} x {height} pixels, but its mask "{mask_name}" is {mask_width} x '
                        f"{mask_height}: they must have the same proportions.")
