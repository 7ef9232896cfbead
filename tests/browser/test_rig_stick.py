"""The joystick of notebook 14 in a browser: drag, arrow keys, and no request too many."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import torch
from torch import nn

import ssgan_lite as sg
from ssgan_lite.directions import place
from ssgan_lite.directions.stylerig import MOVES, RigNet

FOLDER = Path(sg.__file__).parent / "course" / "directions"
FIELDS = ("place", "picture", "caption", "answered", "across", "up")

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><style>%(css)s</style><body><div id="place"></div>
<script type="module">%(esm)s
const state = {}, heard = {}, wanted = {};
function take(news) {
  news.picture = new DataView(Uint8Array.from(atob(news.picture), c => c.charCodeAt(0)).buffer);
  Object.assign(state, news);
  for (const f of heard["change:answered"] ?? []) f();
}
const model = {
  get: name => state[name],
  set: (name, value) => { state[name] = wanted[name] = value; },
  on: (name, f) => (heard[name] ??= new Set()).add(f),
  off: (name, f) => heard[name]?.delete(f),
  async save_changes() {
    const answer = await window.kernel(JSON.stringify(wanted.place));
    setTimeout(() => take(JSON.parse(answer)), 60);
  },
};
take(%(first)s);
render({ model, el: document.getElementById("place") });
</script></body></html>"""


@pytest.fixture
def stick():
    from ssgan_lite.course.directions.widgets import RigStick

    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    names = ("yaw", "pitch")
    rig = RigNet(names, [place(G, MOVES[name]).addresses for name in names], G.layout.n_latent, G.config.style_dim)
    for decoder in rig.decoders:
        nn.init.normal_(decoder[2].weight, std=0.2)
    codes = G.layout.to_w_plus(G.mapping(G.sample_z(1, seed=3))).detach()
    return RigStick(G, rig.requires_grad_(False), codes, torch.zeros(1, 2))


@pytest.fixture
def page(browser, stick):
    def fields() -> dict:
        found = {name: getattr(stick, name) for name in FIELDS}
        return found | dict(picture=base64.b64encode(stick.picture).decode())

    def kernel(text: str) -> str:
        stick.place = json.loads(text)
        return json.dumps(fields())

    made = browser.new_context(viewport={"width": 500, "height": 400}).new_page()
    errors = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.expose_function("kernel", kernel)
    made.set_content(PAGE % dict(css=(FOLDER / "stick.css").read_text(), esm=(FOLDER / "stick.js").read_text(),
                                 first=json.dumps(fields())))
    made.locator(".rs-pad img").wait_for()
    yield made
    assert errors == []
    made.context.close()


def test_dragging_turns_the_face(page, stick):
    box = page.locator(".rs-pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("""([x, y]) => { for (let i = 1; i <= 20; i++) document.querySelector('.rs-pad').dispatchEvent(
        new PointerEvent('pointermove', { clientX: x + 5 * i, clientY: y - 2 * i, buttons: 1 })); }""", [x, y])
    page.mouse.up()
    page.locator(".rs-said", has_text="yaw +2.0, pitch +0.8").wait_for()
    assert stick.place == pytest.approx([100 / 128, 40 / 128])
    assert stick.answered <= 4, "of many places at once only the newest is asked for"


def test_arrow_keys_move_and_home_brings_back(page, stick):
    page.locator(".rs-pad").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.locator(".rs-said", has_text="yaw -0.8, pitch +0.2").wait_for()
    page.keyboard.press("Home")
    page.locator(".rs-said", has_text="yaw +0.0, pitch +0.0").wait_for()
    assert stick.place == [0.0, 0.0]
    assert "joystick" in page.locator(".rs-pad").get_attribute("aria-roledescription")
