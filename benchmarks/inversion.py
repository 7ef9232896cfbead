"""How near inversion comes, and what is left after an edit: W, W+, parts, tuned, on validation heads.

    python benchmarks/inversion.py --weights lite64 --baseline lite64-monolithic --heads 50      # as published
    python benchmarks/inversion.py --weights lite64 --heads 4 --steps 50 --tuned 2               # a look

For every head and space: the mean absolute difference to the picture in levels of 255, the IoU of the mask's large
parts with the true ones, the distance of the codes from W, and seconds. Then hair, eyes and background are exchanged
for those of another face, one at a time:

    outside   levels between the picture and the edited face, outside of the part (before and after)
    leak      mean change outside of the part over mean change inside, the edited face against the inverted one
    realism   kernel distance x 1000 of all edited faces to the real heads on EfficientNet-Lite2, which no loss uses

Numbers of fewer than 50 heads are a look, not a measurement; kernel distances of a few dozen faces are noise.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from ssgan_lite.data import open_dataset
from ssgan_lite.features import EfficientNetLite2, FrozenFeatures, features_of
from ssgan_lite.invert import first_guess, load_part_encoder, project, tune
from ssgan_lite.invert.project import part_iou
from ssgan_lite.measure.distances import kernel_distance
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import to_levels
from ssgan_lite.weights import encoder_of, load_pretrained

EDITED = ("hair", "eyes", "background")
LARGE = [part.name for part in PARTS if part.size == "large"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lite64")
    parser.add_argument("--baseline", default="", help="a monolithic model, of which only the fit is measured")
    parser.add_argument("--heads", type=int, default=50)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--tune-steps", type=int, default=100)
    parser.add_argument("--tuned", type=int, default=None, help="how many of the heads are tuned (default: all)")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    options = parser.parse_args()
    table = measure(options.weights, options)
    if options.baseline:
        table |= {f"baseline {name}": row for name, row in measure(options.baseline, options).items()}
    names = list(next(iter(table.values())))
    print(f"{options.heads} validation heads, {options.steps} steps, {torch.get_num_threads()} threads")
    print(f"{'':16}" + "".join(f"{name:>20}" for name in names))
    for space, row in table.items():
        print(f"{space:16}" + "".join(f"{'' if row[name] is None else f'{row[name]:.3f}':>20}" for name in names))
    if options.out:
        options.out.write_text(json.dumps(table, indent=1) + "\n")


def measure(weights: str, options: argparse.Namespace) -> dict[str, dict]:
    G = load_pretrained(weights).requires_grad_(False)
    semantic = G.config.architecture == "semantic"
    heads = open_dataset("heads", size=G.config.size, split="val")
    n = min(options.heads, len(heads))
    images, masks = heads.image_batch(range(n)), heads.masks[:n].long()
    network, judge = FrozenFeatures(), EfficientNetLite2()
    real = features_of(open_dataset("heads", size=G.config.size, split="train").images[:512], judge)
    encoders = encoder_of(weights), load_part_encoder(weights, G.config) if semantic else None
    mean_face = float((G(G.mean_w[None]).image.clamp(-1, 1) - images).abs().mean() * 127.5)
    table = {"mean face": dict(_empty(), levels=mean_face)}
    starts, seconds = [], 0.0
    if semantic and any(encoders):
        for i in range(n):
            began = time.perf_counter()
            starts.append(first_guess(G, images[i:i + 1], masks[i:i + 1], *encoders, network))
            seconds += time.perf_counter() - began
        table["encoder"] = _row(G, [G] * n, starts, images, masks, seconds / n, real, judge)
    for space in ("w", "w+", "parts") if semantic else ("w", "w+"):
        codes, began = [], time.perf_counter()
        for i in range(n):
            start = starts[i] if starts else None
            codes.append(project(G, images[i:i + 1], masks[i:i + 1], space, start=start, steps=options.steps,
                                 progress=False, network=network).codes)
        table[space] = _row(G, [G] * n, codes, images, masks, (time.perf_counter() - began) / n, real, judge)
    k = n if options.tuned is None else min(options.tuned, n)
    began = time.perf_counter()
    tuned = [tune(G, codes[i], images[i:i + 1], masks[i:i + 1], steps=options.tune_steps, progress=False,
                  network=network).generator for i in range(k)]
    if k:
        table["tuned"] = _row(G, tuned, codes[:k], images[:k], masks[:k], (time.perf_counter() - began) / k, real,
                              judge)
    return table


def _empty() -> dict:
    names = ["levels", "large IoU", "seconds"]
    return dict.fromkeys(names + [f"{part} {what}" for part in EDITED for what in ("outside", "leak")] + ["realism"])


@torch.no_grad()
def _row(G, generators, codes, images, masks, seconds: float, real, judge) -> dict:
    """Means over the faces; of leaks, the median."""
    row, faces = _empty() | dict(seconds=seconds), []
    semantic = G.config.architecture == "semantic"
    found: dict[str, list[float]] = {name: [] for name in row}
    for i, (generator, w) in enumerate(zip(generators, codes, strict=True)):
        before = generator(w)
        found["levels"].append(float((before.image.clamp(-1, 1) - images[i]).abs().mean() * 127.5))
        iou = part_iou(before.mask[0].argmax(0), masks[i], G.config.parts)
        found["large IoU"].append(float(np.mean([iou[name] for name in LARGE if name in iou])))
        for part in EDITED if semantic else ():
            donor = G.layout.to_w_plus(G.mapping(G.sample_z(1, 1000 + i)))
            edited, number = w.clone(), G.config.part_id(part)
            edited[:, G.layout[part]] = donor[:, G.layout[part]]
            after = generator(edited)
            region = (masks[i] == number) | (before.mask[0].argmax(0) == number) | (after.mask[0].argmax(0) == number)
            change = (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().mean(1)[0]
            far = (after.image.clamp(-1, 1) - images[i]).abs().mean(1)[0] * 127.5
            found[f"{part} outside"].append(float(far[~region].mean()))
            if region.any() and change[region].mean() > 0:
                found[f"{part} leak"].append(float(change[~region].mean() / change[region].mean()))
            faces.append(to_levels(after.image))
    for name, values in found.items():
        if values:
            row[name] = float(np.median(values) if name.endswith("leak") else np.mean(values))
    if len(faces) >= 8:
        row["realism"] = kernel_distance(features_of(torch.cat(faces), judge), real, subsets=2).value
    return row


if __name__ == "__main__":
    main()
