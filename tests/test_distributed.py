"""Several processes train as one would, and end as one: whatever stops one of them stops all, with a word."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from processes import command, finish, start
from ssgan_lite import preset
from ssgan_lite.config import TrainConfig
from ssgan_lite.data import open_dataset
from ssgan_lite.device import choose_device
from ssgan_lite.errors import UserError
from ssgan_lite.train import RunOptions, Trainer, recipe, train
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.distributed import ALONE, Processes, _meet, join, launched, restarted
from ssgan_lite.train.folder import claim
from ssgan_lite.train.log import read_log
from ssgan_lite.train.shared_data import open_shared

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(os.name == "nt", reason="processes are forked, and killed with signals"),
              pytest.mark.usefixtures("one_thread", "use_tiny_data")]

NANO = preset("nano32")
MODELS = {"semantic": NANO, "monolithic": NANO.replace(architecture="monolithic"),
          "hard": NANO.replace(fusion="hard", mask_branch=False)}
# Everything that happens in a run happens in six steps: R1, path length, mixing, augmentation.
CONFIG = recipe("nano32", "paper").replace(images=48, batch=8, r1_every=2, path_weight=0.5, path_every=3, mixing=0.5,
                                  augment_from=16, augment_ramp=16, augment_target=-1.0)
# The same with reconstruction steps and both discriminators.
PHASES = recipe("nano32").replace(images=48, batch=8, reconstruct_images=0, r1_every=2, mixing=0.5)
WORDS = ["train", "--preset", "nano32", "--recipe", "paper", "--device", "cpu", "--batch", "8", "--images", "48",
         "--r1-every", "2", "--path-weight", "0.5", "--path-every", "3", "--mixing", "0.5",
         "--augment-from", "16", "--augment-ramp", "16",
         "--augment-target", "-1", "--log-every", "8", "--checkpoint-every", "8", "--sample-every", "0",
         "--snapshots", "24"]


def distance(ours, theirs) -> float:
    """|ours - theirs| / |theirs|, over all tensors of two dicts that have some."""
    pairs = [(ours[name].double(), theirs[name].double()) for name in theirs
             if theirs[name] is not None and not theirs[name].isnan().any()]
    assert pairs and ours.keys() == theirs.keys()
    return (sum((a - b).square().sum() for a, b in pairs) / sum(b.square().sum() for _, b in pairs)).sqrt().item()


# ---------------------------------------------------------------------------------------------- the same gradients

def gradients(models: list[str], out: str, config: TrainConfig = CONFIG) -> None:
    """The gradients of everything in a step, one dict for every update, with augmentation in it."""
    with join(5.0) as processes:
        for model in models:
            trainer = Trainer(MODELS[model], config.replace(augment_from=0), open_dataset("heads", 32),
                              processes=processes)
            trainer.augment.p.fill_(0.5)
            found = []

            def update(optimizers, loss, trainer=trainer, found=found):
                optimizers[0].zero_grad(set_to_none=True)
                loss.backward()
                name = next(name for name, optimizer in trainer.optimizers.items() if optimizer is optimizers[0])
                moved = {"d": [trainer.D], "g": [trainer.G], "frozen": [trainer.frozen_D],
                         "reconstruct": [trainer.G, trainer.encoder]}[name]
                found.append({name: None if p.grad is None else p.grad.clone()
                              for network in moved for name, p in network.named_parameters()})

            trainer._update = update
            for _ in range(2):          # the second time through what the first has found out
                trainer.steps = 0
                stats = trainer.step()
            torch.save(dict(found=found, stats=stats, path_mean=trainer.path_mean, p=trainer.augment.p),
                       f"{out}/{model}.{processes.rank}")


def dealt_in_blocks(out: str) -> None:
    """As others deal: the first half to the first process. Then the stddev groups are other ones."""
    Processes.mine = lambda self, x, dim=0: x.chunk(self.count, dim)[self.rank].contiguous()
    gradients(["semantic"], out)


def test_gradients_equal_those_of_one_process(tmp_path: Path, tiny_data: Path) -> None:
    """Every loss and penalty, R1's double backward and the path mean's share among them: to 1e-5 of their size.

    The path penalty's, a second derivative through every layer, to 1e-4: it rounds that much.
    """
    assert finish(start(gradients, list(MODELS), str(tmp_path), data=tiny_data, count=2,
                        words=tmp_path / "words")) == [0, 0]
    assert (tmp_path / "words.0").read_text() == (tmp_path / "words.1").read_text() == ""        # no warnings
    for folder in ("alone", "blocks"):
        (tmp_path / folder).mkdir()
    gradients(list(MODELS), str(tmp_path / "alone"))
    for model in MODELS:
        ours, other, theirs = (torch.load(tmp_path / name) for name in
                               (f"{model}.0", f"{model}.1", f"alone/{model}.0"))
        assert len(ours["found"]) == len(theirs["found"]) == 2 * 4
        for number, (a, b, c) in enumerate(zip(ours["found"], theirs["found"], other["found"])):
            assert [name for name in a if a[name] is None] == [name for name in b if b[name] is None], (model, number)
            assert distance(a, b) < (1e-4 if number % 4 == 3 else 1e-5), (model, number)
            assert all(a[name] is None or torch.equal(a[name], c[name]) for name in a)
        left_out = [name for name, value in theirs["found"][1].items() if value is None]
        assert left_out, "R1 moves every weight: then this test does not see what it should"
        for name, value in theirs["stats"].items():
            assert ours["stats"][name].item() == pytest.approx(value.item(), rel=1e-5, abs=1e-6), (model, name)
        assert ours["path_mean"].item() == pytest.approx(theirs["path_mean"].item(), rel=1e-5)
        assert torch.equal(ours["p"], theirs["p"])
    # and a check of the check
    assert finish(start(dealt_in_blocks, str(tmp_path / "blocks"), data=tiny_data, count=2)) == [0, 0]
    blocks, theirs = torch.load(tmp_path / "blocks" / "semantic.0"), torch.load(tmp_path / "alone" / "semantic.0")
    assert distance(blocks["found"][0], theirs["found"][0]) > 1e-3


@pytest.mark.parametrize("phase", ["reconstruct", "game"])
def test_gradients_of_every_phase_equal_those_of_one_process(phase: str, tmp_path: Path, tiny_data: Path) -> None:
    config = PHASES.replace(reconstruct_images=48 if phase == "reconstruct" else 0)
    assert finish(start(gradients, ["semantic"], str(tmp_path), config, data=tiny_data, count=2,
                        words=tmp_path / "words")) == [0, 0], (tmp_path / "words.0").read_text()
    (tmp_path / "alone").mkdir()
    gradients(["semantic"], str(tmp_path / "alone"), config)
    ours, theirs = (torch.load(tmp_path / name) for name in ("semantic.1", "alone/semantic.0"))
    assert len(ours["found"]) == len(theirs["found"]) == 2 * (1 if phase == "reconstruct" else 5)
    for number, (a, b) in enumerate(zip(ours["found"], theirs["found"], strict=True)):
        assert distance(a, b) < 1e-4, number
    for name, value in theirs["stats"].items():
        assert ours["stats"][name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name


# --------------------------------------------------------------------------------------------------- the same runs

def state_of(out: Path) -> dict:
    return read_checkpoint(out / "checkpoint.pt")


def assert_close(ours: Path, theirs: Path) -> None:
    """Weights to 3e-4 of their size; the log to 2e-3 in the first four steps, then to 2e-2.

    Halves of a batch are summed in another order, and Adam makes whole steps of tiny gradients, so rounding grows
    from step to step: weights differ by 1e-7 to 7e-5, depending on the CPU, losses of the sixth step by up to 1e-2.
    The exact test is `test_gradients_equal_those_of_one_process`.
    """
    a, b = state_of(ours), state_of(theirs)
    for name in ("G", "D", "G_ema"):
        assert distance(a["networks"][name], b["networks"][name]) < 3e-4, name
    assert a["steps"] == b["steps"] and a["augment_p"] == b["augment_p"] > 0
    for x, y in zip(read_log(ours / "log.jsonl"), read_log(theirs / "log.jsonl"), strict=True):
        assert x.keys() == y.keys()
        for name in x.keys() - {"seconds", "images_per_second", "phase"}:
            assert x[name] == pytest.approx(y[name], rel=2e-3 if x["step"] <= 4 else 2e-2, abs=2e-3), name


def assert_equal(ours: Path, theirs: Path) -> None:
    """Weights, optimizers and log, bit for bit."""
    a, b = state_of(ours), state_of(theirs)
    for name, state in b["networks"].items():
        assert all(torch.equal(a["networks"][name][key], state[key]) for key in state if key != "mean_w"), name
    for name, state in b["optimizers"].items():
        for i, held in state["state"].items():
            mine = a["optimizers"][name]["state"][i]
            assert all(torch.equal(mine[key], value) for key, value in held.items()), name
    times = {"seconds", "images_per_second"}
    assert [{k: v for k, v in line.items() if k not in times} for line in read_log(ours / "log.jsonl")] \
        == [{k: v for k, v in line.items() if k not in times} for line in read_log(theirs / "log.jsonl")]


@pytest.fixture(scope="module")
def two(tmp_path_factory, tiny_data) -> Path:
    """Six steps in two processes that nothing disturbed."""
    folder = tmp_path_factory.mktemp("two")
    assert finish(start(command, *WORDS, "--out", str(folder / "run"), data=tiny_data, count=2,
                        words=folder / "words")) == [0, 0], (folder / "words.0").read_text()
    return folder / "run"


def test_two_processes_equal_one(two: Path, tmp_path: Path) -> None:
    train(RunOptions(tmp_path / "one", quiet=True, device="cpu", log_every=8, sample_every=0, snapshots="none"),
          CONFIG)
    assert_close(two, tmp_path / "one")
    assert len(read_log(two / "log.jsonl")) == 6
    assert json.loads((two / "run.json").read_text())["processes"] == 2


def test_spawned_processes_equal_forked_ones(two: Path, tmp_path: Path, tiny_data: Path) -> None:
    """As processes start on Windows and macOS: a new Python that imports everything again."""
    spawned = start(command, *WORDS, "--out", str(tmp_path / "run"), data=tiny_data, count=2,
                    words=tmp_path / "words", context=multiprocessing.get_context("spawn"))
    assert finish(spawned) == [0, 0], (tmp_path / "words.0").read_text()
    assert_equal(tmp_path / "run", two)


def test_only_rank_0_writes_and_prints(two: Path) -> None:
    names = {path.relative_to(two).as_posix() for path in two.rglob("*") if path.is_file()}
    assert names == {"run.json", "log.jsonl", "checkpoint.pt", "weights.safetensors", "weights.json",
                     "samples/000000048.png", "checkpoints/000000040.pt", "checkpoints/000000048.pt",
                     *(f"snapshots/000000024.{kind}" for kind in ("safetensors", "json", "png"))}
    assert "Done after 48 images" in (two.parent / "words.0").read_text()
    assert (two.parent / "words.1").read_text() == ""


def test_run_resumes_with_another_number_of_processes(two: Path, tmp_path: Path, tiny_data: Path) -> None:
    half = tmp_path / "half"
    words = [*WORDS, "--quiet", "--out", str(half)]
    assert finish(start(command, *words, "--images", "24", data=tiny_data, count=2)) == [0, 0]
    shutil.copytree(half, tmp_path / "one")
    assert finish(start(command, *words, "--resume", data=tiny_data, count=2)) == [0, 0]
    assert_equal(half, two)                                    # as many as before: bit for bit
    trainer = train(RunOptions(tmp_path / "one", quiet=True, device="cpu", resume=True, log_every=8, sample_every=0,
                               snapshots="none"), CONFIG)
    assert trainer.steps == 6
    assert_close(tmp_path / "one", two)


# --------------------------------------------------------------------------------------- whatever ends one ends all

def wait_for_step(out: Path, step: int, running: list) -> None:
    deadline = time.monotonic() + 120
    while not ((out / "log.jsonl").exists() and any(line["step"] >= step for line in read_log(out / "log.jsonl"))):
        assert all(process.is_alive() for process in running), "ended too early"
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.01)


def spoken(words: Path) -> list[str]:
    """What each of two processes said."""
    return [Path(f"{words}.{rank}").read_text() for rank in range(2)]


LONG = ["--images", "100000"]


@pytest.mark.parametrize("victim", [0, 1])
def test_killed_process_ends_the_other(victim: int, tmp_path: Path, tiny_data: Path, two: Path) -> None:
    out = tmp_path / "run"
    running = start(command, *WORDS, "--quiet", *LONG, "--out", str(out), data=tiny_data, count=2,
                    words=tmp_path / "words")
    wait_for_step(out, 3, running)
    running[victim].kill()
    began = time.monotonic()
    codes = finish(running)
    assert codes[victim] == -signal.SIGKILL and codes[1 - victim] == 2
    assert time.monotonic() - began < 300, "the other one waited"
    said = spoken(tmp_path / "words")[1 - victim]
    assert f"Process {2 - victim} of 2 has lost another one" in said and "--resume goes on from there" in said
    assert "Traceback" not in said and said.count("\n") == 1
    steps = state_of(out)["steps"]
    assert steps >= 2
    if victim == 1:          # what is left is a run like any other: it goes on, in two processes or in one
        length = str(max(48, 8 * steps + 8))
        assert finish(start(command, *WORDS, "--quiet", "--resume", "--out", str(out), "--images", length,
                            data=tiny_data, count=2)) == [0, 0]
        assert length != "48" or assert_equal(out, two) is None


def test_hanging_process_times_out(tmp_path: Path, tiny_data: Path) -> None:
    out = tmp_path / "run"
    running = start(command, *WORDS, "--quiet", *LONG, "--patience", "0.2", "--out", str(out), data=tiny_data,
                    count=2,
                    words=tmp_path / "words")
    wait_for_step(out, 1, running)
    os.kill(running[1].pid, signal.SIGSTOP)
    try:
        running[0].join(100)
        assert running[0].exitcode == 2
    finally:
        running[1].kill()
    assert "does not answer" in spoken(tmp_path / "words")[0]


def test_signal_to_one_process_stops_all_after_same_step(tmp_path: Path, tiny_data: Path) -> None:
    out = tmp_path / "run"
    running = start(command, *WORDS, *LONG, "--out", str(out), data=tiny_data, count=2, words=tmp_path / "words")
    wait_for_step(out, 2, running)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):       # again and again: torchrun hands on what came
        os.kill(running[1].pid, number)
    assert finish(running) == [0, 0]
    state = state_of(out)
    said = spoken(tmp_path / "words")
    assert f"Stopped after {8 * state['steps']:,} images" in said[0] and "--resume goes on" in said[0]
    assert read_log(out / "log.jsonl")[-1]["step"] == state["steps"] and said[1] == ""


@pytest.mark.parametrize("options, words", [
    (["--batch", "12"], ["batch of 12 cannot be dealt to 2 processes in groups of 4", "multiple of 8", "--batch 16"]),
    (["--data", "haeds"], ['no data set called "haeds"']),
    (["--device", "cuda:1"], ["2 processes cannot all train on cuda:1"]),
    (["--resume"], ["nothing to resume"]),
    (["--start-from", "gone.pt"], ['There is no checkpoint "gone.pt"']),
    (["--lr", "1e18"], ["Training diverged by step", "g_loss"]),
])
def test_error_is_reported_once(options: list[str], words: list[str], tmp_path: Path, tiny_data: Path) -> None:
    running = start(command, *WORDS, "--quiet", "--out", str(tmp_path / "run"), *options, data=tiny_data, count=2,
                    words=tmp_path / "words")
    assert finish(running) == [2, 2]
    said = "".join(spoken(tmp_path / "words"))
    assert said.count("ssgan-lite: ") == 1 and said.count("\n") == 1, said
    for word in words:
        assert word in said
    assert (tmp_path / "run").exists() == ("diverged" in said)


def test_folder_with_a_run_is_refused_once(two: Path, tmp_path: Path, tiny_data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in two.rglob("*")}
    running = start(command, *WORDS, "--quiet", "--out", str(two), data=tiny_data, count=2, words=tmp_path / "words")
    assert finish(running) == [2, 2]
    assert "".join(spoken(tmp_path / "words")).count("already holds a run. Add --resume") == 1
    assert {path: path.stat().st_mtime_ns for path in two.rglob("*")} == before


def only_one_of_two(out: str, port: int) -> int:
    os.environ |= {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                   "TORCHELASTIC_USE_AGENT_STORE": "True"}
    return command(*WORDS, "--quiet", "--out", out, "--patience", "0.03")


def test_missing_process_times_out(tmp_path: Path, tiny_data: Path) -> None:
    from torch.distributed import TCPStore
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    running = start(only_one_of_two, str(tmp_path / "run"), store.port, data=tiny_data, words=tmp_path / "words")
    assert finish(running) == [2]
    assert "The 2 processes of this run did not find one another" in (tmp_path / "words.0").read_text()
    assert not (tmp_path / "run").exists()


def guest(port: int, rank: int) -> None:
    """Meets another process in a store."""
    import datetime

    from torch.distributed import TCPStore
    part = _meet(TCPStore("127.0.0.1", port, is_master=False), rank, 2, datetime.timedelta(seconds=60))
    assert part.add("ended", 1) <= 2                       # nothing of an earlier attempt is there


def test_stale_store_entries_are_ignored(tmp_path: Path, tiny_data: Path) -> None:
    """The store outlives an attempt in which one process died before it had met the other, and one that was whole."""
    from torch.distributed import TCPStore
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    store.set("guest 1", "stale")
    store.set("meeting", "dead stale")
    for _ in range(3):
        running = start(guest, store.port, 0, data=tiny_data, words=tmp_path / "first")
        running += start(guest, store.port, 1, data=tiny_data, words=tmp_path / "second")
        assert finish(running) == [0, 0], (tmp_path / "first.0").read_text() + (tmp_path / "second.0").read_text()


def different_data(out: str) -> int:
    """Two machines with different packs of data."""
    from ssgan_lite.train import shared_data
    if os.environ["RANK"] == "1":
        shared_data.look_at = lambda folder: open_dataset("heads", 32).subset(range(12))
    return command(*WORDS, "--quiet", "--out", out)


def test_different_data_are_refused(tmp_path: Path, tiny_data: Path) -> None:
    running = start(different_data, str(tmp_path / "run"), data=tiny_data, count=2, words=tmp_path / "words")
    assert finish(running) == [2, 2]
    assert "do not agree about the data, the recipe or the model" in "".join(spoken(tmp_path / "words"))
    assert not (tmp_path / "run").exists()


# -------------------------------------------------------------------------------------------------------- torchrun

def children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
def test_torchrun_restart_resumes(two: Path, tmp_path: Path, tiny_data: Path) -> None:
    """One worker is killed; torchrun starts both again, and the run ends as if nothing had been."""
    out = tmp_path / "run"
    environment = {**os.environ, "SSGAN_DATA": str(tiny_data), "OMP_NUM_THREADS": "1"}
    agent = subprocess.Popen([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
                              "--max-restarts=1", "-m", "ssgan_lite", *WORDS, "--quiet", "--out", str(out)],
                             env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 180
        while not (out / "log.jsonl").exists():
            assert agent.poll() is None and time.monotonic() < deadline, agent.communicate()
            time.sleep(0.01)
        workers = [pid for pid in children_of(agent.pid)
                   if "ssgan_lite" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        said, _ = agent.communicate(timeout=600)
    finally:
        agent.kill()
    assert agent.returncode == 0, said
    assert_equal(out, two)


# --------------------------------------------------------------------------------------------------- in one process

def test_single_process_communicates_nothing(monkeypatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    x = torch.arange(6)
    assert not launched() and ALONE.mine(x) is x and ALONE.average(x) is x
    assert ALONE.any(True) and not ALONE.any(False)
    with join(1.0) as processes:
        assert processes is ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    assert not launched()
    for count, wanted in (("0", False), ("2", True), ("", False)):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
        assert restarted() == wanted


def test_stddev_groups_stay_on_one_rank() -> None:
    """Sample i is in group i mod (batch / 4): each group must lie in one process, and be a group there too."""
    batch = 24
    for count in (1, 2, 3, 6):
        dealt = [Processes(rank, count).mine(torch.arange(batch)) for rank in range(count)]
        assert torch.cat(dealt).sort().values.tolist() == list(range(batch))
        for mine in dealt:
            groups = {}
            for i, sample in enumerate(mine.tolist()):
                groups.setdefault(i % (len(mine) // 4), set()).add(sample % (batch // 4))
            assert all(len(group) == 1 for group in groups.values())
    table = torch.arange(24).view(2, 12)
    assert Processes(1, 3).mine(table, dim=1).tolist() == [[1, 4, 7, 10], [13, 16, 19, 22]]
    assert torch.equal(Processes(1, 3).mine(table, dim=-1), Processes(1, 3).mine(table, dim=1))


def test_each_process_gets_its_gpu(monkeypatch) -> None:
    assert choose_device("cpu", 1, 4).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", 1, 4).type == "cpu"
    with pytest.raises(UserError, match="CUDA was asked for"):
        choose_device("cuda", 1, 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [str(choose_device(name, 1, 4)) for name in ("auto", "cuda")] == ["cuda:1", "cuda:1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"4 processes were started on a machine with 2 GPU\(s\).*--nproc-per-node=2"):
        choose_device("auto", 1, 4)


def share_data(out: str) -> None:
    with join(1.0) as processes:
        data = open_shared("heads", 32, processes)
        mapped = "ssgan-lite-" in Path("/proc/self/maps").read_text()
        torch.save((data.images.clone(), data.masks.clone(), len(data), data.source, mapped),
                   f"{out}.{processes.rank}")


def test_data_are_shared_by_processes_of_a_machine(tmp_path: Path, tiny_data: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert finish(start(set_and_share, str(tmp_path / "tmp"), str(tmp_path / "out"), data=tiny_data, count=2,
                        words=tmp_path / "words")) == [0, 0], spoken(tmp_path / "words")
    heads = open_dataset("heads", 32)
    for rank in range(2):
        images, masks, n, source, mapped = torch.load(tmp_path / f"out.{rank}")
        assert torch.equal(images, heads.images) and torch.equal(masks, heads.masks)
        assert n == len(heads) and source == heads.source and mapped
    assert list((tmp_path / "tmp").iterdir()) == []


def set_and_share(folder: str, out: str) -> None:
    os.environ["TMPDIR"] = folder
    share_data(out)


def test_folder_is_locked_by_its_run(tmp_path: Path) -> None:
    options = RunOptions(tmp_path / "a" / "run")
    with claim(options.out, options):
        with pytest.raises(UserError, match="Another process is writing to.*another folder"):
            with claim(options.out, options):
                pass
        assert options.out.is_dir()
    assert list(tmp_path.iterdir()) == []                      # nothing came of it, nothing is left
    with claim(options.out, options):
        (options.out / "checkpoint.pt").touch()
    assert (options.out / "checkpoint.pt").exists()
