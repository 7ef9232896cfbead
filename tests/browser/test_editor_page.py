"""The editor's page under hard use, without Jupyter around it: both ends can be looked at, and it takes seconds."""

from __future__ import annotations

import base64
import io
import os
import random

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from bare_page import BarePage
from ssgan_lite.edit import Session
from ssgan_lite.edit.upscale import shown
from ssgan_lite.pictures import to_image

CLICKING = float(os.environ.get("SSGAN_CLICKS", 15))       # seconds of random clicking; a minute for a thorough look
CANVAS = "() => document.querySelector('.fe-face').toDataURL()"      # without the outline above it, which fades
# In the page, quick as no hand is: a button, a thumb or a part; a drag of a slider; a key; without ever waiting.
ACT = """([what, share, value]) => {
  const root = document.querySelector('.fe'), seen = list => [...list].filter(e => e.offsetParent && !e.disabled);
  const pick = list => list[Math.floor(share * list.length)];
  if (what === 'click') pick(seen(root.querySelectorAll('button, summary')))?.click();
  if (what === 'part') {
    const over = root.querySelector('.fe-over'), box = over.getBoundingClientRect();
    const at = { bubbles: true, clientX: box.left + share * box.width, clientY: box.top + value * box.height };
    for (const kind of ['move', 'down', 'up']) over.dispatchEvent(new PointerEvent('pointer' + kind, at));
  }
  if (what === 'drag') {
    const input = pick(seen(root.querySelectorAll('input[type=range]')));
    if (!input) return;
    for (const way of [0.3, 0.6, 1]) {
      input.value = +input.min + way * value * (input.max - input.min);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }
}"""


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture()
def page(browser, G, tmp_path):
    pytest.importorskip("anywidget", reason="the course extra is not installed")
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=tmp_path))
    yield page
    page.close()


def drawn_afresh(page) -> np.ndarray:
    """The face as another session draws it, from its state alone."""
    return to_image(Session(page.editor.face.generator).render(page.editor.face.state).image)[0]


def picture_of(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file))).astype(int)


def test_fast_random_use_leaves_nothing_stuck_and_no_step_lost(page, keep_screenshot):
    draw, keys = random.Random(7), ["d", "l", "h", "n", "z", "y", "c", "v", "Shift+Z", "ArrowRight", "ArrowLeft",
                                    "Tab", "Enter", "Space", "Escape", "Home", "End"]
    page.page.evaluate("() => { window.delay = 5; }")
    end, n = page.page.evaluate("() => Date.now()") + 1000 * CLICKING, 0
    while n < 100 or page.page.evaluate("() => Date.now()") < end:
        n += 1
        what = draw.choice(["click", "click", "click", "part", "drag", "drag", "key", "mouse"])
        if what == "key":
            page.page.keyboard.press(draw.choice(keys))
        elif what == "mouse":
            page.page.mouse.move(draw.uniform(0, 1000), draw.uniform(0, 880))
            page.page.mouse.down()
            page.page.mouse.move(draw.uniform(0, 1000), draw.uniform(0, 880), steps=3)
            page.page.mouse.up()
        else:
            page.page.evaluate(ACT, [what, draw.random(), draw.random()])
    page.settle()
    page.page.keyboard.press("Escape")
    keep_screenshot(page.page, "editor_page_after_random_use")
    print(f"{n} random actions, {page.answered} requests, {len(page.editor.face.history.past)} steps to undo")
    assert not page.errors and page.editor.page.last_error is None and page.page.locator(".fe-rescue").is_hidden()
    for name in ("Where?", "Compare"):
        if page.button(name).get_attribute("aria-pressed") == "true":
            page.button(name).click()
    # The page shows what the kernel holds, and that is what the state means.
    face = page.editor.face
    wanted = shown(Session(face.generator), face.state)
    assert np.abs(picture_of(page.editor.picture) - wanted).mean() < 1.5
    assert page.distance(page.editor.picture) <= 2, "the picture is stuck"
    assert (np.array(page.page.locator(".fe-panel h3").text_content())
            == face.generator.config.parts[page.editor.desk.part])
    # Back through all steps, and forward again: nothing was lost.
    states = [*face.history.past, face.state]
    assert page.button("Undo (Z)").is_enabled() == (len(states) > 1)
    for state in states[-2:-6:-1]:
        page.press("Undo (Z)")
        assert face.state is state and page.distance(page.editor.picture) <= 2
    while face.can_undo:
        face.undo()
    assert face.state is states[0]
    while face.can_redo and face.state is not states[-1]:
        face.redo()
    assert face.state is states[-1]


def test_what_was_dragged_last_is_in_the_copy_for_a_kernel_that_goes_away(page, G):
    slider = page.page.get_by_label("hair: texture 1", exact=True)
    slider.focus()
    page.page.keyboard.press("End")
    page.settle()
    page.page.wait_for_timeout(200)
    page.settle()
    kept = Session.load(G, page.editor.snapshot)
    assert (to_image(kept.render().image)[0] == drawn_afresh(page)).all() and kept.can_undo


def test_a_key_held_down_on_a_slider_is_one_step(page):
    slider = page.page.get_by_label("hair: shape 1", exact=True)
    slider.focus()
    for _ in range(6):
        page.page.keyboard.down("ArrowRight")       # without an "up", playwright sends repeats
    page.page.keyboard.up("ArrowRight")
    page.settle()
    page.page.wait_for_timeout(200)
    page.settle()
    assert len(page.editor.face.history.past) == 1
    page.page.keyboard.press("ArrowLeft")
    page.page.wait_for_timeout(200)
    page.settle()
    assert len(page.editor.face.history.past) == 2


def test_named_sliders_come_first_and_the_axes_are_under_more(browser, G, tmp_path, keep_screenshot):
    from ssgan_lite.directions import LinearDirection, NamedDirections, Slider, place, save_directions
    from ssgan_lite.editor import FaceEditor
    s = G.config.style_dim
    direction = LinearDirection("hair_length", place(G, ("hair", "shape")), "interfacegan", torch.full((1, s), 0.1),
                                torch.full((1, s), 10 / s), G.mean_w)
    named = NamedDirections((Slider("hair", "length", direction, -3.0, 3.0, dict(correlation=0.8)),), {})
    save_directions(named, G, tmp_path / "names")
    page = BarePage(browser, FaceEditor(G, seed=5, folder=None, directions=tmp_path / "names.safetensors"))
    length, first = (page.page.get_by_label(label, exact=True) for label in ("hair: length", "hair: shape 1"))
    assert length.is_visible() and not first.is_visible()
    keep_screenshot(page.page, "editor_named_sliders")
    length.focus()
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_timeout(200)
    page.settle()
    assert len(page.editor.face.history.past) == 1
    page.page.get_by_text("More", exact=True).click()
    assert first.is_visible() and length.bounding_box()["y"] < first.bounding_box()["y"]
    page.page.locator('.fe-chip[data-part="face"]').click()             # has no names: all sliders, no heading
    page.settle()
    assert page.page.get_by_label("face: shape 1", exact=True).is_visible()
    assert not page.page.get_by_text("More", exact=True).is_visible() and not length.is_visible()
    page.page.locator('.fe-chip[data-part="hair"]').click()
    page.settle()
    assert length.is_visible() and first.is_visible()
    page.press("Undo (Z)")
    assert page.editor.picture == page.editor.original
    page.close()


def canvas(page) -> np.ndarray:
    """What the face's canvas shows. Drawn twice, a picture may differ by a level."""
    content = base64.b64decode(page.page.evaluate(CANVAS).partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_measured_words_stand_at_both_ends_of_a_slider(browser, G, tmp_path, keep_screenshot):
    from ssgan_lite.directions import AxisName, NamedDirections, part_axes, save_directions
    from ssgan_lite.editor import FaceEditor
    axes = part_axes(G, "hair", "shape").directions
    names = tuple(AxisName("hair", "shape", less, more, axis) for less, more, axis in (
        ("shorter", "longer", axes[0]), ("more to the left", "more to the right", -axes[2])))
    save_directions(NamedDirections((), {}, names), G, tmp_path / "names")
    page = BarePage(browser, FaceEditor(G, seed=5, folder=None, directions=tmp_path / "names.safetensors"))
    slider = page.page.get_by_label("hair shape: shorter to longer", exact=True)
    low, high = (page.page.get_by_text(word, exact=True).bounding_box() for word in ("shorter", "longer"))
    bar = slider.bounding_box()
    assert abs(low["x"] - bar["x"]) < 3 and abs(high["x"] + high["width"] - bar["x"] - bar["width"]) < 3
    assert low["y"] < bar["y"] + bar["height"] and high["y"] == low["y"]
    assert page.page.get_by_label("hair: shape 2", exact=True).is_visible()
    assert page.page.get_by_label("hair shape: more to the left to more to the right", exact=True).is_visible()
    keep_screenshot(page.page, "editor_axis_words")
    page.page.locator('.fe-chip[data-part="face"]').click()
    page.settle()
    assert page.page.get_by_label("face: shape 1", exact=True).is_visible() and not page.page.locator(
        ".fe-with-ends").count()
    page.close()


def test_compare_and_where_do_not_get_in_each_others_way(page):
    page.press("Surprise me")
    page.button("Where?").click()
    changed = canvas(page)
    page.page.keyboard.down("c")
    assert page.distance(page.editor.original) <= 2
    page.page.keyboard.up("c")
    assert page.button("Where?").get_attribute("aria-pressed") == "true"
    assert np.abs(canvas(page) - changed).max() <= 2, "the button is pressed, so the map is shown"
    page.button("Where?").click()
    assert page.distance(page.editor.picture) <= 2
    # The key is let go somewhere else: the picture must not stay the old one.
    page.page.locator(".fe-stage:not(.fe-pointing)").focus()
    page.page.keyboard.down("c")
    assert page.distance(page.editor.original) <= 2
    page.page.evaluate("() => document.activeElement.blur()")
    page.page.keyboard.up("c")
    assert page.distance(page.editor.picture) <= 2


def test_the_focus_stays_in_the_editor_when_its_button_is_switched_off(page):
    page.press("Surprise me")
    page.button("Undo (Z)").focus()
    page.page.keyboard.press("Enter")
    page.settle()
    assert not page.button("Undo (Z)").is_enabled()
    assert page.page.evaluate("() => document.querySelector('.fe').contains(document.activeElement)")
    page.page.keyboard.press("y")
    page.settle()
    assert page.button("Undo (Z)").is_enabled(), "keys still arrive"


def test_files_of_every_kind(page, tmp_path, G):
    picture = page.page.locator(".fe-menu input[type=file][accept='image/*']")
    face = page.page.locator("input[type=file][accept='.safetensors']")

    def give(chooser, name, content):
        (tmp_path / name).write_bytes(content)
        before = page.answered
        chooser.set_input_files(tmp_path / name)
        for _ in range(100):
            page.page.wait_for_timeout(100)
            if page.answered > before or name in page.said():
                break
        page.settle()
        return page.said()

    noise = np.random.default_rng(0).integers(0, 255, (2200, 2200, 3), np.uint8)
    noise[:] = noise // 8 + np.array([20, 160, 40], np.uint8)
    large = io.BytesIO()
    Image.fromarray(noise).save(large, "BMP")
    assert len(large.getvalue()) > 10e6             # more than Jupyter lets through
    assert give(picture, "large.bmp", large.getvalue()) == ""
    assert page.editor.view["cover"] and page.editor.view["can_undo"]
    kept = page.editor.picture
    for name, content in [("empty.png", b""), ("words.png", b"words"), ("page.svg", b"<svg></svg>"),
                          ("half.png", large.getvalue()[:3000])]:
        assert "not an image" in give(picture, name, content), name
    assert "too large" in give(picture, "huge.png", bytes(9_000_000))
    other = sg.SemanticGenerator(sg.preset("nano32"))
    from ssgan_lite.edit.store import face_to_bytes
    for name, content, words in [("empty.safetensors", b"", "not a saved face"),
                                 ("other.safetensors", face_to_bytes(Session(other)), "another model"),
                                 ("cut.safetensors", face_to_bytes(Session(G, 1))[:-100], "damaged"),
                                 ("huge.safetensors", bytes(9_000_000), "too large")]:
        assert words in give(face, name, content), name
    assert page.editor.picture == kept and page.distance(kept) <= 2, "nothing was lost"


def test_on_a_phone_the_face_stays_in_sight_while_a_slider_is_moved(browser, G, keep_screenshot):
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=None), viewport={"width": 390, "height": 844},
                    has_touch=True, is_mobile=True)
    slider = page.page.locator(".fe-panel input[type=range]:visible").last
    slider.evaluate("element => element.scrollIntoView({ block: 'end' })")
    face, handle = page.page.locator(".fe-stage:not(.fe-pointing)").bounding_box(), slider.bounding_box()
    keep_screenshot(page.page, "editor_page_phone_slider")
    assert face["y"] >= 0 and face["y"] + face["height"] <= handle["y"], (face, handle)
    page.close()


def test_a_kernel_that_says_nothing(browser, G):
    """After a while the page says so and offers what it has; should the answer come late, all goes on."""
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=None))
    page.page.clock.install()
    page.page.evaluate("() => { window.deaf = true; }")
    page.button("Surprise me").click()
    page.page.clock.run_for(2000)
    assert "fe-waiting" in page.page.locator(".fe").get_attribute("class")
    page.page.clock.run_for(20_000)
    assert page.page.locator(".fe-rescue").is_visible()
    for name in ("this picture", "this face"):
        assert page.button(name).is_visible()
    with page.page.expect_download() as saved:
        page.button("this face").click()
    content = open(saved.value.path(), "rb").read()
    assert (to_image(Session.load(G, content).render().image)[0] == drawn_afresh(page)).all()
    page.close()


def test_dice_and_sliders_of_the_background_change_what_is_behind_the_face(page, tmp_path):
    wall = lambda: page.page.evaluate(                                      # noqa: E731
        "() => Array.from(document.querySelector('.fe-face').getContext('2d').getImageData(4, 4, 1, 1).data)")[:3]
    page.button("Background").click()
    page.press("Background #22577a")
    page.page.locator('.fe-chip[data-part="background"]').click()
    page.settle()
    note = page.page.locator(".fe-panel .fe-absent-note:visible")
    assert "A color is behind the face" in note.text_content() and page.button("shape").is_hidden()
    hue = page.page.get_by_label("background: hue", exact=True)
    assert wall() == pytest.approx([0x22, 0x57, 0x7a], abs=3) and hue.get_attribute("aria-valuetext") == "204°"
    hue.fill("0")
    hue.dispatch_event("change")
    page.settle()
    assert wall() == pytest.approx([0x7a, 0x22, 0x22], abs=3)
    page.press("Surprise me")
    assert max(abs(a - b) for a, b in zip(wall(), [0x7a, 0x22, 0x22], strict=True)) > 8
    picture = io.BytesIO()
    halves = Image.new("RGB", (64, 64), (250, 20, 20))
    halves.paste((20, 20, 250), (32, 0, 64, 64))
    halves.save(picture, "PNG")
    page.button("Background").click()
    page.page.locator(".fe-menu input[type=file]").set_input_files(
        dict(name="halves.png", mimeType="image/png", buffer=picture.getvalue()))
    page.page.locator(".fe-absent-note:visible", has_text="Your picture").wait_for()
    page.settle()
    assert wall() == pytest.approx([250, 20, 20], abs=4)
    page.page.locator(".fe-place summary").click()
    page.press("mirrored")
    assert wall() == pytest.approx([20, 20, 250], abs=4)
    assert page.button("mirrored").get_attribute("aria-pressed") == "true"
    page.press("the model's own")
    assert page.button("shape").is_visible() and note.count() == 0
    page.press("Undo (Z)")
    assert wall() == pytest.approx([20, 20, 250], abs=4)
