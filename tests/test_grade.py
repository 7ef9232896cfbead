"""Scores of what learners hand in: three synthetic learners, and files that cannot be read."""

from __future__ import annotations

import csv

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ssgan_lite.course import check
from ssgan_lite.course.notebooks import notebook_of
from ssgan_lite.errors import UserError
from tools import editions, grade

EXERCISES = {exercise.name: exercise for exercise in check.exercises().values()}
ROW = notebook_of("scale")                  # its answers are arithmetic
NAMES = [name for name, exercise in EXERCISES.items() if exercise.notebook == ROW.number]
COUNT = str(len(NAMES))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def save(path, *sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


@pytest.mark.slow
def test_three_learners_get_their_scores(tmp_path, monkeypatch, capsys):
    """All right; half right, with a cell that is no Python and one that raises; a file that is no JSON."""
    solved = editions.teacher_notebook(editions.read(ROW), EXERCISES)
    (tmp_path / "in" / "ada").mkdir(parents=True)
    nbformat.write(solved, tmp_path / "in" / "ada" / "my copy.ipynb")
    half = editions.teacher_notebook(editions.read(ROW), EXERCISES)
    broken = {NAMES[1]: lambda text: "def images_lost(seen:\n" + text, NAMES[3]: lambda text: "1 / 0\n" + text,
              NAMES[4]: lambda text: text.replace("// group * group", "")}
    for cell in half.cells:
        for name, spoil in broken.items():
            if cell.cell_type == "code" and f"check.{name}(" in cell.source:
                cell.source = spoil(cell.source)
    (tmp_path / "in" / "grace").mkdir()
    nbformat.write(half, tmp_path / "in" / "grace" / ROW.file)
    (tmp_path / "in" / "linus").mkdir()
    (tmp_path / "in" / "linus" / ROW.file).write_text('{"cells": [')
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "mine.json"))
    assert grade.main([str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    ada, grace, linus = table(tmp_path / "out" / "scores.csv")
    assert (ada["learner"], ada["right"], ada["of"], ada["problems"]) == ("ada", COUNT, COUNT, "")
    assert (grace["right"], grace["of"], grace[EXERCISES[NAMES[0]].id], grace[EXERCISES[NAMES[1]].id]) == (
        str(len(NAMES) - 3), COUNT, "1", "0")
    assert linus["right"] == "0" and ROW.file in linus["problems"] and "cannot be read" in linus["problems"]
    said = {row["exercise"]: row for row in table(tmp_path / "out" / "details.csv") if row["learner"] == "grace"}
    states = [said[EXERCISES[name].id]["state"] for name in NAMES]
    assert states == ["right", "error", "right", "error", "wrong"] + ["right"] * (len(NAMES) - 5)
    assert "SyntaxError" in said[EXERCISES[NAMES[1]].id]["said"]
    assert "ZeroDivisionError" in said[EXERCISES[NAMES[3]].id]["said"]
    assert f"{len(NAMES) - 3} of {COUNT} right" in capsys.readouterr().out and not (tmp_path / "mine.json").exists()


@pytest.mark.long
def test_endless_loop_and_early_end_cost_their_own_points(tmp_path):
    loop, gone, stub = (f"check.{name}(...)" for name in NAMES[:3])         # `...` is the place for an answer
    path = save(tmp_path / "ada" / "a.ipynb", f"while True: pass\n{loop}", "from ssgan_lite.course import check",
                stub, f"import os\nos._exit(1)\n{gone}")
    found = grade.grade_one("ada", path, EXERCISES, seconds=30).found
    assert [found[name][0] for name in NAMES] == ["too slow", "error", "not started"] + ["missing"] * (len(NAMES) - 3)
    assert "30 seconds" in found[NAMES[0]][1]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"cells": 3}', '{"nbformat": 4}', "\0\1",
                                     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"a": 1}]}'])
def test_file_that_is_no_notebook_is_told(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    graded = grade.grade_one("ada", path, EXERCISES)
    assert not graded.found and graded.problem and "\n" not in graded.problem
    assert "ada, x.ipynb" in grade.summary(graded)


def test_notebook_without_exercises_is_told(tmp_path):
    graded = grade.grade_one("ada", save(tmp_path / "x.ipynb", "print(1)", "check.nothing(2)"), EXERCISES)
    assert "no exercise" in graded.problem


def test_cells_that_exercises_need_are_run_and_no_others():
    sources = ["import torch", "import slow", "from course import check", "def helper(x):\n    return torch.tan(x)",
               "x = slow.training()", "%time print(1)",
               "def answer(x):\n    def inner():\n        return [helper(y) for y in x]\n    return inner()\n\n"
               "check.it(answer)"]
    assert grade.needed_cells(sources, [[], [], [], [], [], [], ["it"]]) == [0, 2, 3, 6], "a local x is no other x"


def test_better_of_two_files_counts(tmp_path):
    one, two = (grade.Graded("ada", tmp_path / name, {NAMES[0]: (state, "")})
                for name, state in (("a.ipynb", "right"), ("b.ipynb", "wrong")))
    for order in ((one, two), (two, one)):
        scores, details = grade.write_scores(list(order), tmp_path / "out")
        assert [row["right"] for row in table(scores)] == ["1"] and len(table(details)) == 2


def test_text_of_a_learner_is_no_formula(tmp_path):
    evil = grade.Graded("=cmd()", tmp_path / "a.ipynb", {NAMES[0]: ("wrong", "=1+1")})
    scores, details = grade.write_scores([evil], tmp_path / "out")
    assert table(scores)[0]["learner"] == "'=cmd()" and table(details)[0]["said"] == "'=1+1"


@pytest.mark.parametrize(("make", "told"), [
    (lambda folder: None, "not a folder"), (lambda folder: folder.mkdir(), "no notebook"),
    (lambda folder: save(folder / "loose.ipynb", "1"), "loose.ipynb")])
def test_folder_that_cannot_be_graded_is_told(tmp_path, capsys, make, told):
    make(tmp_path / "in")
    with pytest.raises(UserError, match=told):
        grade.hand_ins(tmp_path / "in")
    assert grade.main([str(tmp_path / "in"), str(tmp_path / "out")]) == 2 and told in capsys.readouterr().err
    assert grade.main([]) == 2 and "SUBMITTED=" in capsys.readouterr().err
