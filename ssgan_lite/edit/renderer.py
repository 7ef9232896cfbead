"""Drawing a face again after an edit, computing only what the edit changed.

The model invites it: a part's hidden features and depth depend on its own codes and place alone, so those of all other
parts can be kept. What is left are three things that see all parts:

- *fusion weights*: a softmax over P maps, cheap;
- *feature heads*: f = sum_p w_p (F_p x_p + b_p). Written as sum_g W_g f_g over pairs g of parts, with
  W_g = sum_{p in g} w_p and f_g = sum_{p in g} (w_p / W_g) (F_p x_p + b_p), an edit of one part changes f_g of its own
  pair only: by the softmax, w_p / W_g depends on the depths in the pair alone. (Transparent parts have groups of their
  own, for they are not normalised together with the solid ones. Hard fusion has no such ratios; there all groups are
  computed anew.) Larger groups cost more products, smaller ones more memory and sums;
- the *render net*, which is run in full. Cutting it down to the changed region would be exact only with a margin as
  wide as its receptive field, `halo` below: 21 pixels of 64 or 128, 93 of 512, on every side. Nearly every part's
  region with such a margin is most of the picture, so nothing would be won.

Against a full forward pass the result differs by rounding alone (tests/test_session.py: below 1e-5).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.edit.state import FaceState, effective_codes, noise_planes
from ssgan_lite.model import GeneratorOutput, SemanticGenerator, move_and_zoom
from ssgan_lite.model.fusion import (fusion_weights, hard_fusion_weights, one_hot_straight_through, soft_mask,
                                     to_coarse_mask)
from ssgan_lite.model.layers import SQRT2, demodulate

KEPT_OUTPUTS = 4            # pictures at hand for undo, redo and comparison


@dataclass
class _Known:
    """What was computed for the state before. M = Hc * Hc; N faces; n is N, or 1 where all faces agree on a part."""

    codes: Tensor                                   # [N, P, L, S]
    places: dict[int, tuple[float, float, float]]
    depths: Tensor                                  # [N, P, M]
    middle: list[Tensor]                            # P times [n, C, M], after the layer whose depth is read
    hidden: list[Tensor]                            # P times [n, C + 1, M], after the last layer; ones for the bias
    hidden_parts: frozenset[int]
    lifts: dict[int, float]                         # what was added to the depths for the fusion
    combined: list[Tensor]                          # [N, M, O] for every group, its features


class Renderer:
    """Turns states of a face into pictures; remembers what it computed for the one before."""

    def __init__(self, generator: SemanticGenerator):
        self.generator = generator
        config = generator.config
        solid = [part for part in range(config.n_parts) if part not in config.transparent_ids]
        self.groups = [parts[start:start + 2] for parts in (solid, list(config.transparent_ids))
                       for start in range(0, len(parts), 2)]
        self._watched: list[Tensor] = []
        self._versions: list[int] | None = None

    def _forget(self) -> None:
        generator, bank = self.generator, self.generator.local
        generator.render.prepare()
        self._watched = [*generator.parameters(), *generator.buffers()]
        self._versions = [x._version for x in self._watched]
        self._outputs: deque[tuple[FaceState, GeneratorOutput]] = deque(maxlen=KEPT_OUTPUTS)
        self._known: _Known | None = None
        self._plain = generator.embedding().flatten(1)                                         # [C, M]
        self._member = torch.zeros(len(self.groups), generator.config.n_parts, device=generator.device)
        for i, group in enumerate(self.groups):
            self._member[i, group] = 1                                                         # [groups, P]
        scale = math.sqrt(bank.weight.shape[-1])
        heads = bank.feature_weight * (bank.feature_modulation / scale)[:, None]
        heads = torch.cat((heads, bank.feature_bias[..., None]), 2).mT.contiguous()            # [P, C + 1, O]
        self._heads = [heads[group].flatten(0, 1) for group in self.groups]                    # [parts (C + 1), O]
        self._depth_heads = F.pad(bank.depth_weight * bank.depth_modulation / scale, (0, 0, 1, 0))     # [P, C]
        self._depth_bias = F.pad(bank.depth_bias, (1, 0))                                      # [P]
        self._bias = [part.unbind(0) for part in (SQRT2 * bank.bias)[..., None].unbind(0)]     # P lists of L of [C, 1]
        self._weight, self._style_scale = bank.weight / scale, math.sqrt(bank.style_weight.shape[-1])

    @torch.no_grad()
    def __call__(self, state: FaceState) -> GeneratorOutput:
        """The generator's output for a state, without its backdrop: image [N, 3, R, R] and all the rest."""
        self._notice_new_weights()
        for known, output in self._outputs:
            if known.looks_like(state):
                return output
        try:
            output = self._draw(state)
        except BaseException:           # out of memory, or Ctrl-C: what is half brought up to date is of no use
            self._known = None
            raise
        self._outputs.append((state, output))
        return output

    def _notice_new_weights(self) -> None:
        """Training and loading change parameters in place, moving to a device replaces them: begin afresh then."""
        if not self.generator.render.is_prepared or [x._version for x in self._watched] != self._versions:
            self._forget()

    def _draw(self, state: FaceState) -> GeneratorOutput:
        generator, config = self.generator, self.generator.config
        codes = effective_codes(generator, state)                                              # [N, P, L, S]
        fresh = self._update(codes, state.placement)
        depths = self._known.depths.clone()                                                    # [N, P, M]
        for part, lift in state.lifts.items():
            depths[:, part] += lift
        # A lift that is new changes the shares within the part's pair, so the pair is composed again.
        before = self._known.lifts
        fresh = [new or state.lifts.get(part, 0.0) != before.get(part, 0.0) for part, new in enumerate(fresh)]
        self._known.lifts = dict(state.lifts)
        depths = depths.unflatten(2, (config.coarse_size, config.coarse_size))
        present = None
        if state.hidden:
            present = generator.present([part for part in range(config.n_parts) if part not in state.hidden])
        mask = soft_mask(depths, present)                                                      # [N, P, Hc, Hc]
        if config.fusion == "hard":
            weights, mask = hard_fusion_weights(mask, config.transparent_ids), one_hot_straight_through(mask)
        else:
            weights = fusion_weights(mask, config.transparent_ids)
        if state.hidden != self._known.hidden_parts:
            self._known.hidden_parts, self._known.combined = state.hidden, []
        features = self._compose(weights.flatten(2), depths.flatten(2), fresh, present)        # [N, M, O]
        coarse_mask = to_coarse_mask(mask)
        image, scores = generator.render(features.mT.unflatten(2, depths.shape[2:]), coarse_mask,
                                         noise_planes(generator, state.noise_seed))
        return GeneratorOutput(image, scores, coarse_mask, depths, codes.flatten(1, 2))

    # --- one part at a time -------------------------------------------------------------------------------------------

    def _update(self, codes: Tensor, places: Mapping[int, tuple]) -> list[bool]:
        """Bring all parts up to date; which of them have new features? codes: [N, P, L, S]"""
        known, (n, p, n_layers, _), depth_layers = self._known, codes.shape, self.generator.config.depth_layers
        first = known is None or len(known.codes) != n
        if first:
            known = self._known = _Known(codes, dict(places), codes.new_zeros(n, p, self._plain.shape[1]), [codes] * p,
                                         [codes] * p, frozenset(), {}, [])
            changed = [[True] * n_layers] * p
        else:
            changed = (codes != known.codes).any(3).any(0).tolist()                            # P lists of L
        # Where all faces agree on a part's codes, it is computed once.
        alike = (codes == codes[:1]).flatten(2).all(2).all(0).tolist() if n > 1 else [True] * p
        fresh = []
        for part in range(p):
            new_shape = first or any(changed[part][:depth_layers]) or known.places.get(part) != places.get(part)
            fresh.append(new_shape or any(changed[part]))
            if not fresh[part]:
                continue
            own = codes[:1, part] if alike[part] else codes[:, part]                           # [n, L, S]
            if new_shape:
                middle, hidden = self._run_layers(part, 0, own, self._embedding(places.get(part))[None])
                known.middle[part], known.depths[:, part] = middle, self._depth(part, middle)
            else:
                _, hidden = self._run_layers(part, depth_layers, own, known.middle[part][:len(own)])
            known.hidden[part] = F.pad(hidden, (0, 0, 0, 1), value=1.0)
        known.codes, known.places = codes, dict(places)
        return fresh

    @torch.no_grad()
    def run_part(self, part: int, codes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """One part alone at m of the M positions: hidden features [n, C, m] and depth [n, m]. codes: [n, L, S]"""
        self._notice_new_weights()
        middle, hidden = self._run_layers(part, 0, codes, self._plain[None, :, places])
        return hidden, self._depth(part, middle)

    def _run_layers(self, part: int, begin: int, codes: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The layers of one part from `begin` on, as in `LocalBank`. codes: [n, L, S]; x: [n or 1, C, m]

        Returns the features after the layer whose depth is read (or x, if that lies behind) and after the last one.
        """
        bank, layers = self.generator.local, slice(begin, None)
        style = (codes[:, layers, None] / self._style_scale) @ bank.style_weight[part, layers].mT      # [n, l, 1, C]
        weights = self._weight[part, layers] * (style + bank.style_bias[part, layers, None])           # [n, l, C, C]
        weights = SQRT2 * demodulate(weights, dims=(-1,))
        middle = x = x.expand(len(codes), -1, -1)
        for layer, weight in enumerate(weights.unbind(1), begin):
            x = F.leaky_relu_(torch.baddbmm(self._bias[part][layer], weight, x), 0.2)
            if layer == self.generator.config.depth_layers - 1:
                middle = x
        return middle, x

    def _depth(self, part: int, middle: Tensor) -> Tensor:
        """What the depth head reads: [n, C, m] -> [n, m]. Without layers before it, the head is never read."""
        if part == 0 or self.generator.config.depth_layers == 0:
            return middle.new_zeros(len(middle), middle.shape[2])
        return torch.matmul(self._depth_heads[part], middle) + self._depth_bias[part]

    def _embedding(self, place: tuple | None) -> Tensor:
        """The position embedding of the plain grid, or of a moved one. [C, M]"""
        embedding = self.generator.embedding
        return self._plain if place is None else embedding(move_and_zoom(embedding.grid, *place)).flatten(1)

    # --- all parts together -------------------------------------------------------------------------------------------

    def _compose(self, weights: Tensor, depths: Tensor, fresh: list[bool], present: Tensor | None) -> Tensor:
        """Weighted sum of all parts' features, group by group, with the channels last, as the render net wants them.

        weights, depths: [N, P, M] -> [N, M, O]
        """
        known, hard = self._known, self.generator.config.fusion == "hard"
        totals, features = (self._member @ weights)[..., None], None                           # [N, groups, M, 1]
        for i, group in enumerate(self.groups):
            total = totals[:, i]                                                               # [N, M, 1]
            if hard or not known.combined[i:] or any(fresh[part] for part in group):
                if hard:
                    ratios = weights[:, group] / (total.mT + 1e-30)
                else:       # from the depths, not by division: a group far behind may have no weight left to divide
                    ratios = _shares(depths[:, group], None if present is None else present[group])
                hidden = torch.cat([known.hidden[part] * ratio[:, None]
                                    for part, ratio in zip(group, ratios.unbind(1))], 1)       # [N, parts (C + 1), M]
                known.combined[i:i + 1] = [hidden.mT @ self._heads[i]]
            features = known.combined[i] * total if i == 0 else features.addcmul_(known.combined[i], total)
        return features


def _shares(depths: Tensor, present: Tensor | None) -> Tensor:
    """Softmax over the parts of a group that are switched on; whatever they are, a group without any weighs nothing.

    `soft_mask` will not do: it adds a small number below the line, which counts where a part that is switched off
    stands far in front of the others. depths: [N, parts, M], present: [parts] of 0 and 1 -> [N, parts, M]
    """
    if present is not None and present.any():
        depths = depths.masked_fill(present[:, None] == 0, -torch.inf)
    return torch.softmax(depths, dim=1)


def halo(config: ModelConfig) -> int:
    """How far, in pixels of the picture, one cell of the render net's smallest map can be felt on either side.

    A stage widens what it is given by the transposed convolution and its filter (2 pixels of its own size), then by
    the plain convolution (1), and doubles what came before; the widest way is through all stages.
    """
    reach = 0
    for _ in range(config.render_stages):
        reach = 2 * reach + 3
    return reach
