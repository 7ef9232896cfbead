"""Every cell of every notebook can be run twice in a row, as readers do, and prints the same both times."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbclient")
from nbclient import NotebookClient  # noqa: E402
from nbformat.v4 import new_code_cell, new_notebook  # noqa: E402

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run_twice(notebook: nbformat.NotebookNode, folder: Path, progress: Path) -> list[tuple[str, str, str]]:
    """Run each code cell twice in a row; (source, first text, second text) of the cells that print something else."""
    doubled = copy.deepcopy(notebook)
    doubled.cells = [copy.deepcopy(cell) for cell in notebook.cells if cell.cell_type == "code" for _ in range(2)]
    for number, cell in enumerate(doubled.cells):
        cell.id = f"cell-{number:03d}"
    NotebookClient(doubled, timeout=600, kernel_name="python3", store_widget_state=False,
                   resources={"metadata": {"path": str(folder)}}).execute(
                       env=os.environ | {"SSGAN_PROGRESS": str(progress)})
    cells = doubled.cells
    return [(first.source, text(first), text(second)) for first, second in zip(cells[::2], cells[1::2])
            if text(first) != text(second) and not excused(first)]


def text(cell: nbformat.NotebookNode) -> str:
    """What a cell prints, in however many pieces; a value or widget that is shown has a text as well."""
    return "".join(output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
                   for output in cell.outputs)


def excused(cell: nbformat.NotebookNode) -> bool:
    """Its output may differ from run to run: the comparison with what is stored leaves it out, too."""
    return "nbval-ignore-output" in cell.metadata.get("tags", []) or bool(
        re.search(r"NBVAL_IGNORE_OUTPUT", cell.source))


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_run_twice_print_the_same(path, tmp_path):
    assert run_twice(nbformat.read(path, as_version=4), path.parent, tmp_path / "progress.json") == []


@pytest.mark.slow
def test_cell_that_cannot_be_repeated_is_noticed(tmp_path):
    steady = new_notebook(cells=[new_code_cell("x = [1]"), new_code_cell("print(x)")])
    assert run_twice(steady, tmp_path, tmp_path / "progress.json") == []
    growing = new_notebook(cells=[new_code_cell("x = [1]"), new_code_cell("x.append(2)\nprint(x)")])
    assert run_twice(growing, tmp_path, tmp_path / "progress.json") == [
        ("x.append(2)\nprint(x)", "[1, 2]\n", "[1, 2, 2]\n")]
    with pytest.raises(Exception, match="nothing left"):
        run_twice(new_notebook(cells=[new_code_cell("x = [1]"), new_code_cell(
            "assert x, 'nothing left'\nx.pop()")]), tmp_path, tmp_path / "progress.json")
