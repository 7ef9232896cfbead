"""Incremental rendering: after an edit, compute only what the edit changed.

The model allows it: the hidden features and the depth of a part depend on its own codes and place alone, so those of
all other parts are kept from the picture before. Three steps see all parts:

- *fusion* (`model/fusion.py`): a softmax over P maps. It is cheap and computed anew;
- *composition*, f = sum_p a_p (F_p x_p + b_p) with fusion weights a_p. All a_p change with every edit of a shape, so
  this sum cannot be kept as it is. But write it as sum_g A_g f_g over groups g of two parts, with A_g = sum_{p in g}
  a_p and f_g = sum_{p in g} (a_p / A_g) (F_p x_p + b_p). By the softmax the ratios a_p / A_g depend on the depths of
  the two parts alone, so an edit of one part changes f_g of its own group only, and all other f_g are kept.
  Transparent parts form groups of their own, for they are not normalized together with the solid ones. With hard
  fusion the ratios do depend on all parts; there all groups are computed anew. Larger groups would cost more products
  per edit, smaller ones more memory and more sums;
- the *render net*: run in full. Cutting it down to the changed region is exact only with a margin as wide as its
  receptive field (`halo`): 21 pixels of 64 or 128, 93 of 512, on every side. The region of nearly every part with
  such a margin is most of the picture, so nothing would be won.

All layers and heads are those of `LocalBank`; this module only decides what to compute. Against a full forward pass
the result differs by rounding alone (tests/test_session.py: below 1e-5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.edit.state import FaceState, effective_codes, noise_planes
from ssgan_lite.model import GeneratorOutput, SemanticGenerator, move_and_zoom
from ssgan_lite.model.fusion import fuse, softmax_of_depths

KEPT_OUTPUTS = 4            # pictures at hand for undo, redo and comparison
GROUP_SIZE = 2              # parts whose features are kept as one sum


@dataclass
class _Known:
    """What was computed for the state before. N faces; n is N, or 1 where all faces agree on a part; M = Hc * Hc."""

    codes: Tensor                                   # [N, P, L, S]
    places: dict[int, tuple[float, float, float]]   # part -> (dx, dy, zoom), of those that were moved
    depths: Tensor                                  # [N, P, M]
    middle: list[Tensor]                            # P times [n, C, M], the features whose depth is read
    hidden: list[Tensor]                            # P times [n, C + 1, M], the last features, and ones for the bias
    switched_off: frozenset[int]                    # parts that were hidden
    lifts: dict[int, float]                         # part -> what was added to its depths for the fusion
    combined: list[Tensor]                          # f_g of every group: [N, M, O] each


class Renderer:
    """Turns states of a face into pictures, and keeps what can serve the next one.

    >>> render = Renderer(G)
    >>> render(state).image                  # [N, 3, R, R], the same as one full forward pass of G
    """

    def __init__(self, generator: SemanticGenerator):
        self.generator = generator
        config = generator.config
        solid = [part for part in range(config.n_parts) if part not in config.transparent_ids]
        self.groups = [parts[start:start + GROUP_SIZE] for parts in (solid, list(config.transparent_ids))
                       for start in range(0, len(parts), GROUP_SIZE)]
        self._watched: list[Tensor] = []             # all weights, with the versions that the cache belongs to
        self._versions: list[int] | None = None

    def _forget(self) -> None:
        """Begin afresh: drop all that was kept, and prepare what depends on the weights alone."""
        generator, bank = self.generator, self.generator.local
        generator.render.prepare()                                                             # its convolutions
        self._watched = [*generator.parameters(), *generator.buffers()]
        self._versions = [x._version for x in self._watched]
        self._outputs: deque[tuple[FaceState, GeneratorOutput]] = deque(maxlen=KEPT_OUTPUTS)
        self._known: _Known | None = None
        self._plain = generator.embedding().flatten(1)                                         # [C, M], nothing moved
        self._member = torch.zeros(len(self.groups), generator.config.n_parts, device=generator.device)
        for i, group in enumerate(self.groups):
            self._member[i, group] = 1                                                         # [groups, P]
        # With its bias as one more column, and a row of ones under the features, a head is a single product.
        heads = torch.cat([bank.feature_heads(), bank.feature_bias[..., None]], 2)             # [P, O, C + 1]
        heads = heads.mT.contiguous()                                                          # [P, C + 1, O]
        self._heads = [heads[group].flatten(0, 1) for group in self.groups]                    # [parts (C + 1), O]
        self._depth_heads = bank.depth_heads()                                                 # [P, C], [P]

    @torch.no_grad()
    def __call__(self, state: FaceState) -> GeneratorOutput:
        """The generator's output for a state, without its backdrop: image [N, 3, R, R] and all the rest."""
        self._notice_new_weights()
        for known, output in self._outputs:
            if known.looks_like(state):
                return output
        try:
            output = self._draw(state)
        except BaseException:
            # Out of memory, or Ctrl-C: the cache is half up to date, which is worse than empty.
            self._known = None
            raise
        self._outputs.append((state, output))
        return output

    def _notice_new_weights(self) -> None:
        """Training and loading change parameters in place, moving to a device replaces them: both empty the cache."""
        if not self.generator.render.is_prepared or [x._version for x in self._watched] != self._versions:
            self._forget()

    def _draw(self, state: FaceState) -> GeneratorOutput:
        """The steps of `SemanticGenerator.forward`, with everything kept that can be."""
        generator, config = self.generator, self.generator.config
        codes = effective_codes(generator, state)                                              # [N, P, L, S]
        fresh = self._update(codes, state.placement)
        # A copy, for the output outlives the next edit, and that one writes into the kept depths.
        depths = self._known.depths.clone()                                                    # [N, P, M]
        for part, lift in state.lifts.items():
            depths[:, part] += lift
        # A lift that is new changes the ratios within the group of the part, so f_g is computed again.
        before = self._known.lifts
        fresh = [new or state.lifts.get(part, 0.0) != before.get(part, 0.0) for part, new in enumerate(fresh)]
        self._known.lifts = dict(state.lifts)
        depths = depths.unflatten(2, (config.coarse_size, config.coarse_size))
        present = None
        if state.hidden:
            present = generator.present([part for part in range(config.n_parts) if part not in state.hidden])
        weights, coarse_mask = fuse(depths, config, present)                                   # [N, P, Hc, Hc]
        # Ratios within a group change when one of its parts is switched on or off.
        if state.hidden != self._known.switched_off:
            self._known.switched_off, self._known.combined = state.hidden, []
        features = self._compose(weights.flatten(2), depths.flatten(2), fresh, present)        # [N, M, O]
        image, scores = generator.render(features.mT.unflatten(2, depths.shape[2:]), coarse_mask,
                                         noise_planes(generator, state.noise_seed))
        return GeneratorOutput(image, scores, coarse_mask, depths, codes.flatten(1, 2))

    # --- one part at a time ---------------------------------------------------------------------------------------

    def _update(self, codes: Tensor, places: Mapping[int, tuple]) -> list[bool]:
        """Bring the features and depths of all parts up to date. codes: [N, P, L, S]

        Returns for every part whether its features are new.
        """
        bank, depth_layers = self.generator.local, self.generator.config.depth_layers
        known, (n, p, n_layers, _) = self._known, codes.shape
        # Another number of faces is another batch: nothing of the one before can serve it.
        first = known is None or len(known.codes) != n
        if first:
            depths = codes.new_zeros(n, p, self._plain.shape[1])
            known = self._known = _Known(codes, dict(places), depths, [codes] * p, [codes] * p, frozenset(), {}, [])
            changed = [[True] * n_layers] * p
        else:
            changed = (codes != known.codes).any(3).any(0).tolist()                            # P lists of L
        # In a batch of variants most parts are the same for all faces: such a part is computed once.
        alike = (codes == codes[:1]).flatten(2).all(2).all(0).tolist() if n > 1 else [True] * p
        fresh = []
        for part in range(p):
            new_shape = first or any(changed[part][:depth_layers]) or known.places.get(part) != places.get(part)
            fresh.append(new_shape or any(changed[part]))
            if not fresh[part]:
                continue
            own = codes[:1, part] if alike[part] else codes[:, part]                           # [n, L, S]
            if new_shape:
                middle, hidden = bank.run_part(part, own, self._embedding(places.get(part))[None])
                known.middle[part] = middle
                alone = slice(part, part + 1)
                known.depths[:, part] = bank.read_depth(middle[:, None], alone, self._depth_heads)[:, 0]
            else:
                # Only its texture changed: go on from the features in the middle, the depth stays.
                _, hidden = bank.run_part(part, own[:, depth_layers:], known.middle[part][:len(own)], depth_layers)
            known.hidden[part] = F.pad(hidden, (0, 0, 0, 1), value=1.0)
        known.codes, known.places = codes, dict(places)
        return fresh

    def _embedding(self, place: tuple | None) -> Tensor:
        """The position embedding of the plain grid, or of a moved one. [C, M]"""
        embedding = self.generator.embedding
        return self._plain if place is None else embedding(move_and_zoom(embedding.grid, *place)).flatten(1)

    # --- all parts together ---------------------------------------------------------------------------------------

    def _compose(self, weights: Tensor, depths: Tensor, fresh: list[bool], present: Tensor | None) -> Tensor:
        """sum_g A_g f_g (see above), channels last, as the render net wants them.

        weights, depths: [N, P, M]; fresh: which parts changed -> [N, M, O]
        """
        known, hard = self._known, self.generator.config.fusion == "hard"
        totals, features = (self._member @ weights)[..., None], None                   # A_g: [N, groups, M, 1]
        for i, group in enumerate(self.groups):
            total = totals[:, i]                                                               # [N, M, 1]
            # `combined` ends where an update was interrupted, or everything was dropped.
            if hard or not known.combined[i:] or any(fresh[part] for part in group):
                if hard:
                    ratios = weights[:, group] / (total.mT + 1e-30)                            # [N, parts, M]
                else:
                    # From the depths, not by division: a group far behind may have no weight left to divide.
                    ratios = _shares(depths[:, group], None if present is None else present[group])
                hidden = torch.cat([known.hidden[part] * ratio[:, None]
                                    for part, ratio in zip(group, ratios.unbind(1), strict=True)], 1)
                known.combined[i:i + 1] = [hidden.mT @ self._heads[i]]                         # f_g: [N, M, O]
            features = known.combined[i] * total if i == 0 else features.addcmul_(known.combined[i], total)
        return features


def _shares(depths: Tensor, present: Tensor | None) -> Tensor:
    """Softmax over the parts of a group that are switched on: [N, parts, M]. present: [parts] of 0 and 1.

    `soft_mask` will not do: it adds a small number below the line, which counts where a part that is switched off
    stands far in front of the others. If all are switched off any ratios will do, for the group has no weight.
    """
    if present is not None and present.any():
        depths = depths.masked_fill(present[:, None] == 0, -torch.inf)
    return softmax_of_depths(depths)


def halo(config: ModelConfig) -> int:
    """How far, in pixels of the picture, one cell of the render net's smallest map can be felt on either side.

    A stage widens what it is given by the transposed convolution and its filter (2 pixels of its own size), then by
    the plain convolution (1), and doubles what came before; the widest way is through all stages.
    """
    reach = 0
    for _ in range(config.render_stages):
        reach = 2 * reach + 3
    return reach
