"""Avatars: the pack that ships, and, where the drawing packages are installed, that it is drawn as it was."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.cli import main
from ssgan_lite.data import Dataset, avatars, open_dataset
from ssgan_lite.data.avatar_styles import BELOW, BROWS_OR_EYES, STYLES, Zones
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("dicebear", "dicebear_styles", "resvg_py")),
    reason="drawing avatars needs the extra [avatars]; the pack that ships is tested without it")


@pytest.fixture(scope="module")
def pack() -> Dataset:
    return open_dataset("avatars", 128, "all")


# ------------------------------------------------------------------------------------------------- the shipped pack

def test_pack_has_four_styles_and_both_splits(pack: Dataset) -> None:
    assert len(pack) == 2_000 and pack.source == "avatars"
    styles, counts = np.unique(pack.attributes["style"], return_counts=True)
    assert set(styles) == {style.name for style in STYLES} and set(counts) == {500}
    assert sum(path.stat().st_size for path in assets.find_all("avatars/*.npz")) <= 4_000_000
    train, val = open_dataset("avatars", 64), open_dataset("avatars", 64, "val")
    assert (len(train), len(val)) == (1_800, 200) and set(val.seeds % 10) == {9} and train.size == 64
    assert set(val.attributes["style"]) == set(styles)


def test_each_style_has_its_documented_parts(pack: Dataset) -> None:
    """What the table in data/avatars/README.md says of each style is what its masks show."""
    never = {"avataaars": set(), "personas": {"eyebrows", "earrings"},
             "big-ears": {"neck", "cloth", "glasses", "hat", "earrings"},
             "dylan": {"nose", "neck", "cloth", "glasses", "hat", "earrings"}}
    for style, missing in never.items():
        masks = pack.where(f"style == '{style}'").masks
        shown = set(np.array(PARTS.names)[torch.unique(masks).numpy()])
        assert shown == set(PARTS.names) - missing, style


def test_attributes_agree_with_masks(pack: Dataset) -> None:
    for name in ("glasses", "hat"):
        shown = (pack.masks == PARTS[name].id).flatten(1).any(1).numpy()
        assert np.array_equal(pack.which(name), shown), name
    for part, where, least in (("face", "face", 1.0), ("eyes", "not glasses", 1.0), ("nose", "style != 'dylan'", 1.0),
                               ("mouth", "face", 1.0)):
        shown = (pack.masks == PARTS[part].id).flatten(1).any(1).numpy()
        assert shown[pack.which(where)].mean() >= least, part                # dark glasses hide eyes


def test_background_is_one_color(pack: Dataset) -> None:
    """The corner that the mask calls background has the color that was drawn for it."""
    corner = (pack.masks[:, 0, 0] == 0).numpy()
    wanted = np.array([list(bytes.fromhex(color[1:])) for color in pack.attributes["background"]])
    found = pack.images[:, :, 0, 0].numpy().astype(int)
    assert corner.mean() > 0.8 and np.abs(found - wanted)[corner].max() <= 12          # lossy compression


def test_avatars_differ(pack: Dataset) -> None:
    assert len(torch.unique(open_dataset("avatars", 32, "all").images.flatten(1), dim=0)) >= 0.99 * len(pack)


# -------------------------------------------------------------------------------------------------- how it is drawn

@needs_packages
@pytest.mark.parametrize("number", range(len(STYLES)))
def test_same_seed_draws_same_avatar(pack: Dataset, number: int) -> None:
    painter = avatars.Painter(STYLES[number])
    for seed in (500 * number, 500 * number + 123):
        image, mask, record = painter.draw(seed)
        row = int(np.flatnonzero(pack.seeds == seed)[0])
        assert np.array_equal(mask, pack.masks[row].numpy())
        assert record == {name: values[row] for name, values in pack.attributes.items()}
        shipped = np.asarray(Image.open(io.BytesIO(avatars.encode(image))).convert("RGB"))
        assert np.array_equal(shipped, pack.images[row].permute(1, 2, 0).numpy())


@needs_packages
def test_every_layer_matches_a_rule() -> None:
    """Each shape of each variant, also rare ones, meets a rule; a style's next version may bring others."""
    import json
    from importlib.resources import files

    for style in STYLES:
        painter = avatars.Painter(style)
        definition = json.loads(files("dicebear_styles").joinpath(f"{style.name}.json").read_text(encoding="utf-8"))
        for component, entry in definition["components"].items():
            for variant in entry.get("variants", {}):
                options = {f"{component}Variant": [variant], f"{component}Probability": 100,
                           **{f"{role}Color": [color] for color, role in painter.roles.items()}}
                drawing = painter.dicebear.Avatar(painter.definition, {"seed": "0", **options})
                meanings: list = ["background"]
                painter._repaint(avatars.ElementTree.fromstring(str(drawing)), "canvas", meanings)
                assert len(meanings) > 2


def test_rules_name_parts() -> None:
    for style in STYLES:
        for layer, paint, meaning in style.rules:
            parts = {meaning}
            if isinstance(meaning, Zones):
                parts = {name for name, _ in meaning.boxes} | {meaning.elsewhere}
            assert parts <= {*PARTS.names, BELOW, BROWS_OR_EYES}, (style.name, layer, paint)


def test_shapes_above_a_gap_are_brows() -> None:
    figure = np.zeros((8, 4), bool)
    figure[2], figure[5:7] = True, True
    assert avatars.upper_group(figure)[:, 0].tolist() == [True] * 3 + [False] * 5
    figure[3:5] = True
    assert not avatars.upper_group(figure).any()
    assert not avatars.upper_group(np.zeros((8, 4), bool)).any()


@needs_packages
def test_shards_are_drawn_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "mine"
    assert main(["prepare", "avatars", "--out", str(out), "--each", "2", "--quiet"]) == 0
    assert "8 avatars" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert len(before) == 4 and main(["prepare", "avatars", "--out", str(out), "--each", "2", "--quiet"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.iterdir()}           # nothing is drawn twice
    assert main(["prepare", "avatars", "--out", str(out), "--each", "3", "--quiet"]) == 2
    assert "holds other avatars" in capsys.readouterr().err
    with pytest.raises(UserError, match="at least one avatar"):
        avatars.make(out, 0)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dicebear", None)
    assert main(["prepare", "avatars", "--out", str(tmp_path / "mine")]) == 2
    assert '[avatars]' in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
