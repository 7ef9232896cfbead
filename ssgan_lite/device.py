"""The device that a command computes on."""

from __future__ import annotations

import torch

from ssgan_lite.errors import UserError


def choose_device(name: str, local_rank: int = 0, local_count: int = 1) -> torch.device:
    """The device called `name`. "auto" takes a GPU if there is one; asking for one that is not there is a `UserError`.

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
        raise UserError("CUDA was asked for, but this torch sees no GPU. Use --device cpu, or install a CUDA build of "
                        "torch (INSTALL.md); `ssgan-lite doctor` says more.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"There is no {name}; this machine has {torch.cuda.device_count()} GPU(s).")
    return device


def _device_of_process(name: str, local_rank: int, local_count: int) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise UserError(f"{local_count} processes cannot all train on {name}. Use --device cuda, which gives each its "
                        "own GPU, or --device cpu.")
    choose_device("cuda")
    if (there := torch.cuda.device_count()) < local_count:
        raise UserError(f"{local_count} processes were started on a machine with {there} GPU(s). Start one for each "
                        f"(--nproc-per-node={there}), or use --device cpu.")
    return torch.device("cuda", local_rank)
