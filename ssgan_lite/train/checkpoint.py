"""The state of a run on disk: one file that is whole or not there, and holds everything needed to go on bit for bit."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, load_torch, save_torch
from ssgan_lite.train.state import TrainingState

FORMAT = "ssgan-lite training state 2"
HELD = {"model", "recipe", "seconds", "networks", "optimizers", "path_mean", "steps"}


def save_checkpoint(trainer: TrainingState, path: Path, seconds: float = 0.0, log: dict | None = None) -> None:
    """Write networks, average, optimisers and counters; `seconds` trained so far and the state of the log go along.

    Weights that are no longer numbers are not written: the last good checkpoint is worth more.
    """
    trainer.require_finite()
    with atomic_write(path) as temporary:
        save_torch(dict(format=FORMAT, model=trainer.model_config.to_dict(),
                        recipe=dataclasses.asdict(trainer.config), seconds=seconds, log=log or {},
                        **trainer.state_dict()), temporary)


def keep_checkpoint(path: Path, images: int, count: int) -> None:
    """Keep a run's checkpoint under its number of images too, and delete all but the newest `count` of those.

    checkpoints/000010000.pt is another name of the same file, where the file system can do that: it takes room of its
    own only once a newer checkpoint.pt has come. A collapse is often noticed late; then these are the way back.
    """
    kept = path.parent / "checkpoints" / f"{images:09d}.pt"
    if count > 0 and not (kept.exists() and path.samefile(kept)):
        with atomic_write(kept) as temporary:
            temporary.unlink()
            try:
                os.link(path, temporary)
            except OSError:
                shutil.copyfile(path, temporary)
    for old in kept_checkpoints(path)[:-count or None]:
        old.unlink(missing_ok=True)


def kept_checkpoints(path: Path) -> list[Path]:
    """What is kept beside a run's checkpoint.pt, oldest first."""
    return sorted(old for old in (path.parent / "checkpoints").glob("*.pt") if old.stem.isdigit())


def read_latest(path: Path) -> dict:
    """A run's checkpoint.pt; if it is damaged, the error names an older one that can take its place."""
    try:
        return read_checkpoint(path)
    except UserError as error:
        older = [old for old in kept_checkpoints(path) if not (path.exists() and path.samefile(old))]
        if not older:
            raise
        raise UserError(f'{error} An older one is "{older[-1]}": copy it over checkpoint.pt, and resume.') from None


def read_checkpoint(path: Path) -> dict:
    """The dict that `save_checkpoint` wrote; a missing, cut or foreign file is a `UserError`."""
    if not path.is_file():
        raise UserError(f'There is no checkpoint "{path}".')
    state = load_torch(path)
    if not isinstance(state, dict) or state.get("format") != FORMAT or not HELD <= set(state):
        raise UserError(f'"{path}" is not a checkpoint of the kind "{FORMAT}".')
    return state


def resume(trainer: TrainingState, path: Path) -> tuple[float, dict]:
    """Put a trainer where a run's checkpoint was; returns the seconds trained so far and the state of the log.

    The model must be the same, and so must the recipe but for its length: with another one the run would not be the
    continuation of the first.
    """
    state = read_latest(path)
    model = ModelConfig.from_dict(state["model"])
    if model != trainer.model_config:
        differences = _differences(model.to_dict(), trainer.model_config.to_dict())
        raise UserError(f'"{path}" is of another model ({differences}). Resume with the preset that it was started '
                        "with.")
    ours = dataclasses.asdict(trainer.config)
    # What an older version did not know had the effect of today's defaults.
    theirs = {**dataclasses.asdict(TrainConfig()), **state["recipe"], "images": ours["images"]}
    if changed := _differences(theirs, ours):
        raise UserError(f'"{path}" was trained with another recipe ({changed}). Resume with the same one; only '
                        "--images may change.")
    trainer.load_state_dict(state)
    return state["seconds"], state.get("log", {})


def _differences(theirs: dict, ours: dict) -> str:
    names = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name)}, not {ours[name]}" for name in names[:3])
