"""What one shows to others: a card with the face before and after, and a film of the way from one to the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ssgan_lite.change import compare
from ssgan_lite.edit.backdrop import SHOWN
from ssgan_lite.edit.export import gif_bytes, has_encoder, mask_ids, mp4_bytes
from ssgan_lite.edit.interpolate import blend, frames
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.edit.store import file_to_write, refuse_existing
from ssgan_lite.edit.upscale import shown
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import mask_to_rgb, png_bytes
from ssgan_lite.storage import atomic_write

STEPS, REST = 16, 10            # pictures from one end of the film to the other, and how many stay at an end
FPS = 15
FILM = 384                      # pixels of a film as GIF, which grows with every pixel; as MP4 it has SHOWN
MARGIN, GAP, SMALL = 40, 24, 176        # pixels of the card; SMALL: width of its mask
GROUND, INK, SOFT = (250, 249, 246), (32, 38, 43), (92, 100, 107)
NAMED = 3                       # so many changed parts are named, of more the number is told


def card(face: Session, before: np.ndarray | None = None) -> Image.Image:
    """The face as it was at first and as it is now, 512 pixels each, its mask, and how much was changed where.

    before: a picture [512, 512, 3] to show in place of the first state, such as the photograph that it was made from.
    """
    first = face.history.first
    if first is face.state:
        raise UserError("Nothing has been changed yet. Change the face first: the card shows it before and after.")
    tiles = [shown(face, first) if before is None else before, shown(face)]
    width, height = 2 * (MARGIN + SHOWN) + GAP, MARGIN + SHOWN + 44 + SMALL + MARGIN
    sheet = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(sheet)
    for i, (tile, word) in enumerate(zip(tiles, ("before", "after"), strict=True)):
        left = MARGIN + i * (SHOWN + GAP)
        _paste(sheet, Image.fromarray(tile).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS), (left, MARGIN), 20)
        draw.text((left + 4, MARGIN + SHOWN + 8), word, SOFT, ImageFont.load_default(20))
    mask = Image.fromarray(mask_to_rgb(mask_ids(face), face.generator.config.parts))
    top = MARGIN + SHOWN + 44
    _paste(sheet, mask.resize((SMALL, SMALL), Image.Resampling.LANCZOS), (MARGIN, top), 12)
    left = MARGIN + SMALL + GAP
    title, line = _told(face, first)
    draw.text((left, top + 18), title, INK, ImageFont.load_default(34))
    draw.text((left, top + 70), line, INK, ImageFont.load_default(21))
    draw.text((left, top + SMALL - 34), "Made and edited with ssgan-lite, a generator of parts; left, the mask.",
              SOFT, ImageFont.load_default(18))
    return sheet


def film(face: Session, size: int = FILM) -> list[np.ndarray]:
    """From the first state to the present one and back, so that it can be repeated for ever: [size, size, 3] each."""
    first, now = face.pick(0), face.state
    start = face.history.first
    shares = [i / STEPS for i in range(STEPS + 1)]
    way = [blend(start, now, share * share * (3 - 2 * share)) for share in shares]              # slow at both ends
    way[0], way[-1] = start, now
    drawn = frames(first, way, size)
    return [drawn[0]] * REST + drawn[1:-1] + [drawn[-1]] * REST + drawn[-2:0:-1]


def share_files(face: Session, before: np.ndarray | None = None) -> dict[str, bytes]:
    """{ending: content} of everything that is there to share: card, GIF, and MP4 where an encoder is installed."""
    files = {".png": png_bytes(card(face, before)), ".gif": gif_bytes(film(face), FPS)}
    if has_encoder():
        files[".mp4"] = mp4_bytes(film(face, SHOWN), FPS)
    return files


def share(face: Session, path: str | os.PathLike, overwrite: bool = False) -> list[Path]:
    """Write card (PNG) and film (GIF, and MP4 where an encoder is installed) beside each other; returns the files."""
    stem = file_to_write(path, ".png").with_suffix("")
    targets = {ending: stem.with_name(stem.name + ending) for ending in (".png", ".gif", ".mp4")}
    for ending, target in targets.items():               # before seconds are spent on drawing
        if ending != ".mp4" or has_encoder():
            refuse_existing(target, overwrite)
    files = share_files(face)
    for ending, content in files.items():
        with atomic_write(targets[ending]) as file:
            file.write_bytes(content)
    return [targets[ending] for ending in files]


def changed_parts(face: Session, first: FaceState, now: FaceState) -> list[int]:
    """The parts whose codes, place, depth or presence differ between two states; the background's backdrop too."""
    layout, n_parts = face.generator.layout, face.generator.config.n_parts
    moved = (first.codes[:1] != now.codes[:1]).any(2)[0]                                       # [n_latent]
    everywhere = first.psi != now.psi or bool(torch.as_tensor(moved[layout["base"]]).any())
    found = []
    for part in range(n_parts):
        pairs = [(state.placement.get(part), state.lifts.get(part), state.part_psi.get(part), part in state.hidden)
                 for state in (first, now)]
        if everywhere or bool(moved[layout[part]].any()) or pairs[0] != pairs[1]:
            found.append(part)
    if first.backdrop is not now.backdrop and 0 not in found:
        found.insert(0, 0)
    return found


def _told(face: Session, first: FaceState) -> tuple[str, str]:
    """What was changed, and how much of it where, in words."""
    names, parts = face.generator.config.parts, changed_parts(face, first, face.state)
    if not parts:
        return "nothing that can be seen", ""
    title = _listed([names[part] for part in parts]) if len(parts) <= NAMED else \
        "another face" if len(parts) == len(names) else f"{len(parts)} parts of {len(names)}"
    change = compare(face.render(first), face.render(), parts)
    if len(parts) == len(names) or not np.isfinite([change.inside, change.outside]).all():
        return title, ""
    return title, f"changed there by {50 * change.inside:.1f} %, everywhere else by {50 * change.outside:.1f} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _paste(sheet: Image.Image, tile: Image.Image, at: tuple[int, int], radius: int) -> None:
    """With round corners, drawn four times as large and made smaller, for smooth edges."""
    corners = Image.new("L", (4 * tile.width, 4 * tile.height), 0)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, corners.width - 1, corners.height - 1), 4 * radius, fill=255)
    sheet.paste(tile, at, corners.resize(tile.size, Image.Resampling.LANCZOS))
