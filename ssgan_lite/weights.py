"""Weights on disk: the tensors as `name.safetensors`, and beside them `name.json`, which says what they are.

The JSON file holds the model's configuration, the sum of the tensor file (so that the two cannot be mixed up unnoticed)
and, for weights that ship, the record of the training run. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.storage import atomic_write

FORMAT = "ssgan-lite generator 1"


def load_pretrained(name: str, device: str | torch.device = "cpu") -> SemanticGenerator:
    """A shipped generator in eval mode: `load_pretrained("lite64")`. Its record is in `generator.record`."""
    available = shipped()
    if name not in available:
        raise UserError(f'No weights called "{name}" are here. {suggest(name, available)} Others can be trained: '
                        "ssgan-lite train --help")
    tensors, description = assets.find(f"weights/{name}.safetensors"), assets.find(f"weights/{name}.json")
    assets.verify(tensors), assets.verify(description)
    return load_weights(tensors, device)


def shipped() -> list[str]:
    """The names that `load_pretrained` knows here."""
    try:
        return [path.stem for path in assets.find_all("weights/*.safetensors")]
    except UserError:
        return []


def load_weights(path: str | os.PathLike, device: str | torch.device = "cpu") -> SemanticGenerator:
    """A generator in eval mode from `name.safetensors` and the `name.json` beside it."""
    path = Path(path)
    description = _read_description(path.with_suffix(".json"), path)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}); it is missing or was cut short. Fetch it again.') from None
    if assets.sha256(path) != description["sha256"]:
        raise UserError(f'"{path}" is not the file that "{path.with_suffix(".json").name}" describes: it was changed, '
                        "or the two are from different runs. Fetch both again.")
    generator = SemanticGenerator(ModelConfig.from_dict(description["config"]))
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
    path = Path(path).with_suffix(".safetensors")
    if generator.mean_w.isnan().any():
        generator.update_mean_w()
    state = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in generator.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(state, temporary)
        checksum = assets.sha256(temporary)
    description = dict(format=FORMAT, config=generator.config.to_dict(), sha256=checksum, record=record or {})
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def _read_description(path: Path, tensors: Path) -> dict:
    if not tensors.exists():
        raise UserError(f'There are no weights at "{tensors}".')
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f'"{path}", which says what model "{tensors.name}" is, is missing. Copy both.') from None
    except (ValueError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}). Fetch it again.') from None
    if description.get("format") != FORMAT or not {"config", "sha256"} <= set(description):
        raise UserError(f'"{path}" does not describe weights of the kind "{FORMAT}".')
    return description
