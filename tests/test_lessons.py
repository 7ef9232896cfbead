"""Every notebook: its exercises know right from wrong, it has them all, and what it builds is the library's.

The data of a subject, `tests/lessons/SUBJECT.py`: ANSWERS (see `lesson_rules.answers_are_told_apart`) and DEFINITIONS
(see `lifting.compare`).
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

import lesson_rules
import lifting
from ssgan_lite.course import check
from ssgan_lite.course.exercises import Exercise
from ssgan_lite.course.notebooks import BY_SUBJECT, NOTEBOOKS, notebook_of

ROOT = Path(__file__).parent.parent
WRITTEN = [notebook.subject for notebook in NOTEBOOKS if not notebook.planned]
DATA = {path.stem: path for path in sorted((ROOT / "tests" / "lessons").glob("*.py"))}
MODULES = {path.parent.name: path for path in sorted((ROOT / "ssgan_lite" / "course").glob("*/checks.py"))}
EXERCISES = {exercise.name: exercise for exercise in check.exercises().values()}


@cache
def data_of(subject: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"answers_on_{subject}", DATA[subject])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def definitions_of(subject: str) -> int:
    try:
        return len(data_of(subject).DEFINITIONS)
    except Exception:           # at collection it would hide all other subjects; the test itself will show it
        return 1


def exercises_on(subject: str) -> list[Exercise]:
    return [exercise for exercise in EXERCISES.values() if exercise.notebook == notebook_of(subject).number]


def notebook_on(subject: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / notebook_of(subject).file, as_version=4)


@pytest.fixture(autouse=True)
def no_progress(tmp_path, monkeypatch):
    """Nothing of these tests may count as solved."""
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("SSGAN_CHECKS", raising=False)
    yield
    assert not (tmp_path / "progress.json").exists()


def test_table_lists_the_files_that_exist():
    files = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert files == {notebook_of(subject).file for subject in WRITTEN}
    numbers = [notebook.number for notebook in NOTEBOOKS]
    assert numbers == sorted(set(numbers)) and len(BY_SUBJECT) == len(NOTEBOOKS)


@pytest.mark.parametrize("subject", MODULES)
def test_checks_can_be_imported(subject):
    importlib.import_module(f"ssgan_lite.course.{subject}.checks")


def test_every_notebook_has_exercises_and_test_data(capsys):
    assert set(MODULES) == set(WRITTEN), "every written notebook has a course/SUBJECT/checks.py, and no other"
    assert set(DATA) == set(WRITTEN), "course/SUBJECT/checks.py and tests/lessons/SUBJECT.py go together"
    tested = {name for subject in DATA for name in data_of(subject).ANSWERS}
    assert tested == set(EXERCISES), f"without test data, or data without exercise: {tested ^ set(EXERCISES)}"
    definitions = sum(definitions_of(subject) for subject in DATA)
    with capsys.disabled():
        print(f"\n{len(EXERCISES)} exercises in {len(MODULES)} notebooks, {definitions} definitions compared")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_answers_are_told_apart(name):
    subject = EXERCISES[name].module.split(".")[-2]
    answers = data_of(subject).ANSWERS
    assert name in answers, f"tests/lessons/{subject}.py has no answers to {name}"
    lesson_rules.answers_are_told_apart(EXERCISES[name], answers[name])


@pytest.mark.parametrize("subject", WRITTEN)
def test_notebook_and_exercises_agree(subject):
    number = notebook_of(subject).number
    lesson_rules.notebook_and_exercises_agree(notebook_on(subject), number, exercises_on(subject))


@pytest.mark.parametrize(("subject", "position"), [(subject, i) for subject in DATA
                                                   for i in range(definitions_of(subject))])
def test_definition_is_the_librarys(subject, position):
    lifting.compare(notebook_on(subject), data_of(subject).DEFINITIONS[position])


@pytest.mark.parametrize("subject", WRITTEN)
def test_no_definition_is_left_out(subject):
    listed = {entry["name"] for entry in data_of(subject).DEFINITIONS} if subject in DATA else set()
    unlisted = lifting.unlisted(notebook_on(subject), listed)
    assert not unlisted, f"the notebook builds {sorted(unlisted)}; list them in tests/lessons/{subject}.py"
