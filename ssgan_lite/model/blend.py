"""Blending two generators of one family: some sections of the one, the others of the other.

Layer swapping, the method behind Toonify (Pinkney and Adler, arXiv 2010.05334): a fine-tuned child shares its
parent's codes, so the local generators of the parent (what is where) work together with the render net of the child
(how it is drawn). The sections are those of `sections.py`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import torch

from ssgan_lite.errors import UserError
from ssgan_lite.model.generator import SemanticGenerator
from ssgan_lite.model.sections import ALL, section


@torch.no_grad()
def blend(a: SemanticGenerator, b: SemanticGenerator,
          layers: Sequence[str] | Mapping[str, float] = ("render",)) -> SemanticGenerator:
    """A new generator in eval mode: a, with these sections taken from b.

    layers: names of sections, or a share of b for each, W = (1 - share) W_a + share W_b (their section 2.1); later
    entries win where they overlap: {"render": 1, "render_0": 0.5}. The mean of W goes with "mapping". Two models of
    different configurations, an unknown section or a share outside 0 to 1 are a `UserError`.

    >>> cartoon = blend(load_pretrained("lite64"), load_pretrained("lite64-avatars"), ["render"])
    """
    if isinstance(layers, str):
        layers = [layers]
    shares = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    if a.config != b.config:
        ours, theirs = a.config.to_dict(), b.config.to_dict()
        name = next(name for name in ours if ours[name] != theirs[name])
        raise UserError(f"These two generators cannot be blended: {name} is {ours[name]} in the one and "
                        f"{theirs[name]} in the other. Blend a model with its own fine-tuned child.")
    for name, share in shares.items():
        if not (isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1):
            raise UserError(f'The share of "{name}" is a number from 0 to 1, not {share}.')
    mixed = copy.deepcopy(a).eval()
    state, from_a, from_b = mixed.state_dict(), a.state_dict(), b.state_dict()
    for name, share in shares.items():
        tensors = section(a, name)
        if name == "mapping":
            tensors["mean_w"] = ALL
        for key, chosen in tensors.items():
            index = ... if chosen == ALL else (slice(None), chosen)
            # At the ends the very numbers, not what rounding makes of them.
            end = {0.0: from_a, 1.0: from_b}.get(float(share))
            state[key][index] = torch.lerp(from_a[key][index], from_b[key][index].to(from_a[key]), share) \
                if end is None else end[key][index].to(from_a[key])
    mixed.load_state_dict(state)            # drops what was prepared from the old weights
    mixed.record = {"blend": {name: float(share) for name, share in shares.items()}}
    mixed.name = ""
    return mixed
