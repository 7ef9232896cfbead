"""GANSpace (Härkönen et al. 2020, arXiv 2004.02546): principal axes, sorted by how much they change.

For the whole face they are the principal components of W (section 3.1 of the paper), found without labels; what an
axis means somebody has to see. `find` takes the axis that goes most with an attribute, as a patient onlooker would.

For one part (`part_axes`), components of W itself would be the same for every part, for all of them are drawn
from one distribution. So W is measured by what the part makes of it, as the paper does with features of BigGAN
(section 3.2): many codes are sent through this part alone, and the best linear prediction of its outcome from the
code (a ridge regression) is decomposed into principal components. This is reduced-rank regression (Izenman,
"Reduced-rank regression for the multivariate linear model", Journal of Multivariate Analysis 5, 1975).

The outcome of *shape* codes is where the part is seen (its fusion weight among the other parts of the average face),
that of *texture* codes the features it shows there.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from ssgan_lite.directions.direction import KINDS, WHOLE, LinearDirection, Place, Where, place
from ssgan_lite.directions.sample import Sample
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.fusion import soft_mask

SAMPLES = 1000          # codes that are looked at
COUNT = 4               # axes that are kept
PLACES = 64             # positions at which features are compared; depths are compared on a grid of 16 x 16
WHOLE_COUNT = 20        # axes of W among which an attribute is looked for
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
        if not 0 <= axis < len(self.directions):
            raise UserError(f"A part has axes 0 to {len(self.directions) - 1}, not {axis}.")
        return self.directions[axis]


def find(sample: Sample, attribute: str, where: Where = WHOLE) -> LinearDirection:
    """Of the principal axes at a place, the one whose coordinate correlates most with the attribute, in its sign."""
    there, column = place(sample.generator, where), sample.index(attribute)
    candidates = axes(sample, there)
    codes, scores = sample.changes(there)
    wanted = scores[:, column] - scores[:, column].mean()
    best, strength = None, -1.0
    for candidate in candidates:
        at = 0 if codes.shape[1] == 1 else there.addresses.index(candidate.place.addresses[0])
        t = codes[:, at] @ candidate.reader[0]
        t = t - t.mean()
        correlation = float((t @ wanted) / (t.norm() * wanted.norm()).clamp_min(1e-12))
        if abs(correlation) > strength:
            best, strength, sign = candidate, abs(correlation), 1.0 if correlation >= 0 else -1.0
    return LinearDirection(attribute, best.place, "ganspace", sign * best.vector, sign * best.reader, sample.mean)


def axes(sample: Sample, there: Place) -> list[LinearDirection]:
    """The principal axes at a place, without names: of a part's shape and of its texture, or of W."""
    generator, mean = sample.generator, sample.mean
    if sample.mixed is not None and there.is_single:
        found = []
        for address in there.addresses:
            kind = KINDS[(address - generator.config.base_layers) % 2]
            own, at = part_axes(generator, there.parts[0], kind), place(generator, (there.parts[0], kind))
            found += [LinearDirection("", at, "ganspace", vector[None], reader[None], mean)
                      for vector, reader in zip(own.directions, own.readers, strict=True)]
        return found
    values, vectors = torch.linalg.eigh(sample.covariance.double().cpu())
    values, vectors = values.flip(0)[:WHOLE_COUNT].clamp_min(1e-12), vectors.flip(1)[:, :WHOLE_COUNT].T
    return [LinearDirection("", there, "ganspace", (vector * value.sqrt()).to(mean)[None],
                            (vector / value.sqrt()).to(mean)[None], mean)
            for value, vector in zip(values, vectors, strict=True)]


def part_axes(generator: SemanticGenerator, part: str | int, kind: str) -> PartAxes:
    """The axes of a part's "shape" or "texture"; computed once for a model."""
    number = generator.config.part_id(part)
    if kind not in KINDS:
        raise UserError(f'A part has codes of kind "shape" and "texture", not "{kind}".')
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
