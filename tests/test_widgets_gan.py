"""The widget of the notebook on what a GAN is, driven without a browser."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from torch import nn

from ssgan_lite.course.gan.toy import CENTERS, EDGE, kinds_found, look, real_points
from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


def history():
    torch.manual_seed(0)
    return [look(turn, nn.Linear(2, 2), nn.Linear(2, 1)) for turn in (0, 25, 50)]


def test_slider_shows_the_turn_that_is_chosen():
    from ssgan_lite.course.gan.widgets import GameReplay

    replay = GameReplay(history())
    assert repr(replay) == "GameReplay(3 moments)" and "After 0 turns" in replay.caption.value
    first = replay.picture.value
    assert Image.open(io.BytesIO(first)).width > 150
    replay.turn.value = 50
    assert replay.picture.value != first and "After 50 turns" in replay.caption.value


def test_empty_history_is_refused():
    from ssgan_lite.course.gan.figures import boards
    from ssgan_lite.course.gan.widgets import GameReplay

    for make in (lambda: GameReplay([]), lambda: boards({})):
        with pytest.raises(UserError, match="at least one|play some turns"):
            make()


def test_looking_does_not_touch_the_random_numbers_of_the_game():
    players = nn.Linear(2, 2), nn.Linear(2, 1)
    torch.manual_seed(3)
    wanted = torch.randn(2)
    torch.manual_seed(3)
    look(0, *players)
    assert torch.equal(torch.randn(2), wanted)


def test_belief_lies_on_the_plane_as_it_is_drawn():
    """Rows of the picture are y, columns x, from below: a discriminator of x alone has equal rows."""
    to_the_right = nn.Linear(2, 1)
    with torch.no_grad():
        to_the_right.weight.copy_(torch.tensor([[1.0, 0.0]]))
        to_the_right.bias.zero_()
    belief = look(0, nn.Linear(2, 2), to_the_right, grid=9).belief
    assert torch.equal(belief, belief[:1].expand(9, 9)) and (belief[0].diff() > 0).all()
    assert torch.allclose(belief[0, 4], torch.tensor(0.5))


def test_data_lie_in_all_kinds_and_in_the_picture():
    torch.manual_seed(0)
    points = real_points(500)
    assert kinds_found(points, CENTERS, 0.6, 50) == 5 and points.abs().max() < EDGE
