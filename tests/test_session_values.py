"""What enters a session can be saved and loaded; what cannot is a `UserError` and changes nothing.

The public methods of `Session` are found by introspection, and every parameter of each is given good and bad values:
a new method is tested here without being listed. What a parameter takes is known by its name.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import ssgan_lite as sg
from ssgan_lite.edit import Session, save_gif, save_image, save_mp4, save_picture, strip
from ssgan_lite.errors import UserError

# Parameter -> a good value, or the name of a fixture-like function below.
GOOD = {
    "part": "hair", "parts": "hair", "kind": "shape", "seed": 3, "psi": 0.5, "amount": 0.5, "amounts": {"hair": 0.5},
    "other": lambda G: Session(G, 5), "code": lambda G: torch.ones(G.config.style_dim), "direction": 0, "axis": 0,
    "value": 1.0, "dx": 0.1, "dy": 0.1, "zoom": 1.5, "what": "#20507a", "n": 2, "i": 0, "state": lambda G: None,
    "codes": lambda G: G.layout.to_w_plus(G.mapping(G.sample_z(1, 1))).detach(), "overwrite": False,
    "depths": lambda G: Session(G, 5).render().depths,
    "path": lambda G: Path("face"), "source": lambda G: b"", "generator": lambda G: G,
    "hue": 120.0, "saturation": 0.5, "brightness": 0.5,
}
NOT_FINITE = [float("nan"), float("inf"), -float("inf"), np.float32("nan"), torch.tensor(float("nan")), 1e300]
BAD = [*NOT_FINITE, 2**70, -2**70, 10**400, "nonsense", "", None, [], {}, object(), b"bytes", 2.5, True,
       [float("nan")], ["hair", "nose"], ("hair", "nonsense"),
       {"hair": float("nan")}, {"hair": (0, float("inf"))}, {"hair": "much"},
       np.array([1.0, np.nan]), torch.full((64,), torch.nan), np.zeros((2, 3)), np.int64(3), np.uint8(7),
       np.float64(0.5), torch.tensor(0.5), np.array(4), -1, 99, "white", "~", "nose"]
KEYWORDS = {"adjust_backdrop": ("hue", "saturation", "brightness")}         # what `**changes` may be, of a color
NOT_EDITS = {"load", "save"}         # files have tests of their own


def methods() -> list[str]:
    return [name for name, value in inspect.getmembers(Session, inspect.isfunction) if not name.startswith("_")]


def cases() -> list[tuple[str, str]]:
    found = [("__init__", p) for p in list(inspect.signature(Session.__init__).parameters)[2:]]
    for name in methods():
        if name not in NOT_EDITS:
            for about in list(inspect.signature(getattr(Session, name)).parameters.values())[1:]:
                found += [(name, p) for p in (KEYWORDS[name] if about.kind is about.VAR_KEYWORD else [about.name])]
    return found


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval().requires_grad_(False)
    G.update_mean_w(100)
    return G


def arguments(G, method: str, parameter: str, value) -> tuple[list, dict]:
    """Good values for what has no default, and `value` for one parameter."""
    positional, named = [], {}
    for name, about in list(inspect.signature(getattr(Session, method)).parameters.items())[1:]:
        if about.kind is about.VAR_KEYWORD:
            named[parameter] = value
            continue
        good = GOOD[name](G) if callable(GOOD[name]) else GOOD[name]
        if about.kind is about.VAR_POSITIONAL:
            positional = [value if name == parameter else good]
        elif name == parameter:
            named[name] = value
        elif about.default is about.empty:
            named[name] = good
    return positional, named


def session(G, method: str) -> Session:
    """A face, with a color behind it where the method changes one."""
    face = Session(G, 3)
    return face.set_backdrop("#20507a") if method in KEYWORDS else face


def comes_back(face: Session) -> None:
    """Saved and loaded, the face is the same, and it can be drawn."""
    from ssgan_lite.edit.store import face_to_bytes

    back = Session.load(face.generator, face_to_bytes(face))
    for a, b in ((face.state, back.state), (face.history.first, back.history.first)):
        assert torch.equal(a.codes, b.codes)
        for name in ("psi", "hidden", "placement", "part_psi", "lifts", "noise_seed"):
            assert getattr(a, name) == getattr(b, name)
    assert back.seed == face.seed and back.locked == face.locked
    out = face.render()
    assert out.image.isfinite().all() and torch.equal(out.image, back.render().image)


@pytest.mark.slow
@pytest.mark.parametrize("method, parameter", cases(), ids=lambda word: word)
def test_value_enters_wholly_or_not_at_all(G, method, parameter) -> None:
    assert parameter in GOOD, f"say in GOOD what a good `{parameter}` is"
    for value in BAD:
        if parameter == "generator" or parameter == "state":
            continue                                       # objects of the library, not values of a user
        positional, named = arguments(G, method, parameter, value)
        if method == "__init__":
            try:
                face = Session(*positional, **named)
            except UserError:
                continue
        else:
            face = session(G, method)
            before, locked, past = face.state, face.locked, len(face.history.past)
            try:
                result = getattr(face, method)(*positional, **named)
            except UserError:
                assert face.state is before and face.locked == locked and len(face.history.past) == past, value
                continue
            face = result if isinstance(result, Session) else face
        comes_back(face)


@pytest.mark.parametrize("method, parameter", cases(), ids=lambda word: word)
def test_number_that_is_not_finite_is_refused(G, method, parameter) -> None:
    good = GOOD[parameter]
    if not isinstance(good, (int, float)) or isinstance(good, bool):
        pytest.skip("not for numbers")
    for value in NOT_FINITE:
        positional, named = arguments(G, method, parameter, value)
        with pytest.raises(UserError):
            if method == "__init__":
                Session(*positional, **named)
            else:
                getattr(session(G, method), method)(*positional, **named)


@pytest.mark.parametrize("method, parameter", [case for case in cases() if case[1] in ("part", "parts")],
                         ids=lambda word: word)
def test_parts_by_name_number_or_list_are_the_same(G, method, parameter) -> None:
    results = []
    for value in ("hair", 7, np.int64(7), torch.tensor(7), ["hair"], ("hair",), {"hair"}):
        face = Session(G, 3)
        positional, named = arguments(G, method, parameter, value)
        result = getattr(face, method)(*positional, **named)
        results.append(result.state if isinstance(result, Session) else result)
    for other in results[1:]:
        if hasattr(other, "codes"):
            assert torch.equal(other.codes, results[0].codes) and other.hidden == results[0].hidden


def test_several_parts_may_be_a_list(G) -> None:
    assert Session(G).hide(["hair", "nose"]).state.hidden == Session(G).hide("hair", "nose").state.hidden == {7, 5}
    assert Session(G).lock(["hair", "nose"]).locked == {5, 7}


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), torch.tensor(3), np.array(3), [3], range(3, 4)], ids=repr)
def test_seed_of_any_kind_is_the_same_face(G, seed) -> None:
    assert torch.equal(Session(G, seed).state.codes, Session(G, 3).state.codes)


@pytest.mark.parametrize("seed", [2**63 - 1, -2**63, -5])
def test_extreme_seed_draws_and_comes_back(G, seed) -> None:
    face = Session(G, seed).randomize("hair").randomize("nose", seed=seed).set_noise(seed)
    face.variants(3, "hair")
    comes_back(face)


def test_codes_of_another_tool(G) -> None:
    codes = G.layout.to_w_plus(G.mapping(G.sample_z(2, 5)))
    for given in (codes, codes.double().numpy(), codes.tolist(), G.mapping(G.sample_z(2, 5))):
        assert torch.allclose(Session(G, codes=given).state.codes, Session(G, [5, 6]).state.codes, atol=1e-6)
    for single in (codes[0], codes[0].numpy(), G.mapping(G.sample_z(1, 5))[0]):
        assert Session(G, codes=single).state.codes.shape == (1, 28, 64)
    for wrong in (torch.zeros(3, 4), torch.zeros(2, 78, 64), codes * torch.nan, 1e9 * codes, "codes",
                  torch.zeros(0, 64)):
        with pytest.raises(UserError):
            Session(G, codes=wrong)


def test_state_that_is_set_passes_the_same_gate(G) -> None:
    from dataclasses import replace

    face = Session(G, 3)
    before = face.state
    with pytest.raises(UserError):
        face.state = replace(before, psi=float("nan"))
    assert face.state is before


# ------------------------------------------------------------------------------------------------- names of files

SAVERS = {"face": (lambda face, path: face.save(path), ".safetensors"),
          "picture": (lambda face, path: save_picture(face, path)[0], ".png"),
          "image": (lambda face, path: save_image(strip([np.zeros((4, 4, 3), np.uint8)]), path), ".png"),
          "gif": (lambda face, path: save_gif([np.zeros((4, 4, 3), np.uint8)] * 2, path), ".gif"),
          "mp4": (lambda face, path: save_mp4([np.zeros((4, 4, 3), np.uint8)] * 2, path), ".mp4")}


@pytest.mark.parametrize("what", SAVERS)
def test_name_of_another_kind_or_of_a_folder_is_refused(G, what, tmp_path) -> None:
    save, ending = SAVERS[what]
    other = ".jpg" if ending != ".jpg" else ".png"
    (tmp_path / "there").mkdir()
    for path in (f"{tmp_path}/faces/", tmp_path, tmp_path / "there", tmp_path / f"a{other}"):
        with pytest.raises(UserError) as error:
            save(Session(G, 3), path)
        assert ending in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("what", [what for what in SAVERS if what != "mp4"])
def test_name_gets_its_ending_in_the_home_folder_too(G, what, tmp_path, monkeypatch) -> None:
    save, ending = SAVERS[what]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name, wanted in (("a", f"a{ending}"), (f"b{ending}", f"b{ending}"), ("v1.5", f"v1.5{ending}")):
        assert save(Session(G, 3), f"~/{name}") == tmp_path / wanted and (tmp_path / wanted).is_file()


def test_face_of_other_weights_says_which(G, tmp_path) -> None:
    trained = sg.load_pretrained("nano32")
    path = Session(trained, 3).save(tmp_path / "face")
    again = Session.load(sg.load_pretrained("nano32"), path)
    assert torch.equal(again.render().image, Session(trained, 3).render().image)
    with pytest.raises(UserError) as error:
        Session.load(G, path)
    from ssgan_lite.weights import fingerprint

    for word in ('"nano32"', fingerprint(trained)[:12], fingerprint(G)[:12]):
        assert word in str(error.value)
