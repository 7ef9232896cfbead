"""The user's own pictures: every kind of file, masks by number and by color, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite.cli import main
from ssgan_lite.data import folder, open_dataset, prepare
from ssgan_lite.data.masks import shrink_mask
from ssgan_lite.edit.backdrop import image_backdrop
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS

RED = (200, 30, 40)


def read(path: Path, size: int = 32) -> np.ndarray:
    """One picture as prepared, uint8 [3, S, S]."""
    return folder.plan(path.parent, size=size).read(path.name)[0]


def save(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


# ------------------------------------------------------------------------------------------------ kinds of pictures

def test_central_square_is_kept(tmp_path: Path) -> None:
    wide = Image.new("RGB", (192, 64), "blue")
    wide.paste(RED, (64, 0, 128, 64))
    assert (read(save(tmp_path / "a.png", wide)) == np.array(RED)[:, None, None]).all()


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    for number, image in enumerate([Image.new("RGBA", (64, 64), (9, 9, 9, 0)), Image.new("LA", (64, 64), (9, 0))]):
        assert (read(save(tmp_path / f"{number}.png", image)) == 255).all()
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert (read(save(tmp_path / "p.png", palette, transparency=1)) == 255).all()
    assert (read(save(tmp_path / "q.png", palette)) == np.array(RED)[:, None, None]).all()


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste(RED, (0, 0, 64, 32))                                     # red above
    exif = Image.Exif()
    exif[0x0112] = 6                                                     # to be turned a quarter clockwise: red right
    pixels = read(save(tmp_path / "a.png", image, exif=exif))
    assert pixels[1, 16, 28] < 60 and pixels[1, 16, 4] > 200


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    assert (read(save(tmp_path / "l.png", Image.new("L", (64, 64), 77))) == 77).all()
    deep = Image.fromarray(np.full((64, 64), 77 * 257, np.uint16))
    assert (read(save(tmp_path / "deep.png", deep)) == 77).all()
    assert (read(save(tmp_path / "deep.tif", deep)) == 77).all()
    assert (read(save(tmp_path / "one.png", Image.new("1", (64, 64), 1))) == 255).all()
    cmyk = read(save(tmp_path / "c.jpg", Image.new("RGB", (64, 64), RED).convert("CMYK"), quality=95))
    assert (np.abs(cmyk.astype(int) - np.array(RED)[:, None, None]) < 6).all()
    with pytest.raises(UserError, match='"f.tif" holds floating-point numbers'):
        read(save(tmp_path / "f.tif", Image.fromarray(np.zeros((64, 64), np.float32))))


def odd_pictures() -> dict[str, tuple[Image.Image, dict]]:
    """Pictures that a decoder easily gets wrong, with the options they are saved with."""
    hidden = Image.new("RGBA", (64, 64), (*RED, 0))
    hidden.paste((0, 0, 255, 255), (0, 0, 32, 64))
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, *RED])
    rotated = Image.new("RGB", (64, 64), "white")
    rotated.paste(RED, (0, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"16-bit.png": (Image.fromarray(np.full((64, 64), 77 * 257, np.uint16)), {}),
            "16-bit.tif": (Image.fromarray(np.full((64, 64), 77 * 257, np.uint16)), {}),
            "transparent.png": (hidden, {}), "gray-transparent.png": (Image.new("LA", (64, 64), (9, 0)), {}),
            "palette.png": (palette, {"transparency": 1}), "one-bit.png": (Image.new("1", (64, 64), 1), {}),
            "cmyk.jpg": (Image.new("CMYK", (64, 64), (0, 200, 200, 50)), {}), "turned.jpg": (rotated, {"exif": exif})}


@pytest.mark.parametrize("name", odd_pictures())
def test_backdrops_are_decoded_as_prepare_does(tmp_path: Path, name: str) -> None:
    image, options = odd_pictures()[name]
    path = save(tmp_path / name, image, **options)
    wanted = read(path)
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        pixels = image_backdrop(source, 32).pixels
        assert np.abs((pixels.numpy() + 1) * 127.5 - wanted).max() < 1, type(source)


def test_arrays_become_backdrops() -> None:
    deep = image_backdrop(np.full((8, 8), 77 * 257, np.uint16), 4).pixels
    assert np.allclose(deep, 77 / 127.5 - 1, atol=1e-6)
    with pytest.raises(UserError, match="not an image"):
        image_backdrop(np.zeros((8, 8, 3), np.float64), 4)


@pytest.mark.filterwarnings("ignore:Image size")
def test_huge_and_tiny_pictures_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(save(tmp_path / "small.png", Image.new("RGB", (20, 17), RED))).shape == (3, 32, 32)      # enlarged
    with pytest.raises(UserError, match='"tiny.png" is 200 x 15 pixels: too small for 32 x 32 .* at least 16'):
        read(save(tmp_path / "tiny.png", Image.new("RGB", (200, 15))))
    huge = save(tmp_path / "huge.png", Image.new("1", (10_001, 10_000)))
    with pytest.raises(UserError, match='"huge.png" has more than 100 million pixels. Make it smaller'):
        read(huge)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)                # what Pillow refuses gets the same sentence
    with pytest.raises(UserError, match='"huge.png" has more than'):
        read(huge)


def test_damaged_files_raise(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(UserError, match='"text.png" is not an image.*unknown kind'):
        read(tmp_path / "text.png")
    rng = np.random.default_rng(0)
    whole = save(tmp_path / "cut.png", Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)))
    content = whole.read_bytes()
    for length in (10, 60, len(content) // 2):
        whole.write_bytes(content[:length])
        with pytest.raises(UserError, match='"cut.png" is not an image'):
            read(whole)


# ------------------------------------------------------------------------------------------------------------ masks

def palette_mask(ids: np.ndarray) -> Image.Image:
    image = Image.fromarray(ids.astype(np.uint8)).convert("P")
    image.putpalette([value for part in PARTS for value in part.color])
    return image


@pytest.fixture
def ids() -> np.ndarray:
    """A mask [96, 64] with four parts, its central square the middle two thirds."""
    mask = np.zeros((96, 64), np.uint8)
    mask[16:48, :32], mask[48:80, :32], mask[48:80, 32:] = PARTS["hair"].id, PARTS["face"].id, PARTS["hat"].id
    return mask


@pytest.fixture
def pairs(tmp_path: Path, ids: np.ndarray):
    """A function that writes pictures a.jpg, b.jpg and c/d.jpg with masks, and returns both folders."""
    def write(mask: Image.Image | None = None) -> tuple[Path, Path]:
        images, masks = tmp_path / "photos", tmp_path / "masks"
        for name in ("a", "b", "c/d"):
            for place in (images, masks):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (128, 192), RED).save(images / f"{name}.jpg")
            (mask or palette_mask(ids)).save(masks / f"{name}.png")
        return images, masks
    return write


def prepared_masks(images: Path, masks: Path, colors: str = "") -> np.ndarray:
    plan = folder.plan(images, masks, 32, colors)
    return np.stack([plan.read(name)[1] for name in plan.names])


@pytest.mark.parametrize("kind", ["P", "L", "RGB", "RGBA", "I;16"])
def test_masks_are_read_by_id_or_color(pairs, ids: np.ndarray, kind: str) -> None:
    mask = {"L": Image.fromarray(ids), "I;16": Image.fromarray(ids.astype(np.uint16))}.get(kind)
    found = prepared_masks(*pairs(mask or palette_mask(ids).convert(kind)))
    assert (found == ids[16:80:2, ::2]).all()                            # [3, 32, 32]: the middle, half as large


def test_color_table_is_read_or_refused(pairs, tmp_path: Path, ids: np.ndarray) -> None:
    table = tmp_path / "colors.json"
    table.write_text(json.dumps({"background": ["#000000", [1, 1, 1]], "hair": [0, 0, 255], "face": "#ff0000",
                                 "hat": [0, 255, 0]}))
    colors = np.zeros((len(PARTS), 3), np.uint8)
    colors[7], colors[1], colors[11] = (0, 0, 255), (255, 0, 0), (0, 255, 0)
    image = Image.fromarray(colors[ids])
    image.putpixel((63, 20), (1, 1, 1))
    images, masks = pairs(image)
    assert (prepared_masks(images, masks, str(table)) == ids[16:80:2, ::2]).all()
    with pytest.raises(UserError, match=r'"a.png" has the color \(0, 0, 0\) at column 0, row 0, which is not in'):
        prepared_masks(images, masks)
    for content, message in (("{", "is not JSON"), ("[]", "must be of the form"), ('{"hiar": "#000000"}', '"hair"'),
                             ('{"hair": "black"}', 'gives hair the color "black"'), ('{"hair": [1, 2]}', "hair"),
                             ('{"hair": [1, 2, 3], "hat": [1, 2, 3]}', "to hair and to hat")):
        table.write_text(content)
        with pytest.raises(UserError, match=message):
            folder.plan(images, masks, 32, str(table))
    with pytest.raises(UserError, match="nowhere.json.*cannot be read"):
        folder.plan(images, masks, 32, "nowhere.json")


def test_renumbered_palette_raises(pairs, ids: np.ndarray) -> None:
    renumbered = palette_mask(ids).convert("RGB").quantize(8)
    assert {id_ for _, id_ in renumbered.getcolors()} != set(np.unique(ids))
    images, masks = pairs(renumbered)
    with pytest.raises(UserError, match="an editor has renumbered it. Add --mask-colors parts"):
        prepared_masks(images, masks)
    assert (prepared_masks(images, masks, "parts") == ids[16:80:2, ::2]).all()


def test_class_out_of_range_raises(pairs, ids: np.ndarray) -> None:
    ids[5, 7] = 19
    with pytest.raises(UserError, match=r'"a.png" has class 19 \(at column 7, row 5\); the vocabulary ends at 12'):
        prepared_masks(*pairs(Image.fromarray(ids)))


def test_other_proportions_raise(pairs, ids: np.ndarray) -> None:
    with pytest.raises(UserError, match='"a.jpg" is 128 x 192 pixels, but its mask "a.png" is 64 x 80'):
        prepared_masks(*pairs(palette_mask(ids[:80])))


def test_thin_parts_survive() -> None:
    ids = np.full((512, 512), PARTS["face"].id, np.uint8)
    ids[200:208, 100:400] = PARTS["eyebrows"].id
    assert (shrink_mask(ids, 32) == PARTS["eyebrows"].id).any()


# --------------------------------------------------------------------------------------------------- the whole way

def test_pictures_without_masks_open(pairs, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    images, _ = pairs()
    (images / ".hidden.jpg").write_text("left by the system")
    (images / "notes.txt").write_text("not an image")
    assert main(["prepare", "folder", str(images), "--size", "32", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "3 faces of 32 x 32 pixels, without masks" in capsys.readouterr().out
    faces = open_dataset(f"folder:{tmp_path / 'out'}", 32, "all")
    assert sorted(faces.names) == ["a.jpg", "b.jpg", "c/d.jpg"]
    assert not faces.has_masks and "without masks" in repr(faces)
    assert faces.image_batch([0, 2], flip=torch.tensor([True, False])).shape == (2, 3, 32, 32)
    assert len(faces.subset([1])) == 1 and faces.to("cpu").masks is None and faces.nbytes == 3 * 3 * 32 * 32
    with pytest.raises(UserError, match="batch for training needs masks, and folder:.*has none. Prepare it again"):
        faces.batch([0])
    with pytest.raises(UserError, match='no attribute "hat"'):
        faces.which("hat")


def test_unmatched_names_are_reported(pairs, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    images, masks = pairs()
    (masks / "b.png").rename(masks / "bb.png")
    Image.new("RGB", (128, 192)).save(images / "a.png")
    command = ["prepare", "folder", str(images), "--masks", str(masks), "--size", "32", "--out",
               str(tmp_path / "out")]
    assert main([*command, "--quiet"]) == 2
    assert '"masks/bb.png" belongs to no face: the name does not match' in capsys.readouterr().err
    assert main([*command, "--quiet", "--skip-bad"]) == 0
    said = capsys.readouterr().out
    assert '"a.jpg": there are 2 images called "a"' in said
    assert '"b.jpg" has no mask' in said and "masks/bb.png" in said
    assert open_dataset(f"folder:{tmp_path / 'out'}", 32, "all").names.tolist() == ["c/d.jpg"]


def test_nothing_usable_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no images"):
        folder.plan(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        folder.plan(tmp_path / "nowhere")
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(UserError, match="None of the 1 faces can be used. The first: \"a.png\" is not an image"):
        prepare.prepare(folder.plan(tmp_path), tmp_path / "out", skip_bad=True, quiet=True)
    with pytest.raises(UserError, match="there is no --masks"):
        folder.plan(tmp_path, mask_colors="parts")


def test_split_is_a_tenth_of_the_names() -> None:
    names = [f"{number}.jpg" for number in range(5_000)]
    chosen = [folder.is_for_validation(name) for name in names]
    assert 0.08 < np.mean(chosen) < 0.12
