"""Cached frozen features of a data set: what the encoder reads, and what reconstructions are compared with.

They never change, and computing them takes a fifth of a reconstruction step, so they are computed once and kept in
the cache folder, memory-mapped: 53 kB per face. The name of the file has a sum over the pictures in it, so a cache of
other data is never used, and one that is damaged is made anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ssgan_lite.assets import cache_folder
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.model.encoder import FEATURES, pool_features
from ssgan_lite.storage import atomic_write
from ssgan_lite.train.distributed import ALONE, Processes

VERSION = 1                  # of what is in a row
COMPARED = 3                 # maps that a reconstruction is compared with: strides 4, 8 and 16
SHAPES = [(c, s, s) for c, s in zip(FrozenFeatures.CHANNELS, FrozenFeatures.SIZES, strict=True)][:COMPARED]
LEVELS = 127                 # of an int8: the maps are kept as unit vectors, whose numbers are from -1 to 1
# One face: the encoder's features of the picture and of its mirror image, and the maps of the picture.
ROW = np.dtype([("features", "<f2", (2, FEATURES)), ("maps", "i1", (sum(c * h * w for c, h, w in SHAPES),))])
CHUNK = 16


class FeatureCache:
    """The features of every face of a data set, from a memory-mapped file."""

    def __init__(self, rows: np.ndarray, path: Path, device: torch.device | str = "cpu"):
        self.rows, self.path, self.device = rows, path, torch.device(device)

    def __repr__(self) -> str:
        return f"FeatureCache({len(self.rows):,} faces, {self.nbytes / 1e6:.0f} MB in {self.path})"

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes

    def features(self, indices: Tensor, flip: Tensor) -> Tensor:
        """What the encoder reads of these pictures, mirrored where `flip` [n] says so: float32 [n, FEATURES]."""
        found = self.rows["features"][indices.cpu().numpy(), flip.cpu().numpy().astype(np.int64)]
        return torch.from_numpy(found).to(self.device).float()

    def maps(self, indices: Tensor) -> list[Tensor]:
        """Their maps, not mirrored, as unit vectors at every position: float32 [n, C, h, w] each."""
        found = torch.from_numpy(self.rows["maps"][indices.cpu().numpy()]).to(self.device).float() / LEVELS
        sizes = [c * h * w for c, h, w in SHAPES]
        return [part.view(-1, *shape) for part, shape in zip(found.split(sizes, dim=1), SHAPES, strict=True)]

    def statistics(self, limit: int = 4000) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the encoder's features over (at most `limit`) faces: [FEATURES] each."""
        chosen = torch.from_numpy(self.rows["features"][:limit].astype(np.float32)).flatten(0, 1)
        return chosen.mean(dim=0).to(self.device), chosen.std(dim=0).to(self.device)


def unit_maps(maps: list[Tensor]) -> list[Tensor]:
    """The maps that are compared, every position's features scaled to length 1."""
    return [F.normalize(x.float(), dim=1) for x in maps[:COMPARED]]


def open_cache(data: Dataset, frozen: FrozenFeatures, device: torch.device | str = "cpu",
               processes: Processes = ALONE, quiet: bool = True) -> FeatureCache:
    """The features of `data`, computed if the cache folder does not have them; one process per machine does that."""
    path = cache_folder() / "features" / f"{_sum(data)}-{data.size}px.npy"
    if processes.local_rank == 0 and (rows := _read(path, len(data))) is None:
        _write(path, data, frozen, torch.device(device), quiet)
    processes.wait()
    rows = _read(path, len(data))
    if rows is None:
        raise UserError(f'"{path}", the cache of features, was written but cannot be read. Delete it, and check '
                        "whether the disk is full.")
    return FeatureCache(rows, path, device)


def _sum(data: Dataset) -> str:
    """Sixteen digits that tell these pictures (and this version of the cache) from others."""
    digest = hashlib.blake2b(f"{VERSION} {ROW} {tuple(data.images.shape)}".encode(), digest_size=8)
    for part in data.images.split(1024):
        digest.update(part.cpu().numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path, n: int) -> np.ndarray | None:
    """The rows, or None where there is no such file or it is not whole."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return rows if rows.dtype == ROW and rows.shape == (n,) else None


@torch.no_grad()
def _write(path: Path, data: Dataset, frozen: FrozenFeatures, device: torch.device, quiet: bool) -> None:
    size = len(data) * ROW.itemsize
    try:
        # Written from front to back rather than through a memory map, for which a full disk is the end of the
        # process.
        with atomic_write(path) as temporary, open(temporary, "wb") as file, \
                tqdm(total=len(data), desc=f"features ({size / 1e6:.0f} MB)", unit="face", disable=quiet) as bar:
            np.lib.format.write_array_header_1_0(file, dict(descr=np.lib.format.dtype_to_descr(ROW),
                                                            fortran_order=False, shape=(len(data),)))
            for indices in torch.arange(len(data)).split(CHUNK):
                rows = np.empty(len(indices), ROW)
                for flip in (True, False):
                    maps = frozen(data.image_batch(indices, flip, device))
                    rows["features"][:, int(flip)] = pool_features(maps).half().cpu().numpy()
                units = torch.cat([x.flatten(1) for x in unit_maps(maps)], dim=1)     # of the last: not mirrored
                rows["maps"] = (units * LEVELS).round().to(torch.int8).cpu().numpy()
                file.write(rows.tobytes())
                bar.update(len(indices))
    except UserError as error:
        raise UserError(f"{error} The cache of features takes {size / 1e6:.0f} MB; the environment variable "
                        "XDG_CACHE_HOME names another cache folder.") from None
