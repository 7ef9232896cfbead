"""Sphinx's settings for the site. Built by `make site` from a copy of the pages (tools/website/)."""

import importlib.metadata
import os
import sys
from pathlib import Path

ROOT = Path(os.environ["SSGAN_ROOT"])              # the repository; this file itself is copied
sys.path.insert(0, str(ROOT))

from tools.website.docstrings import to_rst  # noqa: E402

project, author, release = "ssgan-lite", "The ssgan-lite authors", importlib.metadata.version("ssgan-lite")
copyright = "the ssgan-lite authors. Code: MIT; text and pictures: CC BY 4.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
html_theme = "furo"
html_title = "ssgan-lite"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("access.js", {"defer": "defer"})]
html_show_sphinx = False
html_copy_source = False                           # a notebook's text is of no use; each page offers its notebook
exclude_patterns = ["_static"]

nb_execution_mode = "off"                          # the stored outputs are shown: CI compares them with what runs
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = [
    "myst.header",                                 # pages begin where they like
    "mystnb.unknown_mime_type",
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True


def _docstring(app, what, name, obj, options, lines):
    lines[:] = to_rst(lines)


def setup(app):
    app.connect("autodoc-process-docstring", _docstring)
