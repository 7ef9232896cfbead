"""The docstrings of this library as reStructuredText, for the reference on the site.

They are written to be read as they stand: paragraphs, lists, aligned tables, `names` in single backticks. Sphinx
wants aligned text marked as such and would read a star as emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

CODE = re.compile(r"(`[^`]+`)")


def to_rst(lines: Sequence[str]) -> list[str]:
    """The lines of a docstring, marked up: aligned blocks become literal blocks, `names` literals."""
    return [line for block in _blocks(lines) for line in (*_mark(block), "")]


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Runs of lines between empty ones."""
    block: list[str] = []
    for line in (*lines, ""):
        if line.strip():
            block.append(line.rstrip())
        elif block:
            yield block
            block = []


def _mark(block: list[str]) -> list[str]:
    aligned = any(line.startswith(" ") or "   " in line for line in block)
    if block[0].startswith(">>>"):
        return block
    if aligned and not block[0].startswith("- "):
        return ["::", "", *("    " + line for line in block)]
    return _inline("\n".join(block)).splitlines()


def _inline(text: str) -> str:
    """Text with ``literals``; everything that would be markup by chance is text."""
    return "".join(f"`{piece}`" if CODE.fullmatch(piece) else re.sub(r"([*|_\\`])", r"\\\1", piece)
                   for piece in CODE.split(text))
