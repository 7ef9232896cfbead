"""All networks of a run on disk, in float16 or int8: what it takes to train on from a place, and no more.

    name.safetensors     the tensors of G (as trained), D, G_ema (averaged) and, where the recipe has them, frozen_D
    and
                         encoder, named "G/local.weight", ...
    name.json            model, recipe, images seen, and the sum of the tensor file

Networks that ship leave out G_ema and the encoder, which lie beside them anyway: weights/training/lite64.safetensors
is completed by weights/lite64.safetensors and weights/encoders/lite64.safetensors. G is then kept as its difference
to G_ema in int8 (`int8.py`), which is half as large. A run whose weights do not ship yet keeps all five, in int8.

A checkpoint holds the optimizers too, in full precision, and is many times as large: it goes on bit for bit. From
networks one goes on nearly as well, because Adam without momentum finds its step sizes within a hundred steps.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ssgan_lite import assets, official
from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.int8 import compress, dequantize, quantize
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.storage import load_tensors, read_description, save_tensors, user_path
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.state import ALWAYS, OPTIONAL, TrainingState
from ssgan_lite.weights import encoder_of, load_pretrained

FORMAT = "ssgan-lite networks 1"
NEEDS = {"model": dict, "recipe": dict, "images": int}
FOLDER = "weights/training"          # of the data tree: where networks that ship lie
BESIDE = ("G_ema", "encoder")        # networks that ship as weights of their own
DIFFERENCE = "G-G_ema"               # of tensors: what is to be added to G_ema for G
MANY = 1e15                          # images; JSON has no infinity


@dataclass(frozen=True)
class Networks:
    """The weights of all networks of a run, and where in it they were; or those of a generator alone."""

    model: ModelConfig
    config: TrainConfig          # the recipe that they were trained with
    images: int                  # how many images had been seen
    states: dict[str, dict[str, Tensor]]          # of G, D and G_ema, perhaps of frozen_D and encoder
    record: dict                 # what else is known of the run
    source: str                  # where they were read from, for messages
    averaged_before: float = 0.0            # images that the average had seen before the run

    def __repr__(self) -> str:
        return (f"Networks({self.source}: {', '.join(self.states)} of {self.model.size} px after {self.images:,} "
                "images)")

    @property
    def whole(self) -> bool:
        """Is all there that it takes to go on, or is it a generator to begin with?

        Before the game the discriminators are as a trainer makes them, and may be left out.
        """
        return "D" in self.states or 0 < self.images <= self.config.reconstruct_images

    @property
    def in_game(self) -> bool:
        """Is phase 1, reconstruct, behind them?"""
        return self.images >= self.config.reconstruct_images


def networks_of(trainer: TrainingState) -> Networks:
    """The networks of a run as they are now; nothing is copied."""
    return Networks(trainer.model_config, trainer.config, trainer.images_seen,
                    {name: network.state_dict() for name, network in trainer.networks.items()}, {}, "this run",
                    trainer.averaged_before)


def save_networks(networks: Networks | TrainingState, path: str | os.PathLike, record: dict | None = None,
                  dtype: torch.dtype = torch.float16, without: Sequence[str] = (), beside: bool = False) -> None:
    """Write `path` (.safetensors) and the .json beside it; without: networks to leave out.

    dtype: float16, or int8, in which G_ema stays float16, for it is what will ship.
    beside: for a folder `training/` below one that holds G_ema, in half precision, and the encoder under the same
    name; these are left out. There and in int8 the difference to G_ema is kept of G.
    """
    if isinstance(networks, TrainingState):
        networks = networks_of(networks)
    states, left_out = networks.states, {*without, *(BESIDE if beside else ())}
    small = dtype == torch.int8 and "G_ema" in states and "G_ema" not in left_out
    if beside or small:
        left_out.add("G")                                                        # kept as a difference, see below
    state = {}
    for name in states.keys() - left_out:
        state |= compress({f"{name}/{key}": tensor for key, tensor in states[name].items()},
                          torch.float16 if small and name == "G_ema" else dtype)
    if beside or small:
        average = states["G_ema"]
        moved = {key: tensor.float() - average[key].to(torch.float16).to(tensor.device).float()
                 for key, tensor in states["G"].items() if key != "mean_w"}              # G has no use for the mean
        state |= quantize({f"{DIFFERENCE}/{key}": tensor for key, tensor in moved.items() if tensor.any()})
    save_tensors(path, state, FORMAT, dict(model=networks.model.to_dict(), recipe=dataclasses.asdict(networks.config),
                                           images=networks.images,
                                           averaged_before=min(networks.averaged_before, MANY), record=record or {}))


def load_networks(name_or_path: str | os.PathLike) -> Networks:
    """Networks that ship, by name ("nano32-early"), or those in a file (.safetensors) with its .json beside it."""
    path = user_path(name_or_path)
    if not (path.suffix or len(path.parts) > 1):
        if (known := shipped_networks()) and str(name_or_path) not in known:
            raise UserError(f'No networks called "{name_or_path}" are here. {suggest(str(name_or_path), known)}')
        path = assets.find(f"{FOLDER}/{name_or_path}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    state, description = load_tensors(path, FORMAT, NEEDS)
    states: dict[str, dict[str, Tensor]] = {}
    for key, tensor in dequantize(state, str(path)).items():
        network, _, name = key.partition("/")
        if network not in (*ALWAYS, *OPTIONAL, DIFFERENCE):
            raise UserError(f'"{path}" holds "{key}", which belongs to none of {", ".join((*ALWAYS, *OPTIONAL))}.')
        states.setdefault(network, {})[name] = tensor.float()
    difference = states.get(DIFFERENCE)
    # A file gives its tensors in any order.
    states = {name: states[name] for name in (*ALWAYS, *OPTIONAL) if name in states}
    found = Networks(ModelConfig.from_dict(description["model"]), TrainConfig(**description["recipe"]),
                     int(description["images"]), states, description.get("record", {}), str(name_or_path),
                     float(description.get("averaged_before", 0.0)))
    _complete(states, found.model, path)
    if difference is not None:
        if "G_ema" not in states:
            raise UserError(f'"{path}" holds a difference to the average, which should lie at '
                            f'"{path.parent.parent / path.name}". Copy both.')
        states["G"] = {key: tensor + difference.get(key, 0) for key, tensor in states["G_ema"].items()}
        states["G"]["mean_w"] = torch.full_like(states["G"]["mean_w"], float("nan"))
    if missing := [name for name in ("G", "D") if name not in states and not (name == "D" and found.whole)]:
        raise UserError(f'"{path}" holds no {missing[0]}.')
    states.setdefault("G_ema", states["G"])
    return found


def _complete(states: dict[str, dict[str, Tensor]], model: ModelConfig, path: Path) -> None:
    """Add the average and the encoder that were left out, where there is a file of them."""
    weights = path.parent.parent / path.name
    if "G_ema" not in states and path.parent.name == "training" and weights.is_file():
        generator, encoder = load_pretrained(weights), encoder_of(weights)
        if generator.config != model:
            raise UserError(f'"{weights}" is of another model than "{path}": ship both from the same run.')
        states["G_ema"] = generator.state_dict()
        if encoder is not None:
            states.setdefault("encoder", encoder.state_dict())


def read_source(source: str) -> Networks:
    """What --start-from names: a run's folder or checkpoint, networks, or the weights of a generator.

    A file ending in .pt is a checkpoint of a run or one of the published code.
    """
    path = user_path(source)
    if path.is_dir():
        path = path / "checkpoint.pt"
    published = _published(path) if path.suffix == ".pt" else None
    if path.suffix == ".pt" and published is None:
        state = read_checkpoint(path)
        config = TrainConfig(**state["recipe"])
        return Networks(ModelConfig.from_dict(state["model"]), config, state["steps"] * config.batch,
                        state["networks"], {}, source, state["averaged_before"])
    if source in shipped_networks() or is_networks(path):
        return load_networks(source)
    generator, encoder = published or load_pretrained(source), encoder_of(source)
    states = {name: generator.state_dict() for name in ("G", "G_ema")}
    if encoder is not None:
        states["encoder"] = encoder.state_dict()
    return Networks(generator.config, TrainConfig(), 0, states, generator.record, source)


def _published(path: Path) -> SemanticGenerator | None:
    """The generator in a checkpoint of the published code; None for every other file."""
    try:
        return official.load_generator(path)
    except UserError:
        return None


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
