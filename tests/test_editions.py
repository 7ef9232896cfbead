"""The student's and the teacher's edition: what they hold, and that no work is lost."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import lesson_rules
from ssgan_lite.course import check
from ssgan_lite.course.notebooks import NOTEBOOKS
from ssgan_lite.errors import UserError
from tools import answers, editions

WRITTEN = [notebook for notebook in NOTEBOOKS if not notebook.planned]
EXERCISES = {exercise.name: exercise for exercise in check.exercises().values()}
BY_NUMBER = pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.number)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    out = tmp_path_factory.mktemp("student") / "edition"
    return {path.name: path for path in editions.write_edition("student", out, data=False)}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    out = tmp_path_factory.mktemp("teacher") / "edition"
    return {path.name: path for path in editions.write_edition("teacher", out)}


@BY_NUMBER
def test_student_gets_all_cells_and_exercises(student, row):
    """The same code as in `notebooks/`, which nbval runs from top to bottom, unsolved."""
    mine, ours = nbformat.read(student[row.file], 4), editions.read(row)
    nbformat.validate(mine)
    assert [cell.source for cell in mine.cells] == [cell.source for cell in ours.cells]
    expected = [exercise for exercise in EXERCISES.values() if exercise.notebook == row.number]
    lesson_rules.notebook_and_exercises_agree(mine, row.number, expected)


@BY_NUMBER
def test_student_reads_no_answer_to_a_prediction(student, row):
    mine, ours = nbformat.read(student[row.file], 4).cells, editions.read(row).cells
    asked = [i for i, cell in enumerate(ours) if cell.cell_type == "markdown"
             and editions.PREDICTION.search(cell.source)]
    assert asked, "no question is recognized as a prediction"
    for i in asked:
        answer = next(k for k in range(i, len(ours)) if ours[k].get("outputs"))
        assert mine[answer].outputs == [] and mine[answer].execution_count is None, ours[i].source[-200:]
    assert sum(a != b for a, b in zip(mine, ours, strict=True)) < len(ours) / 4, "most outputs stay"


def test_only_what_answers_a_prediction_is_taken_out():
    told = [new_output("stream", text="1")]
    cells = [new_code_cell("a", outputs=told), new_markdown_cell("**Predict:** which?"), new_code_cell("f = 1"),
             new_markdown_cell("And then:"), new_code_cell("b", outputs=told), new_code_cell("c", outputs=told),
             new_markdown_cell("So it is."), new_code_cell("d", outputs=told)]
    kept = editions.student_notebook(new_notebook(cells=cells))
    assert [cell.source for cell in code(kept) if cell.outputs] == ["a", "d"]


def test_links_of_editions_lead_somewhere(student, teacher):
    for path in (*student.values(), *teacher.values()):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", cell.source):
                    assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"


@BY_NUMBER
def test_teacher_gets_an_answer_in_every_exercise(teacher, row):
    notebook, ours = nbformat.read(teacher[row.file], 4), editions.read(row)
    nbformat.validate(notebook)
    answered = {name for cell in code(notebook) for name in answers.names_of_checks(cell.source, EXERCISES)}
    assert answered == {name for name, exercise in EXERCISES.items() if exercise.notebook == row.number}
    for mine, stub in zip(code(notebook), code(ours), strict=True):
        asked = answers.names_of_checks(stub.source, EXERCISES) if "check." in stub.source else {}
        assert (mine.source != stub.source) == bool(asked)
        if asked:
            assert not re.search(r"^\s*\.\.\.|= \.\.\.|return \.\.\.", mine.source, re.MULTILINE) and not mine.outputs


@pytest.mark.slow
@BY_NUMBER
def test_teachers_answers_pass_their_checks(teacher, row, monkeypatch, tmp_path):
    """Each cell by itself: an answer brings what it needs."""
    monkeypatch.setenv("SSGAN_CHECKS", "raise")
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "progress.json"))
    for cell in code(nbformat.read(teacher[row.file], 4)):
        if "check." in cell.source and answers.names_of_checks(cell.source, EXERCISES):
            exec(compile(cell.source, row.file, "exec"), {"check": check, "__name__": "__main__"})


def test_library_is_preferred_to_tests(teacher):
    text = "\n".join(cell.source for path in teacher.values() for cell in code(nbformat.read(path, 4)))
    assert text.count("from ssgan_lite.") > 20 and "# fourier_features, from ssgan_lite.model.fourier" in text


# ------------------------------------------------------------------------------------------------ no work is lost

@pytest.fixture
def one_notebook(monkeypatch):
    """Editions of a single notebook, for speed."""
    monkeypatch.setattr(editions, "NOTEBOOKS", WRITTEN[:1])


def test_edition_is_written_anew_where_nobody_worked(one_notebook, tmp_path):
    out = tmp_path / "a class"
    [path] = editions.write_edition("student", out, data=False)
    before = path.read_bytes()
    (out / ".ipynb_checkpoints").mkdir()
    (out / ".ipynb_checkpoints" / "00-checkpoint.ipynb").touch()
    assert editions.write_edition("student", out, data=False) == [path] and path.read_bytes() == before


@pytest.mark.parametrize("work", ["edited", "added", "other"])
def test_folder_with_work_is_refused(one_notebook, tmp_path, capsys, work):
    out = tmp_path / "mine"
    if work == "other":                                 # never written by us
        out.mkdir()
        path = out / "thesis.txt"
    else:
        [path] = editions.write_edition("student", out, data=False)
        path = path if work == "edited" else out / "notes.md"
    path.write_text("a week of work")
    files = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert editions.main(["student", str(out), "--no-data"]) == 2
    assert path.name in capsys.readouterr().err
    assert files == {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}


def test_notebook_that_was_renamed_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(editions, "NOTEBOOKS", WRITTEN[:2])
    editions.write_edition("student", tmp_path / "out", data=False)
    monkeypatch.setattr(editions, "NOTEBOOKS", WRITTEN[:1])
    editions.write_edition("student", tmp_path / "out", data=False)
    assert [path.name for path in (tmp_path / "out").glob("*.ipynb")] == [WRITTEN[0].file]


def test_place_that_is_no_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        editions.write_edition("student", tmp_path / "file")
    assert editions.main(["student"]) == 2 and "OUT=" in capsys.readouterr().err
    with pytest.raises(UserError, match="student"):
        editions.write_edition("parent", tmp_path / "out")


def test_student_gets_the_data(one_notebook, monkeypatch, tmp_path):
    monkeypatch.setattr(editions, "ROOT", tmp_path / "clone")
    for name in ("notebooks", "docs", "data"):
        (tmp_path / "clone" / name).mkdir(parents=True)
    notebook = new_notebook(cells=[new_markdown_cell("# 00")])
    nbformat.write(notebook, tmp_path / "clone" / "notebooks" / WRITTEN[0].file)
    (tmp_path / "clone" / "data" / "manifest.json").write_text("{}")
    editions.write_edition("student", tmp_path / "out")
    assert (tmp_path / "out" / "data" / "manifest.json").exists()
    editions.write_edition("student", tmp_path / "out")
