"""The sheet of an inversion: what went in, what every method made of it, and what is left of it with other hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

from ssgan_lite.invert.align import Aligned
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image

TILE = 192              # pixels of a face on the sheet
CAPTION = 34            # pixels for the words above a column
DONOR = 100             # seed of the face whose hair is tried on


@dataclass
class Entry:
    """One column: codes with the generator that they are for."""

    caption: str
    generator: SemanticGenerator
    codes: Tensor                   # W+ [1, n_latent, S]


@torch.no_grad()
def other_hair(generator: SemanticGenerator, codes: Tensor, part: str = "hair", seed: int = DONOR) -> Tensor:
    """The same face with a part of the face of another seed."""
    swapped = codes.clone()
    donor = generator.layout.to_w_plus(generator.mapping(generator.sample_z(1, seed)))
    swapped[:, generator.layout[part]] = donor[:, generator.layout[part]]
    return swapped


@torch.no_grad()
def inversion_sheet(aligned: Aligned, entries: Sequence[Entry]) -> Image.Image:
    """Three rows: pictures, their masks, and the same faces with the hair of one other face."""
    photo = ImageOps.contain(aligned.photo, (TILE, TILE))
    blank = np.full((TILE, TILE, 3), 255, np.uint8)
    parts = entries[0].generator.config.parts if entries else None
    image, ids = to_image(aligned.image)[0], mask_to_rgb(aligned.mask, parts)[0]
    columns = [("input", [_square(photo), blank, blank]), ("aligned", [_tile(image), _tile(ids, False), blank])]
    for entry in entries:
        generator = entry.generator
        out = generator(entry.codes)
        mask = mask_to_rgb(out.mask.argmax(1), generator.config.parts)[0]
        tiles = [_tile(to_image(out.image)[0]), _tile(mask, False)]
        if "hair" in generator.config.parts:
            tiles.append(_tile(to_image(generator(other_hair(generator, entry.codes)).image)[0]))
        columns.append((entry.caption, [*tiles, *[blank] * (3 - len(tiles))]))
    gap = 4
    sheet = Image.new("RGB", (len(columns) * (TILE + gap) - gap, CAPTION + 3 * (TILE + gap)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (caption, tiles) in enumerate(columns):
        x = i * (TILE + gap)
        draw.multiline_text((x + 2, 2), caption, fill="black")
        for row, tile in enumerate(tiles):
            sheet.paste(Image.fromarray(tile), (x, CAPTION + row * (TILE + gap)))
    draw.multiline_text((2, CAPTION + TILE + gap + 2), "second row: masks\nthird row: the hair of\nanother face",
                        fill="black")
    return sheet


def _tile(pixels: np.ndarray, smooth: bool = True) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.BICUBIC if smooth
                                                     else Image.Resampling.NEAREST))


def _square(picture: Image.Image) -> np.ndarray:
    square = Image.new("RGB", (TILE, TILE), "white")
    square.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    return np.asarray(square)
