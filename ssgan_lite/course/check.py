"""Exercises that answer: `check.NAME(your_answer)` says at once what is right, or what is wrong first.

    from ssgan_lite.course import check

    check.fourier_features(fourier_features)        # not started, right, or a hint
    check.reveal("03.2")                            # the solution: the library's own code
    check.progress()                                # what you have solved

NAME is any check of a `checks.py` in the folders beside this file; they are imported when first asked for.
SSGAN_CHECKS=raise turns wrong and missing answers into errors, for graders. SSGAN_PROGRESS names the progress file.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path as _Path

from ssgan_lite.course.exercises import Exercise as _Exercise
from ssgan_lite.course.exercises import NotStarted, WrongAnswer
from ssgan_lite.course.exercises import progress as _progress
from ssgan_lite.course.exercises.registry import EXERCISES as _EXERCISES
from ssgan_lite.course.notebooks import BY_NUMBER as _BY_NUMBER
from ssgan_lite.course.notebooks import NOTEBOOKS as _NOTEBOOKS
from ssgan_lite.errors import UserError
from ssgan_lite.errors import suggest as _suggest

__all__ = ["NotStarted", "WrongAnswer", "exercises", "forget", "progress", "reveal"]

_broken: dict[str, Exception] = {}


def exercises() -> dict[str, _Exercise]:
    """Every exercise of the course by its id, in order. A `checks.py` that cannot be imported hides no other."""
    for notebook in _NOTEBOOKS:
        subject = notebook.subject
        if subject not in _broken and (_Path(__file__).parent / subject / "checks.py").exists():
            try:
                importlib.import_module(f"ssgan_lite.course.{subject}.checks")
            except Exception as error:
                _broken[subject] = error
    return dict(sorted(_EXERCISES.items(), key=lambda item: (item[1].notebook, item[1].position)))


def reveal(id: str) -> None:
    """Print the solution of an exercise, for instance `check.reveal("03.2")`."""
    print(_find(id).solution_source())


def progress(notebook: str | int | None = None) -> None:
    """Print how many exercises of each notebook you have solved, and which are open; or of one: `progress("03")`."""
    done, groups = _progress.solved(), {}
    for exercise in exercises().values():
        groups.setdefault(exercise.notebook, []).append(exercise)
    if notebook is not None:
        number = f"{int(notebook):02d}" if str(notebook).isdigit() else str(notebook)
        if number not in groups:
            raise UserError(f'No exercises belong to notebook "{notebook}". {_suggest(number, groups)}')
        groups = {number: groups[number]}
    for number, group in groups.items():
        missing = [exercise.id for exercise in group if exercise.name not in done]
        still = f"   still open: {', '.join(missing)}" if missing else "   all solved"
        title = _BY_NUMBER[number].title if number in _BY_NUMBER else ""
        print(f"{number} {title:24}{len(group) - len(missing)} of {len(group)}{still}")
    names = [exercise.name for group in groups.values() for exercise in group]
    print(f"in all: {len(done.intersection(names))} of {len(names)} exercises solved")


def forget(id: str | None = None) -> None:
    """Start again: forget that an exercise was solved, or all of them."""
    gone = _progress.remove(None if id is None else {_find(id).name})
    print(f"{len(gone)} solved exercise{'' if len(gone) == 1 else 's'} forgotten.")


def _find(id: str) -> _Exercise:
    known = exercises()
    key = str(id).strip()
    key = f"0{key}" if re.fullmatch(r"\d[a-z]?\.\d+", key) else key
    by_name = {exercise.name: exercise for exercise in known.values()}
    if key in known or key in by_name:
        return known.get(key) or by_name[key]
    raise UserError(f'There is no exercise "{id}". {_suggest(key, by_name if key[:1].isalpha() else known)}')


def __getattr__(name: str):
    if not name.startswith("_"):
        by_name = {exercise.name: exercise for exercise in exercises().values()}
        if name in by_name:
            return by_name[name]
        if _broken:
            raise next(iter(_broken.values()))
        raise AttributeError(f'There is no check named "{name}". {_suggest(name, by_name)}')
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(exercise.name for exercise in exercises().values())})
