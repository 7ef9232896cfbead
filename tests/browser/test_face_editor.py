"""The face editor as a new user meets it, with mouse and keyboard, in JupyterLab."""

from __future__ import annotations

import io
import os
import random
import time

import nbformat
import numpy as np
import pytest
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.edit import Session, shown
from ssgan_lite.edit.export import has_encoder

PATIENCE = 240_000      # milliseconds; the machines that run this are busy
CLICKING = float(os.environ.get("SSGAN_CLICKS", 10))       # seconds of random clicking; a minute for a thorough look
SEED, SIZE = 5, 64
CELL = f"from ssgan_lite.editor import FaceEditor\neditor = FaceEditor('lite64', seed={SEED})\neditor"

RUN_ALL = """async () => {
  const app = window.jupyterapp; await app.restored;
  const notebook = app.shell.currentWidget;
  await notebook.context.ready; await notebook.sessionContext.ready;
  await notebook.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
}"""
# The picture, brought back to the model's own size: a list of RGBA values.
PIXELS = """size => {
  const small = document.createElement('canvas'); small.width = small.height = size;
  const context = small.getContext('2d'); context.imageSmoothingQuality = 'high';
  context.drawImage(document.querySelector('.fe-face'), 0, 0, size, size);
  return Array.from(context.getImageData(0, 0, size, size).data);
}"""
# What the name under the pointer says at every pixel, with the pointer really moved there.
NAMES = """size => {
  const over = document.querySelector('.fe-over'), box = over.getBoundingClientRect(), names = [];
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
    over.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + (x + .5) / size * box.width,
                                                         clientY: box.top + (y + .5) / size * box.height }));
    names.push(document.querySelector('.fe-name').textContent);
  }
  over.dispatchEvent(new PointerEvent('pointerleave'));
  return names;
}"""

# One of the buttons that can be pressed just now.
CLICK_ONE = """share => {
  const buttons = [...document.querySelectorAll('.fe button:not([disabled])')].filter(b => b.offsetParent);
  buttons[Math.floor(share * buttons.length)].click();
}"""


class Page:
    """A page with the editor in it, and what a user does there."""

    def __init__(self, page):
        self.page, self.outside, self.errors = page, [], []
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda r: self.outside.append(r.url) if "127.0.0.1" not in r.url
                and not r.url.startswith(("data:", "blob:")) else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def ready(self):
        self.page.locator(".fe .fe-thumb").first.wait_for(state="attached")
        self.root = self.page.locator(".fe").first
        self.root.scroll_into_view_if_needed()
        self.settle()

    def settle(self):
        """Wait until nothing is on its way to the kernel or back."""
        self.page.wait_for_function("() => document.querySelector('.fe').dataset.busy === 'no'")

    def pixels(self) -> np.ndarray:
        return np.array(self.page.evaluate(PIXELS, SIZE), float).reshape(SIZE, SIZE, 4)[..., :3]

    def names(self) -> np.ndarray:
        return np.array(self.page.evaluate(NAMES, SIZE)).reshape(SIZE, SIZE)

    def point(self, x: int, y: int) -> tuple[float, float]:
        box = self.page.locator(".fe-over").bounding_box()
        return box["x"] + (x + 0.5) / SIZE * box["width"], box["y"] + (y + 0.5) / SIZE * box["height"]

    def click_part(self, name: str):
        """Click in the middle of a part: the pixel of it that is farthest from all others."""
        region = self.names() == name
        assert region.any(), f"no {name} to click at"
        inner = region
        while inner.any():
            region, padded = inner, np.pad(inner, 1)
            inner = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        y, x = np.argwhere(region)[0]
        self.page.mouse.click(*self.point(x, y))
        self.page.wait_for_function("name => document.querySelector('.fe-panel h3').textContent === name", arg=name)
        self.settle()

    def button(self, name: str):
        return self.root.get_by_role("button", name=name, exact=True)

    def press(self, name: str):
        self.button(name).click()
        self.settle()

    def axis(self, kind: str, number: int = 1):
        """The slider of a principal axis; whether it has words depends on the weights."""
        return self.root.locator(f".fe-{kind} > .fe-slider").nth(number - 1).locator("input")

    def drag(self, slider, share: float):
        """Drag a slider's handle to a share of its width, in small steps, with the mouse."""
        self.open_more()
        box, value = slider.bounding_box(), float(slider.input_value())
        begin, end = 9 + (value + 3) / 6 * (box["width"] - 18), 9 + share * (box["width"] - 18)
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + begin, y)
        self.page.mouse.down()
        for i in range(1, 16):
            self.page.mouse.move(box["x"] + begin + (end - begin) * i / 15, y)
        self.page.mouse.up()
        self.settle()

    def open_more(self):
        """Show the sliders without a name, which stand below those that have one."""
        self.root.locator(".fe-more").evaluate("e => e.open || e.querySelector('summary').click()")

    def choose_file(self, chooser, path):
        """Give a file to an <input>, and wait for what comes of it: the browser reads the file before it asks."""
        self.page.evaluate('''() => {
            window.asked = 0;
            new MutationObserver(() => { window.asked += 1; })
                .observe(document.querySelector('.fe'), { attributes: true, attributeFilter: ['data-busy'] });
        }''')
        chooser.set_input_files(path)
        self.page.wait_for_function("() => window.asked > 0")
        self.settle()

    def said(self) -> str:
        return self.page.locator(".fe-said").first.text_content()

    def meter(self) -> list[float]:
        meter = self.page.locator(".fe-meter").first
        return [float(text.split()[0]) for text in meter.locator(".fe-share").all_text_contents()]

    def close(self):
        self.page.close()
        assert not self.errors, self.errors
        assert not self.outside, f"the page asked for something outside this machine: {self.outside[:3]}"


def open_in_lab(lab, browser, source: str = CELL, name: str = "editor.ipynb", **context) -> Page:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.root / name)
    context.setdefault("viewport", {"width": 1400, "height": 1000})
    page = Page(browser.new_context(**context).new_page())
    page.page.goto(lab.url(name))
    page.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=PATIENCE)
    page.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.page.evaluate(RUN_ALL)
    page.ready()
    return page


@pytest.fixture(scope="module")
def in_lab(lab, browser):
    page = open_in_lab(lab, browser)
    yield page
    page.close()


@pytest.fixture()
def fresh(in_lab):
    """The page with the original face, and nothing of an earlier test left on it."""
    in_lab.page.keyboard.press("Escape")
    # An open menu may lie over the face, and so does the divider of "Compare".
    while (on := in_lab.root.locator("[aria-expanded=true], .fe-views [aria-pressed=true]")).count():
        on.first.click()
        in_lab.settle()
    if in_lab.button("Back to the original face").is_enabled():
        in_lab.press("Back to the original face")
    in_lab.click_part("face")
    return in_lab


def test_click_on_the_hair_drag_a_slider_and_undo(fresh, keep_screenshot):
    before, names = fresh.pixels(), fresh.names()
    assert {"hair", "face", "background"} <= set(names.flatten())
    fresh.click_part("hair")
    fresh.page.mouse.move(*fresh.point(SIZE // 2, SIZE // 2))
    keep_screenshot(fresh.page, "editor_hair_chosen")
    fresh.drag(fresh.axis("shape"), 0.1)
    value = float(fresh.axis("shape").input_value())
    assert value == pytest.approx(-2.4, abs=0.3), "the handle is where it was dragged"
    after = fresh.pixels()
    region = (names == "hair") | (fresh.names() == "hair")
    change = np.abs(after - before).mean(2)
    inside, outside = change[region].mean(), change[~region].mean()
    keep_screenshot(fresh.page, "editor_hair_dragged")
    assert inside > 8 and inside > 2 * outside, (inside, outside)
    # The meter says the same: a share of the whole range of 255.
    assert fresh.meter() == pytest.approx([100 * inside / 255, 100 * outside / 255], rel=0.3, abs=0.7)

    fresh.button("Where?").click()
    keep_screenshot(fresh.page, "editor_where")
    fresh.button("Where?").click()
    fresh.press("Undo (Z)")         # one drag is one step
    assert (fresh.pixels() == before).all() and not fresh.button("Undo (Z)").is_enabled()
    fresh.press("Redo (Y)")
    assert np.abs(fresh.pixels() - after).max() == 0


def test_texture_moves_nothing_and_the_kernel_agrees(fresh):
    fresh.click_part("hair")
    names = fresh.names()
    fresh.drag(fresh.axis("texture"), 0.95)
    value = float(fresh.axis("texture").input_value())
    assert (fresh.names() == names).mean() > 0.97, "a texture slider leaves the outlines where they are"
    errors = []
    for sign in (1, -1):                # a slider with words is turned so that the right end is "more"
        face = Session(sg.load_pretrained("lite64"), SEED, psi=0.7).set_axis("hair", "texture", 0, sign * value)
        picture = Image.fromarray(shown(face)).resize((SIZE, SIZE), Image.Resampling.BOX)
        errors.append(np.abs(fresh.pixels() - np.asarray(picture, float)).mean())
    assert min(errors) < 3, "the page shows what the library makes of it"


def test_dice_lock_gallery_and_whole_face(fresh):
    fresh.click_part("hair")
    before = fresh.pixels()
    fresh.press("Surprise me")
    assert (fresh.pixels() != before).any()
    fresh.press("Lock this part (L)")
    assert not fresh.button("Surprise me").is_enabled()
    assert not fresh.axis("shape").is_enabled()
    locked = fresh.pixels()
    fresh.press("New face")
    assert np.abs(fresh.pixels() - locked).mean() > 1
    fresh.press("Unlock this part (L)")
    start = fresh.pixels()
    fresh.root.locator(".fe-thumb").nth(1).click()
    fresh.settle()
    assert (fresh.pixels() != start).any()
    fresh.press("Hide this part (H)")
    assert "hair" not in fresh.names()
    fresh.press("Undo (Z)")
    assert "hair" in fresh.names()


def test_compare_shows_the_original_while_it_is_held(fresh):
    original = fresh.pixels()
    fresh.press("New face")
    edited = fresh.pixels()
    fresh.page.locator(".fe-stage:not(.fe-pointing)").focus()
    far = lambda a, b: np.abs(a - b).max()          # noqa: E731, a level or two of 255 are lost in drawing
    fresh.page.keyboard.down("c")
    held = fresh.pixels()
    fresh.page.keyboard.up("c")
    assert far(held, original) <= 2 and far(fresh.pixels(), edited) <= 2
    fresh.button("Compare").click()
    split, half = fresh.pixels(), SIZE // 2
    fresh.button("Compare").click()
    assert far(split[:, :half - 2], original[:, :half - 2]) <= 2, "left of the divider is the face before"
    assert far(split[:, half + 2:], edited[:, half + 2:]) <= 2 and far(fresh.pixels(), edited) <= 2


def test_backgrounds(fresh, tmp_path, keep_screenshot):
    behind, before = fresh.names() == "background", fresh.pixels()
    fresh.button("Background").click()
    keep_screenshot(fresh.page, "editor_background_menu")
    fresh.press("Background #22577a")
    after = fresh.pixels()
    wanted = np.array([0x22, 0x57, 0x7a])
    assert (np.abs(after[behind] - wanted).mean(1) < 12).mean() > 0.8
    front = ~behind & ~(fresh.names() == "background")
    assert np.median(np.abs(after[front] - before[front]).mean(1)) < 2, "the face in front stays"
    Image.fromarray(np.dstack([np.full((50, 90), v, np.uint8) for v in (200, 180, 20)])).save(tmp_path / "mine.png")
    fresh.choose_file(fresh.root.locator(".fe-menu input[type=file][accept='image/*']"), tmp_path / "mine.png")
    assert (np.abs(fresh.pixels()[behind] - [200, 180, 20]).mean(1) < 12).mean() > 0.8
    keep_screenshot(fresh.page, "editor_own_background")
    (tmp_path / "notes.png").write_text("not a picture")
    fresh.choose_file(fresh.root.locator(".fe-menu input[type=file][accept='image/*']"), tmp_path / "notes.png")
    assert "not an image" in fresh.said()
    assert (np.abs(fresh.pixels()[behind] - [200, 180, 20]).mean(1) < 12).mean() > 0.8, "nothing was lost"


def downloads(page, n: int, what: str) -> dict[str, bytes]:
    """Open the export menu, press a button in it, and take what the browser saves."""
    got: list = []
    keep = lambda file: got.append(file)        # noqa: E731, playwright wants a function of Python's
    page.page.on("download", keep)
    if not page.root.get_by_label("File name").is_visible():
        page.button("Share").click()
    page.button(what).click()
    page.settle()
    end = time.monotonic() + 60
    while len(got) < n and time.monotonic() < end:
        page.page.wait_for_timeout(100)
    page.page.remove_listener("download", keep)
    return {d.suggested_filename: open(d.path(), "rb").read() for d in got}


def test_export_and_open_again(fresh, lab, keep_screenshot):
    fresh.press("New face")
    edited = fresh.pixels()
    fresh.button("Share").click()
    keep_screenshot(fresh.page, "editor_export_menu")
    files = downloads(fresh, 2, "Picture + mask")
    assert set(files) == {"face.png", "face.mask.png"}
    picture = np.asarray(Image.open(io.BytesIO(files["face.png"])), float)
    small = Image.fromarray(picture.astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BOX)
    assert picture.shape == (512, 512, 3) and np.abs(np.asarray(small, float) - edited).mean() < 3
    assert Image.open(io.BytesIO(files["face.mask.png"])).mode == "P"
    shared = downloads(fresh, 2 + has_encoder(), "Card and film")
    assert Image.open(io.BytesIO(shared["face.png"])).size == (1128, 812)
    assert Image.open(io.BytesIO(shared["face.gif"])).n_frames > 20
    saved = downloads(fresh, 1, "Face")["face.safetensors"]

    folder = fresh.root.get_by_label("into the notebook's folder")
    folder.check()
    fresh.press("Picture + mask")
    assert fresh.said() == "Saved: face.png, face.mask.png." and (lab.root / "face.png").exists()
    fresh.press("Picture + mask")
    assert "exists already" in fresh.said()
    fresh.root.get_by_label("File name").fill("face.png/inside")
    fresh.press("Face")
    assert "not a folder" in fresh.said()
    fresh.root.get_by_label("File name").fill("face")
    folder.uncheck()
    fresh.page.keyboard.press("Escape")

    fresh.press("New face")
    (lab.root / "saved.safetensors").write_bytes(saved)
    choose = fresh.root.locator("input[type=file][accept='.safetensors']")
    fresh.choose_file(choose, lab.root / "saved.safetensors")
    assert (fresh.pixels() == edited).all() and "open" in fresh.said()
    face = Session(sg.load_pretrained("nano32"), 1).save(lab.root / "other.safetensors")
    fresh.choose_file(choose, face)
    assert "another model" in fresh.said() and (fresh.pixels() == edited).all()
    fresh.choose_file(choose, lab.root / "face.png")
    assert "not a saved face" in fresh.said() and (fresh.pixels() == edited).all()


def test_the_keyboard_alone_is_enough(fresh):
    page, before = fresh.page, fresh.pixels()
    page.locator(".fe-stage:not(.fe-pointing)").focus()
    chosen = page.locator(".fe-panel h3").text_content()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("old => document.querySelector('.fe-panel h3').textContent !== old", arg=chosen)
    for key in "dd":            # in the notebook itself, this deletes a cell
        page.keyboard.press(key)
    fresh.settle()
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") == 1
    page.keyboard.press("z")
    page.keyboard.press("z")
    fresh.settle()
    assert (fresh.pixels() == before).all()
    for _ in range(13):         # on to a part that is in the picture
        if "hair" in (chosen := page.locator(".fe-panel h3").text_content()).lower():
            break
        page.locator(".fe-stage:not(.fe-pointing)").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("old => document.querySelector('.fe-panel h3').textContent !== old", arg=chosen)
    fresh.open_more()
    slider = fresh.axis("texture")
    slider.focus()
    page.keyboard.press("End")
    fresh.settle()
    assert (fresh.pixels() != before).any()
    # Everything that can be pressed has a name, and is reached with the tabulator.
    nameless = page.evaluate("""() => [...document.querySelectorAll(
      '.fe button, .fe input, .fe canvas[role]')].filter(
      e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim()
             || e.getAttribute('aria-hidden'))).map(e => e.outerHTML)""")
    assert nameless == []


def test_fast_random_clicking_breaks_nothing(fresh, keep_screenshot):
    draw, page = random.Random(7), fresh.page
    box, end, n = page.locator(".fe").first.bounding_box(), time.monotonic() + CLICKING, 0
    while time.monotonic() < end or n < 40:         # a busy machine gets its clicks too
        n += 1
        x, y = box["x"] + draw.random() * box["width"], box["y"] + draw.random() * min(box["height"], 800)
        what = draw.random()
        if what < 0.6:
            page.evaluate(CLICK_ONE, draw.random())
        elif what < 0.75:
            page.mouse.click(x, y, click_count=draw.randint(1, 3))
        elif what < 0.9:
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + draw.uniform(-200, 200), y + draw.uniform(-20, 20), steps=4)
            page.mouse.up()
        else:
            page.locator(".fe-stage:not(.fe-pointing)").focus()
            page.keyboard.press(draw.choice(["d", "l", "h", "n", "z", "y", "ArrowRight", "ArrowLeft", "Shift+z"]))
    page.wait_for_timeout(300)
    fresh.settle()
    keep_screenshot(page, "editor_after_random_clicking")
    print(f"{n} random actions")
    assert not fresh.errors
    assert "went wrong" not in fresh.said() and page.locator(".fe-rescue").is_hidden()
    page.keyboard.press("Escape")
    page.mouse.move(5, 5)
    for _ in range(13):              # what is locked stays locked over a reset; so unlock, then begin again
        chip = page.locator(".fe-chip-locked").first
        if not chip.count():
            break
        chip.click()
        fresh.settle()
        fresh.press("Unlock this part (L)")
    fresh.press("New face")
    assert "went wrong" not in fresh.said()


def test_a_restarted_kernel_is_noticed_and_nothing_is_lost(lab, browser, keep_screenshot):
    page = open_in_lab(lab, browser, name="restarted.ipynb")
    page.press("New face")
    edited = page.pixels()
    page.page.evaluate("""async () => {
      const context = window.jupyterapp.shell.currentWidget.sessionContext;
      await context.session.kernel.restart(); await context.session.kernel.info; }""")
    page.button("Surprise me").click()
    page.page.locator(".fe-rescue").wait_for(state="visible", timeout=60_000)
    keep_screenshot(page.page, "editor_without_a_kernel")
    assert (page.pixels() == edited).all()
    saved = []
    page.page.on("download", lambda file: saved.append(file))
    page.button("this face").click()
    while not saved:
        page.page.wait_for_timeout(100)
    content = open(saved[0].path(), "rb").read()
    face = Session.load(sg.load_pretrained("lite64"), content)
    again = face.render().image[0].clamp(-1, 1).add(1).mul(127.5).permute(1, 2, 0).numpy()
    assert np.abs(again - edited).mean() < 3, "the face can be opened again"
    page.close()


def test_on_a_dark_theme_the_editor_is_dark(fresh, keep_screenshot):
    theme = "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })"
    color = ("() => getComputedStyle(document.querySelector('.fe')).backgroundColor"
              ".match(/[0-9]+/g).slice(0, 3).map(Number)")
    assert min(fresh.page.evaluate(color)) > 200
    fresh.page.evaluate(theme, "JupyterLab Dark")
    fresh.page.wait_for_function(f"() => Math.max(...({color})()) < 90")
    fresh.page.wait_for_timeout(500)        # random clicks of an earlier test may have left a face without hair
    keep_screenshot(fresh.page, "editor_dark")
    fresh.page.evaluate(theme, "JupyterLab Light")
    fresh.page.wait_for_function(f"() => Math.min(...({color})()) > 200")
