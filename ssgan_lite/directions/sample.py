"""Labelled samples: codes, what the faces they make look like, and where their parts are.

A sample has two halves. In the *whole* half every face comes from one w, as the model was trained: directions for the
whole face are found there. In the *mixed* half every part's shape and texture has a code of its own, drawn apart from
all others: what an attribute has to do with one part's code is seen there undisturbed, because chance has untied it
from the other parts. The monolithic baseline has no parts to mix.

Drawing and reading thousands of faces takes minutes, and the codes follow from a seed. So what was read is kept in a
small file, NAME.labels, beside the directions of a model that ships; `load_sample` puts both together again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ssgan_lite import assets
from ssgan_lite.directions.direction import Place, Where, place
from ssgan_lite.directions.swaps import LEAST_PIXELS, Swaps, draw_swaps
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.measure.attributes import AttributePredictor, load_predictor
from ssgan_lite.storage import load_tensors, save_tensors, tensor_path
from ssgan_lite.weights import fingerprint, weights_version

FORMAT = "ssgan-lite labels 1"

WHOLE_FACES, MIXED_FACES = 1500, 2500
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
    swaps: tuple[Swaps, ...] = ()   # faces before and after single places were swapped

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

    def changes(self, where: Place) -> tuple[Tensor, Tensor]:
        """What differs at a place, and what that does: codes [n, K, S] and scores [n, A], both around 0.

        From swaps at this place, or at both codes of its part, if there are any; else faces as `at` gives them, less
        their mean.
        """
        for swaps in self.swaps:
            if (codes := swaps.at(where)) is not None and len(codes) >= FEWEST:
                return codes, swaps.scores
        codes, scores = self.at(where)
        return codes - self.mean, scores - scores.mean(0)

    def shuffled(self, seed: int = 0) -> Sample:
        """The same faces with each other's labels: what is found from these is chance."""
        def mix(half: Half | None, k: int) -> Half | None:
            if half is None:
                return None
            order = torch.from_numpy(np.random.default_rng([seed, k]).permutation(len(half.scores)))
            return Half(half.codes, half.scores[order], half.areas)
        return replace(self, whole=mix(self.whole, 0), mixed=mix(self.mixed, 1),
                       swaps=tuple(swaps.shuffled(seed) for swaps in self.swaps))


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
    first, second, mean, covariance = _draw_codes(generator, whole, mixed, seed)
    with tqdm(total=whole + (0 if second is None else mixed), desc="labelled faces", unit="face",
              disable=quiet) as bar:
        return Sample(generator, predictor.names, label(generator, predictor, first, bar),
                      None if second is None else label(generator, predictor, second, bar), mean, covariance)


def with_swaps(sample: Sample, counts: Mapping[Where, int], predictor: AttributePredictor | None = None,
               seed: int = 0, quiet: bool = True) -> Sample:
    """The sample and swaps of codes: at which places, in how many of its whole faces each."""
    half, predictor = sample.whole, predictor or load_predictor("lite0")
    if predictor.names != sample.names:
        raise UserError("The predictor reads other attributes than those of the sample.")
    places = {place(sample.generator, where): min(n, len(half.codes)) for where, n in counts.items()}
    with tqdm(total=sum(places.values()), desc="swaps", unit="face", disable=quiet) as bar:
        return replace(sample, swaps=tuple(
            draw_swaps(sample.generator, predictor, there, half.codes[:n], half.scores[:n], half.areas[:n], seed,
                       tick=bar.update) for there, n in places.items()))


@torch.no_grad()
def _draw_codes(generator: nn.Module, whole: int, mixed: int,
                seed: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """W+ of both halves (of the second None for the baseline), and the mean and covariance of W."""
    draw = torch.Generator().manual_seed(1_000_003 + seed)
    s, n_latent = generator.config.style_dim, generator.layout.n_latent

    def codes(n: int) -> Tensor:
        z = torch.randn(n, s, generator=draw).to(generator.device)
        return torch.cat([generator.mapping(part) for part in z.split(4096)])
    cloud = codes(10_000)
    first, second = generator.layout.to_w_plus(codes(whole)), None
    if getattr(generator.config, "architecture", "semantic") != "monolithic":
        second = codes(mixed * n_latent).view(mixed, n_latent, s)
        second[:, :generator.config.base_layers] = second[:, :1]           # the base codes belong together
    return first, second, cloud.mean(0), torch.cov(cloud.T)


def save_labels(sample: Sample, path: str | os.PathLike, seed: int = 0) -> None:
    """Write what was read of a sample that `draw_sample` drew with this seed: `path` (.safetensors) and its .json."""
    halves = {name: half for name, half in (("whole", sample.whole), ("mixed", sample.mixed)) if half is not None}
    tensors = {f"{name}.{key}": getattr(half, key).half() for name, half in halves.items()
               for key in ("scores", "areas")}
    faces = {name: len(half.scores) for name, half in halves.items()}
    save_tensors(path, tensors, FORMAT, dict(**of_model(sample.generator), names=list(sample.names), seed=seed,
                                             faces=faces))


def load_sample(generator: nn.Module, path: str | os.PathLike | None = None) -> Sample:
    """The sample of a model whose labels ship, or are in a file: nothing is drawn, so it takes a second."""
    state, about = read_of_model(generator, path, "labels", FORMAT, dict(names=list, seed=int, faces=dict))
    first, second, mean, covariance = _draw_codes(generator, about["faces"]["whole"],
                                                  about["faces"].get("mixed", 0), about["seed"])
    whole, mixed = (None if codes is None else Half(codes, state[f"{name}.scores"].float(),
                                                    state[f"{name}.areas"].float())
                    for name, codes in (("whole", first), ("mixed", second)))
    return Sample(generator, tuple(about["names"]), whole, mixed, mean, covariance)


def read_of_model(generator: nn.Module, path: str | os.PathLike | None, kind: str, format: str,
                  fields: dict) -> tuple[dict[str, Tensor], dict]:
    """Tensors and description of a file of labels, flows or a rig, which must have been made for this generator.

    path None: what ships as NAME.kind.
    """
    how = f"python -m ssgan_lite.directions.make_networks --only {kind}"
    if path is None:
        if f"{generator.name}.{kind}" not in assets.listed("directions/*.safetensors"):
            raise UserError(f"No {kind} of {weights_version(generator)} ship. Make them: {how} --weights ...")
        path = assets.verify(assets.find(f"directions/{generator.name}.{kind}.safetensors"))
        assets.verify(path.with_suffix(".json"))
    path = tensor_path(path)
    state, about = load_tensors(path, format, dict(model=str, weights=str, **fields))
    if about["model"] != fingerprint(generator):
        raise UserError(f'"{path}" was made for {about["weights"]}, not for {weights_version(generator)}. Make one '
                        f"for this model: {how} --weights ...")
    return state, about


def of_model(generator: nn.Module) -> dict[str, str]:
    """What a file of labels, flows or a rig says about the model that it was made for."""
    return dict(model=fingerprint(generator), weights=weights_version(generator))


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
