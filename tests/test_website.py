"""The site: what it changes in notebooks, docstrings as pages, dead links, and a whole small one in a browser."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from ssgan_lite.course.notebooks import NOTEBOOKS
from ssgan_lite.errors import UserError
from tools.website import pages, runnable
from tools.website.__main__ import build, main
from tools.website.docstrings import to_rst
from tools.website.links import dead_links
from tools.website.reference import ORDER

ROOT = Path(__file__).resolve().parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
ADDRESS = "https://github.com/somebody/ssgan-lite"


def picture() -> str:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "tomato").save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def small_notebook() -> nbformat.NotebookNode:
    shown = new_output("display_data", data={"image/png": picture()},
                       metadata={"image/png": {"alt": 'a "red" box'}})
    widget = new_output("display_data", data={WIDGET: {"model_id": "0"}, "text/html": "<b>a still picture</b>"})
    return new_notebook(cells=[
        new_markdown_cell("# 00 · A box\n\nLet $x_p$ be a number.\n\n$$a = \\frac{x}{y}$$\n\n"
                          "[faces](../docs/people.md), [code](../code.py), [end](#the-end)"),
        new_code_cell("show(box)  # " + 9 * "wider than a page, ", outputs=[shown], execution_count=1),
        new_code_cell("1 + 1", outputs=[new_output("stream", text="the answer is 2\n")], execution_count=2,
                      metadata={"jupyter": {"outputs_hidden": True}}),
        new_code_cell("Box()", outputs=[widget], execution_count=3), new_markdown_cell("## The end")],
        metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}})


@pytest.fixture()
def course(tmp_path) -> Path:
    """A repository with a first page, one notebook and what they lead to."""
    root = tmp_path / "course"
    for folder in ("docs", "notebooks", "data"):
        (root / folder).mkdir(parents=True)
    first = "../notebooks/00_start_here.ipynb"
    (root / "docs" / "index.md").write_text(f"# Boxes\n\n[first]({first}), [faces](people.md)\n")
    (root / "docs" / "people.md").write_text(f"# People\n\n[back]({first}), [a folder](../data/)\n")
    (root / "data" / "README.md").write_text("# Data\n\nNumbers.\n")
    (root / "code.py").write_text("x = 1\n")
    nbformat.write(small_notebook(), root / "notebooks" / "00_start_here.ipynb")
    return root


def test_pages_are_all_that_can_be_reached(course):
    found, files = pages.collect(course, ["docs/index.md"])
    assert set(found) == {"docs/index.md", "docs/people.md", "notebooks/00_start_here.ipynb", "data/README.md"}
    assert files == ["code.py"]


def test_first_page_leads_to_the_editor_after_its_picture(tmp_path):
    (tmp_path / "index.md").write_text("# Boxes\n\n![a box](../data/box.png)\n\nWords.\n")
    pages.write_index(tmp_path / "index.md", tmp_path / "made.md", {}, "MORE")
    assert (tmp_path / "made.md").read_text().split("\n\n")[1:] == ["![a box](data/box.png)", "MORE", "Words.\n"]


def test_notebook_keeps_alt_texts_folds_answers_and_shows_stills(tmp_path):
    notebook = json.loads(nbformat.writes(small_notebook()))
    pages.for_site(notebook, "notebooks/00_start_here.ipynb", tmp_path)
    title, box, answer, widget, _ = notebook["cells"]
    assert title["source"].startswith("# 00 · A box\n\n**Run this**") and "Colab" not in title["source"]
    shown = box["outputs"][0]["data"]
    assert list(shown) == ["text/html"] and 'alt="a &quot;red&quot; box"' in shown["text/html"]
    assert [file.suffix for file in tmp_path.iterdir()] == [".png"]
    assert answer["metadata"]["tags"] == ["hide-output"] and "tags" not in box["metadata"]
    assert list(widget["outputs"][0]["data"]) == ["text/html"]


def test_address_of_repository_gives_links_to_run_elsewhere():
    line = pages.how_to_run("notebooks/00_start_here.ipynb", ADDRESS)
    assert "colab.research.google.com/github/somebody/ssgan-lite/blob/colab/00_start_here.ipynb" in line
    assert "mybinder.org/v2/git/https%3A%2F%2Fgithub.com%2Fsomebody%2Fssgan-lite/HEAD?labpath=notebooks" in line
    assert "Colab" not in pages.how_to_run("notebooks/a.ipynb", "https://git.example.org/ssgan-lite")
    line = pages.how_to_run("notebooks/a.ipynb", "")
    assert "://" not in line and 'href="../take/a.ipynb" download' in line


def test_workflow_publishes_the_notebooks_that_colab_reads():
    workflow = (ROOT / ".github" / "workflows" / "site.yml").read_text()
    assert f"build/site/{runnable.FOLDER}" in workflow and f"HEAD:{runnable.BRANCH}" in workflow
    assert "secrets." not in workflow


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_notebooks_to_take_away_keep_their_pictures(course, tmp_path, address):
    runnable.write_runnable(course, tmp_path / "take", NOTEBOOKS[:1], address)
    taken = nbformat.read(tmp_path / "take" / "00_start_here.ipynb", 4)
    nbformat.validate(taken)
    assert [cell.id for cell in taken.cells if cell.id == "colab"] == ["colab"] * bool(address)
    assert taken.cells[0].source.endswith("faces, code, [end](#the-end)"), "links that lead out of it are words"
    assert any(output["data"].get("image/png") for cell in taken.cells for output in cell.get("outputs", [])
               if output.output_type == "display_data")


def test_cell_for_colab_does_nothing_elsewhere_and_keeps_torch_in_colab(monkeypatch):
    """Run as IPython runs it, with the commands noted down instead."""
    from IPython.core.inputtransformer2 import TransformerManager

    asked = []
    shell = SimpleNamespace(system=lambda command: asked.append(command),
                            run_line_magic=lambda magic, line: asked.append(f"{magic} {line}"))
    code = compile(TransformerManager().transform_cell(runnable.colab_cell(ADDRESS)), "cell", "exec")
    monkeypatch.setenv("SSGAN_DATA", "mine")
    exec(code, {"get_ipython": lambda: shell})
    assert asked == [] and os.environ["SSGAN_DATA"] == "mine"
    colab = SimpleNamespace(output=SimpleNamespace(enable_custom_widget_manager=lambda: asked.append("widgets")))
    for name, module in (("google", SimpleNamespace(colab=colab)), ("google.colab", colab)):
        monkeypatch.setitem(sys.modules, name, module)
    exec(code, {"get_ipython": lambda: shell})
    clone, install, widgets = asked
    assert clone == f"git clone -q --depth 1 {ADDRESS} /content/ssgan-lite" and widgets == "widgets"
    assert '"ipywidgets>=8.1"' in install and not re.search(r"torch|jupyterlab|constraints|-U|--upgrade", install)
    assert os.environ["SSGAN_DATA"] == "/content/ssgan-lite/data"


def test_docstrings_become_what_they_look_like():
    text = """Sum of `a * b`, over *all* x_.

    codes   [N, S]
    image   [N, 3, R, R]

    - one `x`
    - two

    >>> f(1)"""
    import inspect

    marked = "\n".join(to_rst(inspect.cleandoc(text).splitlines()))
    assert marked.startswith("Sum of ``a * b``, over \\*all\\* x\\_.\n\n::\n\n    codes   [N, S]\n    image   [N, 3")
    assert "- one ``x``\n- two\n\n>>> f(1)" in marked


@pytest.mark.parametrize(("page", "told"), [
    ('<a href="gone.html">x</a>', ["index.html: gone.html"]), ('<a href="other.html#there">x</a>', []),
    ('<a href="other.html#nowhere">x</a>', ["index.html: other.html#nowhere"]), ('<a href="#here">x</a>', [
        "index.html: #here"]), ('<a href="https://example.org">x</a>', []),
    ('<script src="https://example.org/x.js"></script>', ["index.html: loads https://example.org/x.js"]),
    ('<img src="no.png">', ["index.html: no.png"])])
def test_dead_links_are_found(tmp_path, page, told):
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "other.html").write_text('<p id="there">')
    assert dead_links(tmp_path) == told


def test_reference_lists_modules_that_exist():
    assert all((ROOT / "ssgan_lite" / name).exists() or (ROOT / "ssgan_lite" / f"{name}.py").exists()
               for name in ORDER)


def test_folder_with_other_things_is_not_replaced(tmp_path, capsys, monkeypatch):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["website", "--out", str(tmp_path)])
    assert main() == 2 and "something other than a site" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -c constraints.txt -e \"\.\[site\]\""):
        build(tmp_path / "site")


@pytest.mark.slow
def test_dead_link_stops_the_build_and_leaves_the_old_site(course, tmp_path):
    pytest.importorskip("sphinx", reason="the site extra is not installed")
    (course / "docs" / "people.md").write_text("# People\n\n[nothing](nothing.html)\n")
    out = tmp_path / "site"
    out.mkdir()
    (out / ".buildinfo").write_text("")
    (out / "index.html").write_text("old")
    with pytest.raises(UserError, match=r"docs/people.html: .*nothing"):
        build(out, root=course, modules=[])
    assert (out / "index.html").read_text() == "old"


@pytest.mark.long
def test_whole_site_is_built_without_warnings(tmp_path):
    pytest.importorskip("sphinx", reason="the site extra is not installed")
    assert build(tmp_path / "site", ADDRESS) == []
    written = {path.stem for path in (tmp_path / "site" / "notebooks").glob("*.html")}
    assert written == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
