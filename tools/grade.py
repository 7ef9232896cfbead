"""Scores of notebooks that learners handed in: `make grade SUBMITTED=folder OUT=results`.

    submitted/ada/01_faces_and_masks.ipynb          one folder per learner; names of files do not matter
    results/scores.csv                              a row per learner, a column per exercise: 1 or 0
    results/details.csv                             a row per learner and exercise: state, and what the check said

Every notebook runs in a kernel of its own with SSGAN_CHECKS=raise: the cells with exercises, and those that define
what they need (`--all` runs all cells). What counts is what a check itself noted as right. A broken notebook, an
error or an endless loop costs its own points and stops nothing else. The code of learners runs with your rights.
"""

from __future__ import annotations

import argparse
import builtins
import csv
import json
import os
import symtable
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from ssgan_lite.course import check
from ssgan_lite.course.exercises import Exercise
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, user_path
from tools.answers import names_of_checks

SECONDS = 60                    # for one cell
STATES = ("right", "wrong", "not started", "error", "too slow", "missing")


@dataclass
class Graded:
    """One notebook of one learner. found: exercise -> (state, what was said); problem: why it cannot be graded."""

    learner: str
    path: Path
    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    problem: str = ""


def grade(submitted: Path, seconds: int = SECONDS, everything: bool = False) -> list[Graded]:
    """Grade all notebooks in the folders of a folder, in the order of their names."""
    exercises = {exercise.name: exercise for exercise in check.exercises().values()}
    graded = []
    for learner, path in hand_ins(submitted):
        graded.append(grade_one(learner, path, exercises, seconds, everything))
        print(summary(graded[-1]), flush=True)
    return graded


def hand_ins(submitted: Path) -> list[tuple[str, Path]]:
    """(learner, notebook) for every notebook; what Jupyter keeps for itself is left out."""
    submitted = user_path(submitted)
    if not submitted.is_dir():
        raise UserError(f'"{submitted}" is not a folder. Give one with a folder per learner: '
                        "make grade SUBMITTED=folder OUT=results.")
    loose = sorted(path.name for path in submitted.glob("*.ipynb"))
    if loose:
        raise UserError(f'"{loose[0]}" lies in no learner\'s folder: put it into {submitted}/NAME/.')
    found = [(path.relative_to(submitted).parts[0], path) for path in sorted(submitted.rglob("*.ipynb"))
             if ".ipynb_checkpoints" not in path.parts]
    if not found:
        raise UserError(f'There is no notebook in the folders of "{submitted}".')
    return found


def grade_one(learner: str, path: Path, exercises: dict[str, Exercise], seconds: int = SECONDS,
              everything: bool = False) -> Graded:
    """Run one notebook and see which of its exercises are right."""
    graded = Graded(learner, path)
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        sources = ["".join(cell.source) for cell in cells]
    except (OSError, ValueError, AttributeError, TypeError, KeyError, nbformat.ValidationError) as error:
        graded.problem = f"cannot be read as a notebook: {_line(error)}"
        return graded
    checked = [checks_in(source, exercises) for source in sources]
    numbers = [exercises[name].notebook for names in checked for name in names]
    if not numbers:
        graded.problem = "holds no exercise of this course"
        return graded
    number = max(sorted(set(numbers)), key=numbers.count)
    expected = {name: exercise for name, exercise in exercises.items() if exercise.notebook == number}
    chosen = range(len(cells)) if everything else needed_cells(sources, checked)
    notebook.cells = [cells[i] for i in chosen]
    noted, died = run(notebook, seconds)
    said = {name: cells[i] for i in chosen for name in checked[i]}
    for name in expected:
        graded.found[name] = _state(name in noted, said.get(name), died, seconds)
    return graded


def checks_in(source: str, exercises: dict[str, Exercise]) -> list[str]:
    """Names of the checks that a cell calls, also if the rest of it is not Python."""
    try:
        return list(names_of_checks(source, exercises))
    except SyntaxError:
        return [name for name in exercises if f"check.{name}(" in source]


def needed_cells(sources: list[str], checked: list[list[str]]) -> list[int]:
    """Which cells to run: those with a check, and those that define a name which a chosen later one reads."""
    chosen, wanted = set(), {"check"}
    for i in reversed(range(len(sources))):
        defined, read = _names(sources[i])
        if checked[i] or defined & wanted:
            chosen.add(i)
            wanted |= read
    return sorted(chosen)


def run(notebook: NotebookNode, seconds: int) -> tuple[set[str], bool]:
    """Run the cells; (names of the exercises that a check noted as right, did the kernel die?)."""
    for cell in notebook.cells:
        cell.outputs, cell.metadata = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        progress, died = Path(scratch) / "progress.json", False
        environment = os.environ | {"SSGAN_CHECKS": "raise", "SSGAN_PROGRESS": str(progress)}
        client = NotebookClient(notebook, timeout=seconds, kernel_name="python3", allow_errors=True,
                                interrupt_on_timeout=True, resources={"metadata": {"path": scratch}})
        try:
            client.execute(env=environment)
        except (DeadKernelError, TimeoutError):
            died = True
        try:
            return set(json.loads(progress.read_text(encoding="utf-8"))["solved"]), died
        except (OSError, ValueError, KeyError, TypeError):
            return set(), died


def _state(right: bool, cell: NotebookNode | None, died: bool, seconds: int) -> tuple[str, str]:
    if right:
        return "right", ""
    if cell is None:
        return "missing", "The cell that calls the check is gone."
    error = next((output for output in cell.get("outputs", []) if output.output_type == "error"), None)
    if error is None and died:
        return "error", "Python ended before this cell was done."
    if error is None:
        return "missing", "The check was not called."
    said = _line(error.evalue)
    if error.ename in ("WrongAnswer", "NotStarted"):
        return ("wrong" if error.ename == "WrongAnswer" else "not started"), said
    if error.ename == "KeyboardInterrupt":
        return "too slow", f"The cell was stopped after {seconds} seconds."
    return "error", f"{error.ename}: {said}"


def _names(source: str) -> tuple[set[str], set[str]]:
    """(names that a cell defines, names that it reads); nothing for a cell that is not Python."""
    source = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        cell = symtable.symtable(source, "cell", "exec")
    except SyntaxError:
        return set(), set()
    defined = {symbol.get_name() for symbol in cell.get_symbols()
               if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()}
    read = {symbol.get_name() for symbol in cell.get_symbols() if symbol.is_referenced()}
    scopes = cell.get_children()
    for scope in scopes:                                    # grows while it is walked: functions within functions
        scopes += scope.get_children()
        read |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return defined, read - set(dir(builtins))


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def summary(graded: Graded) -> str:
    """A line for the terminal."""
    name = f"{graded.learner}, {graded.path.name}"
    if graded.problem:
        return f"{name}: {graded.problem}"
    count = {state: sum(found[0] == state for found in graded.found.values()) for state in STATES}
    others = ", ".join(f"{n} {state}" for state, n in count.items() if n and state != "right")
    return f"{name}: {count['right']} of {len(graded.found)} right{f' ({others})' if others else ''}"


def write_scores(graded: list[Graded], out: Path) -> tuple[Path, Path]:
    """Write scores.csv and details.csv; an exercise that was handed in twice counts with its better state."""
    out = user_path(out)
    exercises = {exercise.name: exercise for exercise in check.exercises().values()}
    columns = [name for name in exercises if any(name in one.found for one in graded)]
    best: dict[str, dict[str, int]] = defaultdict(dict)
    problems: dict[str, list[str]] = defaultdict(list)
    for one in graded:
        best[one.learner] |= {name: max(int(found[0] == "right"), best[one.learner].get(name, 0))
                              for name, found in one.found.items()}
        problems[one.learner] += [f"{one.path.name} {one.problem}"] if one.problem else []
    scores = [["learner", *(exercises[name].id for name in columns), "right", "of", "problems"]]
    scores += [[learner, *(points.get(name, "") for name in columns), sum(points.values()), len(points),
                "; ".join(problems[learner])] for learner, points in best.items()]
    details = [["learner", "file", "exercise", "title", "state", "said"]]
    for one in graded:
        details += [[one.learner, one.path.name, exercises[name].id, exercises[name].title, *found]
                    for name, found in one.found.items()]
        details += [[one.learner, one.path.name, "", "", "problem", one.problem]] if one.problem else []
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'"{out}" cannot be made: {error.strerror}.') from None
    for name, rows in (("scores.csv", scores), ("details.csv", details)):
        with atomic_write(out / name) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([[_cell(value) for value in row] for row in rows])
    return out / "scores.csv", out / "details.csv"


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe; learners choose some of it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.grade", description=__doc__.splitlines()[0])
    parser.add_argument("submitted", nargs="?", default="", help="a folder with a folder per learner")
    parser.add_argument("out", nargs="?", default="", help="where scores.csv and details.csv go")
    parser.add_argument("--all", action="store_true", help="run all cells, not only those that the exercises need")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for one cell (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not options.submitted or not options.out:
        print("Say what and where: make grade SUBMITTED=folder OUT=results", file=sys.stderr)
        return 2
    try:
        graded = grade(Path(options.submitted), options.seconds, options.all)
        scores, details = write_scores(graded, Path(options.out))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Scores: {scores}\nWhat the checks said: {details}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
