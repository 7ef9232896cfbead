"""The production line: any range of seeds, on any number of processes, resumable.

Each finished head is one small file in the folder work/ of the output, written under another name and renamed, so
that it is either whole or absent: the line can be killed at any moment and started again with the
same command. When all 500 seeds of a shard are there, the shard is packed, read back, and its
work files are removed. A lock keeps two lines out of one folder.
"""

import fcntl
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from . import MAKER_VERSION
from .shards import Shard, encode_image, pack_shard, write_atomically

SHARD_SEEDS = 500
HEADS_PER_PROCESS = 250     # the renderer's caches grow: a worker is replaced after so many heads
TRIES = 2


def shard_path(out: Path, first_seed: int) -> Path:
    return out / f"heads-{first_seed:06d}.npz"


def work_path(out: Path, seed: int) -> Path:
    return out / "work" / f"head-{seed:06d}.npz"


def first_of_shard(seed: int) -> int:
    return seed - seed % SHARD_SEEDS


def missing_seeds(out: Path, seeds) -> list:
    """Seeds of the range that are neither packed nor waiting in the work folder."""
    packed = {first for first in {first_of_shard(seed) for seed in seeds} if shard_path(out, first).exists()}
    return [seed for seed in seeds if first_of_shard(seed) not in packed and not work_path(out, seed).exists()]


def make_one(out: str, seed: int):
    """Make one head and store it. Runs in a worker. Returns the seed, seconds of CPU, an error."""
    started = time.process_time()
    for attempt in range(TRIES):
        try:
            from .portrait import make_portrait

            portrait = make_portrait(seed)
            write_atomically(
                work_path(Path(out), seed), {
                    "image": np.frombuffer(encode_image(
                        portrait.image), np.uint8), "mask": portrait.mask, "attributes": np.array(
                            json.dumps(portrait.attributes.values())), "maker_version": np.array(MAKER_VERSION)
                })
            return seed, time.process_time() - started, ""
        except Exception:  # one bad head must not stop the line; it is reported and tried again later
            error = traceback.format_exc(limit=4)
    return seed, time.process_time() - started, error


def pack_finished(out: Path, seeds) -> list:
    """Pack every shard whose 500 heads are all there. Returns the new shards."""
    packed = []
    for first in sorted({first_of_shard(seed) for seed in seeds}):
        members = range(first, first + SHARD_SEEDS)
        if shard_path(out, first).exists():
            # A line killed between packing and tidying up leaves work files behind.
            for seed in members:
                work_path(out, seed).unlink(missing_ok=True)
            continue
        if not all(work_path(out, seed).exists() for seed in members):
            continue
        images, masks, attributes = [], [], []
        for seed in members:
            with np.load(work_path(out, seed), allow_pickle=False) as head:
                if str(head["maker_version"]) != MAKER_VERSION:
                    raise SystemExit(
                        f"{work_path(out, seed)} was made by version {head['maker_version']} of the maker, this is "
                        f"{MAKER_VERSION}. Use another --out, or delete the files of the old version.")
                images.append(head["image"].tobytes())
                masks.append(head["mask"])
                attributes.append(json.loads(str(head["attributes"])))
        pack_shard(shard_path(out, first), images, np.stack(masks), list(members), attributes, MAKER_VERSION)
        shard = Shard(shard_path(out, first))
        if not (np.array_equal(shard.seeds, np.array(members)) and np.array_equal(shard.masks, np.stack(masks))):
            raise SystemExit(
                f"{shard_path(out, first)} does not read back as it was written: is the disk full or failing?")
        shard.image(SHARD_SEEDS - 1)
        for seed in members:
            work_path(out, seed).unlink()
        packed.append(shard_path(out, first))
    return packed


def produce(first: int, stop: int, out: Path, processes: int = 1) -> int:
    """Make heads first .. stop - 1. Returns the number of seeds that failed."""
    (out / "work").mkdir(parents=True, exist_ok=True)
    lock = open(out / "work" / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(
            f"Another production line is writing to {out}. Wait for it, or choose another --out.") from None
    for leftover in [*out.glob(".*.tmp"), *(out / "work").glob(".*.tmp")]:
        leftover.unlink()
    seeds = range(first, stop)
    pack_finished(out, seeds)
    todo = missing_seeds(out, seeds)
    print(f"{len(todo)} of {len(seeds)} heads to make, maker version {MAKER_VERSION}, {processes} process(es)",
          flush=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failed, seconds, began = [], [], time.monotonic()
    if todo:
        context = multiprocessing.get_context("spawn")
        with context.Pool(processes, maxtasksperchild=HEADS_PER_PROCESS) as pool:
            for result in [pool.apply_async(make_one, (str(out), seed)) for seed in todo]:
                seed, cpu, error = result.get()
                seconds.append(cpu)
                if error:
                    failed.append(seed)
                    print(f"seed {seed} failed:\n{error}", file=sys.stderr, flush=True)
                if (seed + 1) % SHARD_SEEDS == 0 or seed == todo[-1]:
                    for path in pack_finished(out, seeds):
                        print(f"packed {path}", flush=True)
                if len(seconds) % 50 == 0:
                    rate = (time.monotonic() - began) / len(seconds)
                    print(
                        f"{len(seconds)}/{len(todo)} made, {np.mean(seconds):.2f} CPU s a head, "
                        f"{rate:.2f} s elapsed a head",
                        flush=True)
    for path in pack_finished(out, seeds):
        print(f"packed {path}", flush=True)
    if failed:
        print(f"{len(failed)} seeds failed; the same command tries them again: {failed[:20]}", file=sys.stderr)
    return len(failed)
