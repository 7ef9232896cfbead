"""Every system that finds directions, by its name: what the comparison goes through.

A system is a function of (sample, attribute, place) that returns a `Direction`. The flows and the rig are those that
ship with the model; where none does, or none of this place or attribute, a `UserError` says so.
"""

from __future__ import annotations

from collections.abc import Callable

from ssgan_lite.directions import ganspace, interfacegan, styleflow, stylerig
from ssgan_lite.directions.direction import WHOLE, Direction, Where, place
from ssgan_lite.directions.sample import Sample
from ssgan_lite.errors import UserError

KEPT = 6                    # attributes that a conditional direction keeps: more would leave nothing to move


def interfacegan_conditional(sample: Sample, attribute: str, where: Where = WHOLE) -> Direction:
    """InterFaceGAN, keeping the attributes that its plain direction would change most, as the teacher has them."""
    plain = interfacegan.find(sample, attribute, where)
    return interfacegan.find(sample, attribute, where, interfacegan.entangled(sample, plain, KEPT))


def shipped_flow(sample: Sample, attribute: str, where: Where = WHOLE) -> Direction:
    """StyleFlow, with the flow that ships for the place, or for all codes of its part."""
    flows, there = styleflow.load_flows(sample.generator), place(sample.generator, where)
    name = there.name if there.name in flows else " + ".join(there.parts)
    if name not in flows:
        raise UserError(f"No flow of {there.name} ships with this model; it has flows of {', '.join(flows)}.")
    return styleflow.find(sample, attribute, name, flows[name])


def shipped_rig(sample: Sample, attribute: str, where: Where = WHOLE) -> Direction:
    """StyleRig, which knows itself which codes a parameter drives."""
    if where == WHOLE:
        raise UserError("A rig moves the codes of its parameters, never the whole face.")
    return stylerig.find(sample, attribute, stylerig.load_rig(sample.generator))


SYSTEMS: dict[str, Callable[[Sample, str, Where], Direction]] = {
    "GANSpace": ganspace.find,
    "InterFaceGAN": interfacegan.find,
    "InterFaceGAN, others kept": interfacegan_conditional,
    "StyleFlow": shipped_flow,
    "StyleRig": shipped_rig,
}
