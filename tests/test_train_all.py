"""Runs within a given time: a run stops when its minutes are over, and the list of runs is one that trains."""

from __future__ import annotations

import importlib.util
import shlex
import sys
import zipfile
from pathlib import Path

import pytest

from ssgan_lite.cli import build_parser
from ssgan_lite.config import ModelConfig, preset, recipe
from ssgan_lite.options import given
from ssgan_lite.train import RunOptions, TrainConfig, train

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    spec = importlib.util.spec_from_file_location("train_all", TOOLS / "train_all.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train_all", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "use_tiny_data")
def test_run_stops_after_its_minutes_and_resumes(tmp_path) -> None:
    config = TrainConfig(batch=4, images=10**6)
    first = train(RunOptions(tmp_path / "run", quiet=True, minutes=1e-9, device="cpu"), config)
    assert first.images_seen == 0
    stopped = train(RunOptions(tmp_path / "run", quiet=True, minutes=0.05, device="cpu", resume=True), config)
    assert 0 <= stopped.images_seen < 10**6 and (tmp_path / "run" / "weights.safetensors").exists()
    done = train(RunOptions(tmp_path / "run", quiet=True, device="cpu", resume=True),
                 config.replace(images=stopped.images_seen + 4))
    assert done.images_seen == stopped.images_seen + 4


def test_command_line_accepts_every_run(tool) -> None:
    models = {}
    for name, run in tool.RUNS.items():
        words = ["train", "--out", "x", *shlex.split(run.options), *shlex.split(tool.OFTEN)]
        options = build_parser().parse_args(words)
        of_recipe = {name: value for name, value in given(options, TrainConfig).items() if name != "images"}
        config = recipe(options.preset, getattr(options, "recipe", "")).replace(**of_recipe)
        models[name] = preset(options.preset).replace(**given(options, ModelConfig)), config
        assert build_parser().parse_args([*words, *shlex.split(tool.REHEARSAL)]).preset == "nano32"
        assert not run.grows or run.grows in tool.RUNS
    assert len(set(models.values())) == len(tool.RUNS), "two runs are the same"


def test_packed_files_stay_below_limit(tool, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tool, "PACK_BYTES", 1000)
    results = tmp_path / "results"
    results.mkdir()
    for i in range(5):
        (results / f"{i}.bin").write_bytes(bytes([i]) * 400)
    packed = tool.pack(results, tmp_path / "packed")
    names = [zipfile.ZipFile(path).namelist() for path in packed]
    assert names == [["0.bin", "1.bin"], ["2.bin", "3.bin"], ["4.bin"]]


def test_failed_run_does_not_stop_the_next(tool, tmp_path, monkeypatch, capsys) -> None:
    calls = []

    def train_one(name, *_):
        calls.append(name)
        if name == "lite64":
            raise tool.UserError("lite64: failed with exit code 2")
        return f"{name}: fine"
    monkeypatch.setattr(tool, "train_one", train_one)
    monkeypatch.setattr(sys, "argv", ["train_all.py", "--out", str(tmp_path), "--minutes", "1",
                                      "--only", "lite64,nano32"])
    assert tool.main() == 1
    assert calls == ["lite64", "nano32"] and "nano32: fine" in capsys.readouterr().out


@pytest.mark.usefixtures("one_thread", "use_tiny_data")
def test_results_of_a_run_are_collected(tool, tmp_path) -> None:
    """Laid out like the weights that ship, and so it is packed."""
    train(RunOptions(tmp_path / "nano32", quiet=True, device="cpu", snapshot_networks=True, log_every=4),
          TrainConfig(batch=4, images=8))
    lines = tool.collect("nano32", tmp_path)
    assert "training/nano32-early.safetensors" in lines and "after 0 images" in lines
    names = {path.relative_to(tmp_path / "results").as_posix() for path in (tmp_path / "results").rglob("*.*")}
    assert {"nano32.safetensors", "nano32-lapse.png", "nano32.log.jsonl", "training/nano32-early.json",
            "snapshots/nano32/000000000.safetensors"} <= names
    assert "snapshots/nano32/000000008.json" not in names, "that is nano32.safetensors"
    packed = tool.pack(tmp_path / "results", tmp_path / "packed")
    assert {name for path in packed for name in zipfile.ZipFile(path).namelist()} == names
