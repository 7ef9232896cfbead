"""Put a finished (or stopped) run among the shipped weights, in float16 and with its record (encoder, snapshots and
early networks in int8):

    python tools/ship.py RUN NAME [--note "what a reader should know"] [--early IMAGES] [--snapshots IMAGES,...]
                         [--last] [--lapse N]

writes data/weights/NAME.safetensors, NAME.json (configuration and record: on what, how long, with which recipe, the
curve of the losses) and NAME.png (sixteen faces, no truncation), and brings README.md and the manifest up to date.
With --at IMAGES these are the weights of the snapshot next to so many images, instead of the last ones. With
--difference-to PARENT, weights that ship, NAME.safetensors holds the difference to those: of a fine-tuned child that
is half. Of a run that began with --start-from NAME, the weights that it replaces, the record adds the seconds and the
curve of these. Besides, from the snapshots of the run:

    --state            training/NAME.safetensors, .json: generator and discriminators of the last checkpoint, to
                       train on from with `ssgan-lite train --start-from NAME`
    --state-alone      nothing but this, of a run whose weights do not ship yet: its average and encoder are in
                       training/NAME.safetensors too, and all but the average in int8
    --early IMAGES     training/NAME-early.safetensors, .json: all networks at the snapshot next to so many images,
                       to train on from (the run must have been given --snapshot-networks)
    --snapshots LIST   snapshots/NAME/000000512.safetensors, ...: the averaged generators at the snapshots next to
                       these numbers of images, with commas between them
    --last             snapshots/NAME-last-step/IMAGES.safetensors, .json: the generator as trained, at the last
                       checkpoint
    --lapse N          NAME-lapse.png: the same eight faces at N snapshots, one row each
    --lapse-above N    above them the first N rows of the picture that ships, of the run that this one goes on with
    --measured FOLDER  what `ssgan-lite measure NAME --out FOLDER` wrote goes beside it, as NAME.measure.txt and
                       .json; alone, without a RUN ("-"), for weights that are there
    --kid N            the kernel distance of N faces of every snapshot goes into NAME.json, its curve into
                       NAME-kid.png (needs the extra `measure`, and matplotlib for the picture)
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from PIL import Image

import weights_page
from curve import draw, kid_curve
from ssgan_lite import assets
from ssgan_lite.cli import ABLATIONS
from ssgan_lite.config import RECIPES, ModelConfig, preset, recipe
from ssgan_lite.errors import UserError
from ssgan_lite.measure.report import measured_models
from ssgan_lite.model import build_generator
from ssgan_lite.model.encoder import Encoder
from ssgan_lite.pictures import sample_sheet
from ssgan_lite.storage import atomic_write
from ssgan_lite.train import RunOptions, find_snapshots, timelapse
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.log import read_log
from ssgan_lite.train.networks import load_networks, read_source, save_networks
from ssgan_lite.train.snapshots import SAMPLE_SEEDS
from ssgan_lite.weights import load_pretrained, save_child, save_encoder, save_weights

DATA = Path(__file__).parent.parent / "data"
CURVE = ("images", "seconds", "d_loss", "g_loss", "mask_loss", "real_score", "fake_score", "r1_image", "r1_mask",
         "frozen_d_loss", "frozen_g_loss", "pixel_loss", "feature_loss", "score_loss", "kl")
STATE_BYTES = 8_000_000
COLORS = 256                 # of sheets of samples: half the file, and off by one to three of 255 levels on average


def numbers(text: str) -> tuple[int, ...]:
    """ "0,2000" -> (0, 2000)."""
    return tuple(int(word) for word in text.split(","))


def nearest(found: dict[int, Path], images: int) -> int:
    """The snapshot next to so many images."""
    return min(found, key=lambda n: abs(n - images))


def thinned(lines: list[dict], keep: int = 60) -> dict[str, list]:
    """At most `keep` lines of a log, evenly spread and with the last one, as one list per quantity."""
    step = max(1, -(-len(lines) // keep))
    chosen = lines[::-1][::step][::-1]
    return {name: [line.get(name) for line in chosen] for name in CURVE}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help='the folder of a run; "-" with --measured alone')
    parser.add_argument("name")
    parser.add_argument("--note", default="")
    parser.add_argument("--at", type=int, metavar="IMAGES")
    parser.add_argument("--difference-to", default="", metavar="PARENT")
    parser.add_argument("--state", action="store_true")
    parser.add_argument("--state-alone", action="store_true")
    parser.add_argument("--early", type=int, metavar="IMAGES")
    parser.add_argument("--snapshots", type=numbers, default=(), metavar="IMAGES,...")
    parser.add_argument("--last", action="store_true")
    parser.add_argument("--lapse", type=int, default=0, metavar="N")
    parser.add_argument("--lapse-above", type=int, default=0, metavar="N")
    parser.add_argument("--kid", type=int, default=0, metavar="N")
    parser.add_argument("--measured", type=Path, metavar="FOLDER")
    parser.add_argument("--device", default="cpu", help="for --kid (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=DATA / "weights", help="where to (default: %(default)s)")
    options = parser.parse_args()
    run, name, folder = options.run, options.name, options.folder
    try:
        if options.state_alone:
            print(ship_state(run, name, folder, alone=True))
            if (folder.parent / assets.MANIFEST).exists():
                weights_page.write(folder)
                assets.write_manifest(folder.parent)
            return 0
        above = earlier_rows(run, folder / f"{name}-lapse.png", options.lapse_above)
        if str(run) != "-" or not options.measured:
            print(ship(run, name, folder, options.note, options.at, options.difference_to))
        if options.state:
            print(ship_state(run, name, folder))
        if options.early is not None:
            print(ship_early(run, f"{name}-early", folder, options.early))
        if options.snapshots:
            print(ship_snapshots(run, name, folder, options.snapshots))
        if options.last:
            print(ship_last(run, name, folder))
        if options.lapse:
            print(ship_lapse(run, name, folder, options.lapse, above))
        if options.kid:
            print(ship_kid(run, name, folder, options.kid, options.device))
        if options.measured:
            print(ship_measured(options.measured, name, folder))
        if (folder.parent / assets.MANIFEST).exists():
            weights_page.write(folder)
            assets.write_manifest(folder.parent)
    except UserError as error:
        print(f"ship: {error}", file=sys.stderr)
        return 2
    return 0


def recipe_changes(described: dict, images: int) -> tuple[str, dict]:
    """How a run's recipe differs from its preset's: the kind to name, if not the preset's own, and the fields."""
    used = {**described["recipe"], "images": images}          # how far it got, whatever was planned
    found = {kind: {field: value for field, value in used.items()
                    if value != getattr(recipe(described["preset"], kind), field) or field == "images"}
             for kind in ("", *RECIPES)}
    kind = min(found, key=lambda kind: len(found[kind]))
    return kind, found[kind]


def ship(run: Path, name: str, folder: Path, note: str = "", at: int | None = None, parent: str = "") -> str:
    """Write NAME.safetensors, .json and .png from the last checkpoint of a run, which may be going on, or from the
    snapshot next to `at` images; parent: as the difference to these weights. Returns a line that says what was
    written."""
    lines = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    if at is None:
        state = read_checkpoint(run / "checkpoint.pt")
        generator = build_generator(ModelConfig.from_dict(state["model"])).eval()
        generator.load_state_dict(state["networks"]["G_ema"])
        generator.update_mean_w()
        images, seconds = state["steps"] * state["recipe"]["batch"], state["seconds"]
    else:
        found = find_snapshots(run)
        images = nearest(found, at)
        generator = load_pretrained(found[images])
        seconds = max((line["seconds"] for line in lines if line["images"] <= images), default=0)
    model = generator.config
    described = json.loads((run / "run.json").read_text())
    curve = thinned([line for line in lines if line["images"] <= images])
    described, curve, seconds = as_one_run(described, curve, seconds, name, folder)
    kind, changes = recipe_changes(described, images)
    changes |= {field: getattr(model, field) for field in ABLATIONS
                if getattr(model, field) != getattr(preset(described["preset"]), field)}
    flags = " ".join(f"--no-{field.replace('_', '-')}" if value is False else f"--{field.replace('_', '-')} {value}"
                     for field, value in changes.items())
    flags = f"--recipe {kind} {flags}" if kind else flags
    flags += f" --data {described['data']}" if described["data"] != "heads" else ""
    flags += f" --precision {described['precision']}" if described.get("precision", "fp32") != "fp32" else ""
    flags += f" --start-from {described['start_from']}" if described.get("start_from") else ""
    for field in ("stop_agreement", "stop_patience"):                  # of fine-tuning: a repetition would end early
        value = described.get("options", {}).get(field, usual := getattr(RunOptions, field))
        flags += f" --{field.replace('_', '-')} {value:g}" if value != usual else ""
    looks = read_log(run / "watch.jsonl") if (run / "watch.jsonl").exists() else []          # of fine-tuning
    record = {**described, "images": images, "seconds": round(seconds), "note": note,
              "command": f"ssgan-lite train --preset {described['preset']} --out runs/{name} {flags}",
              "curve": curve} | ({"watch": looks} if looks else {})
    path = folder / f"{name}.safetensors"
    for end in ("-lapse.png", "-kid.png", ".measure.txt", ".measure.json"):      # of the weights that these replace
        (folder / f"{name}{end}").unlink(missing_ok=True)
    if parent:
        save_child(generator, parent, path, record)
    else:
        save_weights(generator, path, record, torch.float16)
    for end in ("safetensors", "json"):            # of the weights that these replace
        (folder / "encoders" / f"{name}.{end}").unlink(missing_ok=True)
    if at is None and "encoder" in state["networks"]:
        encoder = Encoder(model)
        encoder.load_state_dict(state["networks"]["encoder"])
        save_encoder(encoder, folder / "encoders" / name, {**described, "images": images}, torch.int8)
    with atomic_write(path.with_suffix(".png")) as temporary:
        sheet = sample_sheet(load_pretrained(path), SAMPLE_SEEDS, scale=max(1, 128 // generator.config.size))
        sheet.quantize(COLORS).save(temporary, "PNG", optimize=True)
    return f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {record['images']:,} images"


def as_one_run(described: dict, curve: dict, seconds: float, name: str, folder: Path) -> tuple[dict, dict, float]:
    """Description, curve and seconds of a run; of one that goes on with NAME, from nothing to here.

    NAME is the weights that ship, or networks of theirs that have been trained further (`--state-alone`).
    """
    places = [path for path in (folder / "training" / f"{name}.json", folder / f"{name}.json") if path.is_file()]
    records = [json.loads(path.read_text())["record"] for path in places]
    before = next((record for record in records if "curve" in record and curve["images"]
                   and record["curve"]["images"][-1:] < curve["images"][:1]), None)
    if described.get("start_from") != name or before is None:
        return described, curve, seconds
    curve = {**curve, "seconds": [second + before["seconds"] for second in curve["seconds"]]}
    curve = {quantity: before["curve"][quantity] + curve[quantity] for quantity in CURVE}
    return {**described, "start_from": before["start_from"]}, curve, seconds + before["seconds"]


def ship_state(run: Path, name: str, folder: Path, alone: bool = False) -> str:
    """Write training/NAME.safetensors and .json from the last checkpoint: what it takes to train on, with the weights
    and the encoder of NAME, which ship too; alone: without them."""
    networks, described = read_source(str(run)), json.loads((run / "run.json").read_text())
    lines = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    seconds = lines[-1]["seconds"] if lines else 0
    described, curve, seconds = as_one_run(described, thinned(lines), seconds, name, folder)
    record = {key: described[key] for key in ("preset", "data", "faces", "device", "torch", "start_from")}
    if alone:                                                # otherwise they are in the record of the weights
        record |= dict(seconds=round(seconds), curve=curve)
    elif record["start_from"] == name:                       # the weights have been written, as one run
        record["start_from"] = json.loads((folder / f"{name}.json").read_text())["record"]["start_from"]
    target = folder / "training" / f"{name}.safetensors"
    save_networks(networks, target, record, torch.int8 if alone else torch.float16, beside=not alone)
    if (size := target.stat().st_size) > STATE_BYTES:
        raise UserError(f'"{target}" has {size / 1e6:.1f} MB; the repository takes {STATE_BYTES / 1e6:.0f}.')
    return f"training/{target.name}: {size / 1e6:.1f} MB, after {networks.images:,} images"


def ship_early(run: Path, name: str, folder: Path, images: int) -> str:
    """Write training/NAME.safetensors and .json: the networks of the snapshot next to so many images.

    When the game has not begun, average and discriminators are as a trainer makes them, and stay out.
    """
    found = {int(path.stem): path for path in (run / "snapshots" / "networks").glob("*.safetensors")}
    if not found:
        raise UserError(f'"{run}" has no snapshots with both networks: train with --snapshot-networks.')
    at = nearest(found, images)
    networks, target = load_networks(found[at]), folder / "training" / f"{name}.safetensors"
    described = json.loads((run / "run.json").read_text())
    record = {key: described[key] for key in ("preset", "data", "faces", "device", "torch", "start_from")}
    before_game = networks.images <= networks.config.reconstruct_images and networks.config.reconstructs
    save_networks(networks, target, record, torch.int8,
                  without=("G_ema", "D", "frozen_D") if before_game else ())
    return f"training/{target.name}: {target.stat().st_size / 1e6:.1f} MB, after {at:,} images"


def ship_last(run: Path, name: str, folder: Path) -> str:
    """Write snapshots/NAME-last-step/IMAGES.safetensors and .json: the generator as trained, not the average."""
    networks = read_source(str(run))
    generator = build_generator(networks.model)
    generator.load_state_dict(networks.states["G"])
    generator.eval().update_mean_w()
    target = folder / "snapshots" / f"{name}-last-step"
    shutil.rmtree(target, ignore_errors=True)
    save_weights(generator, target / f"{networks.images:09d}", {"images": networks.images}, torch.int8)
    return f"snapshots/{target.name}: after {networks.images:,} images"


def ship_snapshots(run: Path, name: str, folder: Path, wanted: tuple[int, ...]) -> str:
    """Write snapshots/NAME/IMAGES.safetensors and .json, those next to the wanted numbers of images.

    What ships as NAME is the last snapshot already (`find_snapshots`) and is not written again.
    """
    target, found = folder / "snapshots" / name, find_snapshots(run)
    last = folder / f"{name}.json"
    shipped = json.loads(last.read_text())["record"].get("images", 0) if last.exists() else 0
    chosen = sorted({nearest(found, images) for images in wanted} - {shipped})
    shutil.rmtree(target, ignore_errors=True)              # those of another run would be mixed with these
    for images in chosen:
        save_weights(load_pretrained(found[images]), target / f"{images:09d}", {"images": images}, torch.int8)
    size = sum(path.stat().st_size for path in target.iterdir())
    return f"snapshots/{name}: {len(chosen)} at {', '.join(map(str, chosen))} images, {size / 1e6:.1f} MB"


def earlier_rows(run: Path, path: Path, count: int) -> Image.Image | None:
    """The first rows of a time-lapse that ships, before it is written anew."""
    if not count:
        return None
    row = lapse_scale(run) * recorded_model_size(run) + timelapse.GAP
    with Image.open(path) as picture:
        rows = (picture.height + timelapse.GAP) // row                       # the last row has no gap below it
        if count > rows:
            raise UserError(f'"{path}" has fewer than {count} rows: {rows}.')
        above = Image.new("RGB", (picture.width, count * row), "white")
        above.paste(picture.convert("RGB"), (0, 0))
        return above


def ship_lapse(run: Path, name: str, folder: Path, count: int, above: Image.Image | None = None,
               columns: int = 8) -> str:
    """Write NAME-lapse.png, below the rows that are given."""
    rows = timelapse.of_run(run, range(columns), count, scale=lapse_scale(run))
    target, picture = folder / f"{name}-lapse.png", timelapse.strip(rows)
    if above:
        whole = Image.new("RGB", (max(above.width, picture.width), above.height + picture.height), "white")
        for part, y in ((above, 0), (picture, above.height)):                # labels differ in width
            whole.paste(part, (whole.width - part.width, y))
        picture = whole
    with atomic_write(target) as temporary:
        picture.quantize(COLORS).save(temporary, "PNG", optimize=True)
    return f"{target.name}: {len(rows)} new rows, {target.stat().st_size / 1e3:.0f} kB"


def ship_kid(run: Path, name: str, folder: Path, n: int, device: str = "cpu") -> str:
    """Put the curve of kernel distances into NAME.json, under "kid", and draw it."""
    curve = kid_curve(run, n, device=device)
    path = folder / f"{name}.json"
    description = json.loads(path.read_text())
    description["record"]["kid"] = curve
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(description, indent=1) + "\n")
    try:
        draw(curve, folder / f"{name}-kid.png", name)
        drawn = f", {name}-kid.png"
    except ImportError:
        drawn = " (no picture: matplotlib is not installed)"
    return f"{name}: kernel distance {curve['kernel'][-1]:.2f}, heads against heads {curve['real']:.2f}{drawn}"


def ship_measured(report: Path, name: str, folder: Path) -> str:
    """Put a report of `ssgan-lite measure` beside the weights that it measured."""
    try:
        models = list(measured_models(json.loads((report / "measure.json").read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f'"{report}" holds no report of `ssgan-lite measure --out`: {error}') from error
    if not models or models[0] != name:
        raise UserError(f'"{report}" is the report of {models[0] if models else "nothing"}, not of {name}.')
    for end in ("txt", "json"):
        with atomic_write(folder / f"{name}.measure.{end}") as temporary:
            shutil.copyfile(report / f"measure.{end}", temporary)
    return f"{name}.measure.txt, .json: {', '.join(models)}"


def recorded_model_size(run: Path) -> int:
    return json.loads((run / "run.json").read_text())["model"]["size"]


def lapse_scale(run: Path) -> int:
    """A face of a time-lapse has at least 64 pixels on the screen."""
    return max(1, 64 // recorded_model_size(run))


if __name__ == "__main__":
    sys.exit(main())
