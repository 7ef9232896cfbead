"""Point clouds and the numbers that compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ssgan_lite.course.figures import (
    BLUE,
    INK,
    LINES,
    ORANGE,
    style_axis,
)
from ssgan_lite.course.measuring.by_hand import frechet_1d
from ssgan_lite.measure.distances import precision_recall


def bells(pairs: Sequence[tuple[float, float, float, float]]) -> Figure:
    """Pairs (mean, std, mean, std) of bell curves, each titled with its Frechet distance."""
    figure = Figure(figsize=(2.1 * len(pairs), 1.7), layout="constrained")
    x = np.linspace(-5, 8, 400)
    for axis, (m, s, n, t) in zip(figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0], pairs, strict=False):
        for mean, std, color, line in ((m, s, BLUE, "-"), (n, t, ORANGE, "--")):
            y = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
            axis.plot(x, y, line, color=color, linewidth=1.6)
            axis.fill_between(x, y, color=color, alpha=0.12)
        axis.set_title(f"distance {frechet_1d(m, s, n, t):g}", fontsize=9, color=INK)
        axis.set_yticks([])
        axis.set_xlabel("the number", fontsize=8, color=INK)
        axis.tick_params(labelsize=8, colors=INK)
        axis.spines[["top", "right", "left"]].set_visible(False)
    return figure


def against_n(panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]], truth: float | None = 0.0) -> Figure:
    """{panel: {line: {n: repeated estimates}}}: means and standard deviations over n; a thin line at the truth."""
    figure = Figure(figsize=(3.6 * len(panels), 2.5), layout="constrained")
    for axis, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=False):
        for (label, values), (color, style, marker) in zip(lines.items(), LINES, strict=False):
            axis.errorbar(list(values), [np.mean(v) for v in values.values()], [np.std(v) for v in values.values()],
                          color=color, linestyle=style, marker=marker, markersize=4, capsize=2, linewidth=1.4,
                          label=label)
        if truth is not None:
            axis.axhline(truth, color=INK, linewidth=0.7)
        axis.set_xscale("log", base=2)
        ticks = list(next(iter(lines.values())))
        axis.set_xticks(ticks, [str(n) for n in ticks])
        axis.minorticks_off()
        axis.set_xlabel("samples n", fontsize=8, color=INK)
        axis.set_title(title, fontsize=9, color=INK)
        style_axis(axis)
        axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure


def balls(real: np.ndarray, fake: np.ndarray, k: int = 3, limit: float = 4.5) -> Figure:
    """Left: generated points before the balls of the real ones (precision); right the other way round (recall)."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    precision, recall = precision_recall(real, fake, k)
    views = ((f"precision {precision:.2f}", real, fake, BLUE, ORANGE, "x"),
             (f"recall {recall:.2f}", fake, real, ORANGE, BLUE, "o"))
    for axis, (title, owners, others, ball, point, marker) in zip(figure.subplots(1, 2), views, strict=False):
        radii = np.sort(np.linalg.norm(owners[:, None] - owners[None], axis=2), axis=1)[:, k]
        for center, radius in zip(owners, radii, strict=False):
            axis.add_patch(Circle(center, radius, facecolor=ball, alpha=0.10, edgecolor="none"))
        axis.plot(*owners.T, "o" if marker == "x" else "x", color=ball, markersize=2.5, alpha=0.5)
        covered = (np.linalg.norm(others[:, None] - owners[None], axis=2) <= radii[None]).any(1)
        axis.plot(*others[covered].T, marker, color=point, markersize=4.5)
        axis.plot(*others[~covered].T, marker, color=INK, markersize=4.5, markerfacecolor="none")
        axis.set_title(title, fontsize=9, color=INK)
        axis.set_xlim(-limit, limit), axis.set_ylim(-limit, limit)
        axis.set_aspect("equal")
        axis.set_xticks([]), axis.set_yticks([])
    return figure


def two_clouds(shift: float = 0.0, spread: float = 1.0, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Real points around 0, and generated ones moved to the right by `shift` and scaled by `spread`: [n, 2] each."""
    rng = np.random.default_rng(seed)
    real, fake = rng.standard_normal((2, n, 2))
    return real, spread * fake + [shift, 0]
