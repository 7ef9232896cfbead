"""Progress file: which exercises were solved, by name.

The file belongs to the reader, so that one read-only installation serves a class: `SSGAN_PROGRESS` where that is set,
otherwise `.ssgan-lite/progress.json` in the home folder. If it cannot be read or written, the exercise goes on: the
trouble is told once, and what was solved is remembered until Python ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write

_here: set[str] = set()         # what could not be stored: remembered until Python ends
_told: set[str] = set()


def path() -> Path:
    """Where the progress is kept."""
    if given := os.environ.get("SSGAN_PROGRESS"):
        return Path(given)
    try:
        return Path.home() / ".ssgan-lite" / "progress.json"
    except RuntimeError:
        raise UserError("Your home folder cannot be found; set SSGAN_PROGRESS to a file.") from None


def solved() -> set[str]:
    """Names of the exercises that were solved."""
    try:
        return _read(path()) | _here
    except UserError as error:
        _tell(str(error))
        return set(_here)


def add(name: str) -> None:
    """Remember that an exercise was solved."""
    before = solved()
    if name not in before and not _store(before | {name}):
        _here.add(name)


def remove(names: set[str] | None = None) -> set[str]:
    """Forget exercises, or all of them; returns those that were forgotten."""
    before = solved()
    gone = before if names is None else before & names
    _here.difference_update(gone)
    if gone:
        _store(before - gone)
    return gone


def _read(file: Path) -> set[str]:
    """The names in a file; a damaged one is set aside, never overwritten."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UserError(f'"{file}" cannot be read: {error.strerror or error}.') from None
    try:
        names = json.loads(content)["solved"]
        if not isinstance(names, list) or not all(isinstance(name, str) and name.isidentifier() for name in names):
            raise ValueError
        return set(names)
    except (ValueError, KeyError, TypeError, RecursionError):
        aside = file.with_name(file.name + ".damaged")
        try:
            os.replace(file, aside)
        except OSError:
            raise UserError(f'"{file}" is damaged.') from None
        _tell(f'"{file}" was damaged; it was renamed to "{aside.name}", and a new one is begun.')
        return set()


def _store(names: set[str]) -> bool:
    """Write the file; False, after a word about it, if it cannot be written."""
    try:
        with atomic_write(path()) as temporary:
            temporary.write_text(json.dumps({"solved": sorted(names)}, indent=1) + "\n", encoding="utf-8")
    except UserError as error:
        _tell(f"{error} It is kept until Python ends; SSGAN_PROGRESS may name a file that you may write.")
        return False
    return True


def _tell(trouble: str) -> None:
    """Once each: a line beside the exercise's own, which is not affected."""
    if trouble not in _told:
        _told.add(trouble)
        print(f"(Progress: {trouble} Your answers are checked all the same.)")
