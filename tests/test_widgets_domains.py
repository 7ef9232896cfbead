"""Figures and the slider of the notebook on new domains, without a browser."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.course.figures import to_picture
from ssgan_lite.model import blend
from ssgan_lite.model.sections import section_names

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


@pytest.fixture(scope="module")
def family():
    """A generator and a child whose render net moved."""
    torch.manual_seed(0)
    parent, other = (sg.SemanticGenerator(sg.preset("nano32")).eval() for _ in range(2))
    parent.update_mean_w(200)
    return parent, blend(parent, other, {"render": 0.5})


def pixels(place) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(place.value)).convert("RGB")).astype(int)


def test_slider_goes_from_parent_to_child(family) -> None:
    from ssgan_lite.course.domains.widgets import CHOICES, BlendSlider

    slider = BlendSlider(*family, seed=3)
    assert repr(slider) == "BlendSlider(seed 3)"
    parent, mixed, _, child = slider.pictures
    assert np.array_equal(pixels(mixed), pixels(child)) and not np.array_equal(pixels(mixed), pixels(parent))
    slider.share.value = 0.0
    assert np.array_equal(pixels(mixed), pixels(parent)) and "0%" in slider.caption.value
    slider.share.value = 0.5
    for name in CHOICES:
        slider.sections.value = name
        assert name.capitalize() in slider.caption.value
    slider.person.value = 5
    assert not np.array_equal(pixels(parent), pixels(child))


def test_what_moved_is_told_by_section(family) -> None:
    from ssgan_lite.course.domains.figures import moved, moved_bars

    shares = moved(*family)
    stages = [share for name, share in shares.items() if name.startswith("render_")]
    assert set(shares) == set(section_names(family[0])) - {"local", "render"}
    assert shares["mapping"] == shares["shape"] == shares["texture"] == 0 < min(stages)
    assert to_picture(moved_bars(shares)).width > 200


def test_curves_of_one_and_of_two_runs() -> None:
    from ssgan_lite.course.domains.figures import watch_curves

    looks = [dict(images=500 * i, agreement=1 - i / 10, distance=10.0 / (i + 1)) for i in range(4)]
    for runs in (looks, {"one": looks, "two": looks[:2]}):
        assert to_picture(watch_curves(runs, least=0.5, at=1000)).width > 400
