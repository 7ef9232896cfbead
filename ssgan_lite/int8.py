"""Tensors at one byte per number (int8), for files that ship: each row has a scale of its own.

    "local.weight", int8, and "local.weight/reach", float32: whole numbers from -127 to 127 in units of reach / 127,
    where the reach of a row is its largest absolute value.

No number is off by more than 0.4 % of its row's largest (half a unit).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssgan_lite.errors import UserError

LEVELS = 127
SHORTEST = 32           # numbers that share a reach, at least
SMALL = 20_000          # numbers of a tensor that `compress` leaves in float16: they weigh little and matter most
REACH = "/reach"


def quantize(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Two tensors for each one: int8, and the reach of its rows."""
    packed = {}
    for name, values in tensors.items():
        rows = values.float().reshape(*_row_shape(values.shape), -1)
        reach = rows.abs().amax(dim=-1)                                                     # [...] of the rows
        units = (rows / reach.clamp_min(1e-12)[..., None] * LEVELS).round()
        packed[name], packed[name + REACH] = units.to(torch.int8).view(values.shape), reach
    return packed


def dequantize(packed: dict[str, Tensor], source: str = "the file") -> dict[str, Tensor]:
    """float32 for what `quantize` wrote; other tensors as they are. `source` is named where a scale is missing."""
    tensors = {}
    for name, values in packed.items():
        if name.endswith(REACH):
            continue
        if values.dtype == torch.int8:
            reach = packed.get(name + REACH)
            if reach is None or reach.shape != _row_shape(values.shape):
                raise UserError(f'"{source}" has no scale for "{name}": it was not written by this package.')
            rows = values.float().reshape(*reach.shape, -1)
            values = (rows * (reach[..., None] / LEVELS)).view(values.shape)
        tensors[name] = values
    return tensors


def compress(tensors: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Tensors in `dtype`; torch.int8: those with at least `SMALL` numbers quantized, the others in float16.

    Of `nano32` that takes 57 % of float16's bytes and moves a picture by one level of 255 on average.
    """
    if dtype != torch.int8:
        return {name: tensor.to(dtype) for name, tensor in tensors.items()}
    large = {name: tensor for name, tensor in tensors.items() if tensor.numel() >= SMALL}
    return {name: tensor.half() for name, tensor in tensors.items() if name not in large} | quantize(large)


def _row_shape(shape: torch.Size) -> torch.Size:
    """The leading axes of a tensor whose rows, all that follows, have at least `SHORTEST` numbers each."""
    n = 0
    while n < len(shape) and shape[n + 1:].numel() >= SHORTEST:
        n += 1
    return shape[:n]
