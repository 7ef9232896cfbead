"""Exponential moving average of the generator's weights.

The weights of single steps fluctuate around a good solution; their moving average is close to it, and it makes the
pictures (Yazici et al., arXiv 1806.04498; Karras et al., arXiv 1710.10196).
"""

from __future__ import annotations

import torch
from torch import nn


def ema_decay(batch: int, images_seen: int, half_life: float, share: float) -> float:
    """Decay per step for a half-life of `half_life` images, but at most `share` of the images seen so far.

    With the second bound the average forgets its random start quickly; the published code has a fixed decay and takes
    thousands of steps to show anything.
    """
    images = min(half_life, share * images_seen)
    return 0.5 ** (batch / images) if images > 0 else 0.0


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * model; buffers (the noise planes) are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for ours, theirs in zip(average.buffers(), model.buffers(), strict=True):
        ours.copy_(theirs)
