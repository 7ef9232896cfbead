"""Pivotal tuning: the generator's weights are moved a little so that the found codes give the picture itself.

    min over theta:  d(G_theta(codes), image) + mask_weight * d_mask
                     + locality * mean |G_theta(c) - G_0(c)|  for codes c around the found ones

The last term keeps what G makes of other codes, which is what edits are made of. The codes, the "pivot", stay where
they are. The result is a new generator; the old one is not touched. On disk it is a difference: float16, and only the
tensors that changed. (Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", arXiv 2106.05744.)
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ssgan_lite.differences import apply_difference
from ssgan_lite.edit import Session
from ssgan_lite.edit.store import refuse_existing
from ssgan_lite.errors import UserError
from ssgan_lite.invert.distance import PictureDistance, mask_distance
from ssgan_lite.invert.prior import code_prior
from ssgan_lite.invert.project import check_target
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.storage import load_tensors, save_tensors
from ssgan_lite.weights import fingerprint

FORMAT = "ssgan-lite tuned generator 1"


@dataclass(frozen=True)
class TuneOptions:
    """Every knob of pivotal tuning."""

    steps: int = 100                # of Adam
    lr: float = 0.002               # of the weights, which are N(0, 1) as stored (equalized learning rate)
    locality: float = 5.0           # weight of the locality regularizer
    reach: float = 1.0              # how far towards another code it looks: 1 is an edit that replaces parts wholly
    pixels: float = 10.0            # of the mean absolute difference
    features: float = 1.0           # of the feature distance
    mask_weight: float = 0.25       # of the mask's cross-entropy, where a mask is given
    seed: int = 0                   # of the codes around the pivot

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.lr > 0:
            raise UserError(f"Tuning takes 0 or more steps at a learning rate above 0, not {self.steps} and "
                            f"{self.lr}.")
        for name in ("locality", "reach", "pixels", "features", "mask_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} must not be negative, but is {getattr(self, name)}.")


@dataclass
class Tuned:
    """A generator of its own for one picture."""

    generator: SemanticGenerator
    difference: dict[str, Tensor]   # name -> tuned minus original, float16
    levels: float                   # mean absolute difference to the picture, of 255
    history: list[dict]
    interrupted: bool = False


def tune(generator: SemanticGenerator, codes: Tensor, image: Tensor, mask: Tensor | None = None,
         progress: bool = True, on_step: Callable[[dict], object] | None = None, network=None, **knobs) -> Tuned:
    """Tune a copy of the generator around `codes` (W+ [1, n_latent, S]) to the picture [1, 3, R, R].

    Ctrl-C ends it; what is returned then is the best so far.
    """
    options = TuneOptions(**knobs)
    image, mask = check_target(generator, image, mask, "w")
    codes = generator.layout.to_w_plus(codes.to(generator.device)).detach()
    if len(codes) != 1 or len(image) != 1:
        raise UserError("Tuning makes a generator for one picture; tune several one after the other.")
    tuned = copy.deepcopy(generator).eval().requires_grad_(False)
    # The mapping network has no part in a picture with given codes; its W must stay what it is.
    trained = {name: p.requires_grad_() for name, p in tuned.named_parameters() if not name.startswith("mapping.")}
    optimizer = torch.optim.Adam(trained.values(), lr=options.lr, betas=(0.9, 0.99))
    distance = PictureDistance(image, options.pixels, options.features, network)
    draw, prior = torch.Generator().manual_seed(options.seed), code_prior(generator)
    best, best_loss, history, interrupted = _copies(trained), math.inf, [], False
    bar = tqdm(total=options.steps, desc="tuning", disable=not progress, leave=False)
    try:
        for step in range(options.steps):
            optimizer.param_groups[0]["lr"] = options.lr * pace(step, options.steps)
            out = tuned(codes)
            loss = distance(out.image).sum()
            if mask is not None:
                loss = loss + options.mask_weight * mask_distance(out.mask, out.depths, mask).sum()
            near = float(loss.detach())
            if options.locality:
                other = neighbor(generator, codes, prior, options.reach, draw)
                with torch.no_grad():
                    before = generator(other).image
                local = (tuned(other).image - before).abs().mean()
                loss = loss + options.locality * local
            if float(loss.detach()) < best_loss:
                best, best_loss = _copies(trained), float(loss.detach())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(dict(step=step + 1, distance=near, loss=float(loss.detach())))
            bar.update()
            bar.set_postfix(loss=f"{history[-1]['loss']:.3f}", refresh=False)
            if on_step is not None:
                on_step(history[-1])
        best = _copies(trained) if options.steps else best      # the learning rate has come to rest
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bar.close()
    with torch.no_grad():
        original = generator.state_dict()
        difference = {name: (best[name] - original[name]).half().cpu() for name in trained}
    difference = {name: values for name, values in difference.items() if values.any()}
    tuned = apply_difference(generator, difference)             # as a reader of the file has it, rounding and all
    with torch.no_grad():
        levels = float((tuned(codes).image.clamp(-1, 1) - image).abs().mean() * 127.5)
    return Tuned(tuned, difference, levels, history, interrupted)


def pace(step: int, steps: int) -> float:
    """The learning rate of a step, as a share: up during the first tenth, then down with the root of what is left.

    Adam's first step moves every weight by the whole learning rate, which at once spoils a generator that is sharp.
    """
    return min(1.0, (step + 1) / (0.1 * steps + 1)) * (1 - step / steps) ** 0.5


def neighbor(generator: SemanticGenerator, codes: Tensor, prior, reach: float, draw: torch.Generator) -> Tensor:
    """A face as an edit would make it: about half of the parts take codes of another face. W+ [1, n_latent, S]

    For a model without parts, all codes go part of the way (as in the paper).
    """
    z = torch.randn(1, generator.config.style_dim, generator=draw).to(codes)
    with torch.no_grad():
        other = generator.layout.to_w_plus(generator.mapping(z))
    if generator.config.architecture != "semantic":
        return torch.lerp(codes, other, reach * float(torch.rand((), generator=draw)))
    layout, replaced = generator.layout, codes.clone()
    for part in range(generator.config.n_parts):
        if float(torch.rand((), generator=draw)) < 0.5:
            replaced[:, layout[part]] = torch.lerp(codes[:, layout[part]], other[:, layout[part]], reach)
    return replaced


def save_difference(generator: SemanticGenerator, difference: dict[str, Tensor], path: str | os.PathLike,
                    overwrite: bool = False) -> Path:
    """Write a difference to `path` (.safetensors) with the fingerprint of the model that it is added to."""
    path = Path(path)
    refuse_existing(path, overwrite)
    save_tensors(path, difference, FORMAT, dict(model=fingerprint(generator)))
    return path


def load_tuned(generator: SemanticGenerator, path: str | os.PathLike) -> SemanticGenerator:
    """The tuned generator of a file that `save_difference` wrote, for the very model that it was tuned from."""
    tensors, about = load_tensors(path, FORMAT, dict(model=str))
    if about["model"] != fingerprint(generator):
        raise UserError(f'"{path}" was tuned from another model. Open it with the weights that it was made with.')
    return apply_difference(generator, tensors)


def difference_path(face: str | os.PathLike) -> Path:
    """Where the difference of a face file lies: `mine.safetensors` -> `mine.tuned.safetensors`."""
    return Path(face).with_suffix(".tuned.safetensors")


def open_face(generator: SemanticGenerator, path: str | os.PathLike) -> Session:
    """A saved face, with the tuned generator where its difference lies beside it (`session.generator`)."""
    face = Session.load(generator, path)
    if not difference_path(path).exists():
        return face
    tuned = Session(load_tuned(generator, difference_path(path)), face.seed)
    tuned.history, tuned.locked = face.history, face.locked
    return tuned


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
