"""Faces on disk: the codes as safetensors, everything else as JSON in the same file's header.

Codes mean something to one model only, so the file carries the model's fingerprint. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as to_bytes

from ssgan_lite.edit import values
from ssgan_lite.edit.backdrop import UNMOVED, Backdrop
from ssgan_lite.edit.edits import CodeEdits
from ssgan_lite.edit.state import FaceState
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import to_levels
from ssgan_lite.storage import atomic_write, explain, user_path
from ssgan_lite.weights import fingerprint, weights_version

FORMAT = "ssgan-lite face 1"
OTHER_ENDINGS = {".avi", ".bmp", ".gif", ".jpeg", ".jpg", ".json", ".mov", ".mp4", ".npy", ".npz", ".pdf", ".pkl",
                 ".png", ".pt", ".pth", ".safetensors", ".svg", ".tif", ".tiff", ".webm", ".webp"}


class SavedFace(NamedTuple):
    """What a file holds of a session."""

    first: FaceState             # what `reset` goes back to
    now: FaceState               # the same object if nothing was changed
    seed: int
    locked: frozenset[int]


def face_to_bytes(face: CodeEdits) -> bytes:
    """The present state and the one that the session began with."""
    tensors, described = {}, {}
    for name, state in (("now", face.state), ("first", face.history.first)):
        tensors[f"{name}.codes"] = state.codes.detach().cpu().contiguous().clone()
        if state.backdrop is not None:
            # They come from pictures of 256 levels; a picture that both states have is there once.
            now = face.state.backdrop
            if name == "now" or now is None or now.pixels is not state.backdrop.pixels:
                tensors[f"{name}.backdrop"] = to_levels(state.backdrop.pixels).contiguous()
        described[name] = dict(
            psi=state.psi, hidden=sorted(state.hidden), noise_seed=state.noise_seed,
            placement={str(p): list(how) for p, how in state.placement.items()},
            part_psi={str(p): psi for p, psi in state.part_psi.items()},
            lifts={str(p): lift for p, lift in state.lifts.items()},
            backdrop=None if state.backdrop is None else state.backdrop.name,
            backdrop_look=None if state.backdrop is None else _look(state.backdrop))
    header = dict(format=FORMAT, model=fingerprint(face.generator), weights=weights_version(face.generator),
                  face=json.dumps(dict(described, seed=face.seed, locked=sorted(face.locked))))
    return to_bytes(tensors, header)


def save_face(face: CodeEdits, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write a face to `path` (.safetensors); an existing file is left alone unless told otherwise."""
    path = file_to_write(path, ".safetensors")
    refuse_existing(path, overwrite)
    with atomic_write(path) as file:
        file.write_bytes(face_to_bytes(face))
    return path


def read_face(generator: SemanticGenerator, source: str | os.PathLike | bytes) -> SavedFace:
    """What `save_face` wrote (or its bytes), for the very model that made it; anything else is a `UserError`."""
    from_bytes = isinstance(source, (bytes, bytearray, memoryview))
    name = "This file" if from_bytes else f'"{source}"'
    content = bytes(source) if from_bytes else _read(user_path(source))
    header = _header(content)
    if not str(header.get("format", "")).startswith("ssgan-lite face"):
        raise UserError(f"{name} is not a saved face. The editor saves one as .safetensors.")
    if header["format"] != FORMAT:
        raise UserError(f'{name} was written by another version of ssgan-lite ("{header["format"]}"; this one reads '
                        f'"{FORMAT}").')
    if header.get("model") != fingerprint(generator):
        raise UserError(f"{name} belongs to another model, and its codes would mean another face here. It was made "
                        f"with {header.get('weights', 'weights without a name')}; this generator is "
                        f"{weights_version(generator)}. Open it with those weights.")
    try:
        tensors, described = load_bytes(content), json.loads(header["face"])
        for name, pixels in tensors.items():            # files of earlier versions hold the values themselves
            if name.endswith(".backdrop") and pixels.dtype == torch.uint8:
                tensors[name] = pixels / 127.5 - 1
        first, now = (_state(generator, key, tensors, described[key]) for key in ("first", "now"))
        same = described["now"] == described["first"] and torch.equal(now.codes, first.codes)
        if same and now.backdrop is not None:
            same = torch.equal(now.backdrop.pixels, first.backdrop.pixels)
        locked = frozenset(values.part_id(generator.config, part) for part in described["locked"])
        return SavedFace(first, first if same else now, values.seed(described["seed"]), locked)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OverflowError):    # UserError too
        raise UserError(f"{name} is damaged: parts of the face are missing or do not fit.") from None


def file_to_write(path: str | os.PathLike, ending: str) -> Path:
    """The path of a file that is to be written with this ending; it is added where there is none.

    A folder, or a name with the ending of another kind of file, is refused: what was meant cannot be guessed.
    """
    text, path = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path, user_path(path)
    if str(text).endswith(("/", os.sep)) or path.is_dir() or path.name in ("", ".", ".."):
        raise UserError(f'"{text}" is a folder. Add a name for the file, such as "{path / ("face" + ending)}".')
    suffix = path.suffix.lower()
    if suffix == ending:
        return path
    if suffix in OTHER_ENDINGS:
        raise UserError(f'"{path}" would hold another kind of file: this writes {ending[1:]} files. Write '
                        f'"{path.with_suffix(ending).name}".')
    return path.with_name(path.name + ending)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """A file that is there already is somebody's work."""
    try:
        there = path.exists()
    except OSError as error:            # such as a name that is too long
        raise UserError(explain(error, path)) from None
    if there and not overwrite:
        raise UserError(f'"{path}" exists already. Choose another name; it was left as it is.')


def _state(generator: SemanticGenerator, key: str, tensors: dict, described: dict) -> FaceState:
    """One of the states of a file, through the same gate as every edit."""
    backdrop = None
    if described["backdrop"] is not None:
        pixels = tensors.get(f"{key}.backdrop", tensors.get("now.backdrop"))
        look = described.get("backdrop_look") or {}             # files of earlier versions have none
        dx, dy, zoom = map(float, look.get("place", UNMOVED))
        hsv = look.get("hsv")
        if hsv is not None:
            hue, saturation, brightness = map(float, hsv)
            hsv = hue, saturation, brightness
        backdrop = Backdrop(pixels, str(described["backdrop"]), (dx, dy, zoom), bool(look.get("mirrored", False)),
                            float(look.get("brightness", 0.0)), hsv)
    placement, part_psi, lifts = ({int(part): value for part, value in described[name].items()}
                                  for name in ("placement", "part_psi", "lifts"))
    state = FaceState(tensors[f"{key}.codes"], described["psi"], frozenset(described["hidden"]), placement, part_psi,
                      backdrop, described["noise_seed"], lifts)
    state = values.checked(generator.config, generator.layout.n_latent, state)
    return replace(state, codes=state.codes.to(generator.device))


def _look(backdrop: Backdrop) -> dict:
    """How a backdrop lies behind the face, as plain types."""
    return dict(place=list(backdrop.place), mirrored=backdrop.mirrored, brightness=backdrop.brightness,
                hsv=None if backdrop.hsv is None else list(backdrop.hsv))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f'There is no saved face at "{path}".') from None
    except OSError as error:
        raise UserError(f'"{path}" cannot be read: {error.strerror}.') from None


def _header(content: bytes) -> dict:
    """The safetensors metadata; {} for whatever is no safetensors file."""
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8:8 + length]) if length < len(content) else {}
        return header.get("__metadata__", {}) if isinstance(header, dict) else {}
    except (ValueError, UnicodeDecodeError):
        return {}
