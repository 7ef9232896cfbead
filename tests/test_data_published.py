"""Copies of published data sets as users have them (synthetic, in the same layout): read, or refused with a name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import published
from ssgan_lite.cli import main
from ssgan_lite.data import cityscapes, open_dataset, portraits, prepared
from ssgan_lite.data.street_parts import cityscapes_parts
from ssgan_lite.data.streets import draw_scene
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


def prepare(kind: str, root: Path, out: Path, *options: object) -> int:
    return main(["prepare", kind, *map(str, published.SAMPLES[kind](root) if not root.exists() else [root]),
                 "--size", "16", "--out", str(out), "--quiet", *map(str, options)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "input"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# -------------------------------------------------------------------------------------------------------- MetFaces

def test_metfaces(root: Path, out: Path) -> None:
    assert prepare("metfaces", root, out) == 0
    faces = open_dataset(f"metfaces:{out}", 16, "all")
    assert sorted(faces.names) == ["11713-00.png", "20042-00.png", "20042-01.png"] and not faces.has_masks
    about = dict(zip(faces.names, faces.attributes["title"], strict=True))
    assert about["20042-01.png"] == "Zwei Köpfe" and set(faces.attributes) == {"work", "title", "artist"}
    sides = {split: set(open_dataset(f"metfaces:{out}", 16, split).attributes["work"]) for split in ("train", "val")}
    assert not sides["train"] & sides["val"], "faces of one work must lie on one side"


def test_metfaces_images_alone(root: Path, out: Path, tmp_path: Path) -> None:
    published.metfaces(root)
    shutil.move(root / "images", tmp_path / "only")
    assert prepare("metfaces", tmp_path / "only", out) == 0
    faces = open_dataset(f"metfaces:{out}", 16, "all")
    assert len(faces) == 3 and faces.attributes == {}


def test_metfaces_json_that_names_missing_files(root: Path, out: Path, capsys) -> None:
    published.metfaces(root)
    (root / "images" / "20042-01.png").unlink()
    assert prepare("metfaces", root, out) == 2
    said = capsys.readouterr().err
    assert '"20042-01.png"' in said and "metfaces.json" in said and "--skip-bad" in said
    assert prepare("metfaces", root, out, "--skip-bad") == 0
    assert list(prepared.describe(out)["left_out"]) == ["20042-01.png"]
    assert len(open_dataset(f"metfaces:{out}", 16, "all").attributes["title"]) == 2


def test_metfaces_picture_that_the_json_does_not_name(root: Path, out: Path, capsys) -> None:
    published.metfaces(root)
    published.picture(root / "images" / "mine.png")
    assert prepare("metfaces", root, out) == 2 and "images/mine.png" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[{", "{}", "[]", "[1]", '[{"title": "x"}]'])
@pytest.mark.parametrize("kind, name", [("metfaces", "metfaces.json"), ("ffhq", "ffhq-dataset-v2.json")])
def test_damaged_json(kind: str, name: str, content: str, root: Path, out: Path, capsys) -> None:
    published.SAMPLES[kind](root)
    (root / name).write_text(content)
    assert prepare(kind, root, out) == 2
    assert name in capsys.readouterr().err and not out.exists()


# ------------------------------------------------------------------------------------------------------------ FFHQ

def test_ffhq_thumbnails_and_large_pictures(root: Path, out: Path, tmp_path: Path) -> None:
    published.ffhq(root)
    small, large = portraits.plan_ffhq(root, 128), portraits.plan_ffhq(root, 160)
    assert [small.options["pictures"], large.options["pictures"]] == ["thumbnails128x128", "images1024x1024"]
    assert prepare("ffhq", root, out) == 0
    train, val = (open_dataset(f"ffhq:{out}", 16, split) for split in ("train", "val"))
    assert list(train.names) == ["00000.png", "00001.png"] and list(val.names) == ["60000.png"]
    assert train.images[0, :, 0, 0].tolist() == [10, 20, 30]
    assert "LICENSE" in (out / "report.txt").read_text()


def test_ffhq_without_json_and_flat(root: Path, out: Path) -> None:
    published.ffhq(root)
    (root / "ffhq-dataset-v2.json").unlink()
    shutil.rmtree(root / "thumbnails128x128")
    for path in sorted((root / "images1024x1024").rglob("*.png")):
        path.rename(root / "images1024x1024" / path.name)
    assert prepare("ffhq", root, out) == 0
    assert list(open_dataset(f"ffhq:{out}", 16, "val").names) == ["60000.png"]


def test_ffhq_json_that_names_missing_files(root: Path, out: Path, capsys) -> None:
    """Those within what is there; a copy that ends early is no damaged one."""
    published.ffhq(root)
    (root / "thumbnails128x128" / "00000" / "00001.png").unlink()
    assert prepare("ffhq", root, out) == 2 and '"00001.png"' in capsys.readouterr().err
    shutil.rmtree(out)
    (root / "thumbnails128x128" / "60000" / "60000.png").unlink()
    assert prepare("ffhq", root, out) == 0 and len(open_dataset(f"ffhq:{out}", 16, "all")) == 1


def test_ffhq_picture_that_is_there_twice(root: Path, out: Path, capsys) -> None:
    published.ffhq(root)
    published.picture(root / "thumbnails128x128" / "1.png")
    assert prepare("ffhq", root, out) == 2
    said = capsys.readouterr().err
    assert "1.png" in said and "twice" in said


# --------------------------------------------------------------------------------------------------------- Bitmoji

def test_bitmoji_lies_on_white(root: Path, out: Path) -> None:
    assert prepare("bitmoji", root, out) == 0
    faces = open_dataset(f"bitmoji:{out}", 16, "all")
    by_name = dict(zip(faces.names, faces.images, strict=True))
    for name in ("emoji_0001.png", "emoji_0003.png"):
        assert by_name[name][:, 0, 0].tolist() == [255] * 3 and by_name[name][:, 8, 8].tolist() == [90, 60, 50]


# ------------------------------------------------------------------------------------------------------ Cityscapes

@pytest.mark.parametrize("classes, n_parts", [(8, 8), (19, 20), (30, 31)])
def test_cityscapes_groups_and_classes(classes: int, n_parts: int, root: Path, out: Path) -> None:
    assert prepare("cityscapes", root, out, "--classes", classes) == 0
    scenes = open_dataset(f"cityscapes:{out}", 16, "all")
    assert len(scenes) == 6 and len(scenes.parts) == n_parts and scenes.parts[0] == "void"
    assert scenes.names[0] == "train/aachen/aachen_000000_000019@0" and scenes.names[-1].startswith("val/lindau")
    left, right = scenes.masks[0], scenes.masks[1]

    def shows(mask, name: str) -> bool:
        return name in scenes.parts and scenes.parts.index(name) in mask.unique()

    if classes == 8:
        assert shows(right, "vehicle") and not shows(left, "vehicle") and shows(left, "sky") and shows(left, "flat")
    else:
        assert shows(right, "car") and not shows(left, "car") and shows(left, "road")
        assert shows(left, "parking") == (classes == 30)
    assert left[:, 0].unique().tolist() == [0], "outside of the picture is void"
    assert left[-1].unique().tolist() == [0], "the own car is void"


def test_classes_are_those_of_the_data_set() -> None:
    parts, ids = cityscapes_parts(19)
    known = {7: "road", 8: "sidewalk", 11: "building", 23: "sky", 24: "person", 26: "car", 33: "bicycle"}
    assert {number: parts[ids[number]].name for number in known} == known
    assert sorted(ids) == [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert sorted(cityscapes_parts(30)[1]) == list(range(4, 34))
    assert len({part.color for part in cityscapes_parts(30)[0]}) == 31


def test_cityscapes_says_what_it_does_not_read(root: Path, out: Path) -> None:
    assert prepare("cityscapes", root, out) == 0
    report = (out / "report.txt").read_text()
    for words in ("test split has no public masks", "extra split has no fine masks", "another form of the same masks",
                  ".json"):
        assert words in report
    assert prepared.describe(out)["options"] == {"classes": 8, "crops": 2}


@pytest.mark.parametrize("crops, starts", [(1, [20]), (2, [0, 40]), (3, [0, 20, 40])])
def test_cityscapes_crops(crops: int, starts: list[int]) -> None:
    boxes = [cityscapes._square((80, 40), crop, crops) for crop in range(crops)]
    assert boxes == [(start, 0, start + 40, 40) for start in starts]


def test_cityscapes_that_is_not_whole(root: Path, out: Path, capsys) -> None:
    published.cityscapes(root)
    shutil.move(root / "gtFine", root / "elsewhere")
    assert prepare("cityscapes", root, out) == 2
    assert "gtFine_trainvaltest.zip" in capsys.readouterr().err and not out.exists()
    shutil.move(root / "elsewhere", root / "gtFine")
    mask = root / "gtFine" / "train" / "ulm" / "ulm_000093_000019_gtFine_labelIds.png"
    kept = mask.read_bytes()
    mask.unlink()
    assert prepare("cityscapes", root, out) == 2
    assert "ulm_000093_000019" in capsys.readouterr().err
    shutil.rmtree(out)
    for wrong, words in ((np.full((40, 80), 77, np.uint8), "class 77"), (np.zeros((40, 40), np.uint8), "40 x 40")):
        Image.fromarray(wrong).save(mask)
        assert prepare("cityscapes", root, out) == 2
        said = capsys.readouterr().err
        assert words in said and mask.name in said
        shutil.rmtree(out)
    mask.write_bytes(kept)
    for option in ("--classes=7", "--crops=4"):
        assert prepare("cityscapes", root, out, option) == 2 and not out.exists()


# ---------------------------------------------------------------------------------------------- masks by the parser

def test_parser_makes_masks_and_the_report_says_so(root: Path, out: Path, monkeypatch) -> None:
    import torch

    from ssgan_lite.measure import parsed, parser

    class Halves(torch.nn.Module):
        """Hair above, cloth below."""

        def forward(self, images):
            scores = torch.zeros(len(images), len(PARTS), 64, 64)
            scores[:, PARTS["hair"].id, :32] = scores[:, PARTS["cloth"].id, 32:] = 9
            return scores

    monkeypatch.setattr(parsed, "load_parser", lambda path=None: Halves())
    assert parser.SIZE == 64
    assert prepare("bitmoji", root, out, "--parse") == 0
    faces = open_dataset(f"bitmoji:{out}", 16, "all")
    assert faces.masks[0, :8].unique().tolist() == [PARTS["hair"].id]
    assert faces.masks[0, 8:].unique().tolist() == [PARTS["cloth"].id]
    report = (out / "report.txt").read_text()
    assert "estimates of the parser" in report and "no independent witness" in report


def test_picture_without_a_face_is_refused_by_its_name(tmp_path: Path, out: Path, capsys) -> None:
    heads = open_dataset("heads", 64, "val").images[:3].movedim(1, -1).numpy()
    street = draw_scene(3, 64)[0].transpose(1, 2, 0)
    (tmp_path / "mine").mkdir()
    for name, pixels in (("a", heads[0]), ("b", heads[1]), ("street", street), ("z", heads[2])):
        Image.fromarray(pixels).save(tmp_path / "mine" / f"{name}.png")
    command = ["prepare", "folder", str(tmp_path / "mine"), "--size", "64", "--out", str(out), "--parse", "--quiet"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert '"street.png"' in said and "--parse" in said and "--skip-bad" in said
    assert not (out / "dataset.json").exists()
    shutil.rmtree(out)
    assert main([*command, "--skip-bad"]) == 0
    about = json.loads((out / "dataset.json").read_text())
    assert list(about["left_out"]) == ["street.png"] and len(about["names"]) == 3
    assert "no face" in (out / "report.txt").read_text()


def test_mirror_tells_heads_from_streets_and_noise() -> None:
    import torch

    from ssgan_lite.measure.parsed import NO_FACE, in_the_mirror
    from ssgan_lite.measure.parser import load_parser
    heads = open_dataset("heads", 64, "val").image_batch(list(range(0, 48, 6)))
    streets = torch.stack([torch.from_numpy(draw_scene(seed, 64)[0]) for seed in range(8)]).float() / 127.5 - 1
    noise = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    _, same = in_the_mirror(load_parser(), torch.cat([heads, streets, noise]))
    assert min(same[:8]) > NO_FACE + 0.03 and max(same[8:]) < NO_FACE


def test_parser_is_not_asked_where_there_are_masks() -> None:
    from ssgan_lite.data.streets import plan
    from ssgan_lite.measure.parsed import with_parsed_masks
    with pytest.raises(UserError, match="--parse"):
        with_parsed_masks(plan(5, 2))


# ------------------------------------------------------------------------------------------------------- any of them

@pytest.mark.parametrize("kind", published.SAMPLES)
def test_links_to_the_input_and_its_folders_are_followed(kind: str, root: Path, out: Path, tmp_path: Path) -> None:
    published.SAMPLES[kind](tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert prepare(kind, root, out) == 0
    assert len(open_dataset(f"{kind}:{out}", 16, "all")) >= 3


@pytest.mark.parametrize("kind", published.SAMPLES)
@pytest.mark.parametrize("name, words", [("nothing", "no folder"), ("all.zip", "unpack"), ("x" * 300, "shorter")])
def test_input_that_is_no_folder(kind: str, name: str, words: str, out: Path, tmp_path: Path, capsys) -> None:
    if "." in name:
        (tmp_path / name).touch()
    try:
        code = main(["prepare", kind, str(tmp_path / name), "--out", str(out)])
    except SystemExit as error:                                                    # argparse leaves so
        code = error.code
    assert code == 2 and words in capsys.readouterr().err.lower() and not out.exists()


@pytest.mark.parametrize("kind", published.SAMPLES)
def test_damaged_picture_is_named(kind: str, root: Path, out: Path, capsys) -> None:
    published.SAMPLES[kind](root)
    first = sorted(path for path in root.rglob("*.png") if "gtFine" not in path.name
                   and not {"unprocessed", "images1024x1024", "test", "train_extra"} & set(path.parts))[0]
    first.write_bytes(b"nothing")
    assert prepare(kind, root, out) == 2 and first.name.split("_leftImg8bit")[0] in capsys.readouterr().err
    assert prepare(kind, root, out, "--skip-bad") == 0 and len(prepared.describe(out)["left_out"]) >= 1


def test_folder_of_another_source_is_refused(root: Path, out: Path) -> None:
    assert prepare("bitmoji", root, out) == 0
    with pytest.raises(UserError, match="bitmoji:"):
        open_dataset(f"metfaces:{out}", 16)
    assert json.loads((out / "dataset.json").read_text())["parts"] == list(PARTS.names)
