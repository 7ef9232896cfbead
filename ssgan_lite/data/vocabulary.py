"""Vocabularies of parts that are data: a JSON file of the user's, or the entry in a prepared data set.

    [{"name": "sky", "color": "#4682b4", "size": "large"}, "road", {"name": "lamp", "thin": 2}]

A list in order of id, or an object with such a list under "parts". The first part is the background: what is there
when nothing else is. All but the name may be left out: `color` (one is found that differs from all others),
`transparent` (drawn over what is behind it), `thin` (votes of a pixel when masks are made smaller, 1 to 3) and `size`
("large" or "small": in which mean the part counts when a model is measured). A name alone is short for {"name": ...};
what `PARTS` knows about a name holds here too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.parts import PARTS, Part, Parts, plain_vocabulary, remember
from ssgan_lite.storage import user_path

MOST = 256                                   # parts: a mask has eight bits
RESERVED = ("all", "base", "whole")          # what edits call something else
FIELDS = ("name", "color", "transparent", "thin", "size")


def read_vocabulary(path: str | os.PathLike) -> Parts:
    """The parts in a JSON file; what is wrong with it is a `UserError` with the name of the file and of the part."""
    path = user_path(path)
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f'The vocabulary "{path}" cannot be read: {error.strerror}.') from None
    except ValueError as error:
        raise UserError(f'The vocabulary "{path}" is not JSON ({error}).') from None
    entries = content.get("parts") if isinstance(content, dict) else content
    return remember(parts_of(entries, f'The vocabulary "{path}"'))


def parts_of(entries: object, what: str = "The vocabulary") -> Parts:
    """Entries, as they stand in JSON, as `Parts`; `what` begins the message of an error."""
    if not isinstance(entries, list) or not 2 <= len(entries) <= MOST:
        raise UserError(f'{what} must be a list of 2 to {MOST} parts, such as ["background", "road", "car"].')
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in entries]
    for number, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not re.fullmatch(r"\S(.{0,62}\S)?", name):
            raise UserError(f'{what} has no proper name for part {number}: write {{"name": "road"}}, at most 64 '
                            "letters.")
        if name in RESERVED:
            raise UserError(f'{what} calls a part "{name}", a word that edits use otherwise. Choose another name.')
        if unknown := [key for key in entry if key not in FIELDS]:
            raise UserError(f'{what}, part "{name}": there is no "{unknown[0]}". {suggest(unknown[0], FIELDS)}')
    names = [entry["name"] for entry in entries]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f'{what} has two parts called "{doubled}".')
    known = plain_vocabulary(tuple(names))
    parts = Parts([_part(known[i], entry, what) for i, entry in enumerate(entries)])
    colors = [part.color for part in parts]
    if doubled := next((part for part in parts if colors.index(part.color) < part.id), None):
        raise UserError(f'{what} gives "{doubled.name}" the color of "{parts[colors.index(doubled.color)].name}".')
    return parts


def entries_of(parts: Sequence[Part]) -> list[dict]:
    """The inverse of `parts_of`: what is written into `dataset.json`."""
    return [{"name": part.name, "color": list(part.color), "transparent": part.transparent, "thin": part.thin,
             "size": part.size} for part in parts]


def _part(known: Part, entry: dict, what: str) -> Part:
    what = f'{what}, part "{known.name}"'
    color, thin = entry.get("color", known.color), entry.get("thin", known.thin)
    transparent, size = entry.get("transparent", known.transparent), entry.get("size", known.size)
    if isinstance(color, str) and re.fullmatch("#[0-9a-fA-F]{6}", color):
        color = tuple(bytes.fromhex(color[1:]))
    color = tuple(color) if isinstance(color, list) else color
    if not (isinstance(color, tuple) and len(color) == 3 and all(type(v) is int and 0 <= v <= 255 for v in color)):
        raise UserError(f'{what}: the color {json.dumps(entry["color"])} is not like [70, 130, 180] or "#4682b4".')
    if not isinstance(transparent, bool):
        raise UserError(f"{what}: transparent is true or false, not {json.dumps(transparent)}.")
    if isinstance(thin, bool) or not isinstance(thin, int | float) or not 1 <= thin <= 3:
        raise UserError(f"{what}: thin is a number from 1 to 3, not {json.dumps(thin)}.")
    if size not in ("", "large", "small"):
        raise UserError(f'{what}: size is "large", "small" or "", not {json.dumps(size)}.')
    if known.id == 0 and transparent:
        raise UserError(f"{what} is the background, behind which there is nothing: it cannot be transparent.")
    return Part(known.name, known.id, color, transparent, float(thin), size, PARTS[known.name].celebamask
                if known.name in PARTS.names else ())
