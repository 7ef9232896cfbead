"""A training run from start to end: a folder with log, samples, checkpoint and weights. `ssgan-lite train` calls this.

    runs/first/run.json                   what was asked for, on what
              /log.jsonl                  a line every `log_every` images
              /samples/000012800.png      always the same sixteen faces, with their masks
              /checkpoint.pt              to go on from (`--resume`)
              /checkpoints/               the newest few of these, to go back to
              /weights.safetensors, .json the averaged generator, for everything else
              /encoder.safetensors, .json the encoder that was trained with it, if the recipe reconstructs
              /snapshots/                 the same along the way, in half precision, for curves and time-lapses
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.config import preset as model_preset
from ssgan_lite.device import choose_device
from ssgan_lite.storage import atomic_write, remove_leftovers
from ssgan_lite.train.checkpoint import keep_checkpoint, resume, save_checkpoint
from ssgan_lite.train.folder import check_folder, claim, describe
from ssgan_lite.train.grow import begin, plan_beginning
from ssgan_lite.train.launch import join, restarted
from ssgan_lite.train.log import RunLog, board_writer, forget_after
from ssgan_lite.train.networks import read_source, save_networks
from ssgan_lite.train.shared import open_shared
from ssgan_lite.train.snapshots import Schedule, save_sheet, save_snapshot
from ssgan_lite.train.speed import Speed
from ssgan_lite.train.trainer import Trainer
from ssgan_lite.weights import save_encoder, save_weights


@dataclass(frozen=True)
class RunOptions:
    """Where and on what a run happens; what it computes is in the `TrainConfig`. Intervals count images."""

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
    """Train until `config.images` have been shown; `options.minutes` or Ctrl-C save and leave cleanly before that.

    on_log is called with every line of the log; model is the preset's unless another is given (for ablations).
    Started by torchrun, this is one process of several (`distributed.py`). Returns the trainer as it ended.
    """
    began = time.monotonic()
    with join(options.patience) as processes:
        out = Path(options.out)
        if restarted() and (out / "checkpoint.pt").is_file():            # torchrun --max-restarts
            options = dataclasses.replace(options, resume=True, start_from="")
        device = choose_device(options.device, processes.local_rank, processes.local_count)
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
    """The run itself: the loop, and what is written around it. Only the first process writes."""
    out, config, processes = Path(options.out), trainer.config, trainer.processes
    seconds, log_state = resume(trainer, out / "checkpoint.pt") if options.resume else (0.0, {})
    processes.require_same("the data, the recipe or the model", len(trainer.data), trainer.data.images[:4].sum().item(),
                           config, trainer.model_config)
    trainer.require_agreement()
    if processes.first:
        if options.resume:
            forget_after(out / "log.jsonl", trainer.steps)
        else:
            # Before the first step, so that a run that is killed at any time can be resumed.
            save_checkpoint(trainer, out / "checkpoint.pt")
        remove_leftovers(out)
        keep_checkpoint(out / "checkpoint.pt", trainer.images_seen, options.keep_checkpoints)
        description = describe(options, config, trainer)
        with atomic_write(out / "run.json") as temporary:
            temporary.write_text(json.dumps(description, indent=1) + "\n")

    def take_snapshot(before: int) -> None:
        if processes.first and schedule.due(before, trainer.images_seen):
            save_snapshot(trainer, out / "snapshots", options.snapshot_networks)

    def take_checkpoint() -> None:
        trainer.require_agreement()
        if processes.first:
            save_checkpoint(trainer, out / "checkpoint.pt", log.elapsed, log.state_dict())
            keep_checkpoint(out / "checkpoint.pt", trainer.images_seen, options.keep_checkpoints)
            if options.keep_state:
                save_networks(trainer, options.keep_state, {**description, "seconds": round(log.elapsed)})

    def out_of_time() -> bool:
        return 0 < options.minutes <= (time.monotonic() - began) / 60

    if not trainer.steps:                  # also when a run goes on that was killed before its first step
        take_snapshot(-1)
    log = RunLog(out / "log.jsonl" if processes.first else None, config.images, trainer.images_seen, seconds,
                 options.quiet or not processes.first, log_state,
                 out / "tensorboard" if options.tensorboard and processes.first else None)
    try:
        with _stop_requests(repeated=processes.count == 1) as stop_requested:
            while (trainer.images_seen < config.images
                   and not processes.any(stop_requested() or out_of_time())):
                phase = trainer.phase
                log.add(trainer.step(), config.batch)
                if _crossed(trainer, options.log_every):
                    line = log.write(trainer.steps, phase)
                    if on_log and processes.first:
                        on_log(line)
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
        log.close()
    if processes.first and not options.quiet:
        print(f"{'Done' if finished else 'Stopped'} after {trainer.images_seen:,} images; weights in {out}"
              f"{'' if finished else ', --resume goes on from here'}.")
    return trainer


def _crossed(trainer: Trainer, every: int) -> bool:
    """Has the last step passed a multiple of `every` images?"""
    return every > 0 and trainer.images_seen // every > (trainer.images_seen - trainer.config.batch) // every


@contextmanager
def _stop_requests(repeated: bool = True) -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask for a stop after the step in hand; a second Ctrl-C stops at once, without saving.

    repeated=False: a second one is nothing new. torchrun hands on a Ctrl-C that the terminal has sent to everybody
    already, and kills what has not stopped half a minute later.
    """
    requests: list[int] = []

    def ask(signum, frame):
        if requests and repeated:
            raise KeyboardInterrupt
        requests.append(signum)

    if threading.current_thread() is not threading.main_thread():       # only the main thread may take signals
        yield lambda: False
        return
    signals = [signal.SIGINT, signal.SIGTERM] if os.name != "nt" else [signal.SIGINT]
    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield lambda: bool(requests)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
