"""Does an edit stay where it belongs? The leak of editing one part.

A part's shape or texture code is replaced by that of another face, everything else stays (psi 1, stored noise). With
Delta the absolute change of a pixel, averaged over its channels, and with the region M, the union of the part before
and after the edit,

    leak = mean of Delta outside M / mean of Delta inside M

for each face, and then the median over faces. It is 0 for an edit confined to its part and about 1 for one that
changes everything alike. M is dilated by 2 pixels at 128 (`margin`), because the render net's 3 x 3 convolutions mix
neighbours; the leak without dilation stands beside it.

A monolithic model has no codes to replace. What it offers instead are directions in W; see `baseline_leak`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ssgan_lite.change import Change, change_of, region_of
from ssgan_lite.measure.samples import (
    CHOOSING,
    CHOOSING_AXES,
    EDITED,
    EDITS,
    SIGNS,
    Tick,
    draw_codes,
    generate,
    no_tick,
    rng,
)

KINDS = ("shape", "texture")
FACES = 256
STEPS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)     # of a baseline's direction, in standard deviations of W along it
DIRECTIONS, CHOOSING_FACES = 16, 32


class Rendered(NamedTuple):
    """What the measure needs of a generator's output."""

    image: Tensor       # [N, 3, R, R], clamped
    ids: Tensor         # uint8 [N, R, R]


def margin(size: int) -> int:
    """2 pixels at 128, and at least one at smaller sizes."""
    return max(1, round(2 * size / 128))


def change(before: Rendered, after: Rendered, part: int, dilation: int) -> Change:
    """What an edit of one part did inside and outside of it."""
    return change_of(before.image, after.image, region_of(before.ids, after.ids, part, dilation))


def semantic_leak(generator: nn.Module, faces: int = FACES, seed: int = 0, batch: int = 16,
                  tick: Tick = no_tick) -> dict:
    """{part: {kind: {leak, leak_without_margin, inside, faces}}}: medians over the faces that have the part.

    `inside` is the median change inside, the target to which a baseline's edits are scaled; `faces` counts those
    that have the part before or after the edit, and changed. A part on no face has None instead of numbers.
    """
    layout, config = generator.layout, generator.config
    dilation = margin(config.size)
    w = layout.to_w_plus(draw_codes(generator, faces, seed, EDITED))                           # [N, n_latent, S]
    donor = layout.to_w_plus(draw_codes(generator, faces, seed, EDITS))
    before = render(generator, w, batch, tick)
    result: dict = {}
    for part in range(config.n_parts):
        for kind in KINDS:
            edited = w.clone()
            edited[:, layout[part, kind]] = donor[:, layout[part, kind]]
            after = render(generator, edited, batch, tick)
            wide, tight = change(before, after, part, dilation), change(before, after, part, 0)
            result.setdefault(config.parts[part], {})[kind] = dict(
                leak=_median(wide.leak), leak_without_margin=_median(tight.leak),
                inside=_median(wide.inside[wide.leak.isfinite()]), faces=int((~wide.leak.isnan()).sum()))
    return result


def baseline_leak(generator: nn.Module, targets: dict | None, faces: int = FACES, seed: int = 0, batch: int = 16,
                  tick: Tick = no_tick) -> dict:
    """The leak of a monolithic model's nearest thing to editing a part, in the form of `semantic_leak`.

    Candidates are the principal axes of W (GANSpace, arXiv 2004.02546), applied to all layers, to the coarse half and
    to the fine half, one standard deviation long. On other faces two are chosen for every part: the one that changes
    the part *most* (`leak`, the definition), and among those that change it at least a tenth as much the one whose
    leak is least (`leak_of_best`: as generous to the baseline as directions can be). Each face is then moved so far
    that the median change inside of `targets[part][kind]` is reached; without targets, one standard deviation.
    `short` counts faces that did not get there within 8 standard deviations: their last step counts.
    """
    config = generator.config
    dilation = margin(config.size)
    directions = candidate_directions(generator, seed)                                         # [K, n_latent, S]
    most, best = choose_directions(generator, directions, seed, dilation, batch, tick)

    w = generator.layout.to_w_plus(draw_codes(generator, faces, seed, EDITED))                 # [N, n_latent, S]
    sign = torch.from_numpy(rng(seed, SIGNS).choice([-1.0, 1.0], faces)).to(w)[:, None, None]
    before = render(generator, w, batch, tick)
    moved: dict[int, list[Rendered]] = {}          # kept only while parts that share a direction may need them
    result: dict = {}
    for part in sorted(range(config.n_parts), key=lambda p: (most[p], best[p])):
        curves = {}
        for which, index in (("most", most[part]), ("best", best[part])):
            if index not in moved:
                moved = {i: kept for i, kept in moved.items() if i in (most[part], best[part])}
                moved[index] = [render(generator, w + step * sign * directions[index], batch, tick) for step in STEPS]
            curves[which] = [(change(before, after, part, dilation), change(before, after, part, 0))
                             for after in moved[index]]
        for kind in KINDS:
            target = targets[config.parts[part]][kind]["inside"] if targets else None
            leak, short = _at(target, [wide for wide, _ in curves["most"]], [wide for wide, _ in curves["most"]])
            tight, _ = _at(target, [wide for wide, _ in curves["most"]], [tight for _, tight in curves["most"]])
            generous, _ = _at(target, [wide for wide, _ in curves["best"]], [wide for wide, _ in curves["best"]])
            result.setdefault(config.parts[part], {})[kind] = dict(
                leak=_median(leak), leak_without_margin=_median(tight), leak_of_best=_median(generous),
                inside=target, faces=int((~leak.isnan()).sum()), short=short)
    return {name: result[name] for name in config.parts}


def candidate_directions(generator: nn.Module, seed: int, count: int = DIRECTIONS) -> Tensor:
    """Principal axes of W, one standard deviation long, on all layers and on each half of them: [K, n_latent, S]."""
    w = draw_codes(generator, 4096, seed, CHOOSING_AXES)                                       # [4096, S]
    values, vectors = torch.linalg.eigh(torch.cov(w.T.double().cpu()))
    axes = (vectors * values.clamp(min=0).sqrt()).T.flip(0)[:count].to(w)                      # [count, S]
    n_latent = generator.layout.to_w_plus(w[:1]).shape[1]
    half = torch.arange(n_latent, device=w.device) < n_latent / 2
    groups = [torch.ones_like(half), half, ~half] if n_latent > 1 else [torch.ones_like(half)]
    return torch.cat([axes[:, None] * group[None, :, None] for group in groups])


def choose_directions(generator: nn.Module, directions: Tensor, seed: int, dilation: int, batch: int,
                      tick: Tick = no_tick) -> tuple[list[int], list[int]]:
    """Per part the index of the direction that changes it most, and of the one that leaks least, on other faces."""
    w = generator.layout.to_w_plus(draw_codes(generator, CHOOSING_FACES, seed, CHOOSING))
    before = render(generator, w, batch, tick)
    n_parts = generator.config.n_parts
    inside, leak = (np.full((len(directions), n_parts), np.nan) for _ in range(2))             # [K, P]
    for index, direction in enumerate(directions):
        after = render(generator, w + direction, batch, tick)
        for part in range(n_parts):
            found = change(before, after, part, dilation)
            inside[index, part] = float(found.inside.nanmean())
            leak[index, part] = float(found.leak.nanmedian())
    inside, leak = np.nan_to_num(inside, nan=-1), np.nan_to_num(leak, nan=np.inf)
    leak[inside < inside.max(0) / 10] = np.inf                   # a direction that hardly does anything leaks nothing
    return inside.argmax(0).tolist(), leak.argmin(0).tolist()


def render(generator: nn.Module, w: Tensor, batch: int, tick: Tick = no_tick) -> Rendered:
    """Images and part ids of all codes, kept on the generator's device."""
    pieces = [(out.image.float().clamp(-1, 1), out.mask.argmax(1).to(torch.uint8))
              for out in generate(generator, w, batch, tick)]
    return Rendered(*(torch.cat(column) for column in zip(*pieces, strict=True)))


def summary(leaks: dict) -> dict:
    """Per kind the median over parts, and the worst part: {kind: {median, worst, worst_part}}."""
    result = {}
    for kind in KINDS:
        known = {part: values[kind]["leak"] for part, values in leaks.items() if values[kind]["leak"] is not None}
        worst = max(known, key=known.get) if known else None
        result[kind] = dict(median=float(np.median(list(known.values()))) if known else None,
                            worst=known.get(worst), worst_part=worst)
    return result


def _at(target: float | None, steps: list[Change], wanted: list[Change]) -> tuple[Tensor, int]:
    """The leak [N] of `wanted` at the step where the change inside of `steps` reaches the target, and how many fell
    short of it. Between two steps it is interpolated over the logarithm of the change."""
    leaks = torch.stack([w.leak for w in wanted])                                              # [K, N]
    if target is None:
        return leaks[STEPS.index(1.0)], 0
    change_inside = torch.stack([s.inside for s in steps]).clamp(min=1e-9).log()               # [K, N]
    goal = float(np.log(max(target, 1e-9)))
    result, short = leaks[-1].clone(), 0
    for face in range(leaks.shape[1]):
        reached = (change_inside[:, face] >= goal).nonzero()
        if not len(reached):
            short += int(not leaks[-1, face].isnan())
            continue
        k = int(reached[0])
        a, b = change_inside[max(k - 1, 0), face], change_inside[k, face]
        share = float((goal - a) / (b - a)) if k and b > a else 1.0
        low = leaks[max(k - 1, 0), face]
        result[face] = leaks[k, face] if low.isnan() else torch.lerp(low, leaks[k, face], share)
    return result, short


def _median(values: Tensor) -> float | None:
    values = values[~values.isnan()]
    return float(values.double().quantile(0.5)) if len(values) else None
