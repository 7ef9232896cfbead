"""The course as nbgrader wants it: answers and locked tests in cells of their own; and nbgrader, if installed."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import nbformat
import pytest

from ssgan_lite.course import check
from ssgan_lite.course.notebooks import NOTEBOOKS, notebook_of
from tools import answers, assignments
from tools.editions import read, student_notebook

EXERCISES = {exercise.name: exercise for exercise in check.exercises().values()}
ROW = notebook_of("scale")                  # its answers are arithmetic


def graded(cells):
    """(answer, test) of each exercise."""
    return [(a, b) for a, b in zip(cells, cells[1:]) if b.metadata.get("nbgrader", {}).get("grade")]


@pytest.mark.parametrize("row", [row for row in NOTEBOOKS if not row.planned], ids=lambda row: row.number)
def test_every_exercise_has_one_answer_and_one_locked_test(row):
    ours = student_notebook(read(row)).cells
    mine = assignments.assignment(student_notebook(read(row)), EXERCISES)
    nbformat.validate(mine)
    pairs = graded(mine.cells)
    names = [name for _, test in pairs for name in answers.names_of_checks(test.source, EXERCISES)]
    assert sorted(names) == sorted(name for name, one in EXERCISES.items() if one.notebook == row.number)
    assert sum(test.metadata.nbgrader.points for _, test in pairs) == len(names)
    for answer, test in pairs:
        assert answer.metadata.nbgrader.solution and not answer.metadata.nbgrader.locked
        assert test.metadata.nbgrader.locked and not test.metadata.nbgrader.solution
        assert not answers.names_of_checks(answer.source, EXERCISES), "the check is called below"
    grade_ids = [cell.metadata.nbgrader.grade_id for cell in mine.cells if "nbgrader" in cell.metadata]
    assert len(set(grade_ids)) == len(grade_ids) == 2 * len(pairs)
    lines = [sorted(line for cell in cells for line in cell.source.splitlines() if line.strip())
             for cells in (mine.cells, ours)]
    assert lines[0] == lines[1], "no line is lost"


def test_only_chosen_notebooks_are_written_and_work_is_refused(tmp_path, capsys):
    out = tmp_path / "course"
    assert assignments.main([str(out), "--notebooks", "05, 10"]) == 0
    assert sorted(path.name for path in (out / "source").iterdir()) == ["05_depth_fusion", "10_train_full"]
    assert assignments.main([str(out), "--notebooks", "10"]) == 0, "what nobody touched is written again"
    (out / "gradebook.db").write_text("scores")
    assert assignments.main([str(out)]) == 2 and "gradebook.db" in capsys.readouterr().err
    assert assignments.main([str(tmp_path / "x"), "--notebooks", "99"]) == 2 and '"99"' in capsys.readouterr().err
    assert not (tmp_path / "x").exists() and assignments.main([]) == 2


@pytest.mark.long
def test_nbgrader_scores_three_learners(tmp_path):
    """All right; half right, with a cell that is no Python and one that raises; a file that is no JSON."""
    pytest.importorskip("nbgrader", reason="the nbgrader extra is not installed")
    course, name = tmp_path / "course", ROW.file.removesuffix(".ipynb")
    assignments.write_assignments(course, [ROW])

    def nbgrader(*words, fails=False):
        done = subprocess.run([sys.executable, "-m", "nbgrader", *words], cwd=course, capture_output=True, text=True,
                              env=os.environ | {"OMP_NUM_THREADS": "1"})
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr

    nbgrader("generate_assignment", name)
    nbgrader("release_assignment", name)
    for learner, spoiled in ("ada", {}), ("grace", {0: None, 1: "def f(:", 2: "1 / 0"}):
        hand_in = nbformat.read(course / "release" / name / ROW.file, 4)
        for i, (answer, test) in enumerate(graded(hand_in.cells)):
            called, spoil = answers.names_of_checks(test.source, EXERCISES), spoiled.get(i, "")
            for check_name, given in called.items():
                if spoil is not None:
                    both = answers.solved(f"{answer.source}\n\n{test.source}", EXERCISES[check_name], given)
                    answer.source = "\n".join([spoil, both.replace(test.source, "")])
        (course / "submitted" / learner / name).mkdir(parents=True)
        nbformat.write(hand_in, course / "submitted" / learner / name / ROW.file)
    (course / "submitted" / "linus" / name).mkdir(parents=True)
    (course / "submitted" / "linus" / name / ROW.file).write_text('{"cells": [')
    assert "'linus'" in nbgrader("autograde", name, fails=True)
    nbgrader("generate_feedback", name)
    nbgrader("export", "--to", "grades.csv")
    with open(course / "grades.csv", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    count = sum(exercise.notebook == ROW.number for exercise in EXERCISES.values())
    assert [float(rows[who]["score"]) for who in ("ada", "grace", "linus")] == [count, count - 3, 0]
    assert all(float(row["max_score"]) == count for row in rows.values())
    assert (course / "feedback" / "grace" / name / f"{name}.html").exists()
