"""The face editor without a browser: what every request of the page does, and that nothing it may send breaks it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.edit import Session, compare
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import to_image

pytest.importorskip("anywidget", reason="the course extra is not installed")
pytest.importorskip("ipywidgets", reason="the course extra is not installed")

HAIR = sg.PARTS["hair"].id


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture()
def editor(G, tmp_path):
    from ssgan_lite.editor import FaceEditor

    editor = FaceEditor(G, seed=3, folder=tmp_path)
    editor.files = {}
    editor.send = lambda content, buffers=None: editor.files.update({content["download"]: buffers[0]})
    return editor


class Counter:
    n = 0


def ask(editor, *actions, buffers=()):
    """One request of the page, as it comes in; it must be answered without a defect of ours."""
    Counter.n += 1
    editor._receive(editor, {"id": f"page-{Counter.n}", "actions": list(actions)}, [memoryview(b) for b in buffers])
    assert editor.answered == f"page-{Counter.n}" and editor.page.last_error is None, editor.page.last_error
    return editor.view["said"]


def labels(editor) -> np.ndarray:
    """The label map, from the runs that the page gets."""
    content, ids = editor.labels, []
    for i in range(0, len(content), 3):
        ids += [content[i]] * int.from_bytes(content[i + 1:i + 3], "little")
    return np.array(ids, np.uint8).reshape(editor.size, editor.size)


def pixels(editor) -> np.ndarray:
    return np.frombuffer(editor.pixels, np.uint8).reshape(editor.size, editor.size, 3)


def test_the_page_gets_the_face_as_the_session_draws_it(editor, G):
    out = Session(G, 3, psi=0.7).render()
    assert (pixels(editor) == to_image(out.image)[0]).all()
    assert (labels(editor) == out.mask[0].argmax(0).numpy()).all()
    assert editor.pixels == editor.original
    assert repr(editor) == "FaceEditor(32 px, 13 parts)"
    view = editor.view
    assert view["part"] == HAIR and [part["name"] for part in view["parts"]] == list(sg.PARTS.names)
    assert sum(part["pixels"] for part in view["parts"]) == 32 * 32
    assert torch.equal(Session.load(G, editor.snapshot).state.codes, editor.face.state.codes)


def test_label_runs_of_large_pictures():
    from ssgan_lite.editor.page import label_bytes

    mask = torch.zeros(1, 3, 512, 512)
    mask[:, 2] = 1                                              # one run of 262,144 pixels
    out = sg.GeneratorOutput(torch.zeros(1, 3, 512, 512), mask, None, None, None)
    content = label_bytes(out)
    lengths = [int.from_bytes(content[i + 1:i + 3], "little") for i in range(0, len(content), 3)]
    assert sum(lengths) == 512 * 512 and set(content[::3]) == {2}


def test_a_drag_is_one_step_and_only_that_slider_moves(editor):
    before = editor.view["axes"]["shape"]
    for value in (0.5, 1.0, -2.0):
        ask(editor, {"do": "slide", "kind": "shape", "axis": 1, "value": value, "stroke": "s1"})
    after = editor.view["axes"]["shape"]
    assert after[1]["value"] == pytest.approx(-2, abs=1e-3)
    assert [a["value"] for a in after[::2]] == pytest.approx([b["value"] for b in before[::2]], abs=1e-3)
    ask(editor, {"do": "slide", "kind": "shape", "axis": 1, "value": 1.0, "stroke": "s2"})
    assert len(editor.face.history.past) == 2
    ask(editor, {"do": "undo"}, {"do": "undo"})
    assert editor.pixels == editor.original and not editor.view["can_undo"] and editor.view["can_redo"]


def test_the_meter_counts_from_the_moment_a_part_is_chosen(editor):
    assert editor.view["meter"] == dict(inside=0, outside=0)
    before = editor.face.render()
    ask(editor, {"do": "dice"})
    change = compare(before, editor.face.render(), HAIR)
    assert editor.view["meter"] == pytest.approx(dict(inside=change.inside / 2, outside=change.outside / 2))
    mark = editor.view["mark"]
    ask(editor, {"do": "select", "part": 0})
    assert editor.view["meter"] == dict(inside=0, outside=0) and editor.view["mark"] == mark + 1


def test_dice_lock_hide_and_place(editor, G):
    codes = editor.face.state.codes
    ask(editor, {"do": "dice", "kind": "texture"})
    changed = (codes != editor.face.state.codes).any(2)[0]
    assert changed.nonzero().flatten().tolist() == [G.layout["hair", "texture"]]
    ask(editor, {"do": "lock"})
    assert editor.view["parts"][HAIR]["locked"]
    state = editor.face.state
    for action in ({"do": "dice"}, {"do": "slide", "kind": "shape", "axis": 0, "value": 1}, {"do": "take", "i": 0},
                   {"do": "place", "dx": 0.1, "dy": 0, "zoom": 1}):
        said = ask(editor, {"do": "gallery"}, action)
        assert "locked" in said and editor.face.state is state
    ask(editor, {"do": "lock"}, {"do": "place", "dx": 0.1, "dy": 0.2, "zoom": 1.1}, {"do": "show"})
    assert editor.view["place"] == dict(dx=0.1, dy=0.2, zoom=1.1) and editor.view["parts"][HAIR]["hidden"]
    assert not (labels(editor) == HAIR).any()


def test_gallery_and_whole_face(editor, G):
    assert editor.gallery == b""
    ask(editor, {"do": "gallery"})
    assert len(editor.gallery) == 8 * 64 * 64 * 3
    first = editor.gallery
    ask(editor, {"do": "gallery", "more": True}, {"do": "take", "i": 2})
    assert editor.gallery != first
    theirs = editor.desk.gallery_faces.state.codes[2:3, G.layout["hair"]]
    assert torch.equal(editor.face.state.codes[:, G.layout["hair"]], theirs)
    ask(editor, {"do": "psi", "value": 0.0, "stroke": "s9"}, {"do": "new_face"})
    assert editor.view["psi"] == 0
    ask(editor, {"do": "reset"})
    assert editor.pixels == editor.original and not editor.view["can_reset"]


def test_backgrounds(editor):
    ask(editor, {"do": "backdrop", "colour": "#ff0000"})
    assert (pixels(editor) == [255, 0, 0]).all(2).mean() > 0.1 and editor.view["backdrop"] == "#ff0000"
    picture = io.BytesIO()
    Image.new("RGB", (50, 30), (0, 255, 0)).save(picture, "PNG")
    ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[picture.getvalue()])
    green = pixels(editor)
    assert (green == [0, 255, 0]).all(2).mean() > 0.1
    assert "not an image" in ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[b"no picture"])
    assert "not a colour" in ask(editor, {"do": "backdrop", "colour": "ultrablack"})
    assert (pixels(editor) == green).all()
    ask(editor, {"do": "backdrop", "colour": None})
    assert editor.pixels == editor.original


def test_export_to_the_browser_and_to_the_folder(editor, G, tmp_path):
    ask(editor, {"do": "dice"})
    for what in ("picture", "film", "face"):
        ask(editor, {"do": "export", "what": what, "name": "me"})
    assert set(editor.files) == {"me.png", "me.mask.png", "me.gif", "me.safetensors"}
    assert (np.asarray(Image.open(io.BytesIO(editor.files["me.png"]))) == pixels(editor)).all()
    assert Image.open(io.BytesIO(editor.files["me.gif"])).n_frames > 20
    assert not list(tmp_path.iterdir())
    assert ask(editor, {"do": "export", "what": "face", "name": "me", "to_folder": True}) == "Saved: me.safetensors."
    assert "exists already" in ask(editor, {"do": "export", "what": "face", "name": "me", "to_folder": True})
    below_a_file = {"do": "export", "what": "film", "name": "me.safetensors/x", "to_folder": True}
    assert "not a folder" in ask(editor, below_a_file)
    ask(editor, {"do": "export", "what": "picture", "name": "../../evil"})
    assert "evil.png" in editor.files, "a download has a name, not a path"

    edited = editor.pixels
    ask(editor, {"do": "new_face"})
    ask(editor, {"do": "open", "buffer": 0}, buffers=[(tmp_path / "me.safetensors").read_bytes()])
    assert editor.pixels == edited and editor.view["can_undo"]
    other = sg.SemanticGenerator(sg.preset("nano32"))
    from ssgan_lite.edit.store import face_to_bytes
    assert "another model" in ask(editor, {"do": "open", "buffer": 0}, buffers=[face_to_bytes(Session(other))])
    assert "not a saved face" in ask(editor, {"do": "open", "buffer": 0}, buffers=[b"12345678abc"])


def test_what_was_on_the_desk_comes_back_after_another_face_was_opened(editor, G):
    ask(editor, {"do": "dice"})
    mine, other = editor.pixels, Session(G, 8, psi=0.7)
    from ssgan_lite.edit.store import face_to_bytes
    ask(editor, {"do": "open", "buffer": 0}, buffers=[face_to_bytes(other)])
    assert (pixels(editor) == to_image(other.render().image)[0]).all() and not editor.view["can_reset"]
    ask(editor, {"do": "undo"})
    assert editor.pixels == mine
    ask(editor, {"do": "undo"}, {"do": "redo"}, {"do": "redo"})
    assert (pixels(editor) == to_image(other.render().image)[0]).all() and editor.view["can_undo"]


@pytest.mark.parametrize("name, words", [
    ("x" * 300, "too long"), ("a\0b", "no file name"), ("/proc/face", "written"), ("..", "")])
@pytest.mark.parametrize("what", ["picture", "film", "face"])
def test_names_that_no_file_may_have_are_explained(editor, what, name, words):
    said = ask(editor, {"do": "export", "what": what, "name": name, "to_folder": True})
    assert words in said.lower() and "went wrong" not in said


@pytest.mark.parametrize("damage", [
    dict(psi=float("nan")), dict(psi=99.0), dict(hidden=list(range(13))), dict(noise_seed="five"), dict(hidden=[77]),
    dict(placement={"7": [0, 0, 0]}), dict(placement={"7": [float("inf"), 0, 1]}), dict(part_psi={"3": "much"})])
def test_a_damaged_face_is_refused_before_it_is_on_the_desk(editor, G, damage):
    import json

    from safetensors.torch import load, save

    from ssgan_lite.edit.store import FORMAT, face_to_bytes, fingerprint
    content, state = face_to_bytes(Session(G, 8)), editor.face.state
    described = json.loads(json.loads(content[8:8 + int.from_bytes(content[:8], "little")])["__metadata__"]["face"])
    described["now"].update(damage)
    header = dict(format=FORMAT, model=fingerprint(G), face=json.dumps(described))
    assert "damaged" in ask(editor, {"do": "open", "buffer": 0}, buffers=[save(load(content), header)])
    assert editor.face.state is state


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "DDS", "ICO"])
def test_broken_pictures_as_background_are_refused(editor, format):
    """Cut short, and with bytes of the header overwritten: a sentence, or some picture, but no error of ours."""
    import random

    draw, whole = random.Random(0), io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)).save(whole, format)
    for content in (b"", whole.getvalue()[:20], whole.getvalue()[:-30]):
        ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[content])
    for _ in range(30):
        damaged = bytearray(whole.getvalue())
        for _ in range(8):
            damaged[draw.randrange(min(len(damaged), 150))] = draw.randrange(256)
        ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[bytes(damaged)])


def test_without_a_folder_nothing_is_written(G, tmp_path, monkeypatch):
    from ssgan_lite.editor import FaceEditor

    monkeypatch.chdir(tmp_path)
    editor = FaceEditor(G, folder=None)
    assert not editor.view["folder"]
    assert "downloaded" in ask(editor, {"do": "export", "what": "face", "to_folder": True})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("action", [
    {"do": "unheard_of"}, {"do": "__init__"}, {}, {"do": "act"}, {"do": "select", "part": 99},
    {"do": "slide", "kind": "colour", "axis": 0, "value": 1}, {"do": "slide", "kind": "shape", "axis": 77, "value": 1},
    {"do": "take", "i": 3}, {"do": "take", "i": -1}, {"do": "place", "dx": 0, "dy": 0, "zoom": 0},
    {"do": "psi", "value": 1e9}, {"do": "export", "what": "everything"}])
def test_what_cannot_be_done_is_said_and_the_rest_is_done(editor, action):
    state = editor.face.state
    said = ask(editor, action)
    assert said and "Error" not in said and editor.face.state is state
    ask(editor, action, {"do": "dice"})
    assert editor.face.state is not state, "what comes after it is done all the same"


@pytest.mark.parametrize("action", [
    {"do": "select"}, {"do": "slide", "kind": "shape"}, {"do": "psi", "value": "much"}, {"do": "open", "buffer": 5},
    {"do": "dice", "kind": ["a"]}, "nonsense", None, {"do": "psi", "value": None}])
def test_a_malformed_request_costs_nothing(editor, action):
    """A page of another version may send anything. No trace, no lost face, and the next request works."""
    state = editor.face.state
    editor._receive(editor, {"id": "odd", "actions": [action]}, [])
    assert editor.answered == "odd" and editor.view["said"] and editor.face.state is state
    editor.page.last_error = None
    ask(editor, {"do": "dice"})


def test_models_without_some_parts_or_layers(tmp_path):
    from ssgan_lite.editor import FaceEditor

    torch.manual_seed(0)
    few = sg.preset("nano32").replace(parts=("background", "face", "beak"), transparent=())
    editor = FaceEditor(sg.SemanticGenerator(few), folder=tmp_path)
    assert editor.view["part"] == 2 and editor.view["parts"][2]["name"] == "beak"
    ask(editor, {"do": "dice"})
    with pytest.raises(UserError, match="beak"):
        FaceEditor(sg.SemanticGenerator(few), part="baek")
    flat = sg.preset("nano32").replace(depth_layers=0, base_layers=0)
    assert set(FaceEditor(sg.SemanticGenerator(flat)).view["axes"]) == {"texture"}


def test_refresh_shows_what_code_did(editor):
    before = editor.pixels
    editor.face.randomize("face")
    editor.refresh()
    assert editor.pixels != before and editor.view["can_undo"]


def test_the_page_needs_nothing_from_the_network():
    from ssgan_lite.editor import widget as module

    source = module.FaceEditor._esm + module.FaceEditor._css
    assert set(re.findall(r"https?://[^\"'`\s)]+", source)) == {"http://www.w3.org/2000/svg"}
    assert "import " not in re.sub(r"//.*", "", source), "one script, no modules to fetch"
    assert {path.name for path in Path(module.FRONT).glob("*.js")} == set(module.SCRIPTS)
