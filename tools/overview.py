"""Draw the picture at the top of the README: `python tools/overview.py [WEIGHTS [SEED GUEST]]`."""

from __future__ import annotations

import sys
from pathlib import Path

import ssgan_lite as sg
from ssgan_lite.edit import Session, compare
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.show.figures import change_picture, picture_rows

ORDER = ["background", "cloth", "neck", "ears", "face", "nose", "mouth", "eyes", "eyebrows", "hair"]
EDITS = [["hair"], ["face", "nose", "ears", "neck"], ["eyes", "eyebrows", "mouth"], ["background"]]


def main(weights: str = "lite64", seed: int = 3, guest: int = 8) -> None:
    G = sg.load_pretrained(weights)
    face, other = Session(G, seed, psi=0.7), Session(G, guest, psi=0.7)
    steps = [face.render(face.show_only(*ORDER[:n]).state) for n in range(1, len(ORDER) + 1)]
    face.reset()
    before = face.render()
    edits = [face.reset().copy_from(other, parts).render() for parts in EDITS]
    changes = [compare(before, after, G.config.part_id(parts[0])) for after, parts in zip(edits, EDITS)]
    pad = [None] * 2
    rows = [[to_image(out.image)[0] for out in steps], [mask_to_rgb(out.mask.argmax(1))[0] for out in steps],
            [*pad, to_image(before.image)[0], *(to_image(out.image)[0] for out in edits),
             to_image(other.render().image)[0], *pad],
            [*pad, None, *(change_picture(change) for change in changes), None, *pad]]
    figure = picture_rows(rows, labels=["part by part", "mask", "", ""], height=0.95)
    names = ["a face", "hair", "skin", "eyes, mouth", "background", "from this one"]
    for axis, name in zip(figure.axes[2 * len(ORDER) + 2:], names):
        axis.set_title(name, fontsize=8, pad=3)
    path = Path(__file__).parent.parent / "data" / "pictures" / "overview.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=100, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main(*(int(a) if a.isdigit() else a for a in sys.argv[1:]))
