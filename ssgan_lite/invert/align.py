"""From any photograph to the model's frame, with a mask of its parts.

Three points (two eyes and a mouth, clicked, given as numbers, or found by the parser) say where the face is
(landmarks.py) and fix the transform (frame.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.data.decode import as_rgb, open_picture
from ssgan_lite.data.masks import mask_ids
from ssgan_lite.errors import UserError
from ssgan_lite.invert.frame import Landmarks, crop, crop_mask, frame_to_photo, to_tensor
from ssgan_lite.invert.landmarks import check_landmarks, find_face
from ssgan_lite.measure.parser import Parser, load_parser, parse
from ssgan_lite.parts import PARTS

SMALLEST = 16               # pixels of the shorter side; with fewer there is no face to be seen


@dataclass
class Aligned:
    """A face in the model's frame."""

    image: Tensor                   # [1, 3, R, R] in [-1, 1]
    mask: Tensor                    # [1, R, R] part ids, from the user or the parser
    landmarks: Landmarks | None     # None: the picture was in the frame already
    photo: Image.Image              # upright, RGB
    name: str


def read_photo(source: str | os.PathLike | bytes | Image.Image, name: str = "the picture") -> Image.Image:
    """An upright RGB picture from whatever Pillow opens: EXIF rotation, CMYK, 16 bits, transparency, animations.

    name: for sentences, of what is no file.
    """
    if isinstance(source, (str, os.PathLike)):
        source = Path(source)
        name = source.name
    photo = as_rgb(source if isinstance(source, Image.Image) else open_picture(source), name)
    if min(photo.size) < SMALLEST:
        raise UserError(f'"{name}" is {photo.width} x {photo.height} pixels: too small for a face. Take a picture of '
                        f"at least {SMALLEST} x {SMALLEST}.")
    return photo


def align(source: str | os.PathLike | Image.Image, size: int, landmarks: Landmarks | None = None,
          mask: str | os.PathLike | Image.Image | None = None, framed: bool = False, parser: Parser | None = None,
          parts: Sequence[str] = PARTS.names) -> Aligned:
    """A photograph as the model needs it, with a mask of its parts.

    landmarks  eyes and mouth; None lets the parser look for them
    mask       the user's own, of the size of the photograph or of the aligned picture; None: the parser's
    framed     the picture is in the frame already, such as a rendered head: it is only cut square and resized
    parts      names of the model's parts
    """
    name = Path(source).name if not isinstance(source, Image.Image) else "the picture"
    photo = read_photo(source)
    parser = parser or load_parser()
    drawn = None
    if mask is not None:
        mask_name = Path(mask).name if not isinstance(mask, Image.Image) else "the mask"
        picture = mask if isinstance(mask, Image.Image) else open_picture(Path(mask))
        drawn = mask_ids(picture, mask_name, None)                                             # [H, W]
        if drawn.max() >= len(parts):
            raise UserError(f'The mask "{mask_name}" has class {drawn.max()}; this model has parts 0 to '
                            f"{len(parts) - 1}.")
        if drawn.shape not in ((photo.height, photo.width), (size, size)):
            raise UserError(f'The mask "{mask_name}" is {drawn.shape[1]} x {drawn.shape[0]} pixels. It must be as '
                            f'large as "{name}" ({photo.width} x {photo.height}) or as the aligned picture ({size} x '
                            f"{size}).")
    if framed:
        side = min(photo.size)
        transform = np.array([[1, 0, (photo.width - side) / 2], [0, 1, (photo.height - side) / 2]], float) * side
        transform[:, 2] /= side
        landmarks = None
    else:
        landmarks = check_landmarks(landmarks, photo, name) if landmarks else find_face(photo, parser, name)
        transform = frame_to_photo(landmarks)
    image = to_tensor(crop(photo, transform, size))[None]                                      # [1, 3, R, R]
    if drawn is None:
        ids = parse_face(image, parser, parts)[0]
    elif drawn.shape == (size, size) and photo.size != (size, size):
        ids = torch.from_numpy(drawn)
    else:
        ids = torch.from_numpy(crop_mask(drawn, transform, size))
    return Aligned(image, ids[None].long(), landmarks, photo, name)


def parse_face(images: Tensor, parser: Parser | None = None, parts: Sequence[str] = PARTS.names) -> Tensor:
    """What the parser takes for the parts of faces in the frame: [N, 3, R, R] -> part ids [N, R, R].

    parts: names of the model's parts; what the parser sees of others counts as background.
    """
    if not {"face", "eyes", "mouth"} <= set(parts):
        raise UserError(f"The parser knows {', '.join(PARTS.names)}, but this model's parts have other names "
                        f"({', '.join(parts)}). Give a mask of your own: --mask.")
    ids = parse(parser or load_parser(), images).long()                                        # [N, r, r], r <= 64
    ids = torch.tensor([parts.index(name) if name in parts else 0 for name in PARTS.names])[ids]
    factor = images.shape[-1] // ids.shape[-1]
    return ids.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def parse_numbers(text: str, count: Sequence[int], what: str) -> list[float]:
    """"120,140,200,138" as numbers, `count` of them."""
    try:
        numbers = [float(x) for x in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in count:
        raise UserError(f'{what} "{text}" is not understood. Write {" or ".join(map(str, count))} numbers with '
                        "commas between them, in pixels from the top left corner.")
    return numbers
