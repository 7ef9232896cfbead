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
from safetensors.torch import load_file, save

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model import SemanticGenerator, build_generator
from ssgan_lite.storage import atomic_write

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
    for root in assets.roots():
        if (root / assets.MANIFEST).is_file():
            if names := [Path(n).stem for n in assets.read_manifest(root) if Path(n).match("weights/*.safetensors")]:
                return sorted(names)
    return []


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
    description = _read_description(path.with_suffix(".json"), path)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}); it is missing or was cut short. Fetch it again.') from None
    if assets.sha256(path) != description["sha256"]:
        raise UserError(f'"{path}" is not the file that "{path.with_suffix(".json").name}" describes: it was changed, '
                        "or the two are from different runs. Fetch both again.")
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
    path = Path(path)
    if path.suffix != ".safetensors":
        path = path.with_name(path.name + ".safetensors")
    if generator.mean_w.isnan().any():
        generator.update_mean_w()
    state = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in generator.state_dict().items()}
    # Both are written before either takes its place: a pair that does not match is of no use.
    with atomic_write(path.with_suffix(".json")) as json_file, atomic_write(path) as tensor_file:
        # `save_file` would hide a full disk behind an error of its own.
        tensor_file.write_bytes(save(state))
        description = dict(format=FORMAT, config=generator.config.to_dict(), sha256=assets.sha256(tensor_file),
                           record=record or {})
        json_file.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def _read_description(path: Path, tensors: Path) -> dict:
    if not tensors.exists():
        raise UserError(f'There are no weights at "{tensors}".')
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f'"{path}", which says what model "{tensors.name}" is, is missing. Copy both.') from None
    except (ValueError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}). Fetch it again.') from None
    if not isinstance(description, dict) or description.get("format") != FORMAT or not isinstance(
            description.get("config"), dict) or "sha256" not in description:
        raise UserError(f'"{path}" does not describe weights of the kind "{FORMAT}".')
    return description
