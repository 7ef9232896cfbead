"""Local generators to look at: which code steers which layer, what each part says about depth, how parts drift apart,
and a widget that walks along the shape code of one part.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.course.figures import INK

BLUE, ORANGE, PALE, GREY = "#22577a", "#d1782f", "#e8eef2", "#9aa5ad"
FAR, NEAR = -15.0, 35.0         # pseudo-depths that are drawn white and black
VIEW = 176


def layer_table(config: ModelConfig, part: str = "hair") -> Figure:
    """Which code goes to which layer, for the background and for any other part, and where depth is read."""
    n, d, b = config.local_layers, config.depth_layers, config.base_layers
    figure = Figure(figsize=(7.6, 2.3))
    axis = figure.add_axes([0, 0, 1, 1])
    axis.set_xlim(-2.1, n + 2.2), axis.set_ylim(-0.35, 3.0)
    axis.axis("off")
    looks = {"base": (GREY, INK), "shape": (PALE, INK), "texture": (BLUE, "white")}
    for y, name in ((1.6, "background"), (0.3, part)):
        axis.text(-0.15, y + 0.3, name, ha="right", va="center", fontsize=9, color=INK)
        for layer in range(n):
            kind = "texture" if layer >= d else "shape"
            if name != "background" and layer < b:
                kind = "base"
            face, ink = looks[kind]
            axis.add_patch(Rectangle((layer + 0.04, y), 0.92, 0.6, facecolor=face, edgecolor=INK, linewidth=0.8))
            text = f"base {layer}" if kind == "base" else kind
            axis.text(layer + 0.5, y + 0.3, text, ha="center", va="center", fontsize=8, color=ink)
        arrow = dict(arrowstyle="-|>", color=INK, linewidth=1, shrinkA=0, shrinkB=0)
        axis.annotate("", (n + 0.45, y + 0.3), (n + 0.02, y + 0.3), arrowprops=arrow)
        axis.text(n + 0.52, y + 0.3, f"features\n[{config.local_channels}, {config.coarse_size}, {config.coarse_size}]",
                  va="center", fontsize=8, color=INK)
        if name == "background":
            axis.text(d - 0.1, y - 0.27, "depth: 0 everywhere", ha="center", va="center", fontsize=8, color=INK)
        else:
            axis.annotate("", (d - 0.05, y - 0.33), (d - 0.05, y), arrowprops=arrow)
            axis.text(d + 0.1, y - 0.27, f"pseudo-depth [{config.coarse_size}, {config.coarse_size}]", va="center",
                      fontsize=8, color=INK)
    for layer in range(n):
        axis.text(layer + 0.5, 2.45, str(layer), ha="center", va="center", fontsize=8, color=INK)
    axis.text(-0.15, 2.45, "layer", ha="right", va="center", fontsize=8, color=INK)
    return figure


def depth_pictures(depths: Tensor) -> list[np.ndarray]:
    """Pseudo-depths as grey pictures for `picture_rows`: far is white, near is black. [P, H, W] -> P of [H, W]"""
    return list(((depths.detach() - FAR) / (NEAR - FAR)).clamp(0, 1).cpu().numpy())


def feature_picture(hidden: Tensor) -> np.ndarray:
    """The three directions in which features differ most from pixel to pixel (PCA), as red, green and blue.

    [C, H, W] -> [H, W, 3] uint8. The colours mean nothing by themselves; equal colours mean similar features.
    """
    c, h, w = hidden.shape
    pixels = hidden.detach().double().flatten(1)                                               # [C, M]
    _, _, axes = torch.linalg.svd(pixels - pixels.mean(1, keepdim=True), full_matrices=False)
    axes = axes[:3]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))                               # a sign that stays
    axes = axes * largest.sign() / axes.abs().quantile(0.98, dim=1, keepdim=True)
    return ((axes.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).view(3, h, w).permute(1, 2, 0).cpu().numpy()


def time_bars(times: Mapping[str, Sequence[float]], groups: Sequence[str]) -> Figure:
    """Milliseconds as bars: for each name of `times` one bar in each group."""
    figure = Figure(figsize=(5.2, 0.55 * len(groups) * len(times) + 0.5), layout="constrained")
    axis = figure.subplots()
    for i, (name, values) in enumerate(times.items()):
        rows = [g * (len(times) + 0.6) + i for g in range(len(groups))]
        color = (ORANGE, BLUE)[i % 2]
        bars = axis.barh(rows, values, color=color, height=0.82, hatch="//" if i % 2 == 0 else None, edgecolor="white",
                         label=name)
        axis.bar_label(bars, [f"{value:.0f} ms" for value in values], fontsize=8, padding=3, color=INK)
    axis.set_yticks([g * (len(times) + 0.6) + (len(times) - 1) / 2 for g in range(len(groups))], groups, fontsize=8)
    axis.invert_yaxis()
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_xticks([])
    axis.margins(x=0.15)
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="best")
    return figure


def drift_scatter(pairs: Mapping[str, tuple[Tensor, Tensor]], names: tuple[str, str]) -> Figure:
    """Where two parts are, one against the other, a dot a face; one plot for each entry of `pairs`."""
    figure = Figure(figsize=(2.7 * len(pairs), 2.5), layout="constrained")
    axes = figure.subplots(1, len(pairs), sharex=True, sharey=True, squeeze=False)[0]
    for i, (axis, (title, (first, second))) in enumerate(zip(axes, pairs.items())):
        axis.plot(first, second, "o^"[i % 2], color=(BLUE, ORANGE)[i % 2], markersize=4, alpha=0.75,
                  markeredgewidth=0)
        axis.set_title(title, fontsize=9, color=INK)
        axis.set_xlabel(f"x of the {names[0]}", fontsize=8, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)
    axes[0].set_ylabel(f"x of the {names[1]}", fontsize=8, color=INK)
    return figure


class ShapeWalk(widgets.VBox):
    """Lead one part along its shape code (or its texture code) towards that of a guest, and watch its pseudo-depth.

    0 is the part as it was, 1 the guest's; beyond both ends the way goes straight on.
    """

    def __init__(self, generator: SemanticGenerator, seed: int = 0, guest: int = 1, psi: float = 0.7,
                 parts: Sequence[str] = ("hair", "face", "nose", "mouth", "eyebrows", "ears", "neck", "hat")):
        self.generator = G = generator.eval()
        self.parts = [part for part in parts if part in G.config.parts]
        with torch.no_grad():
            self._own, self._guest = (G.layout.to_w_plus(G.truncate(G.mapping(G.sample_z(1, s)), psi)).clone()
                                      for s in (seed, guest))
            self._before = G(self._own)
        G.render.prepare()
        self.part = widgets.Dropdown(options=self.parts, description="part")
        self.shape, self.texture = (
            widgets.FloatSlider(value=0, min=-1, max=2, step=0.1, description=kind, readout_format=".1f")
            for kind in ("shape", "texture"))
        self.pictures = [widgets.Image(format="png", width=VIEW, height=VIEW) for _ in range(4)]
        self.caption = widgets.HTML()
        names = ("its depth: near is dark", "its features", "the face", "the mask")
        views = widgets.HBox([widgets.VBox([picture, widgets.Label(name)])
                              for picture, name in zip(self.pictures, names)],
                             layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([views, widgets.HBox([self.part, widgets.VBox([self.shape, self.texture])],
                                              layout=widgets.Layout(flex_flow="row wrap")), self.caption])
        self.part.observe(self._begin, "value")
        for slider in (self.shape, self.texture):
            slider.observe(self._redraw, "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"ShapeWalk({self.generator.config.size} px; parts: {', '.join(self.parts)})"

    def codes(self) -> Tensor:
        """The W+ code that is shown: [1, n_latent, S]."""
        codes = self._own.clone()
        for kind, slider in (("shape", self.shape), ("texture", self.texture)):
            address = self.generator.layout[self.part.value, kind]
            codes[:, address] = torch.lerp(self._own[:, address], self._guest[:, address], slider.value)
        return codes

    def _begin(self, _=None) -> None:
        for slider in (self.shape, self.texture):
            slider.unobserve(self._redraw, "value")
            slider.value = 0.0
            slider.observe(self._redraw, "value")
        self._redraw()

    @torch.no_grad()
    def _redraw(self, _=None) -> None:
        G, part = self.generator, self.generator.config.part_id(self.part.value)
        out = G(self.codes())
        per_layer = out.codes.unflatten(1, (G.config.n_parts, G.config.local_layers))
        hidden, _ = G.local(per_layer, G.embedding())
        grey = np.uint8(255 - 255 * depth_pictures(out.depths[0, [part]])[0])
        pictures = (np.stack([grey] * 3, axis=2), feature_picture(hidden[0, part]), to_image(out.image)[0],
                    mask_to_rgb(out.mask.argmax(1))[0])
        for view, picture in zip(self.pictures, pictures):
            view.value = _png(picture)
        change = (out.depths - self._before.depths).abs().amax((0, 2, 3))
        own, others = change[part].item(), torch.cat([change[:part], change[part + 1:]]).max().item()
        self.caption.value = (f"<p aria-live='polite'>Largest change of pseudo-depth: {own:.1f} in the "
                              f"{self.part.value}, {others:.1f} in all other parts.</p>")


def _png(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(array).resize((2 * VIEW, 2 * VIEW), Image.Resampling.BICUBIC).save(data, "PNG", compress_level=1)
    return data.getvalue()
