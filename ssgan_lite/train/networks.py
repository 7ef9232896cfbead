"""Both networks and the average on disk, in half precision: what it takes to train on from a place, and no more.

    name.safetensors     the tensors of G (as trained), D and G_ema (averaged), named "G/local.weight", ...
    name.json            model, recipe, images seen, and the sum of the tensor file

A checkpoint holds the optimisers too, in full precision, and is eight times as large: it goes on bit for bit. From
networks one goes on nearly as well, because Adam without momentum finds its step sizes within a hundred steps.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.storage import atomic_write
from ssgan_lite.train.state import NETWORKS
from ssgan_lite.train.trainer import Trainer

FORMAT = "ssgan-lite networks 1"
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
    path = _with_suffix(path)
    state = {f"{name}/{key}": tensor.detach().to("cpu", dtype).contiguous()
             for name in NETWORKS for key, tensor in getattr(trainer, name).state_dict().items()}
    # Both are written before either takes its place: a pair that does not match is of no use.
    with atomic_write(path.with_suffix(".json")) as json_file, atomic_write(path) as tensor_file:
        tensor_file.write_bytes(save(state))
        description = dict(format=FORMAT, model=trainer.model_config.to_dict(),
                           recipe=dataclasses.asdict(trainer.config), images=trainer.images_seen,
                           sha256=assets.sha256(tensor_file), record=record or {})
        json_file.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def load_networks(name_or_path: str | os.PathLike) -> Networks:
    """Networks that ship, by name ("nano32-early"), or those in a file (.safetensors) with its .json beside it."""
    path = Path(name_or_path)
    if not (path.suffix or len(path.parts) > 1):
        if (known := shipped_networks()) and str(name_or_path) not in known:
            raise UserError(f'No networks called "{name_or_path}" are here. {suggest(str(name_or_path), known)}')
        path = assets.find(f"{FOLDER}/{name_or_path}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    description = describe_networks(path)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}); it is missing or was cut short. Fetch it again.') from None
    if assets.sha256(path) != description["sha256"]:
        raise UserError(f'"{path}" is not the file that "{path.with_suffix(".json").name}" describes: it was changed, '
                        "or the two are from different runs. Fetch both again.")
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
    description = _read(path.with_suffix(".json"))
    if not path.is_file() or description is None:
        raise UserError(f'There are no networks at "{path}": it takes a .safetensors file and the .json beside it.')
    if description.get("format") != FORMAT or not {"model", "recipe", "images", "sha256"} <= set(description):
        raise UserError(f'"{path}" does not hold networks of the kind "{FORMAT}".')
    return description


def is_networks(path: Path) -> bool:
    """Does a .safetensors file hold networks, rather than a generator alone?"""
    return ((_read(path.with_suffix(".json")) or {}).get("format") == FORMAT) if path.suffix == ".safetensors" else False


def shipped_networks() -> list[str]:
    """The names that `load_networks` knows here: what the manifest lists."""
    for root in assets.roots():
        if (root / assets.MANIFEST).is_file():
            listed = [Path(name) for name in assets.read_manifest(root)]
            if names := [name.stem for name in listed if name.match(f"{FOLDER}/*.safetensors")]:
                return sorted(names)
    return []


def _with_suffix(path: str | os.PathLike) -> Path:
    path = Path(path)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def _read(path: Path) -> dict | None:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return description if isinstance(description, dict) else None
