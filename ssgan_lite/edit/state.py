"""The state of a face: codes, truncation, switched-off and moved parts, backdrop, noise.

A state is never changed, only replaced; that is what makes undo exact and history cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssgan_lite.edit.backdrop import Backdrop
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.mapping import truncate

BASE = -1       # in `part_psi`: the base codes, which all foreground parts share


@dataclass(frozen=True, eq=False)
class FaceState:
    """A face, or a batch of N variants that share everything but their codes."""

    codes: Tensor                                   # W+ [N, n_latent, S], before truncation
    psi: float = 1.0                                # truncation of the whole face ...
    hidden: frozenset[int] = frozenset()            # parts that are switched off
    placement: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)   # part -> (dx, dy, zoom)
    part_psi: Mapping[int, float] = field(default_factory=dict)     # ... and of parts that have one of their own
    backdrop: Backdrop | None = None                # a color or an image in place of the generated background
    noise_seed: int | None = None                   # None: the noise planes stored with the weights
    lifts: Mapping[int, float] = field(default_factory=dict)        # part -> what is added to its pseudo-depth

    def looks_like(self, other: FaceState) -> bool:
        """Do both lead to the same output of the generator? The backdrop, laid behind it later, does not count."""
        return (self.codes is other.codes and self.psi == other.psi and self.hidden == other.hidden
                and dict(self.placement) == dict(other.placement) and dict(self.part_psi) == dict(other.part_psi)
                and self.noise_seed == other.noise_seed and dict(self.lifts) == dict(other.lifts))


def effective_codes(generator: SemanticGenerator, state: FaceState) -> Tensor:
    """The codes as the generator uses them, every part truncated by its own psi: [N, P, L, S]."""
    layout, config = generator.layout, generator.config
    codes = generator.truncate(state.codes, state.psi)
    if state.part_psi:
        if generator.mean_w.isnan().any():
            generator.update_mean_w()
        codes = codes.clone()
        for part, psi in state.part_psi.items():
            address = layout["base"] if part == BASE else layout[part]
            codes[:, address] = truncate(state.codes[:, address], generator.mean_w, psi)
    return layout.expand(codes).unflatten(1, (config.n_parts, config.local_layers))


def noise_planes(generator: SemanticGenerator, seed: int | None) -> list[Tensor] | None:
    """The render net's noise of a seed, the same on every device; None for the stored planes. [1, 1, s, s] each"""
    if seed is None:
        return None
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 1, s, s, generator=draw).to(generator.device) for s in generator.render.noise_sizes]
