"""The widget's buttons and sliders, driven without a browser: each does what its label says."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

import ssgan_lite as sg

widgets = pytest.importorskip("ipywidgets", reason="the course extra is not installed")


@pytest.fixture()
def editor():
    from ssgan_lite.course.start.widgets import PartEditor

    torch.manual_seed(0)
    return PartEditor(sg.SemanticGenerator(sg.preset("nano32")), seed=3, guest=4)


def codes(editor, part):
    return editor.face.state.codes[:, editor.face.generator.layout[part]]


def test_it_shows_four_pictures_and_a_stable_line(editor):
    from ssgan_lite.course.widgets import VIEW

    for view in editor.pictures:
        assert Image.open(io.BytesIO(view.value)).size == (2 * VIEW, 2 * VIEW)
    assert repr(editor) == "PartEditor(32 px; parts: hair, eyebrows, eyes, background, face, mouth, nose, cloth)"


def test_a_notebook_keeps_its_pictures_with_their_names(editor):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()                    # without a shell, what is displayed is printed and not captured
    with capture_output() as captured:
        editor._repr_mimebundle_()
    still = captured.outputs[0].data["text/html"]
    assert still.count("<img") == 4 and "run this cell" in still
    for name in editor.still_names:
        assert f'alt="PartEditor: {name}"' in still and f"<figcaption>{name}</figcaption>" in still


def test_sliders_lead_to_the_guest_and_back(editor):
    start = editor.face.state.codes.clone()
    picture = editor.pictures[0].value
    for value in (0.3, 0.7, 1.0):
        editor.shape.value = value
    layout = editor.face.generator.layout
    assert torch.equal(editor.face.state.codes[:, layout["hair", "shape"]],
                       editor.guest.state.codes[:, layout["hair", "shape"]])
    assert torch.equal(editor.face.state.codes[:, layout["hair", "texture"]], start[:, layout["hair", "texture"]])
    assert editor.pictures[0].value != picture
    assert len(editor.face.history.past) == 1, "a drag is one edit, however many positions it went through"
    editor.shape.value = 0.0
    assert torch.equal(editor.face.state.codes, start)
    assert editor.pictures[0].value == picture


def test_swap_undo_and_new_face(editor):
    start = editor.face.state.codes.clone()
    editor.part.value = "eyes"
    editor.swap.click()
    assert torch.equal(codes(editor, "eyes"), editor.guest.state.codes[:, editor.face.generator.layout["eyes"]])
    assert "the eyes" in editor.caption.value
    editor.undo.click()
    assert torch.equal(editor.face.state.codes, start)
    assert editor.shape.value == editor.texture.value == 0
    editor.new.click()
    assert not torch.equal(editor.face.state.codes, start)
    editor.undo.click()
    assert torch.equal(editor.face.state.codes, start)


def test_choosing_another_part_keeps_the_edit(editor):
    editor.swap.click()
    hair = codes(editor, "hair").clone()
    editor.part.value = "nose"
    editor.texture.value = 0.5
    assert torch.equal(codes(editor, "hair"), hair)
    guest = editor.guest_seed
    editor.dice.click()
    assert editor.guest_seed == guest + 1 and editor.texture.value == 0
    n = len(editor.face.history.past)
    for psi in (0.5, 0.3, 0.2):
        editor.psi.value = psi
    assert editor.face.state.psi == pytest.approx(0.2)
    assert len(editor.face.history.past) == n + 1, "a drag is one edit"


def test_a_part_that_no_pixel_belongs_to_is_named(editor):
    G = editor.face.generator
    with torch.no_grad():                           # the eyes never win a pixel of the final mask
        G.render.stages[-1].to_mask.bias[sg.PARTS["eyes"].id] -= 100
    editor.part.value = "eyes"
    editor.swap.click()
    assert "No pixel belongs to the eyes" in editor.caption.value


def test_undo_of_variety_brings_slider_and_guest_back(editor):
    start, guest = editor.psi.value, editor.pictures[3].value
    face = editor.pictures[0].value
    editor.psi.value = 1.0
    assert editor.pictures[3].value != guest
    editor.undo.click()
    assert editor.face.state.psi == editor.psi.value == editor.guest.state.psi == start
    assert editor.pictures[0].value == face and editor.pictures[3].value == guest
    editor.psi.value = 0.3
    assert editor.face.state.psi == 0.3 and len(editor.face.history.past) == 1
