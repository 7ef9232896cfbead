"""Pictures of tensors, with Pillow and NumPy alone: images, colored masks, sheets of both, and PNG files.

All arrays that stand for pictures are uint8 [H, W, 3]; all image tensors are [..., 3, H, W] in [-1, 1].
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, vocabulary
from ssgan_lite.storage import atomic_write

if TYPE_CHECKING:
    from ssgan_lite.data import Dataset
    from ssgan_lite.model.generator import LatentGenerator

MAX_CLASSES = 256       # a mask file has eight bits


def to_levels(images: Tensor) -> Tensor:
    """Float images in [-1, 1] as the uint8 of a picture file, -1 as 0 and 1 as 255; what is outside is clipped."""
    return images.detach().float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def round_to_levels(images: Tensor) -> Tensor:
    """Clip to [-1, 1] and round to the 256 levels of a picture file; the result is float, without a gradient."""
    return images.float().clamp(-1, 1).add(1).mul(127.5).round() / 127.5 - 1


def to_image(image: Tensor) -> np.ndarray:
    """A float image [3, H, W] in [-1, 1] as uint8 [H, W, 3]; others are clipped. A batch keeps its first axis."""
    return to_levels(image).cpu().movedim(-3, -1).numpy()


def mask_to_rgb(mask: Tensor | np.ndarray, parts: Sequence[str] | None = None) -> np.ndarray:
    """Part ids [..., H, W] as uint8 [..., H, W, 3] in the colors of the parts; `scores.argmax(1)` gives ids.

    parts: the names behind the ids (`config.parts`); default: `PARTS`, and for ids beyond it generated colors.
    """
    ids = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if ids.dtype.kind == "f":
        raise UserError("A mask is colored by part id; turn scores [B, P, H, W] into ids with `scores.argmax(1)`.")
    largest = int(ids.max()) if ids.size else 0
    count = max(len(PARTS), min(largest + 1, MAX_CLASSES)) if parts is None else len(parts)
    if ids.size and (ids.min() < 0 or largest >= count):
        raise UserError(f"The mask has a class {largest if largest >= count else ids.min()}; there are colors for "
                        f"0 to {count - 1}.")
    return vocabulary(count if parts is None else tuple(parts)).palette[ids]


def palette_image(ids: np.ndarray, parts: Sequence[str]) -> Image.Image:
    """A mask as a palette picture: the value of a pixel is the id of a part, its color is the part's. ids: [H, W]"""
    if len(parts) > MAX_CLASSES:
        raise UserError(f"A mask file has room for {MAX_CLASSES} parts, not {len(parts)}.")
    picture = Image.fromarray(ids.astype(np.uint8), mode="P")
    picture.putpalette(vocabulary(tuple(parts)).palette.tobytes())
    return picture


def still_html(pictures: Sequence[np.ndarray | Image.Image], alt: str, hidden_by: str, width: int = 256,
               names: Sequence[str] = ()) -> str:
    """What a notebook keeps of a widget: pictures, for whoever opens it without a kernel, and what to do then.

    names: what stands below each of the pictures; without names nothing does.
    It hides itself where the widget is alive, that is, where an element of the CSS class `hidden_by` is in the same
    output. Notebooks that are not trusted have neither the widget nor the style, and so the picture shows.
    """
    tags = []
    for picture, name in zip(pictures, names or [""] * len(pictures), strict=True):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))
        content = io.BytesIO()
        image.convert("RGB").resize((width, round(width * image.height / image.width)),
                                    Image.Resampling.BICUBIC).save(content, "JPEG", quality=80)
        tag = (f'<img alt="{html.escape(f"{alt}: {name}" if name else alt)}" width="{width}" '
               f'src="data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}">')
        tags.append(f"<figure style='display: inline-block; margin: 0; text-align: center'>{tag}"
                    f"<figcaption>{html.escape(name)}</figcaption></figure>" if name else tag)
    return (f"<div class='ssgan-still'>{' '.join(tags)}<p><em>{html.escape(alt)}: this is a picture of it. To use "
            "it, run this cell.</em></p></div>\n"
            f"<style>.jp-OutputArea:has(.{hidden_by}) .ssgan-still {{ display: none; }}</style>")


def png_bytes(picture: np.ndarray | Image.Image, size: int | tuple[int, int] | None = None, smooth: bool = False,
              compress_level: int = 6) -> bytes:
    """A picture as the content of a PNG file.

    size: enlarge or shrink it to this width (the height follows), or to (width, height); smooth: bicubic instead of
    nearest neighbor; compress_level: 1 is quick and large, 9 slow and small.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))
    if size is not None:
        width, height = (size, round(size * image.height / image.width)) if isinstance(size, int) else size
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=compress_level)
    return content.getvalue()


def save_png(picture: np.ndarray | Image.Image, path: str | os.PathLike, compress_level: int = 9) -> Path:
    """Write a picture as PNG, whole or not at all (`storage.atomic_write`), over an older file; returns the path."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(png_bytes(picture, compress_level=compress_level))
    return Path(path)


def image_grid(images: Sequence[np.ndarray | Image.Image], columns: int, gap: int = 2,
               scale: int = 1) -> Image.Image:
    """Equally large images, row by row, on white; `scale` enlarges each pixel to a square of that many."""
    tiles = [np.asarray(image) for image in images]
    if not tiles:
        raise UserError("A grid needs at least one image.")
    if len({tile.shape for tile in tiles}) > 1:
        raise UserError(f"The images of a grid must be equally large, not {sorted({t.shape for t in tiles})}.")
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[0] * scale, tiles[0].shape[1] * scale
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for position, tile in enumerate(tiles):
        top, left = position // columns * (height + gap), position % columns * (width + gap)
        sheet[top:top + height, left:left + width] = tile.repeat(scale, 0).repeat(scale, 1)
    return Image.fromarray(sheet)


def face_tiles(images: Tensor | np.ndarray, masks: Tensor | np.ndarray | None = None,
               parts: Sequence[str] | None = None) -> list[np.ndarray]:
    """Tiles for `image_grid`, each a face with its colored mask below it: N times [H or 2H, W, 3].

    images: float [N, 3, H, W] in [-1, 1], or uint8 [N, 3, H, W] or [N, H, W, 3]; masks: part ids [N, H, W].
    """
    if isinstance(images, Tensor):
        images = to_image(images) if images.is_floating_point() else images.detach().cpu().numpy()
    if images.shape[-1] != 3:
        images = np.moveaxis(images, -3, -1)
    if masks is None:
        return list(images)
    return [np.concatenate(pair) for pair in zip(images, mask_to_rgb(masks, parts), strict=True)]


def contact_sheet(faces: Dataset, count: int = 40, columns: int = 10) -> Image.Image:
    """The first `count` faces of a data set, each with its colored mask below it if there are masks."""
    masks = faces.masks[:count] if faces.has_masks else None
    return image_grid(face_tiles(faces.images[:count], masks, faces.parts), columns)


@torch.no_grad()
def sample_sheet(generator: LatentGenerator, seeds: Sequence[int], columns: int = 8, psi: float = 1.0,
                 scale: int = 1) -> Image.Image:
    """Generated faces of these seeds, each with its colored mask below it; psi: truncation."""
    tiles = []
    for start in range(0, len(seeds), 16):                       # bounded memory, whatever the number of seeds
        z = torch.cat([generator.sample_z(1, seed) for seed in seeds[start:start + 16]])
        out = generator(generator.mapping(z), psi=psi)
        tiles += face_tiles(out.image, out.mask.argmax(1), generator.config.parts)             # [2 R, R, 3]
    return image_grid(tiles, columns, scale=scale)
