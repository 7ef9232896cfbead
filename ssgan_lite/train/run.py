"""A training run and its folder: the loop, the log, samples, checkpoints and weights. `ssgan-lite train` calls this.

    runs/first/run.json                   options, model, recipe, device, versions
              /log.jsonl                  a line every `log_every` images
              /samples/000012800.png      the same sixteen seeds every time, images and masks
              /checkpoint.pt              the whole training state, for `--resume`
              /checkpoints/               the newest few of these
              /weights.safetensors, .json the averaged generator, for everything else
              /encoder.safetensors, .json the encoder that was trained with it, if the recipe reconstructs
              /watch.jsonl, watch.png     fine-tuning: agreement of masks and distance to the data (watch.py)
              /snapshots/                 the same along the way, in half precision, for curves and time-lapses
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.config import preset as model_preset
from ssgan_lite.device import Speed, choose_device, require_bf16, require_compiler
from ssgan_lite.storage import remove_leftovers, tensor_path, user_path, write_text
from ssgan_lite.train.checkpoint import keep_checkpoint, resume, save_checkpoint
from ssgan_lite.train.distributed import join, restarted
from ssgan_lite.train.folder import (
    RunOptions,
    check_folder,
    claim,
    describe,
    recorded,
    recorded_run,
    require_same_data,
)
from ssgan_lite.train.grow import begin, model_with_parts, plan_beginning, require_source
from ssgan_lite.train.log import RunLog, board_writer, forget_after
from ssgan_lite.train.networks import read_source, save_networks
from ssgan_lite.train.shared_data import open_shared
from ssgan_lite.train.snapshots import Schedule, save_sheet, save_snapshot
from ssgan_lite.train.trainer import Trainer
from ssgan_lite.train.watch import check_watch, open_watch
from ssgan_lite.weights import save_encoder, save_weights


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
        require_bf16(options.precision, device)
        if options.compile:
            require_compiler()
        if options.keep_state:
            tensor_path(options.keep_state)                # a name that cannot be is refused now, not hours later
        schedule = Schedule.parse(options.snapshots, options.snapshot_every)
        check_watch(options.watch_every, options.stop_agreement, options.stop_patience)
        if processes.first:
            check_folder(out, options)
            if options.tensorboard:
                board_writer()
        processes.wait()
        processes.connect(device)
        model = model or model_preset(options.preset)
        require_source(config, bool(options.start_from or options.resume))
        source = read_source(options.start_from) if options.start_from else None
        if source is not None:
            config = plan_beginning(source, model, config)
        data = open_shared(options.data, model.size, processes)
        model = model_with_parts(model, data, source)
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
            require_same_data(recorded(out), description, out)
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

    watch = open_watch(trainer, out, options.watch_every, options.stop_agreement, options.stop_patience)
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
                   and not processes.any(stop_requested() or out_of_time() or reader_gone is not None
                                         or watch.enough)):
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
                watch.after_step()
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
              f"{f'; {watch.reason}' if watch.enough else '' if finished else ', --resume goes on from here'}.")
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
