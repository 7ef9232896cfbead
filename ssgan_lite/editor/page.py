"""What the kernel sends to the editor's page, and how it answers the page's requests.

`Page` knows no transport. `FaceEditor` (widget.py) carries its messages over a Jupyter comm, the demo server
(server.py) over a websocket.
"""

from __future__ import annotations

from collections.abc import Sequence

from ssgan_lite.edit.backdrop import SHOWN
from ssgan_lite.editor.desk import Desk


class Page:
    """One editor's page: its desk, and the fields that the page shows.

    fields: size (S, the picture's width), view (see `Desk.view`), picture (a JPEG file), labels (the part at each of
    its pixels, see `drawing.runs`), original (a picture, for "compare"), baseline and baseline_original (pictures
    of the ordinary GAN's face, while it is shown), strip (a picture: small ones of the history, side by side),
    gallery (n * 64 * 64 * 3 bytes), photo (the user's own picture, while it is worked on), snapshot (the face as a
    file, should the kernel go away), answered (the number of the request that these fields answer).
    """

    def __init__(self, desk: Desk):
        self.desk, self.last_error = desk, None
        size = max(SHOWN, desk.face.generator.config.size)
        self.fields: dict = dict(size=size, gallery=b"", photo=b"", answered="")
        self._shown_gallery = None
        self.refresh()

    def refresh(self, answered: str = "") -> dict:
        """Bring all fields up to date; returns them."""
        from ssgan_lite.edit.store import face_to_bytes

        desk, fields, drawing = self.desk, self.fields, self.desk.drawing()
        view = desk.view()
        view["beside"], baseline, baseline_original = desk.baseline_view(2 * view["meter"]["inside"])
        view["steps"], strip = desk.steps_view()
        fields.update(view=view, picture=drawing.picture, labels=drawing.labels, original=desk.original(),
                      baseline=baseline, baseline_original=baseline_original, strip=strip,
                      photo=b"" if desk.own is None else desk.own.picture)
        if not desk.in_stroke:                      # not while a slider is dragged: once, when it rests
            fields["snapshot"] = face_to_bytes(desk.face)
        shown = desk.part, desk.gallery.shown(desk.part)
        if shown != self._shown_gallery:
            self._shown_gallery, fields["gallery"] = shown, desk.thumbnails()
        fields["answered"] = answered or fields["answered"]
        return fields

    def answer(self, content: dict, buffers: Sequence[bytes] = ()) -> Sequence[tuple[str, bytes]]:
        """Do what a request asks for; returns files for the browser to save.

        Whatever happens, the request is answered, with a sentence rather than a traceback: an error of ours must not
        cost the user the face.
        """
        number = str(content.get("id", ""))
        try:
            self.desk.act(content.get("actions", ()), [bytes(buffer) for buffer in buffers])
        except Exception as error:
            self.last_error = error
            self.desk.said = f"That went wrong ({type(error).__name__}); the face is as it was. Undo still works."
        try:
            self.refresh(number)
        except Exception as error:
            self.last_error = error
            self.fields.update(answered=number, view=dict(
                self.fields["view"], said=f"The picture could not be drawn ({type(error).__name__}). Try undo."))
        return self.desk.offered or ()
