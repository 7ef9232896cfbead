"""Every lesson: its exercises know right from wrong, its notebook has them, and what it builds is the library's.

The data of a lesson, `tests/lessons/lesson_NN.py`: ANSWERS (see `lesson_rules.answers_are_told_apart`) and DEFINITIONS
(see `lifting.compare`).
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import lesson_rules
import lifting
import nbformat
import pytest

from ssgan_lite import checks

ROOT = Path(__file__).parent.parent
NOTEBOOKS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
DATA = {path.stem[-2:]: path for path in sorted((ROOT / "tests" / "lessons").glob("lesson_[0-9][0-9].py"))}
MODULES = {path.stem[-2:]: path for path in sorted((ROOT / "ssgan_lite" / "checks").glob("lesson_[0-9][0-9].py"))}
EXERCISES = checks.exercises()


@lru_cache(maxsize=None)
def data_of(lesson: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"data_of_lesson_{lesson}", DATA[lesson])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def definitions_of(lesson: str) -> int:
    try:
        return len(data_of(lesson).DEFINITIONS)
    except Exception:           # at collection it would hide all other lessons; the test itself will show it
        return 1


def of_lesson(lesson: str) -> list[checks._Exercise]:
    return [exercise for id, exercise in EXERCISES.items() if id[:2] == lesson]


@pytest.fixture(autouse=True)
def no_progress(tmp_path, monkeypatch):
    """Nothing of these tests may count as solved."""
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("SSGAN_CHECKS", raising=False)
    yield
    assert not (tmp_path / "progress.json").exists()


@pytest.mark.parametrize("lesson", MODULES)
def test_lesson_module_can_be_imported(lesson):
    importlib.import_module(f"ssgan_lite.checks.lesson_{lesson}")


def test_notebooks_lessons_and_their_data_belong_together(capsys):
    course = {number for number in NOTEBOOKS if number <= "11"}
    assert course <= set(MODULES), f"notebooks without exercises: {sorted(course - set(MODULES))}"
    assert set(MODULES) == set(DATA), "ssgan_lite/checks/lesson_NN.py and tests/lessons/lesson_NN.py go together"
    assert set(MODULES) <= set(NOTEBOOKS), f"exercises without a notebook: {sorted(set(MODULES) - set(NOTEBOOKS))}"
    tested = {id for lesson in DATA for id in data_of(lesson).ANSWERS}
    assert tested == set(EXERCISES), f"without test data, or data without exercise: {tested ^ set(EXERCISES)}"
    definitions = sum(definitions_of(lesson) for lesson in DATA)
    with capsys.disabled():
        print(f"\n{len(EXERCISES)} exercises in {len(MODULES)} notebooks, {definitions} definitions compared")


@pytest.mark.parametrize("id", EXERCISES)
def test_answers_are_told_apart(id):
    answers = data_of(id[:2]).ANSWERS
    assert id in answers, f"tests/lessons/lesson_{id[:2]}.py has no answers to {id}"
    lesson_rules.answers_are_told_apart(EXERCISES[id], answers[id])


@pytest.mark.parametrize("lesson", [number for number in NOTEBOOKS if number in MODULES or number <= "11"])
def test_notebook_and_exercises_agree(lesson):
    notebook = nbformat.read(NOTEBOOKS[lesson], as_version=4)
    lesson_rules.notebook_and_exercises_agree(notebook, lesson, of_lesson(lesson))


@pytest.mark.parametrize(("lesson", "position"), [(lesson, i) for lesson in DATA if lesson in NOTEBOOKS
                                                  for i in range(definitions_of(lesson))])
def test_definition_is_the_librarys(lesson, position):
    lifting.compare(nbformat.read(NOTEBOOKS[lesson], as_version=4), data_of(lesson).DEFINITIONS[position])


@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_no_definition_is_left_out(lesson):
    listed = {entry["name"] for entry in data_of(lesson).DEFINITIONS} if lesson in DATA else set()
    unlisted = lifting.unlisted(nbformat.read(NOTEBOOKS[lesson], as_version=4), listed)
    assert not unlisted, f"notebook {lesson} builds {sorted(unlisted)}; list them in tests/lessons/lesson_{lesson}.py"
