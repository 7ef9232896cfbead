"""Training the two predictors of attributes, a quarter of an hour of one core, most of it for the features.

    python -m ssgan_lite.measure.make_attributes --out data/measure

writes `attributes-lite0.safetensors` and `attributes-lite2.safetensors`, each with a .json that says how well every
attribute is read on the validation split. They must be made again when the heads change; then `python -m
ssgan_lite.assets` lists them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import (
    ATTRIBUTES,
    BACKBONES,
    AttributePredictor,
    features_for,
    save_predictor,
    true_attributes,
)
from ssgan_lite.measure.make_parser import augment

SIZES = (64, 32)             # pictures of the models that ship
LEAST_CORRELATION = 0.7      # of a number, on the validation split, for the attribute to be kept
LEAST_AUC = 0.85             # of what is there or not


@torch.no_grad()
def features(network: torch.nn.Module, data: Dataset, size: int, bar: tqdm, batch: int = 32) -> Tensor:
    """Features [N, D] of all heads at this size."""
    found = []
    for rows in torch.arange(len(data)).split(batch):
        image = data.image_batch(rows, torch.zeros(len(rows), dtype=torch.bool))
        found.append(features_for(network, F.avg_pool2d(image, image.shape[-1] // size)))
        bar.update(len(rows))
    return torch.cat(found)


@torch.no_grad()
def disturbed(network: torch.nn.Module, data: Dataset, bar: tqdm, batch: int = 32) -> Tensor:
    """Features [N, D] of all heads mirrored, blurred, tinted and grained as for the parser, half of them at 32 px."""
    generator, found = torch.Generator().manual_seed(0), []
    for number, rows in enumerate(torch.arange(len(data)).split(batch)):
        image = augment(data.image_batch(rows, torch.ones(len(rows), dtype=torch.bool)), generator)
        found.append(features_for(network, F.avg_pool2d(image, image.shape[-1] // SIZES[number % 2])))
        bar.update(len(rows))
    return torch.cat(found)


def targets(data: Dataset, mirrored: bool) -> Tensor:
    """True attributes [N, A] in units; those with a direction change their sign in a mirrored picture."""
    values = torch.from_numpy(true_attributes(data))
    return values * torch.tensor([a.mirrored if mirrored else 1 for a in ATTRIBUTES], dtype=torch.float64)


def train_predictor(backbone: str, x: Tensor, y: Tensor, epochs: int = 30, seed: int = 0) -> AttributePredictor:
    """Squared error of standardized attributes; x: [n, D] features, y: [n, A] in units, NaN where unknown."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        predictor = AttributePredictor(backbone, tuple(a.name for a in ATTRIBUTES))
        reader = predictor.reader.train()
        known = ~y.isnan()
        mean, std = np.nanmean(y.numpy(), 0), np.nanstd(y.numpy(), 0)
        reader.mean.copy_(torch.from_numpy(mean)), reader.std.copy_(torch.from_numpy(std))
        reader.offset.copy_(x.mean(0)), reader.scale.copy_(x.std(0) + 1e-3)
        goal = torch.where(known, (y - torch.from_numpy(mean)) / torch.from_numpy(std), 0.0).float()
        for layer in (reader.linear, reader.mlp[2]):
            torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
        # A column of the linear map sums thousands of inputs: its step must be so much smaller.
        optimizer = torch.optim.AdamW([dict(params=reader.linear.parameters(), lr=1e-4, weight_decay=3.0),
                                       dict(params=reader.mlp.parameters(), lr=3e-4, weight_decay=3.0)])
        steps = epochs * (len(x) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [1e-4, 3e-4], total_steps=steps, pct_start=0.1)
        for _ in range(epochs):
            for rows in torch.randperm(len(x))[:len(x) // 64 * 64].split(64):
                inputs = F.dropout(((x[rows] - reader.offset) / reader.scale).clamp(-8, 8), 0.3)
                scores = reader.linear(inputs) + reader.mlp(inputs)
                loss = ((scores - goal[rows]).square() * known[rows]).sum() / known[rows].sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return predictor.eval()


@torch.no_grad()
def accuracy(predictor: AttributePredictor, x: Tensor, y: Tensor) -> dict[str, dict]:
    """How well each attribute is read: R^2 and correlation of numbers, balanced accuracy and AUC of yes or no."""
    scores, found = predictor.reader(x).double(), {}
    for column, attribute in enumerate(ATTRIBUTES):
        if attribute.name not in predictor.names:
            continue
        known = ~y[:, column].isnan()
        read = predictor.in_units(scores)[known, predictor.index(attribute.name)].numpy()
        true = y[known, column].numpy()
        if attribute.is_number:
            r2 = 1 - np.mean((read - true) ** 2) / np.var(true)
            found[attribute.name] = dict(r2=round(float(r2), 3),
                                         correlation=round(float(np.corrcoef(read, true)[0, 1]), 3))
        else:
            yes, no = read[true == 1], read[true == 0]
            auc = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
            edge = true.mean() / 2 + 0.25                   # between the readings' two centers, which shrink
            balanced = ((yes > edge).mean() + (no <= edge).mean()) / 2
            found[attribute.name] = dict(auc=round(float(auc), 3), balanced_accuracy=round(float(balanced), 3))
    return found


def well_read(values: dict) -> bool:
    """Is an attribute with this accuracy kept?"""
    return values.get("correlation", 0) >= LEAST_CORRELATION or values.get("auc", 0) >= LEAST_AUC


def keep(predictor: AttributePredictor, names: list[str]) -> AttributePredictor:
    """The same predictor with some of its attributes."""
    kept = AttributePredictor(predictor.backbone, tuple(names))
    columns = [predictor.index(name) for name in names]
    outputs = {"linear.weight", "linear.bias", "mlp.2.weight", "mlp.2.bias", "mean", "std"}
    kept.reader.load_state_dict({name: tensor[columns] if name in outputs else tensor
                                 for name, tensor in predictor.reader.state_dict().items()})
    return kept.eval()


def make(epochs: int = 30, seed: int = 0, quiet: bool = False) -> list[AttributePredictor]:
    """Both predictors, with their accuracy; an attribute is kept where both read it well at 64 pixels."""
    train, val = (open_dataset("heads", SIZES[0], split) for split in ("train", "val"))
    made = []
    for backbone in BACKBONES:
        network = AttributePredictor(backbone, ()).network
        began, total = time.process_time(), 2 * len(train) + len(SIZES) * len(val)
        with tqdm(total=total, desc=f"{backbone}: features", unit="head", disable=quiet) as bar:
            x = torch.cat([features(network, train, SIZES[0], bar), disturbed(network, train, bar)])
            y = torch.cat([targets(train, mirrored) for mirrored in (False, True)])
            check = {size: features(network, val, size, bar) for size in SIZES}
        predictor = train_predictor(backbone, x, y, epochs, seed)
        predictor.reader.half().float()                     # measured as it is stored
        truth = targets(val, False)
        made.append((predictor, {size: accuracy(predictor, check[size], truth) for size in SIZES},
                     time.process_time() - began))
    names = [a.name for a in ATTRIBUTES if all(well_read(found[SIZES[0]][a.name]) for _, found, _ in made)]
    result = []
    for predictor, found, seconds in made:
        kept = keep(predictor, names)
        kept.about = {name: {str(size): found[size][name] for size in SIZES} for name in names}
        kept.record = dict(
            trained_on=f"heads, train, {len(train)} faces", validated_on=f"heads, val, {len(val)} faces",
            epochs=epochs, seed=seed, cpu_seconds=round(seconds), torch=torch.__version__,
            left_out={a.name: found[SIZES[0]][a.name] for a in ATTRIBUTES if a.name not in names})
        result.append(kept)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Train both, measure them on the validation split, write them."""
    options = argparse.ArgumentParser(description="Train the two predictors of attributes on the heads.")
    options.add_argument("--out", type=Path, required=True, help="the folder to write to")
    options.add_argument("--epochs", type=int, default=30, help="(default: %(default)s)")
    options.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    options.add_argument("--force", action="store_true", help="replace files that exist")
    chosen = options.parse_args(arguments)
    try:
        places = {name: chosen.out / f"attributes-{name}" for name in BACKBONES}
        for place in places.values():
            if place.with_suffix(".safetensors").exists() and not chosen.force:
                raise UserError(f'"{place}.safetensors" exists. Choose another --out, or add --force to replace it.')
        if chosen.epochs < 1:
            raise UserError(f"--epochs must be at least 1, not {chosen.epochs}.")
        predictors = make(chosen.epochs, chosen.seed)
        for predictor in predictors:
            save_predictor(predictor, places[predictor.backbone])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for predictor in predictors:
        print(f"{predictor.backbone}, {predictor.record['validated_on']}:")
        for name, by_size in {**predictor.about, **{n: {"left out": v} for n, v in
                                                    predictor.record["left_out"].items()}}.items():
            print(f"  {name:22}", "   ".join(f"{size}: " + ", ".join(f"{k} {v}" for k, v in values.items())
                                             for size, values in by_size.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
