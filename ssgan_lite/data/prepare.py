"""Making a prepared data set (`prepared.py`) from the user's files: checked face by face, resumable, accounted for.

What became of each face is a line of `journal.jsonl`, written after its pixels, so a run that was stopped at any
moment goes on with the next face. A face that cannot be used stops the run or is left out with its reason, as the
user chose. Nothing is left out without a line in the report, which also counts all files that were not read.
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

from ssgan_lite.data.listing import count_skipped, in_words
from ssgan_lite.data.memory import size_in_words
from ssgan_lite.data.prepared import DESCRIPTION, FORMAT, JOURNAL
from ssgan_lite.data.vocabulary import entries_of
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, Parts
from ssgan_lite.storage import atomic_write, claim_folder, explain, sha256, user_path, write_text

REPORT = "report.txt"


@dataclass(frozen=True)
class Plan:
    """What to prepare. Names are unique; faces for training come first in the result."""

    source: str                                   # the word before the colon: open_dataset("folder:...")
    size: int                                     # S
    train: list[str]
    val: list[str]
    read: Callable[[str], tuple[np.ndarray, np.ndarray | None]]    # name -> image uint8 [3, S, S], mask uint8 [S, S]
    masks: bool = True
    parser: str = ""                              # how good the masks are, if a parser has made them: for the report
    parts: Parts = PARTS                          # what the ids in the masks mean
    options: dict = field(default_factory=dict)   # what else decides the result: must be the same on resuming
    attributes: dict[str, np.ndarray] = field(default_factory=dict)  # each in the order train + val
    ignored: list[str] = field(default_factory=list)               # images and masks that belong to no face
    skipped: list[tuple[str, str]] = field(default_factory=list)   # other files that are not read, and why

    @property
    def names(self) -> list[str]:
        return self.train + self.val


def prepare(plan: Plan, out: str | os.PathLike, skip_bad: bool = False, quiet: bool = False) -> dict:
    """Write the prepared data set into the folder `out`, or go on with it; returns what `dataset.json` says.

    A bad face is a `UserError` with its name and reason, after which the same command goes on from there; with
    `skip_bad` it is left out and listed in the report. While this runs, `out` is refused to every other process.
    """
    out = user_path(out)
    if not plan.names:
        raise UserError("There is nothing to prepare.")
    with claim_folder(out):
        try:
            decided = _begin(plan, out, skip_bad)
            _read_faces(plan, out, decided, skip_bad, quiet)
            return _finish(plan, out, decided)
        except OSError as error:
            raise UserError(explain(error, out / "images.npy")) from error


def _read_faces(plan: Plan, out: Path, decided: dict[str, dict], skip_bad: bool, quiet: bool) -> None:
    """Read the faces that are not in `decided` yet; add their pixels to the arrays and a line for each to it."""
    with _Rows(out / "images.npy", (3, plan.size, plan.size)) as images, \
            _Rows(out / "masks.npy", (plan.size, plan.size)) if plan.masks else _Nothing() as masks, \
            open(out / JOURNAL, "a", encoding="utf-8", newline="\n") as journal:
        kept = sum(entry["left_out"] is None for entry in decided.values())
        images.keep(kept)
        masks.keep(kept)
        names = plan.names[len(decided):]
        with tqdm(total=len(plan.names), initial=len(decided), unit="face", disable=quiet) as bar:
            for name, result in _read_all(plan.read, names):
                entry = {"name": name, "left_out": None}
                if isinstance(result, UserError):
                    if not skip_bad:
                        raise UserError(f"{result} Mend or remove it and give the same command again, which goes on "
                                        f"from here; or add --skip-bad to leave such faces out.")
                    entry["left_out"] = str(result)
                else:
                    image, mask = result
                    images.add(image)
                    masks.add(mask)
                    entry["parts"] = [] if mask is None else np.unique(mask).tolist()
                decided[name] = entry
                journal.write(json.dumps(entry) + "\n")
                journal.flush()
                bar.update()


def _read_all(read: Callable, names: list[str]) -> Iterator[tuple[str, tuple | UserError]]:
    """Names with what was read or the error, in order. Threads suffice: Pillow releases the interpreter lock."""
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
            yield from zip(chunk, pool.map(attempt, chunk), strict=True)


def _begin(plan: Plan, out: Path, skip_bad: bool) -> dict[str, dict]:
    """Name -> line of the journal: what an earlier run has decided. All is checked before anything is done.

    A line is {"name": ..., "left_out": reason or None, "parts": ids in the mask of a face that was kept}.
    """
    if (out / DESCRIPTION).exists():
        raise UserError(f'"{out}" already holds a prepared data set. Choose another --out, or delete the folder '
                        f"first.")
    head = {"format": FORMAT, "source": plan.source, "size": plan.size, "masks": plan.masks, **plan.options}
    if plan.parts != PARTS:
        head["vocabulary"] = entries_of(plan.parts)
    if plan.ignored and not skip_bad:
        more = f" and {len(plan.ignored) - 1:,} others belong" if len(plan.ignored) > 1 else " belongs"
        raise UserError(f'"{plan.ignored[0]}"{more} to no face: the name does not match. Rename or remove what is '
                        f"wrong, or add --skip-bad to leave it out.")
    if not (out / JOURNAL).exists():
        if any(out.iterdir()):
            raise UserError(f'"{out}" is not empty. Choose another --out.')
        write_text(out / JOURNAL, json.dumps(head) + "\n")
    # A line that was cut in two belongs to a face that is read again.
    lines = (out / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        (out / JOURNAL).write_text("".join(whole), encoding="utf-8", newline="\n")
    try:
        before, *entries = map(json.loads, whole)
        decided = {entry["name"]: entry for entry in entries}
        if not all(entry["left_out"] or isinstance(entry["parts"], list) for entry in entries):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise UserError(f'"{out / JOURNAL}" is damaged. Delete "{out}" and start again.') from None
    # JSON knows no tuples: compare what would be read back.
    if before != json.loads(json.dumps(head)) and not decided:          # it failed at its first face: begin anew
        write_text(out / JOURNAL, json.dumps(head) + "\n")
    elif before != json.loads(json.dumps(head)):
        changed = sorted(key for key in before.keys() | head.keys() if before.get(key) != head.get(key))
        raise UserError(f'"{out}" holds an unfinished preparation with another {" and ".join(changed)}. Give the '
                        f"same command as then, choose another --out, or delete the folder.")
    if list(decided) != plan.names[:len(decided)]:
        raise UserError(f'"{out}" holds an unfinished preparation of other files: some were added or removed since. '
                        f"Delete the folder, or choose another --out.")
    left_out = [name for name, entry in decided.items() if entry["left_out"]]
    if left_out and not skip_bad:
        raise UserError(f'The unfinished preparation in "{out}" has left out {len(left_out)} faces ({left_out[0]} '
                        f"first). Go on with --skip-bad, or delete the folder to start again.")
    needed = (len(plan.names) - len(decided)) * (4 if plan.masks else 3) * plan.size**2
    free = shutil.disk_usage(out).free
    if needed > free:
        raise UserError(f'"{out}" needs {size_in_words(needed)} of disk space, and {size_in_words(free)} are free. '
                        f"Choose another --out or a smaller --size.")
    return decided


def _finish(plan: Plan, out: Path, decided: dict[str, dict]) -> dict:
    """Name the arrays as they are to be called, write what they are, and `dataset.json` last."""
    left_out = {name: entry["left_out"] for name, entry in decided.items() if entry["left_out"]}
    kept = [name for name in decided if name not in left_out]
    if not kept:
        raise UserError(f"None of the {len(decided)} faces can be used. The first: {next(iter(left_out.values()))}")
    files = ["images.npy"] + ["masks.npy"] * plan.masks + ["attributes.npz"] * bool(plan.attributes)
    for name in ("images.npy", "masks.npy")[:1 + plan.masks]:
        os.replace(out / f"{name}.part", out / name)
    if plan.attributes:
        rows = np.array([name not in left_out for name in plan.names])
        with atomic_write(out / "attributes.npz") as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **{name: values[rows] for name, values in plan.attributes.items()})
    n_train = len(set(plan.train) & set(kept))
    parts_of = {name: set(decided[name]["parts"]) for name in kept} if plan.masks else {}
    about = {
        "format": FORMAT, "source": plan.source, "size": plan.size, "parts": list(plan.parts.names),
        "masks": plan.masks, "options": plan.options, "train": n_train, "names": kept, "left_out": left_out,
        "ignored": plan.ignored,
        "not_read": count_skipped(plan.skipped),
        "part_counts": {part.name: sum(part.id in parts for parts in parts_of.values()) for part in plan.parts
                        if plan.masks},
        "empty_masks": [name for name, parts in parts_of.items() if parts <= {plan.parts[0].id}],
        "files": {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in files},
    }
    if plan.parser:
        about["parser"] = plan.parser
    if plan.parts != PARTS:
        about["vocabulary"] = entries_of(plan.parts)
    write_text(out / REPORT, report(about))
    write_text(out / DESCRIPTION, json.dumps(about, indent=1) + "\n")
    (out / JOURNAL).unlink()
    return about


def report(about: dict) -> str:
    """What became of every file, as text for `report.txt`."""
    n, train, size = len(about["names"]), about["train"], about["size"]
    lines = [f"{n:,} faces of {size} x {size} pixels{'' if about['masks'] else ', without masks'}: {train:,} for "
             f"training, {n - train:,} for validation.",
             f"{len(about['left_out']):,} left out{':' if about['left_out'] else '.'}"]
    lines += [f"  {name}: {reason}" for name, reason in about["left_out"].items()]
    if about["ignored"]:
        lines += [f"{len(about['ignored']):,} files belong to no face:", *(f"  {name}" for name in about["ignored"])]
    if about["not_read"]:
        count = sum(entry["count"] for entry in about["not_read"])
        lines += [f"Not read: {count:,} files or folders.", *(f"  {line}" for line in in_words(about["not_read"]))]
    if about["masks"]:
        seen = {name: count for name, count in about["part_counts"].items() if count}
        unseen = [name for name in about["part_counts"] if name not in seen]
        lines.append(f"Faces with each part: {', '.join(f'{name} {count:,}' for name, count in seen.items())}."
                     + f" In no face: {', '.join(unseen)}." * bool(unseen))
    if parser := about.get("parser"):
        lines.append(f"The masks are estimates of the parser, not annotations. {parser}")
    if empty := about["empty_masks"]:
        lines.append(f"Warning: {len(empty):,} mask{'s have' if len(empty) > 1 else ' has'} nothing but background: "
                     f"{', '.join(empty[:5])}{', ...' if len(empty) > 5 else ''}. Are these masks of parts?")
    # File names may hold bytes that are no UTF-8; they are shown as \udc.. .
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace").decode()


class _Rows:
    """Appends rows to the array file `<path>.part`; its header, which holds their number, is written on closing."""

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
    """In place of the `_Rows` of masks where there are no masks."""

    def __enter__(self) -> _Nothing:
        return self

    def keep(self, count: int) -> None: ...

    def add(self, row: None) -> None: ...

    def __exit__(self, *exception) -> None: ...
