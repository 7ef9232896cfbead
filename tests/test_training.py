"""Training: the formulas, the numbers of the recipe, and runs that can be stopped at any time without a trace."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import load_pretrained, preset
from ssgan_lite.cli import main
from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.train import RunOptions, TrainConfig, Trainer, game, losses, recipe, train
from ssgan_lite.train.checkpoint import read_checkpoint, save_checkpoint
from ssgan_lite.train.ema import ema_decay, update_ema
from ssgan_lite.train.log import read_log
from ssgan_lite.train.state import lazy_adam
from ssgan_lite.train.streams import shuffled_indices, stream, uniform

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

# Everything that happens in a run happens in these six steps: R1, path length, mixing.
CONFIG = recipe("nano32", "paper").replace(images=24, batch=4, r1_every=2, path_weight=0.5, path_every=3, mixing=0.5)
TIMES = {"seconds", "images_per_second"}


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


# ------------------------------------------------------------------------------------------------------- formulas

def test_logistic_losses() -> None:
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[-2.0], [0.5]])
    expected = (softplus(-2) + softplus(0.5)) / 2 + (softplus(-1) + softplus(-3)) / 2
    assert losses.discriminator_loss(real, fake).item() == pytest.approx(expected)
    assert losses.generator_loss(fake).item() == pytest.approx((softplus(2) + softplus(-0.5)) / 2)


def test_mask_consistency_pools_the_final_mask() -> None:
    mask = torch.arange(16.0).view(1, 1, 4, 4).requires_grad_()
    coarse = torch.tensor([[[[2.5, 4.5], [10.5, 12.0]]]], requires_grad=True)     # the means of the blocks but one
    loss = losses.mask_consistency(coarse, mask)
    assert loss.item() == pytest.approx(0.5**2 / 4)
    loss.backward()
    assert coarse.grad.tolist() == [[[[0, 0], [0, -0.25]]]]
    assert mask.grad[0, 0, 2:, 2:].unique().tolist() == [0.0625]


def test_r1_sums_over_pixels_and_averages_over_the_batch() -> None:
    direction_image, direction_mask = torch.randn(3, 4, 4), torch.randn(5, 4, 4)
    factor = torch.tensor([1.0, 2.0])

    def discriminator(image, mask=None):
        score = (image * direction_image).sum((1, 2, 3)) * factor
        return (score if mask is None else score + (mask * direction_mask).sum((1, 2, 3)))[:, None]

    image, mask = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4)
    r1 = losses.r1_penalty(discriminator, image, mask)
    assert r1.image.item() == pytest.approx(2.5 * direction_image.square().sum().item(), rel=1e-5)
    assert r1.mask.item() == pytest.approx(direction_mask.square().sum().item(), rel=1e-5)
    assert torch.equal(r1.score, discriminator(image, mask))
    alone = losses.r1_penalty(discriminator, image, None)
    assert alone.mask.item() == 0 and alone.image.item() == pytest.approx(r1.image.item())


def test_path_lengths_and_penalty() -> None:
    direction = torch.tensor([3.0, 4.0])

    def generator(codes, noise):                                # one pixel moves by 5 |code| along `direction`
        image = torch.zeros(len(codes), 3, 2, 2)
        image[:, 0, 0, 0] = (codes * direction).sum((1, 2))
        return SimpleNamespace(image=image)

    noise = torch.zeros(2, 3, 2, 2)
    noise[:, 0, 0, 0] = torch.tensor([1.0, -2.0])
    lengths = losses.path_lengths(generator, torch.randn(2, 7, 2), image_noise=noise)
    assert lengths.tolist() == pytest.approx([5, 10])           # a mean over the seven codes, not a sum

    lengths = torch.tensor([1.0, 3.0], requires_grad=True)
    penalty, mean = losses.path_penalty(lengths, torch.tensor(0.0))
    assert mean.item() == pytest.approx(0.02) and not mean.requires_grad
    assert penalty.item() == pytest.approx((0.98**2 + 2.98**2) / 2)
    penalty.backward()          # through the share of the mean that the lengths themselves have
    assert lengths.grad.tolist() == pytest.approx([0.98 * 0.995 - 2.98 * 0.005, 2.98 * 0.995 - 0.98 * 0.005])


@pytest.mark.parametrize("every, lr, beta2", [(4, 0.0016, 0.991992), (16, 0.00188235, 0.990585), (None, 0.002, 0.99)])
def test_lazy_adam(every, lr, beta2) -> None:
    settings = lazy_adam([torch.nn.Parameter(torch.zeros(1))], TrainConfig(), every).param_groups[0]
    assert settings["lr"] == pytest.approx(lr, rel=1e-5)
    assert settings["betas"] == (0.0, pytest.approx(beta2, rel=1e-6)) and type(settings["betas"][0]) is float


def test_adam_is_corrected_for_regularizers_in_use() -> None:
    def rates(**changes):
        trainer = Trainer(preset("nano32"), TrainConfig(batch=4, **changes), open_dataset("heads", 32))
        return [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers.values()]
    assert rates() == pytest.approx([0.002, 0.002 * 16 / 17])
    assert rates(path_weight=2.0, r1_every=4) == pytest.approx([0.0016, 0.0016])


def test_ema_decay_is_a_half_life() -> None:
    assert ema_decay(100, 10**6, half_life=1000, share=1.0) ** 10 == pytest.approx(0.5)
    assert ema_decay(32, 10**6, half_life=10_000, share=0.05) == pytest.approx(0.9977844)     # the published number
    assert ema_decay(100, 2000, half_life=10_000, share=0.05) == pytest.approx(0.5)       # early: a share of it
    assert ema_decay(32, 32, half_life=0, share=0.05) == 0


def test_ema_averages_parameters_and_copies_buffers() -> None:
    average, model = SemanticGenerator(preset("nano32")), SemanticGenerator(preset("nano32"))
    before, now = average.local.weight.clone(), model.local.weight.clone()
    update_ema(average, model, 0.9)
    torch.testing.assert_close(average.local.weight, 0.9 * before + 0.1 * now)
    assert torch.equal(model.local.weight, now)
    assert all(torch.equal(a, b) for a, b in zip(average.render.stored_noise, model.render.stored_noise))
    assert average.render.noise_0.data_ptr() != model.render.noise_0.data_ptr()


# ------------------------------------------------------------------------------------------------- random numbers

def test_random_numbers_depend_on_address_only() -> None:
    def draw(*address):
        return torch.randn(50, generator=stream(*address)).tolist()
    first = draw(0, 7, "z")
    draw(0, 8, "z")
    assert draw(0, 7, "z") == first
    others = [draw(1, 7, "z"), draw(0, 8, "z"), draw(0, 7, "noise"), draw(0, "7/z")]
    assert all(other != first for other in others[:3])
    numbers = [uniform(0, step, "mix?") for step in range(2000)]
    assert 0 <= min(numbers) and max(numbers) < 1 and sum(numbers) / 2000 == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("n, batch", [(15, 4), (7, 7), (3, 8), (10, 1)])
def test_every_epoch_shows_each_face_once(n, batch) -> None:
    drawn = torch.cat([shuffled_indices(5, n, start, batch) for start in range(0, 8 * n * batch, batch)])
    epochs = drawn[:len(drawn) // n * n].view(-1, n)
    assert (epochs.sort(dim=1).values == torch.arange(n)).all()
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1, "every epoch has the same order"
    assert torch.equal(shuffled_indices(5, n, 3 * batch, batch), drawn[3 * batch:4 * batch])


# -------------------------------------------------------------------------------------------------------- trainer

def new_trainer(**changes) -> Trainer:
    return Trainer(preset("nano32"), CONFIG.replace(**changes), open_dataset("heads", 32))


def changed(trainer: Trainer, action) -> set[str]:
    """Which of the networks an action changes."""
    before = {name: [p.detach().clone() for p in getattr(trainer, name).parameters()] for name in ("G", "D", "G_ema")}
    action()
    return {name for name, weights in before.items()
            if not all(torch.equal(a, b) for a, b in zip(weights, getattr(trainer, name).parameters()))}


def test_each_objective_updates_its_network() -> None:
    trainer = new_trainer()
    image, mask = trainer.draw_real()
    assert image.shape == (4, 3, 32, 32) and mask.shape == (4, 13, 32, 32)
    fake = trainer.fake("d")
    assert changed(trainer, lambda: game.discriminator_step(trainer, (image, mask), fake)) == {"D"}
    assert changed(trainer, lambda: game.r1_step(trainer, image, mask)) == {"D"}
    assert changed(trainer, lambda: game.generator_step(trainer)) == {"G"}
    assert changed(trainer, lambda: game.path_step(trainer)) == {"G"}
    assert changed(trainer, trainer.step) == {"G", "D", "G_ema"}
    assert trainer.steps == 1 and trainer.images_seen == 4


def test_step_returns_statistics_of_what_it_did() -> None:
    trainer = new_trainer()
    always = {"d_loss", "real_score", "fake_score", "real_sign", "g_loss", "mask_loss"}
    extra = {0: {"r1_image", "r1_mask", "path_penalty", "path_length"}, 1: set(), 2: {"r1_image", "r1_mask"},
             3: {"path_penalty", "path_length"}}
    for step in range(4):
        stats = trainer.step()
        assert set(stats) == always | extra[step]
        assert all(value.numel() == 1 and not value.requires_grad for value in stats.values())


def test_mixing_happens_in_its_share_of_batches() -> None:
    trainer = new_trainer(mixing=0.3)
    mixed = 0
    for trainer.steps in range(300):
        mixed += trainer.draw_codes(1, "g").ndim == 3
    assert 60 < mixed < 120
    assert all(new_trainer(mixing=share).draw_codes(2, "g").ndim == n for share, n in ((0.0, 2), (1.0, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["semantic", "monolithic"])
def test_two_threads_are_deterministic(architecture: str) -> None:
    """Sums that are added up in the order in which the threads come differ from run to run, in the last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = preset("nano32").replace(architecture=architecture)
        runs = [Trainer(model, CONFIG.replace(batch=8), open_dataset("heads", 32)) for _ in range(3)]
        for trainer in runs:
            for _ in range(3):
                trainer.step()
        for trainer in runs[1:]:
            assert_identical(dict(trainer.G.state_dict()), dict(runs[0].G.state_dict()))
            assert_identical(dict(trainer.D.state_dict()), dict(runs[0].D.state_dict()))
    finally:
        torch.set_num_threads(threads)


def test_average_has_no_stale_cached_weights() -> None:
    """Weights prepared for speed must not outlive the next step."""
    trainer = new_trainer()
    z = trainer.G_ema.sample_z(2, 0)
    with torch.no_grad():
        for _ in range(3):
            trainer.G_ema(trainer.G_ema.mapping(z))
            with torch.enable_grad():
                trainer.step()
        used = trainer.G_ema(trainer.G_ema.mapping(z)).image
        fresh = SemanticGenerator(preset("nano32")).eval()
        fresh.load_state_dict(trainer.G_ema.state_dict())
        torch.testing.assert_close(used, fresh(fresh.mapping(z)).image)


def test_bad_training_input_is_refused() -> None:
    with pytest.raises(UserError, match="32-pixel images, the data are 64 pixels"):
        Trainer(preset("nano32"), CONFIG, open_dataset("heads", 64))
    with pytest.raises(UserError, match="holds no faces"):
        Trainer(preset("nano32"), CONFIG, open_dataset("heads", 32).subset([]))
    for wrong, message in ((dict(batch=6), "6 cannot be split into groups of 4"), (dict(batch=0), "batch of 0"),
                           (dict(lr=-1.0), "lr must be above 0"), (dict(lr=float("nan")), "lr must"),
                           (dict(mixing=1.5), "mixing"), (dict(r1_mask=-1.0), "r1_mask must not be negative"),
                           (dict(r1_every=0), "r1_every must be at least 1"), (dict(images=0), "images")):
        with pytest.raises(UserError, match=message):
            CONFIG.replace(**wrong)


# ----------------------------------------------------------------------------------------------------------- runs

def run(out: Path, images: int = 24, on_log=None, config: TrainConfig = CONFIG, **options) -> Trainer:
    intervals = dict(log_every=8, sample_every=12, checkpoint_every=8, snapshot_every=16)
    return train(RunOptions(out=out, quiet=True, **(intervals | options)), config.replace(images=images), on_log)


def assert_identical(ours, theirs, where: str = "") -> None:
    """Nested dicts and lists with equal keys, and tensors with equal bits."""
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            if key not in TIMES:
                assert_identical(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs)):
            assert_identical(a, b, f"{where}[{i}]")
    elif isinstance(ours, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True, msg=lambda m: f"{where}: {m}")
    else:
        assert ours == theirs, where


def assert_same_run(ours: Path, theirs: Path) -> None:
    assert_identical(read_checkpoint(ours / "checkpoint.pt"), read_checkpoint(theirs / "checkpoint.pt"))
    assert_identical(read_log(ours / "log.jsonl"), read_log(theirs / "log.jsonl"))
    for name in ("weights.safetensors", "snapshots/000000016.safetensors"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    assert no_leftovers(ours)


def no_leftovers(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.name.startswith(".") or path.suffix in (".part", ".tmp")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_data) -> Path:
    """A run of six steps that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    before, os.environ["SSGAN_DATA"] = os.environ.get("SSGAN_DATA"), str(tiny_data)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run(out)
    torch.set_num_threads(threads)
    os.environ.pop("SSGAN_DATA")
    if before is not None:
        os.environ["SSGAN_DATA"] = before
    return out


@pytest.mark.slow
def test_run_writes_its_files(whole: Path) -> None:
    names = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert names == {"run.json", "log.jsonl", "checkpoint.pt", "weights.safetensors", "weights.json",
                     "checkpoints/000000016.pt", "checkpoints/000000024.pt",
                     "samples/000000012.png", "samples/000000024.png",
                     *(f"snapshots/{images}.{kind}" for images in ("000000000", "000000016")
                       for kind in ("safetensors", "json", "png"))}
    lines = read_log(whole / "log.jsonl")
    assert [line["step"] for line in lines] == [2, 4, 6] and [line["images"] for line in lines] == [8, 16, 24]
    assert {line["phase"] for line in lines} == {"game"}
    assert all(np.isfinite(value) for line in lines for name, value in line.items() if name != "phase")
    for sheet in (whole / "samples").iterdir():
        with Image.open(sheet) as picture:
            picture.load()
            assert picture.format == "PNG" and picture.size == (8 * 66 - 2, 2 * 130 - 2)
            assert len(np.unique(np.asarray(picture))) > 10
    generator = load_pretrained(whole / "weights.safetensors")
    assert generator.config == preset("nano32") and not generator.training and generator.mean_w.isfinite().all()
    assert generator.record["images"] == 24 and generator.record["recipe"]["batch"] == 4
    record = json.loads((whole / "run.json").read_text())
    assert record["faces"] == 15 and record["start_from"] is None
    small = load_pretrained(whole / "snapshots" / "000000016.safetensors")
    assert small.record == {"images": 16}


def test_log_holds_averages(tmp_path: Path, whole: Path) -> None:
    run(tmp_path / "fine", images=8, log_every=4)
    fine, coarse = read_log(tmp_path / "fine" / "log.jsonl"), read_log(whole / "log.jsonl")
    for name in ("d_loss", "g_loss", "mask_loss"):
        assert coarse[0][name] == pytest.approx((fine[0][name] + fine[1][name]) / 2, rel=1e-4)
    assert coarse[0]["r1_image"] == fine[0]["r1_image"] and "r1_image" not in fine[1]


@pytest.mark.slow
def test_seed_determines_run(tmp_path: Path, whole: Path) -> None:
    torch.manual_seed(123)                       # the global generator plays no part
    run(tmp_path / "again")
    assert_same_run(tmp_path / "again", whole)
    run(tmp_path / "other", images=4, config=CONFIG.replace(seed=1), snapshot_every=0)
    assert not torch.equal(read_checkpoint(tmp_path / "other" / "checkpoint.pt")["networks"]["G"]["local.weight"],
                           read_checkpoint(whole / "checkpoint.pt")["networks"]["G"]["local.weight"])


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(tmp_path: Path, whole: Path) -> None:
    """Three steps, in the middle of a line of the log, then the other three: bit for bit the same run."""
    run(tmp_path / "halves", images=12)
    run(tmp_path / "halves", resume=True)
    assert_same_run(tmp_path / "halves", whole)


@pytest.mark.slow
def test_steps_after_last_checkpoint_are_repeated(tmp_path: Path, whole: Path) -> None:
    """As after a power cut: log and samples are further than the checkpoint, and the log ends within a line."""
    out = tmp_path / "cut"
    run(out, images=12)
    kept = (out / "checkpoint.pt").read_bytes()
    run(out, images=20, resume=True)
    (out / "checkpoint.pt").write_bytes(kept)
    with open(out / "log.jsonl", "a") as file:
        file.write('{"step": 6, "ima')
    (out / ".checkpoint.pt.k1ll3d.part").write_bytes(b"half")
    (out / "samples" / ".000000012.png.k1ll3d.part").write_bytes(b"half")
    run(out, resume=True)
    assert_same_run(out, whole)


def test_checkpoint_without_log_state_resumes(tmp_path: Path) -> None:
    run(tmp_path / "old", images=8)
    state = read_checkpoint(tmp_path / "old" / "checkpoint.pt")
    del state["log"]
    torch.save(state, tmp_path / "old" / "checkpoint.pt")
    assert run(tmp_path / "old", images=12, resume=True).steps == 3


def test_start_from_weights(tmp_path: Path, whole: Path) -> None:
    trainer = run(tmp_path / "tuned", images=4, start_from=str(whole / "weights.safetensors"),
                  config=CONFIG.replace(seed=9))
    assert json.loads((tmp_path / "tuned" / "run.json").read_text())["start_from"] == "weights.safetensors"
    given = load_pretrained(whole / "weights.safetensors").local.weight
    fresh = new_trainer(seed=9).G.local.weight
    assert 0 < (trainer.G.local.weight - given).abs().max() < 0.01 < (fresh - given).abs().max()
    run(tmp_path / "tuned", images=8, resume=True, config=CONFIG.replace(seed=9))
    assert json.loads((tmp_path / "tuned" / "run.json").read_text())["start_from"] == "weights.safetensors"
    assert load_pretrained(tmp_path / "tuned" / "weights.safetensors").record["start_from"] == "weights.safetensors"


def test_run_starts_from_all_networks_of_another(tmp_path: Path, whole: Path) -> None:
    """The first checkpoint is written before the first step: it holds what was given, and fresh optimizers."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "on", images=32, start_from=str(whole), on_log=interrupt, log_every=4)
    given, begun = (read_checkpoint(folder / "checkpoint.pt") for folder in (whole, tmp_path / "on"))
    assert_identical(begun["networks"], given["networks"])
    assert begun["steps"] == 6, "the count of images goes on"
    assert begun["optimizers"]["g"]["state"] == {} and given["optimizers"]["g"]["state"]
    with pytest.raises(UserError, match=r"seen 24 images.*--images"):
        run(tmp_path / "less", images=24, start_from=str(whole / "checkpoint.pt"))


def test_given_average_is_kept(tmp_path: Path, whole: Path) -> None:
    """After one step it has moved by the share that the half-life says, not to where the generator stands."""
    given = load_pretrained(whole / "weights.safetensors")
    trainer = run(tmp_path / "tuned", images=4, start_from=str(whole / "weights.safetensors"))
    decay = 0.5 ** (4 / trainer.config.ema_images)
    for name, start in given.local.named_parameters():
        average, now = (dict(net.local.named_parameters())[name] for net in (trainer.G_ema, trainer.G))
        assert torch.allclose(average, decay * start + (1 - decay) * now, atol=1e-5), name
    resumed = run(tmp_path / "tuned", images=8, resume=True)
    assert resumed.averaged_before == math.inf, "a resumed run must remember it"
    assert run(tmp_path / "new", images=4).averaged_before == 0


def interrupt(line: dict) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name, message", [
    ("lite64.pt", "There is no checkpoint"), ("lite64.safetensors", "There are no weights at"),
    ("lite46", 'weights called "lite46"|"weights/lite46.safetensors" was not found')])
def test_start_from_missing_source_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path / "run", start_from=name)
    assert list(tmp_path.iterdir()) == []


def test_start_from_another_preset_is_refused(tmp_path: Path, whole: Path) -> None:
    for source in ("checkpoint.pt", "weights.safetensors"):
        with pytest.raises(UserError, match=f"{source}.*cannot grow into this model of 64 px.*lite64 is for lite128"):
            run(tmp_path / "run", preset="lite64", start_from=str(whole / source))
    assert list(tmp_path.iterdir()) == []


def test_run_is_never_overwritten(tmp_path: Path, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    with pytest.raises(UserError, match="already holds a run. Add --resume"):
        run(whole)
    with pytest.raises(UserError, match="use one of them"):
        run(whole, resume=True, start_from="x.pt")
    with pytest.raises(UserError, match=r"another recipe \(batch 4, not 8"):
        run(whole, resume=True, config=CONFIG.replace(batch=8))
    with pytest.raises(UserError, match="of another model.*size 32, not 64.*Resume with the preset"):
        run(whole, resume=True, preset="lite64")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="not an empty folder"):
        run(tmp_path / "mine")
    with pytest.raises(UserError, match="not an empty folder"):
        run(tmp_path / "mine" / "thesis.txt")
    with pytest.raises(UserError, match="nothing to resume"):
        run(tmp_path / "mine", resume=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


# ------------------------------------------------------------------------------------------- when it does not go well

def test_nan_stops_run(tmp_path: Path) -> None:
    """The sentence names step and quantities; the checkpoint on disk is the last good one."""
    with pytest.raises(UserError, match=r"diverged by step 4: .*mask_loss.*--start-from.*lower --lr") as error:
        run(tmp_path / "bad", config=CONFIG.replace(lr=1e18), log_every=16, checkpoint_every=100, snapshot_every=0,
            sample_every=0)
    assert "d_loss" in str(error.value)
    assert read_checkpoint(tmp_path / "bad" / "checkpoint.pt")["steps"] == 0
    line = json.loads((tmp_path / "bad" / "log.jsonl").read_text(), parse_constant=lambda word: pytest.fail(word))
    assert line["mask_loss"] is None
    assert not (tmp_path / "bad" / "weights.safetensors").exists() and no_leftovers(tmp_path / "bad")


def test_nan_weights_are_never_saved(tmp_path: Path) -> None:
    trainer = new_trainer()
    save_checkpoint(trainer, tmp_path / "c.pt")
    before = (tmp_path / "c.pt").read_bytes()
    with torch.no_grad():
        trainer.G.local.weight[3, 0, 0, 0] = float("inf")
    with pytest.raises(UserError, match="by step 0: .*a weight of G"):
        save_checkpoint(trainer, tmp_path / "c.pt")
    assert (tmp_path / "c.pt").read_bytes() == before
    # and before the log has noticed anything, when a checkpoint comes first
    with pytest.raises(UserError, match="a weight of G"):
        run(tmp_path / "bad", config=CONFIG.replace(lr=1e38), log_every=1000, checkpoint_every=4)
    assert read_checkpoint(tmp_path / "bad" / "checkpoint.pt")["steps"] == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_after_current_step(number, tmp_path: Path, whole: Path, capsys) -> None:
    """In the middle of a run: the step is finished, everything is saved, and the old handlers are back."""
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    out = tmp_path / "stopped"
    trainer = run(out, on_log=lambda line: os.kill(os.getpid(), number))
    assert trainer.steps == 2 and read_checkpoint(out / "checkpoint.pt")["steps"] == 2
    assert load_pretrained(out / "weights.safetensors").record["images"] == 8
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    if number == signal.SIGINT:
        run(out, resume=True)
        assert_same_run(out, whole)


@pytest.mark.slow
def test_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    def twice(line):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    if os.name == "nt":
        pytest.skip("Windows has no such signals")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", on_log=twice)
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt")["steps"] == 0 and no_leftovers(tmp_path / "run")


COMMAND = ["train", "--preset", "nano32", "--recipe", "paper", "--batch", "4", "--images", "64",
           "--r1-every", "2", "--log-every", "4",
           "--sample-every", "32", "--checkpoint-every", "4", "--snapshot-every", "16", "--device", "cpu"]


def start(out: Path, tiny_data: Path, *options: str) -> subprocess.Popen:
    environment = {**os.environ, "SSGAN_DATA": str(tiny_data), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "ssgan_lite", *COMMAND, "--out", str(out), *options],
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_step(out: Path, step: int, process: subprocess.Popen) -> None:
    """Return once the log has a line of this step."""
    deadline = time.monotonic() + 120
    while not ((out / "log.jsonl").exists() and any(line["step"] >= step for line in read_log(out / "log.jsonl"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, whole, tiny_data) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSGAN_DATA", str(tiny_data))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        assert main([*COMMAND, "--out", str(out), "--quiet"]) == 0
        torch.set_num_threads(threads)
    return out


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_and_stopped_command_equals_undisturbed_run(tmp_path: Path, tiny_data: Path, undisturbed) -> None:
    """`kill -9` once (twenty times: test_kills.py), then Ctrl-C, then to the end: every file is that of a run that
    nobody touched."""
    out, rng = tmp_path / "killed", np.random.default_rng(int(os.environ.get("KILL_SEED", "3")))
    for step in rng.integers(1, 11, 1):
        process = start(out, tiny_data, *(["--resume"] if out.exists() else []))
        wait_for_step(out, int(step), process)
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        read_checkpoint(out / "checkpoint.pt")                       # whole, whenever it was
    process = start(out, tiny_data, "--resume")
    wait_for_step(out, 12, process)
    process.send_signal(signal.SIGINT)
    words, bar = process.communicate(timeout=300)
    assert process.returncode == 0, bar
    assert "Stopped after" in words and "--resume goes on from here" in words and "Traceback" not in bar
    assert no_leftovers(out)
    assert main([*COMMAND, "--out", str(out), "--resume", "--quiet"]) == 0
    assert_same_run(out, undisturbed)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_leftovers_of_killed_start_are_ignored(tmp_path: Path, capsys) -> None:
    """All that can be left then is a temporary file, which is in nobody's way."""
    out = tmp_path / "early"
    out.mkdir()
    (out / ".checkpoint.pt.k1ll3d.part").write_bytes(b"half")
    assert main([*COMMAND, "--out", str(out), "--resume"]) == 2
    assert "nothing to resume" in capsys.readouterr().err
    assert main([*COMMAND, "--out", str(out), "--quiet", "--images", "4"]) == 0
    assert no_leftovers(out)


@pytest.mark.slow
def test_resuming_needs_no_options(tmp_path: Path) -> None:
    """The recipe of the run is in its folder."""
    out = str(tmp_path / "run")
    assert main([*COMMAND, "--out", out, "--quiet", "--images", "8", "--lr", "0.001"]) == 0
    assert main(["train", "--out", out, "--quiet", "--resume", "--images", "12"]) == 0
    state = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert state["steps"] == 3 and state["recipe"]["lr"] == 0.001


@pytest.mark.slow
def test_training_needs_default_installation_only() -> None:
    """torch, numpy, pillow, safetensors, tqdm: what the notebooks use may be missing."""
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"matplotlib", "ipywidgets", "tyro", "IPython", "jupyterlab", "scipy", "yaml"}:
            raise ImportError(f"{name} is refused")
sys.meta_path.insert(0, Refuse())
import ssgan_lite, ssgan_lite.train, ssgan_lite.cli, ssgan_lite.doctor, ssgan_lite.official
ssgan_lite.cli.build_parser().parse_args(["train", "--out", "x"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------- older checkpoints, TensorBoard

@pytest.mark.slow
def test_newest_checkpoints_are_kept(tmp_path: Path, whole: Path) -> None:
    """Two of them, unless told otherwise, the newest being checkpoint.pt itself; snapshots are another matter."""
    kept = sorted((whole / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["000000016.pt", "000000024.pt"]
    assert kept[1].samefile(whole / "checkpoint.pt") and read_checkpoint(kept[0])["steps"] == 4
    run(tmp_path / "one", images=16, keep_checkpoints=1)
    assert [path.name for path in (tmp_path / "one" / "checkpoints").iterdir()] == ["000000016.pt"]
    run(tmp_path / "one", resume=True, keep_checkpoints=0)
    assert list((tmp_path / "one" / "checkpoints").iterdir()) == []
    assert read_checkpoint(tmp_path / "one" / "checkpoint.pt")["steps"] == 6


def test_checkpoints_are_copied_without_hard_links(tmp_path: Path, monkeypatch) -> None:
    def refuse(*names):
        raise OSError(errno.EPERM, "no links here")
    monkeypatch.setattr(os, "link", refuse)
    run(tmp_path / "run", images=8)
    kept = tmp_path / "run" / "checkpoints" / "000000008.pt"
    assert kept.read_bytes() == (tmp_path / "run" / "checkpoint.pt").read_bytes() and no_leftovers(tmp_path)
    assert not kept.samefile(tmp_path / "run" / "checkpoint.pt")


def test_damaged_checkpoint_error_names_older_one(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    checkpoint.unlink()
    checkpoint.write_bytes(b"half of it")
    with pytest.raises(UserError, match="cut short or changed.* An older one is .*000000024.pt.*copy it over"):
        run(tmp_path / "run", resume=True)
    shutil.copyfile(tmp_path / "run" / "checkpoints" / "000000016.pt", checkpoint)
    run(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_tensorboard_is_optional(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="TensorBoard is not installed.*pip install tensorboard"):
        run(tmp_path / "run", tensorboard=True)
    assert list(tmp_path.iterdir()) == []
    written = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            written.append((Path(folder).name, purge_step))

        def add_scalar(self, name, value, images):
            written.append((name, value, images))

        def close(self):
            written.append("closed")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    run(tmp_path / "run", images=8, tensorboard=True)
    line, = read_log(tmp_path / "run" / "log.jsonl")
    assert written[0] == ("tensorboard", 1) and written[-1] == "closed"
    assert ("d_loss", pytest.approx(line["d_loss"], rel=1e-5), 8) in written
    written.clear()
    run(tmp_path / "run", images=12, tensorboard=True, resume=True)
    assert written[0] == ("tensorboard", 9)
