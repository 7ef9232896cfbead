"""Both networks and the average on disk, in half precision: what it takes to train on from a place, and no more.

    name.safetensors     the tensors of G (as trained), D and G_ema (averaged), named "G/local.weight", ...
    name.json            model, recipe, images seen, and the sum of the tensor file

A checkpoint holds the optimisers too, in full precision, and is eight times as large: it goes on bit for bit. From
networks one goes on nearly as well, because Adam without momentum finds its step sizes within a hundred steps.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.storage import load_tensors, read_description, save_tensors
from ssgan_lite.train.state import NETWORKS
from ssgan_lite.train.trainer import Trainer

FORMAT = "ssgan-lite networks 1"
NEEDS = {"model": dict, "recipe": dict, "images": int}
FOLDER = "weights/training"          # of the data tree: where networks that ship lie


@dataclass(frozen=True)
class Networks:
    """The weights of three networks, and where in a run they were."""

    model: ModelConfig
    config: TrainConfig          # the recipe that they were trained with
    images: int                  # how many images had been seen
    states: dict[str, dict[str, Tensor]]          # of G, D and G_ema
    record: dict                 # what else is known of the run
    source: str                  # where they were read from, for messages

    def __repr__(self) -> str:
        return f"Networks({self.source}: G, D and G_ema of {self.model.size} px after {self.images:,} images)"


def save_networks(trainer: Trainer, path: str | os.PathLike, record: dict | None = None,
                  dtype: torch.dtype = torch.float16) -> None:
    """Write `path` (.safetensors) and the .json beside it."""
    state = {f"{name}/{key}": tensor.to(dtype)
             for name in NETWORKS for key, tensor in getattr(trainer, name).state_dict().items()}
    save_tensors(path, state, FORMAT, dict(model=trainer.model_config.to_dict(),
                                           recipe=dataclasses.asdict(trainer.config), images=trainer.images_seen,
                                           record=record or {}))


def load_networks(name_or_path: str | os.PathLike) -> Networks:
    """Networks that ship, by name ("nano32-early"), or those in a file (.safetensors) with its .json beside it."""
    path = Path(name_or_path)
    if not (path.suffix or len(path.parts) > 1):
        if (known := shipped_networks()) and str(name_or_path) not in known:
            raise UserError(f'No networks called "{name_or_path}" are here. {suggest(str(name_or_path), known)}')
        path = assets.find(f"{FOLDER}/{name_or_path}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    state, description = load_tensors(path, FORMAT, NEEDS)
    states: dict[str, dict[str, Tensor]] = {name: {} for name in NETWORKS}
    for key, tensor in state.items():
        network, _, name = key.partition("/")
        if network not in states:
            raise UserError(f'"{path}" holds "{key}", which belongs to none of {", ".join(NETWORKS)}.')
        states[network][name] = tensor.float()
    return Networks(ModelConfig.from_dict(description["model"]), TrainConfig(**description["recipe"]),
                    int(description["images"]), states, description.get("record", {}), str(name_or_path))


def describe_networks(path: Path) -> dict:
    """The .json beside networks; what is not one is a `UserError`."""
    return read_description(path, FORMAT, NEEDS)


def is_networks(path: Path) -> bool:
    """Does a .safetensors file hold networks, rather than a generator alone?"""
    if path.suffix != ".safetensors":
        return False
    try:
        return bool(describe_networks(path))
    except UserError:
        return False


def shipped_networks() -> list[str]:
    """The names that `load_networks` knows here: what the manifest lists."""
    return assets.listed(f"{FOLDER}/*.safetensors")
