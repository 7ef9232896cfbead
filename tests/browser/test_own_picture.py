"""Your own picture on the page: a file, a drop, three clicks, keys; looking on; bad files; and what axe-core says."""

from __future__ import annotations

import io

import pytest
from PIL import Image

import ssgan_lite as sg
from bare_page import BarePage
from ssgan_lite.data import open_dataset
from ssgan_lite.editor import own
from ssgan_lite.invert.frame import LEFT_EYE, MOUTH, RIGHT_EYE
from test_accessibility import findings

pytest.importorskip("anywidget", reason="the course extra is not installed")

PHONE = dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
FINISHED = ("() => !document.querySelector('.fe-own').offsetParent && "
            "document.querySelector('.fe').dataset.busy === 'no'")
DROP = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), data = new DataTransfer();
  data.items.add(new File([bytes], name));
  for (const kind of ['dragover', 'drop']) document.querySelector('.fe-chips').dispatchEvent(
    new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture()
def open_editor(browser, G, monkeypatch):
    from ssgan_lite.editor import FaceEditor

    # The descent does not end by itself while a test still looks at it, however fast the machine is.
    monkeypatch.setattr(own, "STEPS", 100_000)
    pages = []

    def new(**context):
        look = "color-scheme: dark; background: #15181b" if context.get("color_scheme") == "dark" else ""
        pages.append(BarePage(browser, FaceEditor(G, seed=5, folder=None), look=look, **context))
        return pages[-1]
    yield new
    for page in pages:
        page.close()


def file(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def head() -> Image.Image:
    return Image.fromarray(open_dataset("heads", size=64, split="val").images[3].permute(1, 2, 0).numpy()).resize(
        (240, 240), Image.Resampling.BICUBIC)


WALL = Image.new("RGB", (300, 200), "gray")


@pytest.fixture()
def no_face(monkeypatch):
    """The search ends at once, without a face: what it finds is tested elsewhere."""
    def search(photo, parser):
        yield

    monkeypatch.setattr(own, "search_face", search)


def choose(page, content: bytes, name: str = "me.png") -> None:
    page.page.locator(".fe-bar-top input[type=file][accept='image/*']").first.set_input_files(
        dict(name=name, mimeType="image/png", buffer=content))


def click_points(page, points=(LEFT_EYE, RIGHT_EYE, MOUTH), touch=False) -> None:
    box = page.page.locator(".fe-frame").bounding_box()
    for x, y in points:
        at = box["x"] + x * box["width"], box["y"] + y * box["height"]
        (page.page.touchscreen.tap if touch else page.page.mouse.click)(*at)


def test_file_is_found_looked_on_and_edited(open_editor, head):
    page = open_editor()
    before = page.editor.picture
    choose(page, file(head))
    page.page.locator(".fe-own img").wait_for()
    page.button("Good enough").wait_for()
    assert "levels" in page.page.locator(".fe-levels").text_content()
    page.button("Good enough").click()
    page.page.wait_for_function(FINISHED)
    assert "levels" in page.said() and page.distance(page.editor.picture) <= 2
    fitted = page.editor.picture
    page.press("Surprise me")
    assert page.editor.picture != fitted
    for _ in range(2):
        page.press("Undo (Z)")
    assert page.editor.picture == before and page.distance(before) <= 2
    page.press("Redo (Y)")
    assert page.editor.picture == fitted


def test_descent_ends_by_itself(open_editor, head, monkeypatch):
    page = open_editor()
    monkeypatch.setattr(own, "STEPS", 3)
    choose(page, file(head))
    page.page.wait_for_function("() => document.querySelector('.fe-said').textContent.includes('levels')")
    page.page.wait_for_function(FINISHED)
    assert page.editor.view["own"] is None and len(page.editor.face.history.past) == 1


def test_dropped_wall_is_pointed_at_with_clicks_that_can_be_taken_back(open_editor, no_face):
    import base64

    page = open_editor()
    page.page.evaluate(DROP, ["wall.png", base64.b64encode(file(WALL)).decode()])
    page.page.locator(".fe-pointing").wait_for()
    page.settle()
    assert "wall.png" in page.said() and page.page.locator(".fe-stage:not(.fe-pointing)").is_hidden()
    steps = page.page.locator(".fe-steps li")
    click_points(page, [LEFT_EYE])
    assert "fe-next" in steps.nth(1).get_attribute("class") and page.page.locator(".fe-frame b").count() == 1
    page.button("Undo click").click()
    assert "fe-next" in steps.nth(0).get_attribute("class") and page.page.locator(".fe-frame b").count() == 0
    click_points(page, [LEFT_EYE, RIGHT_EYE, (0.5, 0.1)])
    page.settle()
    assert "mouth" in page.said() and page.page.locator(".fe-frame b").count() == 2, "the third click is taken back"
    click_points(page, [MOUTH])
    page.button("Good enough").wait_for()
    page.button("Good enough").click()
    page.page.wait_for_function(FINISHED)
    assert page.page.locator(".fe-panel:visible h3").text_content() == "hair"


def test_keys_alone_do_it(open_editor, no_face):
    page = open_editor()
    choose(page, file(WALL))
    page.page.locator(".fe-pointing").wait_for()
    page.settle()
    assert page.page.evaluate("() => document.activeElement.matches('.fe-pointing')")
    live = page.page.locator(".fe [aria-live=polite]")
    press = page.page.keyboard.press
    for _ in range(5):
        press("ArrowLeft")
    press("Enter")
    assert "Point 1 is set" in live.text_content() and "right" in live.text_content()
    press("Backspace")
    assert "left" in live.text_content() and page.page.locator(".fe-frame b").count() == 0
    press("Enter")
    for _ in range(10):
        press("ArrowRight")
    press("Enter")
    for key in ["ArrowLeft"] * 5 + ["ArrowDown"] * 12 + ["Enter"]:
        press(key)
    page.button("Good enough").wait_for()
    press("Escape")
    page.page.wait_for_function(FINISHED)
    assert page.editor.picture == page.editor.original and not page.editor.view["can_undo"]
    assert page.page.evaluate("() => document.querySelector('.fe').contains(document.activeElement)")


def test_page_is_not_blocked_while_it_comes_nearer(open_editor, no_face):
    page = open_editor()
    choose(page, file(WALL))
    page.page.locator(".fe-pointing").wait_for()
    click_points(page)
    page.button("Good enough").wait_for()
    for part in ("eyes", "mouth"):
        page.page.locator(f'.fe-chip[data-part="{part}"]').click()
        page.page.locator(f'.fe-chip[data-part="{part}"][aria-checked="true"]').wait_for()
    step = page.editor.view["own"]["step"]
    page.page.wait_for_function("n => document.querySelector('.fe-own progress').value > n", arg=step)
    page.page.keyboard.press("d")
    page.page.wait_for_function(FINISHED)
    assert page.editor.view["own"] is None and len(page.editor.face.history.past) == 2


@pytest.mark.parametrize("content, says", [
    (file(Image.new("RGB", (3, 200))), "3 x 200"), (file(Image.new("1", (10_001, 10_000))), "million"),
    (b"no picture", "not an image")], ids=["3 px", "100 MP", "text"])
@pytest.mark.filterwarnings("ignore")
def test_bad_file_gives_a_sentence_and_nothing_is_lost(open_editor, content, says):
    page = open_editor()
    page.press("Surprise me")
    before = page.editor.picture
    choose(page, content)
    page.page.wait_for_function("says => document.querySelector('.fe-said').textContent.includes(says)", arg=says)
    page.settle()
    assert page.editor.picture == before and not page.page.locator(".fe-own").is_visible()


@pytest.mark.parametrize("context", [dict(viewport={"width": 1366, "height": 768}),
                                     dict(viewport={"width": 1366, "height": 768}, color_scheme="dark"), PHONE,
                                     dict(PHONE, color_scheme="dark")], ids=["light", "dark", "phone", "phone-dark"])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(open_editor, no_face, context, keep_screenshot, request):
    page, name = open_editor(**context), request.node.callspec.id
    choose(page, file(WALL))
    page.page.locator(".fe-pointing").wait_for()
    page.settle()
    click_points(page, [LEFT_EYE], touch="phone" in name)
    keep_screenshot(page.page, f"own_points_{name}")
    assert findings(page.page) == []
    click_points(page, [RIGHT_EYE, MOUTH], touch="phone" in name)
    page.button("Good enough").wait_for()
    keep_screenshot(page.page, f"own_fitting_{name}")
    assert findings(page.page) == []
    width = page.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1] + 1
    page.button("Good enough").click()
    page.page.wait_for_function(FINISHED)
