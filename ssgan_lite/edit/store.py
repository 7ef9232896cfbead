"""Faces on disk: the codes as safetensors, everything else as JSON in the same file's header.

Codes mean something to one model only, so the file carries the model's fingerprint. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import weakref
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as to_bytes

from ssgan_lite.edit.backdrop import Backdrop
from ssgan_lite.edit.history import History
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.storage import atomic_write, explain

FORMAT = "ssgan-lite face 1"

_fingerprints: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def fingerprint(generator: SemanticGenerator) -> str:
    """64 hexadecimal digits that stand for a model: its configuration and every weight, but not the mean of W."""
    stamp = tuple((id(x), x._version) for x in generator.parameters())
    known = _fingerprints.get(generator)
    if known is None or known[0] != stamp:
        digest = hashlib.sha256(json.dumps(generator.config.to_dict(), sort_keys=True).encode())
        for name, tensor in sorted(generator.state_dict().items()):
            if name != "mean_w":
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        known = _fingerprints[generator] = (stamp, digest.hexdigest())
    return known[1]


def face_to_bytes(face: Session) -> bytes:
    """The present state and the one that the session began with."""
    tensors, described = {}, {}
    for name, state in (("now", face.state), ("first", face.history.first)):
        tensors[f"{name}.codes"] = state.codes.detach().cpu().contiguous().clone()
        if state.backdrop is not None:
            tensors[f"{name}.backdrop"] = state.backdrop.pixels.contiguous().clone()
        described[name] = dict(
            psi=state.psi, hidden=sorted(state.hidden), noise_seed=state.noise_seed,
            placement={str(p): list(how) for p, how in state.placement.items()},
            part_psi={str(p): psi for p, psi in state.part_psi.items()},
            lifts={str(p): lift for p, lift in state.lifts.items()},
            backdrop=None if state.backdrop is None else state.backdrop.name)
    header = dict(format=FORMAT, model=fingerprint(face.generator),
                  face=json.dumps(dict(described, seed=face.seed, locked=sorted(face.locked))))
    return to_bytes(tensors, header)


def save_face(face: Session, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write a face to `path` (.safetensors); an existing file is left alone unless told otherwise."""
    path = Path(path)
    if path.suffix != ".safetensors":
        path = path.with_name(path.name + ".safetensors")
    refuse_existing(path, overwrite)
    with atomic_write(path) as file:
        file.write_bytes(face_to_bytes(face))
    return path


def load_face(generator: SemanticGenerator, source: str | os.PathLike | bytes) -> Session:
    """A session from what `save_face` wrote (or from its bytes), for the very model that made it."""
    name = "This file" if isinstance(source, bytes) else f'"{source}"'
    content = source if isinstance(source, bytes) else _read(Path(source))
    header = _header(content)
    if not str(header.get("format", "")).startswith("ssgan-lite face"):
        raise UserError(f"{name} is not a saved face. The editor saves one as .safetensors.")
    if header["format"] != FORMAT:
        raise UserError(f'{name} was written by another version of ssgan-lite ("{header["format"]}"; this one reads '
                        f'"{FORMAT}").')
    if header.get("model") != fingerprint(generator):
        raise UserError(f"{name} belongs to another model; its codes would mean another face here. Open it with the "
                        "weights that it was made with.")
    try:
        tensors, described = load_bytes(content), json.loads(header["face"])
        states = {key: _state(generator, key, tensors, described[key]) for key in ("now", "first")}
        seed, locked = int(described["seed"]), [generator.config.part_id(int(p)) for p in described["locked"]]
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OverflowError, UserError):
        raise UserError(f"{name} is damaged: parts of the face are missing or do not fit.") from None
    face = Session(generator, seed)
    face.history = History(states["first"])
    if described["now"] != described["first"] or not torch.equal(states["now"].codes, states["first"].codes):
        face.history.enter(states["now"])
    return face.lock(*locked)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """A file that is there already is somebody's work."""
    try:
        there = path.exists()
    except OSError as error:            # such as a name that is too long
        raise UserError(explain(error, path)) from None
    if "\0" in str(path):
        raise UserError("The name holds a character that no file name may hold.")
    if there and not overwrite:
        raise UserError(f'"{path}" exists already. Choose another name; it was left as it is.')


def _state(generator: SemanticGenerator, key: str, tensors: dict, described: dict) -> FaceState:
    config, codes = generator.config, tensors[f"{key}.codes"]
    if codes.ndim != 3 or codes.shape[1:] != (config.n_latent, config.style_dim) or not _sound(codes):
        raise ValueError("codes")
    backdrop = None
    if described["backdrop"] is not None:
        backdrop = Backdrop(tensors[f"{key}.backdrop"], str(described["backdrop"]))
        if backdrop.pixels.shape not in ((3, 1, 1), (3, config.size, config.size)) or not _sound(backdrop.pixels):
            raise ValueError("backdrop")
    hidden = frozenset(config.part_id(int(p)) for p in described["hidden"])
    placement = {config.part_id(int(p)): (float(x), float(y), float(zoom)) for p, (x, y, zoom) in
                 described["placement"].items()}
    part_psi = {int(p): float(psi) for p, psi in described["part_psi"].items() if -1 <= int(p) < config.n_parts}
    lifts = {config.part_id(int(p)): float(lift) for p, lift in described["lifts"].items()}
    psi, noise_seed = float(described["psi"]), described["noise_seed"]
    if (len(hidden) == config.n_parts or not all(-4 <= x <= 4 for x in (psi, *part_psi.values()))
            or not all(math.isfinite(x) for how in placement.values() for x in how)
            or not all(math.isfinite(lift) for lift in lifts.values())
            or not all(zoom > 0 for _, _, zoom in placement.values())
            or not (noise_seed is None or type(noise_seed) is int and abs(noise_seed) < 2**63)):
        raise ValueError("state")
    return FaceState(codes.to(generator.device), psi, hidden, placement, part_psi, backdrop, noise_seed, lifts)


def _sound(values: torch.Tensor) -> bool:
    return values.dtype == torch.float32 and bool(values.isfinite().all())


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
