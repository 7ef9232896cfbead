"""Pictures as the page takes them: JPEG files at display size, and masks as runs."""

from __future__ import annotations

import io
from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.edit.backdrop import SHOWN, Backdrop
from ssgan_lite.edit.upscale import upscale, upscale_ids
from ssgan_lite.model import GeneratorOutput
from ssgan_lite.pictures import to_image

KEPT = 4                # pictures at hand for undo, redo and comparison
QUALITY = 92            # of the JPEG files: the error is below what an eye sees, the size a tenth of the pixels'


class Drawing(NamedTuple):
    """A picture [S, S, 3] as a JPEG file, and its mask (see `runs`)."""

    picture: bytes
    labels: bytes


class Drawings:
    """Draws what the generator made, at display size; what was drawn lately is at hand.

    size: pixels of the picture's width, unless the model's is larger.
    """

    def __init__(self, size: int = SHOWN):
        self.size = size
        self._kept: deque[tuple[GeneratorOutput, Backdrop | None, Drawing]] = deque(maxlen=KEPT)

    def __call__(self, out: GeneratorOutput, backdrop: Backdrop | None = None) -> Drawing:
        """The first face of an output that has no backdrop yet."""
        for known, behind, drawing in self._kept:
            if known is out and behind is backdrop:
                return drawing
        picture = jpeg(to_image(upscale(out.image[0], out.mask[0], self.size, backdrop)))
        drawing = Drawing(picture, runs(upscale_ids(out.mask[0], self.size)))
        self._kept.append((out, backdrop, drawing))
        return drawing


def jpeg(picture: np.ndarray | Image.Image) -> bytes:
    """A picture as a JPEG file with colors as fine as brightness, for edges between parts are edges of color."""
    content = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(content, "JPEG", quality=QUALITY, subsampling=0)
    return content.getvalue()


def runs(ids: Tensor) -> bytes:
    """Part ids [S, S] as runs, row by row: id (1 byte), length (2 bytes, little-endian). A few thousand bytes."""
    values, lengths = torch.unique_consecutive(ids.flatten().cpu(), return_counts=True)
    longest = 65535
    if len(lengths) and int(lengths.max()) > longest:
        pieces = -(-lengths // longest)                                    # longer ones are cut into several
        values = values.repeat_interleave(pieces)
        last = lengths - (pieces - 1) * longest
        ends = pieces.cumsum(0) - 1
        lengths = torch.full((len(values),), longest)
        lengths[ends] = last
    packed = np.empty(len(values), np.dtype([("id", "u1"), ("length", "<u2")]))
    packed["id"], packed["length"] = values.numpy(), lengths.numpy()
    return packed.tobytes()
