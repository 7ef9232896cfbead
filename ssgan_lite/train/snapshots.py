"""Snapshots: the averaged generator during training, in half precision, kept for curves and time-lapses.

    snapshots/000000512.safetensors, .json    the generator after 512 images, in half precision
             /000000512.png                   sixteen samples, the same seeds every time
             /networks/000000512.*            all networks, to train on from (`networks.py`)

A checkpoint, in contrast, holds the whole state, is needed to resume, and is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ssgan_lite import assets
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import sample_sheet
from ssgan_lite.storage import atomic_write, user_path
from ssgan_lite.train.networks import save_networks
from ssgan_lite.train.state import TrainingState
from ssgan_lite.weights import load_pretrained, save_weights

SAMPLE_SEEDS = range(16)
FIRST = 500                      # of the doubling schedule: 0, 500, 1000, 2000, 4000, ...
FOLDER = "weights/snapshots"     # of the data tree: NAME/000000512.safetensors, those that ship


@dataclass(frozen=True)
class Schedule:
    """When snapshots are taken: after these numbers of images or `doubling`, and also every `every` images."""

    points: tuple[int, ...] = ()
    doubling: bool = False
    every: int = 0

    @classmethod
    def parse(cls, text: str, every: int = 0) -> Schedule:
        """"doubling", "none" or a list such as "0,500,1000,2000"."""
        words = text.strip().lower()
        if every < 0:
            raise UserError(f"snapshot_every must not be negative, but is {every}.")
        if words in ("", "none"):
            return cls(every=every)
        if words == "doubling":
            return cls(doubling=True, every=every)
        try:
            points = tuple(sorted({int(word.replace("_", "")) for word in words.split(",")}))
        except ValueError:
            points = (-1,)
        if points[0] < 0:
            raise UserError(f'"{text}" says nothing about snapshots. Write "doubling" (0, {FIRST}, {2 * FIRST}, '
                            f'{4 * FIRST}, ... images), "none", or a list such as "0,1000,5000".')
        return cls(points, every=every)

    def due(self, before: int, after: int) -> bool:
        """Is a snapshot due after `after` images? before: images at the step before, -1 if there was none."""
        if self.every > 0 and after // self.every > max(before, 0) // self.every:
            return True
        if any(before < point <= after for point in self.points):
            return True
        if not self.doubling:
            return False
        # The last point reached: 0 or FIRST times a power of two.
        reached = 0 if after < FIRST else FIRST << ((after // FIRST).bit_length() - 1)
        return before < reached


def save_snapshot(trainer: TrainingState, folder: Path, networks: bool = False) -> Path:
    """Write a snapshot; returns the generator's file. If a weight is NaN nothing is written."""
    trainer.require_finite()
    path = folder / f"{trainer.images_seen:09d}.safetensors"
    trainer.G_ema.update_mean_w()
    save_weights(trainer.G_ema, path, {"images": trainer.images_seen}, torch.float16)
    save_sheet(trainer, path.with_suffix(".png"))
    if networks:
        save_networks(trainer, folder / "networks" / path.name)
    return path


def save_sheet(trainer: TrainingState, path: Path) -> None:
    """Write sixteen samples, the same seeds every time, so that sheets can be compared."""
    sheet = sample_sheet(trainer.G_ema, SAMPLE_SEEDS, scale=max(1, 64 // trainer.model_config.size))
    with atomic_write(path) as temporary:
        sheet.save(temporary, "PNG")


def find_snapshots(where: str | Path) -> dict[int, Path]:
    """Images seen -> file, in order: in a run's folder, a folder of snapshots, or of a name that ships ("nano32").

    The final weights of a run, or those that ship under the same name, count as its last snapshot.
    """
    folder, last = user_path(where), None
    if folder.is_dir():
        inner = folder / "snapshots"
        paths = list((inner if inner.is_dir() else folder).glob("*.safetensors"))
        last = folder / "weights.safetensors"
    else:
        paths = _listed(str(where))
        last = next((path.parents[2] / f"{where}.safetensors" for path in paths), None)
    found = {int(path.stem): path for path in sorted(paths) if path.stem.isdigit()}
    if found and last is not None and last.is_file():
        images = load_pretrained(last).record.get("images", 0)
        if images > max(found):
            found[images] = last
    if not found:
        raise UserError(f'There are no snapshots in "{where}". A run takes them with --snapshots doubling.')
    return found


def open_snapshots(where: str | Path, device: str | torch.device = "cpu") -> dict[int, torch.nn.Module]:
    """Images seen -> generator in eval mode, from the first snapshot to the last: `open_snapshots("nano32")`."""
    return {images: load_pretrained(path, device) for images, path in find_snapshots(where).items()}


def _listed(name: str) -> list[Path]:
    if Path(name).name != name:
        return []
    paths = assets.find_all(f"{FOLDER}/{name}/*.safetensors")
    for path in paths:
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    return paths
