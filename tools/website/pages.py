"""The pages of the site: which there are, and what the site changes in them.

A notebook keeps its stored outputs. Alternative texts, which notebooks store as metadata of the output, become those
of the pages; folded outputs stay folded; a widget is its stored picture. A line below the title says how to run it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import shutil
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from tools.website.runnable import FOLDER, colab_link

LINK = re.compile(r"\]\(([^()\s]+)\)|src=[\"']([^\"']+)[\"']")
FOLDER_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^():#\s]+)\)")
PICTURES = "_static/pictures"                        # Sphinx copies what lies in _static
WIDGET = "application/vnd.jupyter.widget-view+json"


def collect(root: Path, starts: Iterable[str]) -> tuple[list[str], list[str]]:
    """(pages, other files) that can be reached from the pages `starts`, as paths in `root`.

    A link to a folder means its README.md. What is not there is kept, so that the check of links finds it.
    """
    waiting, pages, files = deque(starts), [], []
    while waiting:
        path = waiting.popleft()
        if path in pages or path in files:
            continue
        if Path(path).suffix not in (".md", ".ipynb"):
            files.append(path)
            continue
        pages.append(path)
        waiting.extend(_targets(root, path))
    return pages, files


def _targets(root: Path, path: str) -> list[str]:
    found = []
    for markdown, source in LINK.findall(_text(root / path)):
        link = (markdown or source).split("#")[0]
        if not link or ":" in link:                          # a place on the page, an address, a picture as text
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(path), link))
        if (root / target).is_dir():
            target += "/README.md"
        if not target.startswith("..") and (root / target).is_file():
            found.append(target)
    return found


def _text(path: Path) -> str:
    """The Markdown of a page or of a notebook's cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"]
                       if cell["cell_type"] == "markdown")


def write_pages(root: Path, source: Path, pages: Iterable[str], files: Iterable[str], address: str = "") -> None:
    """Copy pages and files from `root` to `source`, notebooks as the site shows them."""
    for path in (*pages, *files):
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".ipynb"):
            notebook = json.loads((root / path).read_text(encoding="utf-8"))
            target.write_text(json.dumps(for_site(notebook, path, source / PICTURES, address)), encoding="utf-8")
        elif path.endswith(".md"):
            here = (root / path).parent
            text = FOLDER_LINK.sub(lambda link, here=here: _readme(here, *link.groups()),
                                   (root / path).read_text(encoding="utf-8"))
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copy(root / path, target)


def _readme(folder: Path, words: str, link: str) -> str:
    """A link to a folder, which is no page: to its README.md, or words alone if it has none."""
    if not (folder / link).is_dir():
        return f"[{words}]({link})"
    return f"[{words}]({link.rstrip('/')}/README.md)" if (folder / link / "README.md").is_file() else words


def write_index(page: Path, target: Path, menu: dict[str, list[str]], more: str = "") -> None:
    """The first page: `page`, which lies one folder below, `more` after its first picture or heading, and the menu,
    heading -> pages."""
    text = page.read_text(encoding="utf-8").replace("](../", "](")
    text = re.sub(r"\]\((?![a-z]+:|[#/])(?=[a-z_]+\.md)", f"]({page.parent.name}/", text)
    if more:
        paragraphs = text.split("\n\n")
        at = next((i for i, one in enumerate(paragraphs) if one.startswith("![")), 0) + 1
        text = "\n\n".join([*paragraphs[:at], more.strip(), *paragraphs[at:]])
    for heading, pages in menu.items():
        listed = "\n".join(f"/{path}" for path in pages)
        text += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{listed}\n```\n"
    target.write_text(text, encoding="utf-8")


def for_site(notebook: dict, path: str, folder: Path, address: str = "") -> dict:
    """A notebook as the site shows it. path: in the repository; folder: where its pictures go, `PICTURES`."""
    folder.mkdir(parents=True, exist_ok=True)
    first = notebook["cells"][0]
    title, _, rest = "".join(first["source"]).partition("\n")
    first["source"] = f"{title}\n\n{how_to_run(path, address)}\n{rest}"
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        if cell["metadata"].get("jupyter", {}).get("outputs_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-output"]
        for output in cell["outputs"]:
            _picture_with_alt(output, folder)
    return notebook


def how_to_run(path: str, address: str) -> str:
    """The line below a title: on this machine, and elsewhere if the repository has an address."""
    name = os.path.basename(path)
    ways = [f"**Run this** on your machine: `make lab`, then `{path}`",
            f'<a href="../{FOLDER}/{name}" download>download the notebook</a>']
    if address:
        ways.append(f"[Binder](https://mybinder.org/v2/git/{quote(address, safe='')}/HEAD?labpath={quote(path)})")
    if link := colab_link(name, address):
        ways.append(f"[Colab]({link})")
    return " · ".join(ways)


def _picture_with_alt(output: dict, folder: Path) -> None:
    """Replace a stored picture by an <img> with its alternative text; a widget by its picture."""
    data, metadata = output.get("data", {}), output.get("metadata", {})
    if WIDGET in data and "text/html" in data:
        del data[WIDGET]
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            content = base64.b64decode("".join(data[kind]))
            name = f"{hashlib.sha256(content).hexdigest()[:20]}.{kind.split('/')[1]}"
            (folder / name).write_bytes(content)
            about = metadata.get(kind, {})
            width = f' width="{about["width"]}"' if "width" in about else ""
            alt = html.escape(about.get("alt", ""))
            output["data"] = {"text/html": f'<img src="../{PICTURES}/{name}" alt="{alt}"{width}>'}
            return
