"""Generators on disk: the tensors as `name.safetensors`, and beside them `name.json`.

The JSON file holds the model's configuration, the sum of the tensor file and, for weights that ship, the record of
the training run. Nothing is ever unpickled.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model import SemanticGenerator, build_generator
from ssgan_lite.storage import load_tensors, save_tensors

FORMAT = "ssgan-lite generator 1"


def load_pretrained(name: str, device: str | torch.device = "cpu") -> SemanticGenerator:
    """A shipped generator in eval mode: `load_pretrained("lite64")`. Its record is in `generator.record`."""
    available = shipped()
    if available and name not in available:
        raise UserError(f'No weights called "{name}" are here. {suggest(name, available)} Others can be trained: '
                        "ssgan-lite train --help")
    tensors, description = assets.find(f"weights/{name}.safetensors"), assets.find(f"weights/{name}.json")
    assets.verify(tensors), assets.verify(description)
    return load_weights(tensors, device)


def shipped() -> list[str]:
    """The names that `load_pretrained` knows here: what the manifest lists, be it there or not."""
    return assets.listed("weights/*.safetensors")


def load(name_or_path: str | os.PathLike, device: str | torch.device = "cpu") -> SemanticGenerator:
    """`load_pretrained` for a bare name, `load_weights` for a file."""
    path = Path(name_or_path)
    is_file = path.suffix or len(path.parts) > 1
    return load_weights(path, device) if is_file else load_pretrained(str(name_or_path), device)


def load_weights(path: str | os.PathLike, device: str | torch.device = "cpu") -> SemanticGenerator:
    """A generator in eval mode from `name.safetensors` and the `name.json` beside it."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise UserError(f'"{path}" holds no generator for use: that is a file ending in .safetensors, such as the '
                        "weights.safetensors of a run.")
    state, description = load_tensors(path, FORMAT, {"config": dict})
    try:
        generator = build_generator(ModelConfig.from_dict(description["config"]))
    except UserError as error:
        raise UserError(f'"{path.with_suffix(".json")}": {error}') from None
    load_state(generator, state, str(path))
    generator.record = description.get("record", {})
    return generator.to(device).eval()


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
    """Write `path` (.safetensors) and the .json beside it; `dtype=torch.float16` halves the size for shipping.

    The mean of W is computed first if it is not known yet, so that truncation works wherever the file goes.
    """
    if generator.mean_w.isnan().any():
        generator.update_mean_w()
    state = {name: tensor.to(dtype) for name, tensor in generator.state_dict().items()}
    save_tensors(path, state, FORMAT, dict(config=generator.config.to_dict(), record=record or {}))
