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
from ssgan_lite.edit.upscale import shown, upscale_ids
from ssgan_lite.editor.gallery import Gallery, Wearer
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
    return np.asarray(Image.open(io.BytesIO(editor.picture)))


def near(a: np.ndarray, b: np.ndarray) -> bool:
    """Are two pictures the same but for what a JPEG file loses?"""
    return bool(np.abs(a.astype(int) - b.astype(int)).mean() < 1.5)


def test_the_page_gets_the_face_as_the_session_draws_it(editor, G):
    face = Session(G, 3, psi=0.7)
    assert editor.size == 512 and near(pixels(editor), shown(face))
    assert (labels(editor) == upscale_ids(face.render().mask[0]).numpy()).all()
    assert editor.picture == editor.original
    assert repr(editor) == "FaceEditor(32 px, 13 parts)"
    view = editor.view
    assert view["part"] == HAIR and [part["name"] for part in view["parts"]] == list(sg.PARTS.names)
    assert sum(part["pixels"] for part in view["parts"]) == 32 * 32
    assert torch.equal(Session.load(G, editor.snapshot).state.codes, editor.face.state.codes)


def test_label_runs_of_large_pictures():
    from ssgan_lite.editor.drawing import runs

    ids = torch.full((512, 512), 2, dtype=torch.uint8)          # a run of 65,536 pixels, and one of 196,605
    ids[128:, 3:] = 7
    ids[128, :3] = 7
    for wanted in (ids, torch.full_like(ids, 9), ids[:1, :3]):
        content, read = runs(wanted), []
        for i in range(0, len(content), 3):
            read += [content[i]] * int.from_bytes(content[i + 1:i + 3], "little")
        assert read == wanted.flatten().tolist()


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
    assert editor.picture == editor.original and not editor.view["can_undo"] and editor.view["can_redo"]


@pytest.fixture()
def named_file(G, tmp_path):
    """Two named directions: of the hair's shape, and of the skin, which is more than one part."""
    from ssgan_lite.directions import LinearDirection, NamedDirections, Slider, place, save_directions
    s, sliders = G.config.style_dim, []
    skin = (("face", "nose"), "texture")
    for part, label, where in (("hair", "length", ("hair", "shape")), ("face", "skin tone", skin)):
        vector = torch.full((1, s), 0.1)
        direction = LinearDirection("age", place(G, where), "interfacegan", vector, vector / vector.square().sum(),
                                    G.mean_w)
        sliders.append(Slider(part, label, direction, -3.0, 3.0, dict(correlation=0.7)))
    save_directions(NamedDirections(tuple(sliders), {}), G, tmp_path / "names")
    return tmp_path / "names.safetensors"


def test_named_sliders_come_with_the_part_and_are_one_step_of_the_history(G, named_file):
    from ssgan_lite.editor import FaceEditor
    editor = FaceEditor(G, seed=3, directions=named_file)
    assert [entry["label"] for entry in editor.view["named"]] == ["length"]
    before = editor.face.state.codes
    for value in (0.5, 9.0, 1.5):
        assert not ask(editor, {"do": "slide_named", "i": 0, "value": value, "stroke": "s1"})
    assert editor.view["named"][0]["value"] == pytest.approx(1.5, abs=1e-3) and len(editor.face.history.past) == 1
    changed = (editor.face.state.codes != before).any(2)[0].nonzero().flatten().tolist()
    assert changed == [G.layout["hair", "shape"]]
    ask(editor, {"do": "undo"})
    assert editor.picture == editor.original
    ask(editor, {"do": "select", "part": sg.PARTS["face"].id})
    assert editor.view["named"][0]["others"] == ["nose"]
    ask(editor, {"do": "select", "part": sg.PARTS["nose"].id}, {"do": "lock"}, {"do": "select", "part": 1})
    state = editor.face.state
    assert "locked" in ask(editor, {"do": "slide_named", "i": 0, "value": 1}) and editor.face.state is state
    assert "no named direction" in ask(editor, {"do": "slide_named", "i": 4, "value": 1})


def test_axes_have_the_words_that_were_measured(G, tmp_path):
    from ssgan_lite.directions import AxisName, NamedDirections, part_axes, save_directions
    from ssgan_lite.editor import FaceEditor
    axes = part_axes(G, "hair", "shape").directions
    names = (AxisName("hair", "shape", "shorter", "longer", axes[2]), AxisName("hair", "shape", "narrower", "wider",
                                                                               -axes[0]))
    save_directions(NamedDirections((), {}, names), G, tmp_path / "names")
    editor = FaceEditor(G, seed=3, directions=tmp_path / "names.safetensors")
    assert [axis["words"] for axis in editor.view["axes"]["shape"]] == [["narrower", "wider"], None,
                                                                        ["shorter", "longer"]]
    assert [axis["words"] for axis in editor.view["axes"]["texture"]] == [None] * 3
    for axis in (2, 1, 0):
        ask(editor, {"do": "slide", "kind": "shape", "axis": axis, "value": 2.0, "stroke": f"s{axis}"})
    ask(editor, {"do": "look"})
    assert editor.view["steps"]["labels"][1:] == ["Hair shape: shorter to longer", "Hair: shape 2",
                                                  "Hair shape: narrower to wider"]
    assert [axis["value"] for axis in editor.view["axes"]["shape"]] == pytest.approx([2.0, 2.0, 2.0], abs=1e-3)
    now = part_axes(G, "hair", "shape").read(editor.face.state.codes[0, G.layout["hair", "shape"]])
    assert now[:3].tolist() == pytest.approx([-2.0, 2.0, 2.0], abs=1e-3), "to the right it gets wider"
    assert editor.view["unnamed"] is None and "ssgan-lite directions" in FaceEditor(G, seed=3).view["unnamed"]


def test_editor_refuses_names_of_another_model_and_does_without(G, named_file):
    from ssgan_lite.editor import FaceEditor
    other = sg.SemanticGenerator(G.config).eval()
    other.update_mean_w()
    with pytest.raises(UserError, match="another model"):
        FaceEditor(other, directions=named_file)
    assert FaceEditor(other).view["named"] == []


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


def test_gallery_shows_faces_that_have_the_part(editor, G):
    assert editor.gallery == b"" and editor.view["gallery"]["wanted"]
    for part in ("hair", "hat", "glasses"):
        number = G.config.part_id(part)
        ask(editor, {"do": "select", "part": number}, {"do": "gallery"})
        wearers = editor.desk.gallery.shown(number)
        assert len(wearers) >= 3 and len(editor.gallery) == len(wearers) * 64 * 64 * 3, part
        assert len(editor.view["gallery"]["names"]) == len(wearers) and not editor.view["gallery"]["wanted"]
        assert all(part in name for name in editor.view["gallery"]["names"])
        for wearer in wearers:
            assert (wearer.face.render().mask[0].argmax(0) == number).sum() == wearer.pixels(number) > 0
    first, wearers = editor.gallery, editor.desk.gallery.shown(number)
    ask(editor, {"do": "gallery", "more": True})
    assert editor.gallery != first and not set(editor.desk.gallery.shown(number)) & set(wearers)


def test_gallery_leaves_out_faces_with_a_trace_of_the_part(G):
    """Lifted until all of it is seen, a trace would lie over the whole face."""
    gallery, hat = Gallery(G, 0, 0.7, 4), G.config.part_id("hat")
    for count in (60, 3, 200, 61):
        labels = np.zeros((32, 32), int)
        labels.flat[:count] = hat
        gallery.faces.append(Wearer(None, np.zeros((32, 32, 3), np.uint8), labels, None))
    assert [wearer.pixels(hat) for wearer in gallery.shown(hat)] == [60, 200, 61]
    gallery.faces.append(Wearer(None, np.zeros((32, 32, 3), np.uint8), np.full((32, 32), hat), None))
    assert [wearer.pixels(hat) for wearer in gallery.shown(hat)] == [1024]


def test_whole_face(editor):
    ask(editor, {"do": "psi", "value": 0.0, "stroke": "s9"}, {"do": "new_face"})
    assert editor.view["psi"] == 0
    ask(editor, {"do": "reset"})
    assert editor.picture == editor.original and not editor.view["can_reset"]


def test_part_that_is_put_on_is_seen(editor, G):
    """Taken from a wearer, every part is there afterwards; it is one step, and a lift is said."""
    for part in ("hat", "glasses", "hair"):
        number = G.config.part_id(part)
        ask(editor, {"do": "reset"}, {"do": "select", "part": number}, {"do": "gallery"})
        for i, wearer in enumerate(editor.desk.gallery.shown(number)):
            ask(editor, {"do": "reset"})
            steps = len(editor.face.history.past)
            said = ask(editor, {"do": "take", "i": i})
            assert editor.view["parts"][number]["pixels"] >= 0.25 * wearer.pixels(number), (part, i)
            assert len(editor.face.history.past) == steps + 1
            assert ("forward" in said) == (number in editor.face.state.lifts)
            assert f"face {i + 1}" in editor.view["told"]


@pytest.mark.slow
def test_dice_give_what_can_be_seen(editor, G):
    from ssgan_lite.editor.desk import can_be_seen

    for number, part in enumerate(G.config.parts):
        ask(editor, {"do": "reset"}, {"do": "select", "part": number})
        for _ in range(3):
            before, steps = editor.face.render(), len(editor.face.history.past)
            said = ask(editor, {"do": "dice"})
            changed = can_be_seen(before, editor.face.render())
            assert changed or "no other" in said or "None of the faces" in said, part
            assert len(editor.face.history.past) - steps == (0 if "None of" in said else 1), part


def test_preview_is_no_step(editor):
    ask(editor, {"do": "gallery"})
    before, state = editor.picture, editor.face.state
    ask(editor, {"do": "preview", "i": 1})
    preview = editor.picture
    assert preview != before and editor.face.state is state and not editor.view["can_undo"]
    ask(editor, {"do": "look"})
    assert editor.picture == before
    ask(editor, {"do": "preview", "i": 1}, {"do": "take", "i": 1})
    assert editor.picture == preview and len(editor.face.history.past) == 1


@pytest.mark.parametrize("part", ["mouth", "eyes", "hair"])
def test_part_grows_about_its_own_center(editor, G, part):
    number = G.config.part_id(part)
    ask(editor, {"do": "select", "part": number})
    center = lambda: np.argwhere(labels(editor) == number).mean(0)         # noqa: E731
    before, count = center(), (labels(editor) == number).sum()
    ask(editor, {"do": "place", "dx": 0, "dy": 0, "zoom": 1.6})
    assert (labels(editor) == number).sum() > 1.2 * count
    assert np.abs(center() - before).max() < 2.5 * 16, "of 512 pixels"
    assert editor.view["place"] == pytest.approx(dict(dx=0, dy=0, zoom=1.6), abs=1e-3)
    ask(editor, {"do": "place", "dx": 0.25, "dy": 0.0, "zoom": 1.0})
    assert editor.face.state.placement == {number: (0.25, 0.0, 1.0)}
    ask(editor, {"do": "undo"}, {"do": "undo"})
    assert editor.picture == editor.original and editor.view["place"] == dict(dx=0, dy=0, zoom=1)


def test_dice_and_sliders_of_the_background_act_on_a_color(editor):
    ask(editor, {"do": "backdrop", "color": "#204080"}, {"do": "select", "part": 0})
    first = editor.face.state
    assert editor.view["cover"]["kind"] == "color" and editor.view["axes"] == {}
    assert [(s["label"], s["value"]) for s in editor.view["named"]] == [
        ("hue", 220), ("saturation", 75), ("brightness", 50)]
    ask(editor, {"do": "dice"})
    assert editor.face.state.backdrop.is_color and editor.face.state.backdrop.name != "#204080"
    assert editor.face.state.codes is first.codes, "the model's own background stays as it is"
    ask(editor, {"do": "undo"})
    assert editor.face.state is first
    ask(editor, {"do": "slide_named", "i": 0, "value": 0, "stroke": "a"},
        {"do": "slide_named", "i": 0, "value": 120, "stroke": "a"})
    assert editor.face.state.backdrop.name == "#208020" and len(editor.face.history.past) == 2
    wall = pixels(editor)[labels(editor) == 0]
    assert np.abs(np.median(wall, 0) - [0x20, 0x80, 0x20]).max() <= 3
    # Gray and black forget neither hue nor saturation; what would do nothing is idle.
    ask(editor, {"do": "slide_named", "i": 2, "value": 0}, {"do": "slide_named", "i": 1, "value": 0})
    assert [bool(s["idle"]) for s in editor.view["named"]] == [True, True, False]
    ask(editor, {"do": "slide_named", "i": 1, "value": 75}, {"do": "slide_named", "i": 2, "value": 50})
    assert editor.face.state.backdrop.name == "#208020"
    assert "own" in ask(editor, {"do": "slide", "kind": "texture", "axis": 0, "value": 1})


def test_dice_and_sliders_of_the_background_act_on_a_picture(editor, G):
    halves = Image.new("RGB", (64, 64), (250, 20, 20))
    halves.paste((20, 20, 250), (32, 0, 64, 64))
    content = io.BytesIO()
    halves.save(content, "PNG")
    ask(editor, {"do": "backdrop", "buffer": 0}, {"do": "select", "part": 0}, buffers=[content.getvalue()])
    corner = lambda: pixels(editor)[5:30, 5:30].mean((0, 1))               # noqa: E731
    before = pixels(editor)
    assert editor.view["cover"] == dict(kind="picture", mirrored=False)
    assert corner() == pytest.approx([250, 20, 20], abs=4)
    ask(editor, {"do": "mirror"})
    assert editor.view["cover"]["mirrored"] and corner() == pytest.approx([20, 20, 250], abs=4)
    ask(editor, {"do": "undo"}, {"do": "place", "dx": -1.0, "dy": 0, "zoom": 1})
    assert corner() == pytest.approx([20, 20, 250], abs=4) and editor.view["place"] == dict(dx=-1, dy=0, zoom=1)
    ask(editor, {"do": "place", "dx": 0, "dy": 0, "zoom": 1})
    assert (pixels(editor) == before).all()
    ask(editor, {"do": "slide_named", "i": 0, "value": -100})
    assert corner().max() <= 4 and editor.view["named"][0]["value"] == -100
    ask(editor, {"do": "undo"}, {"do": "dice"})
    now = editor.face.state.backdrop
    assert now.pixels is editor.face.history.past[-1].backdrop.pixels and (pixels(editor) != before).any()
    assert all(abs(shift) <= now.place[2] - 1 for shift in now.place[:2]), "it covers the picture"
    assert torch.equal(Session.load(G, editor.snapshot).render().image, editor.face.render().image)
    assert "back" in ask(editor, {"do": "gallery"}, {"do": "take", "i": 0}) and editor.view["cover"] is None
    ask(editor, {"do": "undo"})
    assert editor.face.state.backdrop is now


def test_axes_that_change_nothing_are_not_offered(editor, G):
    from ssgan_lite.editor.visible import can_be_seen, dead_axes

    mouth = G.config.part_id("mouth")
    ask(editor, {"do": "select", "part": mouth}, {"do": "gallery"})
    wearer = editor.desk.gallery.shown(mouth)[0].face
    seen = {True: 0, False: 0}
    for kind, axes in editor.view["axes"].items():
        for axis, slider in enumerate(axes):
            shows = False
            for face in (Session(G, 3, psi=0.7), wearer):
                for value in (-2.5, 2.5):
                    trial = face.pick(0)
                    before = trial.render()
                    shows |= can_be_seen(before, trial.set_axis(mouth, kind, axis, value).render())
            assert slider["dead"] == (not shows), (kind, axis)
            seen[shows] += 1
    assert seen[True], "not all of them are dead"
    assert dead_axes([], mouth, [("shape", 0)]) == frozenset(), "without a face nothing is known"
    still = dead_axes([Session(G, 3, psi=0.0)], HAIR, [("shape", 0)])
    assert still == {("shape", 0)}, "the average face does not move"


def test_screen_reader_hears_what_happened_but_no_slider(editor):
    ask(editor, {"do": "select", "part": HAIR})
    assert "Hair" in editor.view["told"]
    for action in ({"do": "dice"}, {"do": "undo"}, {"do": "lock"}, {"do": "lock"}, {"do": "show"}, {"do": "show"},
                   {"do": "new_face"}, {"do": "reset"}):
        ask(editor, action)
        assert editor.view["told"], action
    ask(editor, {"do": "slide", "kind": "shape", "axis": 0, "value": 1, "stroke": "a"})
    assert editor.view["told"] == ""


def test_model_with_more_parts_than_the_vocabulary():
    from ssgan_lite.editor import FaceEditor

    torch.manual_seed(0)
    many = sg.preset("nano32").replace(parts=(*sg.PARTS.names, "beard", "scarf", "headphones"))
    editor = FaceEditor(sg.SemanticGenerator(many), folder=None)
    colors = [tuple(part["color"]) for part in editor.view["parts"]]
    assert len(set(colors)) == 16
    for part in (13, 15):
        ask(editor, {"do": "select", "part": part}, {"do": "dice"}, {"do": "gallery"},
            {"do": "export", "what": "picture"})


def test_backgrounds(editor):
    ask(editor, {"do": "backdrop", "color": "#ff0000"})
    assert (np.abs(pixels(editor) - [255.0, 0, 0]) < 3).all(2).mean() > 0.1
    picture = io.BytesIO()
    Image.new("RGB", (50, 30), (0, 255, 0)).save(picture, "PNG")
    ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[picture.getvalue()])
    green = pixels(editor)
    assert (np.abs(green - [0.0, 255, 0]) < 3).all(2).mean() > 0.1
    assert "not an image" in ask(editor, {"do": "backdrop", "buffer": 0}, buffers=[b"no picture"])
    assert "not a color" in ask(editor, {"do": "backdrop", "color": "ultrablack"})
    assert (pixels(editor) == green).all()
    ask(editor, {"do": "backdrop", "color": None})
    assert editor.picture == editor.original


def test_export_to_the_browser_and_to_the_folder(editor, G, tmp_path):
    ask(editor, {"do": "dice"})
    for what in ("picture", "film", "face"):
        assert "me." in ask(editor, {"do": "export", "what": what, "name": "me"})
    assert set(editor.files) == {"me.png", "me.mask.png", "me.gif", "me.safetensors"}
    opened = {name: Image.open(io.BytesIO(editor.files[name])) for name in ("me.png", "me.mask.png")}
    assert near(np.asarray(opened["me.png"]), pixels(editor))
    assert (np.asarray(opened["me.mask.png"]) == labels(editor)).all()
    ask(editor, {"do": "export", "what": "picture", "name": "small", "small": True})
    small = np.asarray(Image.open(io.BytesIO(editor.files["small.png"])))
    assert (small == to_image(editor.face.render().image)[0]).all(), "at the model's own size"
    assert Image.open(io.BytesIO(editor.files["me.gif"])).n_frames > 20
    assert not list(tmp_path.iterdir())
    assert ask(editor, {"do": "export", "what": "face", "name": "me", "to_folder": True}) == "Saved: me.safetensors."
    assert "exists already" in ask(editor, {"do": "export", "what": "face", "name": "me", "to_folder": True})
    below_a_file = {"do": "export", "what": "film", "name": "me.safetensors/x", "to_folder": True}
    assert "not a folder" in ask(editor, below_a_file)
    ask(editor, {"do": "export", "what": "picture", "name": "../../evil"})
    assert "evil.png" in editor.files, "a download has a name, not a path"

    edited = editor.picture
    ask(editor, {"do": "new_face"})
    ask(editor, {"do": "open", "buffer": 0}, buffers=[(tmp_path / "me.safetensors").read_bytes()])
    assert editor.picture == edited and editor.view["can_undo"]
    other = sg.SemanticGenerator(sg.preset("nano32"))
    from ssgan_lite.edit.store import face_to_bytes
    assert "another model" in ask(editor, {"do": "open", "buffer": 0}, buffers=[face_to_bytes(Session(other))])
    assert "not a saved face" in ask(editor, {"do": "open", "buffer": 0}, buffers=[b"12345678abc"])


def test_what_was_on_the_desk_comes_back_after_another_face_was_opened(editor, G):
    ask(editor, {"do": "dice"})
    mine, other = editor.picture, Session(G, 8, psi=0.7)
    from ssgan_lite.edit.store import face_to_bytes
    ask(editor, {"do": "open", "buffer": 0}, buffers=[face_to_bytes(other)])
    assert near(pixels(editor), shown(other)) and not editor.view["can_reset"]
    ask(editor, {"do": "undo"})
    assert editor.picture == mine
    ask(editor, {"do": "undo"}, {"do": "redo"}, {"do": "redo"})
    assert near(pixels(editor), shown(other)) and editor.view["can_undo"]


@pytest.mark.parametrize("name, words", [
    ("x" * 300, "long"), ("a\0b", "name of a file"), ("/proc/face", "written"), ("..", "")])
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

    from ssgan_lite.edit.store import FORMAT, face_to_bytes
    from ssgan_lite.weights import fingerprint

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
    {"do": "slide", "kind": "color", "axis": 0, "value": 1}, {"do": "slide", "kind": "shape", "axis": 77, "value": 1},
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
    before = editor.picture
    editor.face.randomize("face")
    editor.refresh()
    assert editor.picture != before and editor.view["can_undo"]


def test_the_page_needs_nothing_from_the_network():
    from ssgan_lite.editor import widget as module

    source = module.FaceEditor._esm + module.FaceEditor._css
    assert set(re.findall(r"https?://[^\"'`\s)]+", source)) == {"http://www.w3.org/2000/svg"}
    assert "import " not in re.sub(r"//.*", "", source), "one script, no modules to fetch"
    assert {path.name for path in Path(module.FRONT).glob("*.js")} == {*module.SCRIPTS, "demo.js"}


def test_notebook_keeps_a_picture_for_readers_without_a_kernel(editor):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()                    # without a shell, what is displayed is printed and not captured
    with capture_output() as captured:
        bundle = editor._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    still = captured.outputs[0].data["text/html"] if captured.outputs else ""
    assert "run this cell" in still and 'alt="The face editor' in still and len(still) < 40_000


def test_steps_are_kept_with_what_was_done(editor):
    assert editor.view["steps"] == dict(at=0, first=0, labels=[]) and editor.strip == b""
    ask(editor, {"do": "dice"})
    ask(editor, {"do": "slide", "kind": "texture", "axis": 1, "value": 2, "stroke": "a"})
    ask(editor, {"do": "place", "dx": 0.1, "dy": 0, "zoom": 1, "stroke": "b"})
    assert editor.view["steps"]["at"] == 3 and len(editor.view["steps"]["labels"]) == 2, "drawn when it rests"
    ask(editor, {"do": "look"})
    labels = ["The face at first", "New version of the hair", "Hair: texture 2", "Hair: place and size"]
    assert editor.view["steps"] == dict(at=3, first=0, labels=labels)
    assert Image.open(io.BytesIO(editor.strip)).size == (4 * 56, 56)
    moved = editor.picture
    ask(editor, {"do": "step", "to": 1})
    assert editor.view["steps"] == dict(at=1, first=0, labels=labels) and "step 2" in editor.view["told"]
    ask(editor, {"do": "step", "to": 99})
    assert editor.picture == moved and editor.view["steps"]["at"] == 3
    for action in ({"do": "undo"}, {"do": "redo"}, {"do": "step", "to": 0}, {"do": "step", "to": 3}):
        ask(editor, action)
    assert editor.view["steps"]["labels"] == labels, "going back and forth names nothing anew"


def test_strip_has_an_end_and_undo_goes_farther(editor):
    from ssgan_lite.editor.steps import SHOWN_STEPS

    for i in range(SHOWN_STEPS + 6):
        editor.face.randomize("hair", seed=i)
    editor.refresh()
    steps = editor.view["steps"]
    assert len(steps["labels"]) == SHOWN_STEPS and steps["first"] + steps["at"] == SHOWN_STEPS + 6
    ask(editor, {"do": "step", "to": 0})
    assert editor.picture == editor.original and editor.view["steps"]["first"] == 0


def test_ordinary_gan_is_asked_for_the_same_edit(editor, G):
    from ssgan_lite.editor.baseline import load_baseline

    assert editor.view["beside"] == dict(on=False) and editor.baseline == b""
    ask(editor, {"do": "beside"})
    assert editor.baseline == editor.baseline_original and editor.view["beside"]["meter"] == dict(inside=0, outside=0)
    ask(editor, {"do": "dice"})
    view, ours = editor.view["beside"], editor.view["meter"]
    assert view["name"] == "nano32-monolithic" and view["size"] == 32 and editor.baseline != editor.baseline_original
    assert view["meter"]["inside"] == pytest.approx(ours["inside"], rel=0.35)
    # What is on the page is what the measure means: along one axis of W, for all layers alike.
    baseline = load_baseline("nano32-monolithic")
    axes, most = baseline.directions
    out, change = baseline.edit("hair", 2 * ours["inside"])
    step = out.codes - baseline.codes
    axis = axes[most[HAIR]]
    along = (step * axis).sum() / axis.square().sum()
    assert torch.allclose(step, along * axis[None], atol=1e-4)
    assert float(change.inside) / 2 == pytest.approx(view["meter"]["inside"])
    ask(editor, {"do": "undo"})
    assert editor.baseline == editor.baseline_original
    ask(editor, {"do": "beside"})
    assert editor.view["beside"] == dict(on=False) and editor.baseline == b""


def test_step_of_the_ordinary_gan_is_as_long_as_it_takes():
    from ssgan_lite.editor.baseline import STEPS, reach

    curve = [0.1 * step for step in STEPS]                                 # a change in proportion to the step
    for target in (0.001, 0.05, 0.1, 0.23, 0.7):
        assert reach(curve, target) == pytest.approx(10 * target)
    assert reach(curve, 5.0) == STEPS[-1], "no farther than 8 standard deviations"
    assert reach([0.0] * len(STEPS), 0.1) is None, "what its face does not have"
    assert reach([0.0] * 3 + [0.4] * 4, 0.2) == pytest.approx(STEPS[3] / 2)


def test_part_that_the_ordinary_gan_does_not_know():
    from ssgan_lite.editor import FaceEditor

    torch.manual_seed(0)
    more = sg.preset("nano32").replace(parts=(*sg.PARTS.names, "beard"))
    editor = FaceEditor(sg.SemanticGenerator(more), folder=None)
    ask(editor, {"do": "select", "part": 13}, {"do": "beside"}, {"do": "dice", "kind": "texture"})
    assert not editor.view["beside"]["knows"] and editor.baseline == editor.baseline_original


def test_baseline_is_the_models_own_where_it_ships(monkeypatch):
    from ssgan_lite.editor import baseline

    names = ["lite64", "lite64-monolithic", "nano32", "nano32-monolithic"]
    monkeypatch.setattr(baseline, "shipped", lambda: names)
    assert baseline.baseline_name("nano32") == "nano32-monolithic"
    assert baseline.baseline_name("lite64") == "lite64-monolithic"
    assert baseline.baseline_name("") == "lite64-monolithic"
    monkeypatch.setattr(baseline, "shipped", lambda: ["lite64"])
    assert baseline.baseline_name("lite64") is None


def test_card_and_film_come_together(editor, monkeypatch):
    from ssgan_lite.edit import cards

    monkeypatch.setattr(cards, "STEPS", 2)
    assert "Change the face first" in ask(editor, {"do": "export", "what": "share"}) and not editor.files
    ask(editor, {"do": "dice"}, {"do": "export", "what": "share", "name": "me"})
    assert {"me.png", "me.gif"} <= set(editor.files)
    assert Image.open(io.BytesIO(editor.files["me.png"])).size == (1128, 812)
