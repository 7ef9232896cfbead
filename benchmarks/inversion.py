"""How near inversion comes, and what is left after an edit: W, W+, parts, tuned, on validation heads.

    python benchmarks/inversion.py --weights lite64 --baseline nano32-monolithic --heads 50    # hours
    python benchmarks/inversion.py --weights lite64 --heads 4 --steps 50 --tuned 2               # a look

For every head and space: the mean absolute difference to the picture in levels of 255, the distance that the descent
minimizes, the IoU of the mask's large parts with the true ones, the distance of the codes from W, and seconds of
processor time. Then hair, eyes and background are exchanged for those of another face, one at a time:

    outside   levels between picture and edited face, where neither the picture nor the edited face has the part
    mask      share of the pixels there whose part is still the true one
    leak      mean change there over mean change where one of them has it, edited against inverted face; the median
    realism   kernel distance x 1000 of all edited faces to the real heads on EfficientNet-Lite2, which no loss uses

The mask of the inverted face has no say in where "there" is: a method whose hair paints the wall behind would else be
excused for whatever happens to the wall.

Below the table, parts against W+ head by head: mean difference and its standard error. Numbers of fewer than 50 heads
are a look, not a measurement; kernel distances of a few dozen faces are noise.
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
from ssgan_lite.invert import PictureDistance, code_prior, first_guess, load_part_encoder, project, tune
from ssgan_lite.invert.project import part_iou
from ssgan_lite.measure.distances import kernel_distance
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import to_levels
from ssgan_lite.weights import encoder_of, load_pretrained

EDITED = ("hair", "eyes", "background")
LARGE = [part.name for part in PARTS if part.size == "large"]
BATCH = 4               # heads that are fitted at once; each as if it were alone


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
    print(f"{options.heads} validation heads, {options.steps} steps, {torch.get_num_threads()} threads")
    summary = {space: {name: mean_of(name, values) for name, values in row.items()} for space, row in table.items()}
    print(f"{'':20}" + "".join(f"{space:>18}" for space in summary))
    for name in next(iter(summary.values())):
        print(f"{name:20}" + "".join(f"{'' if row.get(name) is None else f'{row[name]:.3f}':>18}"
                                     for row in summary.values()))
    print("\nparts less W+, head by head")
    for name, values in table["parts"].items():
        difference = np.array(values) - np.array(table["w+"][name])
        if len(difference) > 1 and not np.isnan(difference).all():
            print(f"{name:20}{np.nanmean(difference):>+10.3f} +- "
                  f"{np.nanstd(difference) / (~np.isnan(difference)).sum()**0.5:.3f}")
    if options.out:
        options.out.write_text(json.dumps(dict(summary=summary, heads=table), indent=1) + "\n")


def mean_of(name: str, values: list[float]) -> float | None:
    """Means over the faces; of leaks, the median."""
    if not values or np.isnan(values).all():
        return None
    return float((np.nanmedian if name.endswith("leak") else np.nanmean)(values))


def measure(weights: str, options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Numbers of every head: space -> name -> values."""
    G = load_pretrained(weights).requires_grad_(False)
    semantic = G.config.architecture == "semantic"
    heads = open_dataset("heads", size=G.config.size, split="val")
    n = min(options.heads, len(heads))
    images, masks = heads.image_batch(range(n)), heads.masks[:n].long()
    network, judge = FrozenFeatures(), EfficientNetLite2()
    real = features_of(open_dataset("heads", size=G.config.size, split="train").images[:512], judge)
    encoders = encoder_of(weights), load_part_encoder(weights, G.config) if semantic else None
    look = Look(G, images, masks, real, judge, network)
    table = {"mean face": look([G] * n, G.layout.to_w_plus(G.mean_w.expand(n, -1)), 0.0)}
    start = None
    if semantic and any(encoders):
        began = time.process_time()
        start = torch.cat([first_guess(G, images[i:i + 1], masks[i:i + 1], *encoders, network) for i in range(n)])
        table["encoder"] = look([G] * n, start, (time.process_time() - began) / n)
    for space in ("w", "w+", "parts") if semantic else ("w", "w+"):
        began, codes = time.process_time(), []
        for i in range(0, n, BATCH):
            some = slice(i, i + BATCH)
            codes.append(project(G, images[some], masks[some], space, None if start is None else start[some],
                                 steps=options.steps, progress=False, network=network).codes)
        codes = torch.cat(codes)
        table[space] = look([G] * n, codes, (time.process_time() - began) / n)
        print(f"{weights}: {space} done", flush=True)
    k = n if options.tuned is None else min(options.tuned, n)
    began = time.process_time()
    tuned = [tune(G, codes[i:i + 1], images[i:i + 1], masks[i:i + 1], steps=options.tune_steps, progress=False,
                  network=network).generator for i in range(k)]
    if k:
        table["tuned"] = look(tuned, codes[:k], (time.process_time() - began) / k)
    return table


class Look:
    """All numbers of faces that were found."""

    def __init__(self, G, images, masks, real, judge, network):
        self.G, self.images, self.masks, self.real, self.judge, self.network = G, images, masks, real, judge, network

    @torch.no_grad()
    def __call__(self, generators, codes, seconds: float) -> dict[str, list[float]]:
        G, prior, faces = self.G, code_prior(self.G), []
        semantic = G.config.architecture == "semantic"
        names = ["levels", "distance", "large IoU", "from W", "seconds"]
        found: dict[str, list[float]] = {name: [] for name in names + [
            f"{part} {what}" for part in EDITED if semantic for what in ("outside", "mask", "leak")] + ["realism"]}
        for i, (generator, w) in enumerate(zip(generators, codes.split(1), strict=False)):
            image, truth = self.images[i:i + 1], self.masks[i]
            before = generator(w)
            found["levels"].append(float((before.image.clamp(-1, 1) - image).abs().mean() * 127.5))
            found["distance"].append(float(PictureDistance(image, network=self.network)(before.image)))
            iou = part_iou(before.mask[0].argmax(0), truth, G.config.parts)
            found["large IoU"].append(float(np.mean([iou[name] for name in LARGE if name in iou])))
            found["from W"].append(float(prior.distance(w).mean()))
            found["seconds"].append(seconds)
            for part in EDITED if semantic else ():
                donor = G.layout.to_w_plus(G.mapping(G.sample_z(1, 1000 + i)))
                edited, number = w.clone(), G.config.part_id(part)
                edited[:, G.layout[part]] = donor[:, G.layout[part]]
                after = generator(edited)
                ids = after.mask[0].argmax(0)
                region = (truth == number) | (ids == number)
                change = (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().mean(1)[0]
                far = (after.image.clamp(-1, 1) - image).abs().mean(1)[0] * 127.5
                inside = float(change[region].mean()) if region.any() else 0.0
                found[f"{part} outside"].append(float(far[~region].mean()))
                found[f"{part} mask"].append(float((ids == truth)[~region].float().mean()))
                found[f"{part} leak"].append(float(change[~region].mean()) / inside if inside else float("nan"))
                faces.append(to_levels(after.image))
        if len(faces) >= 8:
            found["realism"] = [kernel_distance(features_of(torch.cat(faces), self.judge), self.real,
                                                subsets=2).value]
        return found


if __name__ == "__main__":
    main()
