"""The map of the model that every notebook opens with, the box that it builds picked out."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ssgan_lite.course.figures import BLUE, INK, PALE
from ssgan_lite.errors import UserError, suggest

# name -> (left, bottom, width, height, text); units of a 12 x 4 canvas
BOXES = {
    "mapping": (1.0, 2.75, 1.4, 0.8, "mapping\nnetwork"),
    "fourier": (1.0, 0.45, 1.4, 0.8, "Fourier\nfeatures"),
    "local": (3.3, 0.45, 1.7, 3.1, ""),
    "fusion": (5.9, 1.5, 1.5, 1.0, "fusion\nby depth"),
    "render": (8.0, 1.5, 1.2, 1.0, "render\nnet"),
    "discriminator": (10.6, 1.2, 1.3, 1.6, "dual\ndiscrim-\ninator"),
}
GENERATORS = ("background", "face", "hair", "eyes", "...")


def pipeline(highlight: str = "") -> Figure:
    """The model from noise to verdict. `highlight` names a box: mapping, fourier, local, fusion, render,
    discriminator; it is drawn in dark, the others in light, so the picture reads in gray too.
    """
    if highlight and highlight not in BOXES:
        raise UserError(f'The map has no box "{highlight}". {suggest(highlight, BOXES)}')
    figure = Figure(figsize=(8.4, 2.8))
    axis = figure.add_axes([0, 0, 1, 1])
    axis.set_xlim(0, 12), axis.set_ylim(0, 4)
    axis.axis("off")

    def box(left, bottom, width, height, text, chosen, size=9):
        axis.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.12",
                                      facecolor=BLUE if chosen else PALE, edgecolor=INK, linewidth=0.9))
        axis.text(left + width / 2, bottom + height / 2, text, ha="center", va="center", fontsize=size,
                  color="white" if chosen else INK)

    def arrow(start, end, text="", above=0.12):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color=INK, linewidth=1,
                                       shrinkA=0, shrinkB=0))
        axis.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + above, text, ha="center", va="bottom",
                  fontsize=8, color=INK)

    for name, (left, bottom, width, height, text) in BOXES.items():
        box(left, bottom, width, height, text, name == highlight)
    left, bottom, width, height, _ = BOXES["local"]
    color = "white" if highlight == "local" else INK
    axis.text(left + width / 2, bottom + height - 0.28, "one generator per "
                                                        "part", ha="center", va="center", fontsize=7.5,
              color=color)
    for i, name in enumerate(GENERATORS):
        box(left + 0.15, bottom + height - 0.95 - 0.5 * i, width - 0.3, 0.4, name, False, size=8)

    axis.text(0.35, 3.15, "z", ha="center", va="center", fontsize=11, style="italic", color=INK)
    arrow((0.55, 3.15), (1.0, 3.15))
    axis.text(0.35, 0.85, "x, y", ha="center", va="center", fontsize=9, color=INK)
    arrow((0.6, 0.85), (1.0, 0.85))
    arrow((2.4, 3.15), (3.3, 3.15), "codes w")
    arrow((2.4, 0.85), (3.3, 0.85), "positions")
    arrow((5.0, 2.0), (5.9, 2.0), "features,\ndepths")
    arrow((7.4, 2.0), (8.0, 2.0))
    arrow((9.2, 2.3), (10.6, 2.3), "image")
    arrow((9.2, 1.7), (10.6, 1.7), "mask")
    return figure
