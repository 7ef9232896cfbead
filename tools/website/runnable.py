"""The notebooks to take away from the site: as in the repository and, where that has an address, with a first cell
that gets the course when Google Colab runs it. Anywhere else that cell does nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from packaging.requirements import Requirement

from ssgan_lite.course.notebooks import Notebook
from tools import editions

FOLDER = "take"                 # in the site; .github/workflows/site.yml publishes it as the branch that Colab reads
BRANCH = "colab"
NOT_THERE = {"jupyterlab"}      # Colab is a notebook already
CELL = """\
# In Google Colab only: the repository and its library. torch is there already and stays as it is.
import os, sys

if "google.colab" in sys.modules:
    !git clone -q --depth 1 {address} /content/ssgan-lite
    %pip install -q "/content/ssgan-lite[measure]" {packages}
    os.environ["SSGAN_DATA"] = "/content/ssgan-lite/data"
    from google.colab import output
    output.enable_custom_widget_manager()"""


def write_runnable(root: Path, folder: Path, rows: Iterable[Notebook], address: str = "") -> None:
    """Write the notebooks of `root` into `folder`. address: of the public repository; "": no cell for Colab."""
    folder.mkdir(parents=True)
    for row in rows:
        notebook = editions.read(row, root)
        if address:
            notebook.cells.insert(1, new_code_cell(colab_cell(address), id="colab"))
        nbformat.write(notebook, folder / row.file)


def colab_cell(address: str) -> str:
    """The source of the cell, which installs what pyproject.toml asks for and Colab has not."""
    project = tomllib.loads((editions.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["optional-dependencies"]["course"]]
    packages = " ".join(f'"{one}"' for one in wanted if one.name not in NOT_THERE)
    return CELL.format(address=address, packages=packages)


def colab_link(name: str, address: str) -> str:
    """Where Colab opens the notebook `name`; "" if the repository is not at GitHub, from which alone Colab reads."""
    if "://github.com/" not in address:
        return ""
    return f"https://colab.research.google.com/github/{address.split('://github.com/')[1]}/blob/{BRANCH}/{name}"
