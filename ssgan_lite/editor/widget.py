"""The face editor as a widget, in JupyterLab and wherever anywidget runs.

The page (front/*.js, no build step and nothing from the network) and the kernel exchange one pair of messages at a
time: the page sends all actions since the last answer, in order, and of a slider only its newest position; the kernel
does them, draws once, and answers. So nothing queues up on a slow machine, and no click is lost.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import anywidget
import traitlets
from IPython.display import HTML, display
from PIL import Image

from ssgan_lite.editor.desk import FIRST_SEED, Desk
from ssgan_lite.editor.page import Page
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import still_html
from ssgan_lite.weights import load_pretrained, shipped

FRONT = Path(__file__).parent / "front"
# Joined in this order.
SCRIPTS = ("link.js", "outline.js", "picture.js", "around.js", "controls.js", "panel.js", "own.js", "editor.js")


def front_script() -> str:
    """The page's JavaScript: one module that exports `render`."""
    return "\n".join((FRONT / name).read_text(encoding="utf-8") for name in SCRIPTS)


def front_style() -> str:
    """The page's style sheet."""
    return (FRONT / "editor.css").read_text(encoding="utf-8")


class FaceEditor(anywidget.AnyWidget):
    """`FaceEditor()` edits a face of the best model that is shipped, `FaceEditor(G, seed=5)` one of yours.

    A name or a file of weights, as `load_pretrained` takes them, will do for G. `directions` is a file with names and
    words for the sliders of a model of yours, which `ssgan-lite directions WEIGHTS --out FILE` makes; those of the
    models that ship are found.

    `editor.face` is the `Session` behind it. After you have changed it in code, `editor.refresh()` shows it.
    """

    _esm, _css = front_script(), front_style()

    # The fields of `Page`, which explains them.
    size = traitlets.Int().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    original = traitlets.Bytes().tag(sync=True)
    baseline = traitlets.Bytes().tag(sync=True)
    baseline_original = traitlets.Bytes().tag(sync=True)
    strip = traitlets.Bytes().tag(sync=True)
    gallery = traitlets.Bytes().tag(sync=True)
    photo = traitlets.Bytes().tag(sync=True)
    snapshot = traitlets.Bytes().tag(sync=True)
    answered = traitlets.Unicode().tag(sync=True)

    def __init__(self, generator: SemanticGenerator | str | os.PathLike | None = None, seed: int = FIRST_SEED,
                 psi: float = 0.7, part: str | None = None, folder: str | Path | None = ".",
                 directions: str | os.PathLike | None = None):
        if generator is None or isinstance(generator, (str, os.PathLike)):
            generator = load_pretrained(generator or best_shipped())
        super().__init__()
        self.page = Page(Desk(generator, seed, psi, part, folder=folder, directions=directions))
        self.on_msg(self._receive)
        self._show()

    @property
    def desk(self) -> Desk:
        """What the page works on."""
        return self.page.desk

    @property
    def face(self):
        """The `Session` that is edited."""
        return self.desk.face

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"FaceEditor({self.face.generator.config.size} px, {len(self.face.generator.config.parts)} parts)"

    def _repr_mimebundle_(self, **options):
        """The widget, and before it a picture that is seen where the widget cannot be: without a kernel."""
        picture = Image.open(io.BytesIO(self.desk.drawing().picture))
        display(HTML(still_html([picture], "The face editor", hidden_by="fe")))
        return super()._repr_mimebundle_(**options)

    def refresh(self) -> None:
        """Show the face as it is now."""
        self.page.refresh()
        self._show()

    def _receive(self, _widget, content: dict, buffers: list) -> None:
        """A request of the page."""
        files = self.page.answer(content, buffers)
        self._show()
        for name, file in files:
            self.send({"download": name}, buffers=[file])

    def _show(self) -> None:
        with self.hold_sync():          # one message; fields that are as before are not sent
            for name, value in self.page.fields.items():
                setattr(self, name, value)


def best_shipped() -> str:
    """The largest of the shipped models that runs fluently on a laptop."""
    names = [name for name in ("lite128", "lite64", "nano32") if name in shipped()]
    if not names:
        raise UserError("No weights are here. Give the editor a model: FaceEditor(G).")
    return names[0]
