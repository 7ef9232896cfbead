"""Preparing data from files: a synthetic CelebAMask-HQ with everything that can be wrong in it, and odd pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from ssgan_lite.cli import main
from ssgan_lite.data import celebamask, memory, open_dataset, prepare, prepared
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS

FACES = (0, 1, 1999, 2000, 27_999, 28_000, 29_999)


def write_face(root: Path, face: int, boxes: dict[str, tuple], color: tuple = (200, 120, 80)) -> None:
    """A 1024-pixel image and 512-pixel masks, one for each box (left, top, right, bottom) by suffix."""
    (root / celebamask.IMAGES).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1024, 1024), color).save(root / celebamask.IMAGES / f"{face}.jpg", quality=50)
    place = root / celebamask.MASKS / str(face // 2000)
    place.mkdir(parents=True, exist_ok=True)
    for suffix, box in boxes.items():
        mask = Image.new("RGB", (512, 512))
        mask.paste((255, 255, 255), box)
        mask.save(place / f"{face:05d}_{suffix}.png", compress_level=1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven faces of exactly the published layout; hats, glasses and earrings exist for some."""
    root = tmp_path_factory.mktemp("celeba") / "CelebAMask-HQ"
    for face in FACES:
        boxes = {"skin": (128, 128, 384, 448), "hair": (100, 64, 412, 200)}
        if face == 0:
            boxes |= {"eye_g": (160, 220, 352, 280), "l_eye": (176, 232, 224, 264), "hat": (96, 40, 416, 120),
                      "u_lip": (220, 380, 292, 400), "neck": (200, 440, 312, 512), "ear_r": (108, 300, 124, 330)}
        write_face(root, face, boxes)
    return root


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "copy")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in ("prepare", *arguments)])


def prepare_celebamask(root: Path, out: Path, *more: object) -> int:
    return run("celebamask", root, "--size", 64, "--out", out, "--quiet", *more)


# --------------------------------------------------------------------------------------------------- CelebAMask-HQ

def test_celebamask_is_read_and_split(original: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    assert prepare_celebamask(original.parent, out) == 0                 # the folder above is understood too
    assert "7 faces of 64 x 64 pixels: 5 for training, 2 for validation" in capsys.readouterr().out
    train, val = (open_dataset(f"celebamask:{out}", 64, split) for split in ("train", "val"))
    assert train.names.tolist() == ["0.jpg", "1.jpg", "1999.jpg", "2000.jpg", "27999.jpg"]
    assert val.names.tolist() == ["28000.jpg", "29999.jpg"]
    assert train.images.shape == (5, 3, 64, 64) and train.masks.dtype == torch.uint8
    assert (train.images[0].float().mean((1, 2)) - torch.tensor([200.0, 120, 80])).abs().max() < 3
    assert sorted(path.name for path in out.iterdir()) == ["dataset.json", "images.npy", "masks.npy", "report.txt"]
    assert run("verify", out) == 0


def test_later_masks_cover_earlier_ones(original: Path) -> None:
    face = {path.stem[6:]: path for path in (original / celebamask.MASKS / "0").glob("00000_*.png")}
    ids = celebamask.paint(face)
    for (column, row), part in {(50, 500): "background", (256, 350): "face", (170, 240): "glasses",
                                (200, 250): "eyes", (250, 390): "mouth", (256, 150): "hair", (256, 100): "hat",
                                (256, 445): "neck", (116, 310): "earrings"}.items():
        assert PARTS[int(ids[row, column])].name == part, (column, row)
    # The documented order, painted independently: what comes later wins.
    assert list(celebamask.PAINTING_ORDER) == (
        "skin eye_g l_eye r_eye l_brow r_brow mouth l_lip u_lip nose hair l_ear r_ear neck neck_l cloth hat "
        "ear_r").split()
    assert celebamask.PART_IDS.keys() == set(celebamask.PAINTING_ORDER)
    assert set(celebamask.PART_IDS.values()) == set(range(1, len(PARTS)))


def test_attribute_table_is_read(copy: Path, tmp_path: Path) -> None:
    table = copy / celebamask.ATTRIBUTES
    table.write_text("7\nSmiling Wearing_Hat\n" + "".join(f"{face}.jpg  {1 if face else -1} -1\n" for face in FACES))
    assert prepare_celebamask(copy, tmp_path / "out") == 0
    faces = open_dataset(f"celebamask:{tmp_path / 'out'}", split="all")
    assert faces.attributes["smiling"].tolist() == [False] + [True] * 6
    assert len(faces.where("smiling and not wearing_hat")) == 6
    assert faces.which("hat").tolist() == [True] + [False] * 6    # no attribute of this name: masks are asked
    table.write_text("7\nSmiling Wearing_Hat\n0.jpg 1\n")
    with pytest.raises(UserError, match="attribute-anno.txt.*line 3"):
        celebamask.plan(copy)


def spoil_missing_masks(root: Path) -> None:
    for path in (root / celebamask.MASKS / "1").iterdir():
        path.unlink()


def spoil_other_mask_size(root: Path) -> None:
    Image.new("L", (256, 256), 255).save(root / celebamask.MASKS / "1" / "02000_hair.png")


def spoil_aspect(root: Path) -> None:
    Image.new("RGB", (1024, 768)).save(root / celebamask.IMAGES / "2000.jpg")


def spoil_name_of_part(root: Path) -> None:
    place = root / celebamask.MASKS / "1"
    (place / "02000_hair.png").rename(place / "02000_hiar.png")


def spoil_mask_values(root: Path) -> None:
    Image.new("L", (512, 512), 1).save(root / celebamask.MASKS / "1" / "02000_hair.png")


@pytest.mark.parametrize("spoil, message", [
    (lambda root: (root / celebamask.IMAGES / "2000.jpg").write_bytes(b"nothing"), '"2000.jpg" is not an image'),
    (lambda root: (path := root / celebamask.IMAGES / "2000.jpg").write_bytes(path.read_bytes()[:-1000]),
     '"2000.jpg" is not an image'),
    (lambda root: (root / celebamask.IMAGES / "2000.jpg").unlink(), '"2000.jpg" is not in CelebA-HQ-img'),
    (spoil_missing_masks, '"2000.jpg" has no mask of its parts: "1/02000_skin.png"'),
    (lambda root: (root / celebamask.MASKS / "1" / "02000_skin.png").unlink(), '"2000.jpg" has no mask of its skin'),
    (lambda root: (root / celebamask.MASKS / "1" / "02000_hair.png").write_bytes(b"PNG"),
     '"02000_hair.png" is not an image'),
    (spoil_other_mask_size, '"02000_hair.png" is 256 x 256 pixels, but "02000_skin.png"'),
    (spoil_aspect, '"2000.jpg" is 1024 x 768 pixels, but its mask'),
    (spoil_name_of_part, '"02000_hiar.png" is of no known part. Did you mean "hair"'),
    (spoil_mask_values, '"02000_hair.png" has values up to 1'),
])
def test_bad_face_stops_or_is_left_out(copy: Path, tmp_path: Path, capsys, spoil, message: str) -> None:
    spoil(copy)
    out = tmp_path / "out"
    assert prepare_celebamask(copy, out) == 2
    said = capsys.readouterr().err
    assert message in said and "--skip-bad" in said
    with pytest.raises(UserError, match="has not finished"):
        open_dataset(f"celebamask:{out}")
    assert prepare_celebamask(copy, out, "--skip-bad") == 0              # goes on with the three faces it has
    assert message in capsys.readouterr().out and message in (out / "report.txt").read_text()
    faces = open_dataset(f"celebamask:{out}", split="all")
    assert len(faces) == 6 and "2000.jpg" not in faces.names
    assert message in prepared.describe(out)["left_out"]["2000.jpg"]


@pytest.mark.parametrize("name", ["CelebA-HQ-img/x.jpg", "CelebAMask-HQ-mask-anno/0/nose.png",
                                  "CelebAMask-HQ-mask-anno/0/x_hat.png"])
def test_unmatched_names_are_reported(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture, name: str) -> None:
    Image.new("L", (512, 512)).save(copy / name)
    assert prepare_celebamask(copy, tmp_path / "out") == 2
    assert f'"{name}" belongs to no face' in capsys.readouterr().err
    assert prepare_celebamask(copy, tmp_path / "out", "--skip-bad") == 0
    assert name in capsys.readouterr().out


def test_other_folders_raise(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        celebamask.plan(tmp_path / "nowhere")
    with pytest.raises(UserError, match="lacks the folder CelebA-HQ-img"):
        celebamask.plan(tmp_path)
    for name in (celebamask.IMAGES, celebamask.MASKS):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="no images called 0.jpg"):
        celebamask.plan(tmp_path)


def test_resumes_after_any_stop(original: Path, tmp_path: Path) -> None:
    """Stopped after each number of faces, with a torn last line and rows: the result is the same, and read once."""
    whole = tmp_path / "whole"
    prepare.prepare(celebamask.plan(original, 32), whole, quiet=True)
    for stop in (0, 3, 6):
        out, plan = tmp_path / f"stop{stop}", celebamask.plan(original, 32)

        def read(name: str, plan=plan, stop=stop, seen=[]):            # noqa: B006
            if len(seen) == stop:
                raise KeyboardInterrupt
            seen.append(name)
            return plan.read(name)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.cpu_count", lambda: 1)
            with pytest.raises(KeyboardInterrupt):
                prepare.prepare(prepare.Plan(**{**vars(plan), "read": read}), out, quiet=True)
        with open(out / prepared.JOURNAL, "a") as journal:
            journal.write('{"name": "torn')
        with open(out / "images.npy.part", "ab") as rows:
            rows.write(b"half a row")
        about = prepare.prepare(plan, out, quiet=True)
        assert about == prepared.describe(whole)
        for name in ("images.npy", "masks.npy"):
            assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_resumes_after_a_stop_at_the_end(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = celebamask.plan(original, 32)
    monkeypatch.setattr(prepare, "report", lambda about: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare.prepare(plan, tmp_path / "out", quiet=True)
    monkeypatch.undo()
    assert len(prepare.prepare(plan, tmp_path / "out", quiet=True)["names"]) == 7
    assert len(open_dataset(f"celebamask:{tmp_path / 'out'}", 32, "all")) == 7


def test_other_content_is_not_overwritten(original: Path, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (copy / celebamask.IMAGES / "2000.jpg").unlink()
    with pytest.raises(UserError, match="2000.jpg"):
        prepare.prepare(celebamask.plan(copy, 32), out, quiet=True)
    with pytest.raises(UserError, match="another size"):
        prepare.prepare(celebamask.plan(copy, 64), out, quiet=True)
    write_face(copy, 2, {"skin": (0, 0, 9, 9)})
    with pytest.raises(UserError, match="other files: some were added or removed"):
        prepare.prepare(celebamask.plan(copy, 32), out, quiet=True)
    other = tmp_path / "other"
    prepare.prepare(celebamask.plan(original, 32), other, quiet=True)
    with pytest.raises(UserError, match="already holds a prepared data set"):
        prepare.prepare(celebamask.plan(original, 32), other, quiet=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty"):
        prepare.prepare(celebamask.plan(original, 32), tmp_path / "mine", quiet=True)


# ------------------------------------------------------------------------------------------- opening what was made

@pytest.fixture(scope="module")
def made(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    prepare.prepare(celebamask.plan(original, 64), out, quiet=True)
    return out


def test_smaller_sizes_are_box_filtered(made: Path) -> None:
    large, small = (open_dataset(f"celebamask:{made}", size, "all") for size in (64, 32))
    means = torch.nn.functional.avg_pool2d(large.images.float(), 2)
    assert (means - small.images.float()).abs().max() <= 0.51
    with pytest.raises(UserError, match="prepared at 64 pixels and can be opened at 64, 32, 16, not 128"):
        open_dataset(f"celebamask:{made}", 128)


def test_large_sets_are_memory_mapped_copy_on_write(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = open_dataset(f"celebamask:{made}", 64, "val")
    monkeypatch.setattr(prepared, "MAP_ABOVE", 0)
    monkeypatch.setattr(memory, "available_memory", lambda: 50_000)      # too little to load, enough for two faces
    mapped = open_dataset(f"celebamask:{made}", 64, "val")
    assert mapped.checked and torch.equal(mapped.images, loaded.images) and torch.equal(mapped.masks, loaded.masks)
    assert all(torch.equal(a, b) for a, b in zip(mapped.batch([1, 0], True), loaded.batch([1, 0], True)))
    before = (made / "images.npy").read_bytes()
    mapped.images[:] = 0
    assert (made / "images.npy").read_bytes() == before
    with pytest.raises(UserError, match="needs 0 MB of memory.*Choose fewer"):
        open_dataset(f"celebamask:{made}", 64, "all").subset(range(7))


def test_too_little_memory_raises(made: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    with pytest.raises(UserError, match="needs 0 MB of memory, and 0 MB are free. Open it at a smaller size"):
        open_dataset(f"celebamask:{made}", 64)
    monkeypatch.setattr(memory, "available_memory", lambda: None)        # not known: not refused
    monkeypatch.setattr(memory, "WORTH_SAYING", 1)
    open_dataset(f"celebamask:{made}", 64)
    assert "5 faces of 64 x 64 pixels): 0 MB of memory" in capsys.readouterr().err
    assert memory.size_in_words(7.34e9) == "7.3 GB" and memory.size_in_words(12.6e6) == "13 MB"


def test_damage_raises(made: Path, tmp_path: Path) -> None:
    def damaged(change) -> Path:
        target = shutil.copytree(made, tmp_path / str(len(list(tmp_path.iterdir()))))
        change(target)
        return target

    def flip_byte(target: Path) -> None:
        content = bytearray((target / "masks.npy").read_bytes())
        content[5_000] ^= 1
        (target / "masks.npy").write_bytes(content)

    for change, message in (
            (flip_byte, "masks.npy.*was changed"),
            (lambda t: (t / "images.npy").write_bytes((t / "images.npy").read_bytes()[:-7]), "images.npy.*cut short"),
            (lambda t: (t / "images.npy").unlink(), "images.npy.*missing"),
            (lambda t: (t / "dataset.json").write_text("{"), "dataset.json.*damaged"),
            (lambda t: (t / "dataset.json").write_text('{"format": 9}'), "format 9"),
            (lambda t: (t / "dataset.json").unlink(), "not a prepared data set")):
        target = damaged(change)
        with pytest.raises(UserError, match=message):
            open_dataset(f"celebamask:{target}", 64)
        assert run("verify", target) == 2


@pytest.mark.parametrize("name, message", [
    ("celebmask:x", 'Did you mean "celebamask"'), ("celebamask", "does not ship"),
    ("heads:x", "needs no folder"), ("heads:5:5", "heads:FIRST:STOP"), ("heads:0:2500:1", "heads:FIRST:STOP"),
    ("folder:nowhere", 'no folder "nowhere"'), ("folder:tests", "not a prepared data set"),
])
def test_invalid_names_raise(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parent.parent)
    with pytest.raises(UserError, match=message):
        open_dataset(name)


def test_other_source_raises(made: Path) -> None:
    with pytest.raises(UserError, match="was prepared from celebamask, not folder"):
        open_dataset(f"folder:{made}")


def test_sizes_out_of_range_raise(original: Path, tmp_path: Path, capsys) -> None:
    assert run("celebamask", original, "--size", 5_000, "--out", tmp_path / "out") == 2
    assert "--size 5000 is not between 16 and 1024" in capsys.readouterr().err


def test_full_disk_raises(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(UserError, match="needs 0 MB of disk space"):
        prepare.prepare(celebamask.plan(original, 32), tmp_path / "out", quiet=True)
