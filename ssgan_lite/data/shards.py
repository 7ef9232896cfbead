"""Packs that ship with the project: shards of faces with masks and what each face was made from.

The heads (`data/heads`) come in shards of 500 seeds, the avatars (`data/avatars`) in one for each style. A shard is
one `.npz` of plain arrays without pickles:

    image_bytes    uint8 [*]      WebP files of 128 x 128 RGB, one after the other
    image_offsets  int64 [N + 1]  where each of them begins; the last entry is the length of image_bytes
    mask_bytes     uint8 [*]      all masks, uint8 [N, 128, 128], compressed together with LZMA (neighbors resemble)
    seed           int64 [N]      what each face was made from
    attr_<name>    [N]            float32 or text of fixed width
    maker_version  text           which program made them

A shard never changes once published. Faces whose seed ends in 9 are for validation.
"""

from __future__ import annotations

import io
import lzma
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.data.memory import check_fits
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import atomic_write

FULL_SIZE = 128
SIZES = (128, 64, 32)


def load(pack: str = "heads", size: int = 64, split: str = "train", seeds: range | None = None) -> Dataset:
    """The faces of a shipped pack at 128, 64 or 32 pixels: for training ("train"), for validation ("val") or "all".

    seeds: only the faces made from these; they must all be there.
    """
    paths = find(pack, seeds)
    # For a moment the shards are there twice: each by itself, and joined.
    check_fits(2 * 4 * size * size * sum(len(read_seeds(path)) for path in paths), f"{pack} at {size} pixels",
               "Open them at a smaller size.")
    # Decoding releases the interpreter lock, so two shards at a time use two cores.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        shards = list(pool.map(lambda path: read_shard(assets.verify(path), size, split, seeds), paths))
    names = shards[0][3]
    for path, shard in zip(paths, shards, strict=True):
        if shard[3].keys() != names.keys():
            raise UserError(f'"{path}" has other attributes than "{paths[0]}": they are from different packs.')
    images, masks, found, _ = (list(column) for column in zip(*shards, strict=True))
    attributes = {name: np.concatenate([shard[3][name] for shard in shards]) for name in names}
    return Dataset(torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(masks)), attributes,
                   np.concatenate(found), source=pack if seeds is None else f"{pack}:{seeds.start}:{seeds.stop}")


def find(pack: str, seeds: range | None = None) -> list[Path]:
    """The shards of a pack, or those with any of these seeds; a `UserError` if some of the seeds are in none."""
    paths = assets.find_all(f"{pack}/*.npz")
    if seeds is None:
        return paths
    there = {path: read_seeds(path) for path in paths}
    inside = {path: int(((have >= seeds.start) & (have < seeds.stop)).sum()) for path, have in there.items()}
    if sum(inside.values()) < len(seeds):
        have = np.concatenate(list(there.values()))
        shown = f"the seeds {have.min()} to {have.max()}" if len(have) else "no seeds"
        raise UserError(f'"{pack}" has {shown} here, not all of {seeds.start} to {seeds.stop - 1}. Choose others, or '
                        "get the newer data.")
    return [path for path in paths if inside[path]]


def read_seeds(path: Path) -> np.ndarray:
    """The seeds of a shard, int64 [N]; none where it is broken, which reading it will explain."""
    try:
        with np.load(path, allow_pickle=False) as shard:
            return np.asarray(shard["seed"], np.int64)
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile):
        return np.zeros(0, np.int64)


def read_shard(path: Path, size: int, split: str, only: range | None = None
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Images uint8 [n, 3, S, S], masks uint8 [n, S, S], seeds int64 [n] and attributes of one shard's split.

    only: the seeds that are wanted; None: all.
    """
    try:
        with np.load(path, allow_pickle=False) as shard:
            arrays = {name: shard[name] for name in shard.files}
        seeds, offsets, data = arrays["seed"], arrays["image_offsets"], arrays["image_bytes"].tobytes()
        masks = np.frombuffer(lzma.decompress(arrays["mask_bytes"].tobytes()), np.uint8)
        masks = masks.reshape(len(seeds), FULL_SIZE, FULL_SIZE)                                       # [N, 128, 128]
        if len(offsets) != len(seeds) + 1 or offsets[-1] != len(data):
            raise ValueError("offsets do not fit")
    except KeyError as error:
        raise UserError(f'"{path}" is not a shard of heads: it lacks {error.args[0]}.') from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise UserError(f'"{path}" cannot be read as a shard of heads ({error}).') from None

    wanted = in_split(seeds, split)
    if only is not None:
        wanted &= (seeds >= only.start) & (seeds < only.stop)
    chosen = np.flatnonzero(wanted)
    images = np.empty((len(chosen), 3, size, size), np.uint8)
    for row, index in enumerate(chosen):
        try:
            # Naming the format spares Pillow from trying half a dozen others on each of ten thousand images.
            image = Image.open(io.BytesIO(data[offsets[index]:offsets[index + 1]]), formats=("WEBP",)).convert("RGB")
        except (OSError, ValueError) as error:
            raise UserError(f'"{path}": the image of seed {seeds[index]} does not decode ({error}).') from None
        if image.size != (FULL_SIZE, FULL_SIZE):
            raise UserError(f'"{path}": the image of seed {seeds[index]} is {image.size[0]} x {image.size[1]} '
                            f"pixels, but its mask is {FULL_SIZE} x {FULL_SIZE}.")
        # `reduce` is a box filter: the mean of each block of pixels, rounded.
        images[row] = np.asarray(image.reduce(FULL_SIZE // size)).transpose(2, 0, 1)                  # [3, S, S]
    masks = masks[chosen]
    if masks.size and masks.max() >= len(PARTS):
        bad = seeds[chosen[np.flatnonzero(masks.max((1, 2)) >= len(PARTS))[0]]]
        raise UserError(f'"{path}": the mask of seed {bad} has class {masks.max()}, but the vocabulary ends at '
                        f"{len(PARTS) - 1} ({PARTS[-1].name}).")
    attributes = {name.removeprefix("attr_"): values[chosen] for name, values in arrays.items()
                  if name.startswith("attr_")}
    return images, reduce_masks(masks, FULL_SIZE // size), seeds[chosen], attributes


def in_split(seeds: np.ndarray, split: str) -> np.ndarray:
    """True where a seed belongs to the split: those ending in 9 validate, the others train."""
    validates = seeds % 10 == 9
    return {"train": ~validates, "val": validates, "all": np.ones_like(validates)}[split]


def write_shard(path: Path, images: Sequence[bytes], masks: np.ndarray, seeds: np.ndarray,
                attributes: dict[str, np.ndarray], maker_version: str) -> None:
    """Write one shard atomically: WebP files, masks uint8 [N, 128, 128], seeds [N], and attributes, each [N]."""
    lengths = [len(image) for image in images]
    arrays = {
        "image_bytes": np.frombuffer(b"".join(images), np.uint8),
        "image_offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "mask_bytes": np.frombuffer(lzma.compress(np.ascontiguousarray(masks).tobytes(), preset=9), np.uint8),
        "seed": np.asarray(seeds, np.int64),
        "maker_version": np.array(maker_version),
        **{f"attr_{name}": values for name, values in attributes.items()},
    }
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
