"""`kill -9` at any moment: the run goes on from its last checkpoint and ends as if nothing had happened, to the bit.

Twenty kills of one small run (four in `make test`). Half come from outside at random moments, half from inside, at
chosen points of the writing of a file: before the first byte, in the middle, before the data are on the disk, before
and after the new file takes the place of the old one. Which file it is, checkpoint, log, samples, snapshot or
weights, is left to chance.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from processes import finish, start
from ssgan_lite import preset
from ssgan_lite.config import ModelConfig
from ssgan_lite.storage import leftovers
from ssgan_lite.train import RunOptions, TrainConfig, train
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.log import read_log

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")]

SEED = int(os.environ.get("KILL_SEED", "1"))
# As small as a model can be that has every part: the time goes into kills, not into steps.
MODEL: ModelConfig = preset("nano32").replace(
    style_dim=8, mapping_layers=1, coarse_size=8, local_channels=4, feature_channels=8, local_layers=3, base_layers=1,
    depth_layers=2, fourier_bands=2, render_channels=(8, 8, 4), discriminator_channels=(4, 8, 8, 8))
STEPS = 90
# Both phases, with everything that happens in them.
CONFIG = TrainConfig(images=4 * STEPS, batch=4, reconstruct_images=120, reconstruct_every=2, frozen_weight=0.5,
                     r1_every=2, path_weight=0.5, path_every=3, mixing=0.5,
                     augment_from=200, augment_ramp=100, augment_target=-1.0)
POINTS = ("begun", "half", "unsynced", "unnamed", "named")


def options(out: str) -> RunOptions:
    return RunOptions(Path(out), device="cpu", quiet=True, log_every=8, sample_every=60, checkpoint_every=12,
                      snapshots="0,40,100,200", resume=(Path(out) / "checkpoint.pt").exists())


def go_on(out: str, point: str = "", count: int = 0) -> None:
    """The run, from its beginning or its last checkpoint; killed at the count-th time that it comes to a point."""
    if point:
        die_at(point, count)
    train(options(out), CONFIG, model=MODEL)


def die_at(point: str, count: int) -> None:
    """Put a `kill -9` of this process into the writing of files."""
    from ssgan_lite import storage
    write, sync, replace = storage._Recorder.write, os.fsync, os.replace
    times = 0

    def here(first=lambda: None) -> None:
        nonlocal times
        times += 1
        if times == count:
            first()
            os.kill(os.getpid(), signal.SIGKILL)

    def writing(self, data) -> int:                    # a checkpoint comes in hundreds of pieces
        here((lambda: (self.file.write(bytes(data)[:len(data) // 2]), self.file.flush())) if point == "half"
             else self.file.flush)
        return write(self, data)

    def renaming(source, target) -> None:
        if point == "unnamed":
            here()
        replace(source, target)
        if point == "named":
            here()

    if point in ("begun", "half"):
        storage._Recorder.write = writing
    elif point == "unsynced":
        os.fsync = lambda handle: (here(), sync(handle))
    else:
        os.replace = renaming


def progress(out: Path) -> int:
    """The last step in the log."""
    lines = read_log(out / "log.jsonl") if (out / "log.jsonl").exists() else []
    return lines[-1]["step"] if lines else 0


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the times in log and descriptions, and the checkpoints, which are compared tensor by tensor."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*"))
            if path.is_file() and path.suffix in (".safetensors", ".png")}


def assert_same(ours, theirs, where: str = "checkpoint") -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            if key not in ("seconds", "images_per_second"):
                assert_same(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, pair in enumerate(zip(ours, theirs)):
            assert_same(*pair, f"{where}[{i}]")
    elif isinstance(theirs, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True, msg=where)
    else:
        assert ours == theirs, where


# How many kills from outside, how many of these at any moment from the very start, how many from inside.
@pytest.mark.parametrize("outside, early, inside", [(1, 1, 2), pytest.param(8, 2, 10, marks=pytest.mark.long)])
def test_kills_change_nothing(outside: int, early: int, inside: int, tmp_path: Path, tiny_data: Path) -> None:
    chance = random.Random(SEED)
    untouched, out = tmp_path / "untouched", tmp_path / "killed"
    assert finish(start(go_on, str(untouched), data=tiny_data, words=tmp_path / "untouched.txt")) == [0]

    # From outside: somewhere after a certain step has been logged, or (0) anywhere from the very start.
    from_outside = chance.sample(range(4, STEPS - 20, 2), outside) + [0] * early
    from_inside = [(point, chance.randint(1, 4000 if point in ("begun", "half") else 8))
                   for point in (2 * POINTS)[:inside]]
    # The ones from inside come at any time, but while enough of the run is left for them to happen.
    moments = sorted(from_outside + from_inside, key=lambda moment: moment if isinstance(moment, int) and moment
                     else chance.randint(0, STEPS // 2))
    kills = 0
    for number, moment in enumerate(moments):
        words = tmp_path / f"words-{number}"
        by_itself = not isinstance(moment, int)
        process, = start(go_on, str(out), *(moment if by_itself else ()), data=tiny_data, words=words)
        if not by_itself:
            while progress(out) < moment and process.is_alive():
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.4 if moment == 0 else 0.05))
            process.kill()
        code, = finish([process])
        assert code in (-signal.SIGKILL, 0), Path(f"{words}.0").read_text()
        kills += code == -signal.SIGKILL
        if (out / "checkpoint.pt").exists():
            read_checkpoint(out / "checkpoint.pt")                       # whole, whenever it was
    assert kills == len(moments) == outside + early + inside, f"{kills} kills"

    assert finish(start(go_on, str(out), data=tiny_data, words=tmp_path / "last.txt")) == [0], \
        (tmp_path / "last.txt.0").read_text()
    assert_same(read_checkpoint(out / "checkpoint.pt"), read_checkpoint(untouched / "checkpoint.pt"))
    assert_same(read_log(out / "log.jsonl"), read_log(untouched / "log.jsonl"))
    assert contents(out) == contents(untouched)
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == ["000000348.pt", "000000360.pt"]
    assert leftovers(out) == []


def test_kills_happen_inside_file_writes(tmp_path: Path, tiny_data: Path) -> None:
    """In the middle of a second checkpoint: the first one is whole, and beside it lies half of the other."""
    out = tmp_path / "run"
    for point in ("half", "unsynced"):
        process, = start(die_in_second_checkpoint, str(out), point, data=tiny_data, words=tmp_path / "words")
        assert finish([process]) == [-signal.SIGKILL], (tmp_path / "words.0").read_text()
        half, = [path for path in leftovers(out) if path.name.startswith(".checkpoint.pt.")]
        whole = (out / "checkpoint.pt").stat().st_size
        assert (0 < half.stat().st_size < whole) if point == "half" else half.stat().st_size >= 0.9 * whole
        assert read_checkpoint(out / "checkpoint.pt")["steps"] == 0


def die_in_second_checkpoint(out: str, point: str) -> None:
    from ssgan_lite.train import run as runs
    save = runs.save_checkpoint

    def second(trainer, path, *rest, **named) -> None:
        if trainer.steps:
            die_at(point, 20 if point == "half" else 1)
        save(trainer, path, *rest, **named)
    runs.save_checkpoint = second
    train(options(out), CONFIG, model=MODEL)
