"""Training in phases: reconstruct, game, grow. Each works, stops, resumes bit for bit, and can be switched off."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ssgan_lite.config import ModelConfig, TrainConfig, preset, recipe
from ssgan_lite.data import open_dataset
from ssgan_lite.device import Speed
from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.model.encoder import FEATURES, Encoder, Posterior, pool_features, pool_mask
from ssgan_lite.train import RunOptions, Trainer, losses, train
from ssgan_lite.train import feature_cache as caching
from ssgan_lite.train import reconstruct as rec
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.feature_cache import open_cache
from ssgan_lite.train.frozen_discriminator import (
    FrozenDiscriminator,
    harden,
    hinge_discriminator_loss,
    hinge_generator_loss,
    jitter,
)
from ssgan_lite.train.log import read_log
from ssgan_lite.train.networks import load_networks, save_networks
from ssgan_lite.weights import load_encoder, load_pretrained

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

TINY = preset("nano32").replace(local_channels=8, feature_channels=8, render_channels=(8, 8, 8),
                                discriminator_channels=(4, 4, 8, 8), style_dim=16, mapping_layers=2)
# Four steps of reconstruct and four of the game, which has R1 in the first and third, reconstruction in the same.
CONFIG = recipe("nano32").replace(images=32, batch=4, reconstruct_images=16, r1_every=2)
TIMES = {"seconds", "images_per_second"}


def run(out: Path, images: int = 32, on_log=None, config: TrainConfig = CONFIG, model: ModelConfig = TINY,
        **options) -> Trainer:
    intervals = dict(log_every=8, sample_every=0, checkpoint_every=4, snapshots="none", keep_checkpoints=99)
    options = intervals | options
    return train(RunOptions(out=out, quiet=True, **options), config.replace(images=images), on_log, model)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_data) -> Path:
    out = tmp_path_factory.mktemp("phases") / "whole"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSGAN_DATA", str(tiny_data))
        run(out)
    torch.set_num_threads(threads)
    return out


def assert_same_state(ours, theirs, where: str = "") -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same_state(ours[key], theirs[key], f"{where}/{key}")
    elif isinstance(theirs, torch.Tensor):
        assert torch.equal(ours.nan_to_num(), theirs.nan_to_num()), where
    elif isinstance(theirs, list):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_state(a, b, f"{where}/{i}")
    elif not where.endswith("seconds"):
        assert ours == theirs, where


# ------------------------------------------------------------------------------------------------- terms of the loss

def test_class_weights_balance_areas() -> None:
    weights = losses.class_weights(torch.tensor([0.64, 0.32, 0.04, 0.0]))
    assert (weights * torch.tensor([0.64, 0.32, 0.04, 0.0])).sum() == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(4), "the root of the ratio of areas"
    assert weights[3] / weights[0] == pytest.approx(80), "an absent part counts as one of 0.0001"


def test_score_loss_weighs_pixels_by_their_part() -> None:
    mask = torch.tensor([[[[1.0, -1.0]], [[-1.0, 1.0]]]])                          # two pixels: part 0, part 1
    scores = mask.clone()
    scores[0, 0, 0, 0], scores[0, 0, 0, 1] = 2.0, 1.0                              # errors 1 and 2
    assert rec.score_loss(scores, mask, torch.tensor([3.0, 5.0])).item() == pytest.approx((3 * 1 + 5 * 4) / 4)


def test_depth_loss_is_balanced_cross_entropy() -> None:
    depths = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    mask = torch.tensor([[1.0, 1.0, 1.0, -1.0], [-1.0, -1.0, -1.0, 1.0]]).view(1, 2, 2, 2)
    log = torch.log_softmax(torch.tensor([0.0, 1.0]), 0)
    expected = -(2 * 0.75 * log[0] + 7 * 0.25 * log[1])
    assert rec.depth_loss(depths, mask, torch.tensor([2.0, 7.0])).item() == pytest.approx(expected.item())


def test_kl_divergence_is_that_of_torch() -> None:
    posterior = Posterior(torch.randn(5, 3), torch.randn(5, 3))
    normal = torch.distributions.Normal
    theirs = torch.distributions.kl_divergence(normal(posterior.mean, (posterior.log_variance / 2).exp()),
                                               normal(0.0, 1.0)).sum(1).mean()
    assert rec.kl_divergence(posterior).item() == pytest.approx(theirs.item(), rel=1e-5)
    assert rec.kl_divergence(Posterior(torch.zeros(2, 3), torch.zeros(2, 3))) == 0


def test_shift_loss_sees_what_all_pictures_share() -> None:
    spread = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert rec.shift_loss(Posterior(spread, torch.zeros(2, 2))) == 0
    assert rec.shift_loss(Posterior(spread + torch.tensor([0.0, 3.0]), torch.zeros(2, 2))) == 9


def test_feature_loss_compares_directions() -> None:
    a, b = ([torch.randn(2, c, s, s) for c, s in ((3, 4), (5, 2))] for _ in "ab")
    units = caching.unit_maps
    assert rec.feature_loss(units(a), units([3 * x for x in a])).item() == pytest.approx(0, abs=1e-6)
    assert rec.feature_loss(units(a), units([-x for x in a])).item() == pytest.approx(4, rel=1e-5)
    cosines = [torch.cosine_similarity(x, y, dim=1).mean() for x, y in zip(a, b, strict=True)]
    assert rec.feature_loss(units(a), units(b)).item() == pytest.approx(2 - 2 * sum(cosines).item() / 2, rel=1e-4)


def test_hinge_losses() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.25])
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.25) / 2)
    assert hinge_generator_loss(fake).item() == pytest.approx(1.375)


def test_hardened_mask_is_one_hot_with_gradient() -> None:
    scores = torch.randn(2, 5, 4, 4).requires_grad_()
    hard = harden(scores)
    assert set(hard.detach().unique().tolist()) <= {-1.0, 1.0} or (hard.detach().abs() - 1).abs().max() < 1e-6
    assert torch.equal(hard.argmax(1), scores.argmax(1))
    (hard * torch.randn_like(hard)).sum().backward()
    assert scores.grad.abs().max() > 0


def test_jitter_moves_image_and_mask_together() -> None:
    image = torch.arange(64.0).view(1, 1, 8, 8).expand(2, 3, 8, 8) / 64
    mask = torch.arange(64.0).view(1, 1, 8, 8).expand(2, 2, 8, 8) / 64
    nothing = torch.full((2, 4), 0.5)
    same, mask_same = jitter(image, mask, nothing)
    torch.testing.assert_close(same, image)
    assert torch.equal(mask_same, mask)
    moved, mask_moved = jitter(image, mask, torch.tensor([[0.5, 0.5, 0.0, 0.99]] * 2))
    assert torch.equal(mask_moved[0, 0, :7, 1:], mask[0, 0, 1:, :7]), "left by one, down by one"
    torch.testing.assert_close(moved[:, :2], mask_moved)
    bright, kept = jitter(image, mask, torch.tensor([[1.0, 0.5, 0.5, 0.5]] * 2))
    torch.testing.assert_close(bright, image + 0.2)
    assert torch.equal(kept, mask)


# ------------------------------------------------------------------------------------------------ encoder and cache

def test_encoder_is_small_and_begins_with_small_variance() -> None:
    encoder = Encoder(preset("lite64"))
    assert sum(x.numel() for x in encoder.state_dict().values()) < 1_000_000, "2 MB in half precision"
    posterior = encoder(torch.randn(3, FEATURES), torch.randn(3, 13 * 64))
    assert posterior.mean.shape == posterior.log_variance.shape == (3, 128)
    assert (posterior.log_variance == -2).all()
    noise = torch.randn(3, 128)
    torch.testing.assert_close(posterior.sample(noise), posterior.mean + math.exp(-1) * noise)


def test_cache_holds_what_the_network_says(tmp_path: Path) -> None:
    data, frozen = open_dataset("heads", 32), FrozenFeatures()
    cache = open_cache(data, frozen)
    assert "MB in" in repr(cache) and cache.path.is_file()
    indices, flip = torch.tensor([3, 7]), torch.tensor([False, True])
    with torch.no_grad():
        maps, plain = frozen(data.image_batch(indices, flip)), frozen(data.image_batch(indices))
    torch.testing.assert_close(cache.features(indices, flip), pool_features(maps), rtol=2e-3, atol=2e-3)
    for ours, theirs in zip(cache.maps(indices), caching.unit_maps(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.6 / caching.LEVELS)


def test_cache_of_other_data_is_not_used(tmp_path: Path) -> None:
    data, frozen = open_dataset("heads", 32), FrozenFeatures()
    path = open_cache(data, frozen).path
    other = dataclasses.replace(data, images=255 - data.images)
    assert open_cache(other, frozen).path != path
    assert open_cache(data.subset(range(4)), frozen).path != path


def test_damaged_cache_is_made_anew(monkeypatch) -> None:
    data, frozen = open_dataset("heads", 32), FrozenFeatures()
    whole = open_cache(data, frozen)
    expected = np.array(whole.rows["features"])
    del whole.rows
    whole.path.write_bytes(whole.path.read_bytes()[:1000])
    assert np.array_equal(open_cache(data, frozen).rows["features"], expected)
    stamp = whole.path.stat().st_mtime_ns
    open_cache(data, frozen)
    assert whole.path.stat().st_mtime_ns == stamp, "a whole one is used as it is"


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cache of features takes .*MB.*XDG_CACHE_HOME"):
        open_cache(open_dataset("heads", 32), FrozenFeatures())


# --------------------------------------------------------------------------------------------------- the phases

def changed(trainer: Trainer, action) -> set[str]:
    before = {name: [p.detach().clone() for p in network.parameters()] for name, network in trainer.networks.items()}
    action()
    return {name for name, network in trainer.networks.items()
            if not all(torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))}


def new_trainer(model: ModelConfig = TINY, **changes) -> Trainer:
    return Trainer(model, CONFIG.replace(**changes), open_dataset("heads", model.size))


@pytest.mark.parametrize("architecture", ["semantic", "monolithic"])
def test_each_phase_moves_its_networks(architecture: str) -> None:
    trainer = new_trainer(TINY.replace(architecture=architecture))
    assert trainer.phase == "reconstruct"
    assert changed(trainer, trainer.step) == {"G", "G_ema", "encoder"}
    trainer.steps = 4
    assert trainer.phase == "game"
    assert changed(trainer, trainer.step) == {"G", "D", "G_ema", "frozen_D", "encoder"}
    assert changed(trainer, trainer.step) == {"G", "D", "G_ema", "frozen_D"}, "no reconstruction in the odd steps"


@pytest.mark.parametrize("changes, moved, absent", [
    (dict(reconstruct_images=0, reconstruct_every=0), {"G", "G_ema", "D", "frozen_D"}, {"pixel_loss", "kl"}),
    (dict(reconstruct_images=0, frozen_weight=0), {"G", "G_ema", "D", "encoder"}, {"frozen_d_loss"}),
    (dict(reconstruct_images=0, dual_weight=0), {"G", "G_ema", "frozen_D", "encoder"}, {"d_loss", "r1_image"}),
    (dict(reconstruct_images=0, reconstruct_every=0, frozen_weight=0), {"G", "G_ema", "D"}, {"kl", "frozen_d_loss"}),
])
def test_every_term_can_be_switched_off(changes, moved, absent) -> None:
    trainer, stats = new_trainer(**changes), {}
    assert changed(trainer, lambda: stats.update(trainer.step())) == moved
    assert not absent & stats.keys()
    assert all(value.isfinite() for value in stats.values())


@pytest.mark.parametrize("term", ["pixel", "feature", "score", "depth", "coarse", "kl", "shift"])
def test_reconstruction_loss_is_weighted_sum(term: str) -> None:
    """With all other weights at 0 the loss is this term, times its weight."""
    weights = {f"{name}_weight": 0.0 for name in ("pixel", "feature", "score", "depth", "coarse", "kl", "shift")}
    trainer, found = new_trainer(**weights | {f"{term}_weight": 3.0}), []
    trainer._update = lambda optimizers, loss: found.append(loss.item())
    stats = trainer.step()
    assert found == [pytest.approx(3 * stats[term if term == "kl" else f"{term}_loss"].item(), rel=1e-5)]


def test_shift_term_brings_the_codes_back() -> None:
    """The encoder's z, moved away from 0 as a whole, come back with the term, and hardly without it."""
    shifts = {}
    for weight in (0.0, 10.0):
        trainer = new_trainer(shift_weight=weight, kl_weight=0.0, encoder_lr=0.003)
        with torch.no_grad():
            trainer.encoder.mean.bias += 1
        shifts[weight] = []
        for _ in range(9):
            shifts[weight].append(rec.shift_loss(trainer.encoder(*rec.draw_many(trainer))).item())
            rec.reconstruct_step(trainer)
            trainer.steps += 1
    assert shifts[10.0][-1] < 0.3 * shifts[10.0][0] and shifts[0.0][-1] > 0.7 * shifts[0.0][0]


def test_mean_of_z_is_taken_over_other_faces_in_every_step() -> None:
    trainer = new_trainer(shift_weight=1.0)
    first, again = (rec.draw_many(trainer) for _ in range(2))
    assert first[0].shape == (rec.SHIFT_FACES, FEATURES) and first[1].shape == (rec.SHIFT_FACES, 13 * 64)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True)), "a step can be repeated"
    trainer.steps += 1
    assert not any(torch.equal(a, b) for a, b in zip(first, rec.draw_many(trainer), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("steps, phase", [(0, "reconstruct"), (4, "game")])
def test_bf16_phases_are_finite_and_start_like_float32(steps: int, phase: str) -> None:
    exact, rounded = (Trainer(TINY, CONFIG, open_dataset("heads", 32), speed=Speed(precision))
                      for precision in ("fp32", "bf16"))
    exact.steps = rounded.steps = steps
    assert exact.phase == phase
    first = exact.step(), rounded.step()
    assert first[0].keys() == first[1].keys()
    for name, value in first[0].items():
        tolerance = dict(abs=0.5) if name == "real_sign" else dict(rel=0.05, abs=0.02)       # of four samples
        assert first[1][name].item() == pytest.approx(value.item(), **tolerance), name
    assert any(first[1][name] != value for name, value in first[0].items()), "bf16 rounds somewhere"
    for _ in range(3):
        assert all(value.isfinite() for value in rounded.step().values())
    rounded.require_finite()
    assert all(p.dtype == torch.float32 for network in rounded.networks.values() for p in network.parameters())


def test_mask_branch_off_hides_masks_from_both_discriminators() -> None:
    trainer = new_trainer(TINY.replace(mask_branch=False), reconstruct_images=0)
    assert trainer.D.mask_tower is None
    assert all(head.from_mask is None for head in trainer.frozen_D.heads)
    trainer.step()


def test_average_begins_anew_with_the_game() -> None:
    trainer = new_trainer()
    for _ in range(4):
        trainer.step()
    assert not torch.equal(trainer.G_ema.local.weight, trainer.G.local.weight)
    trainer.step()
    torch.testing.assert_close(trainer.G_ema.local.weight, trainer.G.local.weight, atol=1e-4, rtol=1e-4)


def test_spectral_norms_move_once_a_step() -> None:
    D = FrozenDiscriminator(13)
    maps = [torch.randn(2, c, s, s) for c, s in zip(FrozenFeatures.CHANNELS, FrozenFeatures.SIZES, strict=True)]
    mask = torch.randn(2, 13, 32, 32)
    first = D(maps, mask)
    assert first.shape == (2, 4) and torch.equal(D(maps, mask), first)
    D.update_norms()
    assert not torch.equal(D(maps, mask), first)
    for _ in range(100):
        D.update_norms()
    for name, module in D.heads.named_modules():
        if hasattr(module, "parametrizations"):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02), name


@pytest.mark.slow
def test_log_names_phases(whole: Path) -> None:
    lines = read_log(whole / "log.jsonl")
    assert [line["phase"] for line in lines] == ["reconstruct", "reconstruct", "game", "game"]
    assert "kl" in lines[0] and "d_loss" not in lines[0] and {"d_loss", "frozen_d_loss", "kl"} <= lines[2].keys()


def test_encoder_lies_beside_the_weights(whole: Path) -> None:
    encoder = load_encoder(whole / "weights.safetensors")
    assert not encoder.training and encoder.record["images"] == 32
    data, frozen = open_dataset("heads", 32), FrozenFeatures()
    image, mask = data.batch([0, 1])
    z = encoder(pool_features(frozen(image)), pool_mask(mask)).mean
    G = load_pretrained(whole / "weights.safetensors")
    assert G(G.mapping(z)).image.shape == (2, 3, 32, 32)


def test_encoder_of_another_model_is_refused(whole: Path, tmp_path: Path) -> None:
    run(tmp_path / "other", images=4, model=TINY.replace(style_dim=32))
    for end in ("safetensors", "json"):
        (tmp_path / f"weights.{end}").write_bytes((whole / f"weights.{end}").read_bytes())
        (tmp_path / f"encoder.{end}").write_bytes((tmp_path / "other" / f"encoder.{end}").read_bytes())
    with pytest.raises(UserError, match="encoder of another model"):
        load_encoder(tmp_path / "weights.safetensors")
    (tmp_path / "encoder.safetensors").unlink()
    with pytest.raises(UserError, match="has no encoder"):
        load_encoder(tmp_path / "weights.safetensors")


# ----------------------------------------------------------------------------------------------- going on, growing

@pytest.mark.slow
@pytest.mark.parametrize("stop", [8, 16, 24])
def test_resumed_in_any_phase_gives_the_same_bits(stop: int, whole: Path, tmp_path: Path) -> None:
    """Within reconstruct, at its end, and within the game."""
    run(tmp_path / "run", images=stop)
    trainer = run(tmp_path / "run", resume=True)
    assert trainer.steps == 8
    assert_same_state(read_checkpoint(tmp_path / "run" / "checkpoint.pt"), read_checkpoint(whole / "checkpoint.pt"))
    ours, theirs = ([{k: v for k, v in line.items() if k not in TIMES} for line in read_log(out / "log.jsonl")]
                    for out in (tmp_path / "run", whole))
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("images", [8, 24])
def test_nan_stops_run_in_every_phase(images: int, tmp_path: Path) -> None:
    def spoil(line):
        if line["images"] == images:
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", on_log=spoil)
    path = tmp_path / "run" / "checkpoint.pt"
    state = read_checkpoint(path)
    state["networks"]["encoder"]["mean.bias"][0] = math.nan
    torch.save(state, path)
    with pytest.raises(UserError, match="diverged by step"):
        run(tmp_path / "run", resume=True)


GROWN = TINY.replace(size=64, coarse_size=32, min_feat_size=8, discriminator_size=32)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["semantic", "monolithic"])
def test_model_grows(architecture: str, whole: Path, tmp_path: Path) -> None:
    source = whole
    if architecture == "monolithic":
        source = tmp_path / "small"
        run(source, model=TINY.replace(architecture="monolithic"))
    given = read_checkpoint(source / "checkpoint.pt")["networks"]
    large = GROWN.replace(architecture=architecture)
    trainer = run(tmp_path / "grown", images=8, model=large, start_from=str(source))
    assert trainer.phase == "grow" and trainer.steps == 2 and trainer.config.reconstruct_images == 0
    assert trainer.averaged_before == 16, "images since the small model's game began"
    begun = read_checkpoint(tmp_path / "grown" / "checkpoints" / "000000000.pt")["networks"]
    for name in ("D", "frozen_D", "encoder"):
        assert_same_state(begun[name], given[name])
    for key, value in given["G"].items():
        if "noise_" not in key and key != "render.constant":
            assert torch.equal(begun["G"][key].nan_to_num(), value.nan_to_num()), key
    assert {line["phase"] for line in read_log(tmp_path / "grown" / "log.jsonl")} == {"grow"}
    resumed = run(tmp_path / "grown", images=12, model=large, resume=True,
                  config=CONFIG.replace(reconstruct_images=0))
    assert resumed.phase == "grow" and resumed.steps == 3


def test_weights_alone_can_grow(whole: Path, tmp_path: Path) -> None:
    """Without discriminators the larger model reconstructs first."""
    trainer = run(tmp_path / "grown", images=8, model=GROWN, start_from=str(whole / "weights.safetensors"))
    assert trainer.phase == "reconstruct" and trainer.averaged_before == math.inf


def test_growing_takes_the_same_widths(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot grow into this model of 64 px.*of shape.*lite64 is for lite128"):
        run(tmp_path / "x", model=GROWN.replace(feature_channels=12), start_from=str(whole))
    assert not (tmp_path / "x").exists()


def test_phases_in_impossible_order(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="in the game already.*--reconstruct-images 16"):
        run(tmp_path / "x", images=99, config=CONFIG.replace(reconstruct_images=64), start_from=str(whole))
    with pytest.raises(UserError, match="the game comes before growing"):
        run(tmp_path / "x", model=GROWN, start_from=str(whole / "checkpoints" / "000000008.pt"))
    with pytest.raises(UserError, match="needs a discriminator"):
        CONFIG.replace(dual_weight=0, frozen_weight=0)


def test_paper_networks_lack_an_encoder(tmp_path: Path) -> None:
    paper = recipe("nano32", "paper").replace(batch=4)
    run(tmp_path / "paper", images=8, config=paper)
    assert not (tmp_path / "paper" / "encoder.safetensors").exists()
    with pytest.raises(UserError, match="no encoder.*--recipe paper"):
        run(tmp_path / "x", start_from=str(tmp_path / "paper"))
    with pytest.raises(UserError, match="no encoder.*--reconstruct-images"):
        run(tmp_path / "x", config=CONFIG.replace(reconstruct_images=0),
            start_from=str(tmp_path / "paper" / "weights.safetensors"))


@pytest.mark.slow
def test_networks_hold_all_and_go_on(whole: Path, tmp_path: Path) -> None:
    trainer = new_trainer()
    for _ in range(5):
        trainer.step()
    save_networks(trainer, tmp_path / "place")
    networks = load_networks(tmp_path / "place.safetensors")
    assert set(networks.states) == {"G", "D", "G_ema", "frozen_D", "encoder"} and networks.in_game
    on = run(tmp_path / "on", images=24, start_from=str(tmp_path / "place.safetensors"))
    assert on.steps == 6 and on.phase == "game"
    assert json.loads((tmp_path / "on" / "run.json").read_text())["start_from"] == "place.safetensors"


def test_family_of_presets_agrees() -> None:
    """What grows: lite128 has lite64's shapes, but for the noise planes."""
    from ssgan_lite.model import DualBranchDiscriminator, build_generator

    for architecture in ("semantic", "monolithic"):
        with torch.device("meta"):
            small, large = (preset(name).replace(architecture=architecture) for name in ("lite64", "lite128"))
            for build in (build_generator, DualBranchDiscriminator, Encoder):
                ours, theirs = ({k: v.shape for k, v in build(c).state_dict().items() if "noise_" not in k
                                 and k != "render.constant"} for c in (small, large))
                assert ours == theirs
