"""The course for nbgrader, one assignment per notebook: `make nbgrader OUT=folder`.

    folder/nbgrader_config.py                           names of folders, and how our checks score
    folder/source/05_depth_fusion/05_depth_fusion.ipynb

nbgrader wants an answer and its test in two cells. Ours share one, so each is taken apart: the learner's cell, and
below it a locked cell that calls the check, worth one point. Learners run that cell to hear what the check says; when
nbgrader grades, SSGAN_CHECKS=raise turns a wrong answer into an error, which costs the point. Everything else is the
student's edition (`tools/editions.py`). `docs/teaching.md` has the commands from here on.
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from ssgan_lite.course import check
from ssgan_lite.course.exercises import Exercise
from ssgan_lite.course.notebooks import NOTEBOOKS, Notebook
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.storage import user_path
from tools.answers import names_of_checks
from tools.editions import read, refuse_work, student_notebook, write_texts

SCHEMA = dict(schema_version=3, task=False)
CONFIG = '''\
"""How nbgrader works on this course. It reads this file when it is started in this folder."""

import os
from pathlib import Path

here = Path(__file__).parent
c = get_config()  # noqa: F821, nbgrader defines it
c.CourseDirectory.root = str(here)
c.CourseDirectory.course_id = "ssgan-lite"
# Where assignments are handed out and collected; on a shared server a folder that everybody can write to.
c.Exchange.root = str(here / "exchange")
# The place for an answer is a stub that our notebooks have already, and what was computed stays to be read.
c.GenerateAssignment.preprocessors = [f"nbgrader.preprocessors.{name}" for name in (
    "IncludeHeaderFooter", "LockCells", "ComputeChecksums", "SaveCells", "CheckCellMetadata")]
# A wrong answer is an error only where it is graded; learners read a sentence.
os.environ["SSGAN_CHECKS"] = "raise"
c.ExecutePreprocessor.timeout = 300             # seconds for one cell
c.ExecutePreprocessor.interrupt_on_timeout = True
'''
README = """\
# The course as assignments for nbgrader

    pip install nbgrader                                (0.9 or newer, where ssgan-lite is installed)
    nbgrader generate_assignment 05_depth_fusion        (in this folder)
    nbgrader release_assignment 05_depth_fusion         (or hand out release/05_depth_fusion/ yourself)
    nbgrader collect 05_depth_fusion                    (or put files into submitted/NAME/05_depth_fusion/)
    nbgrader autograde 05_depth_fusion
    nbgrader generate_feedback 05_depth_fusion
    nbgrader export --to grades.csv

The code of learners runs with your rights: do this in a container, or as a user who owns nothing. Written by
`make nbgrader`; to get newer notebooks, let it be written into another folder.
"""


def assignment(notebook: NotebookNode, exercises: dict[str, Exercise]) -> NotebookNode:
    """Take the cells of exercises apart, into answers and locked tests."""
    cells = []
    for cell in notebook.cells:
        has_check = cell.cell_type == "code" and "check." in cell.source
        called = names_of_checks(cell.source, exercises) if has_check else {}
        if not called:
            cells.append(cell)
            continue
        answer, test = split(cell.source, called)
        name = "-".join(exercises[name].id.replace(".", "-") for name in called)
        cell.source, cell.outputs, cell.execution_count = answer, [], None
        cell.metadata = dict(nbgrader=dict(
            SCHEMA, grade_id=f"answer-{name}", grade=False, solution=True, locked=False))
        locked = new_code_cell(test, metadata=dict(nbgrader=dict(
            SCHEMA, grade_id=f"exercise-{name}", grade=True, solution=False, locked=True, points=len(called))))
        locked.id = f"exercise-{name}"                          # the same every time, unlike a random one
        cells += [cell, locked]
    notebook.cells = cells
    return notebook


def split(source: str, called: dict[str, list[str]]) -> tuple[str, str]:
    """(source of the answer, source of the test): the statements of a cell that only call checks are the test."""
    lines, tests = source.splitlines(), []
    for node in reversed(ast.parse(source).body):               # from below, so that line numbers stay right
        if isinstance(node, ast.Expr) and names_of_checks(ast.unparse(node), dict.fromkeys(called)):
            tests[:0] = lines[node.lineno - 1:node.end_lineno]
            del lines[node.lineno - 1:node.end_lineno]
    return "\n".join(lines).rstrip(), "\n".join(tests)


def chosen(names: str) -> list[Notebook]:
    """The notebooks called so, by number: "01,05"; all with exercises if nothing is named."""
    rows = {row.number: row for row in NOTEBOOKS if not row.planned}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in rows:
            raise UserError(f'There is no notebook "{name}". {suggest(name, rows)}')
    return [rows[name] for name in wanted] if wanted else list(rows.values())


def write_assignments(out: Path, rows: list[Notebook]) -> list[Path]:
    """Write a folder in which nbgrader can be started; returns its notebooks."""
    out = user_path(out)
    refuse_work(out)
    exercises = {exercise.name: exercise for exercise in check.exercises().values()}
    texts = {"README.md": README, "nbgrader_config.py": CONFIG}
    for row in rows:
        name = row.file.removesuffix(".ipynb")
        notebook = assignment(student_notebook(read(row)), exercises)
        texts[f"source/{name}/{row.file}"] = nbformat.writes(notebook) + "\n"
    write_texts(out, "nbgrader", texts)
    return [out / name for name in texts if name.endswith(".ipynb")]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.assignments", description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default="", help="a new folder, or one written by this command")
    parser.add_argument("--notebooks", default="", help="numbers, with commas (default: all)")
    options = parser.parse_args(arguments)
    if not options.out:
        print("Say where: make nbgrader OUT=folder", file=sys.stderr)
        return 2
    try:
        paths = write_assignments(Path(options.out), chosen(options.notebooks))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(paths)} assignments for nbgrader in {options.out}; README.md there goes on")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
