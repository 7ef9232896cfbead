"""Mixed precision: what stays in float32 when the rest of the model computes in bfloat16 (`torch.autocast`).

bfloat16 has the range of float32 and eight bits of precision: half the memory traffic, and several times the speed on
hardware that has units for it. Convolutions and large matrix products average over many terms and lose nothing that
matters. What is decorated with `full_precision` does lose, and says why in a comment where it stands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def full_precision(function: Callable, on: tuple[str, ...] = ()) -> Callable:
    """The function computes in float32 even inside `torch.autocast`; outside of it, nothing is changed at all.

    on: only on devices of these types; empty means on all.
    """

    @functools.wraps(function)
    def wrapper(*arguments, **options):
        device = next(x.device.type for x in (*arguments, *options.values()) if isinstance(x, Tensor))
        if (on and device not in on) or not (torch.amp.is_autocast_available(device)
                                             and torch.is_autocast_enabled(device)):
            return function(*arguments, **options)
        with torch.autocast(device, enabled=False):
            return function(*map(_widen, arguments), **{name: _widen(x) for name, x in options.items()})

    return wrapper


@functools.partial(full_precision, on=("cpu",))
def strided_depthwise(x: Tensor, kernel: Tensor, stride: int, padding: int, bias: Tensor | None = None) -> Tensor:
    """A depthwise convolution with a stride: x [N, C, H, W], kernel [C, 1, k, k].

    On a CPU its gradient takes 30 times as long in bfloat16 as the convolution, in float32 5 times.
    """
    return F.conv2d(x, kernel, bias, stride, padding, groups=x.shape[1])


def _widen(x):
    return x.float() if isinstance(x, Tensor) and x.is_floating_point() else x
