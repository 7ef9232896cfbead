"""Pictures of tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import image_grid, mask_to_rgb, to_image


def test_to_image_rounds_and_clips() -> None:
    pixels = to_image(torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).expand(3, 1, 5))
    assert pixels.shape == (1, 5, 3) and pixels.dtype == np.uint8
    assert pixels[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert to_image(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)
    every = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert (to_image(every.float() / 127.5 - 1)[0, :, 1] == np.arange(256)).all()


def test_mask_to_rgb() -> None:
    colours = mask_to_rgb(torch.tensor([[PARTS["hair"].id, PARTS["hat"].id]]))
    assert colours.tolist() == [[list(PARTS["hair"].color), list(PARTS["hat"].color)]]
    with pytest.raises(UserError, match="class 13"):
        mask_to_rgb(np.array([[13]]))
    with pytest.raises(UserError, match="argmax"):
        mask_to_rgb(torch.zeros(1, 13, 4, 4))


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
