"""The widget of notebook 06, driven without a browser, and the pictures and helpers of the lesson."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.model.layers import FIRFilter, FixedStyledConv

pytest.importorskip("ipywidgets", reason="the course extra is not installed")
from ssgan_lite.course.rendering import stages  # noqa: E402
from ssgan_lite.course.rendering.figures import (  # noqa: E402
    inputs_seen,
    reach_figure,
    spectrum,  # noqa: E402
)
from ssgan_lite.course.rendering.widgets import StageViewer  # noqa: E402
from ssgan_lite.course.widgets import VIEW  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return sg.SemanticGenerator(sg.preset("nano32")).eval()


@pytest.fixture()
def given(model):
    return stages.fuse_face(model, seed=3)


def test_the_render_net_is_given_what_the_generator_makes(model, given):
    with torch.no_grad():
        out = model(model.mapping(model.sample_z(1, 3)), psi=0.7)
        image, mask = model.render(*given)
    assert torch.allclose(given[1], out.coarse_mask, atol=1e-6)
    assert torch.allclose(image, out.image, atol=1e-4) and torch.allclose(mask, out.mask, atol=1e-4)


@pytest.mark.parametrize("residual", [True, False])
def test_the_stages_add_up_to_the_output(given, residual):
    torch.manual_seed(1)
    net = sg.SemanticGenerator(sg.preset("nano32").replace(mask_residual=residual)).eval().render
    images, masks = stages.so_far(net, *given)
    with torch.no_grad():
        image, mask = net(*given)
    assert len(images) == len(masks) == 3
    assert torch.allclose(images[-1], image, atol=1e-4) and torch.allclose(masks[-1], mask, atol=1e-4)
    assert not torch.allclose(images[0], image, atol=0.1)


def test_louder_noise_is_taken_back_even_after_an_error(model, given):
    before = {name: value.clone() for name, value in model.render.state_dict().items()}
    quiet = model.render(*given)[0]
    with pytest.raises(ZeroDivisionError), stages.louder(model.render, 0.5):
        assert not torch.allclose(model.render(*given)[0], quiet, atol=0.01)
        1 / 0      # noqa: B018
    assert all(torch.equal(value, before[name]) for name, value in model.render.state_dict().items())


def test_the_widget_walks_through_the_stages(model):
    widget = StageViewer(model, seed=3)
    assert repr(widget) == "StageViewer(3 stages, 4 to 32 px)"
    for view in widget.pictures:
        assert Image.open(io.BytesIO(view.value)).size == (2 * VIEW, 2 * VIEW)
    assert "32 x 32 pixels; the coarse mask is in." in widget.caption.value
    before = [view.value for view in widget.pictures]
    widget.stage.value = 1
    assert "8 x 8 pixels; the coarse mask is not in yet" in widget.caption.value
    assert widget.pictures[0].value == widget.pictures[1].value, "the first stage adds all there is"
    assert widget.pictures[0].value != before[0] and widget.pictures[2].value != before[2]
    widget.stage.value = 3
    assert [view.value for view in widget.pictures] == before


def test_noise_and_another_face_change_the_picture(model):
    widget = StageViewer(model, seed=3)
    before = widget.pictures[0].value
    widget.noise.value = 0.2
    noisy = widget.pictures[0].value
    widget.noise.value = 0.0
    assert noisy != before and widget.pictures[0].value == before
    widget.seed.value = 4
    assert widget.pictures[0].value != before


@pytest.mark.parametrize("position", [8, 9, 10, 11])
def test_a_stage_sees_four_columns(position):
    """What exercise 06.4 asks for."""
    torch.manual_seed(0)
    up, plain = FixedStyledConv(3, 4, upsample=True), FixedStyledConv(4, 2)
    seen = inputs_seen(lambda x: plain(up(x, None), None), torch.randn(2, 3, 12, 12), position, position)
    assert (seen > 0).any(dim=0).sum() == (seen > 0).any(dim=1).sum() == 4


def test_what_is_seen_of_the_identity():
    x = torch.randn(1, 2, 5, 6)
    seen = inputs_seen(lambda value: 3 * value, x, 1, 4)
    wanted = torch.zeros(5, 6)
    wanted[1, 4] = 6                                   # two channels
    assert torch.equal(seen, wanted)
    assert len(reach_figure(seen[:, :5], 1, 4, 10).axes) == 3


def test_the_filter_takes_the_fastest_frequency_away():
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 + torch.rand(32, 32) * 0.1
    filtered = FIRFilter(pad=(1, 2))(board[None, None])[0, 0]
    before, after = spectrum(board), spectrum(filtered)
    assert before[0, 0] > 0.9 and after[0, 0] < 0.6
    assert before.min() >= 0 and before.max() <= 1 and after[16, 16] > 0.9
