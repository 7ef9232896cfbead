"""Making a prepared data set (`prepared.py`) from files that people have: checked face by face, resumable, complete.

What has been decided about each face is a line of `journal.jsonl`, written after its pixels, so a run that was
stopped at any moment goes on with the next face. A face that cannot be used stops the run or is left out with its
reason, as the user chose; nothing is left out without a line in the report.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ssgan_lite.data.memory import size_in_words
from ssgan_lite.data.prepared import DESCRIPTION, FORMAT, JOURNAL
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import atomic_write, explain, sha256

REPORT = "report.txt"


@dataclass(frozen=True)
class Plan:
    """What is to be prepared. Names are unique; those for training come first in the result."""

    source: str                                   # the word before the colon: open_dataset("folder:...")
    size: int                                     # S
    train: list[str]
    val: list[str]
    read: Callable[[str], tuple[np.ndarray, np.ndarray | None]]    # name -> image uint8 [3, S, S], mask uint8 [S, S]
    masks: bool = True
    options: dict = field(default_factory=dict)   # what else decides the result; a resumed run must have the same
    attributes: dict[str, np.ndarray] = field(default_factory=dict)  # each in the order train + val
    ignored: list[str] = field(default_factory=list)               # images and masks that belong to no face

    @property
    def names(self) -> list[str]:
        return self.train + self.val


def prepare(plan: Plan, out: Path, skip_bad: bool = False, quiet: bool = False) -> dict:
    """Write the prepared data set into the folder `out`, or go on with it; returns what `dataset.json` says.

    A bad face is a `UserError` with its name and reason, after which the same command goes on from there; with
    `skip_bad` it is left out and listed in the report.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        decided = _begin(plan, out, skip_bad)
        with _Rows(out / "images.npy", (3, plan.size, plan.size)) as images, \
                _Rows(out / "masks.npy", (plan.size, plan.size)) if plan.masks else _Nothing() as masks, \
                open(out / JOURNAL, "a", encoding="utf-8", newline="\n") as journal:
            kept = sum(reason is None for reason in decided.values())
            images.keep(kept)
            masks.keep(kept)
            names = plan.names[len(decided):]
            with tqdm(total=len(plan.names), initial=len(decided), unit="face", disable=quiet) as bar:
                for name, result in _read_all(plan.read, names):
                    reason = str(result) if isinstance(result, UserError) else None
                    if reason and not skip_bad:
                        raise UserError(f"{reason} Mend or remove it and give the same command again, which goes on "
                                        f"from here; or add --skip-bad to leave such faces out.")
                    if reason is None:
                        images.add(result[0])
                        masks.add(result[1])
                    decided[name] = reason
                    journal.write(json.dumps({"name": name, "left_out": reason}) + "\n")
                    journal.flush()
                    bar.update()
        return _finish(plan, out, decided)
    except OSError as error:
        raise UserError(explain(error, out / "images.npy")) from error


def _read_all(read: Callable, names: list[str]) -> Iterator[tuple[str, tuple | UserError]]:
    """Names with what was read or what was wrong, in order. Pillow decodes outside the interpreter lock."""
    def attempt(name: str) -> tuple | UserError:
        try:
            return read(name)
        except UserError as error:
            return error

    jobs = min(8, os.cpu_count() or 1)
    with warnings.catch_warnings(), ThreadPoolExecutor(jobs) as pool:
        warnings.simplefilter("ignore")                  # Pillow on large files (we have our own limit) and odd EXIF
        for start in range(0, len(names), 8 * jobs):     # a bounded number of faces waits to be written
            chunk = names[start:start + 8 * jobs]
            yield from zip(chunk, pool.map(attempt, chunk))


def _begin(plan: Plan, out: Path, skip_bad: bool) -> dict[str, str | None]:
    """Name -> reason (None: kept) of what an earlier run has decided; all is checked before anything is done."""
    if not plan.names:
        raise UserError("There is nothing to prepare.")
    if (out / DESCRIPTION).exists():
        raise UserError(f'"{out}" already holds a prepared data set. Choose another --out, or delete the folder '
                        f"first.")
    head = {"format": FORMAT, "source": plan.source, "size": plan.size, "masks": plan.masks, **plan.options}
    if plan.ignored and not skip_bad:
        more = f" and {len(plan.ignored) - 1:,} others belong" if len(plan.ignored) > 1 else " belongs"
        raise UserError(f'"{plan.ignored[0]}"{more} to no face: the name does not match. Rename or remove what is '
                        f"wrong, or add --skip-bad to leave it out.")
    if not (out / JOURNAL).exists():
        if any(out.iterdir()):
            raise UserError(f'"{out}" is not empty. Choose another --out.')
        with atomic_write(out / JOURNAL) as temporary:
            temporary.write_text(json.dumps(head) + "\n", encoding="utf-8", newline="\n")
    # A line that was cut in two belongs to a face that is read again.
    lines = (out / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        (out / JOURNAL).write_text("".join(whole), encoding="utf-8", newline="\n")
    try:
        before, *entries = map(json.loads, whole)
        decided = {entry["name"]: entry["left_out"] for entry in entries}
    except (ValueError, KeyError, TypeError):
        raise UserError(f'"{out / JOURNAL}" is damaged. Delete "{out}" and start again.') from None
    # JSON knows no tuples: compare what would be read back.
    if before != json.loads(json.dumps(head)):
        changed = sorted(key for key in before.keys() | head.keys() if before.get(key) != head.get(key))
        raise UserError(f'"{out}" holds an unfinished preparation with another {" and ".join(changed)}. Give the '
                        f"same command as then, choose another --out, or delete the folder.")
    if list(decided) != plan.names[:len(decided)]:
        raise UserError(f'"{out}" holds an unfinished preparation of other files: some were added or removed since. '
                        f"Delete the folder, or choose another --out.")
    left_out = [name for name, reason in decided.items() if reason]
    if left_out and not skip_bad:
        raise UserError(f'The unfinished preparation in "{out}" has left out {len(left_out)} faces ({left_out[0]} '
                        f"first). Go on with --skip-bad, or delete the folder to start again.")
    needed = (len(plan.names) - len(decided)) * (4 if plan.masks else 3) * plan.size**2
    free = shutil.disk_usage(out).free
    if needed > free:
        raise UserError(f'"{out}" needs {size_in_words(needed)} of disk space, and {size_in_words(free)} are free. '
                        f"Choose another --out or a smaller --size.")
    return decided


def _finish(plan: Plan, out: Path, decided: dict[str, str | None]) -> dict:
    """Name the arrays as they are to be called, write what they are, and `dataset.json` last."""
    kept = [name for name, reason in decided.items() if reason is None]
    left_out = {name: reason for name, reason in decided.items() if reason}
    if not kept:
        raise UserError(f"None of the {len(decided)} faces can be used. The first: {next(iter(left_out.values()))}")
    files = ["images.npy"] + ["masks.npy"] * plan.masks + ["attributes.npz"] * bool(plan.attributes)
    for name in ("images.npy", "masks.npy")[:1 + plan.masks]:
        os.replace(out / f"{name}.part", out / name)
    if plan.attributes:
        rows = np.array([decided[name] is None for name in plan.names])
        with atomic_write(out / "attributes.npz") as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **{name: values[rows] for name, values in plan.attributes.items()})
    n_train = len(set(plan.train) & set(kept))
    about = {
        "format": FORMAT, "source": plan.source, "size": plan.size, "parts": list(PARTS.names), "masks": plan.masks,
        "options": plan.options, "train": n_train, "names": kept, "left_out": left_out, "ignored": plan.ignored,
        "files": {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in files},
    }
    with atomic_write(out / REPORT) as temporary:
        temporary.write_text(report(about), encoding="utf-8")
    with atomic_write(out / DESCRIPTION) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8", newline="\n")
    (out / JOURNAL).unlink()
    return about


def report(about: dict) -> str:
    """What became of every file, for people."""
    n, train, size = len(about["names"]), about["train"], about["size"]
    lines = [f"{n:,} faces of {size} x {size} pixels{'' if about['masks'] else ', without masks'}: {train:,} for "
             f"training, {n - train:,} for validation.",
             f"{len(about['left_out']):,} left out{':' if about['left_out'] else '.'}"]
    lines += [f"  {name}: {reason}" for name, reason in about["left_out"].items()]
    if about["ignored"]:
        lines += [f"{len(about['ignored']):,} files belong to no face:", *(f"  {name}" for name in about["ignored"])]
    return "\n".join(lines) + "\n"


class _Rows:
    """Rows of bytes added to `<path>.part`, an array file whose header is made right when it is closed."""

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self.path, self.shape, self.count = path.with_name(path.name + ".part"), shape, 0
        # A run stopped at the very end may have given the file its name already.
        if path.exists() and not self.path.exists():
            os.replace(path, self.path)

    def __enter__(self) -> _Rows:
        self.file = open(self.path, "r+b" if self.path.exists() else "w+b")
        return self

    def _header(self) -> bytes:
        """Always equally long: NumPy leaves room for the first axis to grow."""
        target = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            target, {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)})
        return target.getvalue()

    def keep(self, count: int) -> None:
        """Continue after `count` rows, forgetting what may follow them."""
        self.count = count
        length = len(self._header()) + count * int(np.prod(self.shape))
        if count and self.file.seek(0, os.SEEK_END) < length:
            raise UserError(f'"{self.path}" is shorter than "{JOURNAL}" says. Delete the folder and start again.')
        self.file.seek(0)
        self.file.write(self._header())
        self.file.truncate(length)
        self.file.seek(length)

    def add(self, row: np.ndarray) -> None:
        if row.dtype != np.uint8 or row.shape != self.shape:
            raise AssertionError(f"a row of {row.dtype} {row.shape} for {self.shape}")
        self.file.write(row.tobytes())
        self.file.flush()
        self.count += 1

    def __exit__(self, *exception) -> None:
        self.file.seek(0)
        self.file.write(self._header())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


class _Nothing:
    """Takes the place of the masks where there are none."""

    def __enter__(self) -> _Nothing:
        return self

    def keep(self, count: int) -> None: ...

    def add(self, row: None) -> None: ...

    def __exit__(self, *exception) -> None: ...
