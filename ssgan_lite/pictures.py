"""Pictures of tensors, with Pillow and NumPy alone: an image, a coloured mask, a grid of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.data.dataset import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.parts import PARTS

_COLORS = np.array([part.color for part in PARTS], np.uint8)                            # [P, 3]


def to_image(image: Tensor) -> np.ndarray:
    """A float image [3, H, W] in [-1, 1] as uint8 [H, W, 3]; others are clipped. A batch keeps its first axis."""
    pixels = image.detach().float().cpu().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    return pixels.movedim(-3, -1).numpy()


def mask_to_rgb(mask: Tensor | np.ndarray) -> np.ndarray:
    """Part ids [..., H, W] as uint8 [..., H, W, 3] in the colours of `PARTS`; `scores.argmax(1)` gives ids."""
    ids = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if ids.dtype.kind == "f":
        raise UserError("A mask is coloured by part id; turn scores [B, P, H, W] into ids with `scores.argmax(1)`.")
    if ids.size and (ids.min() < 0 or ids.max() >= len(_COLORS)):
        raise UserError(f"The mask has a class {ids.max() if ids.max() >= len(_COLORS) else ids.min()}; there are "
                        f"colours for 0 to {len(_COLORS) - 1}.")
    return _COLORS[ids]


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


def contact_sheet(faces: Dataset, count: int = 40, columns: int = 10) -> Image.Image:
    """The first `count` faces, each with its coloured mask below it if there are masks."""
    tiles = list(faces.images[:count].permute(0, 2, 3, 1).numpy())                      # each [S, S, 3]
    if faces.has_masks:
        tiles = [np.concatenate(pair) for pair in zip(tiles, mask_to_rgb(faces.masks[:count]))]    # [2 S, S, 3]
    return image_grid(tiles, columns)


def sample_sheet(generator: SemanticGenerator, seeds: Sequence[int], columns: int = 8, psi: float = 1.0,
                 scale: int = 1) -> Image.Image:
    """Faces made from these seeds, each with its coloured mask below it."""
    tiles = []
    for start in range(0, len(seeds), 16):                       # bounded memory, whatever the number of seeds
        with torch.no_grad():
            z = torch.cat([generator.sample_z(1, seed) for seed in seeds[start:start + 16]])
            out = generator(generator.mapping(z), psi=psi)
        masks = mask_to_rgb(out.mask.argmax(1))
        tiles += [np.concatenate([image, mask]) for image, mask in zip(to_image(out.image), masks)]   # [2 R, R, 3]
    return image_grid(tiles, columns, scale=scale)
