"""The one exception that means "you can mend this": a sentence that says what, where and what to do next.

Everything that a user can cause by what they typed, opened or pointed at raises a `UserError`; the command line
prints its sentence and leaves with exit code 2, a widget shows it, a notebook shows it as the last line of the
traceback. Anything else that is raised is a defect of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """What was wrong, where, and what to do next, in one or two lines."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Name the known word nearest to a mistyped one, as the tail of an error message.

    >>> suggest("hiar", ["hair", "hat"])
    'Did you mean "hair"?'
    >>> suggest("zebra", ["hair", "hat"])
    'Known: hair, hat.'
    """
    known = list(known)
    near = difflib.get_close_matches(str(word), known, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(known)}."
