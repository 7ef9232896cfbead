"""The user's own pictures, with or without masks.

Each picture is turned upright, put on white where it is transparent, cropped to its central square and made small.
Every tenth or so is for validation: which ones is decided by a hash of the name, so it stays when pictures are added.

Masks have the same names as the pictures but for the ending, in a folder of their own with the same subfolders. They
hold part ids (a palette or grey PNG) or colours (RGB): those of `PARTS`, or those of a table in a JSON file,

    {"hair": [136, 46, 114], "hat": "#44aa55", "background": ["#000000", "#222222"]}

where a part may have several colours.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from ssgan_lite.data.decode import as_rgb, check_same_aspect, is_picture, open_picture, shrink_image
from ssgan_lite.data.masks import mask_ids, read_table, shrink_mask
from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


def plan(images: Path, masks: Path | None = None, size: int = 128, mask_colors: str = "") -> Plan:
    """All pictures in a folder and below it, and how to read them.

    mask_colors: "" reads palette and grey masks as ids and RGB masks by the colours of `PARTS`; "parts" reads all of
    them by those colours; a file name, by the table in it.
    """
    pictures = _list(images)
    if not pictures:
        raise UserError(f'"{images}" has no images.')
    table = None
    if masks is None:
        if mask_colors:
            raise UserError("--mask-colors says how to read masks, and there is no --masks.")
    elif mask_colors:
        table = {part.color: part.id for part in PARTS} if mask_colors == "parts" else read_table(Path(mask_colors))
    partners = _list(masks) if masks is not None else []
    stems = {"image": Counter(map(_stem, pictures)), "mask": Counter(map(_stem, partners))}
    by_stem = {_stem(name): name for name in partners}

    def read(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        image = as_rgb(open_picture(images / name), name)
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
        mask = open_picture(masks / mask_name)
        check_same_aspect(image.size, mask.size, name, mask_name)
        return shrink_image(image, size, name), shrink_mask(mask_ids(mask, mask_name, table), size)

    validates = {name: is_for_validation(name) for name in pictures}
    return Plan("folder", size, [name for name in pictures if not validates[name]],
                [name for name in pictures if validates[name]], read, masks=masks is not None,
                options={"mask_colors": sorted([*color, id_] for color, id_ in table.items()) if table else None},
                ignored=[f"{masks.name}/{name}" for name in partners if _stem(name) not in stems["image"]])


def is_for_validation(name: str) -> bool:
    """A tenth of all names, always the same ones."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 10 == 9


def _list(folder: Path) -> list[str]:
    """Names of all pictures below a folder, relative to it, in order."""
    if not folder.is_dir():
        raise UserError(f'There is no folder "{folder}".')
    names = (path.relative_to(folder) for path in folder.rglob("*") if is_picture(path))
    return sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))


def _stem(name: str) -> str:
    """`a/face.front.jpg` -> `a/face.front`."""
    return name.rpartition(".")[0]
