"""Semantic masks: as the networks see them, made smaller, and read from the mask files of others.

A mask is uint8 [H, W], the part id of every pixel.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.data.decode import square
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, Parts
from ssgan_lite.storage import user_path

ColorTable = dict[tuple[int, int, int], int]        # RGB -> part id
OTHER_CLASSES = ("Label maps with other classes, such as the 19 of CelebAMask-HQ, are read with --mask-colors TABLE, "
                 'a JSON file like {"hair": [13, 13, 13], ...} that says which class is which part.')
OTHER_VOCABULARY = ("The vocabulary (--parts) does not match the masks: add what it lacks, or say with --mask-colors "
                    "which color is which of its parts.")


def signed_one_hot(mask: Tensor, n_parts: int) -> Tensor:
    """Part ids [n, H, W] as float [n, P, H, W]: +1 in the channel of the part, -1 in all others."""
    scores = torch.full((mask.shape[0], n_parts, *mask.shape[1:]), -1.0, device=mask.device)
    return scores.scatter_(1, mask[:, None].long(), 1.0)


def reduce_masks(masks: np.ndarray, factor: int, parts: Parts = PARTS) -> np.ndarray:
    """Masks made smaller by a vote in every block of factor x factor pixels: uint8 [N, H, W] -> [N, H/f, W/f].

    In a plain majority vote thin parts die (of an early pack, two thirds of the earrings at 32 pixels), and a network
    that never sees them never draws them. So a pixel of a thin part counts more (`Part.thin`): a block goes to the
    part with the largest number of pixels times weight, and where two are equal to the thinner one. Against one
    other part, eyes, eyebrows, mouth and glasses win a block from 2 of 4 pixels or 7 of 16, earrings from 2 of 4 or 5
    of 16. What is kept of every part, with and without the weights, is counted in `data/heads/README.md`.
    """
    if masks.size and masks.max() >= len(parts):
        raise UserError(f"A mask has a class {masks.max()}; the vocabulary ends at {len(parts) - 1} "
                        f"({parts[-1].name}).")
    if factor == 1:
        return masks
    corners = [masks[:, i::factor, j::factor] for i in range(factor) for j in range(factor)]    # f*f of [N, h, w]
    small = corners[0].copy()                                                                   # [N, h, w]
    mixed = np.logical_or.reduce([corner != small for corner in corners[1:]])
    voters = np.stack([corner[mixed] for corner in corners])    # [f*f, M]; most blocks are of one part: no vote
    # `thin` is between 1 and 3: a single pixel of four still loses to three of another part, so thin parts do not
    # grow into blobs. Candidates from thin to thick: argmax takes the first of equals.
    order = sorted(parts, key=lambda part: -part.thin)
    votes = np.stack([(voters == part.id).sum(0, dtype=np.uint8) * np.float32(part.thin)
                      for part in order])                                                       # [P, M]
    small[mixed] = np.array([part.id for part in order], np.uint8)[votes.argmax(0)]
    return small


def shrink_mask(ids: np.ndarray, size: int, parts: Parts = PARTS) -> np.ndarray:
    """The central square of part ids [H, W] at `size` x `size`: uint8 [S, S].

    Nearest neighbor to the next multiple of `size`, then the vote of `reduce_masks`, in which thin parts survive.
    """
    mask = square(Image.fromarray(ids))
    factor = max(1, round(mask.width / size))
    mask = mask.resize((size * factor, size * factor), Image.Resampling.NEAREST)
    return reduce_masks(np.asarray(mask)[None], factor, parts)[0]


def mask_ids(image: Image.Image, name: str, colors: dict[tuple[int, int, int], int] | None,
             parts: Parts = PARTS) -> np.ndarray:
    """Part ids [H, W] uint8 of a mask file.

    colors: RGB -> part id; a gray value v is the color (v, v, v). None reads a palette or gray picture as ids, and an
    RGB picture by the colors of `parts`. Where a picture is wholly transparent there is background.
    """
    if image.mode in ("LA", "RGBA"):
        opaque = np.asarray(image.getchannel("A")) > 0                                          # [H, W]
        return np.where(opaque, mask_ids(_without_alpha(image, opaque), name, colors, parts), parts[0].id)
    if image.mode.startswith("I"):                           # 16 or 32 bits: a label map
        ids = np.asarray(image).astype(np.int64)
        if colors is not None and (not ids.size or 0 <= ids.min() <= ids.max() <= 255):
            return _by_color(np.stack([ids] * 3, -1).astype(np.uint8), name, colors, parts)
    elif colors is None and image.mode in ("P", "L", "1"):
        _check_palette(image, name, parts)
        ids = np.asarray(image).astype(np.uint8)
    else:
        return _by_color(np.asarray(image.convert("RGB")), name, colors or {part.color: part.id for part in parts},
                         parts)
    if ids.size and (ids.min() < 0 or ids.max() >= len(parts)):
        row, column = np.argwhere((ids < 0) | (ids >= len(parts)))[0]
        raise UserError(f'The mask "{name}" has class {ids[row, column]} (at column {column}, row {row}); the '
                        f"vocabulary ends at {len(parts) - 1} ({parts[-1].name}). {_advice(parts)}")
    return ids.astype(np.uint8)


def _without_alpha(image: Image.Image, opaque: np.ndarray) -> Image.Image:
    """An LA or RGBA picture without its alpha; what was transparent takes the value of some opaque pixel."""
    values = np.asarray(image)[..., :-1].copy()                                                 # [H, W, 1 or 3]
    if not opaque.any():
        return Image.new("L", image.size)
    values[~opaque] = values[opaque][0]
    return Image.fromarray(values.squeeze(-1) if values.shape[-1] == 1 else values)


def _check_palette(image: Image.Image, name: str, parts: Parts) -> None:
    """Editors renumber palettes. Where colors are those of `parts` but sit at other ids, ids would be wrong."""
    if image.mode != "P":
        return
    palette = image.getpalette("RGB") or []
    by_color = {part.color: part for part in parts}
    used = np.unique(np.asarray(image)).tolist()
    shown = [(id_, by_color.get(tuple(palette[3 * id_:3 * id_ + 3]))) for id_ in used]
    wrong = [(id_, part) for id_, part in shown if part is not None and part.id != id_]
    if wrong and all(part is not None for _, part in shown):
        id_, part = wrong[0]
        raise UserError(f'The mask "{name}" has the color of {part.name} at number {id_} of its palette, not '
                        f"{part.id}: an editor has renumbered it. Add --mask-colors parts to read colors instead.")


def _advice(parts: Parts) -> str:
    return OTHER_CLASSES if parts == PARTS else OTHER_VOCABULARY


def _by_color(pixels: np.ndarray, name: str, colors: dict[tuple[int, int, int], int], parts: Parts) -> np.ndarray:
    """RGB [H, W, 3] as ids [H, W] by an exact table."""
    codes = pixels.astype(np.int32) @ np.array([65_536, 256, 1], np.int32)                             # [H, W]
    known = {red * 65_536 + green * 256 + blue: id_ for (red, green, blue), id_ in colors.items()}
    values, positions = np.unique(codes, return_inverse=True)
    unknown = [value for value in values.tolist() if value not in known]
    if unknown:
        row, column = np.argwhere(codes == unknown[0])[0]
        raise UserError(f'The mask "{name}" has the color {tuple(pixels[row, column].tolist())} at column {column}, '
                        f"row {row}, which is not in the table of colors. Add it to the table, or save masks without "
                        f"smoothing and not as JPEG. {_advice(parts)}")
    return np.array([known[value] for value in values.tolist()], np.uint8)[positions.reshape(codes.shape)]


def read_table(path: str | os.PathLike, parts: Parts = PARTS) -> ColorTable:
    """A JSON table from parts to colors, as RGB -> part id; a part may have several colors:

        {"hair": [136, 46, 114], "hat": "#44aa55", "background": ["#000000", "#222222"]}
    """
    path = user_path(path)
    try:
        entries = json.loads(path.read_bytes())        # of bytes: UTF-8 or UTF-16, with a byte order mark or without
    except OSError as error:
        raise UserError(f'The table of colors "{path}" cannot be read: {error.strerror}.') from None
    except ValueError as error:
        raise UserError(f'The table of colors "{path}" is not JSON ({error}).') from None
    if not isinstance(entries, dict) or not entries:
        raise UserError(f'The table of colors "{path}" must be of the form {{"hair": [136, 46, 114], ...}}.')
    table: ColorTable = {}
    for part, colors in entries.items():
        several = isinstance(colors, list) and colors and not all(isinstance(entry, int) for entry in colors)
        for value in colors if several else [colors]:
            color = _color(value, part, path)
            if table.get(color, parts[part].id) != parts[part].id:
                raise UserError(f'The table of colors "{path}" gives {color} to {parts[table[color]].name} and to '
                                f"{part}.")
            table[color] = parts[part].id                     # an unknown part is a UserError with the nearest one
    return table


def _color(value: object, part: str, path: Path) -> tuple[int, int, int]:
    if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return tuple(bytes.fromhex(value[1:]))
    if isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v <= 255 for v in value):
        return tuple(value)
    raise UserError(f'The table of colors "{path}" gives {part} the color {json.dumps(value)}. Write [136, 46, '
                    f'114] or "#882e72".')
