"""Training: losses (the formulas), trainer (one step after another), run (a folder that grows)."""

from ssgan_lite.config import TrainConfig, recipe
from ssgan_lite.train.folder import recorded_model, recorded_preset, recorded_recipe
from ssgan_lite.train.networks import Networks, load_networks, save_networks
from ssgan_lite.train.run import RunOptions, train
from ssgan_lite.train.snapshots import find_snapshots, open_snapshots
from ssgan_lite.train.trainer import Trainer

__all__ = ["Networks", "RunOptions", "TrainConfig", "Trainer", "find_snapshots", "load_networks", "open_snapshots",
           "recipe", "recorded_model", "recorded_preset", "recorded_recipe", "save_networks", "train"]
