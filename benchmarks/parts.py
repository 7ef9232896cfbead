"""What more parts cost: parameters, a step of training, an edit of one part, memory, for 5 to 30 parts and beyond.

    python benchmarks/parts.py --preset nano32 --parts 5 13 30

Times are CPU time of one thread, the least of a few runs, so that other programs on the machine hardly disturb them.
Each number of parts is measured in a process of its own, for the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import torch

from ssgan_lite.config import preset, recipe
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.edit import Session
from ssgan_lite.model import DualBranchDiscriminator, build_generator
from ssgan_lite.train import Trainer

COLUMNS = ("parts", "generator", "local share", "discriminator", "step ms", "image ms", "edit ms", "peak MB")


def model_of(name: str, n_parts: int):
    """A preset with so many parts, called part_0, part_1, ..."""
    return preset(name).replace(parts=tuple(f"part_{i}" for i in range(n_parts)), transparent=())


def least(action, times: int) -> float:
    """CPU milliseconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        began = time.process_time()
        action()
        found.append(1000 * (time.process_time() - began))
    return min(found)


def measure_one(name: str, n_parts: int, times: int) -> dict:
    """One row of the table."""
    from memory import KNOWN, resident

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = model_of(name, n_parts)
    generator, discriminator = build_generator(model).eval(), DualBranchDiscriminator(model)
    count = [sum(p.numel() for p in module.parameters()) for module in (generator, generator.local, discriminator)]
    generator.update_mean_w(100)
    w = generator.mapping(generator.sample_z(1, 0)).detach()
    with torch.no_grad():
        generator(w)
        image = least(lambda: generator(w), times)
    face = Session(generator, seed=0)
    face.render()

    def edit() -> None:
        face.randomize("part_1")
        face.render()

    edit()
    edits = least(edit, times)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, n_parts, (16, model.size, model.size), np.uint8))
    data = Dataset(torch.zeros(16, 3, model.size, model.size, dtype=torch.uint8), ids, {}, np.arange(16), "noise",
                   model.parts, ())
    trainer = Trainer(model, recipe(name, "paper").replace(batch=8, path_weight=0.0), data)
    trainer.step()                                                # the first one has R1 in it
    step = least(trainer.step, times)
    return dict(zip(COLUMNS, (n_parts, count[0], count[1] / count[0], count[2], step, image, edits,
                              resident("VmHWM") / 1e6 if KNOWN else float("nan")), strict=True))


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--preset", default="nano32", help="(default: %(default)s)")
    options.add_argument("--parts", type=int, nargs="+", default=[5, 13, 30], help="numbers of parts")
    options.add_argument("--times", type=int, default=5, help="runs of everything (default: %(default)s)")
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(measure_one(chosen.preset, chosen.parts[0], chosen.times)))
        return 0
    print(f"{chosen.preset}, CPU time of one thread, torch {torch.__version__}")
    print("".join(f"{name:>14}" for name in COLUMNS))
    for n_parts in chosen.parts:
        words = ["--preset", chosen.preset, "--parts", str(n_parts), "--times", str(chosen.times), "--one"]
        done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-800:], file=sys.stderr)
            return done.returncode
        row = json.loads(done.stdout)
        print("".join(f"{row[name]:>14,.2f}" if isinstance(row[name], float) else f"{row[name]:>14,}"
                      for name in COLUMNS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
