"""Truncation: the codes on their way to the mean, and a slider that takes three faces along."""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.mapping import truncate
from ssgan_lite.pictures import image_grid, to_image
from ssgan_lite.course.figures import INK
from ssgan_lite.course.codes.modulation import BLUE, ORANGE

HEIGHT = 240        # pixels, height of the cloud of codes in the widget


class TruncationSlider(widgets.VBox):
    """Drag psi: three faces on the left, their codes on the way to the mean of W on the right."""

    def __init__(self, generator: SemanticGenerator, seeds: Sequence[int] = (1, 2, 3), psi: float = 0.7):
        self.generator, self.seeds = generator, tuple(seeds)
        with torch.no_grad():
            self._w = torch.cat([generator.mapping(generator.sample_z(1, seed)) for seed in self.seeds])   # [3, S]
        if generator.mean_w.isnan().any():
            generator.update_mean_w()
        self._cloud = code_cloud(generator)
        self.psi = widgets.FloatSlider(value=psi, min=0, max=1.5, step=0.05, description="psi", readout_format=".2f",
                                       tooltip="0 is the average face, 1 leaves the codes alone, above 1 goes beyond")
        self.faces, self.codes = widgets.Image(format="png", height=150), widgets.Image(format="png", height=HEIGHT)
        self.caption = widgets.HTML()
        super().__init__([self.psi, widgets.HBox([self.faces, self.codes],
                                                 layout=widgets.Layout(flex_flow="row wrap", align_items="center")),
                          self.caption])
        self.psi.observe(lambda _: self._redraw(), "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"TruncationSlider({len(self.seeds)} faces of {self.generator.config.size} px)"

    @torch.no_grad()
    def _redraw(self) -> None:
        G, psi = self.generator, self.psi.value
        images = to_image(G(truncate(self._w, G.mean_w, psi)).image)
        data = io.BytesIO()
        image_grid(list(images), columns=len(images), scale=150 // G.config.size + 1).save(data, "PNG", compress_level=1)
        self.faces.value = data.getvalue()
        self.codes.value = _png(cloud_figure(G, self._cloud, self._w, [psi]))
        self.caption.value = (f"<p aria-live='polite'>psi = {psi:.2f}: codes at {100 * psi:.0f} % of their distance "
                              "from the mean.</p>")


def code_cloud(generator: SemanticGenerator, n: int = 500, seed: int = 1000) -> tuple[Tensor, Tensor]:
    """n codes [n, S], and the two directions in which W is widest, [S, 2]: what is drawn of W."""
    with torch.no_grad():
        w = generator.mapping(generator.sample_z(n, seed))
    # Of a symmetric matrix, which gives the same axes everywhere; their signs are fixed below.
    _, vectors = torch.linalg.eigh(torch.cov(w.T.double()))
    axes = vectors[:, [-1, -2]]
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return w, axes.to(w)


def cloud_figure(generator: SemanticGenerator, cloud: tuple[Tensor, Tensor], w: Tensor, psis: Sequence[float]
                 ) -> Figure:
    """W seen along its two widest directions: all codes, the mean, and the codes w [N, S] truncated by each psi."""
    codes, axes = cloud
    mean = generator.mean_w
    points = ((codes - mean) @ axes).numpy()
    figure = Figure(figsize=(3.3, 3.0))
    axis = figure.subplots()
    axis.scatter(*points.T, s=4, color="#b9c7d1", linewidth=0, label="codes w")
    for number, code in enumerate(w):
        ends = ((code - mean) @ axes).numpy()
        axis.plot([0, ends[0]], [0, ends[1]], color=INK, linewidth=0.8, linestyle=":")
        stops = torch.stack([(truncate(code, mean, psi) - mean) @ axes for psi in psis]).numpy()
        axis.plot(*stops.T, "o-" if len(psis) > 1 else "o", color=BLUE, markersize=4, linewidth=1.2)
        axis.annotate(chr(ord("A") + number), ends, fontsize=9, color=INK, xytext=(4, 3), textcoords="offset points")
    axis.plot(0, 0, "D", color=ORANGE, markeredgecolor=INK, markersize=7, label="mean of W")
    axis.set_xticks([]), axis.set_yticks([])
    axis.set_xlabel("widest direction of W", fontsize=8, color=INK)
    axis.set_ylabel("second widest", fontsize=8, color=INK)
    axis.legend(fontsize=7.5, loc="lower right", framealpha=0.95)
    return figure


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(data, format="png", dpi=90, bbox_inches="tight")
    return data.getvalue()
