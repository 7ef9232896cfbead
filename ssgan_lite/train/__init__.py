"""Training: losses (the formulas), trainer (one step after another), run (a folder that grows)."""

from ssgan_lite.train.recipe import RECIPES, TrainConfig, recipe
from ssgan_lite.train.run import RunOptions, recorded_model, recorded_preset, recorded_recipe, train
from ssgan_lite.train.trainer import Trainer

__all__ = ["RECIPES", "RunOptions", "TrainConfig", "Trainer", "recipe", "recorded_model", "recorded_preset",
           "recorded_recipe", "train"]
