"""Phase 1, reconstruct: an encoder gives z, the generator draws picture and mask again, and both learn from the
error.

A variational autoencoder (Kingma and Welling, arXiv 1312.6114) whose decoder is the generator. Minutes of it give
every part a place and a shape, for which a game from noise takes hours, if it finds the small parts at all. What it
cannot do is sharpness: the best answer to an error of pixels is the mean of all that is likely. That is left to the
game (game.py), in which steps of this kind keep the variety of the data. None of this is in the paper.

The first half of this module are the terms of the loss, each a formula; the second is the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.model.encoder import Posterior, pool_mask
from ssgan_lite.train import losses
from ssgan_lite.train.feature_cache import COMPARED, unit_maps
from ssgan_lite.train.state import TrainingState
from ssgan_lite.train.streams import derive_seed, shuffled_indices, stream

SHIFT_FACES = 64     # over which the mean of z is taken
SHARPNESS = 4.0      # scores are about -1 to 1: with 4, a part that is seen clearly has nearly all of the softmax

# ------------------------------------------------------------------------------------------------- terms of the loss

def pixel_loss(image: Tensor, real: Tensor) -> Tensor:
    """mean |image - real|."""
    return (image - real).abs().mean()


def feature_loss(maps: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean over maps and positions of |a - b|^2 for unit vectors a and b, as in LPIPS (Zhang et al., arXiv
    1801.03924).

    maps, targets: [N, C, h, w] each, unit vectors along C.
    """
    return sum((a - b).square().sum(dim=1).mean() for a, b in zip(maps, targets, strict=True)) / len(maps)


def score_loss(scores: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Squared error of the mask scores, every pixel with the weight of its part.

    scores: [N, P, R, R] raw; mask: [N, P, R, R], +1 or -1; weights: [P].
    """
    weight = (weights[:, None, None] * (mask > 0)).sum(dim=1, keepdim=True)                    # [N, 1, R, R]
    return (weight * (scores - mask).square()).mean()


def depth_loss(depths: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of the parts' pseudo-depths with the pooled mask, every part with its weight.

    depths: [N, P, Hc, Hc]; mask: [N, P, R, R], +1 or -1; weights: [P]. -sum_p w_p m_p log softmax(d)_p, mean over
    samples and positions.
    """
    share = F.adaptive_avg_pool2d((mask + 1) / 2, depths.shape[-1])                            # [N, P, Hc, Hc]
    return -(weights[:, None, None] * share * torch.log_softmax(depths.float(), dim=1)).sum(dim=1).mean()


def area_loss(scores: Tensor, mask: Tensor) -> Tensor:
    """How far the areas of the parts in a batch are from the real ones: mean over parts of log(area / real area)^2.

    scores: [N, P, R, R] raw; mask: [N, P, R, R], +1 or -1. Areas are of soft masks, softmax(SHARPNESS * scores), over
    all of the batch, so a part may be elsewhere than it was, but not nowhere: what a squared error prefers where it
    is unsure. Parts of a quarter of a pixel or less count as that.
    """
    area = torch.softmax(SHARPNESS * scores.float(), dim=1).mean(dim=(0, 2, 3))                # [P]
    real = (mask > 0).float().mean(dim=(0, 2, 3))
    least = 0.25 / mask.shape[-1]**2
    return ((area + least) / (real + least)).log().square().mean()


def kl_divergence(posterior: Posterior) -> Tensor:
    """KL(q(z | picture) || N(0, 1)), summed over the numbers of z, mean over samples.

    It pays for codes that are told apart: without it the encoder would put every picture at a place of its own, and a
    z drawn from N(0, 1) would fall between them.
    """
    mean, log_variance = posterior
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()


def shift_loss(posterior: Posterior) -> Tensor:
    """|mean of z|^2 over many pictures: how far the encoder's z as a whole have moved away from drawn ones.

    The divergence is paid per picture, and a shift that all pictures share costs little of it: after 104,000 images
    of `lite64` it was 3.4 standard deviations. Then one direction tells the encoder's z from drawn ones, and the
    generator can make two kinds of faces: 70 % with earrings where it reconstructs, 1 % where it is sampled. With a
    weight of 0.5 lost parts come back within 15,000 images, and the samples get less sharp (notebook 08).
    """
    return posterior.mean.mean(dim=0).square().sum()


# ----------------------------------------------------------------------------------------------------------- the step

class Batch(NamedTuple):
    """Everything that one reconstruction step is given."""

    image: Tensor                  # [N, 3, R, R], real
    mask: Tensor                   # [N, P, R, R], real
    flip: Tensor                   # bool [N, 1, 1, 1]: which of them are mirrored
    features: Tensor               # [N, FEATURES], frozen features of the pictures, pooled, for the encoder
    targets: list[Tensor]          # [N, C, h, w] each, frozen maps of the pictures as they lie in the data
    noise: Tensor                  # [N, S], standard normal, to draw from the posterior
    planes: list[Tensor]           # noise of the render net


def draw_batch(trainer: TrainingState) -> Batch:
    """What the next reconstruction step works on; in the game, pictures of an order of their own."""
    config, n = trainer.config, trainer.config.batch
    if trainer.phase == "reconstruct":
        indices, flip = trainer.draw_faces(config.seed, trainer.images_seen, "flip")
    else:
        start = trainer.steps // config.reconstruct_every * n
        indices, flip = trainer.draw_faces(derive_seed(config.seed, "reconstruct"), start, "reconstruct flip")
    image, mask = trainer.faces(indices, flip)
    features, targets = trainer.cache.features(indices, flip), trainer.cache.maps(indices)
    return Batch(image, mask, flip.to(trainer.device).view(-1, 1, 1, 1), features, targets,
                 trainer.draw_normal((n, trainer.model_config.style_dim), "reconstruct z"),
                 trainer.draw_noise(n, "reconstruct"))


def draw_many(trainer: TrainingState) -> tuple[Tensor, Tensor]:
    """What the encoder reads of other faces than the batch's, for the mean of z; others in every step.

    Of a fixed set, even of 256, the encoder learns by heart where to put it, and the rest stays shifted.
    """
    data, config, step = trainer.data, trainer.config, trainer.steps
    indices = shuffled_indices(derive_seed(config.seed, "shift"), len(data), step * SHIFT_FACES, SHIFT_FACES)
    flip = torch.rand(SHIFT_FACES, generator=stream(config.seed, step, "shift flip")) < (0.5 if config.flip else 0)
    return trainer.cache.features(indices, flip), pool_mask(trainer.faces(indices, flip)[1])


def reconstruct_step(trainer: TrainingState) -> dict[str, Tensor]:
    """One step of encoder and generator."""
    config, batch = trainer.config, draw_batch(trainer)

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        posterior = trainer.encoder(batch.features, pool_mask(batch.mask))
        with trainer.mixed_precision():
            out = trainer.fast_G(trainer.G.mapping(posterior.sample(batch.noise)), noise=batch.planes)
            # The targets are those of the pictures as they lie in the data: what imitates a mirrored one is mirrored
            # back.
            shown = torch.where(batch.flip, out.image.flip(-1), out.image).clamp(-1.2, 1.2)
            maps = trainer.frozen(shown, COMPARED) if config.feature_weight else []
        terms = dict(pixel=pixel_loss(out.image, batch.image),
                     score=score_loss(out.mask, batch.mask, trainer.class_weights), kl=kl_divergence(posterior))
        if maps:
            terms["feature"] = feature_loss(unit_maps(maps), batch.targets)
        if config.shift_weight:
            terms["shift"] = shift_loss(trainer.encoder(*draw_many(trainer)))
        if config.area_weight:
            terms["area"] = area_loss(out.mask, batch.mask)
        if out.depths is not None:                # the monolithic baseline has no depths and no coarse mask
            terms |= dict(depth=depth_loss(out.depths, batch.mask, trainer.class_weights),
                          coarse=losses.mask_consistency(out.coarse_mask, out.mask))
        loss = sum(getattr(config, f"{name}_weight") * term for name, term in terms.items())
        return loss, {name if name == "kl" else f"{name}_loss": term.detach() for name, term in terms.items()}

    return trainer.take("reconstruct", objective)
