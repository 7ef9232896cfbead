"""The averaged generator: the one that makes the pictures.

The last step's weights rattle around a good place; their running average sits in it. (Yazici et al., arXiv
1806.04498; Karras et al., arXiv 1710.10196.)
"""

from __future__ import annotations

import torch
from torch import nn


def ema_decay(batch: int, images_seen: int, half_life: float, share: float) -> float:
    """Decay per step for a half-life of `half_life` images, at most `share` of the images seen so far.

    The second bound lets the average forget the noise of the first steps quickly; the published code has a fixed
    decay and takes thousands of steps to show anything.
    """
    images = min(half_life, share * images_seen)
    return 0.5 ** (batch / images) if images > 0 else 0.0


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * model; buffers (the noise planes) are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for ours, theirs in zip(average.buffers(), model.buffers()):
        ours.copy_(theirs)
