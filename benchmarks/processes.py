"""What do more processes bring, with the same total batch, and what share of a step is their exchange?

    python benchmarks/processes.py                                   two processes on a CPU, lite64, batch 16
    python benchmarks/processes.py --preset nano32 --rounds 3        about a minute
    python benchmarks/processes.py --processes 8 --device cuda --preset lite128 --batch 64

Four ways to take the same steps take turns, in one run, so that whatever else the machine does hits them alike:

    one process          one thread (on a CPU), the whole batch
    one process, all     as many threads as there are processes (on a CPU only)
    N processes          one thread each, a share of the batch each, gradients exchanged: what torchrun starts
    N, not exchanged     the same without any exchange: the computing alone

The medians are compared. What the exchange costs is the difference of the last two: the time on the wire and the time
of waiting for the slowest. A step means what it means in a run, R1 at its share included; the data are random
pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.multiprocessing

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ssgan_lite.config import preset as model_preset  # noqa: E402, found through the line above
from ssgan_lite.device import choose_device  # noqa: E402
from ssgan_lite.train import Trainer, recipe  # noqa: E402
from ssgan_lite.train.distributed import ALONE, Processes, _evaluate, join  # noqa: E402
from train_step import random_faces  # noqa: E402

PLAIN_STEPS = 2               # for every step with R1, in a turn


class Silent(Processes):
    """Gets its share of the batch and tells nobody."""

    def share(self, network):
        return _evaluate

    def average(self, x):
        return x


class Case:
    """A trainer, the threads that it may use, and the seconds that its steps took."""

    def __init__(self, name: str, options: argparse.Namespace, device: torch.device, processes: Processes,
                 threads: int):
        self.name, self.device, self.threads, self.alone = name, device, threads, processes is ALONE
        model = model_preset(options.preset)
        config = recipe(options.preset, "paper").replace(batch=options.batch, images=10**9)
        self.trainer = Trainer(model, config, random_faces(model.size, 256), device, processes=processes)
        self.plain: list[float] = []
        self.with_r1: list[float] = []

    def turn(self) -> None:
        """A step with R1 and some without."""
        torch.set_num_threads(self.threads)
        self.trainer.steps += -self.trainer.steps % self.trainer.config.r1_every
        self.with_r1.append(self._time(1))
        self.plain.append(self._time(PLAIN_STEPS))

    def _time(self, steps: int) -> float:
        self._finish()
        began = time.perf_counter()
        for _ in range(steps):
            self.trainer.step()
        self._finish()
        return (time.perf_counter() - began) / steps

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self) -> float:
        """Of a step, R1 at its share."""
        every = self.trainer.config.r1_every
        return (statistics.median(self.with_r1) + (every - 1) * statistics.median(self.plain)) / every


def work(rank: int, options: argparse.Namespace, port: int) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(options.processes), MASTER_PORT=str(port),
                      LOCAL_WORLD_SIZE=str(options.processes), MASTER_ADDR="127.0.0.1")
    with join(10.0) as processes:
        device = choose_device(options.device, processes.local_rank, processes.local_count)
        processes.connect(device)
        silent = Silent(rank, options.processes, rank, options.processes)
        together = [Case(f"{options.processes} processes", options, device, processes, 1),
                    Case(f"{options.processes}, not exchanged", options, device, silent, 1)]
        apart = [Case("one process", options, device, ALONE, 1)] if processes.first else []
        if apart and device.type == "cpu":
            apart.append(Case("one process, all threads", options, device, ALONE, options.processes))
        for number in range(options.rounds + 1):
            for case in apart:                         # the others wait, without turning
                case.turn()
            for case in together:
                processes.wait()
                case.turn()
            processes.wait()
            if not number:                             # that was to warm up
                for case in apart + together:
                    case.plain.clear(), case.with_r1.clear()
        if processes.first:
            report(apart + together, options, device)


def report(cases: list[Case], options: argparse.Namespace, device: torch.device) -> None:
    seconds = {case.name: case.seconds() for case in cases}
    one, shared, silent = cases[0].seconds(), cases[-2].seconds(), cases[-1].seconds()
    numbers = sum(p.numel() for net in (cases[0].trainer.G, cases[0].trainer.D) for p in net.parameters())
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else (
        platform.processor() or platform.machine())
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{options.preset}, batch {options.batch}, {where}, torch {torch.__version__}, {options.rounds} "
          f"rounds{load}")
    for name, value in seconds.items():
        print(f"{name:26} {options.batch / value:9.1f} images/s {one / value:6.2f}x")
    print(f"efficiency {one / shared / options.processes:.2f}; exchange {(shared - silent) / shared:.0%} of a step, "
          f"{4 * numbers / 1e6:.1f} MB of gradients")
    if options.json:
        options.json.write_text(json.dumps(dict(
            preset=options.preset, batch=options.batch, processes=options.processes, device=where,
            torch=torch.__version__, rounds=options.rounds, seconds=seconds, gradient_bytes=4 * numbers),
                                           indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--preset", default="lite64")
    parser.add_argument("--batch", type=int, default=16, help="of all together (default: %(default)s)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every way (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    torch.multiprocessing.spawn(work, (options, store.port), options.processes)


if __name__ == "__main__":
    main()
