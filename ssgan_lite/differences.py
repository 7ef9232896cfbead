"""A generator as the difference to another one: how a fine-tuned child ships, at half the size of its parent.

    name.safetensors     every tensor that changed, as int8 with one scale per row (`int8.py`)
    name.json            the parent's name and fingerprint, the configuration, and the record of the run

No weight is off by more than 0.4 % of what its row moved. What did not change is not there.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path

from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.int8 import dequantize, quantize
from ssgan_lite.model.generator import LatentGenerator
from ssgan_lite.storage import load_tensors, read_description, save_tensors

FORMAT = "ssgan-lite difference 1"
NEEDS = {"parent": str, "version": str, "config": dict}


def is_difference(path: str | os.PathLike) -> bool:
    """Does a .safetensors file hold a difference, rather than whole weights?"""
    try:
        return bool(read_description(path, FORMAT, NEEDS))
    except UserError:
        return False


def save_difference(child: LatentGenerator, parent: LatentGenerator, path: str | os.PathLike, version: str,
                    record: dict | None = None) -> None:
    """Write `path` (.safetensors) and the .json beside it: what is to be added to the parent.

    parent: weights that ship (`parent.name`), of the child's configuration; version: its fingerprint.
    """
    if child.config != parent.config:
        raise UserError(f"The difference of two generators needs one configuration: {_other(child, parent)}.")
    if not (name := getattr(parent, "name", "")) or Path(name).suffix:
        raise UserError("A difference is kept to weights that ship, which its reader has, too; this parent has no "
                        "name among them.")
    if child.mean_w.isnan().any():
        child.update_mean_w()
    ours, theirs = child.state_dict(), parent.state_dict()
    difference = {key: ours[key].cpu().float() - theirs[key].cpu().float() for key in ours}
    changed = {key: values for key, values in difference.items() if values.any()}
    save_tensors(path, quantize(changed), FORMAT, dict(parent=name, version=version, config=child.config.to_dict(),
                                                       record=record or {}))


def load_difference(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict]:
    """The difference in a file, and the description beside it (`NEEDS`, `record`)."""
    tensors, description = load_tensors(path, FORMAT, NEEDS)
    return dequantize(tensors, str(path)), description


def apply_difference(generator: LatentGenerator, difference: dict[str, Tensor]) -> LatentGenerator:
    """A new generator in eval mode: the given one plus a difference. Tensors that do not fit are a `UserError`."""
    changed = copy.deepcopy(generator).eval()
    state = changed.state_dict()
    for name, values in difference.items():
        if name not in state or state[name].shape != values.shape:
            raise UserError(f'The difference does not fit this model: it has "{name}" {list(values.shape)}.')
        state[name] = state[name] + values.to(state[name])
    changed.load_state_dict(state)
    return changed.requires_grad_(False)


def _other(child: LatentGenerator, parent: LatentGenerator) -> str:
    ours, theirs = child.config.to_dict(), parent.config.to_dict()
    name = next(name for name in ours if ours[name] != theirs[name])
    return f"{name} is {ours[name]} in the one and {theirs[name]} in the other"
