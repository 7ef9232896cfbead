"""Editing one face: a `Session` remembers every state it has been in and changes one part at a time.

A face is a W+ code (base codes, then a shape and a texture code for every part), fixed noise, the parts that are
shown, and a position grid for parts that were moved. Every edit makes a new state, so undo and redo are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.model import GeneratorOutput, SemanticGenerator, move_and_zoom


@dataclass(frozen=True, eq=False)
class FaceState:
    """Everything that decides what a face looks like; never changed, only replaced."""

    codes: Tensor                                   # W+ [1, n_latent, S], before truncation
    psi: float = 1.0                                # truncation of the whole face
    hidden: frozenset[int] = frozenset()            # parts that are switched off
    placement: dict[int, tuple[float, float, float]] = field(default_factory=dict)   # part -> (dx, dy, zoom)


class Session:
    """A face under the editor's hand.

    >>> face = Session(G, seed=3)
    >>> face.randomize("hair")
    >>> face.copy_from(Session(G, seed=8), "eyes")
    >>> face.undo()
    >>> face.render().image                  # [1, 3, R, R]
    """

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 1.0):
        self.generator, self.seed = generator.eval(), seed
        self._past: list[FaceState] = []
        self._future: list[FaceState] = []
        self._draws = 0                              # how often the dice were thrown, so that no throw repeats
        self.state = FaceState(self._codes_of(seed), psi)

    # --- edits: each makes a new state and returns the session, so they can be chained -------------------------------

    def randomize(self, part: str | int | Iterable[str] = "all", kind: str | None = None,
                  seed: int | None = None) -> Session:
        """New codes for a part ("hair"), several (["eyes", "nose"]), the shared "base" codes, or "all".

        kind: only its "shape" or its "texture". Without a seed every call draws another face, the same in every
        session of this seed.
        """
        if seed is None:
            self._draws += 1
            seed = 1_000_003 * (self.seed + 1) + self._draws
        return self._take(self._codes_of(seed), part, kind)

    def copy_from(self, other: Session, part: str | int | Iterable[str] = "all", kind: str | None = None,
                  amount: float = 1.0) -> Session:
        """The codes of a part from another face; `amount` between 0 and 1 goes only part of the way."""
        if other.generator is not self.generator:
            raise UserError("The two faces belong to different models; their codes mean different things.")
        theirs = other.state.codes
        return self._take(torch.lerp(self.state.codes, theirs, float(amount)), part, kind)

    def set_psi(self, psi: float) -> Session:
        """Truncation: 1 keeps the face, 0 gives the model's average face."""
        return self._change(psi=float(psi))

    def show_only(self, *parts: str | int) -> Session:
        """Switch off every part but these."""
        config = self.generator.config
        shown = {config.part_id(part) for part in parts}
        if not shown:
            raise UserError("At least one part must be shown.")
        return self._change(hidden=frozenset(range(config.n_parts)) - shown)

    def hide(self, *parts: str | int) -> Session:
        """Switch parts off; what was behind them comes forward."""
        hidden = self.state.hidden | {self.generator.config.part_id(part) for part in parts}
        if len(hidden) == self.generator.config.n_parts:
            raise UserError("At least one part must be shown.")
        return self._change(hidden=hidden)

    def show(self, *parts: str | int) -> Session:
        """Switch parts on again; without a name, all of them."""
        named = {self.generator.config.part_id(part) for part in parts} or set(self.state.hidden)
        return self._change(hidden=self.state.hidden - named)

    def move(self, part: str | int, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0) -> Session:
        """Shift a part by (dx, dy) half picture widths, right and down, and enlarge it; absolute, not added up."""
        if zoom <= 0:
            raise UserError(f"A part cannot be enlarged {zoom} times; zoom must be above 0.")
        return self._change(placement={**self.state.placement, self.generator.config.part_id(part): (dx, dy, zoom)})

    def undo(self) -> Session:
        """Back to the state before the last edit; at the beginning it does nothing."""
        if self._past:
            self._future.append(self.state)
            self.state = self._past.pop()
        return self

    def redo(self) -> Session:
        """Take an undo back."""
        if self._future:
            self._past.append(self.state)
            self.state = self._future.pop()
        return self

    def reset(self) -> Session:
        """The face that the session began with; this too can be undone."""
        if self._past:
            first = self._past[0]
            self._past.append(self.state)
            self._future.clear()
            self.state = first
        return self

    # --- what it looks like -------------------------------------------------------------------------------------------

    @torch.no_grad()
    def render(self, state: FaceState | None = None) -> GeneratorOutput:
        """The generator's output for the present state (or a given one); image [1, 3, R, R], mask [1, P, R, R]."""
        state, G = state or self.state, self.generator
        present = None
        if state.hidden:
            present = G.present([part for part in range(G.config.n_parts) if part not in state.hidden])
        coords = None
        if state.placement:
            grid = G.embedding.grid
            coords = G.coordinates({part: move_and_zoom(grid, *how) for part, how in state.placement.items()})
        return G(state.codes, psi=state.psi, present=present, coords=coords)

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    # --- inside -------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _codes_of(self, seed: int) -> Tensor:
        """W+ [1, n_latent, S] of a seed."""
        G = self.generator
        return G.layout.to_w_plus(G.mapping(G.sample_z(1, seed))).clone()

    def _take(self, source: Tensor, part: str | int | Iterable[str], kind: str | None) -> Session:
        """Replace the codes of the named parts by those of `source`."""
        codes, layout = self.state.codes.clone(), self.generator.layout
        if isinstance(part, str) and part == "all":
            addresses = [slice(None)] if kind is None else [layout[p, kind] for p in self.generator.config.parts]
        else:
            names = [part] if isinstance(part, (str, int)) else list(part)
            addresses = [layout[name] if kind is None or name == "base" else layout[name, kind] for name in names]
        for address in addresses:
            codes[:, address] = source[:, address]
        return self._change(codes=codes)

    def _change(self, **changes) -> Session:
        self._past.append(self.state)
        self._future.clear()
        self.state = replace(self.state, **changes)
        return self


@dataclass(frozen=True)
class Change:
    """How much a picture changed, and where."""

    map: Tensor          # [R, R], mean absolute change of the three channels, in [0, 2]
    inside: float        # mean over the part's region, old and new
    outside: float       # mean over everything else

    @property
    def leak(self) -> float:
        """Change outside as a share of the change inside: 0 is a perfectly local edit."""
        return self.outside / self.inside if self.inside > 0 else 0.0


def compare(before: GeneratorOutput, after: GeneratorOutput, part: int | Sequence[int], margin: int = 0) -> Change:
    """What an edit of one part, or of several, did to the image: inside them (before or after the edit) and outside.

    margin: widens the region by so many pixels. The render net's 3 x 3 convolutions mix neighbours, so colours change
    a little beyond the border of a part.
    """
    parts = torch.as_tensor([part] if isinstance(part, int) else list(part), device=before.mask.device)
    region = torch.isin(before.mask.argmax(1), parts) | torch.isin(after.mask.argmax(1), parts)     # [1, R, R]
    if margin:
        region = torch.nn.functional.max_pool2d(region[:, None].float(), 2 * margin + 1, 1, margin)[:, 0] > 0
    change = (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().mean(dim=1)          # [1, R, R]
    inside = float(change[region].mean()) if region.any() else 0.0
    outside = float(change[~region].mean()) if (~region).any() else 0.0
    return Change(change[0], inside, outside)
