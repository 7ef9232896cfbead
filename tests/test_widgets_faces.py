"""The widget of notebook 01, driven without a browser."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


def make(calls, agreements=(0.5, 0.75, 1.0)):
    from ssgan_lite.course.faces.widgets import PlantSlider

    def experiment(agreement):
        calls.append(agreement)
        return [np.full((8, 8, 3), agreement), np.full((8, 8), agreement)], 2 * agreement - 1

    return PlantSlider(experiment, ["after", "what changed"], agreements)


def test_it_asks_the_experiment_once_for_each_agreement_and_says_the_leak():
    calls = []
    slider = make(calls)
    assert repr(slider) == "PlantSlider(3 agreements)"
    first = slider.picture.value
    assert Image.open(io.BytesIO(first)).width > 100
    assert calls == [0.5] and "changes by 0.00" in slider.caption.value
    slider.agreement.value = 1.0
    assert calls == [0.5, 1.0] and slider.picture.value != first and "changes by 1.00" in slider.caption.value
    slider.agreement.value = 0.5
    assert calls == [0.5, 1.0] and slider.picture.value == first, "going back costs nothing"


def test_a_slider_needs_a_choice():
    with pytest.raises(UserError, match="at least two"):
        make([], agreements=(0.5,))
