"""What an exercise, its test data and its notebook owe each other; `test_lessons.py` asks it of every lesson, and
`test_lesson_rules.py` shows that each rule can be broken.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping

from nbformat import NotebookNode

from ssgan_lite.course.exercises.registry import GENERIC, Exercise, Result, resolve

NOT_A_CHECK = {"exercises", "forget", "progress", "reveal"}


def answers_are_told_apart(exercise: Exercise, data: Mapping) -> dict[str, str]:
    """Stub, right and wrong answers get what they deserve, and each mistake a hint of its own; returns the hints."""
    unknown = set(data) - {"right", "stub", "wrong"}
    assert {"stub", "wrong"} <= set(data) and not unknown, f"{exercise.id}: keys are right, stub, wrong"
    found = _examine(exercise, data["stub"])
    assert found.state == "not started", f"{exercise.id}: the stub is called {found}"
    right = [*data.get("right", []), *_library_solution(exercise, data["stub"])]
    assert right, f"{exercise.id}: no right answer is tested"
    for answer in right:
        found = _examine(exercise, answer)
        assert found.state == "right", f"{exercise.id}: {_name(answer)} is right; {found} {found.cause!r}"
        assert _examine(exercise, answer) == found, f"{exercise.id}: another result the second time"
    assert len(data["wrong"]) >= 3, f"{exercise.id}: at least three typical mistakes"
    hints: dict[str, str] = {}
    for answer, fragment in data["wrong"]:
        found = _examine(exercise, answer)
        assert found.state == "wrong", f"{exercise.id}: {_name(answer)} ({fragment!r}) is wrong; {found}"
        assert GENERIC not in found.hint, f"{exercise.id}: ({fragment!r}) has no hint of its own: {found.hint}"
        assert fragment.strip() and _plain(fragment) in _plain(found.hint), (
            f"{exercise.id}: {fragment!r} is not in the hint: {found.hint}")
        assert found.hint not in hints, f"{exercise.id}: {fragment!r} and {hints[found.hint]!r} get the same hint"
        assert _examine(exercise, answer) == found, f"{exercise.id}: another result the second time"
        hints[found.hint] = fragment
    assert exercise.solution_source().strip()
    return hints


def notebook_and_exercises_agree(notebook: NotebookNode, number: str, exercises: Iterable[Exercise]) -> None:
    """Every exercise stands in the notebook, as text and as a check that was not started; and no other does."""
    expected = {exercise.id: exercise for exercise in exercises}
    assert len(expected) >= 3, f"notebook {number} has {len(expected)} exercises; three at least"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    ids = set(re.findall(rf"(?<![\d.]){number}\.\d+(?![\d.]*\d)", text))
    assert set(expected) <= ids, f"not in the text of notebook {number}: {sorted(set(expected) - ids)}"
    assert ids <= set(expected), f"in the text of notebook {number} but not in its checks: {ids - set(expected)}"
    for exercise in expected.values():
        stated = re.search(rf"{re.escape(exercise.id)}[^\n]*{re.escape(exercise.title)}", text)
        assert stated, f"{exercise.id}: its title, {exercise.title!r}, does not follow its number in the text"
    by_name, seen = {exercise.name: exercise for exercise in expected.values()}, set()
    for cell in notebook.cells:
        called = _checks_called(cell) if cell.cell_type == "code" else []
        for name in called:
            assert name in by_name, f"notebook {number} calls check.{name}, which is not one of its exercises"
            assert name not in seen, f"notebook {number} calls check.{name} twice"
            seen.add(name)
        if called:
            wanted = [by_name[name].line(Result("not started")) for name in called]
            lines = [line for output in cell.get("outputs", []) if output.get("name") == "stdout"
                     for line in output.text.splitlines()]
            told = [line for line in lines if re.match(r"\d\d[a-z]?\.\d+ ", line)]
            assert told == wanted, f"stored output of {called}: {told}, not {wanted}"
    assert seen == set(by_name), f"not checked in notebook {number}: {sorted(set(by_name) - seen)}"


def _checks_called(cell: NotebookNode) -> list[str]:
    """Names of the checks that a code cell calls, in order."""
    lines = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "!")))
    calls = [node.func for node in ast.walk(ast.parse(lines)) if isinstance(node, ast.Call)]
    calls = [func for func in calls if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)
             and func.value.id == "check" and func.attr not in NOT_A_CHECK]
    return [func.attr for func in sorted(calls, key=lambda func: func.lineno)]


def _library_solution(exercise: Exercise, stub: object) -> list:
    """The solution shown to the reader, where it can be given as an answer: of the stub's kind and signature."""
    if len(exercise.solution) != 1 or not callable(stub):
        return []
    solution = resolve(exercise.solution[0])
    if isinstance(solution, type) != isinstance(stub, type) or not callable(solution):
        return []
    return [solution] if _parameters(solution) == _parameters(stub) else []


def _parameters(thing: object) -> list[str]:
    return [p.name for p in inspect.signature(thing).parameters.values() if p.default is p.empty]


def _examine(exercise: Exercise, answer: object) -> Result:
    several = len(inspect.signature(exercise.check).parameters) > 1
    return exercise.examine(*answer) if several else exercise.examine(answer)


def _name(answer: object) -> str:
    return getattr(answer, "__qualname__", repr(answer))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
