"""The data of a run, once in the memory of every machine, however many processes train there.

One process per machine reads (and decodes) the data set and writes it to a temporary file; all of them memory-map
that file. A data set that is memory-mapped already is simply opened.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.data.prepared import MAP_ABOVE
from ssgan_lite.errors import UserError
from ssgan_lite.storage import explain
from ssgan_lite.train.distributed import Processes


def open_shared(name: str, size: int, processes: Processes) -> Dataset:
    """`open_dataset(name, size)` for one process of a run; shared data have no attributes."""
    if processes.count == 1:
        return open_dataset(name, size=size)
    key = f"data of the machine of {processes.rank - processes.local_rank}"
    data, folder = None, ""
    try:
        if processes.local_rank == 0:
            data = open_dataset(name, size=size)
            mapped = data.nbytes > MAP_ABOVE and data.checked
            folder = "" if mapped or processes.local_count == 1 else put(data)
            processes.store.set(key, folder)
        # A barrier, because `store.get` would go on waiting for a process that has died.
        processes.wait()
        place = processes.store.get(key).decode()
        if place:
            data = look_at(place)
        processes.wait()
    finally:
        if folder:                         # mapped files stay readable without a name
            shutil.rmtree(folder, ignore_errors=True)
    return data if data is not None else open_dataset(name, size=size)


def put(data: Dataset) -> str:
    """Write images and masks to a new temporary folder; returns its path."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="ssgan-lite-"))
        np.save(folder / "images.npy", data.images.numpy())
        if data.has_masks:
            np.save(folder / "masks.npy", data.masks.numpy())
        about = dict(source=data.source, parts=data.parts, transparent=data.transparent)
        (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise UserError(explain(error, folder or tempfile.gettempdir()) + " The environment variable TMPDIR names "
                        "another folder for temporary files.") from None
    return str(folder)


def look_at(folder: str) -> Dataset:
    """The data that `put` wrote, memory-mapped."""
    images, masks = (_mapped(path) if path.is_file() else None
                     for path in (Path(folder) / "images.npy", Path(folder) / "masks.npy"))
    about = json.loads((Path(folder) / "about.json").read_text(encoding="utf-8"))
    return Dataset(images, masks, {}, np.arange(len(images)), about["source"], tuple(about["parts"]),
                   tuple(about["transparent"]), checked=True)


def _mapped(path: Path) -> Tensor:
    # "c": copy on write, so that a mistake cannot change the shared file.
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
