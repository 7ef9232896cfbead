"""Figures that the notebooks share."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image

from ssgan_lite.course.figures import is_flat, picture_rows
from ssgan_lite.course.widgets import draw, view
from ssgan_lite.pictures import mask_to_rgb


def colors(picture: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(color) for color in picture.reshape(-1, picture.shape[-1])}


def a_mask(size: int = 64) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    return mask_to_rgb(torch.randint(0, 13, (1, size, size), generator=generator))[0]


def a_photograph(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)


def test_colors_of_masks_do_not_blend() -> None:
    figure = picture_rows([[a_mask(), a_photograph()]])
    mask, photograph = (axis.images[0] for axis in figure.axes)
    assert mask.get_interpolation() == "nearest" and photograph.get_interpolation() == "bicubic"


def test_mask_in_widget_keeps_its_colors() -> None:
    for picture, kept in ((a_mask(), True), (a_photograph(), False)):
        place = view(100)
        draw(place, picture)
        shown = np.asarray(Image.open(io.BytesIO(place.value)).convert("RGB"))
        assert (colors(shown) <= colors(picture)) == kept


def test_map_without_change_has_a_frame() -> None:
    figure = picture_rows([[a_photograph(), np.zeros((64, 64)), None]])
    framed = [any(spine.get_visible() for spine in axis.spines.values()) for axis in figure.axes]
    assert framed == [False, True, False]


def test_only_masks_and_maps_are_flat() -> None:
    assert is_flat(a_mask()) and is_flat(np.zeros((8, 8))) and not is_flat(a_photograph())
