"""Quality against parts with one training budget: the same street scenes, told apart into 5, 13 or 30 parts.

    nice -n 10 python benchmarks/parts_quality.py --work runs/parts --figure benchmarks/parts_quality.png

Each run is `nano32` with the parts of its data, trained by the first phase of the two-core recipe (reconstruct) on
the same pictures in the same order; what a variant changes is in VARIANTS. A run that is in the JSON file already is
not repeated, and one that was stopped goes on, so the command may be given again at any time.

Measured on the validation scenes, each encoded and drawn again, from one confusion matrix of part ids: the IoU of
every part, and that of the 13 and 5 parts into which finer ones are merged afterwards. On samples from noise: in
which share of them a part is drawn (`measure.masks.part_frequencies`). Of the softmax over depths: the share of the
winner, and the effective number of parts at a position, exp(entropy).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.config import ModelConfig, preset, recipe
from ssgan_lite.data import open_dataset
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.prepare import prepare
from ssgan_lite.data.street_parts import CLASSES, DRAWN, drawn_parts
from ssgan_lite.data.streets import plan
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.measure.masks import part_areas, part_frequencies
from ssgan_lite.model.encoder import pool_features, pool_mask
from ssgan_lite.storage import write_text
from ssgan_lite.train import RunOptions, Trainer, train

SCENES, SIZE, SAMPLES = 2000, 32, 256
GROUPS = {"sky": "sky", **{c.name: c.group for c in CLASSES}}              # the 8 of Cityscapes, for drawn classes
# name -> number of parts, which parts share a generator, changes of the recipe
VARIANTS: dict[str, tuple[int, str, dict]] = {
    "5": (5, "", {}),
    "13": (13, "", {}),
    "30": (30, "", {}),
    "30, one generator": (30, "one", {}),
    "30, one per group": (30, "groups", {}),
    "30, areas": (30, "", dict(area_weight=0.1)),
    "30, not balanced": (30, "", dict(balance=0.0)),
    "13, one generator": (13, "one", {}),
}


def model_of(n_parts: int, sharing: str) -> ModelConfig:
    """`nano32` with the parts of drawn scenes; sharing: "", "one" or "groups"."""
    names = drawn_parts(n_parts).names
    shared = {"": (), "one": ("one",) * n_parts, "groups": tuple(GROUPS.get(name, name) for name in names)}[sharing]
    return preset("nano32").replace(parts=names, transparent=(), shared=shared)


def scenes(n_parts: int, work: Path) -> str:
    """The name of the data set, drawn if it is not there."""
    folder = work / f"scenes{n_parts}"
    if not (folder / "dataset.json").is_file():
        prepare(plan(n_parts, SCENES, SIZE), folder, quiet=True)
    return f"streets:{folder}"


def run(name: str, images: int, work: Path) -> dict:
    """Train one variant, or go on with it, and measure it."""
    n_parts, sharing, changes = VARIANTS[name]
    config = recipe("nano32").replace(images=images, reconstruct_images=10**9, **changes)
    out, data = work / name.replace(", ", "-").replace(" ", "-"), scenes(n_parts, work)
    options = RunOptions(out=out, data=data, device="cpu", quiet=True, snapshots="none", checkpoint_every=1_000,
                         keep_checkpoints=0, sample_every=images, resume=(out / "checkpoint.pt").is_file())
    trainer = train(options, config, model=model_of(n_parts, sharing))
    if trainer.images_seen < images:
        raise SystemExit(f"{name} was stopped after {trainer.images_seen:,} images; the same command goes on.")
    return dict(n_parts=n_parts, sharing=sharing, images=images, changes=changes,
                parameters=sum(p.numel() for p in trainer.G.parameters()),
                local=sum(p.numel() for p in trainer.G.local.parameters()),
                **measure(trainer, open_dataset(data, SIZE, "val")))


@torch.no_grad()
def measure(trainer: Trainer, data: Dataset) -> dict:
    """Everything that the head of this file names."""
    G, n = trainer.G_ema, len(data.parts)
    confusion, error, shares, kinds = np.zeros((n, n)), [], [], []
    frozen = FrozenFeatures()
    for rows in torch.arange(len(data)).split(16):
        image, mask = data.batch(rows)
        z = trainer.encoder(pool_features(frozen(image)), pool_mask(mask)).mean
        out = G(G.mapping(z))
        real, drawn = data.masks[rows].long().flatten(), out.mask.argmax(1).flatten()
        confusion += torch.bincount(real * n + drawn, minlength=n * n).view(n, n).numpy()
        error.append(float((out.image.clamp(-1, 1) - image).abs().mean()) * 127.5)
        p = torch.softmax(out.depths, 1)
        shares.append(float(p.amax(1).mean()))
        kinds.append(float(torch.exp(-(p * p.clamp_min(1e-12).log()).sum(1)).mean()))
    generated = torch.cat([part_areas_of(G, range(i, i + 32)) for i in range(0, SAMPLES, 32)]).numpy()
    drawn = part_frequencies(generated, part_areas(data.masks, n), data.parts)
    real = part_areas(data.masks, n)
    iou = intersection_over_union(confusion)
    merged = {m: merge(confusion, n, m) for m in (30, 13, 5) if m <= n}
    return dict(
        levels=round(float(np.mean(error)), 2), winner=round(float(np.mean(shares)), 4),
        kinds=round(float(np.mean(kinds)), 3),
        iou={m: round(float(np.nanmean(intersection_over_union(c))), 4) for m, c in merged.items()},
        pixels={m: round(float(np.trace(c) / c.sum()), 4) for m, c in merged.items()},
        parts={name: dict(area=round(float(real[:, i].sum() / real.sum()), 5), iou=round(float(iou[i]), 4),
                          images=round(float((real[:, i] > 0).mean()), 3), drawn=round(drawn[name]["drawn"], 3),
                          real_drawn=round(drawn[name]["real_drawn"], 3), dead=bool(drawn[name]["dead"]))
               for i, name in enumerate(data.parts)})


def part_areas_of(generator: torch.nn.Module, seeds: range) -> Tensor:
    """How many pixels each part has in scenes from noise: [N, P]."""
    z = torch.cat([generator.sample_z(1, seed) for seed in seeds])
    return torch.from_numpy(part_areas(generator(generator.mapping(z)).mask.argmax(1), generator.config.n_parts))


def merge(confusion: np.ndarray, fine: int, coarse: int) -> np.ndarray:
    """Counts of fine parts as counts of the coarser ones: [fine, fine] -> [coarse, coarse]."""
    to = {DRAWN[fine][name]: DRAWN[coarse][name] for name in DRAWN[30]}
    table = np.array([drawn_parts(coarse)[to[name]].id for name in drawn_parts(fine).names])
    onto = np.eye(coarse)[table]                                                               # [fine, coarse]
    return onto.T @ confusion @ onto


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """Of every part, from counts [real, drawn]: [P]; NaN for a part that is nowhere."""
    both = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - both
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def table(found: dict[str, dict]) -> str:
    """The runs as text."""
    lines = [f"{'run':<20}{'generator':>10}{'local':>9}{'levels':>8}{'IoU of 30':>11}{'of 13':>7}"
             f"{'of 5':>7}{'pixels of 5':>13}{'dead':>6}{'winner':>8}{'kinds':>7}"]
    for name, row in found.items():
        iou = "".join(f"{row['iou'].get(str(m), float('nan')):>{width}.3f}".replace("nan", "  -")
                      for m, width in ((30, 11), (13, 7), (5, 7)))
        lines.append(f"{name:<20}{row['parameters']:>10,}{row['local']:>9,}{row['levels']:>8.1f}"
                     f"{iou}{row['pixels']['5']:>13.3f}{sum(p['dead'] for p in row['parts'].values()):>6}"
                     f"{row['winner']:>8.2f}{row['kinds']:>7.2f}")
    return "\n".join(lines)


def main() -> int:
    """Train what is missing, one after another; print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--work", type=Path, default=Path("runs/parts"), help="scenes, runs (default: %(default)s)")
    options.add_argument("--images", type=int, default=4_000, help="budget of every run (default: %(default)s)")
    options.add_argument("--only", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), help="some of the runs")
    options.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="the JSON file")
    options.add_argument("--figure", type=Path, help="where to draw it")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    found = json.loads(chosen.out.read_text()) if chosen.out.is_file() else {}
    for name in chosen.only:
        if name not in found:
            found[name] = json.loads(json.dumps(run(name, chosen.images, chosen.work)))
            found = {name: found[name] for name in VARIANTS if name in found}
            write_text(chosen.out, json.dumps(found, indent=1) + "\n")
            print(table({name: found[name]}), flush=True)
    print(table(found))
    if chosen.figure:
        from ssgan_lite.course.many_parts.figures import measured_quality
        measured_quality(found).savefig(chosen.figure, dpi=110, bbox_inches="tight")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
