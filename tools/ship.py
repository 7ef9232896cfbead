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

import ssgan_lite as sg
from ssgan_lite import assets
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

    # From the checkpoint, so that a run can be shipped while it goes on.
    state = read_checkpoint(options.run / "checkpoint.pt")
    generator = sg.SemanticGenerator(sg.ModelConfig.from_dict(state["model"])).eval()
    generator.load_state_dict(state["G_ema"])
    generator.update_mean_w()
    images = state["steps"] * state["recipe"]["batch"]
    described = json.loads((options.run / "run.json").read_text())
    changes = {k: v for k, v in described["recipe"].items() if k in ("batch", "r1_image", "r1_mask", "images")}
    changes["images"] = images                     # how far it got, whatever was planned
    flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in changes.items())
    log = [line for line in read_log(options.run / "log.jsonl") if line["images"] <= images]
    record = {**described, "images": images, "seconds": round(state["seconds"]), "note": options.note,
              "command": f"ssgan-lite train --preset {described['preset']} --out runs/{options.name} {flags}",
              "curve": thinned(log)}
    path = DATA / "weights" / f"{options.name}.safetensors"
    save_weights(generator, path, record, torch.float16)
    with atomic_write(path.with_suffix(".png")) as temporary:
        sample_sheet(load_weights(path), SAMPLE_SEEDS, scale=max(1, 128 // generator.config.size)).save(
            temporary, "PNG", optimize=True)
    assets.write_manifest(DATA)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {record['images']:,} images")


if __name__ == "__main__":
    main()
