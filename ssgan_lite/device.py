"""The device that a command computes on, and how fast: number format, memory layout, compilation."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import torch

from ssgan_lite.errors import UserError, suggest

PRECISIONS = ("auto", "fp32", "bf16")


def choose_device(name: str, local_rank: int = 0, local_count: int = 1) -> torch.device:
    """The device called `name`. "auto" takes a GPU if there is one; asking for one that is not there is a
    `UserError`.

    name: auto, cpu, cuda, cuda:N or mps. With `local_count` processes on this machine each takes the GPU of its own
    `local_rank`.
    """
    if local_count > 1:
        return _device_of_process(name, local_rank, local_count)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise UserError(f'There is no device called "{name}". Use auto, cpu, cuda or cuda:N.')
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("An Apple GPU was asked for, but this torch sees none. Use --device cpu.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError("CUDA was asked for, but this torch sees no GPU. Use --device cpu, or install a CUDA build "
                        "of torch (INSTALL.md); `ssgan-lite doctor` says more.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"There is no {name}; this machine has {torch.cuda.device_count()} GPU(s).")
    return device


def _device_of_process(name: str, local_rank: int, local_count: int) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise UserError(f"{local_count} processes cannot all train on {name}. Use --device cuda, which gives each "
                        "its own GPU, or --device cpu.")
    choose_device("cuda")
    if (there := torch.cuda.device_count()) < local_count:
        raise UserError(f"{local_count} processes were started on a machine with {there} GPU(s). Start one for each "
                        f"(--nproc-per-node={there}), or use --device cpu.")
    return torch.device("cuda", local_rank)


@dataclass(frozen=True)
class Speed:
    """How a run computes what its recipe says. `benchmarks/train_step.py` measures what each setting is worth.

    None of it is part of the recipe: a run may be resumed on another device with other settings. On a CPU the
    defaults give the bits of plain float32.
    """

    precision: str = "auto"             # auto: bf16 on a GPU that has it, else fp32
    channels_last: bool | None = None   # all channels of a pixel side by side in memory; None: on a GPU
    compile: bool = False               # torch.compile for the plain steps; regularisers need second derivatives

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(f'There is no precision "{self.precision}". {suggest(self.precision, PRECISIONS)}')

    def bf16(self, device: torch.device) -> bool:
        """Do convolutions and large products compute in bfloat16 on this device?"""
        if self.precision == "auto":
            # `is_bf16_supported` is also true for emulation, which is slower than float32.
            return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        return self.precision == "bf16"

    def layout(self, device: torch.device) -> torch.memory_format:
        """The memory format of convolution weights and images."""
        wanted = device.type == "cuda" if self.channels_last is None else self.channels_last
        return torch.channels_last if wanted else torch.contiguous_format


def prepare_device(device: torch.device) -> None:
    """Settings for training on a GPU; on other devices nothing happens.

    TF32 rounds the inputs of float32 products to ten bits, which does not hurt training. Shapes never change within a
    run, so trying every convolution algorithm once pays.
    """
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def cpu_computes_bf16() -> bool:
    """Does oneDNN, which computes torch's convolutions, find instructions for it? True where torch is built without
    oneDNN."""
    return not torch.backends.mkldnn.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def require_bf16(precision: str, device: torch.device) -> None:
    """A CPU without bfloat16 instructions emulates them, up to 50 times slower than float32: a `UserError` before
    hours are lost."""
    if precision == "bf16" and device.type == "cpu" and not cpu_computes_bf16():
        raise UserError("This CPU has no instructions for bfloat16 (AVX-512 or newer) and would emulate them, many "
                        "times slower than float32. Leave out --precision; a run that is resumed takes --precision "
                        "fp32.")


def require_compiler() -> None:
    """torch.compile writes C++, also for what a GPU leaves to the CPU: without a compiler a `UserError`."""
    named = os.environ.get("CXX")
    known = [named] if named else ["cl"] if os.name == "nt" else ["g++", "clang++", "c++"]
    if not any(shutil.which(compiler) for compiler in known):
        raise UserError(f"--compile needs a C++ compiler, and there is none ({', '.join(known)}). Install one, or "
                        "leave out --compile.")
