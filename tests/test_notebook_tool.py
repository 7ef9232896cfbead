"""tools/notebooks.py: what it stores depends on the cells alone, and on nothing that anybody has solved."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbclient")

PATH = Path(__file__).parent.parent / "tools" / "notebooks.py"
SPEC = importlib.util.spec_from_file_location("notebook_tool", PATH)
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)

CELLS = ["import os, sys, time\nprint('one', flush=True); time.sleep(0.3); print('two', flush=True)",
         "print(os.path.exists(os.environ['SSGAN_PROGRESS']), 'SSGAN_CHECKS' in os.environ)",
         "open(os.environ['SSGAN_PROGRESS'], 'w').write('{}')",
         "import ipywidgets\nipywidgets.Label('x')"]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Four cells: pieces of printed text, the environment, a file, a widget."""
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "mine.json"))
    monkeypatch.setenv("SSGAN_CHECKS", "raise")
    (tmp_path / "mine.json").write_text("mine")
    path = tmp_path / "99_made_up.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), path)
    return path


def call(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["notebooks.py", *map(str, arguments)])
    return TOOL.main()


@pytest.mark.slow
def test_running_twice_gives_the_same_bytes(notebook, monkeypatch, capsys):
    assert call(monkeypatch, notebook) == 0
    assert "stored anew" in capsys.readouterr().out
    first = notebook.read_bytes()
    stored = nbformat.read(notebook, as_version=4)
    assert [output.text for output in stored.cells[0].outputs] == ["one\ntwo\n"]
    assert stored.cells[1].outputs[0].text == "False False\n"
    assert "model_id" in str(stored.cells[3].outputs) and "widgets" not in stored.metadata
    assert (notebook.parent / "mine.json").read_text() == "mine"
    monkeypatch.setattr(TOOL, "LONG", 0)
    monkeypatch.setattr(TOOL, "LONG_IN_ALL", 0)
    assert call(monkeypatch, notebook, notebook) == 0
    assert notebook.read_bytes() == first
    out = capsys.readouterr().out
    assert "stored anew" not in out and "warning: longer than 0 s" in out and "all together: " in out
    assert out.count("warning") == 3


@pytest.mark.slow
def test_check_writes_nothing_and_says_what_differs(notebook, monkeypatch, capsys):
    before = notebook.read_bytes()
    assert call(monkeypatch, "--check", notebook) == 1
    assert "comes out differently" in capsys.readouterr().out and notebook.read_bytes() == before


@pytest.mark.slow
def test_a_notebook_that_stops_is_left_as_it_was(notebook, monkeypatch, capsys):
    broken = nbformat.read(notebook, as_version=4)
    broken.cells[0].source = "1 / 0"
    nbformat.write(broken, notebook)
    before = notebook.read_bytes()
    assert call(monkeypatch, notebook) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err and notebook.read_bytes() == before
    assert os.listdir(notebook.parent).count(notebook.name) == 1


def test_what_answers_a_prediction_is_folded_and_nothing_else():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    told = [nbformat.v4.new_output("stream", text="1")]
    cells = [code("a", outputs=told), text("**Predict:** which?"), code("def f(): ..."), text("And then:"),
             code("b", outputs=told), code("c", outputs=told), text("So it is."), code("d", outputs=told)]
    cells[0].metadata["jupyter"] = {"outputs_hidden": True}              # folded by hand for no reason
    done = TOOL.clean(nbformat.v4.new_notebook(cells=cells))
    assert [number for number, cell in enumerate(done.cells) if cell.metadata.get("jupyter")] == [4, 5]
    assert TOOL.clean(done) == done
