"""The notebooks to hand out: `make student OUT=folder`, and for whoever teaches `make teacher OUT=folder`.

Student's edition: without the outputs that answer a prediction, so that nobody reads them before thinking; cells,
exercises and all other outputs are those of `notebooks/`. Teacher's: an answer in every exercise (see
`tools/answers.py`). Both are written, never edited: the folder remembers what was written into it, and a folder that
holds anything else, or a file that was changed since, is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ssgan_lite.course import check
from ssgan_lite.course.exercises import Exercise
from ssgan_lite.course.notebooks import NOTEBOOKS, Notebook
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, user_path
from tools.answers import names_of_checks, solved
from tools.notebooks import answers_to_predictions

ROOT = Path(__file__).resolve().parent.parent
RECORD = ".edition.json"
IGNORED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}
# Also what is not folded in `notebooks/`: a picture that grows before the reader's eyes.
PREDICTION = re.compile(r"\*\*(Predict|Before you)\b|\bBefore you look\b")
README = {
    "student": """\
# The course, to work in

`00_start_here.ipynb` is the first notebook. Where a text asks for a prediction, write yours down before you run the
cell: its output is not stored here. Exercises tell you whether you are right; nothing depends on them.

With the library installed and the folder `data` beside the notebooks:

    SSGAN_DATA=data jupyter lab                     (Linux, macOS)
    set "SSGAN_DATA=data" && jupyter lab            (Windows)

Written by `make student`. To get a newer edition, let it be written into another folder.
""",
    "teacher": """\
# The course with its answers

Every exercise holds an answer that its check calls right. The answers are the library's own source, or come from the
tests of the exercises. Written by `make teacher`; whatever you change here is not seen by anything else.
"""}


def student_notebook(notebook: NotebookNode) -> NotebookNode:
    """Take out what answers a prediction, most of which is folded in `notebooks/`."""
    for cell in [notebook.cells[number] for number in answers_to_predictions(notebook.cells, PREDICTION)]:
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("jupyter", None)
    return notebook


def teacher_notebook(notebook: NotebookNode, exercises: dict[str, Exercise]) -> NotebookNode:
    """Put an answer into every exercise. Its cell was not run, so it has no output."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or "check." not in cell.source:
            continue
        called = names_of_checks(cell.source, exercises)
        for name, given in called.items():
            cell.source = solved(cell.source, exercises[name], given)
        if called:
            cell.outputs, cell.execution_count = [], None
    return notebook


def write_edition(kind: str, out: Path, data: bool = True) -> list[Path]:
    """Write the "student" or the "teacher" edition into a folder; returns its notebooks."""
    if kind not in README:
        raise UserError(f'There is no "{kind}" edition; there are "student" and "teacher".')
    out = user_path(out)
    refuse_work(out)
    exercises = {exercise.name: exercise for exercise in check.exercises().values()}
    texts = {"README.md": README[kind]}
    for row in NOTEBOOKS:
        if not row.planned:
            notebook = read(row)
            notebook = student_notebook(notebook) if kind == "student" else teacher_notebook(notebook, exercises)
            texts[row.file] = nbformat.writes(notebook) + "\n"
    for page in sorted((ROOT / "docs").glob("*.md")) if kind == "teacher" else []:
        texts[f"docs/{page.name}"] = page.read_text(encoding="utf-8")
    write_texts(out, kind, texts)
    if data and kind == "student":
        shutil.copytree(ROOT / "data", out / "data", dirs_exist_ok=True)
    return [out / name for name in texts if name.endswith(".ipynb")]


def write_texts(out: Path, kind: str, texts: dict[str, str]) -> None:
    """Write files into a folder, which remembers what was written (`refuse_work`)."""
    _clear(out, set(texts))
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    record = {"kind": kind, "files": {name: _sum(out / name) for name in texts}}
    with atomic_write(out / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")


def read(row: Notebook, root: Path | None = None) -> NotebookNode:
    """A notebook of the course. Links to pages outside of `notebooks/` become plain words; they are not copied."""
    notebook = nbformat.read((root or ROOT) / "notebooks" / row.file, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", cell.source)
    return notebook


def refuse_work(out: Path) -> None:
    """A folder may be new, empty, or hold an edition in which nobody has worked."""
    if out.exists() and not out.is_dir():
        raise UserError(f'"{out}" is a file. Give a folder: make student OUT=folder.')
    written = _record(out)
    here = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*")) if path.is_file()
            and not IGNORED & set(path.relative_to(out).parts)] if out.exists() else []
    mine = [name for name in here if name != RECORD and not (written and name.startswith("data/"))]
    work = [name for name in mine if written.get(name) != _sum(out / name)]
    if work:
        more = f" and {len(work) - 3} more" if len(work) > 3 else ""
        raise UserError(f'"{out}" holds work that would be lost: {", ".join(work[:3])}{more}. Nothing was written. '
                        "Choose a new folder.")


def _record(out: Path) -> dict[str, str]:
    """Name -> sum of each file that was written into a folder; empty if it is none of ours."""
    try:
        files = json.loads((out / RECORD).read_text(encoding="utf-8"))["files"]
        return files if isinstance(files, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _clear(out: Path, wanted: set[str]) -> None:
    """Remove what an earlier edition wrote and this one does not, such as a notebook that was renamed."""
    for name in set(_record(out)) - wanted:
        (out / name).unlink(missing_ok=True)


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.editions", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(README))
    parser.add_argument("out", nargs="?", default="", help="a new folder, or one written by this command")
    parser.add_argument("--no-data", action="store_true", help="do not copy data/ beside the student's notebooks")
    options = parser.parse_args(arguments)
    if not options.out:
        print(f"Say where: make {options.kind} OUT=folder", file=sys.stderr)
        return 2
    try:
        paths = write_edition(options.kind, Path(options.out), data=not options.no_data)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(paths)} notebooks for the {options.kind} in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
