"""Data sets by name: which there are, opening one, and telling one version of it from another."""

from __future__ import annotations

import hashlib
import re

from ssgan_lite import assets
from ssgan_lite.data import prepared, shards
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.storage import user_path

SHIPPED = ("heads", "avatars")            # packs of shards in the data tree
# What `ssgan-lite prepare` makes, mostly from the user's files: "folder:FOLDER".
PREPARED = ("celebamask", "folder", "metfaces", "ffhq", "bitmoji", "cityscapes", "streets")
SPLITS = ("train", "val", "all")


def open_dataset(name: str, size: int = 64, split: str = "train") -> Dataset:
    """The data set called `name` at `size` x `size` pixels.

    name: "heads" or "avatars", which ship, or one of `PREPARED` and a folder that `ssgan-lite prepare` has
    made, such as "folder:FOLDER". The pack of heads grows; "heads:0:2500" are those made from the seeds 0 to 2499
    only, for what must stay comparable.
    split: "train", "val" or "all". Which faces are for validation never changes, however a data set grows.
    """
    if split not in SPLITS:
        raise UserError(f'There is no split called "{split}". {suggest(split, SPLITS)}')
    kind, rest = _parse(name)
    if kind in PREPARED:
        return prepared.load(kind, rest, size, split)
    if size not in shards.SIZES:
        raise UserError(f'The data set "{name}" comes at {", ".join(map(str, shards.SIZES))} pixels, not {size}.')
    return shards.load(kind, size, split, rest)


def data_sum(name: str) -> str | None:
    """Twelve digits that tell one version of a data set from another, by the sums of its files; None if not known."""
    try:
        kind, rest = _parse(name)
        if kind in PREPARED:
            files = prepared.describe(user_path(rest))["files"]
            sums = [files[file]["sha256"] for file in sorted(files)]
        else:
            entries = assets.read_manifest(assets.root_folder())
            sums = [entries[f"{kind}/{path.name}"]["sha256"] for path in shards.find(kind, rest)]
    except (UserError, KeyError):
        return None
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:12] if sums else None


def _parse(name: str) -> tuple[str, str | range | None]:
    """The kind of data set, and its folder (a prepared one) or the seeds that are wanted (None: all)."""
    kind, colon, rest = str(name).partition(":")
    if kind in PREPARED:
        if not rest:
            raise UserError(f'"{kind}" does not ship: prepare your own files with `ssgan-lite prepare {kind}` and '
                            f'open "{kind}:FOLDER".')
        return kind, rest
    if kind not in SHIPPED:
        raise UserError(f'There is no data set called "{name}". {suggest(kind, [*SHIPPED, *PREPARED])}')
    if not colon:
        return kind, None
    match = re.fullmatch(r"([0-9]{1,15}):([0-9]{1,15})", rest)
    if not match or int(match[1]) >= int(match[2]):
        raise UserError(f'"{name}" is no data set. "{kind}" ships with the project and needs no folder; write '
                        f'"{kind}", or "{kind}:FIRST:STOP" for some of its seeds, such as "{kind}:0:2500".')
    return kind, range(int(match[1]), int(match[2]))
