"""The gate for values that enter a session: numbers, seeds, parts, codes, and whole states.

Whatever a method of `Session` is given comes through here, and so does what a saved face holds. What passes can be
saved, loaded and drawn; what does not is a `UserError`, and the session stays as it was.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.edit.backdrop import SHOWN
from ssgan_lite.edit.state import BASE, FaceState
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model.latents import KINDS

LARGEST_PSI = 4.0           # 0 is the average face, 1 the full variety; beyond a few there is only noise
LARGEST_AMOUNT = 100.0      # times the way from one code to another
LARGEST_SHIFT = 20.0        # ten picture widths; far beyond, positions leave the range of float32
LARGEST_ZOOM = 100.0
BACKDROP_ZOOM = (0.1, 10.0)      # smaller, an image behind the face would be a pattern; larger, a blur
LARGEST_LIFT = 1e4          # pseudo-depths are tens
LARGEST_CODE = 1e6          # codes are of the order of 1; the squares of much larger ones leave the range of float32
SEEDS = (-2**63, 2**63 - 1)     # what torch's random generators take


def number(value, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number of any kind (int, float, NumPy, a tensor with one entry) between low and high, as a float."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        result = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{name} must be a number, not {_shown(value)}.") from None
    except OverflowError:
        result = math.inf
    if not math.isfinite(result) or not low <= result <= high:
        limits = f" between {low:g} and {high:g}" if math.isfinite(low) and math.isfinite(high) else ""
        raise UserError(f"{name} must be a finite number{limits}, not {_shown(value)}.")
    return result


def whole(value, name: str, low: int, high: int) -> int:
    """A whole number of any kind (int, NumPy, a tensor with one entry) between low and high, as an int."""
    try:
        result = int(operator.index(value))                # `index` leaves True as it is
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{name} must be a whole number, not {_shown(value)}.") from None
    if not low <= result <= high:
        raise UserError(f"{name} must be a whole number between {low} and {high}, not {result}.")
    return result


def seed(value) -> int:
    """A seed for torch's random generators."""
    return whole(value, "A seed", *SEEDS)


def wrapped(value: int) -> int:
    """A whole number as a seed: what is beyond 64 bits begins again at the other end."""
    low, high = SEEDS
    return (value - low) % (high - low + 1) + low


def seeds(value) -> list[int]:
    """One seed, or several."""
    found = [seed(one) for one in listed(value)]
    if not found:
        raise UserError("A session needs at least one seed.")
    return found


def part_id(config: ModelConfig, part) -> int:
    """The id of one part, by its name or number."""
    if isinstance(part, str):
        return config.part_id(part)
    try:
        number = operator.index(part)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"A part is named by its name or its number, not by {_shown(part)}.") from None
    return config.part_id(number)


def listed(*parts) -> list:
    """Names of parts as one flat list, be they given one by one or as lists: ("hair", ["eyes", "nose"])."""
    found = []
    for part in parts:
        # Arrays and tensors with a single entry say that they can be iterated, and cannot.
        alone = isinstance(part, (str, bytes, Mapping)) or not isinstance(part, Iterable)
        alone = alone or getattr(part, "ndim", 1) == 0
        found += [part] if alone else list(part)
    return found


def tensor(value, name: str, like: Tensor) -> Tensor:
    """Numbers of any kind (nested lists, NumPy, tensors) as a finite tensor, of the dtype and device of `like`."""
    try:
        result = torch.as_tensor(value).detach().to(like)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError(f"{name} must be a tensor or an array of numbers, not {_shown(value)}.") from None
    if not result.isfinite().all():
        raise UserError(f"{name} holds values that are not finite.")
    return result


def checked(config: ModelConfig, n_latent: int, state: FaceState) -> FaceState:
    """A state whose every value is of the right kind and in range; a `UserError` says what is not.

    n_latent: of the model's layout, codes of a face.
    """
    codes, backdrop = state.codes, state.backdrop
    if codes.ndim != 3 or codes.shape[1:] != (n_latent, config.style_dim) or not len(codes):
        raise UserError(f"Codes of this model have shape [N, {n_latent}, {config.style_dim}], not "
                        f"{list(codes.shape)}.")
    # The comparison is False for NaN and inf too.
    if codes.dtype != torch.float32 or not bool((codes.abs() <= LARGEST_CODE).all()):
        raise UserError("This edit would make codes that are not finite, or far too large; nothing was changed.")
    hidden = frozenset(part_id(config, part) for part in state.hidden)
    if len(hidden) == config.n_parts:
        raise UserError("At least one part must be shown.")
    placement = {}
    for part, (dx, dy, zoom) in state.placement.items():
        placement[part_id(config, part)] = (
            number(dx, "A shift", -LARGEST_SHIFT, LARGEST_SHIFT),
            number(dy, "A shift", -LARGEST_SHIFT, LARGEST_SHIFT),
            number(zoom, "Zoom", 1 / LARGEST_ZOOM, LARGEST_ZOOM))
    part_psi = {BASE if part == BASE else part_id(config, part): psi_of(psi)
                for part, psi in state.part_psi.items()}
    lifts = {part_id(config, part): lift_of(lift) for part, lift in state.lifts.items()}
    if backdrop is not None:
        for shift in backdrop.place[:2]:
            number(shift, "A shift of the backdrop", -LARGEST_SHIFT, LARGEST_SHIFT)
        number(backdrop.place[2], "Zoom of the backdrop", *BACKDROP_ZOOM)
        number(backdrop.brightness, "Brightness of the backdrop", -1, 1)
        for value, largest in zip(backdrop.hsv or (), (360, 1, 1), strict=False):
            number(value, "A backdrop's hue, saturation or brightness", 0, largest)
        pixels, largest = backdrop.pixels, max(SHOWN, config.size)
        fits = pixels.shape in ((3, s, s) for s in (1, config.size, largest)) and pixels.dtype == torch.float32
        if not fits or not bool((pixels.abs() <= 1).all()):
            raise UserError(f"A backdrop of this model has pixels [3, 1, 1] or [3, {largest}, {largest}] "
                            f"in [-1, 1]; this one has {list(pixels.shape)}.")
    return replace(state, psi=psi_of(state.psi), hidden=hidden, placement=placement, part_psi=part_psi, lifts=lifts,
                   noise_seed=None if state.noise_seed is None else seed(state.noise_seed))


def amount_of(value) -> float:
    """How far to go from one code to another: 0 to 1, or beyond."""
    return number(value, "The amount", -LARGEST_AMOUNT, LARGEST_AMOUNT)


def kind_of(value) -> str:
    """The kind of a code: "shape" or "texture"."""
    if not isinstance(value, str) or value not in KINDS:
        raise UserError(f'A part has codes of kind "shape" and "texture", not {_shown(value)}. '
                        f"{suggest(value, KINDS)}")
    return value


def psi_of(value) -> float:
    """Truncation."""
    return number(value, "Truncation (0 is the average face, 1 the full variety)", -LARGEST_PSI, LARGEST_PSI)


def lift_of(value) -> float:
    """What is added to a pseudo-depth."""
    return number(value, "The amount by which a part is lifted", -LARGEST_LIFT, LARGEST_LIFT)


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:40]}..."
