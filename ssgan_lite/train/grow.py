"""Beginning with networks that are there: going on where they stopped, and growing them into a larger model.

A local generator is a function of the position, and the render net a stack of convolutions: both can be evaluated on
a finer grid. So the weights of `lite64`, loaded into a model of the same widths whose three sizes are twice as large
(`lite128`), give a clean face of 128 pixels before anything is trained. The phase that follows, "grow", is the game
on: the dual discriminator sees the pictures pooled to the size that it knows (`discriminator_size`), the one on
frozen features sees them whole. What a smaller model has learned in minutes is not learned again in hours.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.train.networks import Networks
from ssgan_lite.train.state import TrainingState

PER_SIZE = ("render.noise_",)              # of G: planes that every size has its own of
CONSTANT = "render.constant"               # of the monolithic baseline: enlarged


def plan_beginning(source: Networks, model: ModelConfig, config: TrainConfig) -> TrainConfig:
    """The recipe with which a run that begins with these networks can go on; what cannot be is a `UserError`.

    All networks of a run of the same model: the count of images goes on, and with it the phases; in fine-tuning
    (`TrainConfig.keep_weight`) it begins anew, with discriminators that have learned already. Those of a smaller
    model: a new count, and the phase is "grow" from the first image. A generator alone is what G and the average
    begin with, and the phases are those of a run from noise.
    """
    name, grows = f'"{source.source}"', source.model.size < model.size
    if source.model.size > model.size:
        raise UserError(f"{name} makes {source.model.size}-pixel images and the run's model {model.size}-pixel ones. "
                        "A model goes on as itself or as a larger one of its family: name its own preset.")
    if source.model.architecture != model.architecture:
        raise UserError(f"{name} is a {source.model.architecture} model and the run's is {model.architecture}. "
                        f"Add --architecture {source.model.architecture}, or begin with another one.")
    if not source.whole:
        missing = config.reconstruct_every and not config.reconstruct_images and "encoder" not in source.states
        if missing:
            raise UserError(f"{name} has no encoder, and the recipe has reconstruction steps but no phase that "
                            "trains one. Add --reconstruct-images 4000, or --reconstruct-every 0.")
        return config
    if config.reconstruct_every and "encoder" not in source.states:
        raise UserError(f"{name} holds no encoder, which reconstruction steps need: it was trained by another "
                        "recipe. Use --recipe paper, or --reconstruct-every 0 --reconstruct-images 0.")
    if grows:
        if not source.in_game:
            raise UserError(f"{name} is in the phase reconstruct ({source.images:,} of "
                            f"{source.config.reconstruct_images:,} images): the game comes before growing.")
        return config.replace(reconstruct_images=0)
    if config.keep_weight:
        return config
    if source.in_game and source.images < config.reconstruct_images:
        raise UserError(f"{name} is in the game already, after {source.images:,} images; with --reconstruct-images "
                        f"{config.reconstruct_images} the run would go back to reconstructing. Use at most "
                        f"--reconstruct-images {source.config.reconstruct_images}.")
    if source.images >= config.images:
        raise UserError(f"{name} has seen {source.images:,} images already, and the run is to end after "
                        f"{config.images:,}. Ask for more with --images.")
    return config


def model_with_parts(model: ModelConfig, data: Dataset, source: Networks | None) -> ModelConfig:
    """A preset with the parts of what the run begins with, or else of the data, if those have other names."""
    if model.parts != PARTS.names:
        return model
    if source is not None:
        return model.replace(parts=source.model.parts, transparent=source.model.transparent)
    if not data.has_masks or data.parts == model.parts:
        return model
    return model.replace(parts=data.parts, transparent=tuple(p for p in data.transparent if p in data.parts))


def require_source(config: TrainConfig, given: bool) -> None:
    """What keeps something of a generator needs one that has learned something; else a `UserError`."""
    if (config.freeze != "none" or config.keep_weight) and not given:
        option = f"--freeze {config.freeze}" if config.freeze != "none" else f"--keep-weight {config.keep_weight:g}"
        raise UserError(f"{option} keeps what a generator has learned, and this run begins with noise: add "
                        "--start-from lite64, or leave it out.")


def begin(trainer: TrainingState, source: Networks) -> None:
    """Put a trainer, whose recipe is that of `plan_beginning`, where the networks are."""
    grows = source.model.size < trainer.model_config.size
    states = {name: state for name, state in source.states.items() if name in trainer.networks}
    if grows:
        for name in ("G", "G_ema"):
            states[name] = enlarge(states[name], getattr(trainer, name).state_dict())
        require_growth(states, trainer, source)
    if trainer.original is not None and (grows or "original" not in states):
        states["original"] = states["G_ema"]
    if not trainer.data.has_masks and "frozen_D" in states:              # its heads see images alone
        states["frozen_D"] = {name: x for name, x in states["frozen_D"].items() if ".from_mask." not in name}
    trainer.give(states, source.source)
    trainer.learned.hold(trainer.G, trainer.G_ema)
    if not source.whole:
        trainer.averaged_before = math.inf
    elif grows:
        trainer.grown = True
        trainer.averaged_before = source.averaged_before + source.images - source.config.reconstruct_images
    elif trainer.original is not None:
        trainer.averaged_before = source.averaged_before + source.images
    else:
        trainer.steps = source.images // trainer.config.batch
        trainer.averaged_before = source.averaged_before


def enlarge(state: dict[str, Tensor], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a smaller generator for a larger one: all as they are, but for what has a size of its own.

    Noise planes are the larger model's own; the monolithic baseline's constant is interpolated.
    """
    grown = {name: ours[name] if name.startswith(PER_SIZE) and name in ours else tensor
             for name, tensor in state.items()}
    if CONSTANT in grown:
        grown[CONSTANT] = F.interpolate(grown[CONSTANT], size=ours[CONSTANT].shape[-1], mode="bilinear")
    return grown


def require_growth(states: dict[str, dict[str, Tensor]], trainer: TrainingState, source: Networks) -> None:
    """All shapes must agree; else a `UserError` that names one that does not."""
    for network in (name for name in trainer.networks if name in states):
        state, ours = states[network], trainer.networks[network].state_dict()
        for name in {**ours, **state}:
            theirs, wanted = (list(x[name].shape) if name in x else None for x in (state, ours))
            if theirs != wanted:
                raise UserError(f'"{source.source}" ({source.model.size} px) cannot grow into this model of '
                                f"{trainer.model_config.size} px: {network} has {name} of shape {theirs}, not "
                                f"{wanted}. Growing takes a model of the same widths, as lite64 is for lite128.")
