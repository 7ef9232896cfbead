"""Does a direction do what its name says? The judge on Lite2, which no direction has seen, looks at faces.

Faces are drawn, each is moved along the direction by an amount of its own, and the judge reads it before and after.
From that:

    correlation   of where the slider stands with what the judge reads, over all faces: what an onlooker would see
                  who is shown faces at random positions of the slider
    per_unit      change of the wanted attribute per unit, in standard deviations of the heads; `per_unit_own`: in
                  those of the judge's readings of the model's own faces, which vary less
    moved         share of faces that change by at least one standard deviation of the model's own faces when they are
                  moved by REACH units; `moved_heads`: of the heads
    others        change of each other attribute per unit, in standard deviations of the model's own faces; `spill` is
                  the root of their mean square, as a share of `per_unit_own`
    leak          change outside the place's parts as a share of the change inside (`ssgan_lite.change`), the median
    identity      distance, to Lite2's eyes, between the untouched regions before and after, from 0 to 4, the median
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.change import change_of, region_of
from ssgan_lite.directions.direction import Direction, LinearDirection, apply
from ssgan_lite.errors import UserError
from ssgan_lite.features import region_distance, scale
from ssgan_lite.measure.attributes import SIZE, AttributePredictor
from ssgan_lite.measure.locality import margin

FACES = 200
REACH = 3.0                 # units to either side: the range of a slider


@dataclass(frozen=True)
class Faces:
    """Faces before any edit, and what the judge reads in them."""

    generator: nn.Module
    judge: AttributePredictor
    codes: Tensor           # W+ [N, n_latent, S]
    images: Tensor          # [N, 3, R, R]
    ids: Tensor             # [N, R, R]
    scores: Tensor          # [N, A]


@torch.no_grad()
def draw_faces(generator: nn.Module, judge: AttributePredictor, n: int = FACES, seed: int = 0) -> Faces:
    """Faces of new seeds: the stream of random numbers is another than that of `draw_sample`."""
    if not isinstance(n, int) or n < 2:
        raise UserError(f"A verdict needs at least 2 faces, not {n!r}.")
    draw = torch.Generator().manual_seed(77_000_007 + seed)
    z = torch.randn(n, generator.config.style_dim, generator=draw).to(generator.device)
    codes = generator.layout.to_w_plus(generator.mapping(z)).contiguous()
    images, ids = _draw(generator, codes)
    return Faces(generator, judge, codes, images, ids, judge.read(images))


@torch.no_grad()
def confirm(direction: LinearDirection, faces: Faces, seed: int = 0) -> dict:
    """`correlation`, with the slider at positions drawn uniformly from its range, and what else these faces tell."""
    column, n = faces.judge.index(direction.attribute), len(faces.codes)
    stand = torch.from_numpy(np.random.default_rng([seed, 1]).uniform(-REACH, REACH, n)).to(faces.codes)
    amounts = (stand - direction.read(faces.codes)).clamp(-2 * REACH, 2 * REACH)
    after, verdict = _edit(direction, faces, amounts, direction.place.parts)
    return dict(correlation=_correlation(stand, after[:, column]), **verdict)


@torch.no_grad()
def examine(direction: Direction, faces: Faces, seed: int = 0, parts: Sequence[str] | None = None) -> dict:
    """All but `correlation`: every face is moved by REACH units, one way or the other.

    parts: those that were meant to change, where they are not those of the direction's own place.
    """
    column, n = faces.judge.index(direction.attribute), len(faces.codes)
    sign = torch.from_numpy(np.random.default_rng([seed, 2]).choice([-1.0, 1.0], n)).to(faces.codes)
    after, verdict = _edit(direction, faces, REACH * sign, direction.place.parts if parts is None else parts)
    change = (after - faces.scores)[:, column] * sign                                          # [N]
    own = float(faces.scores[:, column].std())
    return dict(verdict, moved=float((change >= own).float().mean()),
                moved_heads=float((change >= 1).float().mean()))


def _edit(direction: Direction, faces: Faces, amounts: Tensor, parts: Sequence[str]) -> tuple[Tensor, dict]:
    """Readings [N, A] after the edit, and what it did: per unit, to other attributes, outside of the parts."""
    column, config = faces.judge.index(direction.attribute), faces.generator.config
    images, ids = _draw(faces.generator, apply(faces.codes, direction, amounts))
    after = faces.judge.read(images)
    per_unit = _slope(amounts, after - faces.scores)                                           # [A]
    own = per_unit / faces.scores.std(0).clamp_min(1e-6)                 # in standard deviations of these faces
    others = {name: float(own[i]) for i, name in enumerate(faces.judge.names) if i != column}
    spill = float(np.sqrt(np.mean(np.square(list(others.values()))))) / max(abs(float(own[column])), 1e-6)
    region = region_of(faces.ids, ids, [config.part_id(part) for part in parts], margin(config.size))
    leak = change_of(faces.images, images, region).leak
    return after, dict(per_unit=float(per_unit[column]), per_unit_own=float(own[column]), others=others, spill=spill,
                       leak=_median(leak), identity=_median(_identity(faces.judge, faces.images, images, region)))


def _draw(generator: nn.Module, codes: Tensor, batch: int = 16) -> tuple[Tensor, Tensor]:
    """Images [N, 3, R, R] in [-1, 1] and part ids [N, R, R]."""
    images, ids = [], []
    for part in codes.split(batch):
        out = generator(part)
        images.append(out.image.clamp(-1, 1))
        ids.append(out.mask.argmax(1).to(torch.uint8))
    return torch.cat(images), torch.cat(ids)


def _identity(judge: AttributePredictor, before: Tensor, after: Tensor, region: Tensor, batch: int = 32) -> Tensor:
    """Feature distance outside of a region [N, R, R] of 0 and 1: [N]; NaN where the region leaves hardly anything."""
    found = []
    for a, b, inside in zip(before.split(batch), after.split(batch), region.split(batch), strict=True):
        maps = [judge.network.tapped(scale(F.interpolate(x, size=SIZE, mode="bilinear")), 3) for x in (a, b)]
        outside = inside < 0.5
        distance = region_distance(*maps, outside)
        found.append(torch.where(outside.float().mean((1, 2)) > 0.1, distance, torch.nan))
    return torch.cat(found)


def _slope(x: Tensor, y: Tensor) -> Tensor:
    """Of the line through the origin that fits y [N, A] best, given x [N]: [A]."""
    return (x[:, None] * y).sum(0) / x.square().sum().clamp_min(1e-12)


def _correlation(x: Tensor, y: Tensor) -> float:
    x, y = x.double() - x.double().mean(), y.double() - y.double().mean()
    return float((x @ y) / (x.norm() * y.norm()).clamp_min(1e-12))


def _median(values: Tensor) -> float | None:
    values = values[~values.isnan()]
    return float(values.double().quantile(0.5)) if len(values) else None
