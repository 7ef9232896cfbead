"""What the notebook on directions lets the reader write: arrows, names, and one step of a solver."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LEAST = 0.6             # correlation with which a slider earns its name


def arrow(codes: Tensor, has: Tensor) -> Tensor:
    """From the mean of the codes [N, S] that do not have it to the mean of those that do (has: [N], bool): [S]."""
    return codes[has].mean(0) - codes[~has].mean(0)


def earns_its_name(amounts: Tensor, read: Tensor) -> bool:
    """Does what the judge reads [N] follow the amounts [N] by which a slider was moved?"""
    return bool(torch.corrcoef(torch.stack([amounts, read]))[0, 1] >= LEAST)


def without(arrow: Tensor, other: Tensor) -> Tensor:
    """What is left of an arrow [S] when its share along another one [S] is taken away: InterFaceGAN, section 3.4."""
    return arrow - (arrow @ other) / (other @ other) * other


def rk4_step(field: Callable[[Tensor, float], Tensor], x: Tensor, t: float, h: float) -> Tensor:
    """One step of the classical Runge-Kutta method: x at time t -> x at time t + h, for dx/dt = field(x, t)."""
    k1 = field(x, t)
    k2 = field(x + h / 2 * k1, t + h / 2)
    k3 = field(x + h / 2 * k2, t + h / 2)
    k4 = field(x + h * k3, t + h)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def trace_of(A: Tensor, B: Tensor, slope: Tensor) -> Tensor:
    """The trace of B diag(slope) A for every row of slopes [N, H] (A: [H, D], B: [D, H]): [N]."""
    return slope @ (A * B.T).sum(1)


def exact_trace(A: Tensor, B: Tensor, x: Tensor) -> Tensor:
    """The trace of the Jacobian of v(x) = B tanh(A x) for every x [N, D] (A: [H, D], B: [D, H]): [N]."""
    slope = 1 - torch.tanh(x @ A.T).square()                                                   # [N, H]
    return trace_of(A, B, slope)
