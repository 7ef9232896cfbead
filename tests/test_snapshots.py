"""Snapshots of a run: when they are taken, that they are kept, what is made of them, and training on from one."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ssgan_lite import assets, load_pretrained, preset
from ssgan_lite.cli import main
from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.train import (
    RunOptions,
    Trainer,
    find_snapshots,
    load_networks,
    open_snapshots,
    recipe,
    save_networks,
    timelapse,
    train,
)
from ssgan_lite.train.networks import is_networks
from ssgan_lite.train.snapshots import Schedule
from ssgan_lite.weights import load_encoder

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

ROOT = Path(__file__).parent.parent
CONFIG = recipe("nano32", "paper").replace(images=24, batch=4, r1_every=2)
POINTS = "0,4,10,20"


def points(schedule: Schedule, batch: int, images: int) -> list[int]:
    """The numbers of images at which snapshots would be taken."""
    seen = range(0, images + 1, batch)
    return [after for before, after in zip([-1, *seen], seen) if schedule.due(before, after)]


@pytest.mark.parametrize("text, every, batch, wanted", [
    ("doubling", 0, 4, [0, 500, 1000, 2000, 4000]),
    ("doubling", 0, 64, [0, 512, 1024, 2048, 4032]),
    ("Doubling", 1500, 100, [0, 500, 1000, 1500, 2000, 3000, 4000, 4500]),
    ("doubling", 0, 3000, [0, 3000]),                      # three points within a step are one snapshot
    ("none", 0, 4, []), ("", 2000, 4, [2000, 4000]),
    ("0,500,1_000", 0, 64, [0, 512, 1024]), ("30", 0, 4, [32]), ("4000,4", 0, 4, [4, 4000]),
])
def test_schedule_decides_when_snapshots_are_due(text, every, batch, wanted) -> None:
    assert points(Schedule.parse(text, every), batch, 4999) == wanted


@pytest.mark.parametrize("text", ["often", "1;2", "-4", "0,,5", "0.5"])
def test_bad_schedule_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="says nothing about snapshots. Write"):
        train(RunOptions(tmp_path / "run", snapshots=text, quiet=True), CONFIG)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_data) -> Path:
    """Six steps with four snapshots, both networks in each."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSGAN_DATA", str(tiny_data))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        train(RunOptions(out, quiet=True, device="cpu", snapshots=POINTS, snapshot_networks=True, checkpoint_every=8),
              CONFIG)
        torch.set_num_threads(threads)
    return out


@pytest.mark.slow
def test_snapshots_are_kept_when_checkpoints_are_replaced(run: Path) -> None:
    found = find_snapshots(run)
    assert list(found) == [0, 4, 12, 20, 24] and found[24] == run / "weights.safetensors"
    for images in (0, 4, 12, 20):
        path = run / "snapshots" / f"{images:09d}.safetensors"
        assert found[images] == path and load_pretrained(path).record == {"images": images}
        assert path.stat().st_size < 700_000                  # 0.3 M numbers of two bytes
        with Image.open(path.with_suffix(".png")) as sheet:
            assert sheet.size == (8 * 66 - 2, 2 * 130 - 2)
        networks = run / "snapshots" / "networks" / path.name
        assert is_networks(networks) and not is_networks(path)
        assert load_networks(networks).images == images
    first, last = load_pretrained(found[0]), load_pretrained(found[20])
    assert not torch.equal(first.local.weight, last.local.weight)


def test_run_killed_before_first_step_takes_first_snapshot(tmp_path: Path, monkeypatch) -> None:
    def killed(*arguments):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr("ssgan_lite.train.run.save_snapshot", killed)
        with pytest.raises(KeyboardInterrupt):
            train(RunOptions(tmp_path / "run", quiet=True), CONFIG)
    train(RunOptions(tmp_path / "run", quiet=True, resume=True), CONFIG.replace(images=4))
    assert list(find_snapshots(tmp_path / "run")) == [0, 4]


def test_missing_snapshots_are_refused(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError, match="There are no snapshots in|was found in"):
            find_snapshots(where)
    with pytest.raises(UserError, match='"weights/snapshots/nano32/'):
        find_snapshots("nano32")


# --------------------------------------------------------------------------------------------------- training on

def test_saved_networks_hold_current_weights(tmp_path: Path) -> None:
    trainer = Trainer(preset("nano32"), CONFIG, open_dataset("heads", 32))
    trainer.step()
    trainer.step()
    save_networks(trainer, tmp_path / "place", {"note": "x"})
    networks = load_networks(tmp_path / "place.safetensors")
    assert (networks.images, networks.model, networks.config) == (8, trainer.model_config, CONFIG)
    assert networks.record == {"note": "x"} and "after 8 images" in repr(networks)
    other = Trainer.from_networks(networks, open_dataset("heads", 32))
    for name in ("G", "D", "G_ema"):
        for (key, ours), theirs in zip(getattr(trainer, name).state_dict().items(),
                                       getattr(other, name).state_dict().values()):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5, equal_nan=True, msg=f"{name} {key}")


@pytest.mark.slow
def test_training_from_networks_is_close_to_resuming(run: Path) -> None:
    """Same data, codes and noise as the uninterrupted run; only the optimisers are fresh and the weights rounded."""
    networks = load_networks(run / "snapshots" / "networks" / "000000012.safetensors")
    trainer = Trainer.from_networks(networks, open_dataset("heads", 32))
    assert trainer.steps == 3 and trainer.images_seen == 12 and trainer.config == CONFIG
    whole = Trainer(preset("nano32"), CONFIG, open_dataset("heads", 32))
    for _ in range(3):
        whole.step()
    ours, theirs = trainer.step(), whole.step()
    for name in ("d_loss", "g_loss"):                       # taken before, or one update after, the optimisers differ
        assert ours[name].item() == pytest.approx(theirs[name].item(), rel=0.05), name
    assert torch.equal(trainer.draw_real()[0], whole.draw_real()[0])
    fast = Trainer.from_networks(networks, open_dataset("heads", 32), CONFIG.replace(batch=8, lr=0.001))
    assert fast.steps == 1 and fast.config.lr == 0.001


def test_run_starts_from_networks(run: Path, tmp_path: Path) -> None:
    source = run / "snapshots" / "networks" / "000000012.safetensors"
    trainer = train(RunOptions(tmp_path / "on", quiet=True, start_from=str(source), device="cpu", snapshots="0"),
                    CONFIG.replace(images=16))
    assert trainer.steps == 4, "the count of images goes on"
    given = load_networks(source).states["G_ema"]["local.weight"]
    assert 0 < (trainer.G_ema.local.weight - given).abs().max() < 0.05
    assert json.loads((tmp_path / "on" / "run.json").read_text())["start_from"] == source.name


def test_unfit_networks_are_refused(run: Path, tmp_path: Path) -> None:
    source = run / "snapshots" / "networks" / "000000012.safetensors"
    with pytest.raises(UserError, match=r"cannot grow.*G has"):
        train(RunOptions(tmp_path / "x", preset="lite64", quiet=True, start_from=str(source)),
              recipe("lite64", "paper"))
    with pytest.raises(UserError, match="no weights at .*gone"):
        load_networks(tmp_path / "gone.safetensors")
    with pytest.raises(UserError, match="does not describe a file of the kind .ssgan-lite networks"):
        load_networks(run / "weights.safetensors")
    for path in (source, source.with_suffix(".json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with open(tmp_path / source.name, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\7")
    with pytest.raises(UserError, match="is not the file that"):
        load_networks(tmp_path / source.name)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, source.with_suffix(".json").name}


# ---------------------------------------------------------------------------------------------------- time-lapses

def test_time_lapse_has_same_seeds_in_every_row(run: Path) -> None:
    rows = timelapse.of_run(run, seeds=range(3), count=3)
    assert list(rows) == [0, 12, 24] and all(row.size == (3 * 34 - 2, 32) for row in rows.values())
    again = timelapse.time_lapse({20: load_pretrained(find_snapshots(run)[20])}, seeds=[2, 0])
    alone = timelapse.time_lapse({20: load_pretrained(find_snapshots(run)[20])}, seeds=[0])
    assert np.array_equal(np.asarray(again[20])[:, 34:66], np.asarray(alone[20]))
    assert list(timelapse.choose(dict.fromkeys((0, 1000, 2000, 2100)), 9)) == [0, 1000, 2100]
    strip = timelapse.strip(rows)
    assert strip.height == 3 * 32 + 2 * 2 and strip.width > 3 * 34
    row = np.asarray(strip)[34:66, strip.width - rows[12].width:]
    assert np.array_equal(row, np.asarray(rows[12]))
    masks = timelapse.of_run(run, seeds=range(2), count=2, masks=True, scale=2)
    assert list(masks) == [0, 24] and masks[0].size == (2 * 66 - 2, 128)
    with pytest.raises(UserError, match="at least 2"):
        timelapse.of_run(run, count=1)


def test_animation_has_a_frame_per_snapshot(run: Path, tmp_path: Path) -> None:
    rows = timelapse.of_run(run, seeds=range(2), count=4)
    timelapse.save_gif(timelapse.frames(rows), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == len(rows) == 4 and animation.info["loop"] == 0
        animation.seek(3)
        assert animation.info["duration"] == timelapse.LAST_MS and animation.size == (66, 52)


# ------------------------------------------------------------------------------------------------------- shipping

@pytest.fixture
def ship(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    spec = importlib.util.spec_from_file_location("ship", ROOT / "tools" / "ship.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ship", module)
    spec.loader.exec_module(module)
    return module


def test_ship_writes_weights_and_extras(ship, run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    root = tmp_path / "data"
    (root / "weights").mkdir(parents=True)
    (root / "manifest.json").write_text("{}")
    words = ["ship.py", str(run), "tiny", "--early", "11", "--snapshots", "0,11,24", "--last", "--lapse", "4",
             "--folder", str(root / "weights")]
    monkeypatch.setattr(sys, "argv", words)
    assert ship.main() == 0, capsys.readouterr()
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert names == {"manifest.json", "weights/README.md",
                     *(f"weights/tiny{end}" for end in (".safetensors", ".json", ".png", "-lapse.png")),
                     *(f"weights/training/tiny-early{end}" for end in (".safetensors", ".json")),
                     *(f"weights/snapshots/{name}/{images:09d}{end}"
                       for name, images in (("tiny", 0), ("tiny", 12), ("tiny-last-step", 24))
                       for end in (".safetensors", ".json"))}
    monkeypatch.setenv("SSGAN_DATA", str(root))
    assert assets.check() == []
    networks = load_networks("tiny-early")
    assert networks.images == 12 and networks.record["preset"] == "nano32"
    assert {images: G.record["images"] for images, G in open_snapshots("tiny").items()} == {0: 0, 12: 12, 24: 24}
    trained, average = open_snapshots("tiny-last-step")[24], open_snapshots("tiny")[24]
    assert not torch.equal(trained.local.weight, average.local.weight)
    with pytest.raises(UserError, match='No networks called "tiny-eraly".*Did you mean "tiny-early"'):
        load_networks("tiny-eraly")
    assert main(["sample", "--weights", "tiny-early", "--out", str(tmp_path / "x.png")]) == 2   # no generator alone
    assert 'No weights called "tiny-early"' in capsys.readouterr().err


@pytest.mark.slow
def test_networks_before_the_game_ship_without_what_has_learned_nothing(ship, tmp_path: Path) -> None:
    """They begin the game as those of the run did."""
    config = recipe("nano32").replace(images=16, batch=4, reconstruct_images=8)
    train(RunOptions(tmp_path / "run", quiet=True, device="cpu", snapshots="8", snapshot_networks=True), config)
    print(ship.ship_early(tmp_path / "run", "tiny-early", tmp_path / "weights", 8))
    path = tmp_path / "weights" / "training" / "tiny-early.safetensors"
    assert {key.split("/")[0] for key in load_file(path)} == {"G", "encoder"}
    data = open_dataset("heads", 32)
    whole, small = (Trainer.from_networks(load_networks(file), data)
                    for file in (tmp_path / "run" / "snapshots" / "networks" / "000000008.safetensors", path))
    assert whole.phase == small.phase == "game"
    for name in ("G", "D", "frozen_D", "encoder"):
        for a, b in zip(small.networks[name].parameters(), whole.networks[name].parameters(), strict=True):
            assert (a - b).abs().max() <= 0.005 * b.abs().max() + 1e-6, name                # int8: 0.4 % of a row
    small.step()
    torch.testing.assert_close(small.G_ema.local.weight, small.G.local.weight, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_shipped_state_and_encoder_train_on(ship, tmp_path: Path, monkeypatch) -> None:
    """Average and encoder are not in the state: they lie beside it."""
    config = recipe("nano32").replace(images=24, batch=4, reconstruct_images=8)
    done = train(RunOptions(tmp_path / "run", quiet=True, device="cpu", snapshots="none"), config)
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    assert "recipe" not in ship.recipe_changes(json.loads((tmp_path / "run" / "run.json").read_text()), 24)[0]
    print(ship.ship(tmp_path / "run", "tiny", folder), ship.ship_state(tmp_path / "run", "tiny", folder))
    record = load_pretrained(folder / "tiny.safetensors").record
    assert "--batch 4" in record["command"] and "--reconstruct-images 8" in record["command"]
    assert load_encoder(folder / "tiny.safetensors").record["images"] == 24
    held = load_file(folder / "training" / "tiny.safetensors")
    assert {key.split("/")[0] for key in held} == {"G-G_ema", "D", "frozen_D"}
    networks = load_networks(folder / "training" / "tiny.safetensors")
    for name, network in done.networks.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(networks.states[name][key], value, rtol=1e-2, atol=1e-2, equal_nan=True)
    on = train(RunOptions(tmp_path / "on", quiet=True, device="cpu", snapshots="none",
                          start_from=str(folder / "training" / "tiny.safetensors")), config.replace(images=28))
    assert on.steps == 7 and on.phase == "game"
    before, told = record, tmp_path / "more" / "run.json"
    train(RunOptions(tmp_path / "more", quiet=True, device="cpu", snapshots="28", log_every=4,
                     start_from=str(folder / "training" / "tiny.safetensors")), config.replace(images=32))
    told.write_text(json.dumps({**json.loads(told.read_text()), "start_from": "tiny"}))        # as it is called there
    monkeypatch.setattr(sys, "argv", ["ship.py", str(tmp_path / "more"), "tiny", "--folder", str(folder), "--state"])
    assert ship.main() == 0
    assert load_networks(folder / "training" / "tiny.safetensors").record["start_from"] is None
    record = load_pretrained(folder / "tiny.safetensors").record                   # both runs as one
    assert record["images"] == 32 and record["seconds"] >= before["seconds"] and record["start_from"] is None
    assert "--images 32 " in record["command"] and "--start-from" not in record["command"]
    curve = record["curve"]
    assert curve["images"] == [*before["curve"]["images"], 28, 32] and curve["seconds"] == sorted(curve["seconds"])
    alone = folder.parent / "alone" / "training"
    alone.mkdir(parents=True)
    for end in ("safetensors", "json"):
        shutil.copyfile(folder / "training" / f"tiny.{end}", alone / f"tiny.{end}")
    with pytest.raises(UserError, match="a difference to the average, which should lie at .*tiny.safetensors"):
        load_networks(alone / "tiny.safetensors")
    for path in (folder / "encoders").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no encoder"):
        train(RunOptions(tmp_path / "off", quiet=True, start_from=str(folder / "training" / "tiny.safetensors")),
              config.replace(images=28))


@pytest.mark.slow
def test_state_of_a_run_that_does_not_ship_yet_keeps_its_curve(ship, tmp_path: Path, monkeypatch) -> None:
    config, folder = recipe("nano32").replace(images=24, batch=4, reconstruct_images=8), tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    options = dict(quiet=True, device="cpu", snapshots="none", log_every=4)
    train(RunOptions(tmp_path / "run", **options), config)
    ship.ship(tmp_path / "run", "tiny", folder)                                                # ships at 24 images
    done = train(RunOptions(tmp_path / "on", start_from=str(tmp_path / "run"), **options), config.replace(images=32))
    told = tmp_path / "on" / "run.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "start_from": "tiny"}))
    words = ["ship.py", str(tmp_path / "on"), "tiny", "--folder", str(folder), "--state-alone"]
    monkeypatch.setattr(sys, "argv", words)
    assert ship.main() == 0
    assert load_pretrained(folder / "tiny.safetensors").record["images"] == 24, "the weights stay"
    networks = load_networks(folder / "training" / "tiny.safetensors")
    assert networks.images == 32 and networks.record["start_from"] is None
    assert networks.record["curve"]["images"] == [4, 8, 12, 16, 20, 24, 28, 32]
    for name, network in done.networks.items():
        half = network.state_dict()
        for key, value in networks.states[name].items():
            if key != "mean_w":
                unit = half[key].abs().max() * (1e-3 if name == "G_ema" else 0.005) + 1e-6
                assert (value - half[key]).abs().max() <= unit, f"{name}/{key}"
    train(RunOptions(tmp_path / "last", start_from=str(folder / "training" / "tiny.safetensors"), **options),
          config.replace(images=40))
    told = tmp_path / "last" / "run.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "start_from": "tiny"}))
    ship.ship(tmp_path / "last", "tiny", folder)
    record = load_pretrained(folder / "tiny.safetensors").record
    assert record["curve"]["images"] == [*range(4, 41, 4)] and record["start_from"] is None


@pytest.mark.parametrize("rows", [3, 4])
def test_time_lapse_goes_on_below_rows_that_ship(rows: int, ship, run: Path, tmp_path: Path, monkeypatch) -> None:
    assert ship.ship_lapse(run, "tiny", tmp_path, 4)
    with Image.open(tmp_path / "tiny-lapse.png") as picture:
        first = picture.convert("RGB")
    words = ["ship.py", str(run), "tiny", "--folder", str(tmp_path), "--lapse", "2", "--lapse-above"]
    monkeypatch.setattr(sys, "argv", [*words, "9"])
    assert ship.main() == 2 and (tmp_path / "tiny-lapse.png").exists()
    monkeypatch.setattr(sys, "argv", [*words, str(rows)])
    assert ship.main() == 0
    with Image.open(tmp_path / "tiny-lapse.png") as picture:
        whole = np.asarray(picture.convert("RGB")).astype(int)
    assert whole.shape[0] == (rows + 2) * 66 - 2
    kept = np.asarray(first)[:rows * 66, -8 * 66:]
    assert np.abs(whole[:len(kept), -8 * 66:] - kept).mean() < 3                       # other colors of the palette


def test_shipped_snapshot_keeps_its_weights(ship, run: Path, tmp_path: Path) -> None:
    images, path = list(find_snapshots(run).items())[1]
    (tmp_path / "weights").mkdir()
    line = ship.ship(run, "half", tmp_path / "weights", at=images + 1)
    assert line.endswith(f"{images:,} images")
    ours, theirs = load_pretrained(tmp_path / "weights" / "half.safetensors"), load_pretrained(path)
    assert ours.record["images"] == images and f"--images {images} " in ours.record["command"] + " "
    assert all(images >= seen for seen in ours.record["curve"]["images"])
    for name, weights in ours.state_dict().items():
        assert torch.allclose(weights, theirs.state_dict()[name], atol=1e-2, rtol=1e-3), name


def test_report_ships_with_its_weights(ship, tmp_path: Path) -> None:
    report, folder = tmp_path / "report", tmp_path / "weights"
    report.mkdir(), folder.mkdir()
    with pytest.raises(UserError, match="holds no report"):
        ship.ship_measured(report, "tiny", folder)
    models = [{"name": "runs/tiny.safetensors"}, {"name": "rival"}]
    (report / "measure.json").write_text(json.dumps({"models": models}))
    (report / "measure.txt").write_text("a table")
    with pytest.raises(UserError, match="the report of tiny, not of other"):
        ship.ship_measured(report, "other", folder)
    assert ship.ship_measured(report, "tiny", folder) == "tiny.measure.txt, .json: tiny, rival"
    assert (folder / "tiny.measure.txt").read_text() == "a table"


def test_weights_page_is_up_to_date(ship) -> None:
    """data/weights/README.md is written from the .json files beside it: `python tools/weights_page.py`."""
    import weights_page
    assert (weights_page.FOLDER / "README.md").read_text(encoding="utf-8") == weights_page.page(weights_page.FOLDER)


def test_early_snapshot_needs_networks(ship, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--snapshot-networks"):
        ship.ship_early(tmp_path, "x", tmp_path, 10)


@pytest.mark.slow
def test_distance_curve_of_a_run(ship, run: Path, tmp_path: Path, monkeypatch) -> None:
    """With a stand-in for the extractor, which is large: numbers in the record, and a figure."""
    import curve
    from ssgan_lite.measure import distances

    class Means(torch.nn.Module):
        name, dim = "means of four by four", 48

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def forward(self, images):
            return torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)

    monkeypatch.setattr(curve, "extractor", lambda inception, device: Means())
    monkeypatch.setattr(distances, "FEWEST", 4)
    ship.ship(run, "tiny", tmp_path)
    line = ship.ship_kid(run, "tiny", tmp_path, 7)
    record = load_pretrained(tmp_path / "tiny.safetensors").record["kid"]
    assert record["images"] == [0, 4, 12, 20, 24] and record["n"] == 7 and record["extractor"] == Means.name
    assert len(record["kernel"]) == len(record["kernel_std"]) == 5 and np.isfinite(record["kernel"]).all()
    assert record["kernel"][0] > abs(record["real"]) and f"{record['kernel'][-1]:.2f}" in line
    with Image.open(tmp_path / "tiny-kid.png") as figure:
        assert figure.width == 720 and len(np.unique(np.asarray(figure))) > 10
    with pytest.raises(UserError, match="nothing to draw"):
        ship.draw({**record, "images": [0], "kernel": [1.0], "kernel_std": [0.1]}, tmp_path / "x.png")
