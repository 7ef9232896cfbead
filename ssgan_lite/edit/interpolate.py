"""Interpolation between faces: lists of states in between, for strips and films.

Everything here gives lists of states; `frames` draws them. Because a state in between differs from its neighbor only
in the parts that move, drawing them costs little more than the render net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.edit.backdrop import UNMOVED, blend_backdrops
from ssgan_lite.edit.edits import PartNames
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.edit.upscale import shown
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import to_image


def between(face: Session, other: Session, steps: int, part: PartNames = "all",
            kind: str | None = None) -> list[FaceState]:
    """From this face to the other in `steps` equal steps (steps + 1 states), moving the named parts alone."""
    if steps < 1:
        raise UserError(f"A way has at least one step, not {steps}.")
    there = face.pick(0).copy_from(other, part, kind).state
    return [blend(face.state, there, i / steps) for i in range(steps + 1)]


def through(states: Sequence[FaceState], steps: int, closed: bool = False) -> list[FaceState]:
    """A smooth way through given states (a Catmull-Rom spline in W+), `steps` from each to the next.

    closed: back to the first at the end, which is then left out, so that the film can be repeated for ever.
    """
    if len(states) < 2 or steps < 1:
        raise UserError("A way needs at least two faces and one step between them.")
    n, count = len(states), len(states) if closed else len(states) - 1
    at = (lambda i: states[i % n]) if closed else (lambda i: states[min(max(i, 0), n - 1)])
    way = []
    for i in range(count):
        corners = [at(i + j).codes for j in (-1, 0, 1, 2)]
        for step in range(steps):
            share = step / steps
            way.append(replace(blend(at(i), at(i + 1), share), codes=catmull_rom(corners, share)))
    return way if closed else [*way, states[-1]]


def wander(face: Session, part: PartNames, stations: int = 4, steps: int = 10, kind: str | None = None,
           seed: int = 0) -> list[FaceState]:
    """A closed tour of one part through random codes and back, everything else at rest."""
    stops = [face.state]
    for i in range(stations):
        stops.append(face.pick(0).randomize(part, kind, seed=1_000 * (seed + 1) + i).state)
    return through(stops, steps, closed=True)


def appearing(face: Session, order: Sequence[str] | None = None) -> list[FaceState]:
    """The face put together: the background alone, then one part more at a time, in the given order or by id."""
    config = face.generator.config
    order = [config.part_id(part) for part in (config.parts if order is None else order)]
    every = set(range(config.n_parts))
    return [replace(face.state, hidden=frozenset(every - set(order[:i + 1]))) for i in range(len(order))]


def frames(face: Session, states: Sequence[FaceState], size: int | None = None) -> list[np.ndarray]:
    """The first face of every state as uint8 [R, R, 3]; with a size, enlarged to it (`upscale`), [size, size, 3]."""
    if size is not None:
        return [shown(face, state, size) for state in states]
    return [to_image(face.render(state).image[:1])[0] for state in states]


def blend(a: FaceState, b: FaceState, share: float) -> FaceState:
    """Linear between two states; what cannot be blended (hidden parts, noise, unlike backdrops) changes half way."""
    near = a if share < 0.5 else b
    mix = lambda x, y: x + share * (y - x)      # noqa: E731
    placement = {part: tuple(map(mix, a.placement.get(part, UNMOVED), b.placement.get(part, UNMOVED)))
                 for part in {*a.placement, *b.placement}}
    part_psi = {part: mix(a.part_psi.get(part, a.psi), b.part_psi.get(part, b.psi))
                for part in {*a.part_psi, *b.part_psi}}
    lifts = {part: mix(a.lifts.get(part, 0.0), b.lifts.get(part, 0.0)) for part in {*a.lifts, *b.lifts}}
    return FaceState(torch.lerp(a.codes, b.codes, share), mix(a.psi, b.psi), near.hidden, placement, part_psi,
                     blend_backdrops(a.backdrop, b.backdrop, share), near.noise_seed, lifts)


def catmull_rom(corners: Sequence[Tensor], t: float) -> Tensor:
    """A smooth curve from corner 1 (t = 0) to corner 2 (t = 1), with corners 0 and 3 as their neighbors.

    At each corner it runs parallel to the line between the two neighbors, so pieces join without a kink. Catmull and
    Rom, "A class of local interpolating splines", 1974.
    """
    p, a, b, n = corners
    return 0.5 * (2 * a + (b - p) * t + (2 * p - 5 * a + 4 * b - n) * t**2 + (3 * a - p - 3 * b + n) * t**3)
