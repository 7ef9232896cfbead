"""Small networks that belong to the measures, on disk: half-precision tensors, and beside them what they are.

Unlike the weights of `ssgan_lite.weights` these are no generators: they lie in `data/measure/`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ssgan_lite import assets
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write
from ssgan_lite.weights import load_state

M = TypeVar("M", bound=nn.Module)


def save_module(module: nn.Module, path: Path, form: str, record: dict) -> None:
    """Write `path`.safetensors (floats as float16) and `path`.json."""
    state = {name: (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
             for name, tensor in module.state_dict().items()}
    path = path.with_suffix("")
    with (atomic_write(path.with_suffix(".json")) as description,
          atomic_write(path.with_suffix(".safetensors")) as tensors):
        tensors.write_bytes(save(state))
        content = dict(format=form, sha256=assets.sha256(tensors), record=record)
        description.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_module(module: M, path: Path, form: str) -> M:
    """Fill a module from the pair of files, in eval mode, without gradients; what does not fit is a `UserError`."""
    path = Path(path)
    try:
        content = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        state = load_file(path.with_suffix(".safetensors"))
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f'"{path}" cannot be read ({error}); it is missing or was changed. Fetch it again.') from None
    if not isinstance(content, dict) or content.get("format") != form:
        raise UserError(f'"{path.with_suffix(".json")}" does not describe a file of the kind "{form}".')
    if assets.sha256(path.with_suffix(".safetensors")) != content.get("sha256"):
        raise UserError(f'"{path}" is not the file that the .json beside it describes: it was changed, or the two '
                        "are of different makes. Fetch both again.")
    load_state(module, {name: value.float() if value.dtype == torch.float16 else value
                        for name, value in state.items()}, str(path))
    module.record = content.get("record", {})
    return module.eval().requires_grad_(False)
