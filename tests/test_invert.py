"""Codes from pictures: the prior on W, the three spaces, gradients that stay in their parts, tuning, face files."""

import copy

import pytest
import torch

from ssgan_lite.config import preset
from ssgan_lite.data import open_dataset
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.invert import (
    ProjectOptions,
    Projector,
    code_prior,
    load_tuned,
    mask_distance,
    open_face,
    project,
    save_difference,
    tune,
)
from ssgan_lite.invert.distance import part_weights
from ssgan_lite.invert.project import forward_by_parts, part_cover, ramp
from ssgan_lite.invert.tune import difference_path
from ssgan_lite.model import build_generator
from ssgan_lite.weights import load_pretrained

NO_FEATURES = dict(features=0.0, progress=False)


@pytest.fixture(scope="module")
def G():
    return load_pretrained("nano32").requires_grad_(False)


@pytest.fixture(scope="module")
def goal(G):
    """A face of the model itself: image, part ids and codes."""
    with torch.no_grad():
        codes = G.layout.to_w_plus(G.mapping(G.sample_z(1, seed=5)))
        out = G(codes)
    return out.image.clamp(-1, 1), out.mask.argmax(1), codes


def test_prior_matches_distribution_of_w(G):
    prior = code_prior(G)
    w = G.mapping(G.sample_z(500, seed=1000))
    assert prior.distance(w).mean() == pytest.approx(1.0, abs=0.15)
    torch.testing.assert_close(prior.to_w(prior.from_w(w)), w, atol=1e-3, rtol=1e-3)
    assert prior.distance(prior.mean) == 0
    assert code_prior(G) is prior


def test_prior_follows_changed_weights(G):
    other = copy.deepcopy(G)
    first = code_prior(other)
    with torch.no_grad():
        other.mapping.layers[-1].bias += 10
    assert not torch.allclose(code_prior(other).mean, first.mean)


def test_ramp_rises_and_falls():
    assert ramp(0, 0.05, 0.25) < 0.1 and ramp(0.5, 0.05, 0.25) == 1 and ramp(1, 0.05, 0.25) == pytest.approx(0)
    assert ramp(0.3, 0, 0) == 1


@pytest.mark.parametrize("space", ["w", "w+", "parts"])
def test_projection_comes_nearer_than_mean_face(G, goal, space):
    image, ids, _ = goal
    begin = Projector(G, image, ids, space, ProjectOptions(features=0.0))
    found = project(G, image, ids, space, steps=25, **NO_FEATURES)
    first = float((G(begin.codes).image.clamp(-1, 1) - image).abs().mean() * 127.5)
    assert found.codes.shape == (1, G.config.n_latent, G.config.style_dim)
    assert found.distances[0]["levels"] < 0.6 * first
    assert len(found.history) == 25 and not found.interrupted
    if space == "w":
        assert (found.codes == found.codes[:, :1]).all()


def test_same_seed_same_codes_and_other_seed_others(G, goal):
    image, ids, _ = goal
    runs = [project(G, image, ids, "parts", steps=4, seed=seed, **NO_FEATURES).codes for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_batch_fits_every_picture_as_if_alone(G):
    with torch.no_grad():
        out = G(G.mapping(G.sample_z(2, seed=7)))
    image, ids = out.image.clamp(-1, 1), out.mask.argmax(1)
    both = project(G, image, ids, "parts", steps=3, **NO_FEATURES).codes
    alone = project(G, image[1:], ids[1:], "parts", steps=3, **NO_FEATURES).codes
    torch.testing.assert_close(both[1:], alone, atol=1e-3, rtol=1e-3)


def test_weights_and_noise_stay_as_they_are(G, goal):
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    project(G, *goal[:2], "parts", steps=2, **NO_FEATURES)
    assert all(torch.equal(before[name], tensor) for name, tensor in G.state_dict().items())


def test_forward_by_parts_gives_the_same_numbers(G, goal):
    image, ids, codes = goal
    plain, gated = G(codes), forward_by_parts(G, codes, part_cover(ids, G.config.n_parts, G.config.coarse_size))
    for name in ("image", "mask", "coarse_mask", "depths"):
        torch.testing.assert_close(getattr(gated, name), getattr(plain, name), atol=1e-4, rtol=1e-4)


def test_gradient_of_picture_stays_in_covered_part(G, goal):
    image, ids, codes = goal
    hair, face = G.config.part_id("hair"), G.config.part_id("face")
    only_hair = torch.full_like(ids, hair)
    codes = codes.clone().requires_grad_()
    cover = part_cover(only_hair, G.config.n_parts, G.config.coarse_size)
    forward_by_parts(G, codes, cover).image.square().sum().backward()
    assert codes.grad[:, G.layout[hair]].abs().sum() > 0
    assert codes.grad[:, G.layout[face, "texture"]].abs().sum() == 0       # shape moves depths, too
    codes.grad = None
    G(codes).image.square().sum().backward()                  # the ordinary pass has no such walls
    assert codes.grad[:, G.layout[face, "texture"]].abs().sum() > 0


def test_strong_prior_keeps_codes_near_w(G, goal):
    image, ids, _ = goal
    free, held = (project(G, image, ids, "w+", steps=25, prior=weight, **NO_FEATURES).distances[0]
                  for weight in (0.0, 1.0))
    assert held["prior"] < 0.7 * free["prior"]


def test_mask_target_improves_mask(G):
    """A face of another seed: with its mask as a target the parts lie where it says."""
    with torch.no_grad():
        out = G(G.mapping(G.sample_z(1, seed=11)))
    ids = out.mask.argmax(1)

    def large(weight):
        iou = project(G, out.image.clamp(-1, 1), ids, "parts", steps=25, mask_weight=weight,
                      **NO_FEATURES).distances[0]["iou"]
        return sum(iou[name] for name in ("background", "face", "hair")) / 3

    assert large(0.5) > large(0.0) + 0.02


def test_part_weights_average_to_one():
    ids = torch.zeros(1, 8, 8, dtype=torch.long)
    ids[0, 0, 0] = 1
    weights = part_weights(ids, 3)
    assert (weights[0, 0] * 63 + weights[0, 1]) / 64 == pytest.approx(1.0)
    assert weights[0, 1] == pytest.approx(weights[0, 0] * 63**0.5)


def test_mask_distance_is_least_for_true_mask():
    ids = torch.randint(3, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    right = 2 * torch.nn.functional.one_hot(ids, 3).movedim(-1, 1).float() - 1
    assert mask_distance(right, None, ids) < 0.05 < mask_distance(right.roll(1, 1), None, ids)


def test_interruption_returns_best_codes_so_far(G, goal):
    def stop(projector):
        if projector.steps == 6:
            raise KeyboardInterrupt

    found = project(G, *goal[:2], "parts", steps=50, on_step=stop, **NO_FEATURES)
    assert found.interrupted and len(found.history) == 6
    assert found.distances[0]["levels"] < 127 and found.codes.isfinite().all()


def test_best_is_kept_when_steps_diverge(G, goal):
    projector = Projector(G, *goal[:2], "parts", ProjectOptions(features=0.0, steps=10))
    for _ in range(4):
        projector.step()
    kept = projector.codes
    with torch.no_grad():
        projector.u.fill_(float("nan"))
    projector.step()
    assert torch.equal(projector.codes, kept)


@pytest.mark.parametrize("change, says", [
    (dict(space="z"), "w+"),
    (dict(mask=None), "mask"),
    (dict(image=torch.zeros(1, 3, 64, 64)), "32"),
    (dict(image=torch.zeros(1, 3, 32, 32, dtype=torch.uint8)), "float"),
    (dict(image=torch.full((1, 3, 32, 32), float("nan"))), "finite"),
    (dict(mask=torch.zeros(1, 16, 16, dtype=torch.long)), "32"),
    (dict(mask=torch.full((1, 32, 32), 13)), "13"),
    (dict(steps=-1), "steps"),
    (dict(prior=float("nan")), "prior"),
    (dict(start=torch.zeros(1, 7, 64)), "7"),
])
def test_bad_projection_input_raises(G, goal, change, says):
    arguments = dict(image=goal[0], mask=goal[1], space="parts") | change
    with pytest.raises(UserError) as error:
        project(G, **arguments, **NO_FEATURES)
    assert says in str(error.value)


def test_monolithic_model_projects_in_w_plus_but_has_no_parts():
    monolithic = build_generator(load_pretrained("nano32").config.replace(architecture="monolithic"))
    image, ids = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.long)
    found = project(monolithic, image, ids, "w+", steps=2, **NO_FEATURES)
    assert found.codes.shape == (1, monolithic.layout.n_latent, 64)
    with pytest.raises(UserError, match="monolithic"):
        project(monolithic, image, ids, "parts", **NO_FEATURES)


# --- tuning ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def other_face(G):
    """A picture that the codes at hand do not give."""
    with torch.no_grad():
        codes = G.layout.to_w_plus(G.mapping(G.sample_z(1, seed=21)))
        image = (0.8 * G(codes).image + 0.1).clamp(-1, 1)
    return codes, image


def test_tuning_comes_nearer_and_leaves_original_alone(G, other_face):
    codes, image = other_face
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    tuned = tune(G, codes, image, steps=15, **NO_FEATURES)
    assert tuned.levels < 0.6 * float((G(codes).image.clamp(-1, 1) - image).abs().mean() * 127.5)
    assert all(torch.equal(before[name], tensor) for name, tensor in G.state_dict().items())
    assert not any(name.startswith("mapping.") for name in tuned.difference)


def test_locality_keeps_other_faces(G, other_face):
    codes, image = other_face
    others = G.layout.to_w_plus(G.mapping(G.sample_z(4, seed=300)))

    def change(locality):
        tuned = tune(G, codes, image, steps=15, locality=locality, **NO_FEATURES)
        return float((tuned.generator(others).image - G(others).image).abs().mean())

    assert change(50.0) < 0.85 * change(0.0)


def test_difference_file_gives_tuned_generator_back(G, other_face, tmp_path):
    codes, image = other_face
    face = Session(G, seed=21)
    path = face.save(tmp_path / "mine")
    tuned = tune(G, codes, image, steps=3, **NO_FEATURES)
    beside = save_difference(G, tuned.difference, difference_path(path))
    assert beside.stat().st_size < 2.2 * sum(p.numel() for p in G.parameters())
    opened = open_face(G, path)
    assert torch.equal(opened.render().image, Session(tuned.generator, seed=21).render().image)
    assert not torch.equal(opened.render().image, face.render().image)
    beside.unlink()
    assert torch.equal(open_face(G, path).render().image, face.render().image)


def test_difference_of_another_model_raises(G, other_face, tmp_path):
    beside = save_difference(G, tune(G, *other_face, steps=1, **NO_FEATURES).difference, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="another model"):
        load_tuned(build_generator(G.config), beside)
    with pytest.raises(UserError, match="x.safetensors"):
        save_difference(G, {}, beside)


def test_interrupted_tuning_returns_best_so_far(G, other_face):
    def stop(record):
        if record["step"] == 3:
            raise KeyboardInterrupt

    tuned = tune(G, *other_face, steps=50, on_step=stop, **NO_FEATURES)
    assert tuned.interrupted and len(tuned.history) == 3 and tuned.difference


# --- what it is for ------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_parts_beat_w_plus_after_hair_swap(G):
    """On validation heads with other hair: the rest of the mask agrees better with the true one."""
    heads = open_dataset("heads", size=32, split="val")
    image, truth = heads.image_batch(range(6)), heads.masks[:6].long()
    donor = G.layout.to_w_plus(G.mapping(G.sample_z(6, seed=100)))
    hair, address = G.config.part_id("hair"), G.layout["hair"]

    def after_swap(space):
        codes = project(G, image, truth, space, steps=40, **NO_FEATURES).codes
        edited = codes.clone()
        edited[:, address] = donor[:, address]
        ids, before = G(edited).mask.argmax(1), G(codes).mask.argmax(1)
        rest = (ids != hair) & (truth != hair) & (before != hair)
        return float((ids == truth)[rest].float().mean())

    assert after_swap("parts") > after_swap("w+") + 0.02


@pytest.mark.slow
def test_published_configuration_takes_a_step():
    """The 512-pixel model with random weights: one step of the descent in every code."""
    torch.manual_seed(0)
    large = build_generator(preset("paper512")).eval().requires_grad_(False)
    large.update_mean_w(64)
    image, ids = torch.zeros(1, 3, 512, 512), torch.zeros(1, 512, 512, dtype=torch.long)
    ids[:, 100:400, 150:350] = 1
    projector = Projector(large, image, ids, "parts", ProjectOptions(steps=1))
    before = projector.u.detach().clone()
    record = projector.step()
    assert record["loss"] > 0 and projector.codes.shape == (1, 28, 512)
    assert (projector.u != before).any(2).sum() > 0.5 * 28
