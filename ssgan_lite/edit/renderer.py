"""Drawing a face again after an edit, computing only what the edit changed.

The model invites it: a part's hidden features and depth depend on its own codes and place alone, so those of all other
parts can be kept. What is left are three things that see all parts:

- *fusion weights*: a softmax over P maps, cheap;
- *feature heads*: f = sum_p w_p (F_p x_p + b_p). Written as sum_g W_g f_g over groups g of about sqrt(P) parts, with
  W_g = sum_{p in g} w_p and f_g = sum_{p in g} (w_p / W_g) (F_p x_p + b_p), an edit of one part changes f_g of its own
  group only: in the other groups all weights grow or shrink together, so their ratios stay. (Transparent parts have a
  group of their own, for they are not normalised together with the solid ones.) Nothing rests on this, though: the
  ratios are compared, and a group whose ratios moved is computed anew;
- the *render net*, which is run in full. Cutting it down to the changed region would be exact only with a margin as
  wide as its receptive field, `halo` below: 21 pixels of 64 or 128, 93 of 512, on every side. Nearly every part's
  region with such a margin is most of the picture, so nothing would be won.

Against a full forward pass the result differs by rounding alone (tests/test_session.py: below 1e-5).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

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
SAME = 5e-7                 # weights that differ by less are the same but for rounding


@dataclass
class _Part:
    """What is known of one part. n is 1 where all variants of a batch agree on it, else N; M = Hc * Hc."""

    codes: Tensor                                   # [n, L, S]
    place: tuple[float, float, float] | None
    middle: Tensor                                  # [n, C, M], after the layer whose depth is read
    hidden: Tensor                                  # [n, C, M], after the last layer
    depth: Tensor                                   # [n, M]


@dataclass
class _Group:
    """The combined features of some parts."""

    ratios: Tensor                                  # [n, parts, M], their weights as a share of the group's
    features: Tensor                                # [n, O, M]


class Renderer:
    """Turns states of a face into pictures; remembers what it computed for the one before."""

    def __init__(self, generator: SemanticGenerator):
        self.generator = generator
        config = generator.config
        solid = [part for part in range(config.n_parts) if part not in config.transparent_ids]
        size = math.ceil(math.sqrt(config.n_parts))
        groups = [solid[start:start + size] for start in range(0, len(solid), size)] + [list(config.transparent_ids)]
        self.groups = [group for group in groups if group]
        self._forget()

    def _forget(self) -> None:
        self._parts: list[_Part | None] = [None] * self.generator.config.n_parts
        self._combined: list[_Group | None] = [None] * len(self.groups)
        self._heads: list[tuple[Tensor, Tensor]] = []
        self._embeddings: dict = {}
        self._outputs: deque[tuple[FaceState, GeneratorOutput]] = deque(maxlen=KEPT_OUTPUTS)
        self._weights_seen = None

    @torch.no_grad()
    def __call__(self, state: FaceState) -> GeneratorOutput:
        """The generator's output for a state, without its backdrop: image [N, 3, R, R] and all the rest."""
        self._notice_new_weights()
        for known, output in self._outputs:
            if known.looks_like(state):
                return output
        output = self._draw(state)
        self._outputs.append((state, output))
        return output

    def _notice_new_weights(self) -> None:
        """Training steps and loaded weights change the parameters in place; what was computed before is void then."""
        generator = self.generator
        seen = tuple((id(x), x._version) for x in (*generator.parameters(), *generator.buffers()))
        if seen != self._weights_seen:
            self._forget()
            self._weights_seen = seen
            generator.render.prepare()
        elif not generator.render.is_prepared:
            generator.render.prepare()

    def _draw(self, state: FaceState) -> GeneratorOutput:
        generator, config = self.generator, self.generator.config
        codes = effective_codes(generator, state)                                              # [N, P, L, S]
        fresh = {part for part in range(config.n_parts)
                 if self._update(part, codes[:, part], state.placement.get(part))}
        n = max(len(part.depth) for part in self._parts)
        depths = torch.stack([part.depth.expand(n, -1) for part in self._parts], 1)            # [n, P, M]
        depths = depths.unflatten(2, (config.coarse_size, config.coarse_size))
        present = None
        if state.hidden:
            present = generator.present([part for part in range(config.n_parts) if part not in state.hidden])
        mask = soft_mask(depths, present)                                                      # [n, P, Hc, Hc]
        if config.fusion == "hard":
            weights, mask = hard_fusion_weights(mask, config.transparent_ids), one_hot_straight_through(mask)
        else:
            weights = fusion_weights(mask, config.transparent_ids)
        features = self._compose(weights.flatten(2), fresh).unflatten(2, depths.shape[2:])     # [n, O, Hc, Hc]
        coarse_mask = to_coarse_mask(mask)
        image, scores = generator.render(features, coarse_mask, noise_planes(generator, state.noise_seed))
        every = lambda x: x.expand(len(codes), *x.shape[1:])                # noqa: E731, all variants the same
        return GeneratorOutput(every(image), every(scores), every(coarse_mask), every(depths), codes.flatten(1, 2))

    # --- one part -----------------------------------------------------------------------------------------------------

    def _update(self, part: int, codes: Tensor, place: tuple | None) -> bool:
        """Bring one part up to date; False if nothing about it has changed. codes: [N, L, S]"""
        if bool((codes == codes[:1]).all()):
            codes = codes[:1]
        known, depth_layers = self._parts[part], self.generator.config.depth_layers
        if known is not None and known.place == place and known.codes.shape == codes.shape:
            if torch.equal(known.codes, codes):
                return False
            if depth_layers and torch.equal(known.codes[:, :depth_layers], codes[:, :depth_layers]):
                hidden = self._run_layers(part, depth_layers, codes, known.middle)             # only its texture is new
                self._parts[part] = replace(known, codes=codes, hidden=hidden)
                return True
        self._parts[part] = self._begin(part, codes, place)
        return True

    @torch.no_grad()
    def run_part(self, part: int, codes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """One part alone at m of the M positions: hidden features [n, C, m] and depth [n, m]. codes: [n, L, S]"""
        result = self._begin(part, codes, None, places)
        return result.hidden, result.depth

    def _begin(self, part: int, codes: Tensor, place: tuple | None, places: Tensor | None = None) -> _Part:
        depth_layers, x = self.generator.config.depth_layers, self._embedding(place)           # [C, M]
        x = (x if places is None else x[:, places]).expand(len(codes), -1, -1)                 # [n, C, M]
        middle = self._run_layers(part, 0, codes[:, :depth_layers], x)
        depth = self._depth(part, middle)
        return _Part(codes, place, middle, self._run_layers(part, depth_layers, codes, middle), depth)

    def _run_layers(self, part: int, begin: int, codes: Tensor, x: Tensor) -> Tensor:
        for layer in range(begin, codes.shape[1]):
            x = self._layer(part, layer, codes[:, layer], x)
        return x

    def _layer(self, part: int, layer: int, codes: Tensor, x: Tensor) -> Tensor:
        """One modulated layer of one part, as in `LocalBank`. codes: [n, S]; x: [n, C, M] -> [n, C, M]"""
        bank, c = self.generator.local, x.shape[1]
        style = codes @ bank.style_weight[part, layer].T / math.sqrt(codes.shape[-1]) + bank.style_bias[part, layer]
        weight = demodulate(bank.weight[part, layer] / math.sqrt(c) * style[:, None], dims=(-1,))      # [n, C, C]
        bias = (SQRT2 * bank.bias[part, layer])[:, None].expand(len(x), -1, 1)
        return F.leaky_relu_(torch.baddbmm(bias, SQRT2 * weight, x), 0.2)

    def _depth(self, part: int, x: Tensor) -> Tensor:
        """[n, C, M] -> [n, M]; the background has no depth head, and without layers before it none is read."""
        if part == 0 or self.generator.config.depth_layers == 0:
            return x.new_zeros(len(x), x.shape[2])
        bank = self.generator.local
        head = bank.depth_weight[part - 1] * bank.depth_modulation[part - 1] / math.sqrt(x.shape[1])
        return torch.matmul(head, x) + bank.depth_bias[part - 1]

    def _embedding(self, place: tuple | None) -> Tensor:
        """The position embedding of the plain grid, which is kept, or of a moved one. [C, M]"""
        embedding = self.generator.embedding
        if place is not None:
            return embedding(move_and_zoom(embedding.grid, *place)).flatten(1)
        if not self._embeddings:
            self._embeddings[None] = embedding().flatten(1)
        return self._embeddings[None]

    # --- all parts together -------------------------------------------------------------------------------------------

    def _compose(self, weights: Tensor, fresh: set[int]) -> Tensor:
        """Weighted sum of all parts' features, group by group. weights: [n, P, M] -> [n, O, M]"""
        features = None
        for i, group in enumerate(self.groups):
            total = weights[:, group].sum(dim=1, keepdim=True)                                 # [n, 1, M]
            ratios = weights[:, group] / (total + 1e-30)
            known = self._combined[i]
            if known is None or fresh & set(group) or known.ratios.shape != ratios.shape \
                    or ((known.ratios - ratios).abs() * total).max() > SAME:
                known = self._combined[i] = _Group(ratios, self._combine(i, ratios))
            features = known.features * total if features is None else features.addcmul_(known.features, total)
        return features

    def _combine(self, i: int, ratios: Tensor) -> Tensor:
        """The feature heads of one group and its weighted sum, in one product. [n, parts, M] -> [n, O, M]"""
        bank = self.generator.local
        if not self._heads:
            heads = bank.feature_weight * (bank.feature_modulation / math.sqrt(bank.weight.shape[-1]))[:, None]
            self._heads = [(heads[group].transpose(0, 1).flatten(1), bank.feature_bias[group].T)
                           for group in self.groups]                        # [O, parts C] and [O, parts]
        heads, bias = self._heads[i]
        n = len(ratios)
        hidden = torch.cat([self._parts[part].hidden * ratios[:, j, None]
                            for j, part in enumerate(self.groups[i])], dim=1)                  # [n, parts C, M]
        return torch.baddbmm(bias.expand(n, -1, -1) @ ratios, heads.expand(n, -1, -1), hidden)


def halo(config: ModelConfig) -> int:
    """How far, in pixels of the picture, one cell of the render net's smallest map can be felt on either side.

    A stage widens what it is given by the transposed convolution and its filter (2 pixels of its own size), then by
    the plain convolution (1), and doubles what came before; the widest way is through all stages.
    """
    reach = 0
    for _ in range(config.render_stages):
        reach = 2 * reach + 3
    return reach
