"""The command line: what it says, what it leaves, and with which exit code it goes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import SemanticGenerator, assets, doctor, preset, save_weights
from ssgan_lite.cli import main, parse_seeds
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, load_torch, save_torch

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_weights(SemanticGenerator(preset("nano32")), path)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_data) -> Path:
    """A run of one step."""
    out = tmp_path_factory.mktemp("runs") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSGAN_DATA", str(tiny_data))
        assert main([*TRAIN, "--out", str(out)]) == 0
    return out


TRAIN = ["train", "--preset", "nano32", "--images", "4", "--batch", "4", "--device", "cpu", "--quiet"]


def refused(arguments: list, capsys, *words: str) -> str:
    """Run a command that must fail in words: exit code 2, one or two lines on standard error, no traceback."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as error:              # argparse
        code = error.code
    said = capsys.readouterr()
    assert code == 2, said
    assert "Traceback" not in said.err and said.out == ""
    assert 1 <= len([line for line in said.err.splitlines() if line.startswith("ssgan-lite")]) <= 2
    for word in words:
        assert word in said.err, said.err
    return said.err


def contents(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


# --------------------------------------------------------------------------------------------------------------- help

@pytest.mark.parametrize("command", ["doctor", "train", "sample", "measure"])
def test_help_shows_an_example_that_is_right(command: str, capsys) -> None:
    from ssgan_lite.cli import build_parser

    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    example = re.search(r"example:\n  ssgan-lite (.+)", shown)[1]
    assert example.split()[0] == command
    build_parser().parse_args(example.split())
    options = re.findall(r"^  (--[\w-]+)(.*(?:\n {20,}.*)?)", shown, re.MULTILINE)
    assert all(re.search(r"[a-z]{3}", text) for _, text in options), "an option without a word of help"


def test_every_field_of_run_and_recipe_is_an_option(capsys) -> None:
    import dataclasses

    from ssgan_lite.train import RunOptions, TrainConfig

    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = capsys.readouterr().out
    for field in (*dataclasses.fields(RunOptions), *dataclasses.fields(TrainConfig)):
        assert f"--{field.name.replace('_', '-')}" in shown
    with pytest.raises(SystemExit):
        main(["--help"])
    assert {"doctor", "train", "sample"} <= set(re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE))


# -------------------------------------------------------------------------------------------------------------- train

@pytest.mark.parametrize("options, words", [
    (["--preset", "nano23"], ['no preset called "nano23"', 'Did you mean "nano32"']),
    (["--data", "haeds"], ['no data set called "haeds"', 'Did you mean "heads"']),
    (["--preset", "paper512"], ["128, 64, 32 pixels, not 512"]),
    (["--batch", "6"], ["batch of 6", "groups of 4", "multiple of 4"]),
    (["--batch", "many"], ["--batch", "many"]),
    (["--lr", "0"], ["lr must be above 0"]),
    (["--device", "cuda:77"], ["GPU"]),
    (["--device", "gpu"], ['no device called "gpu"', "cpu, cuda"]),
    (["--device", "meta"], ['no device called "meta"']),
    (["--resume"], ["nothing to resume", "checkpoint.pt"]),
    (["--resume", "--start-from", "x.pt"], ["use one of them"]),
    (["--start-from", "gone.pt"], ['There is no checkpoint "gone.pt"']),
    (["--start-from", "gone.safetensors"], ['There are no weights at "gone.safetensors"']),
    (["--colour", "red"], ["--colour"]),
])
def test_training_that_cannot_be(options: list[str], words: list[str], tmp_path: Path, capsys) -> None:
    refused([*TRAIN, "--out", tmp_path / "run", *options], capsys, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_where_there_is_none(tmp_path: Path, capsys) -> None:
    refused([*TRAIN, "--out", tmp_path / "run", "--device", "cuda"], capsys, "CUDA was asked for", "--device cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_holds_another_run(finished: Path, capsys) -> None:
    before = contents(finished)
    refused([*TRAIN, "--out", finished], capsys, "already holds a run", "--resume", "another --out")
    refused([*TRAIN, "--out", finished, "--resume", "--preset", "lite64"], capsys, "of another model",
            "size 32, not 64")
    refused([*TRAIN, "--out", finished, "--resume", "--batch", "8"], capsys, "another recipe", "batch 4, not 8")
    refused([*TRAIN, "--out", finished / "run.json"], capsys, "not an empty folder")
    refused([*TRAIN, "--out", finished / "run.json" / "x"], capsys, "is not a folder")
    assert contents(finished) == before


@pytest.mark.parametrize("damage, words", [
    (lambda path: os.truncate(path, path.stat().st_size // 2), "cut short or changed"),
    (lambda path: os.truncate(path, 0), "cut short or changed"),
    (lambda path: flip_a_byte(path), "cut short or changed"),
    (lambda path: path.write_bytes(b"not a checkpoint at all"), "checkpoint.pt"),
    (lambda path: torch.save({"format": "ssgan-lite training state 1"}, path), "not a checkpoint of the kind"),
    (lambda path: torch.save([1], path), "not a checkpoint of the kind"),
], ids=["half", "empty", "byte", "text", "hollow", "list"])
def test_a_damaged_checkpoint(damage, words: str, finished: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(finished, tmp_path / "run")
    damage(tmp_path / "run" / "checkpoint.pt")
    before = contents(tmp_path)
    refused([*TRAIN, "--out", tmp_path / "run", "--resume"], capsys, "checkpoint.pt", words)
    refused([*TRAIN, "--out", tmp_path / "new", "--start-from", tmp_path / "run" / "checkpoint.pt"], capsys, words)
    assert contents(tmp_path) == before and not (tmp_path / "new").exists()


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


@pytest.mark.parametrize("damage, words", [
    (lambda path: path.unlink(), "was not found"), (lambda path: os.truncate(path, 500), "cut short"),
    (flip_a_byte, "was changed")], ids=["missing", "short", "changed"])
def test_a_damaged_pack(damage, words: str, tiny_data: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    shutil.copytree(tiny_data, tmp_path / "data")
    damage(tmp_path / "data" / "heads" / "heads-00000.npz")
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "data"))
    refused([*TRAIN, "--out", tmp_path / "run"], capsys, "heads-00000.npz", words)
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "nowhere"))
    refused([*TRAIN, "--out", tmp_path / "run"], capsys, "SSGAN_DATA", "nowhere")
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------------------------------- sample

def test_sample(weights: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "sheets" / "faces.png"
    assert main(["sample", "--weights", str(weights), "--seeds", "3,5,8", "--columns", "2", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"3 faces in {out}\n"
    with Image.open(out) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (2 * 64 + 2, 2 * 32 + 2, 3)
    assert main(["sample", "--weights", str(weights), "--seeds", "5", "--out", str(tmp_path / "one.png")]) == 0
    assert np.abs(np.asarray(Image.open(tmp_path / "one.png")).astype(int) - sheet[:64, 34:66]).max() <= 1
    before = out.read_bytes()
    refused(["sample", "--weights", weights, "--out", out], capsys, "exists", "--force")
    assert out.read_bytes() == before
    assert main(["sample", "--weights", str(weights), "--seeds", "9", "--out", str(out), "--force"]) == 0
    assert out.read_bytes() != before and [path.name for path in out.parent.iterdir()] == ["faces.png"]


@pytest.mark.parametrize("text, seeds", [("7", [7]), ("3,5,8", [3, 5, 8]), ("2:5", [2, 3, 4])])
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("options, words", [
    (["--seeds", "5:2"], ['"5:2" names no seeds', "0:16"]), (["--seeds", "a"], ["names no seeds"]),
    (["--seeds", "-3:4"], ["--seeds"]), (["--seeds", "99999999999999999999"], ["names no seeds"]),
    (["--scale", "0"], ["--scale must be at least 1"]), (["--columns", "-1"], ["--columns"]),
    (["--out", "faces.jpg"], ["faces.jpg", ".png"]), (["--psi", "much"], ["--psi"]),
    (["--weights", "gone.safetensors"], ['no weights at "gone.safetensors"']),
    (["--weights", "checkpoint.pt"], ["no file", "checkpoint.pt"]),
    (["--weights", "lite46"], ["lite46"]),
])
def test_samples_that_cannot_be(options, words, weights: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(["sample", "--weights", weights, "--out", tmp_path / "x.png", *options], capsys, *words)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------------- disks and folders

def mounted(folder: Path, options: str) -> bool:
    """Mount a file system in memory, which only root may, and in a container not even root."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return shutil.which("mount") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of 300 kB."""
    if not mounted(tmp_path / "disk", "size=300k"):
        pytest.skip("a small disk can be mounted by root only")
    yield tmp_path / "disk"
    subprocess.run(["umount", tmp_path / "disk"], check=True)


@pytest.fixture
def read_only(tmp_path: Path):
    """A folder in which nothing can be made. Root may write anywhere but on a disk that is mounted read-only."""
    folder = tmp_path / "read-only"
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        folder.mkdir(mode=0o555)
        yield folder
        folder.chmod(0o755)
    elif mounted(folder, "ro,size=100k"):
        yield folder
        subprocess.run(["umount", folder], check=True)
    else:
        pytest.skip("root may write everywhere, and no read-only disk can be mounted here")


def test_no_space_left(small_disk: Path, weights: Path, capsys) -> None:
    refused([*TRAIN, "--out", small_disk / "run"], capsys, "No space is left on the disk", "checkpoint.pt",
            "Free some")
    assert list(small_disk.iterdir()) == []
    (small_disk / "filling").write_bytes(bytes(296 * 1024))
    with pytest.raises(OSError):
        (small_disk / "more").write_bytes(bytes(99_999))
    (small_disk / "more").unlink()
    refused(["sample", "--weights", weights, "--seeds", "0:64", "--scale", "4", "--out", small_disk / "x.png"],
            capsys, "No space is left", "x.png")
    refused_names = [path.name for path in small_disk.iterdir()]
    assert refused_names == ["filling"]
    from ssgan_lite import official, save_weights

    G = SemanticGenerator(preset("nano32"))
    for write in (official.save_generator, save_weights):
        with pytest.raises(UserError, match="No space is left"):
            write(G, small_disk / "g.safetensors")
    assert [path.name for path in small_disk.iterdir()] == ["filling"]


def test_the_disk_fills_up_during_a_run(finished: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    """What was there before the step that failed is still there, whole, and can be gone on from."""
    shutil.copytree(finished, tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()

    def full(value, file):
        for _ in range(1000):
            file.write(b"x" * 1000)
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(torch, "save", full)
    refused([*TRAIN, "--out", tmp_path / "run", "--resume", "--images", "8"], capsys, "No space is left",
            "checkpoint.pt")
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    assert not list((tmp_path / "run").rglob("*.part"))
    monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_files_that_may_not_be_so_large(tmp_path: Path, tiny_data: Path) -> None:
    import resource

    done = subprocess.run(
        [sys.executable, "-m", "ssgan_lite", *TRAIN, "--out", str(tmp_path / "run")], capture_output=True, text=True,
        env={**os.environ, "SSGAN_DATA": str(tiny_data)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert done.returncode == 2, done.stderr
    assert "checkpoint.pt" in done.stderr and "larger than files may be" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder(read_only: Path, weights: Path, capsys) -> None:
    refused([*TRAIN, "--out", read_only / "run"], capsys, "cannot be written to", "another folder")
    refused(["sample", "--weights", weights, "--seeds", "1", "--out", read_only / "x.png"], capsys,
            f'"{read_only}" cannot be written to')
    assert list(read_only.iterdir()) == []


def test_atomic_write(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for wrong in (OSError(errno.EIO, "Input/output error"), KeyboardInterrupt(), ValueError("other")):
        with pytest.raises(UserError if isinstance(wrong, OSError) else type(wrong)):
            with atomic_write(path) as temporary:
                temporary.write_text("half")
                raise wrong
        assert list(tmp_path.iterdir()) == []                # not even the new folders
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent               # on the same disk, or replacing would be copying
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole" and len(list(path.parent.iterdir())) == 1
    with pytest.raises(UserError, match="No space is left"):
        with atomic_write(path) as temporary:
            temporary.write_text("other")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "whole" and len(list(path.parent.iterdir())) == 1


def test_torch_files(tmp_path: Path) -> None:
    value = {"a": torch.arange(5), "n": [1, "x"]}
    save_torch(value, tmp_path / "x.pt")
    again = load_torch(tmp_path / "x.pt")
    assert torch.equal(again["a"], value["a"]) and again["n"] == value["n"]
    assert (tmp_path / "x.pt").read_bytes()[:2] == b"PK"


# ------------------------------------------------------------------------------------------------------------- doctor

def test_doctor_with_data_but_no_weights(capsys) -> None:
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    for word in (f"Python {sys.version_info[0]}.{sys.version_info[1]}", f"torch {torch.__version__}",
                 "threads: torch uses", "memory:", "disk:", "heads: 1", "as the manifest says",
                 "weights: none are here", "SSGAN_DATA"):
        assert word in report, word
    lines = report.splitlines()
    assert re.fullmatch(r"  ok +a lite64 face takes \d+ ms", lines[-2])
    assert re.fullmatch(r"No trouble(, notes: \d+)?\.", lines[-1])
    assert all(re.match(r"  (ok|note|TROUBLE|  +->) +\S", line) or "->" in line for line in lines[1:-1])


@pytest.mark.parametrize("damage, words", [
    (lambda root: os.truncate(root / "heads" / "heads-00000.npz", 9), "cut short"),
    (lambda root: flip_a_byte(root / "heads" / "heads-00000.npz"), "was changed"),
    (lambda root: (root / "heads" / "heads-00000.npz").unlink(), "is not there"),
    (lambda root: (root / "manifest.json").write_text("{"), "damaged"),
    (shutil.rmtree, "not a folder")], ids=["short", "changed", "missing", "manifest", "gone"])
def test_doctor_finds_trouble(damage, words: str, tiny_data: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    shutil.copytree(tiny_data, tmp_path / "data")
    damage(tmp_path / "data")
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(doctor, "examine_speed", lambda: iter(()))
    doctor.examine_speed.__name__ = "examine_speed"
    assert main(["doctor"]) == 1
    report = capsys.readouterr().out
    trouble = [line for line in report.splitlines() if line.startswith("  TROUBLE")]
    assert len(trouble) == 1 and words in trouble[0]
    assert report.splitlines()[-1].startswith("Trouble: 1") and "disk:" in report


def test_doctor_knows_shipped_weights(tiny_data: Path, weights: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    shutil.copytree(tiny_data, tmp_path / "data")
    (tmp_path / "data" / "weights").mkdir()
    for suffix in (".safetensors", ".json"):
        shutil.copy(weights.with_suffix(suffix), tmp_path / "data" / "weights" / ("nano32" + suffix))
    assets.write_manifest(tmp_path / "data")
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "data"))
    assert [f.mark for f in doctor.examine_data()] == ["ok"] * 3
    assert "weights: 1 (nano32)" in "".join(f.what for f in doctor.examine_data())
    (tmp_path / "data" / "weights" / "nano32.json").write_text("{}")
    assert ["TROUBLE" in f.mark and "nano32.json" in f.what for f in doctor.examine_data()].count(True) == 1


def test_doctor_examines_one_by_one(monkeypatch, capsys) -> None:
    """What is strange on one machine does not keep the rest from being looked at."""
    monkeypatch.setattr(doctor, "_cores", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert [f.mark for f in doctor.examine_threads()] == ["TROUBLE"]
    assert "OMP_NUM_THREADS=1" in next(doctor.examine_threads()).remedy
    monkeypatch.setattr(doctor, "_memory", lambda: (None, None))
    assert "unknown" in next(doctor.examine_memory()).what
    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    marks = [(f.mark, f.remedy) for f in doctor.examine_packages()]
    assert [mark for mark, _ in marks] == ["TROUBLE", "note", "note"]
    assert all("pip install" in remedy for _, remedy in marks)

    def explode():
        raise ZeroDivisionError("odd")
    for name in ("examine_speed", "examine_memory", "examine_packages", "examine_threads"):
        monkeypatch.setattr(doctor, name, explode)
    assert main(["doctor"]) == 1
    report = capsys.readouterr().out
    assert report.count("could not be examined (ZeroDivisionError: odd)") == 4 and "disk:" in report


def test_doctor_compares_versions_with_the_least_that_are_needed(monkeypatch) -> None:
    assert "anywidget" in doctor.requirements()["course"] and "pillow" in doctor.requirements()[""]
    monkeypatch.setattr(doctor, "requirements", lambda: {"": {"pillow": "10.1", "tqdm": "0", "torch": "2.6"}})
    installed = {"pillow": "10.0.1", "tqdm": "4.1", "torch": "2.13.0+cpu"}
    monkeypatch.setattr(doctor.importlib.metadata, "version", installed.__getitem__)
    good, old = doctor.examine_packages()
    assert good.mark == "ok" and "torch 2.13.0+cpu" in good.what
    assert old.mark == "TROUBLE" and "pillow 10.0.1 (10.1 or later is needed)" in old.what and "pip" in old.remedy
    installed["pillow"] = "9.5.0"
    assert [f.mark for f in doctor.examine_packages()] == ["ok", "TROUBLE"]
    installed["pillow"] = "10.1.0"
    assert [f.mark for f in doctor.examine_packages()] == ["ok"]


def missing(name: str) -> str:
    import importlib.metadata

    raise importlib.metadata.PackageNotFoundError(name)


# ------------------------------------------------------------------------------------------------------------ the end

@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_closed_pipe_ends_without_traceback() -> None:
    """As in `ssgan-lite doctor | head -1`: the code of a program that SIGPIPE ended, nothing on standard error."""
    read, write = os.pipe()
    os.close(read)
    program = ("import sys, ssgan_lite.cli as cli, ssgan_lite.doctor as doctor\n"
               "doctor.examine = lambda: print('x' * 100_000) or 0\n"
               "sys.exit(cli.main(['doctor']))")
    done = subprocess.run([sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_before_the_first_step(monkeypatch, tmp_path: Path, capsys) -> None:
    from ssgan_lite.train import run as runs

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr(runs, "open_shared", interrupted)
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 130
    assert "interrupted" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_knows_its_preset(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("ssgan_lite.cli.train", lambda options, recipe, model: asked.append((options, model)))
    about = dict(preset="lite64", data="heads", model=preset("lite64").to_dict(), recipe={"batch": 8})
    (tmp_path / "run.json").write_text(json.dumps(about))
    assert main(["train", "--out", str(tmp_path), "--resume"]) == 0
    assert main(["train", "--out", str(tmp_path / "new")]) == 0
    assert [options.preset for options, _ in asked] == ["lite64", "nano32"]
    assert [model.size for _, model in asked] == [64, 32]

# ------------------------------------------------------------------------------------------ what a run remembers

def smaller_data(root: Path, where: Path, monkeypatch) -> None:
    """A data tree whose pack of heads is another one."""
    shutil.copytree(root, where)
    [shard] = (where / "heads").glob("*.npz")
    with np.load(shard) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["seed"] = changed["seed"][::-1].copy()
    np.savez_compressed(shard, **changed)
    assets.write_manifest(where)
    monkeypatch.setenv("SSGAN_DATA", str(where))


def test_resume_keeps_all_options_and_what_is_named_wins(finished: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(finished, tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["data_sum"] and set(about["options"]) >= {"keep_checkpoints", "snapshots", "compile", "log_every"}
    about["options"] |= {"keep_checkpoints": 5, "snapshots": "none", "log_every": 7}
    (tmp_path / "run" / "run.json").write_text(json.dumps(about))
    asked = []
    monkeypatch.setattr("ssgan_lite.cli.train", lambda options, recipe, model: asked.append((options, recipe)))
    assert main(["train", "--resume", "--out", str(tmp_path / "run"), "--log-every", "9", "--images", "8"]) == 0
    options, recipe = asked[0]
    assert (options.keep_checkpoints, options.snapshots, options.log_every) == (5, "none", 9)
    assert (recipe.images, recipe.batch, options.precision) == (8, 4, "fp32")
    (tmp_path / "run" / "run.json").unlink()                     # killed before it was written: the checkpoint knows
    assert main(["train", "--resume", "--out", str(tmp_path / "run")]) == 0
    assert asked[1][0].preset == "nano32" and asked[1][1].batch == 4


def test_resume_with_other_faces_is_refused(finished: Path, tiny_data: Path, tmp_path, monkeypatch, capsys) -> None:
    shutil.copytree(finished, tmp_path / "run")
    before = contents(tmp_path / "run")
    smaller_data(tiny_data, tmp_path / "data", monkeypatch)
    refused(["train", "--resume", "--out", tmp_path / "run", "--images", "8", "--quiet"], capsys,
            '"heads" holds other faces', "--start-from")
    assert contents(tmp_path / "run") == before


def test_resume_with_another_data_set_is_refused(finished: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(finished, tmp_path / "run")
    refused(["train", "--resume", "--out", tmp_path / "run", "--quiet", "--data", "heads:0:12"], capsys,
            'was trained on "heads"', '"heads:0:12"')


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_run_whose_output_nobody_reads_is_saved_and_fails(tmp_path: Path, tiny_data: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ssgan_lite", *TRAIN[:-1], "--images", "4000", "--recipe", "paper",
               "--log-every", "4", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, stdout=write, stderr=write, env={**os.environ, "SSGAN_DATA": str(tiny_data)})
    os.close(write)
    assert done.returncode == 141
    assert (tmp_path / "run" / "weights.safetensors").exists()


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "2", "RANK": "0"}])
def test_processes_that_do_not_know_where_to_meet(variables, tmp_path: Path, monkeypatch, capsys) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused([*TRAIN, "--out", tmp_path / "run"], capsys, "MASTER_ADDR", "torchrun")
    assert list(tmp_path.iterdir()) == []


def test_compiling_without_a_compiler(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    refused([*TRAIN, "--compile", "--out", tmp_path / "run"], capsys, "C++ compiler", "leave out --compile")
    assert list(tmp_path.iterdir()) == []
