"""How much an edit changed, inside the part that was meant and outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssgan_lite.model import GeneratorOutput


@dataclass(frozen=True)
class Change:
    """How much a picture changed, and where."""

    map: Tensor          # [R, R], mean absolute change of the three channels, in [0, 2]
    inside: float        # mean over the part's region, old and new
    outside: float       # mean over everything else

    @property
    def leak(self) -> float:
        """Change outside as a share of the change inside: 0 is a perfectly local edit."""
        return self.outside / self.inside if self.inside > 0 else 0.0


def compare(before: GeneratorOutput, after: GeneratorOutput, part: int | Sequence[int], margin: int = 0) -> Change:
    """What an edit of one part, or of several, did to the image: inside them (before or after the edit) and outside.

    margin: widens the region by so many pixels. The render net's 3 x 3 convolutions mix neighbours, so colours change
    a little beyond the border of a part.
    """
    parts = torch.as_tensor([part] if isinstance(part, int) else list(part), device=before.mask.device)
    region = torch.isin(before.mask.argmax(1), parts) | torch.isin(after.mask.argmax(1), parts)     # [1, R, R]
    if margin:
        region = torch.nn.functional.max_pool2d(region[:, None].float(), 2 * margin + 1, 1, margin)[:, 0] > 0
    change = (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().mean(dim=1)          # [1, R, R]
    inside = float(change[region].mean()) if region.any() else 0.0
    outside = float(change[~region].mean()) if (~region).any() else 0.0
    return Change(change[0], inside, outside)
