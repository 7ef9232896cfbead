"""The slider of R1 weights: which trajectory it draws, and what it says about it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ssgan_lite.errors import UserError

widgets = pytest.importorskip("ipywidgets", reason="the course extra is not installed")

ORBIT = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] * 10
ARRIVING = [(0.5**step, 0.0) for step in range(40)]


@pytest.fixture()
def slider():
    from ssgan_lite.course.losses.widgets import OrbitSlider

    return OrbitSlider({2.0: ARRIVING, 0.0: ORBIT, 0.5: [(0.0, 0.0)] * 40})


def test_it_begins_with_the_smallest_weight(slider):
    assert repr(slider) == "OrbitSlider(3 R1 weights from 0 to 2)"
    assert slider.weight.value == 0.0 and "do not stay within 0.1 of the target in 40 steps" in slider.caption.value
    assert Image.open(io.BytesIO(slider.picture.value)).width > 500


def test_moving_it_draws_the_other_path(slider):
    first = slider.picture.value
    slider.weight.value = 2.0
    assert slider.picture.value != first
    assert slider.arrival() == 4 and "from step 4 on" in slider.caption.value      # 0.5**4 is the first below 0.1
    slider.weight.value = 0.5
    assert slider.arrival() == 0
    slider.weight.value = 0.0
    assert slider.picture.value == first and slider.arrival() is None


def test_nothing_to_show_is_an_error():
    from ssgan_lite.course.losses.widgets import OrbitSlider

    with pytest.raises(UserError, match="at least one"):
        OrbitSlider({})
