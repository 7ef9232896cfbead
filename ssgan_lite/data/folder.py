"""Reading a folder of the user's own pictures, with or without masks.

Each picture is turned upright, put on white where it is transparent, cropped to its central square and made small.
Every tenth or so is for validation: which ones is decided by a hash of the name, so it stays when pictures are added.

Masks have the same names as the pictures but for the ending, in a folder of their own with the same subfolders. They
hold part ids (a palette or gray PNG) or colors (RGB): those of `PARTS`, or those of a table (`masks.read_table`).
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Collection

import numpy as np

from ssgan_lite.data.decode import as_rgb, check_same_aspect, open_picture, shrink_image
from ssgan_lite.data.listing import Listing, list_pictures, none_found
from ssgan_lite.data.masks import mask_ids, read_table, shrink_mask
from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, Parts
from ssgan_lite.storage import user_path


def plan(images: str | os.PathLike, masks: str | os.PathLike | None = None, size: int = 128, mask_colors: str = "",
         leave_out: Collection[str | os.PathLike] = (), parts: Parts = PARTS, source: str = "folder") -> Plan:
    """All pictures in a folder and below it, and how to read them.

    mask_colors: "" reads palette and gray masks as ids and RGB masks by the colors of `parts`; "parts" reads all of
    them by those colors; a file name, by the table in it. leave_out: folders inside that are no input, such as the
    one to be written. parts: what the masks show, where that is not a face (`vocabulary.read_vocabulary`). source:
    the name of the data set, for folders of pictures that are published under one ("bitmoji").
    """
    if masks is None and parts != PARTS:
        raise UserError("--parts says what masks show, and there is no --masks.")
    if masks is None and mask_colors:
        raise UserError("--mask-colors says how to read masks, and there is no --masks.")
    images, masks = user_path(images), None if masks is None else user_path(masks)
    leave_out = [user_path(path) for path in leave_out]
    if masks is not None and os.path.realpath(masks) == os.path.realpath(images):
        raise UserError(f'"{images}" is named as the folder of pictures and as that of masks. Put the masks into a '
                        "folder of its own, each called like its picture.")
    table = None
    if mask_colors:
        table = {part.color: part.id for part in parts} if mask_colors == "parts" else read_table(mask_colors, parts)
    pictures = list_pictures(images, [*leave_out, *([masks] if masks else [])])
    if not pictures.pictures:
        raise none_found(f'"{images}" has no images', pictures)
    partners = list_pictures(masks, [*leave_out, images]) if masks else Listing()
    if masks and not partners.pictures:
        raise none_found(f'"{masks}" has no masks', partners)
    stems = {"image": Counter(map(_stem, pictures.pictures)), "mask": Counter(map(_stem, partners.pictures))}
    by_stem = {_stem(name): name for name in partners.pictures}

    def read(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        image = as_rgb(open_picture(pictures.pictures[name]), name)
        if masks is None:
            return shrink_image(image, size, name), None
        stem = _stem(name)
        for kind, counts in stems.items():
            if counts[stem] > 1:
                raise UserError(f'"{name}": there are {counts[stem]} {kind}s called "{stem}", so which belongs to '
                                f"which is not clear.")
        if stem not in by_stem:
            raise UserError(f'"{name}" has no mask: "{masks.name}" has nothing called "{stem}.png".')
        mask_name = by_stem[stem]
        mask = open_picture(partners.pictures[mask_name])
        check_same_aspect(image.size, mask.size, name, mask_name)
        return shrink_image(image, size, name), shrink_mask(mask_ids(mask, mask_name, table, parts), size, parts)

    validates = {name: is_for_validation(name) for name in pictures.pictures}
    return Plan(source, size, [name for name in validates if not validates[name]],
                [name for name in validates if validates[name]], read, masks=masks is not None, parts=parts,
                options={"mask_colors": sorted([*color, id_] for color, id_ in table.items()) if table else None},
                ignored=[f"{masks.name}/{name}" for name in partners.pictures if _stem(name) not in stems["image"]],
                skipped=pictures.skipped + [(f"{masks.name}/{name}", reason) for name, reason in partners.skipped])


def is_for_validation(name: str) -> bool:
    """A tenth of all names, always the same ones."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:4], "big") % 10 == 9


def _stem(name: str) -> str:
    """`a/face.front.jpg` -> `a/face.front`; letters with accents are spelled in one way, whoever wrote the file."""
    return unicodedata.normalize("NFC", name.rpartition(".")[0])
