"""Fine-tuning: what is frozen stays, bit for bit, and everything else about a run goes on as before."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from processes import finish, start
from ssgan_lite import preset
from ssgan_lite.cli import main
from ssgan_lite.config import FREEZES, TrainConfig, recipe
from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.model import blend, build_generator
from ssgan_lite.model.sections import ALL, section, section_names
from ssgan_lite.train import RunOptions, Trainer, losses, train, watch
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.grow import begin, plan_beginning
from ssgan_lite.train.log import read_log
from ssgan_lite.train.networks import load_networks, networks_of, save_networks
from ssgan_lite.train.watch import feature_distance, mask_agreement, verdict

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

TINY = preset("nano32").replace(local_channels=8, feature_channels=8, render_channels=(8, 8, 8),
                                discriminator_channels=(4, 4, 8, 8), style_dim=16, mapping_layers=2)
# In four steps: R1, path length, mixing, reconstruction, the game with both discriminators.
CONFIG = recipe("nano32").replace(images=16, batch=4, reconstruct_images=0, r1_every=2, path_weight=0.5, path_every=2,
                                  mixing=0.5)


@pytest.fixture(scope="module")
def source(tmp_path_factory, tiny_data) -> Path:
    """All networks of a run; the average differs from the trained generator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSGAN_DATA", str(tiny_data))
        trainer = Trainer(TINY, CONFIG, open_dataset("heads", 32))
        for _ in range(2):
            trainer.step()
    path = tmp_path_factory.mktemp("source") / "source.safetensors"
    save_networks(trainer, path)
    return path


def tuned(source: Path, freeze: str, steps: int = 4, **options) -> Trainer:
    networks = load_networks(source)
    trainer = Trainer.from_networks(networks, open_dataset("heads", 32), CONFIG.replace(freeze=freeze), **options)
    for _ in range(steps):
        trainer.step()
    return trainer


# ------------------------------------------------------------------------------------------------------- sections

def test_sections_cover_the_generator_once() -> None:
    generator = build_generator(TINY)
    counts = {name: torch.zeros_like(tensor) for name, tensor in generator.state_dict().items() if name != "mean_w"}
    for name in ("mapping", "shape", "texture", "render"):
        for key, layers in section(generator, name).items():
            (counts[key] if layers == ALL else counts[key][:, layers]).add_(1)
    assert all((count == 1).all() for count in counts.values())
    stages = [name for name in section_names(generator) if name.startswith("render_")]
    assert len(stages) == TINY.render_stages
    assert {key for name in stages for key in section(generator, name)} == set(section(generator, "render"))
    assert set(section(generator, "local")) == set(section(generator, "shape")) | set(section(generator, "texture"))


@pytest.mark.parametrize("depth", [0, TINY.local_layers])
def test_sections_where_one_has_no_layers(depth: int) -> None:
    generator = build_generator(TINY.replace(depth_layers=depth, base_layers=0))
    with_layers, without = ("texture", "shape") if depth == 0 else ("shape", "texture")
    assert section(generator, with_layers)["local.weight"] == ALL
    assert "local.weight" not in section(generator, without)


def test_unknown_section_is_refused() -> None:
    with pytest.raises(UserError, match='"textures".*"texture"'):
        section(build_generator(TINY), "textures")
    with pytest.raises(UserError, match="monolithic"):
        section(build_generator(TINY.replace(architecture="monolithic")), "render")


# --------------------------------------------------------------------------------------------------------- frozen

@pytest.mark.parametrize("freeze", ["local", "shape", "render"])
def test_frozen_weights_are_those_of_the_given_average(freeze: str, source: Path) -> None:
    trainer, given = tuned(source, freeze), load_networks(source).states
    frozen = section(trainer.G, freeze)
    for network in (trainer.G, trainer.G_ema):
        for name, tensor in network.state_dict().items():
            before = given["G_ema"][name]
            if name in frozen and (layers := frozen[name]) != ALL:
                assert torch.equal(tensor[:, layers], before[:, layers]), name
                assert not torch.equal(tensor[:, layers.stop:], before[:, layers.stop:]), name
            elif name in frozen:
                assert torch.equal(tensor, before), name
    others = [name for name, _ in trainer.G.named_parameters() if name not in frozen]
    moved = [name for name in others if not torch.equal(trainer.G.state_dict()[name], given["G"][name])]
    assert len(moved) > 0.9 * len(others), "what is not frozen learns"


def test_frozen_weights_get_no_gradient_and_no_optimizer_state(source: Path) -> None:
    sizes = {}
    for freeze in FREEZES:
        trainer = tuned(source, freeze, steps=1)
        frozen = section(trainer.G, freeze) if freeze != "none" else {}
        for name, weight in trainer.G.named_parameters():
            assert name not in frozen or weight.grad is None, name
            assert name not in frozen or frozen[name] != ALL or not weight.requires_grad, name
        for optimizer in (trainer.optimizers["g"], trainer.optimizers["reconstruct"]):
            held = sum(state["exp_avg_sq"].numel() for state in optimizer.state.values())
            left = sum(weight.numel() if frozen.get(name) is None else
                       0 if frozen[name] == ALL else weight[:, frozen[name].stop:].numel()
                       for name, weight in trainer.G.named_parameters())
            assert held <= left < sum(weight.numel() for weight in trainer.G.parameters()) + (freeze == "none")
            sizes[freeze] = held
    assert sizes["local"] < sizes["shape"] < sizes["none"] and sizes["render"] < sizes["none"]


def test_learned_layers_move_as_without_freezing(source: Path) -> None:
    """The first step of Adam depends on a weight's own gradient alone: freezing others must not change it."""
    config = CONFIG.replace(path_weight=0.0, reconstruct_every=0)
    both = []
    for freeze in ("none", "shape"):
        networks = load_networks(source)
        networks.states["G"] = networks.states["G_ema"]
        trainer = Trainer.from_networks(networks, open_dataset("heads", 32), config.replace(freeze=freeze))
        trainer.step()
        both.append(trainer.G.local.weight[:, TINY.depth_layers:])
    assert torch.equal(*both)


def test_monolithic_baseline_has_nothing_to_freeze() -> None:
    with pytest.raises(UserError, match="monolithic"):
        Trainer(TINY.replace(architecture="monolithic"), CONFIG.replace(freeze="render"), open_dataset("heads", 32))


# ----------------------------------------------------------------------------------------------------------- runs

def run(out: Path, images: int, config: TrainConfig, model=TINY, **options) -> Trainer:
    options = dict(log_every=4, sample_every=0, checkpoint_every=4, snapshots="none") | options
    return train(RunOptions(out=out, quiet=True, device="cpu", **options), config.replace(images=images), None, model)



def assert_same(ours, theirs, where: str = "") -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}/{key}")
    elif isinstance(theirs, torch.Tensor):
        assert torch.equal(ours.nan_to_num(), theirs.nan_to_num()), where
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{where}/{i}")


def test_frozen_run_resumes_bit_for_bit(source: Path, tmp_path: Path) -> None:
    config = CONFIG.replace(freeze="shape")
    run(tmp_path / "whole", 24, config, start_from=str(source), keep_state=str(tmp_path / "state.safetensors"))
    run(tmp_path / "halves", 16, config, start_from=str(source))
    run(tmp_path / "halves", 24, config, resume=True)
    ours, theirs = (read_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("halves", "whole"))
    for key in ("networks", "optimizers", "path_mean", "steps"):
        assert_same(ours[key], theirs[key], key)
    kept = load_networks(tmp_path / "state.safetensors")
    assert kept.config.freeze == "shape" and kept.images == 24
    with pytest.raises(UserError, match="freeze"):
        run(tmp_path / "halves", 32, CONFIG, resume=True)


def test_freezing_needs_something_to_begin_with(tmp_path: Path, capsys) -> None:
    with pytest.raises(UserError, match="--start-from"):
        run(tmp_path / "run", 16, CONFIG.replace(freeze="local"))
    words = ["train", "--out", str(tmp_path / "run"), "--start-from", "lite64", "--freeze", "shapes"]
    assert main(words) == 2
    assert '"shapes"' in (said := capsys.readouterr().err) and '"shape"' in said
    assert list(tmp_path.iterdir()) == []


def test_source_of_another_kind_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--architecture semantic"):
        run(tmp_path / "run", 16, CONFIG, TINY.replace(architecture="monolithic"), start_from=str(source))
    assert list(tmp_path.iterdir()) == []
    larger = dataclasses.replace(load_networks(source), model=preset("lite64"))
    with pytest.raises(UserError, match="makes 64-pixel images and the run's model 32-pixel"):
        plan_beginning(larger, TINY, CONFIG)


def in_processes(source: str, freeze: str, out: str) -> None:
    from ssgan_lite.train.distributed import join
    with join(5.0) as processes:
        networks = load_networks(source)
        trainer = Trainer(TINY, CONFIG.replace(freeze=freeze, batch=8), open_dataset("heads", 32),
                          processes=processes)
        begin(trainer, dataclasses.replace(networks, images=0))
        for _ in range(2):
            trainer.step()
        trainer.require_agreement()
        if processes.first:
            torch.save(networks_of(trainer).states["G"], f"{out}/{freeze}-{processes.count}")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="processes are forked")
@pytest.mark.parametrize("freeze", ["shape", "render"])
def test_frozen_weights_in_two_processes(freeze: str, source: Path, tmp_path: Path, tiny_data: Path) -> None:
    assert finish(start(in_processes, str(source), freeze, str(tmp_path), data=tiny_data, count=2,
                        words=tmp_path / "words")) == [0, 0], (tmp_path / "words.0").read_text()
    in_processes(str(source), freeze, str(tmp_path))
    two, one = (torch.load(tmp_path / f"{freeze}-{n}") for n in (2, 1))
    for name in one:
        if name != "mean_w":
            assert torch.allclose(two[name], one[name], rtol=1e-3, atol=1e-4), name
    assert (tmp_path / "words.0").read_text() == ""


# ------------------------------------------------------------------------------------------- data without masks

FINE = recipe("nano32", "fine-tune").replace(images=16, batch=4, r1_every=2, augment_from=8)


def without_masks(n: int = 12):
    return dataclasses.replace(open_dataset("heads", 32).subset(range(n)), masks=None, source="photos")


def test_fine_tuning_without_masks_moves_image_networks_alone(source: Path) -> None:
    networks = dataclasses.replace(load_networks(source), images=0)
    assert "from_mask" in str(networks.states["frozen_D"].keys())
    trainer = Trainer.from_networks(networks, without_masks(), FINE)
    before = {name: weight.clone() for name, weight in trainer.D.named_parameters()}
    stats = [trainer.step() for _ in range(4)]
    assert all("kept_loss" in step and all(value.isfinite() for value in step.values()) for step in stats)
    assert stats[0]["r1_mask"] == 0 < stats[0]["r1_image"]
    now = dict(trainer.D.named_parameters())
    moved = {name.split(".")[0] for name, weight in now.items() if not torch.equal(weight, before[name])}
    assert "image_tower" in moved and "mask_tower" not in moved


def test_masks_of_the_data_are_used_where_there_are_some(source: Path) -> None:
    networks = dataclasses.replace(load_networks(source), images=0)
    trainer = Trainer.from_networks(networks, open_dataset("heads", 32), FINE)
    stats = trainer.step()
    assert "kept_loss" not in stats and stats["r1_mask"] > 0


def test_kept_masks_are_those_of_the_same_codes(source: Path) -> None:
    """Before the first step the trained generator, as given, makes the very masks that are to be kept."""
    networks = dataclasses.replace(load_networks(source), images=0)
    networks.states["G"] = networks.states["G_ema"]
    trainer = Trainer.from_networks(networks, without_masks(), FINE.replace(mixing=0.5))
    for trainer.steps in range(4):
        scores, weights = trainer.masks_before("g")
        assert torch.allclose(trainer.fake("g").mask, scores, atol=1e-5)
        assert not torch.allclose(trainer.fake("d").mask, scores, atol=1e-2)
        assert weights.shape == (13,) and (weights > 0).all()


def test_kept_mask_loss_weighs_by_the_part_before() -> None:
    before = torch.tensor([[[[1.0, -1.0]], [[-1.0, 1.0]]]])                       # part 0 left, part 1 right
    scores = before + torch.tensor([0.5, 1.0])                                    # off by 0.5 left and 1 right
    assert losses.kept_mask_loss(scores, before, torch.tensor([2.0, 3.0])).item() == (2 * 0.25 + 3 * 1.0) / 2
    assert losses.kept_mask_loss(before, before, torch.ones(2)) == 0


def test_training_without_masks_says_how_to_fine_tune(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Reconstruction needs masks.*fine-tune"):
        Trainer(TINY, CONFIG, without_masks())
    with pytest.raises(UserError, match="photos has none.*--recipe fine-tune --start-from"):
        Trainer(TINY, CONFIG.replace(reconstruct_every=0), without_masks())
    with pytest.raises(UserError, match="--keep-weight 1 .*--start-from"):
        run(tmp_path / "run", 16, FINE)


# ------------------------------------------------------------------------------------------ watched while it runs

def test_agreement_of_masks() -> None:
    a = torch.tensor([[[0, 0], [1, 1]]], dtype=torch.uint8)
    assert mask_agreement(a, a, 3) == 1.0, "a part that nobody shows does not count"
    b = torch.tensor([[[0, 1], [1, 1]]], dtype=torch.uint8)
    assert mask_agreement(a, b, 2) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_distance_is_that_of_the_measures() -> None:
    from ssgan_lite.measure.distances import kernel_distance
    x, y = torch.randn(20, 8), torch.randn(30, 8) + 0.5
    assert feature_distance(x, y) == pytest.approx(kernel_distance(x.numpy(), y.numpy(), subsets=2).value, rel=1e-4)


def test_verdict() -> None:
    def looks(*pairs):
        return [dict(agreement=agreement, distance=distance) for agreement, distance in pairs]

    falling = looks((1, 50), (0.9, 40), (0.8, 30), (0.7, 20))
    assert verdict([], 0.5, 3) == verdict(falling, 0.5, 3) == ""
    assert "--stop-agreement" in verdict(falling, 0.75, 3)
    standing = falling + looks((0.7, 20.1), (0.7, 19.9), (0.7, 25))
    assert verdict(standing[:-1], 0.5, 3) == "" and "--stop-patience" in verdict(standing, 0.5, 3)
    assert verdict(standing, 0.0, 0) == ""


def test_watched_run_draws_stops_and_resumes(source: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(watch, "FACES", 8)
    given = str(source)
    ours = dict(start_from=given, watch_every=4, stop_agreement=0.0)
    config = FINE.replace(frozen_weight=0.0, augment_max=0.0, reconstruct_images=0)
    whole = run(tmp_path / "whole", 16, config, stop_patience=0, **ours)
    looks = read_log(tmp_path / "whole" / "watch.jsonl")
    assert [look["images"] for look in looks] == [0, 4, 8, 12, 16], "fine-tuning counts anew"
    assert looks[0]["agreement"] == 1
    with Image.open(tmp_path / "whole" / "watch.png") as picture:
        assert picture.size == (480, 320)
    run(tmp_path / "halves", 8, config, stop_patience=0, **ours)
    run(tmp_path / "halves", 16, config, stop_patience=0, watch_every=4, stop_agreement=0.0, resume=True)
    assert read_log(tmp_path / "halves" / "watch.jsonl") == looks
    assert_same(read_checkpoint(tmp_path / "halves" / "checkpoint.pt")["networks"],
                read_checkpoint(tmp_path / "whole" / "checkpoint.pt")["networks"])
    assert "original" in whole.networks
    monkeypatch.setattr("ssgan_lite.train.watch.mask_agreement", lambda *_: 0.4)
    stopped = train(RunOptions(out=tmp_path / "early", device="cpu", snapshots="none", sample_every=0,
                               **ours | dict(stop_agreement=0.5)), config.replace(images=24), None, TINY)
    assert stopped.images_seen == 0 and "--stop-agreement" in capsys.readouterr().out
    assert (tmp_path / "early" / "weights.safetensors").is_file()
    with pytest.raises(UserError, match="--stop-agreement"):
        run(tmp_path / "wrong", 24, config, **ours | dict(stop_agreement=2.0))
    assert not (tmp_path / "wrong").exists(), "nothing half-written"


# --------------------------------------------------------------------------------------------------------- blended

def two() -> tuple:
    torch.manual_seed(0)
    a, b = build_generator(TINY).eval(), build_generator(TINY).eval()
    a.update_mean_w(100), b.update_mean_w(100)
    return a, b


def test_blend_takes_sections_of_the_other() -> None:
    a, b = two()
    mixed, z = blend(a, b, ["render"]), a.sample_z(2, 0)
    coarse = mixed(mixed.mapping(z)), a(a.mapping(z))
    assert torch.equal(coarse[0].depths, coarse[1].depths) and not torch.equal(coarse[0].image, coarse[1].image)
    assert torch.equal(mixed.render.stages[1].conv.weight, b.render.stages[1].conv.weight)
    everything = blend(a, b, ["mapping", "local", "render"]).state_dict()
    assert all(torch.equal(everything[name], tensor) for name, tensor in b.state_dict().items())
    half = blend(a, b, {"shape": 0.5}).local.weight
    d = TINY.depth_layers
    assert torch.allclose(half[:, :d], (a.local.weight + b.local.weight)[:, :d] / 2, atol=1e-6)
    assert torch.equal(half[:, d:], a.local.weight[:, d:])
    later = blend(a, b, {"render": 1.0, "render_0": 0.0})
    assert torch.equal(later.render.stages[0].up.weight, a.render.stages[0].up.weight)
    assert torch.equal(later.render.stages[1].up.weight, b.render.stages[1].up.weight)


def test_blend_uses_no_weights_prepared_before() -> None:
    a, b = two()
    a.render.prepare()
    z = a.sample_z(1, 3)
    assert torch.allclose(blend(a, b, ["mapping", "local", "render"])(b.mapping(z)).image, b(b.mapping(z)).image)


def test_blend_that_cannot_be() -> None:
    a, b = two()
    with pytest.raises(UserError, match='"rendr".*"render"'):
        blend(a, b, ["rendr"])
    with pytest.raises(UserError, match="0 to 1, not 1.5"):
        blend(a, b, {"render": 1.5})
    with pytest.raises(UserError, match="style_dim is 16 .* 8"):
        blend(a, build_generator(TINY.replace(style_dim=8)), ["render"])
