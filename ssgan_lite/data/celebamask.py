"""CelebAMask-HQ, from the user's own copy: it may be used for research, but not handed on.

    CelebA-HQ-img/<i>.jpg                                            30,000 images, 1024 x 1024
    CelebAMask-HQ-mask-anno/<i // 2000>/<i, five digits>_<suffix>.png   masks of parts, 512 x 512, white where it is
    CelebAMask-HQ-attribute-anno.txt                                 40 attributes, -1 or 1; used if it is there

The nineteen classes are painted one over another into our thirteen parts (section 4.1 of the SemanticStyleGAN paper).
Faces 0 to 27,999 are for training, the rest for validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ssgan_lite.data.decode import as_rgb, check_same_aspect, is_picture, open_picture, shrink_image
from ssgan_lite.data.masks import shrink_mask
from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.parts import PARTS

IMAGES, MASKS, ATTRIBUTES = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebAMask-HQ-attribute-anno.txt"
PER_FOLDER = 2_000
FIRST_VALIDATION = 28_000

# Our parts in the order of painting: what comes later covers what came before, so eyes and brows show through glasses,
# and hair over the face is hair.
ORDER = ("face", "glasses", "eyes", "eyebrows", "mouth", "nose", "hair", "ears", "neck", "cloth", "hat", "earrings")
PAINTING = tuple((suffix, part) for part in ORDER for suffix in PARTS[part].celebamask)     # (suffix of the file, part)
SUFFIXES = tuple(suffix for suffix, _ in PAINTING)


def plan(folder: Path, size: int = 256) -> Plan:
    """Everything there is in a copy of CelebAMask-HQ, and how to read it."""
    root = _root(folder)
    images, strange_images = _list_images(root / IMAGES)
    masks, strange_masks = _list_masks(root / MASKS)
    faces = sorted(images.keys() | masks.keys())
    if not faces:
        raise UserError(f'"{root / IMAGES}" has no images called 0.jpg, 1.jpg and so on.')

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        face = int(name.removesuffix(".jpg"))
        return read_pair(images.get(face), masks.get(face, {}), name, size)

    names = [f"{face}.jpg" for face in faces]
    n_train = sum(face < FIRST_VALIDATION for face in faces)
    return Plan("celebamask", size, names[:n_train], names[n_train:], read, ignored=strange_images + strange_masks,
                attributes=read_attributes(root / ATTRIBUTES, names) if (root / ATTRIBUTES).is_file() else {})


def read_pair(image_path: Path | None, mask_paths: dict[str, Path], name: str,
              size: int) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [3, S, S] and mask uint8 [S, S] of one face. mask_paths: suffix -> file."""
    if image_path is None:
        raise UserError(f'"{name}" is not in {IMAGES}, but has masks ({next(iter(mask_paths.values())).name}, ...).')
    if "skin" not in mask_paths:
        raise UserError(f'"{name}" has no mask of its {"skin" if mask_paths else "parts"}: '
                        f'"{_mask_path(int(name.removesuffix(".jpg")), "skin")}" is not in {MASKS}.')
    for suffix, path in mask_paths.items():
        if suffix not in SUFFIXES:
            raise UserError(f'The mask "{path.name}" is of no known part. {suggest(suffix, SUFFIXES)}')
    image = as_rgb(open_picture(image_path), name)
    ids = paint(mask_paths)
    check_same_aspect(image.size, ids.shape[::-1], name, mask_paths["skin"].name)
    return shrink_image(image, size, name), shrink_mask(ids, size)


def paint(mask_paths: dict[str, Path]) -> np.ndarray:
    """Part ids uint8 [H, W] from the masks of a face's parts, later ones over earlier ones; 0 where there is none."""
    ids = None
    for suffix, part in PAINTING:
        if suffix not in mask_paths:
            continue
        path = mask_paths[suffix]
        pixels = np.asarray(open_picture(path).convert("L"))                                   # [H, W]
        if ids is None:
            ids, first = np.zeros_like(pixels), path.name
        if pixels.shape != ids.shape:
            raise UserError(f'The mask "{path.name}" is {pixels.shape[1]} x {pixels.shape[0]} pixels, but "{first}" '
                            f"of the same face is {ids.shape[1]} x {ids.shape[0]}.")
        there = pixels == 255
        if pixels.any() and not there.any():
            raise UserError(f'The mask "{path.name}" has values up to {pixels.max()}; a part is where it is 255.')
        ids[there] = PARTS[part].id
    return ids


def read_attributes(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Truth values [N] by attribute, in lower case: a line with a number, one with 40 names, one for each face."""
    try:
        _, heading, *lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise UserError(f'"{path}" cannot be read as a table of attributes. Mend it or move it away.') from None
    columns = [word.lower() for word in heading.split()]
    table = {}
    for number, line in enumerate(lines, start=3):
        if line.strip():
            face, *values = line.split()
            if len(values) != len(columns) or not set(values) <= {"-1", "1"}:
                raise UserError(f'"{path}", line {number}: a name and {len(columns)} times -1 or 1 were expected.')
            table[face] = [value == "1" for value in values]
    missing = [name for name in names if name not in table]
    if missing:
        raise UserError(f'"{path}" has no line for {missing[0]}{" and others" if len(missing) > 1 else ""}. Mend it '
                        f"or move it away.")
    rows = np.array([table[name] for name in names], bool)                                     # [N, 40]
    return {column: rows[:, index] for index, column in enumerate(columns)}


def _root(folder: Path) -> Path:
    """The folder itself, or the one inside that unpacking has made."""
    folder = folder.expanduser()
    if not folder.is_dir():
        raise UserError(f'There is no folder "{folder}".')
    for root in (folder, folder / "CelebAMask-HQ"):
        if (root / IMAGES).is_dir() and (root / MASKS).is_dir():
            return root
    raise UserError(f'"{folder}" is not a copy of CelebAMask-HQ: it lacks the folder '
                    f'{IMAGES if not (folder / IMAGES).is_dir() else MASKS}.')


def _mask_path(face: int, suffix: str) -> str:
    return f"{face // PER_FOLDER}/{face:05d}_{suffix}.png"


def _list_images(folder: Path) -> tuple[dict[int, Path], list[str]]:
    """Number -> file, and the images that are called otherwise."""
    found, strange = {}, []
    for path in sorted(folder.iterdir()):
        if re.fullmatch(r"0|[1-9]\d*", path.stem) and path.suffix == ".jpg":
            found[int(path.stem)] = path
        elif is_picture(path):
            strange.append(f"{IMAGES}/{path.name}")
    return found, strange


def _list_masks(folder: Path) -> tuple[dict[int, dict[str, Path]], list[str]]:
    """Number -> suffix -> file, and the images that are called otherwise or lie where they do not belong."""
    found: dict[int, dict[str, Path]] = {}
    strange = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        match = re.fullmatch(r"(\d{5})_([A-Za-z_]+)\.png", path.name)
        if match and name == _mask_path(int(match[1]), match[2]):
            found.setdefault(int(match[1]), {})[match[2]] = path
        elif is_picture(path):
            strange.append(f"{MASKS}/{name}")
    return found, strange
