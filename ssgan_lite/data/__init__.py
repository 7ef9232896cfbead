"""Faces with masks. `open_dataset("heads", size=64)` is all that most code needs."""

from __future__ import annotations

from ssgan_lite.data import heads
from ssgan_lite.data.dataset import Dataset, signed_one_hot
from ssgan_lite.errors import UserError, suggest

__all__ = ["DATASETS", "Dataset", "SPLITS", "open_dataset", "signed_one_hot"]

# name -> (what loads it, the sizes it comes in)
DATASETS = {"heads": (heads.load, heads.SIZES)}
SPLITS = ("train", "val", "all")


def open_dataset(name: str, size: int = 64, split: str = "train") -> Dataset:
    """The data set called `name` at `size` x `size` pixels.

    `split` is "train", "val" or "all"; which faces are for validation never changes, however a data set grows.
    """
    if name not in DATASETS:
        raise UserError(f'There is no data set called "{name}". {suggest(name, DATASETS)}')
    if split not in SPLITS:
        raise UserError(f'There is no split called "{split}". {suggest(split, SPLITS)}')
    load, sizes = DATASETS[name]
    if size not in sizes:
        raise UserError(f'The data set "{name}" comes at {", ".join(map(str, sizes))} pixels, not {size}.')
    return load(size, split)
