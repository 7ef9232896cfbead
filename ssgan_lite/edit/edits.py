"""Edits of codes: which entries of W+ a part's name means, and what can be done to them.

`Session` inherits these and adds what concerns the whole face. Every edit takes names such as "hair",
["eyes", "nose"], "base" (the codes that all foreground parts share) or "all"; `kind` restricts it to "shape" or
"texture".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.directions.direction import LARGEST, LinearDirection, apply
from ssgan_lite.directions.ganspace import PartAxes, part_axes
from ssgan_lite.edit import values
from ssgan_lite.edit.state import BASE
from ssgan_lite.errors import UserError
from ssgan_lite.model.latents import KINDS

PartNames = str | int | Iterable[str]


class CodeEdits:
    """What a `Session` can do to the codes of a face. Needs: generator, state, seed, locked, codes_of, _change."""

    def randomize(self, part: PartNames = "all", kind: str | None = None, seed: int | None = None) -> Self:
        """New codes for a part ("hair"), several (["eyes", "nose"]), the shared "base" codes, or "all".

        kind: only its "shape" or its "texture". Without a seed every call draws another face, the same in every
        session of this seed.
        """
        self._addresses(part, kind)             # raises before a draw is counted
        if seed is None:
            self._draws += 1
            seed = values.wrapped(1_000_003 * (self.seed + 1) + self._draws)
        seed, n = values.seed(seed), len(self.state.codes)
        draws = [self.codes_of(values.wrapped(seed + 7919 * i)) for i in range(n)]
        return self._take(torch.cat(draws), part, kind)

    def copy_from(self, other: CodeEdits, part: PartNames = "all", kind: str | None = None,
                  amount: float = 1.0) -> Self:
        """The codes of a part from another face; `amount` between 0 and 1 goes only part of the way."""
        theirs = self._codes_of_another(other)
        return self._take(torch.lerp(self.state.codes, theirs, values.amount_of(amount)), part, kind)

    def mix(self, other: CodeEdits, amounts: Mapping[str, float | tuple[float, float]]) -> Self:
        """Several parts of another face at once: {"hair": 1, "nose": 0.5, "mouth": (0, 1)} (shape, texture)."""
        theirs, codes = self._codes_of_another(other), self.state.codes.clone()
        if not isinstance(amounts, Mapping):
            raise UserError('Say how much of each part: {"hair": 1, "nose": 0.5, "mouth": (0, 1)}.')
        for part, amount in amounts.items():
            pair = values.listed(amount)
            if len(pair) not in (1, 2) or part in ("base", "all") and len(pair) == 2:
                raise UserError(f"The amount of {part} is one number, or two: of its shape and its texture.")
            shares = [values.amount_of(share) for share in pair]
            for i, address in enumerate(self._addresses(part, None)):          # shape, texture, shape, texture, ...
                share = shares[i % len(shares)]
                codes[:, address] = torch.lerp(codes[:, address], theirs[:, address], share)
        return self._change(codes=codes)

    def set(self, part: PartNames, kind: str | None, code: Tensor) -> Self:
        """Put a code of your own in place: [S], or [N, S] with one for every variant."""
        s, n = self.generator.config.style_dim, len(self.state.codes)
        code = values.tensor(code, "The code", self.state.codes)
        if code.shape not in ((s,), (n, s)):
            raise UserError(f"A code for this face has shape [{s}] or [{n}, {s}], not {list(code.shape)}.")
        return self._take(code.expand(n, s)[:, None].expand_as(self.state.codes), part, kind)

    def nudge(self, part: PartNames, kind: str, direction: int | Tensor, amount: float = 1.0) -> Self:
        """Move codes along a direction: a number counts the part's own axes (`axes`), a tensor [S] is one of yours.

        amount: for an axis, in standard deviations of the faces that the model makes.
        """
        codes = self.state.codes
        if isinstance(direction, (int, np.integer)):
            if len(values.listed(part)) != 1:
                raise UserError("Each part has axes of its own; nudge one part at a time.")
            axes = self.axes(part, kind)
            direction = axes.direction(values.whole(direction, "An axis", 0, len(axes.directions) - 1))
        direction = values.tensor(direction, "The direction", codes)
        if direction.shape != codes.shape[-1:]:
            raise UserError(f"A direction of this model has shape {list(codes.shape[-1:])}, "
                            f"not {list(direction.shape)}.")
        return self._take(codes + values.number(amount, "The amount") * direction, part, kind)

    def set_axis(self, part: str | int, kind: str, axis: int, value: float) -> Self:
        """Move a part along one of its axes until its coordinate there is `value`; other coordinates stay."""
        axes, number = self.axes(part, kind), self._part_id(part)
        axis = values.whole(axis, "An axis", 0, len(axes.directions) - 1)
        direction = axes.direction(axis)                                                       # [S]
        here = axes.read(self.state.codes[:, self.generator.layout[number, kind]])[:, axis]    # [N]
        step = (values.number(value, "The coordinate") - here)[:, None] * direction            # [N, S]
        return self._take(self.state.codes + step[:, None], part, kind)

    def set_direction(self, direction: LinearDirection, value: float) -> Self:
        """Move along a direction, such as a named one, until its coordinate is `value`, in standard deviations."""
        if not isinstance(direction, LinearDirection):
            raise UserError(f"Only a straight direction has a coordinate, not {type(direction).__name__}.")
        for part in direction.place.parts:
            self._free(part)
        codes = self.state.codes
        step = values.number(value, "The coordinate", -LARGEST, LARGEST) - direction.read(codes)
        return self._change(codes=apply(codes, direction, step.clamp(-LARGEST, LARGEST)))

    def axes(self, part: str | int, kind: str) -> PartAxes:
        """The main directions of a part's shape or texture codes; see `PartAxes`."""
        return part_axes(self.generator, self._part_id(part), values.kind_of(kind))

    # --- inside -------------------------------------------------------------------------------------------------

    def _codes_of_another(self, other: CodeEdits) -> Tensor:
        """[N, n_latent, S]; the other face may be a single one."""
        if not isinstance(other, CodeEdits):
            raise UserError(f"Copy from another face, a `Session`; this is of type {type(other).__name__}.")
        if other.generator is not self.generator:
            raise UserError("The two faces belong to different models; their codes mean different things. "
                            "`Session(face.generator, seed)` makes another one of the same model.")
        n, m = len(self.state.codes), len(other.state.codes)
        if m not in (1, n):
            raise UserError(f"{m} faces cannot be copied to {n}; take one of them with `pick`.")
        return other.state.codes.expand_as(self.state.codes)

    def _locked_codes(self) -> set[int]:
        """Locked parts, and BASE if one of them is made from the base codes."""
        return set(self.locked) | ({BASE} if self.locked - {0} else set())

    def _part_id(self, part: str | int) -> int:
        """The id of one part; a list with one name is as good as the name."""
        named = values.listed(part)
        if len(named) != 1:
            raise UserError("This takes one part at a time.")
        return values.part_id(self.generator.config, named[0])

    def _free(self, part: str | int) -> int:
        """The id of a part that is to be changed."""
        number = self._part_id(part)
        if number in self.locked:
            name = self.generator.config.parts[number]
            raise UserError(f"{name.capitalize()} is locked. Unlock it first, or change another part.")
        return number

    def _addresses(self, part: PartNames, kind: str | None) -> list[int | slice]:
        """Where in W+ the codes of the named parts are, locked ones refused, or left out of "all"."""
        layout, config, locked = self.generator.layout, self.generator.config, self._locked_codes()
        kinds = KINDS if kind is None else (values.kind_of(kind),)
        base = list(range(config.base_layers))
        if isinstance(part, str) and part == "all":
            free = [p for p in range(config.n_parts) if p not in locked]
            return (base if kind is None and BASE not in locked else []) + [layout[p, k] for p in free for k in kinds]
        addresses = []
        for name in values.listed(part):
            if isinstance(name, str) and name == "base":
                if BASE in locked:
                    raise UserError("The base codes shape all parts but the background, and one of them is locked.")
                addresses += base
            else:
                addresses += [layout[self._free(name), k] for k in kinds]
        return addresses

    def _take(self, source: Tensor, part: PartNames, kind: str | None) -> Self:
        """Replace the codes of the named parts by those of `source`."""
        codes = self.state.codes.clone()
        addresses = self._addresses(part, kind)
        codes[:, addresses] = source[:, addresses]
        return self._change(codes=codes)
