"""Where files are looked for, and what is said of those that are missing, cut short or changed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ssgan_lite import assets
from ssgan_lite.errors import UserError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small data tree, named by SSGAN_DATA."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "heads").mkdir()
    (tmp_path / "weights" / "tiny.safetensors").write_bytes(b"weights" * 100)
    (tmp_path / "weights" / "tiny.json").write_text('{"size": 32}\n')
    (tmp_path / "heads" / "heads-00000.npz").write_bytes(b"heads")
    assets.write_manifest(tmp_path)
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
    return tmp_path


def test_manifest_lists_shards_and_weights(tree: Path) -> None:
    (tree / "notes.json").write_text("{}")               # only the JSON files beside weights are part of the data
    entries = assets.write_manifest(tree)
    assert list(entries) == ["heads/heads-00000.npz", "weights/tiny.json", "weights/tiny.safetensors"]
    assert entries["weights/tiny.safetensors"]["bytes"] == 700
    assert json.loads((tree / "manifest.json").read_text()) == entries
    assert not list(tree.glob("*.tmp"))


def test_the_manifest_in_the_repository_matches_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSGAN_DATA", raising=False)
    root = assets.roots()[0]
    assert assets.check(root) == []
    there = {p.relative_to(root).as_posix() for pattern in ("heads/*.npz", "weights/*.safetensors")
             for p in root.glob(pattern)}
    assert there <= set(assets.read_manifest(root)), "run `make manifest`"


def test_find_looks_in_the_named_folder_only(tree: Path) -> None:
    assert assets.find("weights/tiny.json") == tree / "weights" / "tiny.json"
    with pytest.raises(UserError, match="heads-00001.npz.*not found in.*SSGAN_DATA") as error:
        assets.find("heads/heads-00001.npz")
    assert str(tree) in str(error.value)


def test_a_clone_named_instead_of_its_data_folder(tree: Path, tmp_path_factory, monkeypatch) -> None:
    clone = tmp_path_factory.mktemp("clone")
    tree.rename(clone / "data")
    monkeypatch.setenv("SSGAN_DATA", str(clone))
    assert assets.find("weights/tiny.json") == clone / "data" / "weights" / "tiny.json"


def test_a_named_folder_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "gone"))
    with pytest.raises(UserError, match='SSGAN_DATA names ".*gone", which is not a folder'):
        assets.find("weights/tiny.json")


def test_without_a_clone_the_cache_is_used(tree: Path, tmp_path_factory, monkeypatch) -> None:
    """As in a package installed into site-packages: nothing lies beside it."""
    monkeypatch.delenv("SSGAN_DATA")
    site_packages = tmp_path_factory.mktemp("site") / "ssgan_lite"
    monkeypatch.setattr(assets, "__file__", str(site_packages / "assets.py"))
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(assets, "_cache_at_home", lambda: cache)
    with pytest.raises(UserError) as error:
        assets.find("weights/tiny.json")
    assert str(cache) in str(error.value) and "Clone ssgan-lite" in str(error.value)
    with pytest.raises(UserError, match="No data was found"):
        assets.root_folder()
    with pytest.raises(UserError, match="heads/\\*.npz"):
        assets.find_all("heads/*.npz")
    cache.rmdir()
    tree.rename(cache)
    assert assets.verify(assets.find("weights/tiny.json")) == cache / "weights" / "tiny.json"


@pytest.mark.parametrize("platform, variable, tail", [
    ("linux", "XDG_CACHE_HOME", "ssgan-lite"), ("win32", "LOCALAPPDATA", "ssgan-lite")])
def test_cache_folder_by_platform(platform, variable, tail, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert assets.cache_folder() == tmp_path / tail


def test_without_a_home_folder_the_cache_is_a_temporary_one(monkeypatch, tmp_path) -> None:
    def no_home():
        raise RuntimeError("Could not determine home directory.")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(assets.Path, "home", no_home)
    monkeypatch.setattr(assets.tempfile, "gettempdir", lambda: str(tmp_path))
    assert assets.cache_folder().parent == tmp_path
    assert tmp_path not in {root.parent for root in assets.roots()}, "what others may write to holds no data of ours"


def test_a_git_lfs_pointer_in_place_of_a_file_is_named(tree: Path) -> None:
    path = tree / "weights" / "tiny.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 700\n")
    with pytest.raises(UserError, match="tiny.safetensors.*Git LFS pointer.*git lfs pull"):
        assets.verify(path)


def test_cut_short(tree: Path) -> None:
    path = tree / "weights" / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:321])
    with pytest.raises(UserError, match="tiny.safetensors.*cut short: it has 321 of 700 bytes"):
        assets.verify(path)


def test_one_changed_byte_is_noticed_even_after_a_first_verification(tree: Path) -> None:
    path = tree / "weights" / "tiny.safetensors"
    assert assets.verify(path) == path
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(UserError, match="tiny.safetensors.*was changed"):
        assets.verify(path)
    assert len(assets.check(tree)) == 1


def test_a_file_is_hashed_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tree / "weights" / "tiny.safetensors"
    assets.verify(path)
    monkeypatch.setattr(assets, "sha256", lambda path: pytest.fail("hashed again"))
    assets.verify(path)


def test_unlisted_missing_and_damaged_manifest(tree: Path) -> None:
    (tree / "weights" / "own.safetensors").write_bytes(b"own")
    with pytest.raises(UserError, match="own.safetensors.*not listed"):
        assets.verify(tree / "weights" / "own.safetensors")
    (tree / "heads" / "heads-00000.npz").unlink()
    with pytest.raises(UserError, match="heads-00000.npz"):
        assets.find_all("heads/*.npz")
    (tree / "manifest.json").write_text('{"weights/tiny.json": {"bytes"')
    with pytest.raises(UserError, match="manifest.json.*damaged"):
        assets.verify(tree / "weights" / "tiny.json")
    (tree / "manifest.json").unlink()
    with pytest.raises(UserError, match="No manifest.json lies above"):
        assets.verify(tree / "weights" / "tiny.json")


def test_command(tree: Path, capsys: pytest.CaptureFixture) -> None:
    assert assets.main(["--check"]) == 0
    (tree / "weights" / "tiny.json").write_text('{"size": 64}\n')
    assert assets.main(["--check"]) == 1
    assert "tiny.json" in capsys.readouterr().out
    assert assets.main([]) == 0 and assets.main(["--check"]) == 0
    assert assets.main([str(tree / "nowhere")]) == 2
    (tree / "weights" / "tiny.json").write_text('{"size": 65}\n')
    assert assets.main(["--chek"]) == 2 and assets.main(["--help"]) == 0
    assert assets.main(["--check"]) == 1, "a typo and --help write nothing"
