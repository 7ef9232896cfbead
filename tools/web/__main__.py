"""The editor as a folder of static files: `make web OUT=folder`, or `python -m tools.web folder --weights lite64`.

    OUT/index.html      open it from a file, a memory stick or any file server; nothing else is loaded
    OUT/editor.js       the front of the editor (ssgan_lite/editor/front) and the session behind it (front/*.js here)
    OUT/editor.css
    OUT/model.js        the model: three ONNX graphs in float16 and its sliders, compressed, as text
    OUT/runtime.js      onnxruntime-web
    OUT/wasm.js         its WebAssembly, compressed, as text

A page that is opened from a file may fetch nothing and load no modules, so everything comes in classic scripts.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from ssgan_lite.editor.widget import FRONT as EDITOR
from ssgan_lite.editor.widget import front_script
from ssgan_lite.errors import UserError
from ssgan_lite.storage import user_path
from ssgan_lite.weights import load_pretrained
from tools.web import runtime

HERE = Path(__file__).resolve().parent
FRONT = HERE / "front"
DEFAULT = "lite64"
MARK = "model.js"       # a folder with this and an index.html is one of ours, and may be replaced
LINKS = """
  <a href="{site}/index.html">The course</a> · <a href="{site}/docs/people.html">Faces and people</a>"""
# Joined in this order, after the editor's own.
SCRIPTS = ("random.js", "network.js", "upscale.js", "session.js", "background.js", "gallery.js", "files.js",
           "desk.js", "page.js")


def is_installed() -> bool:
    """Is the extra `web` here, and the runtime?"""
    return importlib.util.find_spec("onnx") is not None and runtime.is_here()


def packed(name: str, content: bytes) -> str:
    """A script that holds bytes."""
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    return f'(window.ssganFiles ??= {{}}).{name} = "{text}";\n'


def page_script() -> str:
    """The editor's front and the session behind it, as one classic script."""
    front = front_script().replace("export default { render };", "")
    own = "\n".join((FRONT / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{front}\n{own}\n}})();\n'


def build(out: str | os.PathLike, weights: str = DEFAULT, site: str = "") -> int:
    """Write the folder `out`; returns how many bytes are to be loaded. site: its address, for links to its pages."""
    out = user_path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / MARK).is_file()):
        raise UserError(f'"{out}" holds something other than a web editor. Choose a new folder.')
    if importlib.util.find_spec("onnx") is None:
        raise UserError('The web editor needs onnx: pip install -c constraints.txt -e ".[web]"')
    from tools.web.model import as_half, model_file

    content = model_file(as_half(load_pretrained(weights)))
    runtime.fetch()
    links = LINKS.replace("{site}", site) if site else ""
    page = (FRONT / "index.html").read_text(encoding="utf-8").replace("{links}", links)
    style = "\n".join(path.read_text(encoding="utf-8") for path in (EDITOR / "editor.css", FRONT / "page.css"))
    files = {"index.html": page, "editor.js": page_script(), "editor.css": style,
             "model.js": packed("model", content), "runtime.js": runtime.script(),
             "wasm.js": packed("wasm", runtime.wasm())}
    out.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8", newline="\n")
        place.chmod(0o755)
        shutil.rmtree(out, ignore_errors=True)
        place.rename(out)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return sum(len(text.encode()) for text in files.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a new folder, or one that such an editor is in")
    parser.add_argument("--weights", default=DEFAULT, help="a model's name or file (default: %(default)s)")
    options = parser.parse_args()
    try:
        size = build(options.out, options.weights)
    except UserError as error:
        print(f"web: {error}", file=sys.stderr)
        return 2
    print(f"{size / 1e6:.1f} MB to load, whatever serves it: open {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
