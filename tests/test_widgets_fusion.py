"""The widget of notebook 05, driven without a browser, and the pictures that it is made of."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")
from ssgan_lite.course.fusion import sheets  # noqa: E402
from ssgan_lite.course.fusion.widgets import DepthSheets  # noqa: E402
from ssgan_lite.course.widgets import VIEW  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return sg.SemanticGenerator(sg.preset("nano32")).eval()


@pytest.fixture()
def face(model):
    with torch.no_grad():
        codes = model.layout.expand(model.mapping(model.sample_z(1, 3))).unflatten(1, (13, -1))
        return model.local(codes, model.embedding())


def test_untouched_depths_give_the_models_own_picture(model, face):
    image, mask = sheets.render_depths(model, *face)
    with torch.no_grad():
        out = model(model.mapping(model.sample_z(1, 3)))
    assert torch.allclose(image, out.image, atol=1e-5) and torch.allclose(mask, out.mask, atol=1e-5)


def test_lifting_wins_and_lowering_loses(model, face):
    widget = DepthSheets(model, *face)
    assert repr(widget) == "DepthSheets(13 parts, 16 x 16)"
    for view in widget.pictures:
        assert Image.open(io.BytesIO(view.value)).size == (2 * VIEW, 2 * VIEW)
    before, hat = [view.value for view in widget.pictures], model.config.part_id("hat")
    widget.part.value = "hat"
    widget.lift.value = 30
    assert (widget.lifted.argmax(1) == hat).all()
    assert "100 % of all weight" in widget.caption.value
    assert all(view.value != old for view, old in zip(widget.pictures, before))
    widget.lift.value = -30
    assert not (widget.lifted.argmax(1) == hat).any()
    widget.part.value = "nose"
    assert widget.lift.value == 0 and torch.equal(widget.lifted, face[1])
    assert [view.value for view in widget.pictures] == before


def test_only_the_cut_follows_the_row(model, face):
    widget = DepthSheets(model, *face, row=2)
    before = [view.value for view in widget.pictures]
    widget.row.value = 9
    assert [view.value == old for view, old in zip(widget.pictures, before)] == [True, False, True, True]


def test_one_face_at_a_time(model, face):
    with pytest.raises(UserError, match="One face at a time"):
        DepthSheets(model, face[0].expand(2, -1, -1, -1, -1), face[1].expand(2, -1, -1, -1))


def test_landscape_shows_who_is_in_front():
    depths = torch.zeros(3, 16, 16)
    depths[1], depths[2] = 8, -8
    seen = {tuple(color) for color in sheets.landscape(depths).reshape(-1, 3)}
    face, eyes = np.array(sg.PARTS[1].color), np.array(sg.PARTS[2].color)
    assert any(np.abs(np.array(color) - face).max() <= 2 for color in seen)
    assert not any(np.abs(np.array(color) - eyes).max() <= 2 for color in seen), "it lies below the plane"


def test_the_strip_of_the_cut_holds_the_weights():
    depths = torch.zeros(2, 4, 8)
    depths[1, :, :4], depths[1, :, 4:] = -9, 9
    strip = sheets.section(depths, row=1)[-10]
    assert tuple(strip[10]) == sg.PARTS[0].color and tuple(strip[-10]) == sg.PARTS[1].color


def test_lift_to_reach_is_exact_and_refuses_the_impossible():
    torch.manual_seed(0)
    depths = 5 * torch.randn(2, 4, 3, 3)
    lifted = depths.clone()
    lifted[:, 1] += sheets.lift_to_reach(depths, 1, 0.3)
    assert torch.allclose(torch.softmax(lifted, 1)[:, 1], torch.full((2, 3, 3), 0.3), atol=1e-5)
    with pytest.raises(UserError, match="between 0 and 1"):
        sheets.lift_to_reach(depths, 1, 1.0)
