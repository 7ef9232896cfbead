"""Exercises: a check of the reader's answer, told in one line, and a solution that is shown on request.

    @exercise(2, title="Frequencies to features", solution="ssgan_lite.model.fourier:fourier_features", minutes=10,
              level=2)
    def fourier_features(answer):
        '''What the reader must do, one sentence.'''
        expect_close(answer(positions, frequencies), wanted, "the first half holds the sines")

The checks of a notebook are in the `checks.py` of its subject's folder; the exercise's id, here "03.2", follows from
the table in `ssgan_lite.course.notebooks`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import textwrap
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from ssgan_lite.course.exercises import progress, shapes
from ssgan_lite.course.exercises.answers import (
    NotStarted,
    WrongAnswer,
    guard,
    is_place_holder_error,
    is_readers,
    is_unfinished,
    own_lines,
    undisturbed,
)
from ssgan_lite.course.notebooks import notebook_of
from ssgan_lite.errors import UserError

LEVELS = {1: "easy", 2: "medium", 3: "hard"}
GENERIC = "The check cannot work with this answer"
EXERCISES: dict[str, Exercise] = {}         # by id, "03.2"
RESERVED = {"exercises", "forget", "progress", "reveal"}        # other names of `ssgan_lite.course.check`


@dataclass(frozen=True)
class Result:
    """What a check found: state is "right", "wrong" or "not started"; hint is empty unless it is wrong."""

    state: str
    hint: str = ""
    cause: Exception | None = field(default=None, repr=False, compare=False)


class Exercise:
    """One exercise. Call it with the answer: it prints one line, remembers a right answer, and returns nothing."""

    def __init__(self, check: Callable, notebook: str, position: int, title: str, minutes: int, level: int,
                 solution: str | tuple[str, ...] | None, solution_text: str | None, in_place: bool):
        self.check, self.name, self.module = check, check.__name__, check.__module__
        self.notebook, self.position, self.id = notebook, position, f"{notebook}.{position}"
        self.title, self.minutes, self.level = title, minutes, level
        self.solution = (solution,) if isinstance(solution, str) else tuple(solution or ())
        self.solution_text, self.in_place = solution_text, in_place
        self.task = inspect.cleandoc(check.__doc__ or "")
        self.effort = f"about {minutes} minutes, {LEVELS[level]}"
        self.__doc__ = f"{self.id} {title}: {self.effort}.\n\n{self.task}"

    def __repr__(self) -> str:
        names = ", ".join(self._names())
        return f"{self.id} {self.title} (call it with your answer: check.{self.name}({names}))"

    def __call__(self, *answers) -> None:
        result = self.examine(*answers)
        raises = _mode() == "raise"
        if raises and result.state != "right":
            kind = NotStarted if result.state == "not started" else WrongAnswer
            raise kind(f"{self.line(result)} {self.task if kind is NotStarted else ''}".strip()) from result.cause
        print(self.line(result))
        if result.state == "right":
            progress.add(self.name)

    def examine(self, *answers) -> Result:
        """Check an answer without printing or remembering anything. The same answer always gets the same result."""
        if len(answers) != len(self._names()):
            raise UserError(f"check.{self.name} needs {len(self._names())} answer(s), "
                            f"it was given {len(answers)}: check.{self.name}({', '.join(self._names())}).")
        with undisturbed(zlib.crc32(self.name.encode())):
            try:
                self.check(*(guard(answer, self.in_place) for answer in answers))
            except NotStarted:
                return Result("not started")
            except WrongAnswer as wrong:
                return Result("wrong", _sentence(wrong.hint))
            except Exception as error:                  # whatever the reader's code may raise; Ctrl-C passes through
                return self._explain(error, answers)
        return Result("right")

    def line(self, result: Result) -> str:
        """A result as it is printed."""
        about = {"right": "right.", "wrong": f"not yet. {result.hint}",
                 "not started": f"not started yet ({self.effort})."}
        return f"{self.id} {self.title}: {about[result.state]}"

    def solution_source(self) -> str:
        """The solution: the library's own source, and a sentence where there is one."""
        texts = [self.solution_text] if self.solution_text else []
        for target in self.solution:
            module, _, name = target.partition(":")
            texts.append(f"# {name}, from {module}\n" + textwrap.dedent(inspect.getsource(resolve(target))).rstrip())
        return "\n\n".join(texts)

    def _explain(self, error: Exception, answers: tuple) -> Result:
        """Words for an error that is not one of ours: with the reader's own lines and nothing else of the trace."""
        lines = own_lines(error, self.check)
        unfinished = any(callable(answer) and is_unfinished(answer) for answer in answers)
        if is_place_holder_error(error, lines) or (unfinished and not lines):
            return Result("not started")
        message = "\n".join(str(error).strip().splitlines()[:3])
        what = f"{type(error).__name__}: {message}" if message else type(error).__name__
        if lines:
            known = type(error) in (RuntimeError, ValueError, IndexError)
            told = shapes.explanation(error, is_readers) if known else ""
            lines += [f"  {what}", *([f"  ({_sentence(told)})"] if told else [])]
            return Result("wrong", "\n".join(["Your code stopped with an error:", *lines]), error)
        if message.endswith("is not callable"):
            return Result("wrong", f"A function is wanted here, not its result: check.{self.name}(f), not "
                                   f"check.{self.name}(f(x)).", error)
        return Result("wrong", f"{GENERIC}: {what}", error)

    def _names(self) -> list[str]:
        return list(inspect.signature(self.check).parameters)


def exercise(position: int, *, title: str, minutes: int, level: int, solution: str | tuple[str, ...] | None = None,
             solution_text: str | None = None, in_place: bool = False,
             notebook: str | None = None) -> Callable[[Callable], Exercise]:
    """Make a check function an exercise and register it.

    position: 2 for the second exercise of the notebook.   minutes, level: what it asks of the reader; level is 1
    (easy), 2 or 3 (hard). solution: "module:name" of the library object(s) whose source is the solution;
    solution_text: or a text. in_place: the reader's function returns nothing, or may change what it is given; the
    check finds out by itself whether it was started (`raise NotStarted`).
    notebook: its number, only for a check outside of a subject's folder.
    """
    if position < 1 or level not in LEVELS or not (solution or solution_text):
        raise ValueError(f"exercise {position}, {title}: positions count from 1, the level is 1 to 3, and it has a "
                         "solution")

    def register(check: Callable) -> Exercise:
        number = notebook or notebook_of(_subject(check)).number
        new = Exercise(check, number, position, title, minutes, level, solution, solution_text, in_place)
        if not new.task or new.name in RESERVED:
            raise ValueError(f"exercise {new.id} ({new.name}): it needs a docstring and a name of its own")
        for other in EXERCISES.values():
            same_id, same_name = other.id == new.id, other.name == new.name
            if same_id != same_name or (same_id and other.module != new.module):
                raise ValueError(f"exercise {new.id} ({new.name}) and {other.id} ({other.name}) share an id or a "
                                 "name")
        EXERCISES[new.id] = new
        return new
    return register


def resolve(target: str) -> object:
    """The object that "module:name.name" names."""
    module, _, names = target.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def _subject(check: Callable) -> str:
    """The folder that a check is in: "fourier" for `ssgan_lite.course.fourier.checks`."""
    return check.__module__.split(".")[-2] if check.__module__.endswith(".checks") else check.__module__


def _mode() -> str:
    mode = os.environ.get("SSGAN_CHECKS", "") or "print"
    if mode not in ("print", "raise"):
        raise UserError(f'SSGAN_CHECKS is "{mode}"; it may be "print" (the default) or "raise".')
    return mode


def _sentence(hint: str) -> str:
    """Begin with a capital, unless it begins with a name out of code; end with a full stop."""
    hint = " ".join(hint.split()) if "\n" not in hint else hint.strip()
    first, _, rest = hint.partition(" ")
    article = first == "a" and rest.partition(" ")[0].rstrip(",") not in ("and", "or", "is", "")   # not the letter
    if article or re.fullmatch(r"[^\W\d_][a-z]+[,:;]?", first):
        hint = hint[0].upper() + hint[1:]
    return hint if hint.endswith((".", "?", "!")) else hint + "."
