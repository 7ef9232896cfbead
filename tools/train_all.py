"""Train everything that ships, or some of it, within a given time: the models, the baseline and the ablations.

    python tools/train_all.py --out runs/shipped --minutes 600 --parallel 2         a night on two cores
    python tools/train_all.py --out runs/shipped --minutes 1 --rehearse             the same in small, on anything

Needs what `ssgan-lite train` needs; the package need not be installed. Each run has its own folder below --out and
goes on from its last checkpoint when the command is given again, until it has had its images or its share of the
time; what was interrupted is lost only back to that checkpoint. A model that grows from another begins when that one
has stopped. `results/` is laid out like data/weights and holds, for every run begun, weights and encoder in half
precision, their description with the record of the run, the log, a sheet of samples and a time-lapse, and of some the
snapshots and the networks to train on from; --pack puts these into zip files of at most 15 MB. A run that fails does
not stop the others; the exit code is then 1.

On a GPU add --options "--batch 64". Small models leave most of a large one idle: --parallel 3 trains three at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ship import ship, ship_early, ship_kid, ship_lapse, ship_last, ship_snapshots  # noqa: E402, the package is found through the line above
from ssgan_lite.device import choose_device  # noqa: E402
from ssgan_lite.errors import UserError  # noqa: E402
from ssgan_lite.storage import atomic_write  # noqa: E402

PACK_BYTES = 15_000_000
AROUND_SECONDS = 20          # that a run takes beside training: start, data, and at its end samples and weights
GRACE_SECONDS = 120          # how much longer than allowed a run may take before it is asked to stop


@dataclass(frozen=True)
class Run:
    share: float             # of the time
    options: str             # of `ssgan-lite train`; what is not said is the preset's recipe
    snapshots: tuple[int, ...] = ()      # the weights at the snapshots next to so many images ship
    early: int = 0           # the networks after about so many images ship as NAME-early, to train on from
    last: bool = False       # the generator as trained ships beside the average
    grows: str = ""          # the run that it begins with, a smaller model


LAPSE = 12                   # rows of a time-lapse
ABLATION = "--preset nano32 --images 20000"
RUNS = {
    "lite64": Run(8, "--preset lite64"),
    "lite64-monolithic": Run(8, "--preset lite64 --architecture monolithic"),
    # The lesson that trains live goes on where its reconstruction ends, and shows the rest.
    "nano32": Run(3, "--preset nano32 --snapshot-every 4000 --snapshot-networks", early=12_000,
                  snapshots=(0, 2_000, 4_000, 12_000, 20_000, 60_000), last=True),
    # The published recipe, and the baseline beside it with the same budget; lessons show the beginning of the first.
    "nano32-paper": Run(1, "--preset nano32 --recipe paper --images 64000", snapshots=(0, 8_000, 16_000)),
    "nano32-monolithic": Run(1, "--preset nano32 --recipe paper --images 64000 --architecture monolithic"),
    "nano32-no-reconstruction": Run(1, f"{ABLATION} --reconstruct-images 0 --reconstruct-every 0"),
    "nano32-no-frozen-discriminator": Run(1, f"{ABLATION} --frozen-weight 0"),
    "nano32-no-dual-discriminator": Run(1, f"{ABLATION} --dual-weight 0"),
    "nano32-no-fourier": Run(1, f"{ABLATION} --fourier-bands 0"),
    "nano32-no-base": Run(1, f"{ABLATION} --base-layers 0"),
    "nano32-hard-fusion": Run(1, f"{ABLATION} --fusion hard"),
    "nano32-no-mask-branch": Run(1, f"{ABLATION} --no-mask-branch"),
    "lite128": Run(6, "--preset lite128", grows="lite64"),
    "lite128-monolithic": Run(6, "--preset lite128 --architecture monolithic", grows="lite64-monolithic"),
}
OFTEN = "--log-every 1000 --sample-every 10000 --checkpoint-every 5000"
REHEARSAL = ("--preset nano32 --batch 4 --images 64 --reconstruct-images 32 --log-every 8 --sample-every 64 "
             "--checkpoint-every 32 --snapshot-every 0")


class Progress:
    """Seconds that each run has had, on disk, so that the next call goes on where this one stopped."""

    def __init__(self, path: Path):
        self.path, self._lock = path, threading.Lock()
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps(self.seconds, indent=1) + "\n")


def train_one(name: str, options: argparse.Namespace, progress: Progress, target: float, deadline: float) -> str:
    """One run until its target of seconds or the deadline; returns a line for the summary."""
    left = min(target - progress.seconds.get(name, 0.0), deadline - time.monotonic() - AROUND_SECONDS)
    if left < 3:
        return f"{name}: {'has had its time' if target <= progress.seconds.get(name, 0) + 3 else 'no time left'}"
    folder = options.out / name
    command = [sys.executable, "-m", "ssgan_lite", "train", "--out", str(folder), "--data", options.data,
               "--device", options.device, "--minutes", f"{left / 60:.3f}", "--quiet",
               *shlex.split(RUNS[name].options), *shlex.split(OFTEN),
               *shlex.split(REHEARSAL if options.rehearse else ""), *shlex.split(options.options),
               *_beginning(options.out, name, options.rehearse)]
    print(f"{name}: {left:.0f} s", flush=True)
    began = time.monotonic()
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with open(options.out / f"{name}.txt", "ab") as messages:
        process = subprocess.Popen(command, stdout=messages, stderr=messages, cwd=ROOT,
                                   env={**os.environ, "PYTHONPATH": paths})
        try:
            code = process.wait(left + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()                        # saves and leaves after the step in hand
            code = process.wait(GRACE_SECONDS)
    progress.add(name, min(left, time.monotonic() - began))
    if code:
        last = (options.out / f"{name}.txt").read_text(errors="replace").strip().splitlines()[-1:]
        raise UserError(f"{name}: failed with exit code {code}: {' '.join(last)}")
    return collect(name, options.out, options.kid, options.device)


def _beginning(out: Path, name: str, rehearse: bool) -> list[str]:
    """Go on with a run; or begin with the smaller model that it grows from (a rehearsal's models are all small)."""
    if (out / name / "checkpoint.pt").exists():
        return ["--resume"]
    smaller = "" if rehearse else RUNS[name].grows
    if smaller and not (out / smaller / "checkpoint.pt").exists():
        raise UserError(f"{name}: grows from {smaller}, which has not begun: train that first.")
    return ["--start-from", str(out / smaller)] if smaller else []


def collect(name: str, out: Path, kid: int = 0, device: str = "cpu") -> str:
    """Put what is worth keeping of a run into `results/`; kid: with distances of so many faces of each snapshot."""
    run, results = out / name, out / "results"
    lines = [ship(run, name, results), ship_lapse(run, name, results, LAPSE)]
    if RUNS[name].snapshots:
        lines.append(ship_snapshots(run, name, results, RUNS[name].snapshots))
    if RUNS[name].last:
        lines.append(ship_last(run, name, results))
    if RUNS[name].early:
        lines.append(ship_early(run, f"{name}-early", results, RUNS[name].early))
    if kid:
        lines.append(ship_kid(run, name, results, kid, str(choose_device(device))))
    if (out / name / "log.jsonl").exists():
        shutil.copyfile(out / name / "log.jsonl", out / "results" / f"{name}.log.jsonl")
    return "\n".join(lines)


def pack(results: Path, target: Path) -> list[Path]:
    """The results in as few zip files as fit, none above the limit."""
    target.mkdir(parents=True, exist_ok=True)
    groups, size = [[]], 0
    for path in sorted(path for path in results.rglob("*") if path.is_file()):
        if size + path.stat().st_size > PACK_BYTES and groups[-1]:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += path.stat().st_size
    packed = []
    for number, paths in enumerate(groups, 1):
        packed.append(target / f"results-{number}.zip")
        with atomic_write(packed[-1]) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.relative_to(results))
    return packed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; the same one to go on")
    parser.add_argument("--minutes", type=float, required=True, help="how long this call may take")
    parser.add_argument("--total", type=float, help="minutes that all runs together get over all calls, counted as "
                        "if one after the other (default: --minutes times --parallel)")
    parser.add_argument("--only", default=",".join(RUNS), help="which, in this order (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=1, help="so many at a time (default: %(default)s)")
    parser.add_argument("--data", default="heads", help="what to train on (default: %(default)s)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--options", default="", help='more options of every run: "--precision fp32 --seed 1"')
    parser.add_argument("--kid", type=int, default=0, metavar="N", help="measure the kernel distance of N faces of "
                        "every snapshot; needs the extra `measure` (default: not)")
    parser.add_argument("--pack", type=Path, help="put the results into zip files in this folder")
    parser.add_argument("--rehearse", action="store_true", help="every run as a tiny model, to see that all is well")
    options = parser.parse_args()
    began = time.monotonic()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"there is no run called {unknown[0]}; known: {', '.join(RUNS)}")

    options.out = options.out.resolve()
    (options.out / "results").mkdir(parents=True, exist_ok=True)
    progress, deadline = Progress(options.out / "progress.json"), began + 60 * options.minutes
    total = 60 * (options.total or options.minutes * options.parallel) - AROUND_SECONDS * len(names)
    per_share = total / sum(RUNS[name].share for name in names)
    failed = False
    for turn in ([name for name in names if not RUNS[name].grows], [name for name in names if RUNS[name].grows]):
        with ThreadPoolExecutor(options.parallel) as pool:
            tasks = {name: pool.submit(train_one, name, options, progress, per_share * RUNS[name].share, deadline)
                     for name in turn}
            for name, task in tasks.items():
                try:
                    print(task.result(), flush=True)
                except Exception as error:             # whatever it was, the other runs go on
                    failed = True
                    print(error if isinstance(error, UserError) else f"{name}: {error!r}", flush=True)
    if options.pack:
        for path in pack(options.out / "results", options.pack):
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    print(f"{(time.monotonic() - began) / 60:.1f} of {options.minutes:g} minutes; given again, the command goes on")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
