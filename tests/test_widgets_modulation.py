"""The widget of the notebook on modulation, driven without a browser."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")

W = torch.tensor([[0.6, -0.8, 0.2], [1.0, 0.5, -0.4]])


def test_style_sliders_change_columns_and_demodulation_keeps_rows_at_length_one():
    from ssgan_lite.course.modulation.widgets import StyleTable

    table = StyleTable(W, [2.0, 1.0, 0.5])
    assert repr(table) == "StyleTable(2 outputs, 3 inputs)"
    first = table.picture.value
    assert Image.open(io.BytesIO(first)).width > 300
    assert torch.allclose(table.used.norm(dim=1), torch.ones(2))
    table.demodulation.value = False
    assert torch.allclose(table.used, W * torch.tensor([2.0, 1.0, 0.5]))
    assert table.picture.value != first and "1.45, 2.07" in table.caption.value
    table.styles[0].value = 0.0
    assert not table.used[:, 0].any() and table.used[:, 1:].all()


def test_all_styles_times_a_constant_change_nothing():
    from ssgan_lite.course.modulation.widgets import StyleTable

    table = StyleTable(W, [0.5, 1.0, 1.5])
    before = table.used
    for slider in table.styles:
        slider.value *= 2
    assert torch.allclose(table.used, before)


def test_a_style_that_does_not_fit_is_named():
    from ssgan_lite.course.modulation.widgets import StyleTable

    with pytest.raises(UserError, match="one style for each of its inputs"):
        StyleTable(W, [1.0, 1.0])
