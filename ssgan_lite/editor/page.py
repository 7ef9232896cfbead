"""What the kernel sends to the editor's page, and how it answers the page's requests.

`Page` knows no transport. `FaceEditor` (widget.py) carries its messages over a Jupyter comm, the demo server
(server.py) over a websocket.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssgan_lite.editor.desk import Desk
from ssgan_lite.model import GeneratorOutput
from ssgan_lite.pictures import to_image


class Page:
    """One editor's page: its desk, and the fields that the page shows.

    fields: size (R, the picture's width), view (see `Desk.view`), pixels (R * R * 3 bytes), labels (see
    `label_bytes`), original (as pixels, for "compare"), gallery (n * 64 * 64 * 3 bytes), photo (the user's own
    picture as a JPEG or PNG file, while it is worked on), snapshot (the face as a file, should the kernel go away),
    answered (the number of the request that these fields answer).
    """

    def __init__(self, desk: Desk):
        self.desk, self.last_error = desk, None
        self.fields: dict = dict(size=desk.face.generator.config.size, gallery=b"", photo=b"", answered="")
        self._shown_gallery = None
        self.refresh()

    def refresh(self, answered: str = "") -> dict:
        """Bring all fields up to date; returns them."""
        from ssgan_lite.edit.store import face_to_bytes

        desk, out, fields = self.desk, self.desk.output(), self.fields
        fields.update(view=desk.view(), pixels=picture_bytes(out.image), labels=label_bytes(out),
                      original=picture_bytes(desk.original()),
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


def picture_bytes(image: Tensor) -> bytes:
    """A picture [N, 3, R, R], the first, as the page takes it: R * R * 3 bytes, row by row."""
    return to_image(image[:1])[0].tobytes()


def label_bytes(out: GeneratorOutput) -> bytes:
    """The mask as runs, row by row: part id (1 byte), length (2 bytes, little-endian). A few hundred bytes."""
    labels = out.mask[0].argmax(0).flatten().cpu()
    values, lengths = torch.unique_consecutive(labels, return_counts=True)
    content = bytearray()
    for value, length in zip(values.tolist(), lengths.tolist(), strict=True):
        while length > 0:
            content += bytes((value,)) + min(length, 65535).to_bytes(2, "little")
            length -= 65535
    return bytes(content)
