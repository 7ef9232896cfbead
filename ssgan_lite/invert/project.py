"""From a picture to codes by gradient descent: `project(G, image, mask, space)`.

    codes = argmin  d(G(codes), image) + mask_weight * d_mask + prior * mean |u|^2

over one code for the face ("w"), over all of W+ ("w+"), or over W+ part by part ("parts"): there a gradient of the
picture reaches a part's features only from where the mask shows that part, so that hair cannot learn to repair a
cheek, and the mask itself is a second target. Only codes move; weights and noise planes stay as they are.

Image2StyleGAN (arXiv 1904.03189) and the projector of StyleGAN2 (arXiv 1912.04958, appendix D), for codes per part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.invert.distance import PictureDistance, mask_distance
from ssgan_lite.invert.prior import code_prior
from ssgan_lite.model import GeneratorOutput, SemanticGenerator
from ssgan_lite.model.fusion import fuse

SPACES = ("w", "w+", "parts")


@dataclass(frozen=True)
class ProjectOptions:
    """Every knob of the projection."""

    steps: int = 200                # of Adam
    lr: float = 0.2                 # in standard deviations of W, at its height
    warm_up: float = 0.05           # share of the steps in which the learning rate rises ...
    cool_down: float = 0.4          # ... and in which it falls to 0 along a cosine
    prior: float = 0.01             # weight of mean |u|^2, which keeps codes where those of faces are
    mask_weight: float = 0.25       # of the cross-entropy of the mask ("parts" only)
    pixels: float = 5.0             # of the mean absolute difference
    features: float = 1.0           # of the feature distance; 0 needs no feature network
    explore: float = 0.05           # noise on u in the first steps, in standard deviations; gone after three quarters
    seed: int = 0                   # of that noise

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.lr > 0:
            raise UserError(f"A projection takes 0 or more steps at a learning rate above 0, not {self.steps} and "
                            f"{self.lr}.")
        for name in ("warm_up", "cool_down", "prior", "mask_weight", "pixels", "features", "explore"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} must not be negative, but is {getattr(self, name)}.")


@dataclass
class Projection:
    """What was found: N faces."""

    codes: Tensor                   # W+ [N, n_latent, S], the best of all steps
    space: str
    noise_seed: int | None = None   # None: the noise planes stored with the weights, the same before and after
    history: list[dict] = field(default_factory=list)    # per step: loss, distance, mask, prior, means over the N
    distances: list[dict] = field(default_factory=list)  # per face: levels, distance, prior, iou of every part
    interrupted: bool = False


class Projector:
    """The descent, one `step()` at a time, for those who want to look on: the editor draws every few steps.

    `codes` are at any time the best so far.
    """

    def __init__(self, generator: SemanticGenerator, image: Tensor, mask: Tensor | None = None, space: str = "parts",
                 options: ProjectOptions | None = None, start: Tensor | None = None, network=None):
        """image [N, 3, R, R] or [3, R, R] in [-1, 1]; mask [N, R, R] or [R, R], part ids; start: codes W [N, S] or
        W+ [N, n_latent, S] to begin with (default: the mean of W); network: a feature network to share."""
        self.generator, self.space, self.options = generator.eval(), space, options or ProjectOptions()
        self.image, self.mask = check_target(generator, image, mask, space)
        config, n = generator.config, len(self.image)
        self.prior = code_prior(generator)
        self.distance = PictureDistance(self.image, self.options.pixels, self.options.features, network)
        start = self.prior.mean.expand(n, -1) if start is None else start.to(generator.device)
        start = generator.layout.to_w_plus(start)
        if len(start) != n:
            raise UserError(f"{len(start)} codes were given to begin with, for {n} pictures.")
        if space == "w":
            start = start.mean(1, keepdim=True)
        self.u = self.prior.from_w(start).detach().clone().requires_grad_()                    # [N, 1 or n_latent, S]
        self.optimizer = torch.optim.Adam([self.u], lr=self.options.lr, betas=(0.9, 0.99))
        self.noise = torch.Generator().manual_seed(self.options.seed)
        self.cover = None
        if space == "parts":
            self.cover = part_cover(self.mask, config.n_parts, config.coarse_size)
        self.steps, self.history = 0, []
        self.best_loss = torch.full((n,), math.inf, device=generator.device)
        self.best = self.u.detach().clone()

    @property
    def codes(self) -> Tensor:
        """The best so far, as W+ [N, n_latent, S]."""
        return self.to_codes(self.best).contiguous()

    @property
    def finished(self) -> bool:
        return self.steps >= self.options.steps

    def to_codes(self, u: Tensor) -> Tensor:
        w = self.prior.to_w(u)                                                                 # [N, K, S]
        return w.expand(-1, self.generator.layout.n_latent, -1) if w.shape[1] == 1 else w

    def step(self) -> dict:
        """One step; returns the means over the pictures of what was minimized."""
        options, share = self.options, self.steps / max(self.options.steps, 1)
        self.optimizer.param_groups[0]["lr"] = options.lr * ramp(share, options.warm_up, options.cool_down)
        strength = options.explore * max(0.0, 1 - share / 0.75) ** 2
        draw = torch.randn(self.u.shape[1:], generator=self.noise).to(self.u)     # the same for all N
        loss, terms = self.loss(self.u + strength * draw)
        # One face's gradient has nothing to do with another's; the sum keeps their sizes apart from N. Of the weights
        # none is computed, whatever their `requires_grad` says.
        [self.u.grad] = torch.autograd.grad(loss.sum(), [self.u])
        self._remember(loss.detach())
        self.optimizer.step()
        self.steps += 1
        record = dict(step=self.steps, loss=float(loss.detach().mean()),
                      **{name: float(value.detach().mean()) for name, value in terms.items()})
        self.history.append(record)
        return record

    def loss(self, u: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What is minimized, per picture [N], and its terms."""
        codes = self.to_codes(u)
        out = self.generator(codes) if self.cover is None else forward_by_parts(self.generator, codes, self.cover)
        terms = dict(distance=self.distance(out.image), prior=u.square().mean((1, 2)))
        loss = terms["distance"] + self.options.prior * terms["prior"]
        if self.space == "parts":
            terms["mask"] = mask_distance(out.mask, out.depths, self.mask)
            loss = loss + self.options.mask_weight * terms["mask"]
        return loss, terms

    @torch.no_grad()
    def finish(self) -> None:
        """Look once more: the codes after the last step may be the best."""
        self._remember(self.loss(self.u)[0])

    def _remember(self, loss: Tensor) -> None:
        """Keep the codes of every picture whose loss is the lowest so far; a NaN is never the best."""
        better = loss < self.best_loss
        self.best_loss = torch.where(better, loss, self.best_loss)
        self.best = torch.where(better[:, None, None], self.u.detach(), self.best)


def project(generator: SemanticGenerator, image: Tensor, mask: Tensor | None = None, space: str = "parts",
            start: Tensor | None = None, progress: bool = True, on_step: Callable[[Projector], object] | None = None,
            network=None, **knobs) -> Projection:
    """Codes whose face looks like the picture. See `Projector` for the arguments, `ProjectOptions` for the knobs.

    Several pictures are fitted at once, each as if it were alone. Ctrl-C ends the descent; what is returned then is
    the best so far, with `interrupted` set.
    """
    projector = Projector(generator, image, mask, space, ProjectOptions(**knobs), start, network)
    interrupted = False
    bar = tqdm(total=projector.options.steps, desc=f"projecting ({space})", disable=not progress, leave=False)
    try:
        while not projector.finished:
            record = projector.step()
            bar.update()
            bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)
            if on_step is not None:
                on_step(projector)
        projector.finish()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bar.close()
    codes = projector.codes
    return Projection(codes, space, None, projector.history,
                      describe(generator, codes, projector.image, projector.mask, projector.distance), interrupted)


def forward_by_parts(generator: SemanticGenerator, codes: Tensor, cover: Tensor) -> GeneratorOutput:
    """`generator(codes)`, with gradients that stay in their parts.

    The numbers are those of the ordinary forward pass. Backwards, what the picture asks of a position is heard by a
    part's features only where `cover` [N, P, Hc, Hc] is 1. Depths hear it everywhere, beside the mask: outlines are
    finer in the picture, and depths that hear the mask alone cost a tenth of the likeness.
    """
    config = generator.config
    expanded = generator.layout.expand(codes)                                                  # [N, P L, S]
    hidden, depths = generator.local(expanded.unflatten(1, (config.n_parts, config.local_layers)),
                                     generator.embedding())                                    # [N, P, C, Hc, Hc]
    share = cover[:, :, None]
    hidden = hidden * share + hidden.detach() * (1 - share)
    weights, coarse_mask = fuse(depths, config)                                                # [N, P, Hc, Hc]
    image, scores = generator.render(generator.local.compose(hidden, weights), coarse_mask, None)
    return GeneratorOutput(image, scores, coarse_mask, depths, expanded)


def part_cover(ids: Tensor, n_parts: int, coarse_size: int) -> Tensor:
    """Where each part may learn from the picture: 1 in its mask and one cell around it, at the coarse size.

    ids: [N, R, R] -> [N, P, Hc, Hc]. The margin is for the render net, whose convolutions mix neighbors.
    """
    one_hot = F.one_hot(ids.long(), n_parts).movedim(-1, 1).float()                            # [N, P, R, R]
    return F.max_pool2d(F.adaptive_max_pool2d(one_hot, coarse_size), 3, 1, 1)


def ramp(share: float, warm_up: float, cool_down: float) -> float:
    """The learning rate's factor after a share of the steps: up along a line, down along a cosine (StyleGAN2)."""
    up = min(1.0, (share + 1e-3) / warm_up) if warm_up else 1.0
    down = min(1.0, (1 - share) / cool_down) if cool_down else 1.0
    return up * (0.5 - 0.5 * math.cos(math.pi * down))


@torch.no_grad()
def describe(generator: SemanticGenerator, codes: Tensor, image: Tensor, mask: Tensor | None,
             distance: PictureDistance) -> list[dict]:
    """How near each face came: `levels` (mean absolute difference, of 255), `distance`, `prior`, `iou` per part."""
    out = generator(codes)
    levels = (out.image.clamp(-1, 1) - image).abs().mean((1, 2, 3)) * 127.5
    spread = code_prior(generator).distance(codes).mean(1)
    found = []
    for i, (far, gap) in enumerate(zip(distance(out.image), levels, strict=True)):
        face = dict(levels=float(gap), distance=float(far), prior=float(spread[i]))
        if mask is not None:
            face["iou"] = part_iou(out.mask[i].argmax(0), mask[i], generator.config.parts)
        found.append(face)
    return found


def part_iou(ids: Tensor, truth: Tensor, parts: tuple[str, ...]) -> dict[str, float]:
    """Intersection over union of every part that the true mask has."""
    return {name: float(((ids == p) & (truth == p)).sum() / ((ids == p) | (truth == p)).sum())
            for p, name in enumerate(parts) if (truth == p).any()}


def check_target(generator: SemanticGenerator, image: Tensor, mask: Tensor | None,
                 space: str) -> tuple[Tensor, Tensor | None]:
    """Image [N, 3, R, R] and mask [N, R, R] on the model's device, or a sentence that says what does not fit."""
    config, device = generator.config, generator.device
    if space not in SPACES:
        raise UserError(f'There is no space "{space}". {suggest(space, SPACES)}')
    image = torch.as_tensor(image)
    image = image[None] if image.ndim == 3 else image
    if image.ndim != 4 or image.shape[1:] != (3, config.size, config.size) or not image.is_floating_point():
        raise UserError(f"This model needs float images [N, 3, {config.size}, {config.size}] in [-1, 1], not "
                        f"{list(image.shape)}; `ssgan_lite.invert.align` makes them from photographs.")
    if not image.isfinite().all():
        raise UserError("The picture holds values that are not finite.")
    if mask is not None:
        mask = torch.as_tensor(mask)
        mask = mask[None] if mask.ndim == 2 else mask
        if mask.shape != (len(image), config.size, config.size) or mask.is_floating_point():
            raise UserError(f"The mask is {list(mask.shape)}; part ids {[len(image), config.size, config.size]} were "
                            "expected, one for every pixel of the picture.")
        if mask.min() < 0 or mask.max() >= config.n_parts:
            raise UserError(f"The mask has a class {int(mask.max())}, but this model's parts are 0 to "
                            f"{config.n_parts - 1}.")
        mask = mask.to(device).long()
    if space == "parts":
        if config.architecture != "semantic":
            raise UserError('The monolithic model has no codes per part; use space "w" or "w+".')
        if mask is None:
            raise UserError('Space "parts" needs a mask: give one, or let the parser make it '
                            "(`ssgan_lite.invert.align.parse_face`).")
    return image.to(device).float(), mask
