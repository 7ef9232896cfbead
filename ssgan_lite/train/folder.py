"""The folder of a run: whose it may be, and what `run.json` says about the run in it."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.data import data_sum
from ssgan_lite.errors import UserError
from ssgan_lite.storage import claim_folder, explain, leftovers
from ssgan_lite.train.checkpoint import FORMAT as CHECKPOINT_FORMAT
from ssgan_lite.train.state import TrainingState


def check_folder(out: Path, options) -> None:
    """A run never overwrites another."""
    if options.resume and options.start_from:
        raise UserError("--resume goes on with a run, --start-from begins a new one: use one of them.")
    try:
        begun = (out / "checkpoint.pt").is_file()
        # A run that was killed before its first checkpoint leaves a temporary file at most.
        empty = not out.exists() or (out.is_dir() and set(out.iterdir()) <= set(leftovers(out)))
    except OSError as error:
        raise UserError(explain(error, out / "checkpoint.pt")) from error
    if options.resume and not begun:
        raise UserError(f'There is nothing to resume in "{out}": it has no checkpoint.pt. Leave out --resume, or '
                        "choose the --out of a run.")
    if begun and not options.resume:
        raise UserError(f'"{out}" already holds a run. Add --resume to go on with it, or choose another --out.')
    if not begun and not empty:
        raise UserError(f'"{out}" is not an empty folder. Choose another --out.')


@contextmanager
def claim(out: Path, options) -> Iterator[None]:
    """Within: the folder exists and is this run's alone (`claim_folder`)."""
    with claim_folder(out):
        check_folder(out, options)          # again: it may have been taken since
        yield


def recorded_recipe(out: str | os.PathLike) -> TrainConfig | None:
    """The recipe that the run in a folder was started with, so that resuming it needs no options; None if unknown."""
    try:
        return TrainConfig(**json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))["recipe"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def recorded_preset(out: str | os.PathLike) -> str | None:
    """The preset that the run in a folder was started with; None if unknown."""
    try:
        return str(json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))["preset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def recorded_model(out: str | os.PathLike, preset: str) -> ModelConfig | None:
    """The model that the run in a folder was started with, if it was made from this preset; None if unknown."""
    try:
        description = json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))
        return ModelConfig.from_dict(description["model"]) if description["preset"] == preset else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def describe(options, config: TrainConfig, trainer: TrainingState) -> dict:
    """What a reader needs to repeat the run."""
    device, start = trainer.device, Path(options.start_from)
    start_from = (start.parent if start.name == "checkpoint.pt" else start).name or None
    if options.resume:                            # what a resumed run began with is known from its first start only
        try:
            start_from = json.loads((Path(options.out) / "run.json").read_text(encoding="utf-8")).get("start_from")
        except (OSError, ValueError):
            pass
    threads = torch.get_num_threads()
    return dict(
        preset=options.preset, model=trainer.model_config.to_dict(), data=options.data, faces=len(trainer.data),
        data_sum=data_sum(options.data),
        recipe=dataclasses.asdict(config),
        start_from=start_from,
        device=(torch.cuda.get_device_name(device) if device.type == "cuda"
                else f"cpu, {threads} thread{'s' * (threads > 1)}"),
        processes=trainer.processes.count, precision="bf16" if trainer.bf16 else "fp32", compiled=options.compile,
        torch=torch.__version__, python=platform.python_version(), checkpoint_format=CHECKPOINT_FORMAT)


