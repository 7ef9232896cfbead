"""The reference: a page for each of the library's packages and modules, written from the docstrings by Sphinx."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from tools.website.docstrings import to_rst

ORDER = ("errors", "parts", "config", "model", "data", "features", "weights", "pictures", "train", "measure",
         "directions", "edit", "invert", "editor", "official")               # as CONTRIBUTING.md lists them
INTRODUCTION = "Written from the docstrings, in the order in which the modules build on one another."


def write_reference(package: Path, folder: Path, names: Sequence[str] = ORDER) -> None:
    """Pages in reStructuredText for these modules of `package`, and one that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.rst").write_text(_page(package, name), encoding="utf-8")
    listed = "\n".join(f"   {name}" for name in names)
    about = "\n".join(f":doc:`{package.name}.{name} <{name}>`\n   {_summary(package, name)}\n" for name in names)
    (folder / "index.rst").write_text(
        f"{_heading('Reference', '=')}{INTRODUCTION}\n\n{about}\n.. toctree::\n   :hidden:\n\n{listed}\n",
        encoding="utf-8")


def _summary(package: Path, name: str) -> str:
    """The first line of a module's docstring."""
    file = package / f"{name}.py"
    source = (file if file.is_file() else package / name / "__init__.py").read_text(encoding="utf-8")
    return to_rst((ast.get_docstring(ast.parse(source)) or "").splitlines()[:1])[0]


def _page(package: Path, name: str) -> str:
    """A module, or a package with all its modules."""
    title = f"{package.name}.{name}"
    if (package / f"{name}.py").is_file():
        return _heading(title, "=") + _module(title)
    modules = sorted(path.stem for path in (package / name).glob("*.py") if not path.stem.startswith("_"))
    sections = (_heading(f"{title}.{module}", "-") + _module(f"{title}.{module}") for module in modules)
    return _heading(title, "=") + f".. automodule:: {title}\n\n" + "\n".join(sections)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _module(name: str) -> str:
    return f".. automodule:: {name}\n   :members:\n   :show-inheritance:\n"
