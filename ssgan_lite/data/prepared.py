"""Opening prepared data sets: folders that `ssgan-lite prepare` has made from the user's own files.

    images.npy        uint8 [N, 3, S, S]
    masks.npy         uint8 [N, S, S], the part id of every pixel; absent if the images came without masks
    attributes.npz    one array [N] for each attribute; absent if there are none
    dataset.json      what this is: size, names, parts, split, what was not read or left out and why, SHA-256 sums
    report.txt        the same for people

Faces for training come first, those for validation after them, so both are slices. `dataset.json` is written last:
a folder without it is unfinished. Large arrays are memory-mapped instead of read: the operating system fetches a face
when it is needed and keeps it as long as there is memory.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.data.memory import check_fits
from ssgan_lite.data.vocabulary import parts_of
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, Parts, remember
from ssgan_lite.storage import sha256, user_path

FORMAT = 2
DESCRIPTION = "dataset.json"
JOURNAL = "journal.jsonl"          # there while a folder is being prepared
MAP_ABOVE = 4_000_000_000          # bytes: larger arrays are memory-mapped

_verified: dict[Path, tuple[int, int]] = {}       # path -> size and time of change when its sum was checked


def load(kind: str, folder: str, size: int, split: str) -> Dataset:
    """One split of the prepared `folder`, which must have been made from a source of this `kind`.

    A smaller size that divides the prepared one is computed while loading: images by box filter, masks by
    `reduce_masks`.
    """
    path = user_path(folder)
    about = describe(path)
    if about["source"] != kind:
        raise UserError(f'"{folder}" was prepared from {about["source"]}, not {kind}: open '
                        f'"{about["source"]}:{folder}".')
    full = about["size"]
    if size < 1 or full % size:
        sizes = ", ".join(str(full // k) for k in (1, 2, 4, 8, 16, 32) if full % k == 0 and full // k >= 16)
        raise UserError(f'"{folder}" was prepared at {full} pixels and can be opened at {sizes}, not {size}. '
                        f"Prepare it again with --size {size} if you need that.")
    n_train, n = about["train"], len(about["names"])
    rows = {"train": slice(0, n_train), "val": slice(n_train, n), "all": slice(0, n)}[split]
    count = rows.stop - rows.start
    factor, source = full // size, f"{kind}:{folder}"
    # Decided by the whole pack, not by the split, so that "train" and "val" of one data set behave alike.
    mapped = factor == 1 and n * _bytes_a_face(about, size) > MAP_ABOVE
    if not mapped:
        check_fits(count * _bytes_a_face(about, size), f"{source} ({count:,} faces of {size} x {size} pixels)",
                   "Open it at a smaller size, or on a machine with more memory.")
    images = _array(path, about, "images.npy", (n, 3, full, full), rows, factor, mapped)
    masks = _array(path, about, "masks.npy", (n, full, full), rows, factor, mapped) if about["masks"] else None
    attributes = {}
    if "attributes.npz" in about["files"]:
        with np.load(_sound(path, about, "attributes.npz"), allow_pickle=False) as file:
            attributes = {name: file[name][rows] for name in file.files}
    parts = remember(parts_in(about))
    return Dataset(torch.from_numpy(images), None if masks is None else torch.from_numpy(masks), attributes,
                   np.array(about["names"][rows], np.str_), source, parts.names, parts.transparent, checked=mapped)


def describe(path: Path) -> dict:
    """The content of `dataset.json` of a prepared folder; raises `UserError` if it is none, unfinished or damaged."""
    if not path.is_dir():
        raise UserError(f'There is no folder "{path}".')
    if not (path / DESCRIPTION).is_file():
        if (path / JOURNAL).is_file():
            raise UserError(f'The preparation of "{path}" has not finished. Give the same command again: it goes on '
                            f"where it stopped.")
        raise UserError(f'"{path}" is not a prepared data set: it has no {DESCRIPTION}. Make one from your own files '
                        f"with `ssgan-lite prepare`.")
    try:
        about = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise UserError(f'"{path}" is of format {about["format"]}; this ssgan-lite reads {FORMAT}. Prepare it '
                            f"again.")
        if about["parts"] != list(parts_in(about, path).names):
            if "vocabulary" in about:
                raise UserError(f'In "{path / DESCRIPTION}" the parts are {", ".join(map(str, about["parts"]))}, and '
                                f"the vocabulary has {', '.join(parts_in(about).names)}. Prepare the folder again.")
            raise UserError(f'"{path}" has other parts than this ssgan-lite. Prepare it again.')
        complete = {"source", "size", "masks", "files"} <= about.keys()
        if not complete or not 0 <= int(about["train"]) <= len(about["names"]):
            raise ValueError
    except OSError as error:
        raise UserError(f'"{path / DESCRIPTION}" cannot be read: {error.strerror}.') from None
    except UserError:
        raise
    except (ValueError, KeyError, TypeError):
        raise UserError(f'"{path / DESCRIPTION}" is damaged. Prepare the folder again.') from None
    return about


def parts_in(about: dict, path: Path | str = "a prepared data set") -> Parts:
    """The vocabulary of a prepared data set: its own, if it has one, else `PARTS`."""
    return parts_of(about["vocabulary"], f'The vocabulary of "{path}"') if "vocabulary" in about else PARTS


def verify(path: Path) -> dict:
    """Compare every file of a prepared folder with its sum, also those too large to check at every opening."""
    about = describe(path)
    for name in about["files"]:
        _sound(path, about, name, large_too=True)
    return about


def _bytes_a_face(about: dict, size: int) -> int:
    return (4 if about["masks"] else 3) * size * size


def _array(path: Path, about: dict, name: str, shape: tuple[int, ...], rows: slice, factor: int,
           mapped: bool) -> np.ndarray:
    """Rows of an array file, made smaller by `factor`; memory-mapped if `mapped`."""
    file = _sound(path, about, name, large_too=not mapped)
    try:
        # "c", copy on write: what is written into the tensor by mistake stays in memory and never reaches the file.
        whole = np.load(file, mmap_mode="c", allow_pickle=False)
        if whole.dtype != np.uint8 or whole.shape != shape:
            raise ValueError(f"{whole.dtype} {list(whole.shape)} instead of uint8 {list(shape)}")
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f'"{file}" cannot be read ({error}). Prepare the folder again.') from None
    if mapped:
        return whole[rows]
    chosen = whole[rows]
    if factor == 1:
        return np.array(chosen)
    size = shape[-1] // factor
    small, parts = np.empty((*chosen.shape[:-2], size, size), np.uint8), parts_in(about)
    for start in range(0, len(chosen), 256):                  # a few at a time: the whole may not fit into memory
        block = chosen[start:start + 256]
        small[start:start + 256] = reduce_masks(block, factor, parts) if block.ndim == 3 else _box(block, factor)
    return small


def _box(images: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of factor x factor pixels, rounded: uint8 [n, 3, H, W] -> [n, 3, H / f, W / f]."""
    n, channels, height, width = images.shape
    blocks = images.reshape(n, channels, height // factor, factor, width // factor, factor)
    return ((blocks.sum((3, 5), dtype=np.uint32) + factor * factor // 2) // (factor * factor)).astype(np.uint8)


def _sound(path: Path, about: dict, name: str, large_too: bool = True) -> Path:
    """The path of a file that is as long as it should be and, unless too large for that, unchanged."""
    file, entry = path / name, about["files"].get(name)
    if entry is None or not file.is_file():
        raise UserError(f'"{file}" is missing. Prepare the folder again.')
    status = file.stat()
    if status.st_size != entry["bytes"]:
        raise UserError(f'"{file}" was cut short or changed: it has {status.st_size:,} of {entry["bytes"]:,} bytes. '
                        f"Prepare the folder again.")
    stamp = (status.st_size, status.st_mtime_ns)
    if large_too and _verified.get(file.absolute()) != stamp:
        if sha256(file) != entry["sha256"]:
            raise UserError(f'"{file}" was changed: its content is not what {DESCRIPTION} says. Prepare the folder '
                            f"again.")
        _verified[file.absolute()] = stamp
    return file
