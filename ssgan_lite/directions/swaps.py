"""Faces before and after the codes at one place were exchanged for another face's: what these codes do.

Whatever else makes faces differ is the same before and after, so a few hundred swaps say more about one part's codes
than thousands of faces in which every part varies. Scores of the faces before are known already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssgan_lite.directions.direction import Place
from ssgan_lite.measure.attributes import AttributePredictor

LEAST_PIXELS = 0.003        # share of the picture that a part must fill to be looked at; in swaps before or after


@dataclass(frozen=True)
class Swaps:
    """n swaps at a place of K codes; K is 1 where all its codes are moved alike."""

    place: Place
    codes: Tensor           # after - before, [n, K, S]
    scores: Tensor          # after - before, [n, A]

    def at(self, there: Place) -> Tensor | None:
        """The differences [n, k, S] of the codes of a place, if they are among those that were swapped."""
        if there.addresses == self.place.addresses:
            return self.codes
        if not (there.is_single and self.place.is_single and set(there.addresses) <= set(self.place.addresses)):
            return None
        return self.codes[:, [self.place.addresses.index(address) for address in there.addresses]]

    def shuffled(self, seed: int) -> Swaps:
        """The same swaps with each other's changes."""
        order = torch.randperm(len(self.scores), generator=torch.Generator().manual_seed(seed))
        return Swaps(self.place, self.codes, self.scores[order])


@torch.no_grad()
def draw_swaps(generator: nn.Module, predictor: AttributePredictor, there: Place, codes: Tensor, scores: Tensor,
               areas: Tensor, seed: int = 0, batch: int = 16,
               tick: Callable[[int], object] = lambda n: None) -> Swaps:
    """Exchange the codes at a place of the faces W+ [n, n_latent, S], whose scores and areas of parts are known."""
    draw = torch.Generator().manual_seed(3_000_017 + 101 * seed + there.addresses[0])
    k, (n, _, s) = len(there.addresses) if there.is_single else 1, codes.shape
    new = generator.mapping(torch.randn(n * k, s, generator=draw).to(codes)).view(n, k, s)
    after, at = codes.clone(), list(there.addresses)
    after[:, at] = new
    parts = [generator.config.part_id(part) for part in there.parts]
    found, seen = [], areas[:, parts].sum(1) >= LEAST_PIXELS
    for part in torch.arange(n).split(batch):
        out = generator(after[part])
        found.append(predictor.read(out.image))
        share = torch.isin(out.mask.argmax(1), torch.tensor(parts, device=codes.device)).float().mean((1, 2))
        seen[part] |= share >= LEAST_PIXELS
        tick(len(part))
    before = codes[:, at] if there.is_single else codes[:, at[:1]]
    return Swaps(there, (new - before)[seen], (torch.cat(found) - scores)[seen])
