"""The widgets of notebook 03, driven without a browser."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


def pixels(view) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(view.value)).convert("L"))


def test_the_frequency_slider_shows_each_drawing_and_counts_its_wrong_pixels():
    from ssgan_lite.course.fourier.widgets import WIDTH, FrequencySlider

    wanted = torch.zeros(8, 8)
    wanted[:, :4] = 1
    drawings = torch.stack([torch.zeros(8, 8), wanted])
    slider = FrequencySlider(drawings, wanted)
    assert repr(slider) == "FrequencySlider(0 to 1 frequencies)"
    assert "50.0 %" in slider.caption.value
    assert pixels(slider.pictures[0]).shape == (2 * WIDTH, 2 * WIDTH)
    assert pixels(slider.pictures[1]).min() == 255, "nothing was drawn"
    assert pixels(slider.pictures[2]).mean() == pytest.approx(127.5), "half of it is wrong"
    slider.bands.value = 1
    assert "0.0 %" in slider.caption.value and "highest 1" in slider.caption.value
    assert slider.pictures[1].value == slider.pictures[0].value
    assert pixels(slider.pictures[2]).min() == 255, "nothing is wrong"
    with pytest.raises(UserError, match="go together"):
        FrequencySlider(drawings, torch.zeros(4, 4))


@pytest.fixture()
def mover():
    from ssgan_lite.course.fourier.widgets import PartMover

    torch.manual_seed(0)
    return PartMover(sg.SemanticGenerator(sg.preset("nano32")), seed=3)


def test_the_mover_moves_one_part_and_no_code(mover):
    assert repr(mover) == "PartMover(32 px; parts: mouth, nose, hair, eyebrows, face, hat, glasses)"
    codes, before, picture = mover.face.state.codes.clone(), mover.face.render(), mover.pictures[0].value
    mover.right.value, mover.zoom.value = 0.25, 1.2
    after = mover.face.render()
    mouth = mover.face.generator.config.part_id("mouth")
    assert mover.face.state.placement == {mouth: (pytest.approx(0.25), 0.0, pytest.approx(1.2))}
    assert torch.equal(mover.face.state.codes, codes)
    others = [p for p in range(13) if p != mouth]
    assert torch.equal(before.depths[:, others], after.depths[:, others])
    assert not torch.equal(before.depths[:, mouth], after.depths[:, mouth])
    assert mover.pictures[0].value != picture
    assert "mouth" in mover.caption.value and "1.20" in mover.caption.value


def test_another_part_begins_where_it_is_and_all_can_be_put_back(mover):
    picture = mover.pictures[0].value
    mover.down.value = 0.3
    mover.part.value = "hair"
    assert (mover.right.value, mover.down.value, mover.zoom.value) == (0.0, 0.0, 1.0)
    mover.zoom.value = 1.5
    mover.part.value = "mouth"
    assert mover.down.value == pytest.approx(0.3), "the mouth is still where it was put"
    assert len(mover.face.state.placement) == 2
    mover.back.click()
    assert not mover.face.state.placement and mover.pictures[0].value == picture
    assert mover.down.value == 0.0
