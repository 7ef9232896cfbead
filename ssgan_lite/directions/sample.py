"""Labelled samples: codes, what the faces they make look like, and where their parts are.

A sample has two halves. In the *whole* half every face comes from one w, as the model was trained: directions for the
whole face are found there. In the *mixed* half every part's shape and texture has a code of its own, drawn apart from
all others: what an attribute has to do with one part's code is seen there undisturbed, because chance has untied it
from the other parts. The monolithic baseline has no parts to mix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ssgan_lite.directions.direction import Place
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.measure.attributes import AttributePredictor, load_predictor

WHOLE_FACES, MIXED_FACES = 1500, 2500
LEAST_PIXELS = 0.003        # share of the picture that a part must fill for its codes to be looked at
FEWEST = 50                 # faces that show the part


@dataclass(frozen=True)
class Half:
    """N faces and what they look like."""

    codes: Tensor           # W+ [N, n_latent, S]
    scores: Tensor          # [N, A], in standard deviations of the heads
    areas: Tensor           # [N, P], share of the picture that each part fills


@dataclass(frozen=True)
class Sample:
    """What directions are found from."""

    generator: nn.Module
    names: tuple[str, ...]          # of the A attributes
    whole: Half
    mixed: Half | None              # None for the monolithic baseline
    mean: Tensor                    # [S], of W
    covariance: Tensor              # [S, S], of W

    def index(self, attribute: str) -> int:
        """The column of an attribute; an unknown one is a `UserError`."""
        if attribute not in self.names:
            raise UserError(f'There is no attribute called "{attribute}". {suggest(str(attribute), self.names)}')
        return self.names.index(attribute)

    def at(self, where: Place) -> tuple[Tensor, Tensor]:
        """Codes [n, K, S] at a place and scores [n, A] of the faces that show it.

        K is 1 where all the place's codes are moved alike: then they come from the whole half.
        """
        if self.mixed is None or not where.is_single:
            half, codes = self.whole, self.whole.codes[:, :1]
        else:
            half, codes = self.mixed, self.mixed.codes[:, list(where.addresses)]
        parts = [self.generator.config.part_id(part) for part in where.parts]
        seen = half.areas[:, parts].sum(1) >= LEAST_PIXELS
        if int(seen.sum()) < FEWEST:
            raise UserError(f"Only {int(seen.sum())} of {len(seen)} faces of this model show {where.name}; its codes "
                            f"cannot be judged. Draw a larger sample, or take a model that draws it more often.")
        return codes[seen], half.scores[seen]

    def shuffled(self, seed: int = 0) -> Sample:
        """The same faces with each other's labels: what is found from these is chance."""
        def mix(half: Half | None, k: int) -> Half | None:
            if half is None:
                return None
            order = torch.from_numpy(np.random.default_rng([seed, k]).permutation(len(half.scores)))
            return Half(half.codes, half.scores[order], half.areas)
        return Sample(self.generator, self.names, mix(self.whole, 0), mix(self.mixed, 1), self.mean, self.covariance)


@torch.no_grad()
def draw_sample(generator: nn.Module, predictor: AttributePredictor | None = None, whole: int = WHOLE_FACES,
                mixed: int = MIXED_FACES, seed: int = 0, quiet: bool = True) -> Sample:
    """Draw faces and read their attributes, with the shipped predictor on Lite0 unless another one is given."""
    for name, n in (("whole", whole), ("mixed", mixed)):
        if not isinstance(n, int) or n < 2:
            raise UserError(f"A sample needs at least 2 {name} faces, not {n!r}.")
    predictor = predictor or load_predictor("lite0")
    if predictor.backbone != "lite0":
        raise UserError("Directions are found with the predictor on Lite0; the one on Lite2 only judges them.")
    generator.eval()
    draw = torch.Generator().manual_seed(1_000_003 + seed)
    s, n_latent = generator.config.style_dim, generator.layout.n_latent

    def codes(n: int) -> Tensor:
        z = torch.randn(n, s, generator=draw).to(generator.device)
        return torch.cat([generator.mapping(part) for part in z.split(4096)])
    cloud = codes(10_000)
    mean, covariance = cloud.mean(0), torch.cov(cloud.T)
    monolithic = getattr(generator.config, "architecture", "semantic") == "monolithic"
    with tqdm(total=whole + (0 if monolithic else mixed), desc="labelled faces", unit="face", disable=quiet) as bar:
        first = label(generator, predictor, generator.layout.to_w_plus(codes(whole)), bar)
        second = None
        if not monolithic:
            own = codes(mixed * n_latent).view(mixed, n_latent, s)
            own[:, :generator.config.base_layers] = own[:, :1]             # the base codes belong together
            second = label(generator, predictor, own, bar)
    return Sample(generator, predictor.names, first, second, mean, covariance)


@torch.no_grad()
def label(generator: nn.Module, predictor: AttributePredictor, codes: Tensor, bar: tqdm | None = None,
          batch: int = 16) -> Half:
    """Draw the faces of these codes and read them."""
    scores, areas = [], []
    for part in codes.split(batch):
        out = generator(part)
        scores.append(predictor.read(out.image).float())
        ids = out.mask.argmax(1)
        areas.append(torch.stack([(ids == p).float().mean((1, 2)) for p in range(out.mask.shape[1])], dim=1))
        if bar is not None:
            bar.update(len(part))
    return Half(codes.contiguous(), torch.cat(scores), torch.cat(areas))
