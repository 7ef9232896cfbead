"""One training step after another: discriminator, R1, generator, path length, average.

The order and the formulas are the published ones (specification, section 4). `Trainer` knows nothing of files,
progress bars or pictures; `ssgan_lite.train.run` does.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, GeneratorOutput, build_generator
from ssgan_lite.train import losses
from ssgan_lite.train.augment import AdaptiveAugment
from ssgan_lite.train.distributed import ALONE, Objective, Processes
from ssgan_lite.train.ema import ema_decay, update_ema
from ssgan_lite.train.speed import Speed, prepare_device
from ssgan_lite.train.state import TrainingState
from ssgan_lite.train.streams import derive_seed, shuffled_indices, stream, uniform

if TYPE_CHECKING:
    from ssgan_lite.train.networks import Networks


def lazy_adam(parameters, config: TrainConfig, every: int | None) -> torch.optim.Adam:
    """Adam, corrected for a regulariser that takes an extra step every `every` steps (StyleGAN2, appendix B).

    With c = k / (k + 1), learning rate and betas become lr * c, beta^c: the k + 1 steps then move as far as k did.
    `every=None`: nothing takes extra steps, so there is nothing to correct for.
    """
    c = 1.0 if every is None else every / (every + 1)
    return torch.optim.Adam(parameters, lr=config.lr * c, betas=(0.0, config.beta2**c), fused=True)


class Trainer(TrainingState):
    """The two networks, the average, their optimisers, and `step()`.

    As one of several `processes` it takes its share of every batch; n below counts the samples of the whole batch.
    """

    def __init__(self, model: ModelConfig, config: TrainConfig, data: Dataset, device: str | torch.device = "cpu",
                 speed: Speed = Speed(), processes: Processes = ALONE):
        if data.size != model.size:
            raise UserError(f"The model makes {model.size}-pixel images, the data are {data.size} pixels wide. "
                            f"Open them with size={model.size}.")
        if not len(data):
            raise UserError(f"There is nothing to train on: {data.source} holds no faces.")
        data.require_masks("Training")
        processes.check_batch(config.batch)
        self.processes = processes
        self.model_config, self.config, self.device = model, config, torch.device(device)
        self.data = data.to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "weights"))
            self.G, self.D = build_generator(model), DualBranchDiscriminator(model)
        prepare_device(self.device)
        self.bf16, self.layout = speed.bf16(self.device), speed.layout(self.device)
        self.G.to(self.device).train()
        self.D.to(self.device, memory_format=self.layout).train()
        self.G.render.to(memory_format=self.layout)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.optimizer_g = lazy_adam(self.G.parameters(), config, config.path_every if config.path_weight else None)
        self.optimizer_d = lazy_adam(self.D.parameters(), config, config.r1_every)
        self.path_mean = torch.zeros((), device=self.device)
        self.augment = AdaptiveAugment(config, self.device, processes)
        # Compiled graphs have no second derivative, so R1 and path length call the networks themselves.
        self._fast_G, self._fast_D = (torch.compile(net) if speed.compile else net for net in (self.G, self.D))
        self._evaluate = {name: processes.share(network) for name, network in
                          (("d", self.D), ("r1", self.D), ("g", self.G), ("path", self.G))}
        self.steps = 0
        self.given_average = False         # did the run begin with weights that are worth averaging from the start?

    @classmethod
    def from_networks(cls, networks: Networks, data: Dataset, config: TrainConfig | None = None,
                      device: str | torch.device = "cpu", speed: Speed = Speed()) -> Trainer:
        """A trainer that stands where `networks` were taken (`train.networks.load_networks`), but for the optimisers.

        Data, random numbers, average and augmentation go on from the number of images that had been seen. config is
        the recipe of the networks unless another is given.
        """
        config = config or networks.config
        trainer = cls(networks.model, config, data, device, speed)
        trainer.give(networks.states, networks.source)
        trainer.steps = networks.images // config.batch
        return trainer

    @property
    def images_seen(self) -> int:
        return self.steps * self.config.batch

    def draw_codes(self, n: int, purpose: str) -> Tensor:
        """Fresh codes, W [n, S] or, in a share `mixing` of the batches, W+ [n, n_latent, S] crossed from two."""
        address = (self.config.seed, self.steps, purpose)
        generator = stream(*address, "z", device=self.device)
        z = torch.randn(2, n, self.model_config.style_dim, generator=generator, device=self.device)
        z = self.processes.mine(z, dim=1)
        if uniform(*address, "mix?") >= self.config.mixing:
            return self.G.mapping(z[0])
        choice = self.G.layout.draw_mixing(n, stream(*address, "mix", device=self.device))
        choice = self.processes.mine(choice, dim=-1)
        return self.G.layout.mix(self.G.mapping(z[0]), self.G.mapping(z[1]), choice)

    def draw_noise(self, n: int, purpose: str) -> list[Tensor]:
        """Fresh noise planes for the render net."""
        planes = self.G.render.draw_noise(n, stream(self.config.seed, self.steps, purpose, "noise",
                                                    device=self.device))
        return [self.processes.mine(plane) for plane in planes]

    def draw_real(self) -> tuple[Tensor, Tensor]:
        """The next batch of the data: image [N, 3, R, R] and mask [N, P, R, R], both in [-1, 1]."""
        config, n = self.config, self.config.batch
        indices = shuffled_indices(config.seed, len(self.data), self.images_seen, n)
        flip = torch.rand(n, generator=stream(config.seed, self.steps, "flip")) < 0.5
        indices, flip = self.processes.mine(indices), self.processes.mine(flip)
        # non_blocking: the host goes on at once instead of waiting until the device has done all that it was given.
        indices, flip = (x.to(self.device, non_blocking=True) for x in (indices, flip))
        image, mask = self.data.batch(indices, flip if config.flip else False)
        return image.contiguous(memory_format=self.layout), mask.contiguous(memory_format=self.layout)

    def fake(self, purpose: str) -> GeneratorOutput:
        """A batch from the generator being trained, with its own codes and noise."""
        n = self.config.batch
        codes, noise = self.draw_codes(n, purpose), self.draw_noise(n, purpose)
        with self.mixed_precision():
            return self._fast_G(codes, noise=noise)

    def judge(self, image: Tensor, mask: Tensor) -> Tensor:
        """The discriminator's scores, for all but R1."""
        with self.mixed_precision():
            return self._fast_D(image, mask)

    def mixed_precision(self) -> torch.autocast:
        """Within: bfloat16 where the model allows it (`ssgan_lite.model.precision`), if this run uses it at all.

        Losses and the regularisers R1 and path length stay outside: they square and subtract small numbers.
        """
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def as_seen(self, image: Tensor, mask: Tensor, purpose: str) -> tuple[Tensor, Tensor]:
        """What the discriminator gets to see of image and mask: augmented, once that has begun."""
        if not self.augment.active(self.images_seen):
            return image, mask
        return self.augment(image, mask, self.config.seed, self.steps, purpose)

    def step(self) -> dict[str, Tensor]:
        """One step of everything. Returns detached scalars on the device: reading them costs a synchronisation.

        With several processes they are means over all of them, and the same everywhere.
        """
        stats = {}
        # R1 gets the real images as the critic saw them: already augmented, so nothing is differentiated twice
        # through the resampling, which has no second derivative.
        image, mask = self.as_seen(*self.draw_real(), "real")
        stats |= self.discriminator_step(image, mask)
        if self.steps % self.config.r1_every == 0:
            stats |= self.r1_step(image, mask)
        stats |= self.generator_step()
        if self.config.path_weight and self.steps % self.config.path_every == 0:
            stats |= self.path_step()
        self.steps += 1
        # The share lets the average forget random beginnings; given weights are not to be forgotten within a step.
        share = math.inf if self.given_average else self.config.ema_share
        decay = ema_decay(self.config.batch, self.images_seen, self.config.ema_images, share)
        update_ema(self.G_ema, self.G, decay)
        return self.processes.average_stats(stats)

    def discriminator_step(self, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.fake("d")
        shown = self.as_seen(fake.image, fake.mask, "d")

        def objective() -> tuple[Tensor, dict[str, Tensor]]:
            fake_score, real_score = self.judge(*shown), self.judge(image, mask)
            loss = losses.discriminator_loss(real_score, fake_score)
            return loss, {"d_loss": loss.detach(), "real_score": real_score.detach().mean(),
                          "fake_score": fake_score.detach().mean(),
                          # The share of reals that the critic calls real less those it does not: near 1 it has
                          # memorised them.
                          "real_sign": real_score.detach().sign().mean()}

        stats = self._take("d", self.optimizer_d, objective)
        if self.augment.active(self.images_seen):
            self.augment.update(self.processes.average(stats["real_sign"]))
            stats["augment_p"] = self.augment.p
        return stats

    def r1_step(self, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        config = self.config

        def objective() -> tuple[Tensor, dict[str, Tensor]]:
            r1 = losses.r1_penalty(self.D, image, mask if self.model_config.mask_branch else None)
            loss = config.r1_every * (config.r1_image / 2 * r1.image + config.r1_mask / 2 * r1.mask)
            return loss, {"r1_image": r1.image.detach(), "r1_mask": r1.mask.detach()}

        return self._take("r1", self.optimizer_d, objective)

    def generator_step(self) -> dict[str, Tensor]:
        def objective() -> tuple[Tensor, dict[str, Tensor]]:
            out = self.fake("g")
            adversarial = losses.generator_loss(self.judge(*self.as_seen(out.image, out.mask, "g")))
            loss, stats = adversarial, {"g_loss": adversarial.detach()}
            if out.coarse_mask is not None:           # the monolithic baseline has none
                mask_loss = losses.mask_consistency(out.coarse_mask, out.mask)
                loss, stats["mask_loss"] = loss + self.config.mask_weight * mask_loss, mask_loss.detach()
            return loss, stats

        self.D.requires_grad_(False)              # its weights need no gradient here: a third of the work saved
        stats = self._take("g", self.optimizer_g, objective)
        self.D.requires_grad_(True)
        return stats

    def path_step(self) -> dict[str, Tensor]:
        n = max(1, self.config.batch // 2)
        codes = self.G.layout.expand(self.draw_codes(n, "path"))
        generator = stream(self.config.seed, self.steps, "path", "image noise", device=self.device)
        size = self.model_config.size
        image_noise = self.processes.mine(torch.randn(n, 3, size, size, generator=generator, device=self.device))
        noise = self.draw_noise(n, "path")

        def objective() -> tuple[Tensor, dict[str, Tensor]]:
            lengths = losses.path_lengths(self.G, codes, image_noise=image_noise / size, noise=noise)
            penalty, mean = losses.path_penalty(lengths, self.path_mean, average=self.processes.average)
            loss = self.config.path_every * self.config.path_weight * penalty
            return loss, {"path_penalty": penalty.detach(), "path_length": mean}

        stats = self._take("path", self.optimizer_g, objective)
        self.path_mean = stats["path_length"]
        return stats

    def _take(self, name: str, optimizer: torch.optim.Optimizer, objective: Objective) -> dict[str, Tensor]:
        """A step down one of the objectives; what it reports."""
        loss, stats = self._evaluate[name](objective)
        self._update(optimizer, loss)
        return stats

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
