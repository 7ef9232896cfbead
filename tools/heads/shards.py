"""Shards: 500 heads in one .npz without pickles. A finished shard never changes.

image_bytes    uint8 [total]      WebP files (quality 80, 128 x 128 RGB), one after the other
image_offsets  int64 [N + 1]      image i is image_bytes[image_offsets[i]:image_offsets[i + 1]]
mask_bytes     uint8 [total]      all masks, uint8 [N, 128, 128], compressed together with LZMA
mask_shape     int64 [3]
seed           int64 [N]
maker_version  unicode
attr_<name>    float32 [N], or fixed-width unicode [N] for names
"""

import io
import lzma
import os
from pathlib import Path

import numpy as np
from PIL import Image

WEBP_QUALITY = 80
LZMA_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]


def encode_image(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=WEBP_QUALITY, method=6)
    return buffer.getvalue()


def decode_image(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def write_atomically(path: Path, arrays: dict):
    """Write an .npz under another name, make sure that it is on the disk, and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def pack_shard(path: Path, images: list, masks: np.ndarray, seeds: list, attributes: list, maker_version: str):
    """Write one shard: WebP `images`, `masks` [N, S, S], and each head's attributes (dicts)."""
    offsets = np.concatenate([[0], np.cumsum([len(image) for image in images])]).astype(np.int64)
    arrays = {
        "image_bytes": np.frombuffer(b"".join(images), np.uint8),
        "image_offsets": offsets,
        "mask_bytes": np.frombuffer(
            lzma.compress(np.ascontiguousarray(masks, np.uint8).tobytes(), lzma.FORMAT_XZ, filters=LZMA_FILTERS),
            np.uint8),
        "mask_shape": np.array(masks.shape, np.int64),
        "seed": np.array(seeds, np.int64),
        "maker_version": np.array(maker_version),
    }
    for name in attributes[0]:
        values = [head[name] for head in attributes]
        arrays[f"attr_{name}"] = np.array(values) if isinstance(values[0], str) else np.array(values, np.float32)
    write_atomically(path, arrays)


class Shard:
    """A shard opened for reading."""

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        self.seeds = self.arrays["seed"]
        self.masks = np.frombuffer(lzma.decompress(self.arrays["mask_bytes"].tobytes()),
                                   np.uint8).reshape(self.arrays["mask_shape"])

    def image(self, index: int) -> np.ndarray:
        start, stop = self.arrays["image_offsets"][index:index + 2]
        return decode_image(self.arrays["image_bytes"][start:stop].tobytes())
