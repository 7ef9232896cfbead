"""Nothing vanishes in `prepare`: what is read, what is counted as not read, and what is refused, for every source.

The sources are those of the command line: one that is new there fails here until it has a sample.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import published
from ssgan_lite.cli import build_parser, main
from ssgan_lite.data import avatars, celebamask, data_sum, folder, masks, open_dataset, prepare, prepared
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import claim_folder

FACES = 3
FORTY = (40, 40)


# ------------------------------------------------------------------------------------- the sources and their samples

def parsers_of_prepare() -> dict[str, argparse.ArgumentParser]:
    """The words that may follow `ssgan-lite prepare`."""
    def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction)).choices

    return below(below(build_parser())["prepare"])


def has(parser: argparse.ArgumentParser, wanted: Callable[[argparse.Action], bool]) -> bool:
    return any(wanted(action) for action in parser._actions)


PARSERS = parsers_of_prepare()
WRITERS = [name for name, parser in PARSERS.items() if has(parser, lambda action: action.dest == "out")]
READERS = [name for name in WRITERS if has(PARSERS[name], lambda action: not action.option_strings)]


def command(*words: object) -> int:
    """The exit code of `ssgan-lite WORDS`; argparse leaves with an exception."""
    try:
        return main([str(word) for word in words])
    except SystemExit as error:
        return error.code


@dataclass
class Sample:
    """A tiny input of one source, with three faces."""

    kind: str
    arguments: list[Path | str]     # what stands on the command line; the first is the folder that is read
    folders: dict[str, Path]        # where files are looked for: by what is in them
    moved: dict[str, Path]          # a folder inside each of them that holds all its files

    def run(self, out: Path, *more: object) -> int:
        return command("prepare", self.kind, *self.arguments, "--size", 16, "--out", out, "--quiet", *more)


def face_mask(kind: str = "P") -> Image.Image:
    ids = np.zeros(FORTY, np.uint8)
    ids[10:30, 10:30], ids[5:10, 10:30] = PARTS["face"].id, PARTS["hair"].id
    image = Image.fromarray(ids).convert("P")
    image.putpalette([value for part in PARTS for value in part.color])
    return image.convert(kind)


def celebamask_sample(root: Path) -> Sample:
    images, masks = root / celebamask.IMAGES, root / celebamask.MASKS
    images.mkdir(parents=True)
    (masks / "0").mkdir(parents=True)
    for face in range(FACES):
        Image.new("RGB", FORTY, (200, 120, 80)).save(images / f"{face}.jpg")
        for suffix, box in (("skin", (10, 10, 30, 30)), ("hair", (10, 5, 30, 10))):
            mask = Image.new("L", FORTY)
            mask.paste(255, box)
            mask.save(masks / "0" / f"{face:05d}_{suffix}.png")
    return Sample("celebamask", [root], {"images": images, "masks": masks}, {"masks": masks / "0"})


def folder_sample(root: Path) -> Sample:
    images, masks = root / "photos", root / "masks"
    for place in (images / "here", masks / "here"):
        place.mkdir(parents=True)
    for face in range(FACES):
        Image.new("RGB", FORTY, (200, 120, 80)).save(images / "here" / f"{face}.jpg")
        face_mask().save(masks / "here" / f"{face}.png")
    return Sample("folder", [images, "--masks", masks], {"images": images, "masks": masks},
                  {"images": images / "here", "masks": masks / "here"})


SAMPLES = {"celebamask": celebamask_sample, "folder": folder_sample}
# Sources whose folders are those of a publication: their irregularities are in test_data_published.py.


def arguments_of(kind: str, root: Path) -> list:
    """What must stand on the command line of a source."""
    if kind in SAMPLES:
        return SAMPLES[kind](root).arguments
    return published.SAMPLES[kind](root) if kind in published.SAMPLES else []


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    return SAMPLES[request.param](tmp_path / "input")


@pytest.fixture(params=["images", "masks"])
def place(request: pytest.FixtureRequest, sample: Sample) -> Path:
    """A folder in which the source looks for files."""
    return sample.folders[request.param]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_every_source_has_a_sample() -> None:
    assert {*SAMPLES, *published.SAMPLES} == set(READERS)
    assert {"celebamask", "folder", "avatars", "streets"} <= set(WRITERS)


def test_sample_is_read_whole(sample: Sample, out: Path, capsys: pytest.CaptureFixture) -> None:
    assert sample.run(out) == 0
    assert "Not read" not in capsys.readouterr().out
    assert len(open_dataset(f"{sample.kind}:{out}", 16, "all")) == FACES and prepared.describe(out)["not_read"] == []


# ------------------------------------------------------------------------------------------------ what is not read

ODD = {
    "phone.heic": ".heic", "two.HEIC": ".heic", "raw.NEF": ".nef", "more/raw.cr2": ".cr2", "film.mov": ".mov",
    "notes.txt": ".txt", "all.zip": ".zip", "README": "no ending", ".hidden.jpg": ".jpg", ".cache/a.jpg": ".jpg",
    "@eaDir/0.jpg": ".jpg", "@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg": ".jpg", "__MACOSX/0.jpg": ".jpg",
    "#recycle/0.png": ".png", "scan.pdf": ".pdf",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_file_is_counted(sample: Sample, place: Path, out: Path, name: str, capsys) -> None:
    path = place / name.replace("/0.jpg/", "/b/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something")
    assert sample.run(out) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert f"1 {ODD[name]}" in said and path.name in said and said.startswith((out / "report.txt").read_text())
    assert [entry["count"] for entry in prepared.describe(out)["not_read"]] == [1]
    assert len(open_dataset(f"{sample.kind}:{out}", 16, "all")) == FACES


def test_odd_files_are_counted_by_ending(sample: Sample, out: Path, capsys) -> None:
    for where in sample.folders.values():
        for number in range(4):
            (where / f"{number}.heic").touch()
        (where / "a.txt").touch()
    assert sample.run(out) == 0
    said = capsys.readouterr().out
    assert "10 files" in said and "8 .heic" in said and "2 .txt" in said


def test_broken_link_is_counted(sample: Sample, place: Path, out: Path, capsys) -> None:
    (place / "gone.jpg").symlink_to(place / "nowhere.jpg")
    (place / "round.jpg").symlink_to(place / "round.jpg")
    assert sample.run(out) == 0
    assert "2 .jpg: a link that leads nowhere" in capsys.readouterr().out


def test_unreadable_folder_is_counted(sample: Sample, place: Path, out: Path, capsys, monkeypatch) -> None:
    (place / "private").mkdir()
    scandir = os.scandir

    def refuse(path="."):
        if Path(path).name == "private":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert sample.run(out) == 0
    assert "1 folder: may not be read" in capsys.readouterr().out


def test_what_is_no_file_is_counted(sample: Sample, place: Path, out: Path, capsys) -> None:
    os.mkfifo(place / "pipe.jpg")
    assert sample.run(out) == 0
    assert "1 .jpg: neither a file nor a folder" in capsys.readouterr().out


def test_folder_without_readable_pictures_names_endings(sample: Sample, out: Path, capsys) -> None:
    for path in sample.folders["images"].rglob("*.jpg"):
        path.rename(path.with_suffix(".heic"))
    shutil.rmtree(sample.folders["masks"])
    sample.folders["masks"].mkdir()
    assert sample.run(out) == 2
    said = capsys.readouterr().err
    assert f"{FACES} .heic" in said and "JPEG or PNG" in said and not out.exists()


# ----------------------------------------------------------------------------------------------------------- links

def test_linked_folder_is_read(sample: Sample, out: Path, tmp_path: Path) -> None:
    for where in sample.moved.values():
        shutil.move(where, tmp_path / f"elsewhere-{where.parent.name}")
        where.symlink_to(tmp_path / f"elsewhere-{where.parent.name}", target_is_directory=True)
    assert sample.run(out) == 0
    assert len(open_dataset(f"{sample.kind}:{out}", 16, "all")) == FACES
    assert prepared.describe(out)["not_read"] == []


def test_links_to_the_input_are_followed_too(sample: Sample, out: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sample.arguments[0], target_is_directory=True)
    sample.arguments[0] = tmp_path / "link"
    assert sample.run(out) == 0


def test_linked_folder_is_read_once(sample: Sample, place: Path, out: Path, capsys) -> None:
    (place / "a").mkdir()
    (place / "a" / "again").symlink_to(place, target_is_directory=True)                    # a loop
    (place / "a" / "up").symlink_to(place.parent.parent, target_is_directory=True)         # a wider one
    (place / "b").symlink_to(place / "a", target_is_directory=True)                        # read already
    assert sample.run(out) == 0
    assert len(open_dataset(f"{sample.kind}:{out}", 16, "all")) == FACES
    said = capsys.readouterr().out
    assert "2 folder: a link to a folder that contains it" in said and "1 folder: a link to a folder" in said


# ----------------------------------------------------------------------------------------- inputs that are no folder

@pytest.mark.parametrize("name, words", [
    ("faces.zip", "unpack"), ("faces.tar.gz", "unpack"), ("faces.7z", "unpack"), ("faces.jpg", "a file"),
    ("nothing", "no folder"), ("x" * 300, "shorter"), ("a\0b", "not the name"),
])
def test_input_that_is_no_folder(sample: Sample, tmp_path: Path, out: Path, name: str, words: str, capsys) -> None:
    if "." in name:
        (tmp_path / name).touch()
    for position, argument in enumerate(sample.arguments):
        if isinstance(argument, Path):
            changed = [*sample.arguments]
            changed[position] = tmp_path / name
            assert Sample(sample.kind, changed, {}, {}).run(out) == 2
            said = capsys.readouterr().err
            assert words in said.lower() and str(tmp_path)[:20] in said and not out.exists()


@pytest.mark.parametrize("kind", WRITERS)
def test_out_that_cannot_be_a_folder(kind: str, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(avatars, "_require_packages", lambda: None)
    arguments = arguments_of(kind, tmp_path / "input")
    (tmp_path / "file").touch()
    for name, words in (("x" * 300, "shorter"), ("file", "not a folder"), ("file/below", "not a folder")):
        assert command("prepare", kind, *arguments, "--out", tmp_path / name) == 2
        assert words in capsys.readouterr().err


def test_home_folder(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sample.arguments = [Path("~") / word.relative_to(tmp_path) if isinstance(word, Path) else word
                        for word in sample.arguments]
    assert sample.run(Path("~/made")) == 0 and (tmp_path / "made" / "dataset.json").is_file()
    assert len(open_dataset(f"{sample.kind}:~/made", 16, "all")) == FACES


def test_names_that_are_not_utf8(sample: Sample, out: Path, tmp_path: Path, capfd) -> None:
    odd = os.fsdecode(b"caf\xe9")
    renamed = sample.arguments[0].with_name(odd)
    for path in sample.folders.values():
        (path / f"{odd}.heic").touch()
    sample.arguments[0].rename(renamed)
    sample.arguments = [renamed if i == 0 else word for i, word in enumerate(sample.arguments)]
    if sample.kind == "folder":
        for where, ending in ((renamed, "jpg"), (sample.folders["masks"], "png")):
            (where / "here" / f"0.{ending}").rename(where / "here" / f"{odd}.{ending}")
    assert sample.run(out) == 0
    assert "caf\\udce9" in capfd.readouterr().out
    faces = open_dataset(f"{sample.kind}:{out}", 16, "all")
    assert len(faces) == FACES and str(faces.names)
    assert command("prepare", "verify", out) == 0


# ------------------------------------------------------------------------------------------------- one at a time

@pytest.mark.parametrize("kind", WRITERS)
def test_folder_in_use_is_refused(kind: str, tmp_path: Path, out: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(avatars, "_require_packages", lambda: None)
    arguments = arguments_of(kind, tmp_path / "input")
    with claim_folder(out):
        assert command("prepare", kind, *arguments, "--out", out, "--quiet") == 2
        said = capsys.readouterr().err
        assert "another process" in said.lower() and str(out) in said and list(out.iterdir()) == []


def test_second_prepare_leaves_the_first_alone(sample: Sample, out: Path, capsys, monkeypatch) -> None:
    plans = {"celebamask": lambda: celebamask.plan(sample.arguments[0], 16),
             "folder": lambda: folder.plan(sample.arguments[0], sample.arguments[2], 16)}
    plan = plans[sample.kind]()
    second_is_over, reading = threading.Event(), threading.Event()

    def slowly(name: str):
        reading.set()
        assert second_is_over.wait(60)
        return plan.read(name)

    slow, first = prepare.Plan(**{**vars(plan), "read": slowly}), []
    thread = threading.Thread(target=lambda: first.append(prepare.prepare(slow, out, quiet=True)))
    thread.start()
    assert reading.wait(60)
    assert sample.run(out) == 2
    second_is_over.set()
    thread.join()
    assert len(first[0]["names"]) == FACES and prepared.verify(out) == first[0]


def test_sum_tells_other_faces_under_the_same_name(sample: Sample, out: Path) -> None:
    assert sample.run(out) == 0
    before = data_sum(f"{sample.kind}:{out}")
    shutil.rmtree(out)
    Image.new("RGB", FORTY, (1, 2, 3)).save(next(sample.folders["images"].rglob("0.jpg")))
    assert sample.run(out) == 0 and before != data_sum(f"{sample.kind}:{out}")
    assert data_sum(f"{sample.kind}:{out}-gone") is None


# ------------------------------------------------------------------------------------------------ what masks contain

def test_report_counts_parts(sample: Sample, out: Path, capsys) -> None:
    assert sample.run(out) == 0
    said = capsys.readouterr().out
    assert "face 3" in said and "hair 3" in said and "background 3" in said
    assert "In no face: eyes, " in said and "Warning" not in said
    assert prepared.describe(out)["part_counts"]["hair"] == FACES


def test_empty_masks_are_warned_of(sample: Sample, out: Path, capsys) -> None:
    for path in sorted(sample.folders["masks"].rglob("*.png"))[:2]:
        with Image.open(path) as mask:
            Image.new("L", mask.size).save(path)
    assert sample.run(out) == 0
    said = capsys.readouterr().out
    empty = 1 if sample.kind == "celebamask" else 2                        # skin and hair of one face; two faces
    assert f"Warning: {empty} mask" in said and "0.jpg" in said
    assert len(prepared.describe(out)["empty_masks"]) == empty


def test_counts_survive_an_interruption(sample: Sample, out: Path, capsys) -> None:
    bad = sorted(sample.folders["images"].rglob("*.jpg"))[-1]
    content = bad.read_bytes()
    bad.write_bytes(b"nothing")
    assert sample.run(out) == 2
    bad.write_bytes(content)
    assert sample.run(out) == 0
    assert prepared.describe(out)["part_counts"]["face"] == FACES


# ------------------------------------------------------------------------------------------------------ folder alone

@pytest.fixture
def photos(tmp_path: Path) -> Sample:
    return folder_sample(tmp_path / "input")


def test_masks_inside_the_pictures_are_no_pictures(photos: Sample, out: Path, tmp_path: Path) -> None:
    images, masks = photos.folders.values()
    shutil.move(masks, images / "masks")
    photos.arguments[2] = images / "masks"
    assert photos.run(out) == 0
    assert sorted(open_dataset(f"folder:{out}", 16, "all").names) == ["here/0.jpg", "here/1.jpg", "here/2.jpg"]
    (tmp_path / "link").symlink_to(images / "masks", target_is_directory=True)
    photos.arguments[2] = tmp_path / "link"                                          # also by another name
    assert photos.run(tmp_path / "out2") == 0


def test_pictures_inside_the_masks_are_no_masks(photos: Sample, out: Path) -> None:
    images, masks = photos.folders.values()
    shutil.move(images, masks / "photos")
    photos.arguments[0] = masks / "photos"
    assert photos.run(out) == 0


def test_out_inside_the_pictures_is_no_input(photos: Sample, capsys) -> None:
    out = photos.folders["images"] / "prepared"
    bad = sorted(photos.folders["images"].rglob("*.jpg"))[-1]
    content = bad.read_bytes()
    bad.write_bytes(b"nothing")
    assert photos.run(out) == 2
    bad.write_bytes(content)
    assert photos.run(out) == 0
    assert "not read" not in capsys.readouterr().out.lower()


def test_one_folder_for_pictures_and_masks_is_refused(photos: Sample, out: Path, capsys) -> None:
    photos.arguments[2] = photos.arguments[0]
    assert photos.run(out) == 2
    assert "folder of its own" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_color_table_may_have_a_byte_order_mark(photos: Sample, out: Path, encoding: str) -> None:
    table = out.with_name("colors.json")
    table.write_text(json.dumps({part.name: list(part.color) for part in PARTS}), encoding=encoding)
    assert photos.run(out, "--mask-colors", table) == 0


@pytest.mark.parametrize("kind", ["L", "I;16", "RGB"])
def test_label_maps_of_celebamask_are_read_with_a_table(photos: Sample, out: Path, kind: str, capsys) -> None:
    labels = np.zeros(FORTY, np.uint8)
    labels[10:30, 10:30], labels[5:10, 10:30] = 1, 13                                # skin and hair of 19 classes
    image = Image.fromarray(labels.astype(np.uint16)) if kind == "I;16" else Image.fromarray(labels).convert(kind)
    for path in photos.folders["masks"].rglob("*.png"):
        image.save(path)
    table = out.with_name("colors.json")
    table.write_text('{"background": [0, 0, 0], "face": [1, 1, 1], "hair": [13, 13, 13]}')
    assert photos.run(out) == 2
    said = capsys.readouterr().err
    assert '{"hair": [13, 13, 13]' in said and "--mask-colors" in said
    assert photos.run(out, "--mask-colors", table) == 0                       # nothing was read yet: it begins anew
    assert prepared.describe(out)["part_counts"]["hair"] == FACES


def test_documented_table_maps_the_19_classes(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")
    (tmp_path / "table.json").write_text(text.partition("```json")[2].partition("```")[0])
    table = masks.read_table(tmp_path / "table.json")
    # In the order in which the script of the data set numbers them, from 1.
    classes = ("skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat ear_r neck_l neck "
               "cloth").split()
    expected = {(i, i, i): celebamask.PART_IDS[name] for i, name in enumerate(classes, start=1)}
    assert table == {(0, 0, 0): 0} | expected


def test_transparent_pixels_of_a_mask_are_background(photos: Sample, out: Path) -> None:
    for kind in ("LA", "RGBA"):
        for path in photos.folders["masks"].rglob("*.png"):
            mask = (face_mask().convert("RGBA") if kind == "RGBA"
                    else Image.merge("LA", [Image.fromarray(np.full(FORTY, PARTS["face"].id, np.uint8))] * 2))
            mask.putalpha(Image.fromarray(np.eye(40, dtype=np.uint8) * 255))
            hidden = np.asarray(mask).copy()
            hidden[..., :-1][np.eye(40) == 0] = 99                                   # what nobody sees
            Image.fromarray(hidden).save(path)
        assert photos.run(out) == 0
        shown = open_dataset(f"folder:{out}", 16, "all").masks
        assert set(shown.unique().tolist()) <= {0, PARTS["face"].id, PARTS["hair"].id} and (shown == 0).any()
        shutil.rmtree(out)


def test_masks_are_found_however_accents_are_written(photos: Sample, out: Path) -> None:
    (photos.folders["images"] / "here" / "0.jpg").rename(photos.folders["images"] / "here" / "\u00e9.jpg")
    (photos.folders["masks"] / "here" / "0.png").rename(photos.folders["masks"] / "here" / "e\u0301.png")
    assert photos.run(out) == 0


# ------------------------------------------------------------------------------------------------ CelebAMask-HQ alone

@pytest.fixture
def celeba(tmp_path: Path) -> Sample:
    return celebamask_sample(tmp_path / "input")


def all_masks_in_one_folder(sample: Sample) -> None:
    for path in (sample.folders["masks"] / "0").iterdir():
        path.rename(sample.folders["masks"] / path.name)
    (sample.folders["masks"] / "0").rmdir()


def rename_images(name: str) -> Callable[[Sample], None]:
    def change(sample: Sample) -> None:
        for path in list(sample.folders["images"].iterdir()):
            with Image.open(path) as image:
                image.load()
            path.unlink()
            new = sample.folders["images"] / name.format(int(path.stem))
            new.parent.mkdir(exist_ok=True)
            image.save(new)
    return change


def rename_masks(name: str) -> Callable[[Sample], None]:
    def change(sample: Sample) -> None:
        for path in list(sample.folders["masks"].rglob("*.png")):
            number, _, suffix = path.stem.partition("_")
            with Image.open(path) as mask:
                mask.save(path.with_name(name.format(int(number), suffix) + ".new"), "PNG")
            path.unlink()
        for path in sample.folders["masks"].rglob("*.new"):
            path.rename(path.with_suffix(""))
    return change


def names_in_lower_case(sample: Sample) -> None:
    for path in sample.folders.values():
        path.rename(path.with_name(path.name.lower()))


def only_images_named(sample: Sample) -> None:
    sample.arguments = [sample.folders["images"]]


@pytest.mark.parametrize("change", [
    all_masks_in_one_folder, rename_images("{}.png"), rename_images("{}.JPG"), rename_images("{:05d}.jpg"),
    rename_images("{:05d}.png"), rename_images("{}.jpeg"), rename_images("0/{}.jpg"), rename_masks("{}_{}.png"),
    rename_masks("{:05d}_{}.PNG"), rename_masks("{:06d}_{}.png"), names_in_lower_case, only_images_named,
])
def test_layouts_of_celebamask(celeba: Sample, out: Path, change, capsys) -> None:
    table = celeba.arguments[0] / celebamask.ATTRIBUTES
    lines = [f"{face}.jpg -1 {1 if face == 2 else -1}" for face in range(FACES)]
    table.write_text("\n".join(["3", "Smiling Wearing_Hat", *lines, ""]), encoding="utf-8-sig")
    change(celeba)
    assert celeba.run(out) == 0, capsys.readouterr().err
    faces = open_dataset(f"celebamask:{out}", 16, "all")
    assert len(faces) == FACES and faces.attributes["wearing_hat"].tolist() == [False, False, True]
    assert prepared.describe(out)["ignored"] == []


@pytest.mark.parametrize("extra", ["CelebA-HQ-img/00001.png", "CelebAMask-HQ-mask-anno/00001_skin.png"])
def test_two_files_for_the_same_thing_are_refused(celeba: Sample, out: Path, extra: str, capsys) -> None:
    Image.new("L", FORTY).save(celeba.arguments[0] / extra)
    assert celeba.run(out) == 2
    said = capsys.readouterr().err
    assert Path(extra).name in said and "two" in said


def test_label_maps_instead_of_masks_are_named(celeba: Sample, out: Path, capsys) -> None:
    celeba.folders["masks"].rename(celeba.folders["masks"].with_name("CelebAMask-HQ-mask"))
    assert celeba.run(out) == 2
    said = capsys.readouterr().err
    assert "CelebAMask-HQ-mask" in said and celebamask.MASKS in said and "prepare folder" in said


def test_folder_with_only_an_archive_says_unpack(celeba: Sample, out: Path, capsys, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "CelebAMask-HQ.zip").touch()
    celeba.arguments = [tmp_path / "downloads"]
    assert celeba.run(out) == 2
    said = capsys.readouterr().err
    assert "CelebAMask-HQ.zip" in said and "npack" in said
