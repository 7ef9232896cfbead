"""What a direction is: a way to move the codes of a face, at a place, by an amount.

Every system (ganspace.py, interfacegan.py, ...) has a function `find(sample, attribute, where)` that returns a
`Direction`; `apply(codes, direction, amount)` moves codes along it. An amount of 1 is one unit of the direction: one
standard deviation of the codes where the direction is straight.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model.latents import KINDS

LARGEST = 20.0              # units; codes much further out make no faces
WHOLE = "whole"             # every code of a face
HEAD = "head"               # the base codes, and the codes of every part but the background
Where = str | tuple         # "whole", "hair", ("hair", "shape"), (("face", "nose"), "texture"), ("head", "shape")


@dataclass(frozen=True)
class Place:
    """Which codes of W+ a direction moves, and which parts of the picture it may change by that."""

    name: str
    addresses: tuple[int, ...]
    parts: tuple[str, ...]              # all parts for the whole

    @property
    def is_single(self) -> bool:
        """One code, or the shape and the texture code of one part: codes that are learned apart from all others."""
        return len(self.addresses) <= 2 and len(self.parts) == 1


def place(generator: nn.Module, where: Where = WHOLE) -> Place:
    """A place of this model; a `UserError` says what it has instead."""
    layout, config = generator.layout, generator.config
    if isinstance(where, str) and where == WHOLE:
        return Place(WHOLE, tuple(range(layout.n_latent)), tuple(config.parts))
    if getattr(config, "architecture", "semantic") == "monolithic":
        raise UserError(f'The monolithic model has no codes of its own for {_shown(where)}; its only place is '
                        f'"{WHOLE}".')
    has_kind = isinstance(where, tuple) and len(where) == 2 and where[1] in KINDS
    named, kind = where if has_kind else (where, None)
    parts = [named] if isinstance(named, str) else named
    if not isinstance(parts, Sequence) or not parts:
        raise UserError(f'{_shown(where)} is no place. Write "{WHOLE}", a part ("hair"), or parts and a kind '
                        '(("hair", "shape")).')
    addresses, base = [], []
    if list(parts) == [HEAD]:
        parts, base = config.parts[1:], list(range(config.base_layers)) if kind != "texture" else []
    for part in parts:
        if not isinstance(part, str) or part not in config.parts:
            raise UserError(f'This model has no part called "{part}". {suggest(str(part), config.parts)}')
        addresses += [layout[part, k] for k in KINDS if kind in (None, k)]
    name = f"{named if isinstance(named, str) else ' + '.join(parts)}{f' {kind}' if kind else ''}"
    return Place(name, tuple(base + addresses), tuple(parts))


@dataclass(frozen=True)
class Direction(ABC):
    """A way to move codes. Systems make subclasses; `move` is all that they must have."""

    attribute: str                      # what it is to change; "" where nobody has said
    place: Place
    system: str                         # "ganspace", "interfacegan", ...

    @abstractmethod
    def move(self, codes: Tensor, amount: Tensor) -> Tensor:
        """Codes W+ [N, n_latent, S], amounts [N] -> W+ [N, n_latent, S], changed at the place's addresses alone."""


@dataclass(frozen=True)
class LinearDirection(Direction):
    """w + amount * vector, and a coordinate t = (w - mean) . reader that grows by the amount (reader . vector = 1).

    K is the number of the place's addresses, or 1 where all of them are moved alike.
    """

    vector: Tensor = field(repr=False)             # [K, S], one standard deviation long
    reader: Tensor = field(repr=False)             # [K, S]
    mean: Tensor = field(repr=False)               # [S], of W

    def move(self, codes: Tensor, amount: Tensor) -> Tensor:
        moved = codes.clone()
        at = list(self.place.addresses)
        moved[:, at] = codes[:, at] + amount[:, None, None] * self.vector.to(codes)
        return moved

    def read(self, codes: Tensor) -> Tensor:
        """The coordinate of codes W+ [N, n_latent, S]: [N], in standard deviations."""
        here = codes[:, list(self.place.addresses)] - self.mean.to(codes)
        alike = 1 if len(self.reader) == here.shape[1] else here.shape[1]      # the mean over codes that move alike
        return (here * self.reader.to(codes)).sum((1, 2)) / alike


def apply(codes: Tensor, direction: Direction, amount: float | Tensor) -> Tensor:
    """Move codes W+ [N, n_latent, S] along a direction by an amount, a number or [N]: W+ [N, n_latent, S]."""
    if not isinstance(direction, Direction):
        raise UserError(f"A direction comes from the `find` of a system, not from {_shown(direction)}.")
    if not isinstance(codes, Tensor) or codes.ndim != 3 or codes.shape[1] <= max(direction.place.addresses):
        raise UserError("Directions move codes W+ of shape [N, n_latent, S] (`generator.layout.to_w_plus(w)` makes "
                        f"them), not {list(getattr(codes, 'shape', []))}.")
    try:
        amounts = torch.as_tensor(amount, dtype=codes.dtype, device=codes.device)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"An amount is a number, or one for every face, not {_shown(amount)}.") from None
    if amounts.shape not in ((), (len(codes),)):
        raise UserError(f"{len(codes)} faces take one amount, or {len(codes)}; not {list(amounts.shape)}.")
    if not bool((amounts.abs() <= LARGEST).all()):
        raise UserError(f"An amount lies between -{LARGEST:g} and {LARGEST:g} units, not {_shown(amount)}.")
    return direction.move(codes, amounts.expand(len(codes)))


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:40]}..."
