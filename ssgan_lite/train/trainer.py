"""The trainer: one step after another, each taken by the phase that the run is in.

The phases are modules of their own: reconstruct.py, game.py, and grow.py for the way from a smaller model to a larger
one. `Trainer` knows nothing of files, progress bars or pictures; `ssgan_lite.train.run` does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssgan_lite.config import TrainConfig
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.device import Speed
from ssgan_lite.train.ema import ema_decay, update_ema
from ssgan_lite.train.game import game_step
from ssgan_lite.train.grow import begin
from ssgan_lite.train.networks import Networks
from ssgan_lite.train.reconstruct import reconstruct_step
from ssgan_lite.train.state import TrainingState


class Trainer(TrainingState):
    """A `TrainingState` and `step()`."""

    @classmethod
    def from_networks(cls, networks: Networks, data: Dataset, config: TrainConfig | None = None,
                      device: str | torch.device = "cpu", speed: Speed | None = None) -> Trainer:
        """A trainer that stands where `networks` were taken (`train.networks.load_networks`), but for the optimizers.

        Data, random numbers, average and augmentation go on from the number of images that had been seen, but in
        fine-tuning (`keep_weight`), which counts anew. config is
        the recipe of the networks unless another is given.
        """
        trainer = cls(networks.model, config or networks.config, data, device, speed)
        begin(trainer, networks)
        return trainer

    def step(self) -> dict[str, Tensor]:
        """One step of everything. Returns detached scalars on the device: reading them costs a synchronization.

        With several processes they are means over all of them, and the same everywhere.
        """
        reconstructing = self.phase == "reconstruct"
        stats = reconstruct_step(self) if reconstructing else game_step(self)
        self.steps += 1
        # The average forgets random beginnings, and with the first step of the game the blur of the reconstruction;
        # given weights are not to be forgotten within a step.
        seen = self.averaged_before + self.images_seen - (0 if reconstructing else self.config.reconstruct_images)
        decay = ema_decay(self.config.batch, seen, self.config.ema_images, self.config.ema_share)
        update_ema(self.G_ema, self.G, decay)
        return self.processes.average_stats(stats)
