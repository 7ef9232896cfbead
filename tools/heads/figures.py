"""The two figures of the pack's statistics: histograms of the attributes, and how far they are tied to each other."""

from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

INK, HIGHLIGHT = "#333333", "#22577a"
DPI = 80


def histogram_figure(attributes: dict[str, np.ndarray]) -> Figure:
    """A small histogram of every attribute: bars for words and whole numbers, 20 bins for others."""
    names = list(attributes)
    figure = Figure(figsize=(11, 1.35 * -(-len(names) // 5)), layout="constrained")
    axes = figure.subplots(-(-len(names) // 5), 5).ravel()
    for axis in axes[len(names):]:
        axis.remove()
    for axis, name in zip(axes, names, strict=False):
        values = attributes[name]
        if values.dtype.kind == "U" or name == "skin_tone":
            labels, counts = np.unique(values, return_counts=True)
            axis.bar(range(len(labels)), counts / len(values), color=HIGHLIGHT, width=.75)
            text = [str(int(label)) if name == "skin_tone" else str(label) for label in labels]
            axis.set_xticks(range(len(labels)),
                            text,
                            rotation=0 if name == "skin_tone" else 40,
                            ha="center" if name == "skin_tone" else "right",
                            rotation_mode="anchor",
                            fontsize=6)
        else:
            axis.hist(values, 20, weights=np.full(len(values), 1 / len(values)), color=HIGHLIGHT)
            axis.tick_params(axis="x", labelsize=6)
        axis.set_title(name, fontsize=8, color=INK, pad=2)
        axis.tick_params(axis="y", labelsize=6)
        axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def correlation_figure(order: list[str], by_attribute: np.ndarray, families: tuple, chance: float) -> Figure:
    """|r| of every two attributes (the largest over their values) as squares.

    Attributes of one family, tied by definition, are grey; `chance` is marked on the scale.
    """
    figure = Figure(figsize=(7.4, 6.6), layout="constrained")
    axis = figure.subplots()
    shown = by_attribute.copy()
    for family in [*families, *[(name,) for name in order]]:
        where = [order.index(name) for name in family]
        shown[np.ix_(where, where)] = np.nan
    colours = matplotlib.colormaps["Blues"].with_extremes(bad="#dddddd")
    picture = axis.imshow(shown, vmin=0, vmax=.3, cmap=colours)
    axis.set_xticks(range(len(order)), order, rotation=90, fontsize=7)
    axis.set_yticks(range(len(order)), order, fontsize=7)
    bar = figure.colorbar(picture, ax=axis, shrink=.6, label="largest |correlation| of any of their values")
    bar.ax.axhline(chance, color=INK, lw=1.2)
    bar.ax.text(-.3,
                chance / .3,
                "largest\nby chance",
                ha="right",
                va="center",
                fontsize=7,
                color=INK,
                transform=bar.ax.transAxes)
    axis.set_title("Grey: tied by definition", fontsize=8, color=INK)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """A PNG of few colours: a figure of lines and areas needs no more."""
    drawn = BytesIO()
    FigureCanvasAgg(figure).print_figure(drawn, format="png", dpi=DPI)
    path.parent.mkdir(exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(160, Image.Quantize.MEDIANCUT,
                                              dither=Image.Dither.NONE).save(path, optimize=True)
