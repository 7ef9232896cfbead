"""Phase 2, the game: discriminators tell real from generated, and the generator learns to fool them.

The published part: the dual-branch discriminator with the logistic loss, R1, the mask consistency, the path length
(losses.py), in the published order. Around it, each switched off by a 0 in the recipe: a second discriminator on
frozen features (frozen_discriminator.py), and after every second step a reconstruction step (reconstruct.py). The
frozen discriminator makes small models sharp and varied in a tenth of the images, but alone lets colors collapse; the
reconstruction steps keep every kind of face that the data have.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssgan_lite.model import GeneratorOutput
from ssgan_lite.train import losses
from ssgan_lite.train.frozen_discriminator import (
    draw_jitter,
    harden,
    hinge_discriminator_loss,
    hinge_generator_loss,
    jitter,
)
from ssgan_lite.train.reconstruct import reconstruct_step
from ssgan_lite.train.state import TrainingState

Faces = tuple[Tensor, Tensor | None]   # image [N, 3, R, R] and mask [N, P, R, R]; None: data without masks


def game_step(trainer: TrainingState) -> dict[str, Tensor]:
    """One step of all networks."""
    config, stats = trainer.config, {}
    real = trainer.draw_real()
    with torch.no_grad():
        fake = trainer.fake("d")
    if config.dual_weight:
        # R1 gets the real images as the discriminator saw them: already augmented, so nothing is differentiated twice
        # through the resampling, which has no second derivative.
        shown = trainer.as_seen(*real, "real")
        stats |= discriminator_step(trainer, shown, fake)
        if trainer.steps % config.r1_every == 0:
            stats |= r1_step(trainer, *shown)
    if config.frozen_weight:
        stats |= frozen_discriminator_step(trainer, real, fake)
    stats |= generator_step(trainer)
    if config.path_weight and trainer.steps % config.path_every == 0:
        stats |= path_step(trainer)
    if config.reconstruct_every and trainer.steps % config.reconstruct_every == 0:
        stats |= reconstruct_step(trainer)
    return stats


def discriminator_step(trainer: TrainingState, shown: Faces, fake: GeneratorOutput) -> dict[str, Tensor]:
    """The dual discriminator on real faces, augmented already, and generated ones."""
    fake_shown = trainer.as_seen(fake.image, fake.mask, "d")

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        fake_score, real_score = trainer.judge(*fake_shown), trainer.judge(*shown)
        loss = losses.discriminator_loss(real_score, fake_score)
        return loss, {"d_loss": loss.detach(), "real_score": real_score.detach().mean(),
                      "fake_score": fake_score.detach().mean(),
                      # The share of reals that are called real less those that are not: near 1 the discriminator
                      # has memorized them.
                      "real_sign": real_score.detach().sign().mean()}

    stats = trainer.take("d", objective)
    if trainer.augment.active(trainer.images_seen):
        trainer.augment.update(trainer.processes.average(stats["real_sign"]))
        stats["augment_p"] = trainer.augment.p
    return stats


def r1_step(trainer: TrainingState, image: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """The penalty on the dual discriminator's gradient at real faces."""
    config = trainer.config

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        r1 = losses.r1_penalty(trainer.D, image, mask if trainer.model_config.mask_branch else None)
        loss = config.r1_every * (config.r1_image / 2 * r1.image + config.r1_mask / 2 * r1.mask)
        return loss, {"r1_image": r1.image.detach(), "r1_mask": r1.mask.detach()}

    return trainer.take("r1", objective)


def frozen_discriminator_step(trainer: TrainingState, real: Faces, fake: GeneratorOutput) -> dict[str, Tensor]:
    """The discriminator on frozen features, on the same faces."""
    n, address = len(real[0]), (trainer.config.seed, trainer.steps)
    with torch.no_grad():
        pairs = [jitter(*faces, _my_jitter(trainer, *address, name)) for name, faces in
                 (("real", (real[0], real[1] if trainer.data.has_masks else _hard(trainer, real[0], real[1]))),
                  ("fake", (fake.image.float(), _hard(trainer, fake.image, fake.mask))))]
        image, mask = (torch.cat(both) for both in zip(*pairs, strict=True))
        with trainer.mixed_precision():            # real and generated at once: one pass with twice the batch
            maps = trainer.frozen(image)
        trainer.frozen_D.update_norms()

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        with trainer.mixed_precision():
            scores = trainer.frozen_D(maps, mask)
        real_score, fake_score = scores.float().split(n)
        loss = hinge_discriminator_loss(real_score, fake_score)
        return loss, {"frozen_d_loss": loss.detach(), "frozen_real": real_score.detach().mean(),
                      "frozen_fake": fake_score.detach().mean()}

    return trainer.take("frozen", objective)


def generator_step(trainer: TrainingState) -> dict[str, Tensor]:
    """The generator against the discriminators, and its mask against its own coarse mask."""
    config = trainer.config

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        out, loss, stats = trainer.fake("g"), 0.0, {}
        if config.dual_weight:
            adversarial = losses.generator_loss(trainer.judge(*trainer.as_seen(out.image, out.mask, "g")))
            loss, stats["g_loss"] = config.dual_weight * adversarial, adversarial.detach()
        if out.coarse_mask is not None:           # the monolithic baseline has none
            mask_loss = losses.mask_consistency(out.coarse_mask, out.mask)
            loss, stats["mask_loss"] = loss + config.mask_weight * mask_loss, mask_loss.detach()
        if before is not None:
            kept_loss = losses.kept_mask_loss(out.mask, *before)
            loss, stats["kept_loss"] = loss + config.keep_weight * kept_loss, kept_loss.detach()
        if config.frozen_weight:
            shown = jitter(out.image.float(), _hard(trainer, out.image, out.mask),
                           _my_jitter(trainer, config.seed, trainer.steps, "g"))
            with trainer.mixed_precision():
                score = trainer.frozen_D(trainer.frozen(shown[0]), shown[1])
            adversarial = hinge_generator_loss(score.float())
            loss, stats["frozen_g_loss"] = loss + config.frozen_weight * adversarial, adversarial.detach()
        return loss, stats

    before = trainer.masks_before("g") if trainer.original is not None and not trainer.data.has_masks else None
    # The discriminators' weights need no gradient here: a third of the work saved.
    with trainer.fixed_discriminators():
        return trainer.take("g", objective)


def path_step(trainer: TrainingState) -> dict[str, Tensor]:
    """The path-length penalty, on half a batch."""
    n = max(1, trainer.config.batch // 2)
    codes = trainer.G.layout.expand(trainer.draw_codes(n, "path"))
    size = trainer.model_config.size
    image_noise = trainer.draw_normal((n, 3, size, size), "path", "image noise")
    noise = trainer.draw_noise(n, "path")

    def objective() -> tuple[Tensor, dict[str, Tensor]]:
        lengths = losses.path_lengths(trainer.G, codes, image_noise=image_noise / size, noise=noise)
        penalty, mean = losses.path_penalty(lengths, trainer.path_mean, average=trainer.processes.average)
        loss = trainer.config.path_every * trainer.config.path_weight * penalty
        return loss, {"path_penalty": penalty.detach(), "path_length": mean}

    stats = trainer.take("path", objective)
    trainer.path_mean = stats["path_length"]
    return stats


def _hard(trainer: TrainingState, image: Tensor, mask: Tensor) -> Tensor:
    """A generated mask as a real one looks, or no channel at all where the data have no masks."""
    return harden(mask) if trainer.data.has_masks else image.new_empty(len(image), 0, *image.shape[2:])


def _my_jitter(trainer: TrainingState, *address: object) -> Tensor:
    """This process' share of the random numbers for a batch."""
    return trainer.processes.mine(draw_jitter(trainer.config.batch, *address))


