"""Every system that finds directions, by its name: what the comparison goes through.

A system is a function of (sample, attribute, place) that returns a `Direction`.
"""

from __future__ import annotations

from collections.abc import Callable

from ssgan_lite.directions import ganspace, interfacegan
from ssgan_lite.directions.direction import WHOLE, Direction, Where
from ssgan_lite.directions.sample import Sample

KEPT = 6                    # attributes that a conditional direction keeps: more would leave nothing to move


def interfacegan_conditional(sample: Sample, attribute: str, where: Where = WHOLE) -> Direction:
    """InterFaceGAN, keeping the attributes that its plain direction would change most, as the teacher has them."""
    plain = interfacegan.find(sample, attribute, where)
    codes, scores = sample.changes(plain.place)
    moved = (codes * plain.reader).sum((1, 2))
    strength = (moved[:, None] * (scores - scores.mean(0))).mean(0).abs() / scores.std(0).clamp_min(1e-6)      # [A]
    strength[sample.index(attribute)] = -1
    kept = strength.topk(min(KEPT, len(strength) - 1)).indices.tolist()
    return interfacegan.find(sample, attribute, where, [sample.names[i] for i in kept])


SYSTEMS: dict[str, Callable[[Sample, str, Where], Direction]] = {
    "GANSpace": ganspace.find,
    "InterFaceGAN": interfacegan.find,
    "InterFaceGAN, others kept": interfacegan_conditional,
}
