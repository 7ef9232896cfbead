"""Directions: places, planted attributes that must be found again, conditional edits, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import ssgan_lite as sg
from ssgan_lite.directions import (
    Half,
    LinearDirection,
    NamedDirections,
    Sample,
    Slider,
    apply,
    draw_sample,
    ganspace,
    interfacegan,
    judge,
    load_directions,
    place,
    save_directions,
    with_swaps,
)
from ssgan_lite.directions.naming import CANDIDATES, Candidate, is_earned, name_directions
from ssgan_lite.directions.swaps import Swaps
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import AttributePredictor, load_predictor

NAMES = ("age", "smile", "yaw")
N = 600


class Upper(AttributePredictor):
    """Reads how bright the upper corners are, and nothing else: a planted attribute with a known place."""

    def __init__(self, backbone):
        super().__init__(backbone, ("background_brightness", "age"))
        self.network = torch.nn.Identity()

    def forward(self, images):
        n = images.shape[-1] // 8
        corners = torch.cat([images[..., :n, :n], images[..., :n, -n:]], dim=-1)
        return torch.stack([2 * corners.mean((1, 2, 3)), torch.zeros(len(images))], dim=1)


@pytest.fixture(scope="module")
def trained():
    return sg.load_pretrained("nano32").requires_grad_(False)


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    torch.manual_seed(0)
    generator = sg.SemanticGenerator(sg.preset("nano32")).eval()
    generator.update_mean_w()
    return generator


@pytest.fixture(scope="module")
def monolithic():
    return sg.load_pretrained("nano32-monolithic")


@pytest.fixture(scope="module")
def normals(G) -> torch.Tensor:
    """Of the planted attributes: [3, S]; the first two lean towards each other."""
    rows = torch.linalg.qr(torch.randn(G.config.style_dim, 3, generator=torch.Generator().manual_seed(1)))[0].T
    return torch.stack([rows[0], (rows[0] + rows[1]) / 2 ** 0.5, rows[2]])


def planted(generator, normals: torch.Tensor, at: int | None) -> Sample:
    """A sample in which attributes are linear in the code at an address (None: in w), with noise."""
    draw, layout, s = torch.Generator().manual_seed(2), generator.layout, generator.config.style_dim
    w = torch.randn(N, s, generator=draw)
    mixed = torch.randn(N, layout.n_latent, s, generator=draw)
    seen = torch.ones(N, generator.config.n_parts)

    def labels(codes):
        return codes @ normals.T + 0.3 * torch.randn(N, len(normals), generator=draw)
    return Sample(generator, NAMES, Half(layout.to_w_plus(w), labels(w), seen),
                  Half(mixed, labels(mixed[:, at or 0]), seen), torch.zeros(s), torch.eye(s))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), 0))


def test_planted_attribute_is_found_where_it_was_planted(G, normals):
    address = G.layout["hair", "texture"]
    sample = planted(G, normals, address)
    for column, name in enumerate(NAMES):
        direction = interfacegan.find(sample, name, ("hair", "texture"))
        assert cosine(direction.vector, normals[column]) > 0.95
        assert float((direction.reader * direction.vector).sum()) == pytest.approx(1, abs=1e-4)
    both = interfacegan.find(sample, "yaw", "hair")
    assert both.vector.shape == (2, G.config.style_dim)
    assert cosine(both.vector[1], normals[2]) > 0.95 and float(both.vector[0].norm()) < 0.35
    assert cosine(interfacegan.find(sample, "age").vector, normals[0]) > 0.95          # in w


def test_swaps_show_what_a_place_does_although_everything_else_varies_more(G, normals):
    address, s, n = G.layout["mouth", "shape"], G.config.style_dim, 200
    draw, there = torch.Generator().manual_seed(4), place(G, "mouth")
    codes = torch.randn(n, 2, s, generator=draw)
    scores = codes[:, 0] @ normals.T
    noisy = planted(G, normals, address)
    mixed = Half(noisy.mixed.codes, noisy.mixed.scores + 5 * torch.randn(N, 3, generator=draw), noisy.mixed.areas)
    without = replace(noisy, mixed=mixed)
    swapped = replace(without, swaps=(Swaps(there, codes, scores),))
    where = ("mouth", "shape")
    assert cosine(interfacegan.find(swapped, "age", where).vector, normals[0]) > 0.9
    assert cosine(interfacegan.find(without, "age", where).vector, normals[0]) < 0.8
    assert interfacegan.held_out(swapped, "age", where) > 0.9
    assert interfacegan.held_out(swapped, "age", ("mouth", "texture")) < 0.3
    assert interfacegan.held_out(swapped.shuffled(), "age", where) < 0.3


def test_swaps_exchange_the_place_alone(trained):
    seen = Upper("lite0")
    swaps = {"background": 60, (("face", "nose"), "texture"): 55}
    sample = with_swaps(draw_sample(trained, seen, whole=60, mixed=2), swaps, seen)
    background, skin = sample.swaps
    assert background.codes.shape[1] == 2 and skin.codes.shape[1] == 1
    after = sample.whole.codes[:4].clone()
    after[:, list(background.place.addresses)] += background.codes[:4]
    assert torch.allclose(seen.read(trained(after).image) - sample.whole.scores[:4], background.scores[:4], atol=1e-4)
    assert float(background.scores[:, 0].std()) > 3 * float(skin.scores[:, 0].std())


def test_conditional_direction_leaves_the_other_attribute(G, normals):
    sample = planted(G, normals, G.layout["mouth", "shape"])
    plain = interfacegan.find(sample, "smile", ("mouth", "shape"))
    kept = interfacegan.find(sample, "smile", ("mouth", "shape"), without=["age"])
    assert float(plain.vector[0] @ normals[0]) > 0.5
    assert abs(float(kept.vector[0] @ normals[0])) < 0.1 and float(kept.vector[0] @ normals[1]) > 0.5


def test_shuffled_labels_lead_nowhere(G, normals):
    sample = planted(G, normals, G.layout["hair", "shape"]).shuffled()
    assert abs(cosine(interfacegan.find(sample, "yaw", ("hair", "shape")).vector, normals[2])) < 0.5


def test_apply_moves_the_place_alone_and_by_the_amount(G, normals):
    sample = planted(G, normals, G.layout["hair", "shape"])
    direction = interfacegan.find(sample, "yaw", ("hair", "shape"))
    codes = sample.mixed.codes[:4]
    amounts = torch.tensor([0.0, 1.0, -2.0, 0.5])
    moved = apply(codes, direction, amounts)
    changed = (moved != codes).any(2)
    assert changed[0].sum() == 0
    assert all(row.nonzero().flatten().tolist() == [G.layout["hair", "shape"]] for row in changed[1:])
    assert torch.allclose(direction.read(moved) - direction.read(codes), amounts, atol=1e-3)
    whole = interfacegan.find(sample, "yaw")
    moved = apply(codes, whole, 1.5)
    assert (moved != codes).any(2).all()
    assert torch.allclose(whole.read(moved) - whole.read(codes), torch.full((4,), 1.5), atol=1e-3)


def test_ganspace_takes_the_axis_that_goes_with_the_attribute(G, normals):
    sample = planted(G, normals, G.layout["hair", "shape"])
    scale = torch.linspace(3, 1, G.config.style_dim)            # now W has axes, and the second one is what age reads
    codes = sample.whole.codes * scale
    scores = sample.whole.scores.clone()
    scores[:, 0] = -codes[:, 0, 1]
    stretched = Sample(G, NAMES, Half(codes, scores, sample.whole.areas), sample.mixed, sample.mean,
                       torch.diag(scale.square()))
    direction = ganspace.find(stretched, "age")
    assert int(direction.vector.abs().argmax()) == 1 and float(direction.vector.flatten()[1]) < 0
    part = ganspace.find(sample, "age", "hair")
    assert part.place.name in ("hair shape", "hair texture") and part.system == "ganspace"


def test_places_have_the_codes_that_their_names_say(G, monolithic):
    names = G.layout.names
    assert [names[a] for a in place(G, "hair").addresses] == ["hair_shape", "hair_texture"]
    assert [names[a] for a in place(G, (("face", "nose"), "texture")).addresses] == ["face_texture", "nose_texture"]
    head = place(G, ("head", "shape"))
    assert len(head.addresses) == G.config.base_layers + G.config.n_parts - 1 and "background" not in head.parts
    assert len(place(monolithic).addresses) == monolithic.layout.n_latent


def test_what_cannot_be_is_said(G, monolithic, normals):
    sample = planted(G, normals, G.layout["hair", "shape"])
    direction, codes = interfacegan.find(sample, "age", ("hair", "shape")), sample.mixed.codes[:2]
    for call, words in (
            (lambda: interfacegan.find(sample, "agee"), ["agee", '"age"']),
            (lambda: ganspace.find(sample, "beauty"), ["beauty", "smile"]),
            (lambda: interfacegan.find(sample, "age", without=["age"]), ["age", "without"]),
            (lambda: interfacegan.find(sample, "age", "hiar"), ["hiar", '"hair"']),
            (lambda: place(G, 7), ["7", '"whole"']),
            (lambda: place(monolithic, "hair"), ["monolithic", "whole"]),
            (lambda: apply(codes, direction, 1000), ["20", "1000"]),
            (lambda: apply(codes, direction, float("nan")), ["nan"]),
            (lambda: apply(codes, direction, [1, 2, 3]), ["2 faces"]),
            (lambda: apply(codes, direction, "far"), ["far", "number"]),
            (lambda: apply(codes[:, 0], direction, 1), ["W+", "to_w_plus"]),
            (lambda: apply(codes, "age", 1), ["find", "age"]),
            (lambda: draw_sample(G, whole=1), ["at least 2"])):
        with pytest.raises(UserError) as error:
            call()
        assert all(word in str(error.value) for word in words), str(error.value)


def test_part_that_no_face_shows_has_no_directions(G, normals):
    sample = planted(G, normals, G.layout["hat", "shape"])
    unseen = sample.mixed.areas.clone()
    unseen[:, G.config.part_id("hat")] = 0
    hidden = Sample(G, NAMES, sample.whole, Half(sample.mixed.codes, sample.mixed.scores, unseen), sample.mean,
                    sample.covariance)
    with pytest.raises(UserError, match="hat"):
        interfacegan.find(hidden, "age", ("hat", "shape"))


def test_sample_is_drawn_with_lite0_and_reads_what_is_drawn(monolithic):
    predictor = AttributePredictor("lite0", ("age", "smile")).eval()
    sample = draw_sample(monolithic, predictor, whole=4, mixed=4)
    assert sample.mixed is None and sample.whole.scores.shape == (4, 2)
    image = monolithic(sample.whole.codes[:2]).image.detach()
    assert torch.allclose(predictor.read(image), sample.whole.scores[:2], atol=1e-4)


CORNER = (Candidate("background", "brightness", "background_brightness", ("background", ("background", "texture"))),
          Candidate("hair", "age", "age", ("hair", (("hair", "face"), "shape"))))


@pytest.fixture(scope="module")
def corner_sample(trained):
    return draw_sample(trained, Upper("lite0"), whole=60, mixed=500)


def seen(monkeypatch):
    """Lite2's maps are not needed where the judge is planted."""
    monkeypatch.setattr(judge, "_identity", lambda judging, before, after, region: torch.zeros(len(before)))


def test_name_is_earned_where_the_judge_sees_the_change(corner_sample, trained, tmp_path, monkeypatch):
    seen(monkeypatch)
    named = name_directions(corner_sample, Upper("lite2"), CORNER, faces=60)
    assert [(slider.part, slider.label) for slider in named.sliders] == [("background", "brightness")]
    slider = named.find("background", "brightness")
    assert slider.effect["correlation"] >= 0.6 and slider.effect["per_unit"] > 0 and slider.effect["leak"] < 0.3
    assert [entry["label"] for entry in named.record["refused"]] == ["age"]
    save_directions(named, trained, tmp_path / "mine")
    again = load_directions(trained, tmp_path / "mine.safetensors")
    assert torch.equal(again.sliders[0].direction.vector, slider.direction.vector)
    assert again.sliders[0].effect == slider.effect and again.record == named.record


def test_no_name_survives_shuffled_labels(corner_sample, monkeypatch):
    seen(monkeypatch)
    for seed in range(3):
        named = name_directions(corner_sample.shuffled(seed), Upper("lite2"), CORNER, faces=60)
        assert not named.sliders, named.sliders


def test_name_is_refused_where_another_attribute_changes_more():
    verdict = dict(correlation=0.9, per_unit_own=0.4, others=dict(skin_tone=-0.3))
    assert is_earned(verdict)
    assert not is_earned(dict(verdict, others=dict(skin_tone=-0.9)))
    assert not is_earned(dict(verdict, correlation=0.5)) and not is_earned(dict(verdict, per_unit_own=-0.4))


def test_entangled_attributes_are_those_that_the_direction_moves(G, normals):
    sample = planted(G, normals, G.layout["mouth", "shape"])
    direction = interfacegan.find(sample, "smile", ("mouth", "shape"))
    assert interfacegan.entangled(sample, direction, 1) == ["age"]


def test_judge_may_not_teach_and_teacher_may_not_judge(corner_sample, trained):
    with pytest.raises(UserError, match="Lite2"):
        name_directions(corner_sample, Upper("lite0"), CORNER)
    with pytest.raises(UserError, match="Lite0"):
        draw_sample(trained, Upper("lite2"), whole=2, mixed=2)


def test_directions_of_another_model_and_damaged_ones_are_refused(trained, G, monolithic, tmp_path):
    there = place(trained, ("hair", "shape"))
    s = trained.config.style_dim
    direction = LinearDirection("hair_length", there, "interfacegan", torch.ones(1, s), torch.ones(1, s) / s,
                                torch.zeros(s))
    named = NamedDirections((Slider("hair", "length", direction, -3, 3, dict(correlation=0.9)),), {})
    save_directions(named, trained, tmp_path / "mine")
    for call, words in (
            (lambda: load_directions(G, tmp_path / "mine.safetensors"), ["another model", '"nano32"']),
            (lambda: load_directions(monolithic), ["nano32-monolithic", "ssgan-lite directions"]),
            (lambda: load_directions(trained, tmp_path / "none.safetensors"), ["none.safetensors"]),
            (lambda: named.find("hair", "lenght"), ["lenght", '"length"']),
            (lambda: named.find("nose", "length"), ["nose", "hair"])):
        with pytest.raises(UserError) as error:
            call()
        assert all(word in str(error.value) for word in words), str(error.value)
    text = (tmp_path / "mine.json").read_text()
    for old, new in (('"addresses": [', '"addresses": [900,'), ('"range"', '"rage"')):
        assert old in text
        (tmp_path / "mine.json").write_text(text.replace(old, new))
        with pytest.raises(UserError, match="damaged"):
            load_directions(trained, tmp_path / "mine.safetensors")


def test_session_sets_a_direction_and_respects_locks(trained):
    face, there = Session(trained, 3), place(trained, (("face", "nose"), "texture"))
    s = trained.config.style_dim
    direction = LinearDirection("skin_tone", there, "interfacegan", torch.ones(1, s), torch.ones(1, s) / s,
                                torch.zeros(s))
    face.set_direction(direction, 1.25)
    assert float(direction.read(face.state.codes)[0]) == pytest.approx(1.25, abs=1e-4)
    changed = (face.state.codes != face.history.past[-1].codes).any(2)[0].nonzero().flatten().tolist()
    assert changed == list(there.addresses)
    face.lock("nose")
    state = face.state
    for value, words in ((1.0, ["Nose", "locked"]), (float("nan"), ["nan"])):
        with pytest.raises(UserError) as error:
            face.set_direction(direction, value)
        assert all(word in str(error.value) for word in words) and face.state is state
        face.unlock("nose")
    with pytest.raises(UserError, match="coordinate"):
        face.set_direction("smile", 1)


@pytest.mark.slow
def test_shipped_sliders_do_what_they_say_on_new_faces():
    lite64, judging = sg.load_pretrained("lite64").requires_grad_(False), load_predictor("lite2")
    named = load_directions(lite64)
    assert named.sliders and all(slider.effect["correlation"] >= 0.6 for slider in named.sliders)
    faces = judge.draw_faces(lite64, judging, 40, seed=9)
    for slider in named.sliders[:2]:
        verdict = judge.confirm(slider.direction, faces, seed=9)
        assert verdict["correlation"] > 0.45 and verdict["per_unit"] > 0, slider.label


@pytest.mark.slow
def test_no_name_of_the_real_judge_survives_shuffled_labels(trained):
    swaps = {"hair": 150, "background": 150}
    sample = with_swaps(draw_sample(trained, whole=150, mixed=2), swaps)
    mine = tuple(c for c in CANDIDATES if c.part in swaps)
    true = name_directions(sample, load_predictor("lite2"), mine, faces=60)
    assert "brightness" in [slider.label for slider in true.sliders]
    assert not name_directions(sample.shuffled(1), load_predictor("lite2"), mine, faces=60).sliders
