"""Read the faces of a model once, and train its flows and its rig: what ships beside the model's named directions.

    python -m ssgan_lite.directions.make_networks --weights lite64 --out data/directions
    python -m ssgan_lite.directions.make_networks --weights nano32-monolithic --only labels --out data/directions

Writes NAME.labels (what the predictor on Lite0 read of thousands of faces), NAME.flows (`styleflow.py`) and NAME.rig
(`stylerig.py`), each .safetensors and .json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm.auto import tqdm

from ssgan_lite.directions import styleflow, stylerig
from ssgan_lite.directions.sample import draw_sample, load_sample, save_labels
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import load_predictor
from ssgan_lite.storage import user_path
from ssgan_lite.weights import load_pretrained

PLACES = ("whole", "hair")
KINDS = ("labels", "flows", "rig")


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ssgan_lite.directions.make_networks --weights NAME --out FOLDER`"""
    parser = argparse.ArgumentParser(description="Read a model's faces; train its flows and its rig.")
    parser.add_argument("--weights", required=True, help="a shipped name or a .safetensors file")
    parser.add_argument("--out", type=Path, required=True, help="the folder for NAME.labels, NAME.flows, NAME.rig")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS),
                        help="some of them; flows and rig read labels that are there (default: all)")
    parser.add_argument("--faces", type=int, default=4_000, help="labelled faces (default: %(default)s)")
    parser.add_argument("--flow-steps", type=int, default=600, help="of each flow (default: %(default)s)")
    parser.add_argument("--rig-steps", type=int, default=400, help="of the rig (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        _make(options)
    except UserError as error:
        print(f"ssgan-lite: {error}", file=sys.stderr)
        return 2
    return 0


def _make(options: argparse.Namespace) -> None:
    generator, predictor = load_pretrained(options.weights), load_predictor("lite0")
    name = Path(options.weights).stem
    out = user_path(options.out)
    began = time.process_time()

    def seconds() -> int:
        nonlocal began
        took, began = round(time.process_time() - began), time.process_time()
        return took

    labels = out / f"{name}.labels.safetensors"
    if "labels" in options.only:
        whole = options.faces * 3 // 8
        sample = draw_sample(generator, predictor, whole, options.faces - whole, quiet=False)
        save_labels(sample, labels)
        print(f"labels: {seconds()} CPU seconds", flush=True)
    else:
        sample = load_sample(generator, labels)
    about = dict(torch=torch.__version__.split("+")[0])
    if "flows" in options.only:
        flows = {}
        for where in PLACES:
            with tqdm(total=options.flow_steps, desc=f"flow of {where}") as bar:
                flows[where] = styleflow.fit(sample, where, options.flow_steps,
                                             tick=lambda step, loss: bar.update())        # noqa: B023
            print(f"flow of {where}, given {', '.join(flows[where].names)}", flush=True)
        took = seconds()
        styleflow.save_flows(flows, generator, out / f"{name}.flows.safetensors",
                             about | dict(steps=options.flow_steps, cpu_seconds=took))
        print(f"flows: {took} CPU seconds", flush=True)
    if "rig" in options.only:
        with tqdm(total=options.rig_steps, desc="rig") as bar:
            rig = stylerig.train_rig(sample, predictor, options.rig_steps, tick=lambda step, losses: (
                bar.update(), bar.set_postfix({key: f"{value:.3f}" for key, value in losses.items()})))
        took = seconds()
        stylerig.save_rig(rig, generator, out / f"{name}.rig.safetensors",
                          about | dict(steps=options.rig_steps, cpu_seconds=took))
        print(f"rig: {took} CPU seconds", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
