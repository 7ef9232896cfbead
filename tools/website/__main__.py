"""Build the site, all pages with their stored outputs: `make site`, or `python -m tools.website --out build/site`.

The pages are those of the repository: `docs/index.md`, the notebooks, and every Markdown page that they lead to. They
are copied to a folder of their own, in the same places, so links work as they are; whatever else they link to comes
along as a file. Sphinx makes HTML of it; then every link is looked up, and a dead one is an error. Nothing is loaded
from elsewhere: fonts are the reader's, MathJax lies beside the pages.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ssgan_lite.course.notebooks import NOTEBOOKS
from ssgan_lite.errors import UserError
from tools.web import __main__ as web
from tools.website.links import dead_links
from tools.website.pages import collect, write_index, write_pages
from tools.website.reference import ORDER, write_reference
from tools.website.runnable import FOLDER, write_runnable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INDEX = "docs/index.md"
# As HTML: for Sphinx a link to a page that it did not make is a mistake.
EDITOR = """<p><a href="editor/index.html"><strong>Try the face editor</strong></a>: a page that runs a trained model
by itself, on a phone too; nothing leaves it.</p>"""
NEEDS = ("sphinx", "furo", "myst_nb", "sphinx-mathjax-offline")


def repository() -> str:
    """The address of the repository as pyproject.toml gives it; "" where there is none yet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "").rstrip("/")


def build(out: Path, address: str = "", root: Path = ROOT, modules: Sequence[str] = ORDER,
          editor: bool = False) -> list[str]:
    """Write the site into the folder `out`, which is replaced if it holds a site. Returns Sphinx's warnings.

    address: of the public repository, for links to Colab and Binder; "": there are none. root: where the pages are.
    modules: those of the library that the reference is about. editor: with the editor without Python (tools/web),
    which the first page leads to.
    """
    if out.exists() and any(out.iterdir()) and not (out / ".buildinfo").is_file():
        raise UserError(f'"{out}" holds something other than a site. Choose another folder, or empty it.')
    if missing := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
        raise UserError(f'The site needs {missing[0]}: pip install -c constraints.txt -e ".[site]"')
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source", Path(folder) / "made"
        rows = [row for row in NOTEBOOKS if (root / "notebooks" / row.file).is_file()]
        course = [f"notebooks/{row.file}" for row in rows]
        pages, files = collect(root, [INDEX, *course])
        pages.remove(INDEX)
        write_pages(root, source, pages, files, address)
        write_reference(ROOT / "ssgan_lite", source / "reference", modules)
        write_index(root / INDEX, source / "index.md", {
            "The course": course, "Pages": sorted(set(pages) - set(course), key=str.lower),
            "The library": ["reference/index.rst"]}, EDITOR if editor else "")
        shutil.copy(HERE / "conf.py", source)
        shutil.copytree(HERE / "_static", source / "_static", dirs_exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(made)], text=True,
            stderr=subprocess.PIPE, env={**os.environ, "SSGAN_ROOT": str(ROOT)}, check=False)
        warnings = [line.replace(str(source) + os.sep, "") for line in done.stderr.splitlines() if line.strip()]
        if done.returncode:
            raise UserError("Sphinx could not build the site:\n" + "\n".join(warnings[-20:]))
        write_runnable(root, made / FOLDER, rows, address)
        if editor:
            web.build(made / "editor", site="..")
        (made / ".nojekyll").touch()               # GitHub Pages leaves out folders that begin with _ otherwise
        if dead := dead_links(made):
            raise UserError("These links lead nowhere:\n" + "\n".join(dead))
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out, ignore=shutil.ignore_patterns(".doctrees"))
    return warnings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--repository", default=repository(), metavar="ADDRESS",
                        help="where readers find the repository, for links to Colab and Binder; default: that of "
                             "pyproject.toml")
    options = parser.parse_args()
    out = options.out.resolve()
    try:
        for warning in build(out, options.repository, editor=web.is_installed()):
            print(warning, file=sys.stderr)
        if not web.is_installed():
            print("Without the face editor, which needs the extra web, and npm once: see INSTALL.md.")
    except UserError as error:
        print(f"site: {error}", file=sys.stderr)
        return 2
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"{len(list(out.rglob('*.html')))} pages, {size:.0f} MB: open {out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
