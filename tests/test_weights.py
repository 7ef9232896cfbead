"""Weights on disk: what is written is read, and what is damaged, missing or foreign is said."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ssgan_lite import SemanticGenerator, assets, load_pretrained, official, preset, save_weights
from ssgan_lite.errors import UserError
from ssgan_lite.int8 import dequantize
from ssgan_lite.storage import save_tensors
from ssgan_lite.weights import fingerprint, save_child, shipped


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[SemanticGenerator, Path]:
    """A generator and the file that it was written to."""
    torch.manual_seed(0)
    G = SemanticGenerator(preset("nano32")).eval()
    path = tmp_path_factory.mktemp("made") / "nano32.safetensors"
    save_weights(G, path, {"images": 7})
    return G, path


@pytest.fixture
def tree(made, tmp_path: Path, monkeypatch) -> Path:
    """A data tree that ships these weights under two names."""
    (tmp_path / "weights").mkdir()
    for name in ("nano32", "other"):
        for suffix in (".safetensors", ".json"):
            shutil.copy(made[1].with_suffix(suffix), tmp_path / "weights" / (name + suffix))
    assets.write_manifest(tmp_path)
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
    return tmp_path


def test_round_trip(made) -> None:
    G, path = made
    assert sorted(p.name for p in path.parent.iterdir()) == ["nano32.json", "nano32.safetensors"]
    again = load_pretrained(path)
    assert again.config == G.config and again.record == {"images": 7} and not again.training
    state = again.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in G.state_dict().items())
    assert again.mean_w.isfinite().all()                   # known before it was written
    w = G.mapping(G.sample_z(2, 0))
    assert torch.equal(G(w, psi=0.5).image, again(w, psi=0.5).image)
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_half_precision_and_names_without_a_suffix(made, tmp_path: Path) -> None:
    G, path = made
    save_weights(G, tmp_path / "v1.5", dtype=torch.float16)
    small = tmp_path / "v1.5.safetensors"
    assert small.exists() and (tmp_path / "v1.5.json").exists()
    assert small.stat().st_size < 0.6 * path.stat().st_size
    assert {tensor.dtype for tensor in load_file(small).values()} == {torch.float16}
    again = load_pretrained(small)
    assert again.local.weight.dtype == torch.float32
    torch.testing.assert_close(again.local.weight, G.local.weight, rtol=1e-3, atol=1e-3)


def test_int8_for_snapshots(made, tmp_path: Path) -> None:
    G, path = made
    save_weights(G, tmp_path / "small", dtype=torch.int8)
    stored = load_file(tmp_path / "small.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.int8, torch.float16, torch.float32}
    assert (tmp_path / "small.safetensors").stat().st_size < 0.33 * path.stat().st_size
    again = load_pretrained(tmp_path / "small.safetensors")
    for name, theirs in again.state_dict().items():
        ours = G.state_dict()[name]
        assert (theirs - ours).abs().max() <= (0.5 / 127 + 1e-3) * ours.abs().max(), name
    w = G.mapping(G.sample_z(8, 0))
    assert (G(w).image - again(w).image).abs().mean() < 4 / 127.5
    # A file without its scales is not read as if the whole numbers were weights.
    with pytest.raises(UserError, match='"there" has no scale for "local.style_weight"'):
        dequantize({name: tensor for name, tensor in stored.items() if not name.endswith("/reach")}, "there")


def test_shipped_weights(tree: Path, made) -> None:
    assert shipped() == ["nano32", "other"]
    G = load_pretrained("nano32")
    assert torch.equal(G.local.weight, made[0].local.weight) and G.record == {"images": 7}
    by_path = load_pretrained(tree / "weights" / "other.safetensors")
    assert load_pretrained("other").config == by_path.config == preset("nano32")
    with pytest.raises(UserError, match='No weights called "nano23" are here. Did you mean "nano32"'):
        load_pretrained("nano23")


def test_one_damaged_file_does_not_hide_the_others(tree: Path) -> None:
    (tree / "weights" / "other.safetensors").unlink()
    load_pretrained("nano32")
    with pytest.raises(UserError, match="other.safetensors.*not found.*SSGAN_DATA"):
        load_pretrained("other")
    os.truncate(tree / "weights" / "nano32.safetensors", 1000)
    with pytest.raises(UserError, match="nano32.safetensors.*cut short: it has 1,000 of"):
        load_pretrained("nano32")


def test_where_nothing_is_shipped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
    assert shipped() == []
    with pytest.raises(UserError, match='"weights/lite64.safetensors" was not found.*Clone ssgan-lite'):
        load_pretrained("lite64")
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "gone"))
    with pytest.raises(UserError, match="SSGAN_DATA names .* not a folder"):
        load_pretrained("lite64")


def test_a_changed_byte_in_shipped_weights(tree: Path) -> None:
    path = tree / "weights" / "nano32.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="nano32.safetensors.*was changed"):
        load_pretrained("nano32")


# ------------------------------------------------------------------------------------- as the difference to a parent

@pytest.fixture
def child(tree: Path) -> tuple[SemanticGenerator, Path]:
    """A generator that moved away from "nano32", and the file that holds the difference."""
    G = load_pretrained("nano32")
    with torch.no_grad():
        draw = torch.Generator().manual_seed(1)
        for name, weight in G.named_parameters():
            if not name.startswith("local."):
                weight += 0.05 * torch.randn(weight.shape, generator=draw)
    save_child(G, "nano32", tree / "weights" / "nano32-drawn", {"images": 9})
    assets.write_manifest(tree)
    return G, tree / "weights" / "nano32-drawn.safetensors"


def test_child_is_loaded_by_name_and_from_its_file(child, tree: Path) -> None:
    G, path = child
    assert "nano32-drawn" in shipped()
    assert path.stat().st_size < 0.3 * (tree / "weights" / "nano32.safetensors").stat().st_size
    parent, tensors = load_pretrained("nano32").state_dict(), load_file(path)
    assert not any(name.startswith("local.") for name in tensors), "what did not change is not there"
    for again in (load_pretrained("nano32-drawn"), load_pretrained(path)):
        assert again.config == G.config and again.record == {"images": 9} and not again.training
        assert all(weight.requires_grad for weight in again.parameters())
        for name, tensor in again.state_dict().items():
            moved = (G.state_dict()[name] - parent[name]).abs().max()
            assert (tensor - G.state_dict()[name]).abs().max() <= 0.0041 * moved, name
    assert load_pretrained("nano32-drawn").name == "nano32-drawn"


def test_child_of_another_version_is_refused(child, tree: Path) -> None:
    with torch.no_grad():
        other = load_pretrained("other")
        other.local.weight[0, 0, 0, 0] += 1
    save_weights(other, tree / "weights" / "nano32")
    assets.write_manifest(tree)
    with pytest.raises(UserError, match='nano32-drawn.safetensors" is the difference to nano32 in version.*README'):
        load_pretrained("nano32-drawn")


def test_child_without_its_parent_is_refused(child, tree: Path) -> None:
    for suffix in (".safetensors", ".json"):
        (tree / "weights" / f"nano32{suffix}").unlink()
    assets.write_manifest(tree)
    with pytest.raises(UserError, match='No weights called "nano32" are here'):
        load_pretrained(child[1])


def test_child_of_another_model_or_of_a_file_cannot_be_saved(child, tree: Path, tmp_path: Path) -> None:
    other = SemanticGenerator(preset("nano32").replace(style_dim=16))
    with pytest.raises(UserError, match="style_dim is 16 in the one and 64"):
        save_child(other, "nano32", tmp_path / "no")
    with pytest.raises(UserError, match="is a path"):
        save_child(child[0], str(tree / "weights" / "nano32.safetensors"), tmp_path / "no")
    assert not (tmp_path / "no.safetensors").exists()


def test_difference_without_a_scale_is_refused(child) -> None:
    G, path = child
    tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
    del tensors["embedding.weight/reach"]
    kept = {name: value for name, value in about.items() if name not in ("format", "sha256")}
    save_tensors(path.with_name("mine"), tensors, about["format"], kept)
    with pytest.raises(UserError, match='mine.safetensors" has no scale for "embedding.weight"'):
        load_pretrained(path.with_name("mine.safetensors"))


def test_fingerprint_outlives_new_fields_of_the_configuration() -> None:
    """Saved faces and directions know a model by it."""
    torch.manual_seed(0)
    G = SemanticGenerator(preset("nano32"))
    with torch.no_grad():
        for weight in G.parameters():
            weight.zero_()
        for plane in G.buffers():
            plane.zero_()
    assert fingerprint(G).startswith("a3fe53d79dec"), "give LATER the new field, with the value that changes nothing"


@pytest.fixture
def pair(made, tmp_path: Path) -> Path:
    for suffix in (".safetensors", ".json"):
        shutil.copy(made[1].with_suffix(suffix), tmp_path / ("w" + suffix))
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("size", [0, 5, 100, 5000, -1])
def test_cut_short(size: int, pair: Path) -> None:
    os.truncate(pair, size if size >= 0 else pair.stat().st_size - 1)
    with pytest.raises(UserError, match="w.safetensors.*cut short"):
        load_pretrained(pair)


def test_changed_or_swapped(pair: Path) -> None:
    content = bytearray(pair.read_bytes())
    content[-1000] ^= 1
    pair.write_bytes(content)
    with pytest.raises(UserError, match='w.safetensors" is not the file that "w.json" describes'):
        load_pretrained(pair)


def test_missing_files(pair: Path) -> None:
    with pytest.raises(UserError, match='no weights at ".*gone.safetensors"'):
        load_pretrained(pair.with_name("gone.safetensors"))
    with pytest.raises(UserError, match="ending in .safetensors"):
        load_pretrained(pair.with_name("faces.png"))
    with pytest.raises(UserError, match='no file ".*checkpoint.pt"'):
        load_pretrained(pair.with_name("checkpoint.pt"))
    pair.with_suffix(".json").unlink()
    with pytest.raises(UserError, match='w.json", which says what model "w.safetensors" is, is missing. Copy both'):
        load_pretrained(pair)


@pytest.mark.parametrize("text, message", [
    ("", "cannot be read"), ("[]", "does not describe"),
    ('{"format": "ssgan-lite generator 0"}', "does not describe"),
    ('{"format": "ssgan-lite generator 1", "sha256": "", "config": 3}', "does not describe"),
    ("\x00", "cannot be read")])
def test_descriptions_that_describe_nothing(text: str, message: str, pair: Path) -> None:
    pair.with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match=f"w.json.*{message}"):
        load_pretrained(pair)


@pytest.mark.parametrize("change, message", [
    ({"size": 64}, "cannot be built"), ({"wigs": 1}, "not known here: wigs"),
    ({"style_dim": 32}, "belongs to another model"),
    ({"size": "big"}, "w.json")])
def test_a_description_of_another_model(change: dict, message: str, pair: Path) -> None:
    description = json.loads(pair.with_suffix(".json").read_text())
    description["config"].update(change)
    pair.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=message):
        load_pretrained(pair)


def test_a_failed_write_leaves_the_old_pair(made, pair: Path, monkeypatch) -> None:
    """Not one new file and one old one."""
    before = {path.name: path.read_bytes() for path in pair.parent.iterdir()}

    def full(self, *arguments, **options):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "write_text", full)
    other = SemanticGenerator(preset("nano32"))
    with pytest.raises(UserError, match="No space is left"):
        save_weights(other, pair)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in pair.parent.iterdir()} == before


# ------------------------------------------------------------------------------------- files of the published code

def edited(path):
    from ssgan_lite.editor import FaceEditor

    return FaceEditor(path).face.generator.state_dict()


def trained_on(path):
    from ssgan_lite.train.networks import read_source

    return read_source(str(path)).states["G_ema"]


TAKES_WEIGHTS = {"load_pretrained": lambda path: load_pretrained(path).state_dict(), "FaceEditor": edited,
                 "--start-from": trained_on}


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, Path]:
    """A small generator as the published code would have saved it, and what people have instead of such a file."""
    folder = tmp_path_factory.mktemp("published")
    files = {name: folder / f"{name}.pt" for name in ("whole", "bare", "page", "pointer")}
    official.save_generator(load_pretrained("nano32"), files["whole"])
    state = torch.load(files["whole"], weights_only=False)["g_ema"]
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, files["bare"])
    files["page"].write_text("<!DOCTYPE html><html></html>")
    files["pointer"].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    return files


@pytest.mark.filterwarnings("ignore:The checkpoint does not say")
@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("file", ["whole", "bare"])
@pytest.mark.parametrize("entry", TAKES_WEIGHTS)
def test_published_checkpoint_loads(entry: str, file: str, kind: type, published) -> None:
    state = TAKES_WEIGHTS[entry](kind(published[file]))
    expected = load_pretrained("nano32").local.weight
    assert torch.allclose(state["local.weight"], expected, atol=1e-6)


@pytest.mark.parametrize("file, word", [("page", "HTML"), ("pointer", "LFS")])
@pytest.mark.parametrize("entry", TAKES_WEIGHTS)
def test_stand_in_for_a_checkpoint_is_named(entry: str, file: str, word: str, published) -> None:
    with pytest.raises(UserError, match=word):
        TAKES_WEIGHTS[entry](published[file])
