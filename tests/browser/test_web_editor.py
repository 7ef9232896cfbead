"""The editor without Python, opened from a file in a browser that has no network."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import shutil
import threading

import numpy as np
import pytest
import torch

from ssgan_lite import load_pretrained
from ssgan_lite.edit import Session
from ssgan_lite.pictures import to_image
from tools.web import runtime
from tools.web.__main__ import build, is_installed, main

pytestmark = pytest.mark.skipif(not is_installed(), reason="the web extra is not installed: make web")
READY = "() => document.querySelector('.fe')?.dataset.busy === 'no'"
# The pictures of codes W+, one after the other, as the page makes them.
PICTURES = """async ([all, psi]) => {
  const pictures = [];
  for (const codes of all) pictures.push(Array.from(await ssganDesk.levels(Float32Array.from(codes), psi)));
  return pictures;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The editor of nano32."""
    out = tmp_path_factory.mktemp("web") / "editor"
    build(out, "nano32")
    return out


class WebPage:
    """A folder's page; `errors` holds what it threw, `asked` what it loaded."""

    def __init__(self, browser, folder, ready: bool = True, script: str = "", address: str = "", **context):
        """address: of a server; without one the page is opened from its file, and there is no network."""
        context.setdefault("viewport", {"width": 1366, "height": 768})
        self.context = browser.new_context(offline=not address, **context)
        self.page, self.errors, self.asked = self.context.new_page(), [], []
        self.page.set_default_timeout(120_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.add_init_script(script)
        self.page.goto(address or (folder / "index.html").as_uri())
        self.page.locator(".fe .fe-chip" if ready else ".web-trouble").first.wait_for()
        if ready:
            self.settle()

    def settle(self):
        self.page.wait_for_function(READY)

    def press(self, name: str):
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def view(self) -> dict:
        return self.page.evaluate("() => ssganDesk.fields.view")

    def picture(self) -> bytes:
        return bytes(self.page.evaluate("() => Array.from(ssganDesk.fields.picture)"))

    def close(self):
        self.context.close()
        assert not self.errors, self.errors


def largest_difference(web: WebPage, name: str, seeds: range, psi: float) -> int:
    """Of 255, between pictures of the page and of PyTorch with the same float16 weights."""
    from tools.web.model import as_half

    generator = as_half(load_pretrained(name))
    faces = Session(generator, list(seeds), psi)
    ours = to_image(faces.render().image)                                                      # [N, R, R, 3]
    theirs = web.page.evaluate(PICTURES, [faces.state.codes.flatten(1).tolist(), psi])
    return int(np.abs(np.array(theirs).reshape(ours.shape) - ours.astype(int)).max())


def test_pictures_are_those_of_pytorch_and_nothing_is_loaded_from_elsewhere(browser, folder):
    web = WebPage(browser, folder)
    assert largest_difference(web, "nano32", range(20), 1.0) <= 1
    codes = web.page.evaluate("async () => Array.from(await ssganDesk.codesOf(5))")
    assert np.allclose(codes, Session(load_pretrained("nano32"), 5).state.codes.flatten(), atol=1e-4)
    assert {url.rsplit("/", 1)[0] for url in web.asked if not url.startswith(("data:", "blob:"))} == {folder.as_uri()}
    web.close()


def test_lite64_pictures_are_those_of_pytorch(browser, tmp_path):
    assert build(tmp_path / "editor", "lite64") < 12e6, "bytes to load"
    web = WebPage(browser, tmp_path / "editor")
    assert largest_difference(web, "lite64", range(20), 0.7) <= 1
    web.close()


def test_edits_act_on_one_part_and_can_be_undone(browser, folder, tmp_path):
    web = WebPage(browser, folder)
    page, first = web.page, web.picture()
    for absent in ("Your picture", "Card and film", "Ordinary GAN", "Open a saved face"):
        assert not any(found.is_visible() for found in page.get_by_role("button", name=absent).all())
    web.press("Surprise me")
    view = web.view()
    assert view["meter"]["inside"] > 3 * view["meter"]["outside"] > 0 and view["can_undo"]
    dice = web.picture()
    assert dice != first
    page.locator(".fe-shape input").first.fill("2.5")
    web.settle()
    assert abs(web.view()["axes"]["shape"][0]["value"] - 2.5) < 1e-3 and web.picture() != dice
    page.locator(".fe-faces button").first.click()
    web.settle()
    assert "taken from face 1" in web.view()["told"]
    page.get_by_role("button", name="Background", exact=True).first.click()
    page.get_by_role("button", name="Background #c9d6df").click()
    web.settle()
    assert web.view()["cover"]["kind"] == "color" and len(web.view()["steps"]["labels"]) == 5
    page.keyboard.press("Escape")
    for _ in range(4):
        web.press("Undo (Z)")
    assert web.picture() == first and not web.view()["can_undo"], "undo is exact"
    web.press("Redo (Y)")
    assert web.picture() == dice
    web.press("Compare")
    assert page.locator(".fe-divider").is_visible()
    page.get_by_role("button", name="Share", exact=True).click()
    with page.expect_download() as first_file:
        page.get_by_role("button", name="Picture + mask").click()
    assert first_file.value.suggested_filename == "face.png"
    web.close()


PHONE = dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)


@pytest.mark.parametrize("context", [{}, dict(color_scheme="dark"), PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(browser, folder, context, keep_screenshot, request):
    from axe_core import findings

    web = WebPage(browser, folder, **context)
    assert findings(web.page) == []
    web.press("Surprise me")
    web.page.get_by_role("button", name="Compare", exact=True).click()
    assert web.page.locator(".fe-strip, .fe-divider").evaluate_all("all => all.every(e => e.offsetParent)")
    assert findings(web.page) == []
    keep_screenshot(web.page, f"web-editor-{request.node.callspec.id}", full_page=True)
    assert web.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    web.close()


def test_keyboard_is_enough(browser, folder):
    web = WebPage(browser, folder)
    page, first = web.page, web.picture()
    while not page.evaluate("() => document.activeElement.matches('.fe-stage')"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    web.settle()
    part = web.view()["part"]
    assert web.view()["parts"][part]["name"] != "hair" and "chosen" in page.locator(".fe [aria-live]").text_content()
    slider = page.locator(".fe-shape > .fe-slider input").first
    assert slider.evaluate("e => e.tabIndex") == 0
    slider.focus()
    for _ in range(5):
        page.keyboard.down("ArrowRight")            # held: without an "up", playwright sends repeats
    page.keyboard.up("ArrowRight")
    web.settle()
    changed = web.picture() != first
    assert changed and web.view()["can_undo"]
    page.keyboard.press("z")
    web.settle()
    same = web.picture() == first                   # a failed comparison of pictures takes minutes to show
    assert same and not web.view()["can_undo"]
    web.close()


def test_axes_carry_their_words_and_are_turned_to_the_right(browser, tmp_path, monkeypatch):
    from ssgan_lite.directions import AxisName, NamedDirections, part_axes
    G = load_pretrained("nano32")
    axes = part_axes(G, "hair", "shape").directions
    known = NamedDirections((), {}, (AxisName("hair", "shape", "shorter", "longer", -axes[0]),))
    monkeypatch.setattr("tools.web.model.load_directions", lambda generator: known)
    monkeypatch.setattr("tools.web.model.assets.listed", lambda pattern: ["nano32"])
    build(tmp_path / "editor", "nano32")
    web = WebPage(browser, tmp_path / "editor")
    before = web.view()["axes"]["shape"]
    assert [axis["words"] for axis in before] == [["shorter", "longer"], None, None]
    at = G.layout["hair", "shape"]
    codes = web.page.evaluate("() => Array.from(ssganDesk.face.state.codes)")
    here = part_axes(G, "hair", "shape").read(torch.tensor(codes).view(-1, G.config.style_dim)[at])
    assert abs(before[0]["value"] + float(here[0])) < 1e-2 and abs(before[1]["value"] - float(here[1])) < 1e-2
    web.page.get_by_label("hair shape: shorter to longer", exact=True).fill("2")
    web.settle()
    assert web.view()["steps"]["labels"][-1] == "Hair shape: shorter to longer"
    web.close()


def test_a_file_server_serves_it(browser, folder):
    """With nothing but files: no headers are asked for, no types that Python's own server does not know."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        web = WebPage(browser, folder, address=address)
        web.press("Surprise me")
        assert web.view()["can_undo"] and all(url.startswith((address, "data:", "blob:")) for url in web.asked)
        web.close()
        server.shutdown()


@pytest.mark.parametrize(("broken", "script", "told"), [
    ("model.js", "", "model.js is not complete"), ("wasm.js", "", "wasm.js is not complete"),
    ("", "delete window.WebAssembly", "no WebAssembly"), ("", "delete window.DecompressionStream", "too old")])
def test_what_cannot_work_says_so(browser, folder, tmp_path, broken, script, told):
    copy = shutil.copytree(folder, tmp_path / "copy")
    if broken:                                      # as a download that broke off leaves it
        text = (copy / broken).read_text()
        (copy / broken).write_text(text[:len(text) // 2])
    web = WebPage(browser, copy, ready=False, script=script)
    assert told in web.page.locator(".web-trouble").inner_text()
    web.context.close()


def test_folder_with_other_things_is_not_replaced(tmp_path, capsys, monkeypatch):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["web", str(tmp_path)])
    assert main() == 2 and "something other than a web editor" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_is_missing_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["web", str(tmp_path / "x"), "--weights", "nano32-monolithic"])
    assert main() == 2 and "has no parts" in capsys.readouterr().err
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnx" else find(name))
    assert main() == 2 and '-e ".[web]"' in capsys.readouterr().err
    monkeypatch.setattr(runtime, "folder", lambda: tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert runtime.main() == 2 and "npm" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
