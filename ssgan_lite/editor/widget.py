"""The face editor: click a part of the face and change it. In JupyterLab, Voila and wherever anywidget runs.

The page (front/*.js, no build step and nothing from the network) and the kernel talk in one pair of messages at a time:
the page sends all actions that have come up since the last answer, in order, of a slider only its newest position; the
kernel does them, draws once, and answers. So nothing ever queues, however slow the machine, and no click is lost.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import numpy as np
import traitlets
from PIL import Image

from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import to_image
from ssgan_lite.editor.desk import Desk, label_bytes, picture_bytes
from ssgan_lite.weights import load_pretrained, shipped

FRONT = Path(__file__).parent / "front"
SCRIPTS = ("link.js", "outline.js", "picture.js", "controls.js", "panel.js", "editor.js")
THUMBNAIL = 64


class FaceEditor(anywidget.AnyWidget):
    """`FaceEditor()` edits a face of the best model that is shipped, `FaceEditor(G, seed=5)` one of yours.

    `editor.face` is the `Session` behind it: what you do there, the page shows after `editor.refresh()`.
    """

    _esm = "\n".join((FRONT / name).read_text(encoding="utf-8") for name in SCRIPTS)
    _css = (FRONT / "editor.css").read_text(encoding="utf-8")

    size = traitlets.Int().tag(sync=True)                   # R
    view = traitlets.Dict().tag(sync=True)                  # see Desk.view
    pixels = traitlets.Bytes().tag(sync=True)               # R * R * 3
    labels = traitlets.Bytes().tag(sync=True)               # see label_bytes
    original = traitlets.Bytes().tag(sync=True)             # R * R * 3, for "compare"
    gallery = traitlets.Bytes().tag(sync=True)              # n * 64 * 64 * 3
    snapshot = traitlets.Bytes().tag(sync=True)             # the face as a file, should the kernel go away
    answered = traitlets.Unicode().tag(sync=True)           # the number of the request that this state answers

    def __init__(self, generator: SemanticGenerator | str | None = None, seed: int = 0, psi: float = 0.7,
                 part: str | None = None, folder: str | Path | None = "."):
        if generator is None or isinstance(generator, str):
            generator = load_pretrained(generator or best_shipped())
        super().__init__()
        self.desk = Desk(generator, seed, psi, part, folder=folder)
        self.last_error: Exception | None = None
        self.size = generator.config.size
        self.on_msg(self._receive)
        self.refresh()

    @property
    def face(self):
        """The `Session` that is edited."""
        return self.desk.face

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"FaceEditor({self.size} px, {len(self.face.generator.config.parts)} parts)"

    def refresh(self, answered: str = "") -> None:
        """Show the face as it is now."""
        from ssgan_lite.edit.store import face_to_bytes

        desk, out = self.desk, self.desk.output()
        with self.hold_sync():
            self.view, self.pixels, self.labels = desk.view(), picture_bytes(out), label_bytes(out)
            self.original = picture_bytes(desk.original())
            if desk._stroke is None:
                self.snapshot = face_to_bytes(desk.face)
            if desk.gallery_faces is not None and desk.gallery_faces is not getattr(self, "_shown_gallery", None):
                self._shown_gallery = desk.gallery_faces
                self.gallery = thumbnails(to_image(desk.gallery_faces.render().image))
            self.answered = answered or self.answered

    def _receive(self, _widget, content: dict, buffers: list) -> None:
        """One request of the page. Whatever happens, it is answered, with a sentence rather than a trace."""
        try:
            self.desk.act(content.get("actions", ()), [bytes(buffer) for buffer in buffers])
        except Exception as error:          # a defect of ours must not cost the user the face
            self.last_error = error
            self.desk.said = f"That went wrong ({type(error).__name__}); the face is as it was. Undo still works."
        try:
            self.refresh(str(content.get("id", "")))
        except Exception as error:
            self.last_error = error
            self.view = dict(self.view, said=f"The picture could not be drawn ({type(error).__name__}). Try undo.")
            self.answered = str(content.get("id", ""))
        for name, file in self.desk.offered or ():
            self.send({"download": name}, buffers=[file])


def thumbnails(images: np.ndarray) -> bytes:
    """uint8 [n, R, R, 3] -> n pictures of 64 x 64, one after the other."""
    small = [np.asarray(Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS))
             for image in images]
    return np.stack(small).tobytes()


def best_shipped() -> str:
    """The largest of the shipped models that runs fluently on a laptop."""
    names = [name for name in ("lite128", "lite64", "nano32") if name in shipped()]
    if not names:
        raise UserError("No weights are here. Give the editor a model: FaceEditor(G).")
    return names[0]
