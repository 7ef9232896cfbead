"""Checkpoints: the whole training state in one atomically written file, to resume bit for bit."""

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


def save_checkpoint(trainer: TrainingState, path: Path, seconds: float = 0.0, log: dict | None = None,
                    run: dict | None = None) -> None:
    """Write networks, optimizers and counters, `seconds` trained so far, the log's state, run.json's content.

    If a weight is NaN or infinite nothing is written: the last good checkpoint is worth more.
    """
    trainer.require_finite()
    with atomic_write(path) as temporary:
        save_torch(dict(format=FORMAT, model=trainer.model_config.to_dict(),
                        recipe=dataclasses.asdict(trainer.config), seconds=seconds, log=log or {}, run=run or {},
                        **trainer.state_dict()), temporary)


def keep_checkpoint(path: Path, images: int, count: int) -> None:
    """Keep a checkpoint under its number of images too, and delete all but the newest `count` of those.

    checkpoints/000010000.pt is a hard link where the file system has them, so it takes space of its own only when a
    newer checkpoint.pt is written. A collapse is often noticed late; these are the way back.
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
    """The older checkpoints of a run, oldest first."""
    return sorted(old for old in (path.parent / "checkpoints").glob("*.pt") if old.stem.isdigit())


def read_latest(path: Path) -> dict:
    """A run's checkpoint.pt; if it is damaged, the error names an older one."""
    try:
        return read_checkpoint(path)
    except UserError as error:
        older = [old for old in kept_checkpoints(path) if not (path.exists() and path.samefile(old))]
        if not older:
            raise
        raise UserError(f'{error} An older one is "{older[-1]}": copy it over checkpoint.pt, and resume.') from None


def read_checkpoint(path: Path) -> dict:
    """The dict that `save_checkpoint` wrote; a missing, truncated or foreign file is a `UserError`."""
    if not path.is_file():
        raise UserError(f'There is no checkpoint "{path}".')
    state = load_torch(path)
    if not isinstance(state, dict) or state.get("format") != FORMAT or not HELD <= set(state):
        raise UserError(f'"{path}" is not a checkpoint of the kind "{FORMAT}".')
    return state


def resume(trainer: TrainingState, path: Path) -> tuple[float, dict]:
    """Load a run's checkpoint into a trainer; returns the seconds trained so far and the state of the log.

    The model must be the same, and the recipe too, except for its length.
    """
    state = read_latest(path)
    model = ModelConfig.from_dict(state["model"])
    if model != trainer.model_config:
        differences = _differences(model.to_dict(), trainer.model_config.to_dict())
        raise UserError(f'"{path}" is of another model ({differences}). Resume with the preset that it was started '
                        "with.")
    ours = dataclasses.asdict(trainer.config)
    theirs = {**dataclasses.asdict(TrainConfig()), **state["recipe"], "images": ours["images"]}
    if changed := _differences(theirs, ours):
        raise UserError(f'"{path}" was trained with another recipe ({changed}). Resume with the same one; only '
                        "--images may change.")
    trainer.load_state_dict(state)
    return state["seconds"], state.get("log", {})


def _differences(theirs: dict, ours: dict) -> str:
    names = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name)}, not {ours[name]}" for name in names[:3])
