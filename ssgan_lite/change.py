"""How much an edit changed a picture, inside and outside of the edited part: the editor's meter, and the leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.model import GeneratorOutput

LEAST_CHANGE = 1e-4         # below a hundredth of one of 256 levels nothing was edited


@dataclass(frozen=True)
class Change:
    """Mean absolute change of a pixel, images running from -1 to 1; of one face, or of N faces.

    NaN where there is no region to take the mean over: the part is on neither picture, or fills both.
    """

    inside: Tensor | float       # in the part's region, [N] or a number
    outside: Tensor | float      # everywhere else
    map: Tensor | None = None    # [N, R, R] or [R, R], the change of every pixel, in [0, 2]

    @property
    def leak(self) -> Tensor | float:
        """Change outside as a share of the change inside: 0 is a perfectly local edit.

        NaN where there was no region, or no change to speak of: that edit says nothing about locality.
        """
        inside, outside = torch.as_tensor(self.inside), torch.as_tensor(self.outside)
        leak = outside / inside.clamp(min=LEAST_CHANGE)
        leak = torch.where(torch.maximum(inside, outside) > LEAST_CHANGE, leak, torch.nan)
        return leak if isinstance(self.inside, Tensor) else float(leak)


def region_of(before: Tensor, after: Tensor, parts: int | Sequence[int], margin: int = 0) -> Tensor:
    """Where one of the parts is, before or after the edit: ids [N, R, R] twice -> [N, R, R] of zeros and ones.

    margin: widens the region by so many pixels, because the render net's 3 x 3 convolutions mix neighbors.
    """
    wanted = torch.as_tensor([parts] if isinstance(parts, int) else list(parts), device=before.device)
    region = (torch.isin(before, wanted) | torch.isin(after, wanted)).float()
    if margin:
        region = F.max_pool2d(region[:, None], 2 * margin + 1, 1, margin)[:, 0]
    return region


def change_of(before: Tensor, after: Tensor, region: Tensor) -> Change:
    """The change between two images [N, 3, R, R], clipped to [-1, 1], in and out of a region [N, R, R] of 0 and 1."""
    change = (after.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean(1)                          # [N, R, R]
    inside = (change * region).sum((1, 2)) / region.sum((1, 2))                                # 0 / 0 = NaN
    outside = (change * (1 - region)).sum((1, 2)) / (1 - region).sum((1, 2))
    return Change(inside, outside, change)


def compare(before: GeneratorOutput, after: GeneratorOutput, part: int | Sequence[int], margin: int = 0) -> Change:
    """What an edit of one part, or of several, did to the first face, as plain numbers; margin: see `region_of`."""
    region = region_of(before.mask[:1].argmax(1), after.mask[:1].argmax(1), part, margin)      # [1, R, R]
    found = change_of(before.image[:1], after.image[:1], region)
    return Change(float(found.inside), float(found.outside), found.map[0])
