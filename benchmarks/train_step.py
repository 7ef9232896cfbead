"""What is each switch of the training worth, in images per second and in memory, against plain float32?

    python benchmarks/train_step.py                       a few minutes
    python benchmarks/train_step.py --quick               about a minute, nano32
    python benchmarks/train_step.py --preset lite128 --batch 64 --device cuda --compile

All variants live in one process and take turns, A B C A B C ..., so that whatever else the machine does hits them
alike; the medians are compared. A step means what it means in a run: discriminator, generator, average, and R1 at its
share of steps. The data are random pictures, which cost the same. Memory is what the variant itself holds and needs
at its peak: on a GPU from the allocator, on a CPU (Linux) the growth of a fresh process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from memory import resident

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ssgan_lite.config import preset as model_preset  # noqa: E402, found through the line above
from ssgan_lite.data.dataset import Dataset  # noqa: E402
from ssgan_lite.device import Speed, choose_device  # noqa: E402
from ssgan_lite.train import Trainer, recipe  # noqa: E402


@dataclass(frozen=True)
class Variant:
    name: str
    speed: Speed = Speed("fp32", channels_last=False)
    tf32: bool = False
    augmented: bool = False
    data_on_host: bool = False
    fused_adam: bool = True


def variants(cuda: bool, compiled: bool) -> list[Variant]:
    """Plain float32 first: the others are compared with it."""
    last, bf16 = Speed("fp32", channels_last=True), Speed("bf16", channels_last=True)
    chosen = [Variant("plain float32"), Variant("channels last", last), Variant("Adam not fused", fused_adam=False),
              Variant("bf16", Speed("bf16", channels_last=False)), Variant("bf16, channels last", bf16),
              Variant("bf16, channels last, augmented", bf16, augmented=True)]
    if cuda:
        chosen[1:1] = [Variant("data on the host", data_on_host=True), Variant("TF32", tf32=True)]
        chosen = [v if v.speed.precision == "fp32" else Variant(v.name, v.speed, True, v.augmented) for v in chosen]
    if compiled:
        best = Speed("bf16" if cuda else "fp32", channels_last=cuda, compile=True)
        chosen.append(Variant("bf16, channels last, compiled" if cuda else "compiled", best, tf32=cuda))
    return chosen


class Case:
    """A trainer with its switches, and the times it took."""

    def __init__(self, variant: Variant, preset: str, batch: int, device: torch.device):
        self.variant, self.device, model = variant, device, model_preset(preset)
        changes = dict(augment_from=0) if variant.augmented else dict(augment_max=0.0)
        self.config = recipe(preset, "paper").replace(batch=batch, images=10**9, **changes)
        before = torch.cuda.memory_allocated() if device.type == "cuda" else 0
        data = random_faces(model.size, max(256, batch))
        self.trainer = Trainer(model, self.config, data, device, speed=variant.speed)
        if variant.data_on_host:
            self.trainer.data = _OnHost(data, device)
        if not variant.fused_adam:
            for optimizer in self.trainer.optimizers.values():
                optimizer.param_groups[0].update(fused=False, foreach=False)
                optimizer.defaults.update(fused=False, foreach=False)
        self.resident = (torch.cuda.memory_allocated() if device.type == "cuda" else 0) - before
        self.peak, self.plain, self.with_r1 = 0, [], []

    def measure(self, steps: int) -> None:
        """One step with R1, then `steps` without."""
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.variant.tf32
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        self.trainer.steps += -self.trainer.steps % self.config.r1_every
        self.with_r1.append(self._time(1))
        self.plain.append(self._time(min(steps, self.config.r1_every - 1)))
        if self.device.type == "cuda":
            self.peak = max(self.peak, self.resident + torch.cuda.max_memory_allocated() - before)

    def _time(self, steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            self.trainer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - began) / steps

    def images_per_second(self) -> float:
        every = self.config.r1_every
        seconds = (statistics.median(self.with_r1) + (every - 1) * statistics.median(self.plain)) / every
        return self.config.batch / seconds


class _OnHost:
    """Data that stay in the host's memory: every batch travels, and is waited for."""

    def __init__(self, data: Dataset, device: torch.device):
        self.data, self.device = data, device

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices, flip):
        return self.data.batch(indices.cpu(), flip, device=self.device)


def show_profile(case: Case) -> None:
    """The operations that take longest, summed over one step with R1 and three without."""
    case.measure(3)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if case.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        case.measure(3)
    key = f"self_{case.device.type}_time_total"
    print(case.variant.name)
    print(profile.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=60))


def random_faces(size: int, n: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(13, (n, size // 4, size // 4), generator=generator, dtype=torch.uint8)
    masks = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
    images = torch.randint(256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    return Dataset(images, masks, {}, np.arange(n), "random pictures", checked=True)


def peak_on_cpu(number: int, options: argparse.Namespace) -> int:
    """Bytes by which a fresh process grows when it takes a step with R1 and one without."""
    command = [sys.executable, __file__, "--memory-of", str(number), "--preset", options.preset, "--batch",
               str(options.batch), "--threads", str(options.threads), *(["--compile"] if options.compile else [])]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", help="default: lite64, on a GPU lite128")
    parser.add_argument("--batch", type=int, help="default: 8, on a GPU 64")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every variant (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="on a CPU")
    parser.add_argument("--compile", action="store_true", help="torch.compile too; takes minutes to begin")
    parser.add_argument("--quick", action="store_true", help="nano32, two rounds")
    parser.add_argument("--profile", action="store_true", help="only show where the last variant spends its time")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device("cpu" if options.memory_of is not None else options.device)
    cuda = device.type == "cuda"
    options.preset = options.preset or ("nano32" if options.quick else "lite128" if cuda else "lite64")
    options.batch = options.batch or (64 if cuda else 8)
    chosen = variants(cuda, options.compile)

    if options.memory_of is not None:
        before = resident("VmRSS")
        Case(chosen[options.memory_of], options.preset, options.batch, device).measure(1)
        print(resident("VmHWM") - before)
        return
    where = torch.cuda.get_device_name(device) if cuda else f"{platform.processor() or platform.machine()}, " \
        f"{options.threads} threads"
    print(f"{options.preset}, batch {options.batch}, {where}, torch {torch.__version__}", flush=True)
    if options.profile:
        show_profile(Case(chosen[-1], options.preset, options.batch, device))
        return
    cases = [Case(variant, options.preset, options.batch, device) for variant in chosen]
    for case in cases:                       # warm up: kernels are chosen, graphs compiled
        case.measure(2)
        case.plain.clear(), case.with_r1.clear()
    for _ in range(2 if options.quick else options.rounds):
        for case in cases:
            case.measure(15 if cuda else 1)
    for number, case in enumerate(cases):
        if sys.platform == "linux" and not cuda:
            case.peak = peak_on_cpu(number, options)
    report(cases, options, where)


def report(cases: list[Case], options: argparse.Namespace, where: str) -> None:
    first = cases[0].images_per_second()
    rows = [dict(variant=case.variant.name, images_per_second=round(case.images_per_second(), 2),
                 speed=round(case.images_per_second() / first, 2), peak_mb=round(case.peak / 1e6)) for case in cases]
    print(f"{'':32} {'images/s':>9} {'against':>8} {'peak MB':>8}")
    for row in rows:
        print(f"{row['variant']:32} {row['images_per_second']:9.1f} {row['speed']:7.2f}x {row['peak_mb']:8}")
    if options.json:
        options.json.write_text(json.dumps(dict(preset=options.preset, batch=options.batch, device=where,
                                                torch=torch.__version__, rows=rows), indent=1) + "\n")


if __name__ == "__main__":
    main()
