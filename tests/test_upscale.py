"""The upscaler: edges between parts that stay sharp, colors that stay those of their part, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.edit import Session, shown
from ssgan_lite.edit.backdrop import Backdrop, color_backdrop
from ssgan_lite.edit.upscale import upscale, upscale_ids

R, S = 16, 128


def disk(radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A light disk on a dark ground, mixtures at its border: image [3, R, R], scores [2, R, R]."""
    fine = (torch.arange(R * 16) + 0.5) / 16 - R / 2
    inside = (fine[:, None].square() + fine[None].square() < radius**2).float()
    share = torch.nn.functional.avg_pool2d(inside[None], 16)[0]                                # [R, R]
    return (1.6 * share - 0.8).expand(3, R, R), torch.stack([1 - 2 * share, 2 * share - 1])


def true_disk(radius: float) -> torch.Tensor:
    at = (torch.arange(S) + 0.5) * R / S - R / 2
    return at[:, None].square() + at[None].square() < radius**2


def test_edge_is_sharper_than_interpolation_and_in_the_right_place() -> None:
    image, scores = disk(5.0)
    large, wanted = upscale(image, scores, S), torch.where(true_disk(5.0), 0.8, -0.8)
    plain = torch.nn.functional.interpolate(image[None], (S, S), mode="bicubic")[0]
    assert large.shape == (3, S, S)
    error, error_plain = ((x - wanted).abs().mean() for x in (large, plain))
    assert error < 0.5 * error_plain, (error, error_plain)
    steep, steep_plain = (x[0, S // 2].diff().abs().max() for x in (large, plain))
    assert steep > 2 * steep_plain
    assert (upscale_ids(scores, S) == true_disk(5.0)).float().mean() > 0.98


def test_inside_of_a_part_is_plain_interpolation() -> None:
    image, scores = disk(6.5)
    torch.manual_seed(0)
    image = image + 0.05 * torch.randn(3, R, R)
    large = upscale(image, scores, S)
    plain = torch.nn.functional.interpolate(image[None], (S, S), mode="bicubic")[0]
    middle = slice(S // 2 - 12, S // 2 + 12)
    assert (large - plain)[:, middle, middle].abs().max() < 0.03


def test_parts_of_nearly_the_same_color_get_no_edge() -> None:
    image, scores = disk(5.0)
    large = upscale(0.03 * image, scores, S)
    plain = torch.nn.functional.interpolate(0.03 * image[None], (S, S), mode="bicubic")[0]
    assert large[0].diff().abs().max() < 1.6 * plain[0].diff().abs().max()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_small_part_is_not_lost(size: int) -> None:
    """An eye of a few pixels has an outline, and its color."""
    scores = torch.full((3, R, R), -1.0)
    scores[1] = 1.0
    scores[1:, 7:7 + size, 5:5 + size] = torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    image = torch.where(scores[2] > 0, -0.9, 0.5).expand(3, R, R)
    ids, large = upscale_ids(scores, S), upscale(image, scores, S)
    inside = ids == 2
    assert 0.4 < float(inside.sum()) / (size * S / R)**2 < 1.8
    assert float(large[0][inside].min()) < -0.7 and float(large[0][~inside].mean()) > 0.4


def test_backdrop_takes_the_place_of_the_background_alone() -> None:
    image, scores = disk(5.0)
    red = upscale(image, scores, S, color_backdrop("#ff0000"))
    wanted = torch.tensor([1.0, -1.0, -1.0]).view(3, 1)
    assert (red[:, true_disk(6.0).logical_not()] - wanted).abs().max() < 1e-5
    assert (red[:, true_disk(4.0)] - 0.8).abs().max() < 0.1
    mixed = (red - wanted.view(3, 1, 1)).abs().amax(0).gt(0.05) & (red - 0.8).abs().amax(0).gt(0.1)
    width = float(mixed.sum()) / (2 * torch.pi * 5 * S / R)
    assert width < 4, "no fringe: the border is narrower than half a pixel of the model"
    fine = torch.zeros(3, S, S)
    fine[:, ::2] = 1                                            # stripes that no picture of R pixels could hold
    striped = upscale(image, scores, S, Backdrop(fine))
    assert torch.equal(striped[:, :16], fine[:, :16])


def test_speck_of_background_in_the_face_shows_no_backdrop() -> None:
    image, scores = disk(6.5)
    scores = scores.clone()
    scores[0, 8, 8], scores[1, 8, 8] = 0.2, 0.1
    red = upscale(image, scores, S, color_backdrop("#ff0000"))
    assert (red[1, 56:80, 56:80] > 0).all()


def test_large_pictures_stay_as_they_are() -> None:
    image, scores = disk(5.0)
    assert torch.equal(upscale(image, scores, R), image) and torch.equal(upscale(image, scores, 8), image)
    assert torch.equal(upscale_ids(scores, R).long(), scores.argmax(0))


@pytest.mark.parametrize("parts", [1, 13])
def test_faces_of_one_part_or_of_noise_are_drawn(parts: int) -> None:
    torch.manual_seed(0)
    image, scores = torch.randn(3, R, R), torch.randn(parts, R, R)
    large = upscale(image, scores, S)
    assert large.isfinite().all() and large.abs().max() < 2
    assert set(upscale_ids(scores, S).unique().tolist()) <= set(range(parts))


def test_a_face_shown_small_again_is_the_face() -> None:
    face = Session(sg.load_pretrained("nano32"), 3, psi=0.7)
    small = np.asarray(Image.fromarray(shown(face)).resize((32, 32), Image.Resampling.BOX), float)
    model = (face.render().image[0].clamp(-1, 1).movedim(0, 2).numpy() + 1) * 127.5
    assert np.abs(small - model).mean() < 5
    red = shown(face.set_backdrop("#ff0000"))
    assert (np.abs(red - [255.0, 0, 0]).max(2) < 2).mean() > 0.2
