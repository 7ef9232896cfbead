"""JupyterLab's settings for the course: saving a notebook that was only run changes nothing."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
contents = pytest.importorskip("jupyter_server.services.contents.filemanager",
                               reason="the course extra is not installed")


@pytest.fixture()
def manager(tmp_path):
    """What JupyterLab saves with, over a copy of the course."""
    for name in (".jupyter", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    c = SimpleNamespace(LabApp=SimpleNamespace(), FileContentsManager=SimpleNamespace())
    runpy.run_path(str(tmp_path / ".jupyter" / "lab_config.py"), {"get_config": lambda: c})
    return contents.FileContentsManager(root_dir=str(tmp_path), pre_save_hook=c.FileContentsManager.pre_save_hook)


@pytest.mark.parametrize("name", ["00_start_here.ipynb", "09_train_small.ipynb", "12_edit.ipynb"])
def test_notebook_that_was_run_is_saved_unchanged(manager, tmp_path, name):
    file, path = tmp_path / "notebooks" / name, f"notebooks/{name}"
    before = file.read_bytes()
    model = manager.get(path)
    for cell in model["content"]["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = 77, []
            cell["metadata"]["trusted"] = True
    model["content"]["metadata"]["language_info"]["version"] = "3.99"
    manager.save(model, path)
    assert file.read_bytes() == before


def test_answer_is_saved_with_its_output(manager, tmp_path):
    path = "notebooks/00_start_here.ipynb"
    model = manager.get(path)
    code = [cell for cell in model["content"]["cells"] if cell["cell_type"] == "code"]
    code[1]["source"] += "\n# my answer"
    code[0]["outputs"] = []
    manager.save(model, path)
    saved = [cell for cell in manager.get(path)["content"]["cells"] if cell["cell_type"] == "code"]
    assert saved[1]["source"].endswith("# my answer") and not saved[0]["outputs"]
