"""A training run and its folder: the loop, the log, samples, checkpoints and weights. `ssgan-lite train` calls this.

    runs/first/run.json                   options, model, recipe, device, versions
              /log.jsonl                  a line every `log_every` images
              /samples/000012800.png      the same sixteen seeds every time, images and masks
              /checkpoint.pt              the whole training state, for `--resume`
              /checkpoints/               the newest few of these
              /weights.safetensors, .json the averaged generator, for everything else
              /encoder.safetensors, .json the encoder that was trained with it, if the recipe reconstructs
              /snapshots/                 the same along the way, in half precision, for curves and time-lapses
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.config import preset as model_preset
from ssgan_lite.data import data_sum
from ssgan_lite.device import Speed, choose_device, require_compiler
from ssgan_lite.errors import UserError
from ssgan_lite.storage import claim_folder, explain, leftovers, remove_leftovers, tensor_path, user_path, write_text
from ssgan_lite.train.checkpoint import FORMAT as CHECKPOINT_FORMAT
from ssgan_lite.train.checkpoint import keep_checkpoint, read_checkpoint, resume, save_checkpoint
from ssgan_lite.train.distributed import join, restarted
from ssgan_lite.train.grow import begin, plan_beginning
from ssgan_lite.train.log import RunLog, board_writer, forget_after
from ssgan_lite.train.networks import read_source, save_networks
from ssgan_lite.train.shared_data import open_shared
from ssgan_lite.train.snapshots import Schedule, save_sheet, save_snapshot
from ssgan_lite.train.trainer import Trainer
from ssgan_lite.weights import save_encoder, save_weights

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
    tensorboard: bool = False           # the log for TensorBoard too, which must be installed
    quiet: bool = False                 # no progress bar, no closing words
    precision: str = "auto"             # fp32, bf16 or auto: bf16 on a GPU that has it
    compile: bool = False               # torch.compile the networks: minutes at the start, faster steps after that
    minutes: float = 0.0                # stop after so much time, to go on with --resume; 0: no limit
    patience: float = 10.0              # minutes that processes of one run wait for one another (torchrun)


def train(options: RunOptions, config: TrainConfig, on_log: Callable[[dict], None] | None = None,
          model: ModelConfig | None = None) -> Trainer:
    """Train until `config.images` have been shown. After `options.minutes`, or at Ctrl-C, save and stop earlier.

    on_log: called with every line of the log. model: the preset's if not given (ablations give another). Under
    torchrun this is one process of several (`distributed.py`). Returns the trainer in its last state.
    """
    began = time.monotonic()
    with join(options.patience) as processes:
        out = user_path(options.out)
        options = dataclasses.replace(options, out=out)
        if restarted() and (out / "checkpoint.pt").is_file():            # torchrun --max-restarts
            options = dataclasses.replace(options, resume=True, start_from="")
        device = choose_device(options.device, processes.local_rank, processes.local_count)
        if options.resume and options.precision == "auto" and (record := recorded_run(out)) is not None:
            options = dataclasses.replace(options, precision=record.options.get("precision", "auto"))
        if options.compile:
            require_compiler()
        if options.keep_state:
            tensor_path(options.keep_state)                # a name that cannot be is refused now, not hours later
        schedule = Schedule.parse(options.snapshots, options.snapshot_every)
        if processes.first:
            check_folder(out, options)
            if options.tensorboard:
                board_writer()
        processes.wait()
        processes.connect(device)
        model = model or model_preset(options.preset)
        source = read_source(options.start_from) if options.start_from else None
        if source is not None:
            config = plan_beginning(source, model, config)
        data = open_shared(options.data, model.size, processes)
        trainer = Trainer(model, config, data, device, Speed(options.precision, compile=options.compile), processes,
                          options.quiet)
        if source is not None:
            begin(trainer, source)
        with claim(out, options) if processes.first else nullcontext():
            return _run(trainer, options, schedule, on_log, began)


def _run(trainer: Trainer, options: RunOptions, schedule: Schedule, on_log: Callable[[dict], None] | None,
         began: float) -> Trainer:
    """The training loop and everything that is written. Only rank 0 writes."""
    out, config, processes = options.out, trainer.config, trainer.processes
    reader_gone = None
    seconds, log_state = resume(trainer, out / "checkpoint.pt") if options.resume else (0.0, {})
    processes.require_same("the data, the recipe or the model", len(trainer.data),
                           trainer.data.images[:4].sum().item(), config, trainer.model_config)
    trainer.require_agreement()
    if processes.first:
        description = describe(options, config, trainer)
        if options.resume:
            require_same_data(_recorded(out), description, out)
            forget_after(out / "log.jsonl", trainer.steps)
        else:
            # Before the first step, so that a run can be resumed whenever it is killed.
            save_checkpoint(trainer, out / "checkpoint.pt", run=description)
        remove_leftovers(out)
        keep_checkpoint(out / "checkpoint.pt", trainer.images_seen, options.keep_checkpoints)
        write_text(out / "run.json", json.dumps(description, indent=1) + "\n")

    def take_snapshot(before: int) -> None:
        if processes.first and schedule.due(before, trainer.images_seen):
            save_snapshot(trainer, out / "snapshots", options.snapshot_networks)

    def take_checkpoint() -> None:
        trainer.require_agreement()
        if processes.first:
            save_checkpoint(trainer, out / "checkpoint.pt", log.elapsed, log.state_dict(), description)
            keep_checkpoint(out / "checkpoint.pt", trainer.images_seen, options.keep_checkpoints)
            if options.keep_state:
                save_networks(trainer, options.keep_state, {**description, "seconds": round(log.elapsed)})

    def out_of_time() -> bool:
        return 0 < options.minutes <= (time.monotonic() - began) / 60

    if not trainer.steps:                  # also when a resumed run was killed before its first step
        take_snapshot(-1)

    def open_log(quiet: bool) -> RunLog:
        return RunLog(out / "log.jsonl" if processes.first else None, config.images, trainer.images_seen, seconds,
                      quiet, log_state, out / "tensorboard" if options.tensorboard and processes.first else None)

    try:
        log = open_log(options.quiet or not processes.first)
    except BrokenPipeError as error:               # before the progress bar was drawn for the first time
        reader_gone, log = error, open_log(quiet=True)
    try:
        with _stop_requests(repeated=processes.count == 1) as stop_requested:
            while (trainer.images_seen < config.images
                   and not processes.any(stop_requested() or out_of_time() or reader_gone is not None)):
                phase, values = trainer.phase, trainer.step()
                try:
                    log.add(values, config.batch)
                    if _crossed(trainer, options.log_every):
                        line = log.write(trainer.steps, phase)
                        if on_log and processes.first:
                            on_log(line)
                except OSError as error:
                    if error.errno not in (errno.EPIPE, errno.EIO):
                        raise
                    reader_gone = error        # as in `train ... | head`: save what there is, then say so
                if processes.first and _crossed(trainer, options.sample_every):
                    save_sheet(trainer, out / "samples" / f"{trainer.images_seen:09d}.png")
                take_snapshot(trainer.images_seen - config.batch)
                if _crossed(trainer, options.checkpoint_every):
                    take_checkpoint()
            finished = trainer.images_seen >= config.images
            take_checkpoint()
            if processes.first:
                save_sheet(trainer, out / "samples" / f"{trainer.images_seen:09d}.png")
                trainer.G_ema.update_mean_w()
                record = {**description, "images": trainer.images_seen, "seconds": round(log.elapsed)}
                save_weights(trainer.G_ema, out / "weights", record)
                if trainer.encoder is not None:
                    save_encoder(trainer.encoder, out / "encoder", record)
    finally:
        with suppress(BrokenPipeError):
            log.close()
    if reader_gone is not None:
        raise reader_gone
    if processes.first and not options.quiet:
        print(f"{'Done' if finished else 'Stopped'} after {trainer.images_seen:,} images; weights in {out}"
              f"{'' if finished else ', --resume goes on from here'}.")
    return trainer


def _crossed(trainer: Trainer, every: int) -> bool:
    """Did the last step pass a multiple of `every` images?"""
    return every > 0 and trainer.images_seen // every > (trainer.images_seen - trainer.config.batch) // every


@contextmanager
def _stop_requests(repeated: bool = True) -> Iterator[Callable[[], bool]]:
    """Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) request a stop after the current step; a second Ctrl-C
    stops at once, without saving.

    repeated=False: a second signal is ignored. torchrun forwards a Ctrl-C that the terminal has sent to every process
    already, and kills those that are still running half a minute later.
    """
    requests: list[int] = []

    def ask(signum, frame):
        if requests and repeated:
            raise KeyboardInterrupt
        requests.append(signum)

    if threading.current_thread() is not threading.main_thread():       # signals arrive in the main thread only
        yield lambda: False
        return
    signals = [signal.SIGINT, signal.SIGTERM] if os.name != "nt" else [signal.SIGINT]
    if os.name != "nt" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:                   # nohup ignores it
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield lambda: bool(requests)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ----------------------------------------------------------------------------------------------- the folder of a run

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
    found = _recorded(user_path(out))
    try:
        known = {field.name for field in dataclasses.fields(RunOptions)} - {"preset", "data", *OF_THE_MOMENT}
        options = {name: value for name, value in found.get("options", {}).items() if name in known}
        return RunRecord(str(found["preset"]), str(found["data"]), ModelConfig.from_dict(found["model"]),
                         TrainConfig(**found["recipe"]), options)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _recorded(out: Path) -> dict:
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


def describe(options: RunOptions, config: TrainConfig, trainer: Trainer) -> dict:
    """The content of run.json: what is needed to repeat the run."""
    device, start = trainer.device, Path(options.start_from)
    start_from = (start.parent if start.name == "checkpoint.pt" else start).name or None
    if options.resume:                            # only the first start knows what the run began with
        start_from = _recorded(options.out).get("start_from")
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


