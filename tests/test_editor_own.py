"""Your own picture in the editor, without a browser: the way from a file to a face, and everything that ends it."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.data import open_dataset
from ssgan_lite.edit import Session
from ssgan_lite.editor import own
from ssgan_lite.editor.desk import Desk
from ssgan_lite.editor.page import Page
from ssgan_lite.invert.frame import LEFT_EYE, MOUTH, RIGHT_EYE

POINTS = [LEFT_EYE, RIGHT_EYE, MOUTH]       # a rendered head has them where the frame has them


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(own, "STEPS", 6)
    monkeypatch.setattr(own, "PIECE", 0.0)              # one step a piece, however fast the machine


@pytest.fixture()
def page(G):
    return Page(Desk(G, seed=3, gallery=1, folder=None))


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def head() -> Image.Image:
    return Image.fromarray(open_dataset("heads", size=64, split="val").images[3].permute(1, 2, 0).numpy()).resize(
        (160, 160), Image.Resampling.BICUBIC)


WALL = Image.new("RGB", (80, 90), "gray")


def ask(page, *actions, content: bytes = b""):
    """One request; returns what is said."""
    actions = [dict(action, buffer=0) if action.get("do") == "picture" else action for action in actions]
    page.answer(dict(id="x", actions=actions), [content])
    assert page.last_error is None, page.last_error
    return page.fields["view"]["said"]


def look_on(page, until=("done",), most=2000) -> list[dict]:
    """As the page does: ask for the next piece until there is nothing more to do; every `own` on the way."""
    seen = [page.fields["view"]["own"]]
    while seen[-1] is not None and seen[-1]["state"] in ("looking", "fitting") and seen[-1]["state"] not in until:
        ask(page, {"do": "go_on"})
        seen.append(page.fields["view"]["own"])
        assert len(seen) < most
    return seen


def test_picture_becomes_a_face_in_one_step_of_the_history(page, head):
    before, first = page.fields["picture"], page.desk.face.state
    ask(page, {"do": "picture", "name": "me.png"}, content=file(head))
    assert page.fields["view"]["own"]["state"] == "looking" and page.fields["picture"] == before
    assert Image.open(io.BytesIO(page.fields["photo"])).size == (own.SHOWN_SIDE, own.SHOWN_SIDE)
    seen = look_on(page)
    fitting = [own for own in seen if own and own["state"] == "fitting"]
    assert fitting[0]["step"] == 0, "the guess is shown before the first step"
    assert fitting[-1]["levels"] <= fitting[0]["levels"]
    assert seen[-1] is None and "levels" in page.fields["view"]["said"]
    face = page.desk.face
    assert face.history.past == [first] and face.state is face.history.first and face.state.psi == 1
    fitted = page.fields["picture"]
    ask(page, {"do": "dice"})
    assert page.fields["picture"] != fitted
    ask(page, {"do": "reset"})
    assert page.fields["picture"] == fitted, "the original is the face of the picture"
    for _ in range(3):
        ask(page, {"do": "undo"})
    assert page.fields["picture"] == before and face.history.first is first
    ask(page, {"do": "redo"})
    assert page.fields["picture"] == fitted


def test_compare_shows_the_photograph(page, head):
    ask(page, {"do": "picture"}, content=file(head))
    look_on(page)
    original = Image.open(io.BytesIO(page.fields["original"]))
    assert original.size == (512, 512), "as sharp as it is shown"
    small = [np.asarray(image.resize((32, 32), Image.Resampling.BOX)).astype(int) for image in (original, head)]
    assert np.abs(small[0] - small[1]).mean() < 25
    ask(page, {"do": "undo"})
    assert page.fields["original"] == page.fields["picture"]


def aligned(page) -> torch.Tensor:
    """The head in the model's frame, 32 pixels: [3, 32, 32]."""
    original = Image.open(io.BytesIO(page.fields["original"])).resize((32, 32), Image.Resampling.BOX)
    return torch.from_numpy(np.array(original, np.float32)).movedim(2, 0) / 127.5 - 1


def test_descent_comes_nearer_than_the_guess(page, head, monkeypatch):
    monkeypatch.setattr(own, "STEPS", 40)
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    first = page.fields["view"]["own"]["levels"]
    look_on(page)
    drawn = page.desk.face.render().image[0].clamp(-1, 1)
    assert (drawn - aligned(page)).abs().mean() * 127.5 < 0.7 * first


def test_wall_is_pointed_at(page):
    ask(page, {"do": "picture", "name": "wall.png"}, content=file(WALL))
    look_on(page)
    said, view = page.fields["view"]["said"], page.fields["view"]["own"]
    assert view["state"] == "points" and "wall.png" in said and "eyes" in said
    said = ask(page, {"do": "points", "points": [[0.3, 0.6], [0.7, 0.6], [0.5, 0.2]]})
    assert "mouth" in said and page.fields["view"]["own"]["state"] == "points"
    assert page.fields["view"]["own"]["refused"] == view["refused"] + 1
    ask(page, {"do": "points", "points": POINTS})
    assert page.fields["view"]["own"]["state"] == "fitting" and page.fields["view"]["can_undo"]


@pytest.mark.parametrize("points", [[], [[0, 0]] * 2, "abc", [[0.1, "x"]] * 3, [[float("nan"), 0.1]] * 3, 7,
                                    [[2, 2], [3, 2], [2, 9]], [[0.5, 0.5]] * 3])
def test_bad_points_are_said_and_nothing_is_lost(page, points):
    ask(page, {"do": "picture"}, {"do": "points"}, content=file(WALL))
    before = page.fields["picture"]
    assert ask(page, {"do": "points", "points": points})
    assert page.fields["view"]["own"]["state"] == "points" and page.fields["picture"] == before


@pytest.mark.parametrize("content, says", [
    (file(Image.new("RGB", (3, 200))), "3 x 200"),
    (file(Image.new("1", (10_001, 10_000))), "million"),
    (b"no picture", "not an image"),
    (b"", "not an image"),
    (b"GIF89a" + b"\0" * 40, "not an image"),
], ids=["3 px", "100 MP", "text", "empty", "broken GIF"])
@pytest.mark.filterwarnings("ignore")
def test_bad_files_are_said_and_nothing_is_lost(page, content, says):
    ask(page, {"do": "dice"})
    before, state = page.fields["picture"], page.desk.face.state
    said = ask(page, {"do": "picture", "name": "me.png"}, content=content)
    assert says in said and page.fields["view"]["own"] is None
    assert page.desk.face.state is state and page.fields["picture"] == before


@pytest.mark.parametrize("kind", ["cmyk", "16 bit", "animated", "transparent"])
def test_unusual_files_work(page, head, kind):
    if kind == "cmyk":
        content = file(head.convert("CMYK"), "JPEG")
    elif kind == "16 bit":
        content = file(Image.fromarray(np.asarray(head.convert("L")).astype(np.uint16) * 257))
    elif kind == "animated":
        content = file(head, "GIF", save_all=True, append_images=[head.rotate(90)])
    else:
        content = file(head.convert("RGBA"))
    said = ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=content)
    assert page.fields["view"]["own"]["state"] == "fitting", said
    assert ("animation" in said) == (kind == "animated")


def test_good_enough_keeps_the_best_so_far(page, head):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    ask(page, {"do": "go_on"})
    shown = page.fields["picture"]
    assert "levels" in ask(page, {"do": "stop"})
    assert page.fields["picture"] == shown and page.fields["view"]["own"] is None
    ask(page, {"do": "go_on"})
    assert page.fields["picture"] == shown, "a request that was on its way changes nothing"


def test_cancel_brings_the_face_back(page, head):
    before = page.fields["picture"]
    for until in ("picture", "points", "go_on"):
        ask(page, {"do": "picture"}, content=file(head))
        if until != "picture":
            ask(page, {"do": "points"}, {"do": "points", "points": POINTS})
        if until == "go_on":
            ask(page, {"do": "go_on"})
        ask(page, {"do": "cancel"})
        assert page.fields["picture"] == before and page.fields["view"]["own"] is None


@pytest.mark.parametrize("action", [{"do": "dice"}, {"do": "undo"}, {"do": "new_face"}, {"do": "psi", "value": 0.5},
                                    {"do": "slide", "kind": "shape", "axis": 0, "value": 1.0, "stroke": "s"}])
def test_edit_or_undo_ends_the_descent(page, head, action):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    ask(page, {"do": "go_on"})
    ask(page, action)
    edited = page.fields["picture"]
    assert page.fields["view"]["own"] is None
    ask(page, {"do": "go_on"})
    assert page.fields["picture"] == edited


def test_looking_at_parts_does_not_end_it(page, head):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    ask(page, {"do": "select", "part": 3}, {"do": "look"}, {"do": "gallery"})
    assert page.fields["view"]["own"]["state"] == "fitting"


def test_second_picture_takes_the_place_of_the_first(page, head):
    for _ in range(2):
        ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
        look_on(page)
    assert len(page.desk.face.history.past) == 2 and len(page.desk.photos) == 2


def test_points_can_be_corrected_while_it_comes_nearer(page, head):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    ask(page, {"do": "go_on"})
    other = [[x, y + 0.05] for x, y in POINTS]
    ask(page, {"do": "points"})
    assert page.fields["view"]["own"]["state"] == "points"
    ask(page, {"do": "points", "points": other})
    assert page.fields["view"]["own"]["state"] == "fitting" and len(page.desk.face.history.past) == 1
    ask(page, {"do": "points"}, {"do": "cancel"})
    assert page.fields["view"]["own"] is None and len(page.desk.face.history.past) == 1, "the face stays"


def test_saved_face_of_a_picture_opens_again(page, head, G):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    look_on(page)
    again = Session.load(G, page.fields["snapshot"])
    assert torch.equal(again.state.codes, page.desk.face.state.codes)


def test_weights_and_gradients_of_the_model_stay_as_they_are(page, head, G):
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    wanted = [parameter.requires_grad for parameter in G.parameters()]
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))
    look_on(page)
    assert all(torch.equal(before[name], tensor) for name, tensor in G.state_dict().items())
    assert wanted == [parameter.requires_grad for parameter in G.parameters()]
    assert all(parameter.grad is None for parameter in G.parameters())


def test_defect_ends_the_work_and_says_so(page, head, monkeypatch):
    ask(page, {"do": "picture"}, {"do": "points"}, {"do": "points", "points": POINTS}, content=file(head))

    def broken(self, seconds=0.0):
        raise RuntimeError("for the test")

    monkeypatch.setattr(own.OwnPicture, "go_on", broken)
    page.answer(dict(id="x", actions=[{"do": "go_on"}]))
    assert isinstance(page.last_error, RuntimeError) and "wrong" in page.fields["view"]["said"]
    assert page.fields["view"]["own"] is None


def test_click_waits_for_one_piece_of_work_however_many_pictures(G):
    """In the demo server: twenty visitors' pictures are worked on, and somebody else clicks."""
    pytest.importorskip("tornado")
    from ssgan_lite.editor.server import Demo, Visitor

    order = []

    def packed(*actions):
        header = json.dumps(dict(content=dict(actions=actions), buffers=[])).encode()
        return struct.pack(">I", len(header)) + header

    class FakePage:
        def __init__(self, name):
            self.name, self.fields = name, {}

        def answer(self, content, buffers):
            time.sleep(0.02)
            order.append(self.name)
            return ()

    class FakeVisitor(Visitor):
        def __init__(self, demo, name):
            self.initialize(demo)
            self.page = FakePage(name)

        async def write_message(self, *_, **__):
            pass

        def close(self, *_):
            raise AssertionError

    async def everybody():
        demo = Demo(G, idle=60)
        others = [FakeVisitor(demo, "other") for _ in range(20)]
        click = FakeVisitor(demo, "click")
        for visitor in others:
            visitor.on_message(packed({"do": "go_on"}))
        await asyncio.sleep(0.01)
        click.on_message(packed({"do": "dice"}))
        while any(visitor.waiting for visitor in (*others, click)):
            await asyncio.sleep(0.01)
        for visitor in (*others, click):
            visitor.timer.cancel()
        return order.index("click")

    assert asyncio.run(everybody()) <= 2
