"""Faces with masks. `open_dataset("heads", size=64)` is all that most code needs."""

from __future__ import annotations

from functools import partial

from ssgan_lite.data import prepared, shards
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.masks import signed_one_hot
from ssgan_lite.errors import UserError, suggest

__all__ = ["DATASETS", "Dataset", "PREPARED", "SPLITS", "open_dataset", "signed_one_hot"]

# What ships: name -> (what loads it, the sizes it comes in)
DATASETS = {"heads": (shards.load, shards.SIZES), "avatars": (partial(shards.load, pack="avatars"), shards.SIZES)}
# What `ssgan-lite prepare` makes from the user's own files, opened as "celebamask:FOLDER"
PREPARED = ("celebamask", "folder")
SPLITS = ("train", "val", "all")


def open_dataset(name: str, size: int = 64, split: str = "train") -> Dataset:
    """The data set called `name` at `size` x `size` pixels.

    `name` is "heads" or "avatars", which ship, or "celebamask:FOLDER" or "folder:FOLDER", a folder that
    `ssgan-lite prepare` has made. `split` is "train", "val" or "all"; which faces are for validation never changes,
    however a data set grows.
    """
    if split not in SPLITS:
        raise UserError(f'There is no split called "{split}". {suggest(split, SPLITS)}')
    kind, colon, folder = name.partition(":")
    if kind in PREPARED:
        if not folder:
            raise UserError(f'"{kind}" ships with nobody: prepare your own files with `ssgan-lite prepare {kind}` '
                            f'and open "{kind}:FOLDER".')
        return prepared.load(kind, folder, size, split)
    if kind in DATASETS and colon:
        raise UserError(f'"{kind}" ships with the project and is opened without a folder: "{kind}".')
    if name not in DATASETS:
        raise UserError(f'There is no data set called "{name}". {suggest(kind, [*DATASETS, *PREPARED])}')
    load, sizes = DATASETS[name]
    if size not in sizes:
        raise UserError(f'The data set "{name}" comes at {", ".join(map(str, sizes))} pixels, not {size}.')
    return load(size, split)
