"""What stands around the face: the divider, the strip of steps, the ordinary GAN, the card and the film."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import ssgan_lite as sg
from bare_page import BarePage

pytest.importorskip("anywidget", reason="the course extra is not installed")
# A canvas of the page at 64 x 64 pixels, RGB.
SMALL = """selector => {
  const small = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
  const context = small.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(document.querySelector(selector), 0, 0, 64, 64);
  return Array.from(context.getImageData(0, 0, 64, 64).data);
}"""


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture()
def page(browser, G):
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=None))
    yield page
    page.close()


def canvas(page, selector: str) -> np.ndarray:
    return np.array(page.page.evaluate(SMALL, selector), float).reshape(64, 64, 4)[..., :3]


def test_divider_shows_before_on_its_left_and_is_moved_with_mouse_and_keys(page):
    before = canvas(page, ".fe-face")
    page.press("New face")
    after = canvas(page, ".fe-face")
    page.page.keyboard.press("v")
    divider = page.page.get_by_role("slider", name="Divider: before on its left, after on its right")
    assert divider.evaluate("e => document.activeElement === e"), "arrow keys move it at once"

    def split(at: int) -> None:
        shown = canvas(page, ".fe-face")
        assert (shown[:, :at - 2] == before[:, :at - 2]).all() and (shown[:, at + 2:] == after[:, at + 2:]).all()

    split(32)
    for _ in range(5):
        page.page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "75"
    split(48)
    chosen, box = page.editor.desk.part, page.page.locator(".fe-stage:not(.fe-pointing)").bounding_box()
    handle = divider.bounding_box()
    page.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 200)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] / 4, handle["y"] + 210, steps=4)
    page.page.mouse.up()
    split(16)
    page.page.keyboard.press("Home")
    assert (canvas(page, ".fe-face")[:, 2:] == after[:, 2:]).all()
    assert page.editor.desk.part == chosen, "its keys choose no part"
    page.button("Compare").click()
    assert (canvas(page, ".fe-face") == after).all() and divider.is_hidden()


def test_strip_goes_to_any_step_with_mouse_and_keys(page, keep_screenshot):
    assert page.page.locator(".fe-strip").is_hidden(), "nothing has been done yet"
    pictures = [page.editor.picture]
    for name in ("Surprise me", "New face", "texture"):
        page.press(name)
        pictures.append(page.editor.picture)
    steps = page.page.locator(".fe-step")
    assert steps.count() == 4
    names = [steps.nth(i).get_attribute("aria-label") for i in range(4)]
    assert names == ["Step 1: The face at first", "Step 2: New version of the hair", "Step 3: Another face",
                     "Step 4: New texture of the hair"]
    keep_screenshot(page.page, "editor_page_strip")
    first, last = (canvas(page, f".fe-step:nth-child({i}) canvas") for i in (1, 4))
    assert np.abs(first - last).mean() > 3
    steps.nth(1).click()
    page.settle()
    assert page.editor.picture == pictures[1] and page.distance(pictures[1]) <= 2
    assert steps.nth(1).get_attribute("aria-current") == "step" and steps.count() == 4
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.page.keyboard.press(key)
    page.settle()
    assert page.editor.picture == pictures[3]
    assert "step 4" in page.page.locator(".fe [aria-live=polite]").text_content()
    page.page.keyboard.press("Home")
    page.page.keyboard.press("Space")
    page.settle()
    assert page.editor.picture == pictures[0] and not page.button("Undo (Z)").is_enabled()
    page.press("Surprise me")
    assert steps.count() == 2, "what was undone is forgotten, as ever"


def test_drag_of_a_slider_is_one_step_on_the_strip(page):
    slider = page.page.get_by_label("hair: shape 1", exact=True)
    slider.focus()
    page.page.keyboard.press("End")
    page.page.keyboard.press("End")
    page.settle()
    page.page.wait_for_function("() => document.querySelectorAll('.fe-step').length === 2")
    assert page.page.locator(".fe-step").nth(1).get_attribute("aria-label") == "Step 2: Hair: shape 1"


def test_ordinary_gan_makes_the_same_edit_beside_it(page, keep_screenshot):
    page.press("Ordinary GAN")
    still = canvas(page, ".fe-baseline-face")
    assert "one code for the whole face" in page.page.locator(".fe-why").text_content()
    assert "nano32-monolithic, 32 × 32 pixels" in page.page.locator(".fe-why").text_content()
    assert page.page.locator(".fe-caption, .fe-baseline figcaption").all_text_contents() == [
        "made of parts, 32 px", "ordinary GAN, 32 px"]
    page.press("Surprise me")
    keep_screenshot(page.page, "editor_page_beside")
    assert np.abs(canvas(page, ".fe-baseline-face") - still).mean() > 1
    ours, theirs = ([float(text.split()[0]) for text in meter.locator(".fe-share").all_text_contents()]
                    for meter in page.page.locator(".fe-meter").all())
    assert theirs[0] == pytest.approx(ours[0], rel=0.35), "the hair is changed as much"
    assert theirs[1] / theirs[0] > ours[1] / ours[0], "and the rest of the face more"
    boxes = [page.page.locator(name).bounding_box() for name in (".fe-stage:not(.fe-pointing)", ".fe-baseline-face")]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
    page.button("Compare").click()
    half = canvas(page, ".fe-baseline-face")
    assert np.abs(half - still)[:, :30].max() <= 2 < np.abs(half - still)[:, 34:].max(), "the divider serves both"
    page.press("Ordinary GAN")
    assert page.page.locator(".fe-baseline-face").is_hidden() and len(page.page.locator(".fe-meter").all()) == 2


def test_share_gives_card_and_film(page, monkeypatch):
    from ssgan_lite.edit import cards

    monkeypatch.setattr(cards, "STEPS", 3)
    page.button("Share").click()
    assert not page.button("Card and film").is_enabled(), "there is nothing before and after yet"
    page.page.keyboard.press("Escape")
    page.press("Surprise me")
    page.button("Share").click()
    got = []
    page.page.on("download", lambda file: got.append(file))         # playwright wants a function of Python's
    page.press("Card and film")
    for _ in range(50):
        if len(got) >= 2:
            break
        page.page.wait_for_timeout(100)
    files = {file.suggested_filename: open(file.path(), "rb").read() for file in got}
    assert Image.open(io.BytesIO(files["face.png"])).size == (1128, 812)
    assert Image.open(io.BytesIO(files["face.gif"])).n_frames > 3


def test_where_no_baseline_is_there_is_no_switch(browser, G, monkeypatch):
    from ssgan_lite.editor import FaceEditor, baseline

    monkeypatch.setattr(baseline, "shipped", lambda: ["nano32"])
    page = BarePage(browser, FaceEditor(G, seed=5, folder=None))
    assert page.page.get_by_role("button", name="Ordinary GAN").is_hidden()
    page.close()


def test_answers_that_overtake_decoding_leave_no_old_picture(page):
    """Two answers with the same picture, the second before the first was decoded: it is drawn all the same."""
    page.page.evaluate("""() => {
      const real = window.createImageBitmap.bind(window);
      const wait = () => new Promise(done => setTimeout(done, 300));
      window.createImageBitmap = async file => { await wait(); return real(file); };
    }""")
    page.button("New face").click()
    page.page.wait_for_timeout(100)
    page.page.locator('.fe-chip[data-part="hair"]').click()
    page.page.wait_for_timeout(1500)
    page.settle()
    assert page.distance(page.editor.picture) <= 2
