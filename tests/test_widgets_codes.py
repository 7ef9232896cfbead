"""The widget of the notebook on latents, driven without a browser."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

import ssgan_lite as sg

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


def test_psi_leads_from_the_face_to_the_average_and_back():
    from ssgan_lite.course.codes.widgets import TruncationSlider

    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    slider = TruncationSlider(G, seeds=(1, 2), psi=1.0)
    assert repr(slider) == "TruncationSlider(2 faces of 32 px)"
    whole, cloud = slider.faces.value, slider.codes.value
    slider.psi.value = 0.0
    pixels = Image.open(io.BytesIO(slider.faces.value)).convert("RGB")
    half = pixels.height                                       # two equal squares and the gap between them
    left, right = pixels.crop((0, 0, half, half)), pixels.crop((pixels.width - half, 0, pixels.width, half))
    assert left.tobytes() == right.tobytes(), "psi = 0 is the same face for every code"
    assert slider.codes.value != cloud and "psi = 0.00" in slider.caption.value
    slider.psi.value = 1.0
    assert slider.faces.value == whole
