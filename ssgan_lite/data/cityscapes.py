"""Reading the user's own copy of Cityscapes, which may be used for research but not passed on.

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png         2048 x 1024
    gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png          the class of every pixel

Each picture gives one to three square crops: the middle, both halves, or left, middle and right. `val` is for
validation. `test` has no public masks and `train_extra` only coarse ones: both are counted, not read. The classes
are grouped as `street_parts.cityscapes_parts` says; what has no class (the own car's hood, borders) is "void".
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image

from ssgan_lite.data.decode import as_rgb, open_picture, shrink_image
from ssgan_lite.data.listing import check_folder, list_pictures, none_found
from ssgan_lite.data.masks import shrink_mask
from ssgan_lite.data.prepare import Plan
from ssgan_lite.data.street_parts import cityscapes_parts
from ssgan_lite.errors import UserError
from ssgan_lite.storage import user_path

IMAGES, MASKS = "leftImg8bit", "gtFine"
KINDS = (8, 19, 30)
WITHOUT = {"test": "the test split has no public masks", "train_extra": "the extra split has no fine masks",
           "demoVideo": "a video without masks"}
OTHER_FORMS = ("_color", "_instanceIds", "_labelTrainIds", "_instanceTrainIds")


def plan(folder: str | os.PathLike, size: int = 128, classes: int = 8, crops: int = 2,
         leave_out: Collection[str | os.PathLike] = ()) -> Plan:
    """Everything there is in a copy of Cityscapes, and how to read it. classes: 8 groups, 19 or 30 classes."""
    folder = user_path(folder)
    if classes not in KINDS:
        raise UserError(f"Cityscapes is read in 8 groups, or in 19 or 30 classes, not {classes}.")
    if not 1 <= crops <= 3:
        raise UserError(f"--crops is 1 (the middle), 2 (both halves) or 3, not {crops}.")
    check_folder(folder)
    for place, package in ((IMAGES, "leftImg8bit_trainvaltest.zip"), (MASKS, "gtFine_trainvaltest.zip")):
        if not (folder / place).is_dir():
            raise UserError(f'"{folder}" has no folder "{place}". Unpack {package} into it; name the folder that '
                            f'holds both "{IMAGES}" and "{MASKS}".')
    leave_out = [user_path(path) for path in leave_out]
    listings = {place: list_pictures(folder / place, leave_out) for place in (IMAGES, MASKS)}
    skipped = [(f"{place}/{name}", reason) for place, listing in listings.items() for name, reason in listing.skipped]
    ignored: list[str] = []

    def frames(place: str, ending: str) -> dict[str, Path]:
        found = {}
        for name, path in listings[place].pictures.items():
            split, stem = name.partition("/")[0], name.rpartition(".")[0]
            if split in WITHOUT:
                skipped.append((f"{place}/{name}", WITHOUT[split]))
            elif stem.endswith(ending) and re.fullmatch(r"(train|val)/[^/]+/[^/]+", stem):
                found[stem.removesuffix(ending)] = path
            elif place == MASKS and stem.endswith(OTHER_FORMS):
                skipped.append((f"{place}/{name}", "another form of the same masks"))
            else:
                ignored.append(f"{place}/{name}")
        return found

    images, masks = frames(IMAGES, "_leftImg8bit"), frames(MASKS, "_gtFine_labelIds")
    if not images:
        raise none_found(f'"{folder / IMAGES}" has no images like train/aachen/aachen_000000_000019_leftImg8bit.png',
                         listings[IMAGES])
    if not masks:
        raise none_found(f'"{folder / MASKS}" has no masks like train/aachen/NAME_gtFine_labelIds.png',
                         listings[MASKS])
    ignored += [f"{MASKS}/{frame}_gtFine_labelIds.png" for frame in masks if frame not in images]
    parts, ids = cityscapes_parts(classes)
    table = np.zeros(256, np.uint8)
    for label, part in ids.items():
        table[label] = part
    names = {f"{frame}@{crop}": (frame, crop) for frame in images for crop in range(crops)}

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        frame, crop = names[name]
        if frame not in masks:
            raise UserError(f'"{frame}_leftImg8bit.png" has no mask: "{frame}_gtFine_labelIds.png" is not in '
                            f"{MASKS}.")
        image, labels = as_rgb(open_picture(images[frame]), frame), open_picture(masks[frame])
        if labels.mode not in ("L", "P") or labels.size != image.size:
            raise UserError(f'"{frame}_gtFine_labelIds.png" is {labels.mode}, {labels.width} x {labels.height} '
                            f"pixels; it must be gray and as large as its picture, {image.width} x {image.height}.")
        values = np.asarray(labels)
        strange = np.unique(values[(values > 33) & (values != 255)])
        if strange.size:
            raise UserError(f'"{frame}_gtFine_labelIds.png" has a class {strange[0]}; they end at 33. Is it another '
                            "form of the masks, such as instanceIds?")
        box = _square(image.size, crop, crops)
        mask = np.asarray(Image.fromarray(table[values]).crop(box))
        return shrink_image(image.crop(box), size, frame), shrink_mask(mask, size, parts)

    train = [name for name in names if name.startswith("train/")]
    val = [name for name in names if name.startswith("val/")]
    return Plan("cityscapes", size, train, val, read, parts=parts, options={"classes": classes, "crops": crops},
                ignored=ignored, skipped=skipped)


def _square(image_size: tuple[int, int], crop: int, crops: int) -> tuple[int, int, int, int]:
    """The crop-th of so many squares along the longer side, from the first end to the last; one: the middle."""
    width, height = image_size
    side = min(width, height)
    share = 0.5 if crops == 1 else crop / (crops - 1)
    left, top = round(share * (width - side)), round(share * (height - side))
    return left, top, left + side, top + side
