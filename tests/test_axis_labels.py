"""Words for principal axes: planted effects get the right word with the right sign, unclear ones none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import ssgan_lite as sg
from ssgan_lite.directions import AxisName, NamedDirections, axis_labels, load_directions, part_axes, save_directions
from ssgan_lite.directions.axis_labels import QUANTITIES, choose, name_axes
from ssgan_lite.directions.command import DirectionsOptions, find_names
from ssgan_lite.directions.direction import KINDS
from ssgan_lite.directions.ganspace import PartAxes
from ssgan_lite.errors import UserError

R, S = 32, 6
PARTS = ("background", "hair", "hat")


class Layout(dict):
    """Two codes for every part, and nothing else."""

    def to_w_plus(self, w):
        return w[:, None].repeat(1, len(self), 1)


class Drawn(torch.nn.Module):
    """Draws a rectangle for every part but the background; what each coordinate of its codes does is known.

    Of the shape: 0 lowers the lower edge, 1 moves to the right, 2 lowers the whole. Of the texture: 0 makes it
    darker, 1 redder, 2 does nothing. Hats are rare. sign: -1 turns all of it around.
    """

    def __init__(self, sign: float = 1.0):
        super().__init__()
        self.config, self.sign = SimpleNamespace(parts=PARTS), sign
        self.layout = Layout({(part, kind): 2 * part + k for part in range(3) for k, kind in enumerate(KINDS)})

    def sample_z(self, n, seed):
        return torch.randn(n, S, generator=torch.Generator().manual_seed(seed))

    def mapping(self, z):
        return z

    def forward(self, codes, psi):
        ids, image = torch.zeros(len(codes), R, R, dtype=torch.long), torch.zeros(len(codes), 3, R, R)
        for n, face in enumerate(codes):
            for part in (1, 2):
                if part == 2 and face[0, 5] > -1.2:
                    continue
                long, right, low = (self.sign * face[2 * part, :3]).tolist()
                dark, red = (self.sign * face[2 * part + 1, :2]).tolist()
                top, left = 8 + low, 8 + right
                box = slice(round(top), round(top + 12 + 2 * long)), slice(round(left), round(left + 14))
                ids[n][box] = part
                image[n][:, *box] = (0.2 - 0.15 * dark + torch.tensor([0.2, -0.2, 0.0]) * red)[:, None, None]
        return SimpleNamespace(image=image, mask=torch.nn.functional.one_hot(ids, 3).movedim(-1, 1).float())


@pytest.fixture()
def known_axes(monkeypatch):
    """The axes are the first coordinates themselves."""
    axes = PartAxes(torch.zeros(S), torch.eye(S)[:4], torch.eye(S)[:4], torch.ones(4))
    monkeypatch.setattr(axis_labels, "part_axes", lambda generator, part, kind: axes)
    return axes


def words(names, axes) -> dict:
    """{(part, kind): words of the first three axes}"""
    named = NamedDirections((), {}, tuple(names))
    return {(part, kind): named.axis_words(part, kind, axes.directions[:3]) for part in PARTS for kind in KINDS}


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_planted_effects_get_the_right_words_with_the_right_sign(known_axes, sign):
    found = words(name_axes(Drawn(sign)), known_axes)
    moved = [("more to the left", "more to the right", sign), ("higher", "lower", sign)]
    assert found["hair", "shape"] == [("shorter", "longer", sign), *moved]
    assert found["hat", "shape"] == [("smaller", "larger", sign), *moved], "nobody calls a hat long"
    assert found["hair", "texture"] == [("darker", "lighter", -sign), ("greener", "redder", sign), None]
    assert found["background", "texture"] == [None] * 3


def test_no_pair_of_words_twice_and_none_for_what_is_small():
    strong, weak = torch.zeros(6), torch.zeros(6)
    strong[1], weak[1], weak[3] = -3.0, 2.0, 1.0
    area = QUANTITIES["shape"][1]
    assert choose(torch.stack([weak, strong, torch.zeros(6)]), "shape", False) == [None, (area, -1), None]
    weak[3] = -1.9                                              # about equal: the first in the list speaks
    assert choose(weak[None], "shape", False) == [(area, 1)]


def test_effect_is_one_that_nearly_all_faces_show():
    change, spread = torch.zeros(12, 6), torch.full((6,), 0.1)
    change[:, 4] = 0.2
    change[:2, 4] = -0.2
    assert float(axis_labels.effect(change, spread, "shape")[4]) == pytest.approx(2.0)
    change[2, 4] = 0.0
    assert not axis_labels.effect(change, spread, "shape").any(), "three of twelve"
    change[:, 4] = 0.02
    assert not axis_labels.effect(change, spread / 100, "shape").any(), "too small to be seen"


def test_words_are_kept_with_the_model_and_found_again_by_the_axis(tmp_path):
    G = sg.load_pretrained("nano32")
    own = part_axes(G, "hair", "shape").directions[:3]
    names = (AxisName("hair", "shape", "shorter", "longer", own[1]),)
    save_directions(NamedDirections((), {}, names), G, tmp_path / "mine")
    again = load_directions(G, tmp_path / "mine.safetensors")
    assert again.axis_words("hair", "shape", own) == [None, ("shorter", "longer", 1), None]
    assert again.axis_words("hair", "texture", own) == again.axis_words("nose", "shape", own) == [None] * 3
    # Another machine may number and turn axes otherwise.
    assert again.axis_words("hair", "shape", -own.flip(0)) == [None, ("shorter", "longer", -1), None]
    assert again.axis_words("hair", "shape", own.roll(1, 0)) == [None, None, ("shorter", "longer", 1)]
    assert again.axis_words("hair", "shape", torch.randn(3, own.shape[1])) == [None] * 3
    other = sg.SemanticGenerator(G.config).eval()
    with pytest.raises(UserError, match="another model"):
        load_directions(other, tmp_path / "mine.safetensors")
    text = (tmp_path / "mine.json").read_text()
    for old, new in (('"less"', '"lass"'), ('"part": "hair"', '"part": 7'), ('"kind": "shape"', '"kind": "form"'),
                     ('"longer"', "3"), ('"axes": [', '"axes": [{}, ')):
        assert old in text
        (tmp_path / "mine.json").write_text(text.replace(old, new))
        with pytest.raises(UserError, match="damaged"):
            load_directions(G, tmp_path / "mine.safetensors")


def test_command_writes_words_for_a_model_that_is_no_head(tmp_path, monkeypatch, capsys):
    bird = sg.preset("nano32").replace(parts=("background", "body", "wing"), transparent=())
    G = sg.SemanticGenerator(bird).eval()
    found = (AxisName("wing", "texture", "darker", "lighter", torch.ones(bird.style_dim)),)
    monkeypatch.setattr("ssgan_lite.directions.command.load_pretrained", lambda name: G)
    monkeypatch.setattr("ssgan_lite.directions.command.name_axes", lambda generator, quiet: found)
    assert find_names(DirectionsOptions("mine", tmp_path / "mine")) == 0
    assert "wing texture" in capsys.readouterr().out
    named = load_directions(G, tmp_path / "mine.safetensors")
    assert not named.sliders and [(name.less, name.more) for name in named.axes] == [("darker", "lighter")]
