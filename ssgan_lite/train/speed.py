"""How fast a run computes what its recipe says: number format, memory layout, compilation.

None of it is part of the recipe, so a run may be resumed on another device with other switches. On a CPU the defaults
change no bit of what plain float32 gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ssgan_lite.errors import UserError, suggest

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Speed:
    """`benchmarks/train_step.py` measures what each of these is worth."""

    precision: str = "auto"             # auto: bf16 on a GPU that has it, else fp32
    channels_last: bool | None = None   # all channels of a pixel side by side in memory; None: on a GPU
    compile: bool = False               # torch.compile for the plain steps; regularisers need second derivatives

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(f'There is no precision "{self.precision}". {suggest(self.precision, PRECISIONS)}')

    def bf16(self, device: torch.device) -> bool:
        """Do convolutions and large products compute in bfloat16 on this device?"""
        if self.precision == "auto":
            # `is_bf16_supported` would count emulation, which is slower than float32.
            return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        return self.precision == "bf16"

    def layout(self, device: torch.device) -> torch.memory_format:
        """The memory format of convolution weights and images."""
        wanted = device.type == "cuda" if self.channels_last is None else self.channels_last
        return torch.channels_last if wanted else torch.contiguous_format


def prepare_device(device: torch.device) -> None:
    """Settings of the process for training on a GPU; on other devices nothing happens.

    TF32 rounds the inputs of float32 products to ten bits, which training does not notice. Shapes never change within
    a run, so trying every convolution algorithm once pays.
    """
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
