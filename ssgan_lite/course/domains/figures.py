"""Figures of fine-tuning: agreement and distance along a run, and which sections of a generator moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan_lite.course.figures import BLUE, GRAY, INK, LIGHT, LINES, ORANGE, style_axis
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.sections import ALL, section, section_names
from ssgan_lite.train.watch import mask_agreement

Looks = Sequence[Mapping[str, float]]        # lines of a run's watch.jsonl


def watch_curves(runs: Mapping[str, Looks] | Looks, least: float | None = None, at: int | None = None) -> Figure:
    """Agreement of masks and distance to the data against images seen, of one run or of several by name.

    least: the agreement below which a run would stop, as a line; at: the images after which weights were taken.
    """
    runs = runs if isinstance(runs, Mapping) else {"": runs}
    figure = Figure(figsize=(7.0, 2.3), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, key, title in zip(axes, ("agreement", "distance"), (
            "masks agree with those from before", "distance to the new pictures"), strict=True):
        for (name, looks), (color, dash, marker) in zip(runs.items(), LINES, strict=False):
            seen = [look["images"] for look in looks]
            axis.plot(seen, [look[key] for look in looks], dash, color=color, marker=marker, markersize=4,
                      linewidth=1.4, label=name)
        if at is not None:
            axis.axvline(at, color=GRAY, linewidth=1, linestyle=":")
            axis.annotate("ships", (at, 0.97), xycoords=("data", "axes fraction"), fontsize=8, color=INK, ha="right",
                          va="top", rotation=90)
        axis.set_ylim(0, 1.04 if key == "agreement" else None)
        style_axis(axis, "images seen", "mean IoU" if key == "agreement" else "kernel distance x 1000", title)
    if least is not None:
        axes[0].axhline(least, color=ORANGE, linewidth=1, linestyle="--")
        axes[0].annotate("the run would stop", (1, least), xycoords=("axes fraction", "data"), ha="right",
                         va="bottom", fontsize=8, color=INK)
    if len(runs) > 1:
        axes[1].legend(fontsize=8, frameon=False)
    return figure


def agreement_bars(runs: Mapping[str, Tensor], before: Tensor, names: Sequence[str]) -> Figure:
    """IoU of every part with the masks before, a bar per run. runs: name -> part ids [N, H, W], as `before`.

    Parts that no mask shows are left out, as in `mask_agreement`, whose value stands behind the name of each run.
    """
    figure = Figure(figsize=(6.6, 2.4), layout="constrained")
    axis = figure.subplots()
    shown = [p for p in range(len(names)) if any((ids == p).any() for ids in (before, *runs.values()))]
    for i, ((title, ids), color, hatch) in enumerate(zip(runs.items(), (BLUE, ORANGE), (None, "///"), strict=False)):
        heights = [float(((ids == p) & (before == p)).sum() / ((ids == p) | (before == p)).sum().clamp(min=1))
                   for p in shown]
        axis.bar([x + 0.4 * i - 0.2 for x in range(len(shown))], heights, width=0.36, color=color, hatch=hatch,
                 edgecolor="white", label=f"{title}: mean {mask_agreement(ids, before, len(names)):.2f}")
    axis.set_xticks(range(len(shown)), [names[p] for p in shown], fontsize=8, rotation=35, ha="right")
    axis.set_ylim(0, 1)
    style_axis(axis, "", "IoU with the masks before")
    axis.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    return figure


@torch.no_grad()
def moved(parent: SemanticGenerator, child: SemanticGenerator) -> dict[str, float]:
    """By how much the weights of every section changed: length of the difference over length before."""
    found, before, after = {}, parent.state_dict(), child.state_dict()
    names = [name for name in section_names(parent) if name not in ("local", "render")]
    for name in names:
        old, change = 0.0, 0.0
        for key, layers in section(parent, name).items():
            chosen = ... if layers == ALL else (slice(None), layers)
            old += float(before[key][chosen].square().sum())
            change += float((after[key][chosen] - before[key][chosen]).square().sum())
        found[name] = (change / max(old, 1e-12)) ** 0.5
    return found


def moved_bars(shares: Mapping[str, float]) -> Figure:
    """One bar for every section, from the code to the picture."""
    figure = Figure(figsize=(5.6, 0.3 * len(shares) + 0.6), layout="constrained")
    axis = figure.subplots()
    bars = axis.barh(range(len(shares)), [100 * share for share in shares.values()], height=0.7, color=BLUE,
                     edgecolor=LIGHT)
    axis.bar_label(bars, fmt=" %.0f %%", fontsize=8, color=INK)
    names = [name.replace("render_", "render net, stage ") for name in shares]
    axis.set_yticks(range(len(shares)), names, fontsize=8)
    axis.invert_yaxis()
    style_axis(axis, "change of the weights, in percent of their length")
    axis.spines["left"].set_visible(False)
    axis.tick_params(left=False)
    return figure
