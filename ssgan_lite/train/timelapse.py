"""A training run in one picture: rows are moments, columns are faces, each made from the same seed in every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import image_grid, sample_sheet
from ssgan_lite.storage import atomic_write
from ssgan_lite.train.snapshots import find_snapshots
from ssgan_lite.weights import load_pretrained

INK, PAPER = (0x33, 0x33, 0x33), (255, 255, 255)
GAP = 2                                # pixels between two rows
FRAME_MS, LAST_MS = 700, 2500          # how long a frame of the animation stands, and the last one


def time_lapse(generators: dict[int, SemanticGenerator], seeds: Sequence[int] = range(8), masks: bool = False,
               psi: float = 1.0, scale: int = 1) -> dict[int, Image.Image]:
    """Images seen -> a row of faces made from these seeds, with their masks below if wanted."""
    rows = {}
    for images, generator in generators.items():
        sheet = sample_sheet(generator, seeds, len(seeds), psi, scale)
        if not masks:
            sheet = sheet.crop((0, 0, sheet.width, generator.config.size * scale))
        rows[images] = sheet
    return rows


def choose(snapshots: dict[int, Path], count: int) -> dict[int, Path]:
    """At most `count` of them, the first and the last among them, evenly spread over their order.

    A run may end soon after its last snapshot: one that has seen as much as the last but a tenth is left out.
    """
    if count < 2:
        raise UserError(f"A time-lapse needs at least 2 snapshots, not {count}.")
    images = list(snapshots)
    if len(images) > 2 and images[-2] > 0.9 * images[-1]:
        del images[-2]
    kept = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    return {images[i]: snapshots[images[i]] for i in kept}


def strip(rows: dict[int, Image.Image], gap: int = GAP) -> Image.Image:
    """The rows below each other, each with its number of images at the left."""
    labels = [_label(f"{images:,}", row.height) for images, row in rows.items()]
    width = max(label.width for label in labels)
    tiles = []
    for label, row in zip(labels, rows.values(), strict=True):
        tile = Image.new("RGB", (width + row.width, row.height), PAPER)
        tile.paste(label, (width - label.width, 0))
        tile.paste(row, (width, 0))
        tiles.append(tile)
    return image_grid(tiles, columns=1, gap=gap)


def frames(rows: dict[int, Image.Image]) -> list[Image.Image]:
    """The rows as frames of an animation, each with its number of images above."""
    out = []
    for images, row in rows.items():
        line = _label(f"{images:,} images", 20, row.width)
        frame = Image.new("RGB", (row.width, row.height + line.height), PAPER)
        frame.paste(line, (0, 0))
        frame.paste(row, (0, line.height))
        out.append(frame)
    return out


def save_gif(pictures: Sequence[Image.Image], path: Path) -> None:
    """An animation that repeats, the last picture standing longer."""
    durations = [FRAME_MS] * (len(pictures) - 1) + [LAST_MS]
    palette = [picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures]
    with atomic_write(path) as temporary:
        palette[0].save(temporary, "GIF", save_all=True, append_images=palette[1:], duration=durations, loop=0,
                        optimize=False, disposal=1)


def of_run(where: str | Path, seeds: Sequence[int] = range(8), count: int = 12, masks: bool = False,
           psi: float = 1.0, scale: int = 1) -> dict[int, Image.Image]:
    """`time_lapse` of the snapshots of a run, or of a name that ships; one generator in memory at a time."""
    rows = {}
    for images, path in choose(find_snapshots(where), count).items():
        rows |= time_lapse({images: load_pretrained(path)}, seeds, masks, psi, scale)
    return rows


def _label(text: str, height: int, width: int | None = None) -> Image.Image:
    """A line of text, at the middle of its height."""
    font = ImageFont.load_default(min(13, max(9, height // 3)))
    box = font.getbbox(text)
    picture = Image.new("RGB", (width or int(box[2]) + 8, height), PAPER)
    ImageDraw.Draw(picture).text((4, height / 2), text, INK, font, anchor="lm")
    return picture
