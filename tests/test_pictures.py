"""Pictures of tensors."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import SemanticGenerator, edit, preset
from ssgan_lite.data import Dataset
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, further_colors, vocabulary
from ssgan_lite.pictures import (
    contact_sheet,
    image_grid,
    mask_to_rgb,
    palette_image,
    png_bytes,
    round_to_levels,
    sample_sheet,
    save_png,
    to_image,
    to_levels,
)


def test_to_image_rounds_and_clips() -> None:
    pixels = to_image(torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).expand(3, 1, 5))
    assert pixels.shape == (1, 5, 3) and pixels.dtype == np.uint8
    assert pixels[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert to_image(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)
    every = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert (to_image(every.float() / 127.5 - 1)[0, :, 1] == np.arange(256)).all()


def test_levels_are_those_of_a_picture_file() -> None:
    values = torch.tensor([-3.0, -1.0, 0.0, 0.999, 1.0, 3.0])
    assert to_levels(values).tolist() == [0, 0, 128, 255, 255, 255] and to_levels(values).dtype == torch.uint8
    torch.testing.assert_close(round_to_levels(values), to_levels(values) / 127.5 - 1)


def test_mask_has_the_colors_of_its_parts() -> None:
    colors = mask_to_rgb(torch.tensor([[PARTS["hair"].id, PARTS["hat"].id]]))
    assert colors.tolist() == [[list(PARTS["hair"].color), list(PARTS["hat"].color)]]
    named = mask_to_rgb(np.array([[1, 2]]), ("background", "hair", "wig"))
    assert named.tolist() == [[list(PARTS["hair"].color), list(further_colors(1)[0])]]
    assert mask_to_rgb(np.array([[13]])).tolist() == [[list(further_colors(1)[0])]]


@pytest.mark.parametrize("mask, parts, words", [
    (np.array([[2]]), ("background", "hair"), "class 2.*0 to 1"), (np.array([[-1]]), None, "class -1"),
    (np.array([[300]]), None, "class 300.*0 to 255"), (torch.zeros(1, 13, 4, 4), None, "argmax")])
def test_mask_that_cannot_be_colored_raises(mask, parts, words) -> None:
    with pytest.raises(UserError, match=words):
        mask_to_rgb(mask, parts)


@pytest.fixture(scope="module")
def thirty() -> SemanticGenerator:
    """A model with more parts than `PARTS`."""
    parts = ("background", *(f"region_{i}" for i in range(1, 30)))
    torch.manual_seed(0)
    return SemanticGenerator(preset("nano32").replace(parts=parts, transparent=("region_29",))).eval()


def test_model_with_thirty_parts_is_drawn(thirty, tmp_path) -> None:
    with torch.no_grad():
        ids = thirty(thirty.mapping(thirty.sample_z(4, seed=0))).mask.argmax(1)
        ids[:, :5, :6] = torch.arange(30).view(5, 6)                       # all of them, whatever was drawn
    colors = mask_to_rgb(ids)
    assert len(np.unique(colors[0, :5, :6].reshape(-1, 3), axis=0)) == 30
    assert sample_sheet(thirty, range(3)).size == (3 * 32 + 2 * 2, 64)
    images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    data = Dataset(images, ids.to(torch.uint8), {}, np.arange(4), parts=thirty.config.parts)
    assert contact_sheet(data, columns=2).size == (2 * 32 + 2, 2 * 64 + 2)
    face = Session(thirty, 3)
    assert edit.contact_sheet(face.variants(2), masks=True).size == (2 * 32 + 2, 64)
    stored = Image.open(edit.save_picture(face, tmp_path / "face", size=None)[1])
    mask = face.render().mask[0].argmax(0).numpy()
    assert (np.asarray(stored) == mask).all()
    assert (np.asarray(stored.convert("RGB")) == mask_to_rgb(mask, thirty.config.parts)).all()


def test_palette_image_holds_ids_and_colors() -> None:
    ids = np.arange(30).reshape(5, 6)
    picture = palette_image(ids, vocabulary(30).names)
    assert (np.asarray(picture) == ids).all()
    assert (np.asarray(picture.convert("RGB")) == vocabulary(30).palette[ids]).all()


def test_png_has_the_size_that_was_asked_for(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(pixels)))) == pixels).all()
    large = np.asarray(Image.open(io.BytesIO(png_bytes(Image.fromarray(pixels), size=12))))
    assert (large == pixels.repeat(2, 0).repeat(2, 1)).all()
    assert Image.open(io.BytesIO(png_bytes(pixels, size=(5, 9), smooth=True))).size == (5, 9)
    path = save_png(pixels, tmp_path / "new" / "a.png")
    assert (np.asarray(Image.open(path)) == pixels).all()


def test_image_grid() -> None:
    tiles = [np.full((4, 6, 3), i, np.uint8) for i in range(5)]
    sheet = np.asarray(image_grid(tiles, columns=2, gap=1, scale=2))
    assert sheet.shape == (3 * 8 + 2, 2 * 12 + 1, 3)
    assert sheet[0, 0, 0] == 0 and sheet[0, 13, 0] == 1 and sheet[9, 0, 0] == 2
    assert (sheet[8] == 255).all() and (sheet[18:, 13:] == 255).all()       # gaps and the empty place are white
    with pytest.raises(UserError, match="equally large"):
        image_grid([tiles[0], tiles[0][:3]], 2)
    with pytest.raises(UserError, match="at least one"):
        image_grid([], 2)
