"""Editing a face: a `Session` remembers every state it has been in and changes one part at a time.

A face is a W+ code (base codes, then a shape and a texture code for every part), fixed noise, the parts that are
shown, and a position grid for parts that were moved. Every edit makes a new state, so undo and redo are exact.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.edit import values
from ssgan_lite.edit.backdrop_edits import BackdropEdits
from ssgan_lite.edit.edits import CodeEdits, PartNames
from ssgan_lite.edit.history import History
from ssgan_lite.edit.renderer import Renderer
from ssgan_lite.edit.state import BASE, FaceState
from ssgan_lite.edit.store import read_face, save_face
from ssgan_lite.errors import UserError
from ssgan_lite.model import GeneratorOutput, SemanticGenerator

LIFT_MARGIN = 0.5       # in units of pseudo-depths: e^0.5 = 1.6 times the weight of the next part


class Session(CodeEdits, BackdropEdits):
    """A face, or a batch of variants of one, under the editor's hand.

    >>> face = Session(G, seed=3)
    >>> face.randomize("hair")
    >>> face.copy_from(Session(G, seed=8), "eyes")
    >>> face.undo()
    >>> face.render().image                  # [1, 3, R, R]

    Edits return the session, so that they can be chained. An edit that cannot be made raises a `UserError` and leaves
    everything as it was. Parts are given by name or number, one or several; numbers of any kind do (`values.py`).
    """

    def __init__(self, generator: SemanticGenerator, seed: int | Sequence[int] = 0, psi: float = 1.0,
                 codes: Tensor | np.ndarray | None = None):
        """A face of a seed, or a batch of several seeds.

        codes: the face of these codes instead, from inversion or another tool: W [S] or [N, S], or W+ [n_latent, S]
        or [N, n_latent, S] (`generator.layout.names` says in which order). The seed then only steers later draws.
        """
        if generator.training:
            generator.eval()
        seeds = values.seeds(seed)
        self.generator, self.seed = generator, seeds[0]
        self.locked: frozenset[int] = frozenset()
        self._draws = 0                              # how often the dice were thrown, so that no throw repeats
        self._renderer = Renderer(generator)
        codes = torch.cat([self.codes_of(s) for s in seeds]) if codes is None else self._w_plus(codes)
        self.history = History(self._checked(FaceState(codes, psi)))

    @property
    def state(self) -> FaceState:
        return self.history.now

    @state.setter
    def state(self, state: FaceState) -> None:
        self.history.now = self._checked(state)

    # --- truncation, composition, place -------------------------------------------------------------------------

    def set_psi(self, psi: float, part: PartNames | None = None) -> Session:
        """Truncation: 1 keeps the face, 0 gives the model's average. With a part, of this part alone."""
        psi = values.psi_of(psi)
        if part is None:
            # What is locked keeps the psi that it has now.
            kept = {p: self.state.part_psi.get(p, self.state.psi) for p in self._locked_codes()}
            return self._change(psi=psi, part_psi={**self.state.part_psi, **kept})
        numbers = {BASE if isinstance(name, str) and name == "base" else self._free(name): psi
                   for name in values.listed(part)}
        return self._change(part_psi={**self.state.part_psi, **numbers})

    def show_only(self, *parts: str | int) -> Session:
        """Switch off every part but these."""
        return self._change(hidden=frozenset(range(self.generator.config.n_parts)) - self._ids(parts))

    def hide(self, *parts: str | int) -> Session:
        """Switch parts off; what was behind them comes forward."""
        return self._change(hidden=self.state.hidden | self._ids(parts))

    def show(self, *parts: str | int) -> Session:
        """Switch parts on again; without a name, all of them."""
        return self._change(hidden=self.state.hidden - (self._ids(parts) if parts else self.state.hidden))

    def move(self, part: str | int, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0) -> Session:
        """Shift a part by (dx, dy) half picture widths, right and down, and enlarge it; absolute, not added up."""
        placement = {**self.state.placement, self._free(part): (dx, dy, zoom)}
        state = self._checked(replace(self.state, placement=placement))
        return self._change(placement={p: how for p, how in state.placement.items() if how != (0.0, 0.0, 1.0)})

    def lift(self, part: str | int, amount: float) -> Session:
        """Add to a part's pseudo-depth, everywhere: above 0 it comes forward. Absolute, not added up; 0 ends it."""
        lifts = {**self.state.lifts, self._free(part): values.lift_of(amount)}
        return self._change(lifts={p: lift for p, lift in lifts.items() if lift})

    def wear(self, other: Session, part: str | int, kind: str | None = None, depths: Tensor | None = None) -> Session:
        """Take a part of another face, as `copy_from` does, and lift it until it is seen where it is seen there.

        Another face's hat may lie behind this face's hair. Then its depth is lifted by as little as it takes
        (`lift_to_be_seen`); what is seen anyway is not lifted. All is one step of the history.

        depths: those of the other face, [1, P, Hc, Hc], where they are known; else it is rendered.
        """
        number, config = self._free(part), self.generator.config
        self._codes_of_another(other), self._addresses(number, kind)         # raise before anything is changed
        if depths is not None:
            depths = values.tensor(depths, "depths", self.state.codes)
            wanted = (config.n_parts, config.coarse_size, config.coarse_size)
            if depths.ndim != 4 or not len(depths) or depths.shape[1:] != wanted:
                raise UserError(f"The depths of a face of this model have shape {[1, *wanted]}, not "
                                f"{list(depths.shape)}.")
        with self.stroke():
            self.lift(number, 0.0).copy_from(other, number, kind)
            # The background lies behind everything else, and colors alone put nothing on.
            if number > 0 and kind != "texture":
                theirs = other.render().depths if depths is None else depths
                self.lift(number, lift_to_be_seen(self.render().depths, theirs, number, self.state.hidden))
        return self

    def set_noise(self, seed: int | None) -> Session:
        """Other noise planes for the render net, from a seed; None: those stored with the weights."""
        return self._change(noise_seed=seed)

    # --- locks and history --------------------------------------------------------------------------------------

    def lock(self, *parts: str | int) -> Session:
        """Keep parts as they are: edits of "all" pass them by, others are refused. Not a step of the history.

        A locked foreground part locks the base codes too, for it is made from them.
        """
        self.locked |= self._ids(parts)
        return self

    def unlock(self, *parts: str | int) -> Session:
        """Take locks off; without a name, all of them."""
        self.locked -= self._ids(parts) if parts else self.locked
        return self

    def undo(self) -> Session:
        """Back to the state before the last edit; at the beginning it does nothing."""
        self.history.undo()
        return self

    def redo(self) -> Session:
        """Take an undo back."""
        self.history.redo()
        return self

    def reset(self) -> Session:
        """The face that the session began with; this too can be undone."""
        if self.state is not self.history.first:
            self.history.end_stroke()
            self.history.enter(self.history.first)
        return self

    def stroke(self):
        """`with face.stroke(): ...` makes one step of all edits in the block, such as the drag of a slider."""
        return self.history.stroke()

    @property
    def can_undo(self) -> bool:
        return bool(self.history.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.history.future)

    # --- what it looks like -------------------------------------------------------------------------------------

    @torch.no_grad()
    def render(self, state: FaceState | None = None) -> GeneratorOutput:
        """The generator's output for the present state (or a given one); image [N, 3, R, R], mask [N, P, R, R].

        What has not changed since the last call is not computed again.
        """
        state = state or self.state
        output = self._renderer(state)
        if state.backdrop is not None:
            output = replace(output, image=state.backdrop.behind(output.image, output.mask))
        return output

    def variants(self, n: int, part: PartNames = "all", kind: str | None = None, seed: int | None = None) -> Session:
        """A new session with n faces that differ from this one in the given part alone; `pick` takes one out."""
        n = values.whole(n, "The number of variants", 1, 10_000)
        batch = self._another(replace(self.state, codes=self.state.codes[:1].expand(n, -1, -1).clone()))
        batch.locked, batch._draws = self.locked, self._draws
        batch.randomize(part, kind, seed)
        self._draws += 1
        batch.history = History(batch.state)
        return batch

    def pick(self, i: int) -> Session:
        """One face of a batch, as a session of its own."""
        i = values.whole(i, "The number of a face in this session", 0, len(self.state.codes) - 1)
        return self._another(replace(self.state, codes=self.state.codes[i:i + 1]))

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> Path:
        """Keep this face in a file (safetensors with JSON); returns its path. See `edit/store.py`."""
        return save_face(self, path, overwrite)

    @classmethod
    def load(cls, generator: SemanticGenerator, source: str | os.PathLike | bytes) -> Session:
        """A saved face, from its file or its bytes, for the model that it was made with."""
        saved = read_face(generator, source)
        face = cls(generator, saved.seed, codes=saved.first.codes)
        face.history = History(saved.first)
        if saved.now is not saved.first:
            face.history.enter(saved.now)
        face.locked = saved.locked
        return face

    @torch.no_grad()
    def codes_of(self, seed: int) -> Tensor:
        """W+ [1, n_latent, S] of a seed."""
        G = self.generator
        return G.layout.to_w_plus(G.mapping(G.sample_z(1, values.seed(seed)))).clone()

    # --- inside -------------------------------------------------------------------------------------------------

    def _another(self, state: FaceState) -> Session:
        session = Session(self.generator, self.seed, codes=state.codes)
        session.history = History(self._checked(state))
        return session

    def _change(self, **changes) -> Session:
        """The only way in: every edit ends here, and what it made is checked before it becomes the present state."""
        self.history.enter(self._checked(replace(self.state, **changes)))
        return self

    def _checked(self, state: FaceState) -> FaceState:
        return values.checked(self.generator.config, self.generator.layout.n_latent, state)

    def _ids(self, parts: tuple) -> frozenset[int]:
        """The ids of parts that were named one by one or as lists."""
        return frozenset(values.part_id(self.generator.config, part) for part in values.listed(*parts))

    def _w_plus(self, codes: Tensor | np.ndarray) -> Tensor:
        """Somebody's codes as W+ [N, n_latent, S], float32 on the model's device."""
        layout, s = self.generator.layout, self.generator.config.style_dim
        codes = values.tensor(codes, "codes", self.generator.mean_w)
        if codes.shape in ((s,), (layout.n_latent, s)):        # a single face
            codes = codes[None]
        return layout.to_w_plus(codes).clone()


def lift_to_be_seen(depths: Tensor, theirs: Tensor, part: int, hidden: Collection[int] = ()) -> float:
    """What to add to a part's depths so that it is seen where `theirs` shows it; 0 if that is so already.

    The part must become the nearest in at least half of those places. Of the lifts that do it, the one that is taken
    makes the region that is seen most like the region that is worn (intersection over union), for a lift counts
    everywhere. Both: [N, P, H, W], of which the first face counts.
    """
    worn = theirs[0].argmax(0) == part                                                         # [H, W]
    if not worn.any():
        return 0.0
    others = [p for p in range(depths.shape[1]) if p != part and p not in hidden]
    behind = depths[0, others].amax(0) - depths[0, part]       # how far it lies behind the nearest other part
    if float((behind[worn] < 0).float().mean()) >= 0.8:
        return 0.0
    quantiles = torch.linspace(0.5, 0.95, 10).to(behind)
    lifts = torch.quantile(behind[worn], quantiles, interpolation="higher").clamp_min(0) + LIFT_MARGIN     # [10]
    seen = behind < lifts[:, None, None]                                                       # [10, H, W]
    overlap = (seen & worn).flatten(1).sum(1) / (seen | worn).flatten(1).sum(1)
    return float(lifts[overlap.argmax()])
