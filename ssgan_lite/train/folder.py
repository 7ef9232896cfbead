"""The folder of a run: the options that it began with, what may be written into it, and what is recorded there."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.data import data_sum
from ssgan_lite.errors import UserError
from ssgan_lite.storage import claim_folder, explain, leftovers, user_path
from ssgan_lite.train.checkpoint import FORMAT as CHECKPOINT_FORMAT
from ssgan_lite.train.checkpoint import read_checkpoint
from ssgan_lite.train.state import TrainingState

# Options that say nothing about what a run is, only how it goes on this time.
OF_THE_MOMENT = ("out", "resume", "start_from", "device", "quiet", "minutes", "patience")


@dataclass(frozen=True)
class RunOptions:
    """Where a run happens, and what it writes how often; what it computes is in the `TrainConfig`.

    Intervals count images.
    """

    out: Path                           # the folder of the run; a new one, or with --resume that of the run
    preset: str = "nano32"              # nano32, lite64, lite128, paper256 or paper512
    data: str = "heads"                 # what to train on
    device: str = "auto"                # auto, cpu, cuda, cuda:1, ...
    resume: bool = False                # go on with the run in --out, bit for bit
    start_from: str = ""                # a run, networks or weights to begin with, of the same or a smaller model
    log_every: int = 1_000              # images between two lines of the log
    sample_every: int = 10_000          # images between two sheets of samples
    checkpoint_every: int = 10_000      # images between two checkpoints; a kill costs at most so many
    keep_checkpoints: int = 2           # the newest so many stay in checkpoints/, to go back to; 0: none
    snapshots: str = "doubling"         # after 0, 500, 1000, 2000, ... images; "none"; or a list "0,1000,5000"
    snapshot_every: int = 0             # images between two more snapshots; 0: no more
    snapshot_networks: bool = False     # snapshots hold all networks too, to train on from (--start-from)
    keep_state: str = ""                # with every checkpoint, all networks go into this file, in half precision
    watch_every: int = 500              # fine-tuning: images between two looks at masks and distance; 0: none
    stop_agreement: float = 0.5         # fine-tuning: stop when masks agree less with those from before; 0: never
    stop_patience: int = 4              # fine-tuning: stop after so many looks without a nearer one; 0: never
    tensorboard: bool = False           # the log for TensorBoard too, which must be installed
    quiet: bool = False                 # no progress bar, no closing words
    precision: str = "auto"             # fp32, bf16 or auto: bf16 on a GPU that has it
    compile: bool = False               # torch.compile the networks: minutes at the start, faster steps after that
    minutes: float = 0.0                # stop after so much time, to go on with --resume; 0: no limit
    patience: float = 10.0              # minutes that processes of one run wait for one another (torchrun)


def check_folder(out: Path, options: RunOptions) -> None:
    """Refuse a folder that holds another run, or anything else: a run never overwrites files."""
    if options.resume and options.start_from:
        raise UserError("--resume goes on with a run, --start-from begins a new one: use one of them.")
    try:
        begun = (out / "checkpoint.pt").is_file()
        # A run that was killed before its first checkpoint leaves temporary files at most.
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
def claim(out: Path, options: RunOptions) -> Iterator[None]:
    """Within: the folder exists and is locked for this run (`claim_folder`)."""
    with claim_folder(out):
        check_folder(out, options)          # again: another run may have taken it in the meantime
        yield


@dataclass(frozen=True)
class RunRecord:
    """What a run began with, so that resuming it needs no options."""

    preset: str
    data: str
    model: ModelConfig
    recipe: TrainConfig
    options: dict                # every other option of `RunOptions` that decides what a run computes or writes


def recorded_run(out: str | os.PathLike) -> RunRecord | None:
    """The record of the run in a folder; None where there is none, or none that can be read."""
    found = recorded(user_path(out))
    try:
        known = {field.name for field in dataclasses.fields(RunOptions)} - {"preset", "data", *OF_THE_MOMENT}
        options = {name: value for name, value in found.get("options", {}).items() if name in known}
        return RunRecord(str(found["preset"]), str(found["data"]), ModelConfig.from_dict(found["model"]),
                         TrainConfig(**found["recipe"]), options)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def recorded(out: Path) -> dict:
    """The content of run.json, or of its copy in the checkpoint if a kill came before; {} if there is none."""
    try:
        found = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        try:
            found = read_checkpoint(out / "checkpoint.pt").get("run", {})
        except UserError:
            found = {}
    return found if isinstance(found, dict) else {}


def require_same_data(before: dict, now: dict, out: Path) -> None:
    """A run goes on with the faces that it began with. before, now: what `describe` said then and says now."""
    if "data" not in before:
        return
    sums = before.get("data_sum"), now["data_sum"]
    same = before["data"] == now["data"] if None in sums else sums[0] == sums[1]
    if same and before.get("faces", now["faces"]) == now["faces"]:
        return
    if before["data"] != now["data"]:
        raise UserError(f'The run in "{out}" was trained on "{before["data"]}", not on "{now["data"]}". Leave out '
                        "--data to resume it, or begin another run with --start-from.")
    raise UserError(f'"{now["data"]}" holds other faces than when the run in "{out}" began: '
                    f"{before.get('faces')} then, {now['faces']} now; sum {sums[0]}, now {sums[1]}. "
                    "Bring those back to resume it, or begin another run with --start-from.")


def describe(options: RunOptions, config: TrainConfig, trainer: TrainingState) -> dict:
    """The content of run.json: what is needed to repeat the run."""
    device, start = trainer.device, Path(options.start_from)
    start_from = (start.parent if start.name == "checkpoint.pt" else start).name or None
    if options.resume:                            # only the first start knows what the run began with
        start_from = recorded(options.out).get("start_from")
    threads = torch.get_num_threads()
    precision = "bf16" if trainer.bf16 else "fp32"
    # As it was, not "auto", which another machine may understand otherwise.
    options = dataclasses.replace(options, precision=precision)
    return dict(
        preset=options.preset, model=trainer.model_config.to_dict(), data=options.data, faces=len(trainer.data),
        data_sum=data_sum(options.data),
        recipe=dataclasses.asdict(config),
        start_from=start_from,
        device=(torch.cuda.get_device_name(device) if device.type == "cuda"
                else f"cpu, {threads} thread{'s' * (threads > 1)}"),
        options={name: value for name, value in dataclasses.asdict(options).items() if name not in OF_THE_MOMENT},
        processes=trainer.processes.count, precision=precision, compiled=options.compile,
        torch=str(torch.__version__), python=platform.python_version(), checkpoint_format=CHECKPOINT_FORMAT)


