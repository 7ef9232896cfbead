"""Generators and their encoders on disk: the tensors as `name.safetensors`, and beside them `name.json`.

The JSON file holds the model's configuration, the sum of the tensor file and, for weights that ship, the record of
the training run. A fine-tuned child may be there as the difference to its parent (`differences.py`). Nothing is ever
unpickled but the published checkpoints, and those without running code.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from pathlib import Path

import torch

from ssgan_lite import assets, official
from ssgan_lite.config import ModelConfig
from ssgan_lite.differences import FORMAT as DIFFERENCE
from ssgan_lite.differences import apply_difference, is_difference, load_difference, save_difference
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.int8 import compress, dequantize
from ssgan_lite.model import SemanticGenerator, build_generator
from ssgan_lite.model.encoder import Encoder
from ssgan_lite.model.generator import LatentGenerator
from ssgan_lite.storage import load_tensors, read_description, save_tensors, user_path

FORMAT = "ssgan-lite generator 1"
ENCODER_FORMAT = "ssgan-lite encoder 1"
# Fields of a configuration that came after models had been told apart by fingerprints: at these values they leave a
# model what it was, and its fingerprint, by which saved faces and directions know it, must stay.
LATER = {"shared": [], "class_dim": 16}

_fingerprints: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def load_pretrained(name_or_path: str | os.PathLike, device: str | torch.device = "cpu") -> SemanticGenerator:
    """A trained generator in eval mode: one that ships, `load_pretrained("lite64")`, or one in a file of yours.

    name_or_path: a name that `shipped()` lists; a .safetensors file with its .json beside it, such as the
    weights.safetensors of a run; or a checkpoint of the published code (.pt), which `official.load_generator` reads.
    What is known of its training is in `generator.record`.
    """
    if is_name(name_or_path):
        path = _find_shipped(os.fspath(name_or_path))
    else:
        path = user_path(name_or_path)
        if path.suffix.lower() in official.ENDINGS:
            return official.load_generator(path).to(device)
    if path.suffix != ".safetensors":
        inside = path / "weights.safetensors"
        meant = f'. Did you mean "{inside}"?' if inside.is_file() else ", such as the weights.safetensors of a run."
        raise UserError(f'"{path}" holds no generator for use: that is a file ending in .safetensors{meant}')
    generator, description = _child(path) if is_difference(path) else _whole(path)
    generator.record = description.get("record", {})
    generator.name = path.stem if is_name(name_or_path) else str(path)
    return generator.to(device).eval()


def _whole(path: Path) -> tuple[LatentGenerator, dict]:
    state, description = load_tensors(path, FORMAT, {"config": dict})
    try:
        generator = build_generator(ModelConfig.from_dict(description["config"]))
    except UserError as error:
        raise UserError(f'"{path.with_suffix(".json")}": {error}') from None
    load_state(generator, dequantize(state, str(path)), str(path))
    return generator, description


def _child(path: Path) -> tuple[LatentGenerator, dict]:
    """A parent that ships, plus the difference in `path`."""
    difference, description = load_difference(path)
    parent = load_pretrained(description["parent"])
    if fingerprint(parent) != description["version"]:
        raise UserError(f'"{path}" is the difference to {description["parent"]} in version '
                        f'{description["version"][:12]}, and here that is {weights_version(parent)}. Take both from '
                        "the same release, or make the difference again (data/weights/README.md).")
    return apply_difference(parent, difference).requires_grad_(True), description


def save_child(child: LatentGenerator, parent: str, path: str | os.PathLike, record: dict | None = None) -> None:
    """Write `path` (.safetensors) and the .json beside it as the difference to weights that ship, `parent`.

    `load_pretrained` reads it like any other weights.
    """
    if not is_name(parent):
        raise UserError(f'"{parent}" is a path. A difference is kept to weights that ship, by their name.')
    generator = load_pretrained(parent)
    save_difference(child, generator, path, fingerprint(generator), record)


def is_name(name_or_path: str | os.PathLike) -> bool:
    """Is it the bare name of something that ships, such as "lite64", rather than the path of a file or folder?"""
    path = user_path(name_or_path)
    return not path.suffix and len(path.parts) == 1


def shipped() -> list[str]:
    """The names that `load_pretrained` knows here: what the manifest lists, be it there or not."""
    return assets.listed("weights/*.safetensors")


def load_state(module: torch.nn.Module, state: dict[str, torch.Tensor], source: str) -> None:
    """Fill a module, or say in one sentence what does not fit."""
    ours = module.state_dict()
    trouble = [f"{name} is missing" for name in ours if name not in state]
    trouble += [f"{name} is not known" for name in state if name not in ours]
    trouble += [f"{name} has shape {list(state[name].shape)}, not {list(ours[name].shape)}" for name in ours
                if name in state and state[name].shape != ours[name].shape]
    if trouble:
        raise UserError(f'"{source}" belongs to another model: {trouble[0]}'
                        f'{f", and {len(trouble) - 1} more" if len(trouble) > 1 else ""}.')
    module.load_state_dict(state)


def save_weights(generator: SemanticGenerator, path: str | os.PathLike, record: dict | None = None,
                 dtype: torch.dtype = torch.float32) -> None:
    """Write `path` (.safetensors) and the .json beside it; dtype: float16 halves the size for shipping, and int8 is
    for snapshots (`int8.compress`).

    The mean of W is computed first if it is not known yet, so that truncation works wherever the file goes.
    """
    if generator.mean_w.isnan().any():
        generator.update_mean_w()
    save_tensors(path, compress(generator.state_dict(), dtype), FORMAT,
                 dict(config=generator.config.to_dict(), record=record or {}))


def _find_shipped(name: str) -> Path:
    """The verified file of weights that ship."""
    available = shipped()
    if available and name not in available:
        raise UserError(f'No weights called "{name}" are here. {suggest(name, available)} Others can be trained: '
                        "ssgan-lite train --help")
    path = assets.find(f"weights/{name}.safetensors")
    assets.verify(path), assets.verify(path.with_suffix(".json"))
    return path


def load_encoder(name_or_path: str | os.PathLike, device: str | torch.device = "cpu") -> Encoder:
    """The encoder that was trained with a generator, in eval mode: of a shipped name, or of a file of weights."""
    encoder = encoder_of(name_or_path, device)
    if encoder is None:
        raise UserError(f'"{name_or_path}" has no encoder. Recipes that reconstruct train one: it lies as '
                        "encoder.safetensors in the folder of the run, and as encoders/NAME.safetensors among the "
                        "weights that ship.")
    return encoder


def encoder_of(name_or_path: str | os.PathLike, device: str | torch.device = "cpu") -> Encoder | None:
    """The same; None where there is none."""
    generator = None
    if is_name(name_or_path):
        if (name := os.fspath(name_or_path)) not in assets.listed("weights/encoders/*.safetensors"):
            return None
        place = assets.verify(assets.find(f"weights/encoders/{name}.safetensors"))
        assets.verify(place.with_suffix(".json"))
    else:
        generator = user_path(name_or_path)
        places = [generator.parent / "encoders" / generator.name, generator.with_name("encoder.safetensors")]
        place = next((place for place in places if place.is_file()), None)
        if place is None:
            return None
    state, description = load_tensors(place, ENCODER_FORMAT, {"config": dict})
    config = ModelConfig.from_dict(description["config"])
    if generator is not None and generator.is_file():
        kind = DIFFERENCE if is_difference(generator) else FORMAT
        theirs = ModelConfig.from_dict(read_description(generator, kind, {"config": dict})["config"])
        if theirs != config:
            raise UserError(f'"{place}" is the encoder of another model than "{generator}". Copy the one that was '
                            "trained with it.")
    encoder = Encoder(config)
    load_state(encoder, dequantize(state, str(place)), str(place))
    encoder.record = description.get("record", {})
    return encoder.to(device).eval()


def save_encoder(encoder: Encoder, path: str | os.PathLike, record: dict | None = None,
                 dtype: torch.dtype = torch.float32) -> None:
    """Write `path` (.safetensors) and the .json beside it."""
    save_tensors(path, compress(encoder.state_dict(), dtype), ENCODER_FORMAT,
                 dict(config=encoder.config.to_dict(), record=record or {}))


def fingerprint(generator: LatentGenerator) -> str:
    """64 hexadecimal digits that stand for a model: its configuration and every weight, but not the mean of W."""
    stamp = tuple((id(x), x._version) for x in generator.parameters())
    known = _fingerprints.get(generator)
    if known is None or known[0] != stamp:
        config = {name: value for name, value in generator.config.to_dict().items()
                  if name not in LATER or value != LATER[name]}
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        for name, tensor in sorted(generator.state_dict().items()):
            if name != "mean_w":
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        known = _fingerprints[generator] = (stamp, digest.hexdigest())
    return known[1]


def weights_version(generator: LatentGenerator) -> str:
    """Which version of which weights a generator has, for people: `"lite64" (version 1f3a9c0b5d2e)`."""
    name = getattr(generator, "name", "")
    named = f'"{name}"' if name else "a model without a name"
    return f"{named} (version {fingerprint(generator)[:12]})"
