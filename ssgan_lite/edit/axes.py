"""Principal axes of a part's codes: directions in W, sorted by how much they change the part.

Principal components of W itself would be the same for every part, for all of them are drawn from one distribution.
So W is measured by what the part makes of it: many codes are sent through this part alone, and the best linear
prediction of its outcome from the code (a ridge regression) is decomposed into principal components. This is
reduced-rank regression (Izenman, "Reduced-rank regression for the multivariate linear model", Journal of Multivariate
Analysis 5, 1975), in the spirit of GANSpace (Härkönen et al. 2020, arXiv 2004.02546), part by part.

The outcome of *shape* codes is where the part is seen (its fusion weight among the other parts of the average face),
that of *texture* codes the features it shows there.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from ssgan_lite.edit.values import kind_of, whole
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.fusion import soft_mask

SAMPLES = 1000          # codes that are looked at
COUNT = 4               # axes that are kept
PLACES = 64             # positions at which features are compared; depths are compared on a grid of 16 x 16
RIDGE = 1e-2            # in units of the codes' variance: directions that hardly occur explain nothing

_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class PartAxes:
    """Coordinates in the space of a part's codes: t_k = (w - mean) . readers_k, in standard deviations.

    Moving along `directions_k` by t changes coordinate k by t and no other: readers_j . directions_k = [j = k].
    """

    mean: Tensor            # [S]
    readers: Tensor         # [K, S]
    directions: Tensor      # [K, S]
    shares: Tensor          # [K], share of the predictable variation that each explains

    def read(self, codes: Tensor) -> Tensor:
        """[..., S] -> coordinates [..., K]."""
        return (codes - self.mean) @ self.readers.T

    def direction(self, axis: int) -> Tensor:
        """[S], one standard deviation long."""
        return self.directions[whole(axis, "An axis", 0, len(self.directions) - 1)]


def part_axes(generator: SemanticGenerator, part: str | int, kind: str) -> PartAxes:
    """The axes of a part's "shape" or "texture"; computed once for a model."""
    number = generator.config.part_id(part)
    kind = kind_of(kind)
    stamp = tuple(x._version for x in generator.parameters())
    known = _known.setdefault(generator, {})
    if known.get("stamp") != stamp:
        known.clear()
        known.update(stamp=stamp, sample=_Sample(generator))
    if (number, kind) not in known:
        known[number, kind] = _compute(generator, known["sample"], number, kind)
    return known[number, kind]


class _Sample:
    """What all axes of a model share: codes, their singular value decomposition, the average face's depths."""

    @torch.no_grad()
    def __init__(self, generator: SemanticGenerator):
        draw = torch.Generator().manual_seed(0)
        z = torch.randn(SAMPLES, generator.config.style_dim, generator=draw).to(generator.device)
        self.w = generator.mapping(z)                                                          # [n, S]
        self.mean = self.w.mean(0)
        self.svd = torch.linalg.svd(self.w - self.mean, full_matrices=False)
        layout, config = generator.layout, generator.config
        average = layout.expand(self.mean[None]).unflatten(1, (config.n_parts, config.local_layers))
        self.embedding = generator.embedding()                                                 # [C, Hc, Hc]
        self.depths = generator.local(average, self.embedding)[1][0].flatten(1)                # [P, M]


@torch.no_grad()
def _compute(generator: SemanticGenerator, sample: _Sample, part: int, kind: str) -> PartAxes:
    outcome = _outcome(generator, sample, part, kind)                                          # [n, D]
    outcome, mean = outcome - outcome.mean(0), sample.mean
    # Principal components of the predicted outcome centered @ fit, without ever forming its D columns: with
    # centered = left * scale @ right, they are those of the S x D matrix shrink * left^T outcome.
    left, scale, right = sample.svd
    shrink = scale / (scale.square() + RIDGE * scale.square().mean())                          # [S]
    fit = shrink[:, None] * (left.T @ outcome)                                   # [S, D], in W's own axes
    predicted = scale[:, None] * fit
    strength, vectors = torch.linalg.eigh(predicted @ predicted.T)                             # ascending
    strength, vectors = strength.flip(0)[:COUNT], vectors.flip(1)[:, :COUNT]                   # [K], [S, K]
    # Scores of the samples are left @ vectors up to the factor sqrt(n): uncorrelated, of variance 1.
    spread = math.sqrt(len(sample.w))
    readers = (vectors / scale[:, None] * spread).T @ right                                    # [K, S]
    directions = (vectors * scale[:, None] / spread).T @ right                                 # [K, S]
    # An axis has no natural sign; let the larger entry point up, so that it is the same on every machine.
    sign = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    total = predicted.square().sum().clamp_min(1e-30)
    return PartAxes(mean, readers * sign, directions * sign, strength.clamp_min(0) / total)


def _outcome(generator: SemanticGenerator, sample: _Sample, part: int, kind: str) -> Tensor:
    """What the part makes of all codes of the sample while every other code is the mean: [n, D]."""
    config, layout, bank = generator.config, generator.layout, generator.local
    size, step = config.coarse_size, max(1, config.coarse_size // 16)
    places = torch.arange(size**2, device=generator.device).view(size, size)
    places = places[step // 2::step, step // 2::step].flatten()
    if kind == "texture":                                                  # where the average face shows it most
        seen = soft_mask(sample.depths[None])[0, part]
        places = seen.topk(min(len(seen), 4 * PLACES)).indices[::4]
    embedding = sample.embedding.flatten(1)[None, :, places]                                   # [1, C, m]
    head = bank.feature_heads()[part]                                                          # [O, C]
    outcomes = []
    for w in sample.w.split(100):
        codes = sample.mean.repeat(len(w), config.n_latent, 1)
        codes[:, layout[part, kind]] = w
        codes = layout.expand(codes).unflatten(1, (config.n_parts, config.local_layers))[:, part]
        middle, hidden = bank.run_part(part, codes, embedding)                                 # [n, C, m] each
        if kind == "shape":
            depths = sample.depths[:, places].repeat(len(w), 1, 1)
            depths[:, part] = bank.read_depth(middle[:, None], slice(part, part + 1))[:, 0]
            outcomes.append(soft_mask(depths)[:, part])
        else:
            outcomes.append((head @ hidden).flatten(1))
    return torch.cat(outcomes)
