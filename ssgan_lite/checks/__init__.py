"""Exercises that answer: `checks.<name>(your_answer)` says at once what is right or what is wrong first.

    checks.fourier_features(fourier_features)       # not started, right, or a hint
    checks.reveal("03.2")                           # the solution: the library's own code
    checks.progress()                               # what you have solved

Every module `lesson_NN.py` in this folder adds the exercises of one notebook; they are imported when first asked for.
SSGAN_CHECKS=raise turns wrong and missing answers into errors, for graders. SSGAN_PROGRESS names the progress file.
"""

from __future__ import annotations

import importlib
import pkgutil
import re

from ssgan_lite.checks import record as _record
from ssgan_lite.checks.core import EXERCISES as _EXERCISES, Exercise as _Exercise
from ssgan_lite.checks.verdicts import NotStarted, WrongAnswer
from ssgan_lite.errors import UserError, suggest as _suggest

__all__ = ["NotStarted", "WrongAnswer", "exercises", "forget", "progress", "reveal"]

LESSONS = {
    "00": "start here", "01": "faces and masks", "02": "latents and modulation", "03": "Fourier features",
    "04": "local generators", "05": "depth fusion", "06": "render net", "07": "dual discriminator", "08": "losses",
    "09": "train small", "10": "train full", "11": "measure", "12": "edit", "13": "invert", "14": "directions",
    "15": "new domains", "16": "how far"}
_broken: dict[str, Exception] = {}


def exercises() -> dict[str, _Exercise]:
    """Every exercise of the course by its id, in order. A lesson that cannot be imported does not hide the others."""
    for info in pkgutil.iter_modules(__path__):
        if re.fullmatch(r"lesson_\d\d", info.name) and info.name not in _broken:
            try:
                importlib.import_module(f"{__name__}.{info.name}")
            except Exception as error:
                _broken[info.name] = error
    return dict(sorted(_EXERCISES.items(), key=lambda item: _order(item[0])))


def reveal(id: str) -> None:
    """Print the solution of an exercise, for instance `checks.reveal("03.2")`."""
    print(_find(id).solution_source())


def progress(lesson: str | int | None = None) -> None:
    """Print how many exercises of each notebook you have solved, and which are open; or of one: `progress("03")`."""
    done, lessons = _record.solved(), {}
    for id in exercises():
        lessons.setdefault(id[:2], []).append(id)
    if lesson is not None:
        number = f"{int(lesson):02d}" if str(lesson).isdigit() else str(lesson)
        if number not in lessons:
            raise UserError(f'No exercises belong to notebook "{lesson}". {_suggest(number, lessons)}')
        lessons = {number: lessons[number]}
    for number, ids in lessons.items():
        missing = [id for id in ids if id not in done]
        still = f"   still open: {', '.join(missing)}" if missing else "   all solved"
        print(f"{number} {LESSONS.get(number, ''):24}{len(ids) - len(missing)} of {len(ids)}{still}")
    total = [id for ids in lessons.values() for id in ids]
    print(f"in all: {len(done.intersection(total))} of {len(total)} exercises solved")


def forget(id: str | None = None) -> None:
    """Start again: forget that an exercise was solved, or all of them."""
    gone = _record.remove(None if id is None else {_find(id).id})
    print(f"{len(gone)} solved exercise{'' if len(gone) == 1 else 's'} forgotten.")


def _find(id: str) -> _Exercise:
    known = exercises()
    key = str(id).strip()
    key = f"0{key}" if re.fullmatch(r"\d\.\d+", key) else key
    by_name = {exercise.name: exercise for exercise in known.values()}
    if key in known or key in by_name:
        return known.get(key) or by_name[key]
    raise UserError(f'There is no exercise "{id}". {_suggest(key, by_name if key[:1].isalpha() else known)}')


def _order(id: str) -> tuple[int, int]:
    lesson, number = id.split(".")
    return int(lesson), int(number)


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
