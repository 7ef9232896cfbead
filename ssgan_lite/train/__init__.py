"""Training in phases.

Read it in this order: losses (the published formulas), reconstruct, game and grow (the phases), state and trainer
(what they work on), run (the loop) and folder (where it writes).
"""

from ssgan_lite.config import TrainConfig, recipe
from ssgan_lite.train.folder import RunOptions, recorded_run
from ssgan_lite.train.networks import Networks, load_networks, save_networks
from ssgan_lite.train.run import train
from ssgan_lite.train.snapshots import find_snapshots, open_snapshots
from ssgan_lite.train.trainer import Trainer

__all__ = ["Networks", "RunOptions", "TrainConfig", "Trainer", "find_snapshots", "load_networks", "open_snapshots",
           "recipe", "recorded_run", "save_networks", "train"]
