"""The rig as a joystick, driven without a browser."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ssgan_lite as sg
from ssgan_lite.directions import place
from ssgan_lite.directions.stylerig import MOVES, RigNet
from ssgan_lite.errors import UserError

pytest.importorskip("anywidget", reason="the course extra is not installed")


@pytest.fixture(scope="module")
def rigged():
    """A model, a rig with random decoders, and a face."""
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    names = ("yaw", "pitch", "smile")
    rig = RigNet(names, [place(G, MOVES[name]).addresses for name in names], G.layout.n_latent, G.config.style_dim)
    for decoder in rig.decoders:
        nn.init.normal_(decoder[2].weight, std=0.2)
    codes = G.layout.to_w_plus(G.mapping(G.sample_z(1, seed=3))).detach()
    return G, rig.requires_grad_(False), codes, torch.zeros(1, 3)


def stick(rigged, **kwargs):
    from ssgan_lite.course.directions.widgets import RigStick

    return RigStick(*rigged, **kwargs)


def pixels(widget) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(widget.picture)).convert("RGB")).astype(int)


def test_stick_turns_the_face_and_comes_back(rigged):
    widget = stick(rigged)
    assert repr(widget) == "RigStick(yaw and pitch)" and widget.answered == 1
    middle = pixels(widget)
    widget.place = [1.0, 0.0]
    assert widget.answered == 2 and "yaw +2.5" in widget.caption
    assert np.abs(pixels(widget) - middle).max() > 8
    widget.place = [0.0, -0.5]
    assert "pitch -1.2" in widget.caption
    widget.place = [0.0, 0.0]
    assert np.array_equal(pixels(widget), middle), "nothing drifts"


def test_middle_of_the_stick_is_the_face_as_it_was(rigged):
    assert torch.equal(stick(rigged).at(0, 0), rigged[2])


def test_place_beyond_the_border_is_drawn_as_the_border(rigged):
    widget = stick(rigged, across="smile")
    widget.place = [7.0, 0.0]
    assert "smile +2.5" in widget.caption


def test_what_does_not_fit_is_said(rigged):
    with pytest.raises(UserError, match="yaw"):
        stick(rigged, across="yow")
    with pytest.raises(UserError, match="both are"):
        stick(rigged, up="yaw")
    G, rig, codes, has = rigged
    with pytest.raises(UserError, match="one face, not 2"):
        stick((G, rig, codes.repeat(2, 1, 1), has))
