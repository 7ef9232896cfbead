"""How long does a face take, and how much memory? The only measures that the machine decides, not the seed."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch
from torch import nn

from ssgan_lite.measure.samples import DISTANCES, device_of, draw_codes


@torch.no_grad()
def time_and_memory(generator: nn.Module, batches: tuple[int, ...] = (1, 8), repeats: int = 15,
                    seconds: float = 4.0) -> dict:
    """Milliseconds per face from W to image and mask (median and best of the repeats) per batch size, and memory.

    Each batch size gets up to `repeats` tries, fewer if they take longer than `seconds`. The peak is that of the
    device on a GPU and that of the whole process, with Python and torch, on the CPU of a Linux system; elsewhere it
    is not known (None).
    """
    device = device_of(generator)
    result: dict = dict(device=_name(device), threads=torch.get_num_threads() if device.type == "cpu" else None,
                        parameters=sum(p.numel() for p in generator.parameters()), ms_per_face={})
    known = _reset_peak(device)
    for batch in batches:
        w = draw_codes(generator, batch, 0, DISTANCES)
        times: list[float] = []
        generator(w)                                             # the first pass pays for preparations
        _wait(device)
        while len(times) < 3 or (len(times) < repeats and sum(times) < seconds):
            began = time.perf_counter()
            generator(w)
            _wait(device)
            times.append(time.perf_counter() - began)
        result["ms_per_face"][str(batch)] = dict(median=1000 * statistics.median(times) / batch,
                                                 best=1000 * min(times) / batch)
    result["peak_mb"] = _peak(device) if known else None
    return result


def _reset_peak(device: torch.device) -> bool:
    """Forget earlier peaks; False where that cannot be done."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5")            # Linux: "VmHWM" starts again from the present size
        return device.type == "cpu"
    except OSError:
        return False


def _peak(device: torch.device) -> float | None:
    """In MB of 10^6 bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
