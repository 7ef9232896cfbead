"""Listing a user's folder: every picture in it once, and a count of everything that is not read, with the reason.

Links to folders are followed, each folder is read once however many links lead to it, and a folder that may not be
read, a link that leads nowhere or a file in a format that Pillow does not know is not passed over in silence.
"""

from __future__ import annotations

import functools
import os
import stat
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ssgan_lite.errors import UserError

ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"}
# Pictures that people have and Pillow does not open. What Pillow opens here is asked of Pillow.
OTHER_PICTURES = {".heic", ".heif", ".hif", ".avif", ".jxl", ".svg", ".pdf", ".eps", ".ai", ".xcf", ".kra", ".exr",
                  ".hdr", ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".orf", ".rw2",
                  ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".raw"}
# Folders that systems put among the user's: thumbnails (Synology, QNAP), trash, resource forks (macOS zip files).
OF_THE_SYSTEM = {"@eadir", "@__thumb", "#recycle", "@recycle", "$recycle.bin", "#snapshot", "__macosx", "lost+found",
                 "system volume information"}
# Formats that Pillow only recognizes, or draws with the help of other programs.
LEADS_NOWHERE = "a link that leads nowhere"
NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PALM", "PDF", "WMF"}


@dataclass
class Listing:
    """What lies in a folder and below it. Names are relative to it, with "/"; those of folders end in "/"."""

    pictures: dict[str, Path] = field(default_factory=dict)         # by name, in order
    skipped: list[tuple[str, str]] = field(default_factory=list)    # name and reason of what is not read


def list_pictures(folder: Path, leave_out: Collection[Path] = ()) -> Listing:
    """All pictures in a folder and below it; `leave_out`: folders that are not looked into, nor counted."""
    check_folder(folder)
    top, leave_out = os.path.realpath(folder), {os.path.realpath(path) for path in leave_out}
    found, read = Listing(), set()
    linked: deque[tuple[str, Path]] = deque()       # folders behind links come last: a folder's own place is its name
    waiting: deque[tuple[str, Path, str]] = deque([("", folder, "")])

    while waiting or linked:
        name, path, reason = waiting.popleft() if waiting else (*linked.popleft(), "")
        real = os.path.realpath(path)
        if real in leave_out:
            continue
        if real in read:
            found.skipped.append((name, "a link to a folder that was read already"))
            continue
        read.add(real)
        try:
            with os.scandir(path) as entries:
                entries = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not name:
                raise UserError(f'"{folder}" may not be read ({error.strerror}).') from None
            found.skipped.append((name, "may not be read"))
            continue
        for entry in entries:
            where, inside = name + entry.name, path / entry.name
            why = reason or _why_not(entry.name)
            kind = _kind(inside)
            if kind == "folder" and not entry.is_symlink():
                waiting.append((where + "/", inside, why))
            elif kind == "folder" and not why:
                if Path(top).is_relative_to(os.path.realpath(inside)):
                    found.skipped.append((where + "/", "a link to a folder that contains it"))
                else:
                    linked.append((where + "/", inside))
            else:
                why = why or {"file": _not_a_picture(entry.name), "folder": ""}.get(kind, kind)
                if why:
                    found.skipped.append((where, why))
                else:
                    found.pictures[where] = inside
    found.pictures = dict(sorted(found.pictures.items()))
    return found


def check_folder(folder: Path) -> None:
    """A `UserError` unless the user's `folder` is one."""
    kind = _kind(folder)
    if kind == "folder":
        return
    if kind == "file" and folder.suffix.lower() in ARCHIVES:
        raise UserError(f'"{folder}" is an archive. Unpack it, and name the folder that comes out of it.')
    if kind == "file":
        raise UserError(f'"{folder}" is a file, not a folder. Name the folder that it lies in.')
    if kind == LEADS_NOWHERE and not folder.is_symlink():
        raise UserError(f'There is no folder "{folder}".')
    raise UserError(f'"{folder}" cannot be read as a folder: {kind}.')


def count_skipped(skipped: Iterable[tuple[str, str]]) -> list[dict]:
    """How many files were not read, by ending and reason, the most frequent first: for `dataset.json`."""
    counts: dict[tuple[str, str], dict] = {}
    for name, reason in skipped:
        ending = "folder" if name.endswith("/") else os.path.splitext(name)[1].lower() or "no ending"
        entry = counts.setdefault((ending, reason), {"ending": ending, "reason": reason, "count": 0, "first": name})
        entry["count"] += 1
    return sorted(counts.values(), key=lambda entry: -entry["count"])


def in_words(not_read: list[dict]) -> list[str]:
    """A line for each entry of `count_skipped`."""
    return [f'{entry["count"]:,} {entry["ending"]}: {entry["reason"]} ({entry["first"]}'
            + (", ...)" if entry["count"] > 1 else ")") for entry in not_read]


def none_found(what: str, listing: Listing) -> UserError:
    """The error for a folder without a single picture: what it has instead."""
    words = in_words(count_skipped(listing.skipped))
    more = f" and {len(words) - 3} more kinds" if len(words) > 3 else ""
    return UserError(f"{what}." + (f" What is there is not read: {'; '.join(words[:3])}{more}." if words else ""))


@functools.cache
def readable_endings() -> frozenset[str]:
    """The endings of files that Pillow can decode as it is installed here."""
    endings = Image.registered_extensions()
    return frozenset(ending for ending, name in endings.items() if name not in NOT_DECODED)


def _kind(path: Path) -> str:
    """ "file", "folder", or why it is neither."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return LEADS_NOWHERE
    except PermissionError:
        return "may not be read"
    except (OSError, ValueError) as error:
        return LEADS_NOWHERE if os.path.islink(path) else str(getattr(error, "strerror", error))
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "neither a file nor a folder"


def _why_not(name: str) -> str:
    """Why a file or folder of this name, and everything in it, is not read; "" if it is."""
    if name.casefold() in OF_THE_SYSTEM:
        return f"in {name}, which a system has made"
    return "hidden" if name.startswith(".") else ""


def _not_a_picture(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    if ending in readable_endings():
        return ""
    if ending in OTHER_PICTURES:
        return "a format that is not read here, convert it to JPEG or PNG"
    return "an archive, unpack it first" if ending in ARCHIVES else "no picture"
