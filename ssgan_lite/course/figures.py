"""Figures of the course: one palette, one look of axes, small files, alt text always.

Every figure of the notebooks is shown by `show(picture, alt=...)`; the text travels with the picture, so a page can
be read aloud, and a test checks that none is missing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import torch
from IPython.display import Image as NotebookImage
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from ssgan_lite.change import Change
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, vocabulary
from ssgan_lite.pictures import mask_to_rgb, to_image

INK, BLUE, ORANGE, GRAY = "#333333", "#22577a", "#d1782f", "#8a8a8a"
LIGHT, PALE = "#b9c7d1", "#e8eef2"                  # for what stays behind: many dots, bands, boxes
LINES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (INK, ":", "^"), (GRAY, "-.", "D"))   # told apart without color too
FLAT_COLORS = 64    # a picture of no more colors is a mask
INVISIBLE = 1.0     # of 255 levels, on average: what a palette may change of a diagram


def show(picture: Image.Image | Figure, alt: str) -> None:
    """Display a picture in the notebook, with a text for those who cannot see it.

    A page should stay below 300 kB: diagrams are stored as PNG with a small palette, unless that can be seen, and
    pictures of faces as JPEG where that is smaller.
    """
    if not alt.strip():
        raise UserError("A picture needs an alt text: say what it shows.")
    picture = (to_picture(picture) if isinstance(picture, Figure) else picture).convert("RGB")
    few = picture.quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    unseen = np.abs(np.asarray(few.convert("RGB"), np.int16) - np.asarray(picture)).mean() < INVISIBLE
    encodings = {}
    for kind, source, options in (("png", few if unseen else picture, dict(optimize=True)),
                                  ("jpeg", picture, dict(quality=78, optimize=True, progressive=True))):
        data = io.BytesIO()
        source.save(data, kind, **options)
        encodings[kind] = data.getvalue()
    flat = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    if np.abs(np.asarray(flat.convert("RGB"), float) - np.asarray(picture.convert("RGB"))).mean() < 0.4:
        data = io.BytesIO()
        flat.save(data, "png", optimize=True)
        encodings["png"] = min(encodings["png"], data.getvalue(), key=len)
    smaller = min(encodings, key=lambda kind: len(encodings[kind]))
    display(NotebookImage(encodings[smaller], format=smaller, alt=alt))


def to_picture(figure: Figure, dpi: int = 100) -> Image.Image:
    """Draw a figure, cropped to what is on it."""
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(drawn, format="png", dpi=dpi, bbox_inches="tight")
    return Image.open(drawn)


def style_axis(axis: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """The look that all plots share: no box, small type; x, y and title are written if they are given."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, colors=INK)
    if x:
        axis.set_xlabel(x)
    if y:
        axis.set_ylabel(y)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set(fontsize=8.5, color=INK)
    if title:
        axis.set_title(title, fontsize=9, color=INK)


def picture_rows(rows: Sequence[Sequence[np.ndarray | Image.Image | None]], titles: Sequence[str] = (),
                 labels: Sequence[str] = (), height: float = 1.5,
                 scale: tuple[str, float] | tuple[str, float, float] | None = None) -> Figure:
    """Pictures in rows: `titles` above the columns, `labels` before the rows, None for an empty place.

    height is that of one picture, in inches. Gray pictures [H, W] are shown from 0 (white) to 1 (black), and every
    pixel of theirs, of masks and of tiny pictures as a square; photographs are smoothed.
    scale: what these gray levels mean, and the value of black, as ("change of a pixel", 0.5), or the values of white
    and black, as ("pseudo-depth", -15, 35): a bar below says so.
    """
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(columns * height * 1.04, len(rows) * height * 1.04))
    axes = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=dict(
        wspace=0.04, hspace=0.04, left=0, right=1, bottom=0, top=1))      # what stands around is added when drawn
    for i, row in enumerate(rows):
        for j in range(columns):
            axis = axes[i][j]
            axis.set_xticks([]), axis.set_yticks([])
            axis.spines[:].set(visible=False, color=LIGHT, linewidth=0.6)
            if j < len(row) and row[j] is not None:
                pixels = np.asarray(row[j])
                axis.spines[:].set_visible(pixels.ndim == 2)             # a map in which nothing changed is all white
                axis.imshow(pixels, cmap="gray_r", vmin=0, vmax=1 if pixels.ndim == 2 else None,
                            interpolation="nearest" if pixels.shape[0] < 32 or is_flat(pixels) else "bicubic")
            if i == 0 and j < len(titles):
                axis.set_title(titles[j], fontsize=9, color=INK, pad=4)
        if i < len(labels):
            axes[i][0].set_ylabel(labels[i], fontsize=9, color=INK)
    if scale:
        _gray_scale(figure, *scale)
    return figure


def is_flat(pixels: np.ndarray) -> bool:
    """Is it a map or a colored mask, whose colors must not blend, rather than a picture? [H, W] or [H, W, 3]"""
    return pixels.ndim == 2 or len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) <= FLAT_COLORS


def _gray_scale(figure: Figure, meaning: str, *ends: float) -> None:
    """A bar from white (0 unless it is given) to black, below everything else on the figure."""
    white, black = (0.0, *ends)[-2:]
    width, height = figure.get_size_inches()
    axis = figure.add_axes((0.5 - 0.75 / width, -0.2 / height, 1.5 / width, 0.1 / height))             # inches
    axis.imshow(np.linspace(0, 1, 64)[None], cmap="gray_r", vmin=0, vmax=1, aspect="auto",
                extent=(white, black, 0, 1))
    lowest = f"{white:g} or less" if white else "0"
    axis.set_yticks([]), axis.set_xticks([white, black], [lowest, f"{black:g} or more"])
    axis.tick_params(labelsize=8, colors=INK, length=2, pad=1)
    axis.set_xlabel(meaning, fontsize=8, color=INK, labelpad=1)


def part_legend(names: Sequence[str] = PARTS.names, columns: int = 5) -> Figure:
    """The colors of the parts with their names, as in every colored mask."""
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(columns * 1.4, rows * 0.3))
    axis = figure.subplots()
    axis.set_xlim(0, columns), axis.set_ylim(rows, 0)
    axis.axis("off")
    colors = vocabulary(tuple(names)).palette / 255
    for i, (name, color) in enumerate(zip(names, colors, strict=True)):
        x, y = i % columns, i // columns
        axis.add_patch(matplotlib.patches.Rectangle((x + 0.03, y + 0.15), 0.2, 0.7, facecolor=color, edgecolor=INK,
                                                    linewidth=0.6))
        axis.text(x + 0.28, y + 0.52, name, fontsize=9, va="center", color=INK)
    return figure


def change_picture(change: Change, full_scale: float = 1.0) -> np.ndarray:
    """Where a picture changed, for `picture_rows`: [R, R], 0 (unchanged, white) to 1 (by `full_scale` or more,
    black).

    Images run from -1 to 1, so a full_scale of 1 is half of the whole range.
    """
    return (change.map / full_scale).clamp(0, 1).cpu().numpy()


@torch.no_grad()
def faces_of(generator: nn.Module, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Images and colored masks of these seeds, uint8 [N, R, R, 3] each; with the stored noise, whatever the mode.

    No truncation: the mean code of a network that is being trained is out of date at every step.
    """
    training = generator.training
    generator.eval()
    z = torch.cat([generator.sample_z(1, seed) for seed in seeds])
    out = generator(generator.mapping(z))
    generator.train(training)
    return to_image(out.image), mask_to_rgb(out.mask.argmax(1))
