"""Put a finished (or stopped) run among the shipped weights, in half precision and with its record:

    python tools/ship.py RUN NAME [--note "what a reader should know"]

writes data/weights/NAME.safetensors, NAME.json (configuration and record: on what, how long, with which recipe, the
curve of the losses) and NAME.png (sixteen faces, no truncation), and brings the manifest up to date.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ssgan_lite import assets
from ssgan_lite.cli import ABLATIONS
from ssgan_lite.config import ModelConfig, preset
from ssgan_lite.model import build_generator
from ssgan_lite.pictures import sample_sheet
from ssgan_lite.storage import atomic_write
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.log import read_log
from ssgan_lite.train.run import SAMPLE_SEEDS
from ssgan_lite.weights import load_weights, save_weights

DATA = Path(__file__).parent.parent / "data"
CURVE = ("images", "seconds", "d_loss", "g_loss", "mask_loss", "real_score", "fake_score", "r1_image", "r1_mask")


def thinned(lines: list[dict], keep: int = 60) -> dict[str, list]:
    """At most `keep` lines of a log, evenly spread and with the last one, as one list per quantity."""
    step = max(1, -(-len(lines) // keep))
    chosen = lines[::-1][::step][::-1]
    return {name: [line.get(name) for line in chosen] for name in CURVE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--note", default="")
    options = parser.parse_args()
    print(ship(options.run, options.name, DATA / "weights", options.note))
    assets.write_manifest(DATA)


def ship(run: Path, name: str, folder: Path, note: str = "") -> str:
    """Write NAME.safetensors, .json and .png from the last checkpoint of a run, which may be going on; returns a line
    that says what was written."""
    state = read_checkpoint(run / "checkpoint.pt")
    model = ModelConfig.from_dict(state["model"])
    generator = build_generator(model).eval()
    generator.load_state_dict(state["G_ema"])
    generator.update_mean_w()
    images = state["steps"] * state["recipe"]["batch"]
    described = json.loads((run / "run.json").read_text())
    changes = {k: v for k, v in described["recipe"].items() if k in ("batch", "r1_image", "r1_mask", "images")}
    changes["images"] = images                     # how far it got, whatever was planned
    changes |= {field: getattr(model, field) for field in ABLATIONS
                if getattr(model, field) != getattr(preset(described["preset"]), field)}
    flags = " ".join(f"--no-{field.replace('_', '-')}" if value is False else f"--{field.replace('_', '-')} {value}"
                     for field, value in changes.items())
    lines = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    record = {**described, "images": images, "seconds": round(state["seconds"]), "note": note,
              "command": f"ssgan-lite train --preset {described['preset']} --out runs/{name} {flags}",
              "curve": thinned([line for line in lines if line["images"] <= images])}
    path = folder / f"{name}.safetensors"
    save_weights(generator, path, record, torch.float16)
    with atomic_write(path.with_suffix(".png")) as temporary:
        sample_sheet(load_weights(path), SAMPLE_SEEDS, scale=max(1, 128 // generator.config.size)).save(
            temporary, "PNG", optimize=True)
    return f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {record['images']:,} images"


if __name__ == "__main__":
    main()
