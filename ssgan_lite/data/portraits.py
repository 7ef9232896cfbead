"""Reading the user's own copies of published sets of aligned portraits, which come without masks.

    MetFaces    images/11713-00.png, metfaces.json; unprocessed/ beside it is not read
    FFHQ        thumbnails128x128/ or images1024x1024/, each 00000/00000.png or 00000.png; ffhq-dataset-v2.json

The JSON files may be missing; what they name and is not there is a face that cannot be used. `metfaces.json` gives
title and artist as attributes, and faces of one work of art stay on one side of the split. FFHQ's first 60,000
pictures are for training, as its JSON file says.

Bitmoji and other cartoons are folders of pictures (`folder.py`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ssgan_lite.data.decode import as_rgb, open_picture, shrink_image
from ssgan_lite.data.folder import is_for_validation
from ssgan_lite.data.listing import Listing, check_folder, list_pictures, none_found
from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError
from ssgan_lite.storage import explain_reading, user_path

METFACES_JSON, FFHQ_JSON = "metfaces.json", "ffhq-dataset-v2.json"
THUMBNAILS, LARGE = "thumbnails128x128", "images1024x1024"
FIRST_VALIDATION = 60_000                  # of FFHQ
HEAVY = {"metadata", "in_the_wild"}        # entries of FFHQ's 255 MB file that are not kept in memory


def plan_metfaces(folder: str | os.PathLike, size: int = 256,
                  leave_out: Collection[str | os.PathLike] = ()) -> Plan:
    """Everything there is in a copy of MetFaces, or in its folder of images alone."""
    folder = user_path(folder)
    check_folder(folder)
    inside = folder / "images"
    place = inside if inside.is_dir() else folder
    pictures = list_pictures(place, [user_path(path) for path in leave_out])
    table = next((path for path in (folder / METFACES_JSON, folder.parent / METFACES_JSON) if path.is_file()), None)
    entries = {}
    if table is not None:
        content = _read_json(table, list)
        try:
            entries = {Path(entry["image_path"]).name: (str(entry.get("obj_id", "")), str(entry.get("title", "")),
                                                        str(entry.get("artist_display_name", "")))
                       for entry in content}
        except (TypeError, KeyError, AttributeError):
            raise UserError(f'"{table}" is not the file of MetFaces: an entry has no image_path.') from None
    if not pictures.pictures and not entries:
        raise none_found(f'"{place}" has no images', pictures)
    by_name: dict[str, list[str]] = {}
    for name in pictures.pictures:
        by_name.setdefault(Path(name).name, []).append(name)
    ignored = [f"{place.name}/{name}" for name in pictures.pictures if entries and Path(name).name not in entries]
    names = sorted(entries) if entries else list(pictures.pictures)

    def read(name: str) -> tuple[np.ndarray, None]:
        found = by_name.get(name, []) if entries else [name]
        if not found:
            raise UserError(f'"{name}" is named in {METFACES_JSON}, but is not in "{place}".')
        if len(found) > 1:
            raise UserError(f'"{name}" is there twice: "{found[0]}" and "{found[1]}". Remove one of them.')
        return shrink_image(as_rgb(open_picture(pictures.pictures[found[0]]), name), size, name), None

    works = {name: entries[name][0] if entries else Path(name).stem.rpartition("-")[0] or name for name in names}
    validates = {name: is_for_validation(works[name]) for name in names}
    names = sorted(names, key=lambda name: validates[name])                        # training first
    n_train = sum(not validates[name] for name in names)
    attributes = {key: np.array([entries[name][i] for name in names], np.str_)
                  for i, key in enumerate(("work", "title", "artist"))} if entries else {}
    return Plan("metfaces", size, names[:n_train], names[n_train:], read, masks=False, attributes=attributes,
                ignored=ignored, skipped=_below(place, folder, pictures))


def plan_ffhq(folder: str | os.PathLike, size: int = 128, leave_out: Collection[str | os.PathLike] = ()) -> Plan:
    """Everything there is in a copy of FFHQ: thumbnails where they are large enough, else the large pictures."""
    folder = user_path(folder)
    check_folder(folder)
    here = [name for name in (THUMBNAILS, LARGE) if (folder / name).is_dir()]
    if here:
        wanted = THUMBNAILS if size <= 128 else LARGE
        place = folder / (wanted if wanted in here else here[0])
    else:
        place = folder
    pictures = list_pictures(place, [user_path(path) for path in leave_out])
    numbers: dict[int, list[str]] = {}
    ignored = []
    for name in pictures.pictures:
        if re.fullmatch("[0-9]{1,6}", Path(name).stem):
            numbers.setdefault(int(Path(name).stem), []).append(name)
        else:
            ignored.append(f"{place.name}/{name}")
    table = next((path for path in (folder / FFHQ_JSON, folder.parent / FFHQ_JSON) if path.is_file()), None)
    trains = {number: number < FIRST_VALIDATION for number in numbers}
    if table is not None:
        content = _read_json(table, dict)
        try:
            trains |= {int(number): entry["category"] == "training" for number, entry in content.items()}
        except (TypeError, KeyError, ValueError):
            raise UserError(f'"{table}" is not the file of FFHQ: an entry has no number or no category.') from None
    if not numbers:
        raise none_found(f'"{place}" has no images called 00000.png, 00001.png and so on', pictures)
    first, last = min(numbers), max(numbers)
    # Many copies hold some thousands of the pictures: what lies beyond them is not missing.
    names = {f"{number:05d}.png": number for number in sorted(trains) if first <= number <= last}

    def read(name: str) -> tuple[np.ndarray, None]:
        found = numbers.get(names[name], [])
        if not found:
            raise UserError(f'"{name}" is named in {FFHQ_JSON}, but is not in "{place}".')
        if len(found) > 1:
            raise UserError(f'"{name}" is there twice: "{found[0]}" and "{found[1]}". Remove one of them.')
        return shrink_image(as_rgb(open_picture(pictures.pictures[found[0]]), name), size, name), None

    train = [name for name, number in names.items() if trains[number]]
    val = [name for name, number in names.items() if not trains[number]]
    return Plan("ffhq", size, train, val, read, masks=False, options={"pictures": place.name if here else ""},
                ignored=ignored, skipped=_below(place, folder, pictures))


def _below(place: Path, folder: Path, pictures: Listing) -> list[tuple[str, str]]:
    before = f"{place.name}/" if place != folder else ""
    return [(before + name, reason) for name, reason in pictures.skipped]


def _read_json(path: Path, kind: type) -> list | dict:
    """A JSON file whose outermost value is of this kind, without what is `HEAVY`."""
    def light(pairs: list[tuple[str, object]]) -> dict:
        return {key: value for key, value in pairs if key not in HEAVY}

    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=light)
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    except ValueError as error:
        raise UserError(f'"{path}" is not JSON, or was cut short ({error}). Download it again, or remove '
                        "it.") from None
    if not isinstance(content, kind) or not content:
        raise UserError(f'"{path}" is not the file that comes with this data set. Download it again, or remove it.')
    return content
