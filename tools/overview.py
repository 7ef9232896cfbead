"""Draw the picture at the top of the README: `python tools/overview.py [WEIGHTS [SEED GUEST]]`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.course.figures import change_picture, picture_rows
from ssgan_lite.edit import Session, compare
from ssgan_lite.pictures import mask_to_rgb, to_image

ORDER = ["background", "cloth", "neck", "ears", "face", "nose", "mouth", "eyes", "eyebrows", "hair"]
EDITS = [["hair"], ["face", "nose", "ears", "neck"], ["eyes", "eyebrows", "mouth"], ["background"]]


def main(weights: str = "lite64", seed: int = 38, guest: int = 25) -> None:
    G = sg.load_pretrained(weights)
    face, other = Session(G, seed, psi=0.7), Session(G, guest, psi=0.7)
    steps = [face.render(face.show_only(*ORDER[:n]).state) for n in range(1, len(ORDER) + 1)]
    face.reset()
    before = face.render()
    edits = [face.reset().copy_from(other, parts).render() for parts in EDITS]
    changes = [compare(before, after, [G.config.part_id(part) for part in parts])
               for after, parts in zip(edits, EDITS, strict=True)]
    figures = [
        picture_rows([[to_image(out.image)[0] for out in steps],
                      [mask_to_rgb(out.mask.argmax(1))[0] for out in steps]],
                     titles=ORDER, labels=["image", "mask"], height=0.95),
        picture_rows([[to_image(out.image)[0] for out in (before, *edits, other.render())],
                      [None, *(change_picture(change) for change in changes)]],
                     titles=["a face", "hair", "skin", "eyes, mouth", "background", "... of this one"],
                     labels=["image", "change"], height=1.5)]
    drawn = []
    for figure in figures:
        data = io.BytesIO()
        FigureCanvasAgg(figure).print_figure(data, format="png", dpi=100, bbox_inches="tight")
        drawn.append(Image.open(data).convert("RGB"))
    sheet = Image.new("RGB", (max(d.width for d in drawn), sum(d.height for d in drawn) + 12), "white")
    top = 0
    for picture in drawn:
        sheet.paste(picture, ((sheet.width - picture.width) // 2, top))
        top += picture.height + 12
    path = Path(__file__).parent.parent / "data" / "pictures" / "overview.png"
    path.parent.mkdir(exist_ok=True)
    # 256 colors are not to be told from all of them here, at 40 % of the size.
    sheet.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(*(int(a) if a.isdigit() else a for a in sys.argv[1:]))
