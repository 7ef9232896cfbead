"""Reading the user's own copy of CelebAMask-HQ, which may be used for research but not passed on.

    CelebA-HQ-img/<i>.jpg                                            30,000 images, 1024 x 1024
    CelebAMask-HQ-mask-anno/<i // 2000>/<i, five digits>_<suffix>.png   masks of parts, 512 x 512, white where it is
    CelebAMask-HQ-attribute-anno.txt                                 40 attributes, -1 or 1; used if it is there

Copies differ: images and masks may lie in any subfolder of these two, with any number of leading zeros, in any
format that Pillow reads.

The nineteen classes are painted one over another into our thirteen parts (section 4.1 of the SemanticStyleGAN paper).
Faces 0 to 27,999 are for training, the rest for validation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from ssgan_lite.data.decode import as_rgb, check_same_aspect, open_picture, shrink_image
from ssgan_lite.data.listing import check_folder, list_pictures, none_found
from ssgan_lite.data.masks import shrink_mask
from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import explain_reading, user_path

IMAGES, MASKS, ATTRIBUTES = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebAMask-HQ-attribute-anno.txt"
LABEL_MAPS = "CelebAMask-HQ-mask"      # made from the masks by a script that comes with the data set: 19 classes
PER_FOLDER = 2_000
FIRST_VALIDATION = 28_000

# Suffixes of the mask files in the order of painting. What comes later covers what came before: eyes and brows show
# through glasses, and hair over the face is hair.
PAINTING_ORDER = ("skin", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "l_lip", "u_lip", "nose", "hair",
                  "l_ear", "r_ear", "neck", "neck_l", "cloth", "hat", "ear_r")
PART_IDS = {suffix: part.id for part in PARTS for suffix in part.celebamask}


def plan(folder: str | os.PathLike, size: int = 256, leave_out: Collection[str | os.PathLike] = ()) -> Plan:
    """Everything there is in a copy of CelebAMask-HQ, and how to read it.

    leave_out: folders inside that are no input, such as the one to be written.
    """
    folder = user_path(folder)
    leave_out = [user_path(path) for path in leave_out]
    image_folder, mask_folder = _find_folders(folder)
    listings = {IMAGES: list_pictures(image_folder, leave_out), MASKS: list_pictures(mask_folder, leave_out)}
    ignored: list[str] = []

    def numbered(place: str, pattern: str) -> dict[tuple, list[str]]:
        """Names of files by what their names say: what `pattern` finds, the number of the face first."""
        found: dict[tuple, list[str]] = {}
        for name in listings[place].pictures:
            if match := re.fullmatch(pattern, Path(name).stem):
                number, *rest = match.groups()
                found.setdefault((int(number), *rest), []).append(name)
            else:
                ignored.append(f"{place}/{name}")
        return found

    images = {face: names for (face,), names in numbered(IMAGES, "([0-9]+)").items()}
    masks: dict[int, dict[str, list[str]]] = {}
    for (face, suffix), names in numbered(MASKS, "([0-9]+)_([A-Za-z_]+)").items():
        masks.setdefault(face, {})[suffix] = names
    if not images:
        raise none_found(f'"{image_folder}" has no images called 0.jpg, 1.jpg and so on', listings[IMAGES])
    faces = {images[face][0] if face in images else f"{face}.jpg": face
             for face in sorted(images.keys() | masks.keys())}                                 # by name

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        face = faces[name]
        for place, entries in ((IMAGES, {"": images.get(face, [])}), (MASKS, masks.get(face, {}))):
            if doubled := next((names for names in entries.values() if len(names) > 1), None):
                raise UserError(f'"{name}": there are two files for the same thing, "{doubled[0]}" and '
                                f'"{doubled[1]}" in {place}. Remove one of them.')
        paths = {suffix: listings[MASKS].pictures[names[0]] for suffix, names in masks.get(face, {}).items()}
        return read_pair(listings[IMAGES].pictures.get(name), paths, name, face, size)

    names = list(faces)
    n_train = sum(face < FIRST_VALIDATION for face in faces.values())
    table = image_folder.parent / ATTRIBUTES
    return Plan("celebamask", size, names[:n_train], names[n_train:], read, ignored=ignored,
                attributes=read_attributes(table, faces.values()) if table.is_file() else {},
                skipped=[(f"{place}/{name}", reason) for place in listings
                         for name, reason in listings[place].skipped])


def read_pair(image_path: Path | None, mask_paths: dict[str, Path], name: str, face: int,
              size: int) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [3, S, S] and mask uint8 [S, S] of one face. mask_paths: suffix -> file."""
    if image_path is None:
        raise UserError(f'"{name}" is not in {IMAGES}, but has masks ({next(iter(mask_paths.values())).name}, ...).')
    if "skin" not in mask_paths:
        raise UserError(f'"{name}" has no mask of its {"skin" if mask_paths else "parts"}: '
                        f'"{face // PER_FOLDER}/{face:05d}_skin.png" is not in {MASKS}.')
    for suffix, path in mask_paths.items():
        if suffix not in PAINTING_ORDER:
            raise UserError(f'The mask "{path.name}" is of no known part. {suggest(suffix, PAINTING_ORDER)}')
    image = as_rgb(open_picture(image_path), name)
    ids = paint(mask_paths)
    check_same_aspect(image.size, ids.shape[::-1], name, mask_paths["skin"].name)
    return shrink_image(image, size, name), shrink_mask(ids, size)


def paint(mask_paths: dict[str, Path]) -> np.ndarray:
    """Part ids uint8 [H, W] from the masks of a face's parts, later ones over earlier ones; 0 where there is none."""
    ids = None
    for suffix in PAINTING_ORDER:
        if suffix not in mask_paths:
            continue
        path = mask_paths[suffix]
        pixels = np.asarray(as_rgb(open_picture(path), path.name).convert("L"))                # [H, W]
        if ids is None:
            ids, first = np.zeros_like(pixels), path.name
        if pixels.shape != ids.shape:
            raise UserError(f'The mask "{path.name}" is {pixels.shape[1]} x {pixels.shape[0]} pixels, but "{first}" '
                            f"of the same face is {ids.shape[1]} x {ids.shape[0]}.")
        there = pixels > 127
        if pixels.any() and not there.any():
            raise UserError(f'The mask "{path.name}" has values up to {pixels.max()}; a part is where it is 255.')
        ids[there] = PART_IDS[suffix]
    return ids


def read_attributes(path: Path, faces: Iterable[int]) -> dict[str, np.ndarray]:
    """Truth values [N] by attribute, in lower case: a line with a number, one with 40 names, one for each face."""
    try:
        _, heading, *lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    except ValueError:
        raise UserError(f'"{path}" cannot be read as a table of attributes. Mend it or move it away.') from None
    columns = [word.lower() for word in heading.split()]
    table = {}
    for number, line in enumerate(lines, start=3):
        if line.strip():
            face, *values = line.split()
            stem = Path(face).stem
            if not stem.isdecimal() or len(values) != len(columns) or not set(values) <= {"-1", "1"}:
                raise UserError(f'"{path}", line {number}: a name and {len(columns)} times -1 or 1 were expected.')
            table[int(stem)] = [value == "1" for value in values]
    faces = list(faces)
    missing = [face for face in faces if face not in table]
    if missing:
        raise UserError(f'"{path}" has no line for {missing[0]}.jpg{" and others" if len(missing) > 1 else ""}. Mend '
                        f"it or move it away.")
    rows = np.array([table[face] for face in faces], bool)                                     # [N, 40]
    return {column: rows[:, index] for index, column in enumerate(columns)}


def _find_folders(folder: Path) -> tuple[Path, Path]:
    """The folders of images and masks: in `folder`, in the one that unpacking has made inside, or beside `folder`."""
    check_folder(folder)
    roots = [folder, folder / "CelebAMask-HQ"]
    if folder.name.casefold() in (IMAGES.casefold(), MASKS.casefold()):
        roots.append(folder.absolute().parent)
    found: list[dict[str, Path]] = []
    for root in roots:
        try:
            inside = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
            folders = {path.name.casefold(): path for path in inside}
        except OSError as error:
            raise UserError(explain_reading(error, root)) from None
        found.append({name: folders[name.casefold()] for name in (IMAGES, MASKS, LABEL_MAPS)
                      if name.casefold() in folders})
        if IMAGES in found[-1] and MASKS in found[-1]:
            return found[-1][IMAGES], found[-1][MASKS]
    best = max(found, key=len)
    lacking = IMAGES if IMAGES not in best else MASKS
    words = f'"{folder}" is not a copy of CelebAMask-HQ: it lacks the folder {lacking}.'
    if lacking == MASKS and LABEL_MAPS in best:
        words += (f" {LABEL_MAPS} has label maps: read them with `ssgan-lite prepare folder {IMAGES} --masks "
                  f'{LABEL_MAPS} --mask-colors TABLE`, a JSON file like {{"hair": [13, 13, 13], ...}}.')
    elif not best:
        packed = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".zip")
        words += f' Unpack "{packed[0]}" first.' if packed else ""
    raise UserError(words)
