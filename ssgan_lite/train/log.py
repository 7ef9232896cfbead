"""The training log: a JSON object per line in `log.jsonl`, a progress bar, and optionally TensorBoard."""

from __future__ import annotations

import json
import math
import os
import time
from collections import defaultdict
from pathlib import Path

from torch import Tensor
from tqdm.auto import tqdm

from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, explain
from ssgan_lite.train.state import broke_down

# What the progress bar shows in the game, and while reconstructing.
SHOWN = ("d_loss", "frozen_d_loss", "g_loss", "mask_loss"), ("pixel_loss", "feature_loss", "score_loss", "kl")


class RunLog:
    """Averages the statistics of the steps between two lines, so that the device is rarely synchronized.

    path=None: nothing is written, but NaN still stops the run.
    """

    def __init__(self, path: Path | None, total_images: int, images_seen: int, seconds: float = 0.0,
                 quiet: bool = False, state: dict | None = None, board: Path | None = None):
        self.path, self.images, self.seconds = path, images_seen, seconds
        self._began = self._last = time.perf_counter()
        self._last_images = images_seen
        state = state or {"sums": {}, "counts": {}}
        self._sums: dict[str, Tensor] = dict(state["sums"])
        self._counts: dict[str, int] = defaultdict(int, state["counts"])
        # Lines after the checkpoint that a run resumes from are written again: TensorBoard must drop them.
        self._board = board_writer()(str(board), purge_step=images_seen + 1) if board is not None else None
        self.bar = tqdm(total=total_images, initial=images_seen, unit="img", unit_scale=True, disable=quiet,
                        dynamic_ncols=True, mininterval=1.0, smoothing=0.1)

    def add(self, stats: dict[str, Tensor], batch: int) -> None:
        """Add the scalars of one step; nothing is read from the device."""
        for name, value in stats.items():
            self._sums[name] = self._sums[name].to(value.device) + value if name in self._sums else value
            self._counts[name] += 1
        self.images += batch
        self.bar.update(batch)

    def write(self, step: int, phase: str) -> dict:
        """Write and return a line with the averages since the last one. NaN or infinity stops the run."""
        now = time.perf_counter()
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        line = dict(step=step, images=self.images, phase=phase, seconds=round(self.elapsed, 1),
                    images_per_second=round((self.images - self._last_images) / max(now - self._last, 1e-9), 2),
                    # JSON has no NaN
                    **{name: float(f"{value:.6g}") if math.isfinite(value) else None
                       for name, value in means.items()})
        self._sums.clear(), self._counts.clear()
        self._last, self._last_images = now, self.images
        if self.path is not None:
            self._append(json.dumps(line))
        if self._board is not None:
            for name, value in (means | {"images_per_second": line["images_per_second"]}).items():
                self._board.add_scalar(name, value, self.images)
        self.bar.set_description(phase, refresh=False)
        self.bar.set_postfix({name: f"{means[name]:.3g}" for name in SHOWN[phase == "reconstruct"] if name in means})
        bad = [name for name, value in means.items() if not math.isfinite(value)]
        if bad:
            raise UserError(broke_down(step, bad))
        return line

    def state_dict(self) -> dict:
        """The sums since the last line: with them a resumed run logs what an uninterrupted one does."""
        return {"sums": {name: total.cpu() for name, total in self._sums.items()}, "counts": dict(self._counts)}

    def _append(self, text: str) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with open(self.path, "ab") as file:
                file.write((text + "\n").encode())
        except OSError as error:
            if self.path.exists():
                os.truncate(self.path, size)            # no partial line
            raise UserError(explain(error, self.path)) from None

    @property
    def elapsed(self) -> float:
        """Seconds of training, including those before a resume."""
        return self.seconds + time.perf_counter() - self._began

    def close(self) -> None:
        self.bar.close()
        if self._board is not None:
            self._board.close()


def board_writer() -> type:
    """TensorBoard's `SummaryWriter`; a `UserError` if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("TensorBoard is not installed: `pip install tensorboard`, or leave out --tensorboard. The "
                        "log is in log.jsonl in any case.") from None
    return SummaryWriter


def read_log(path: str | Path) -> list[dict]:
    """The lines of a run's log; a truncated last line is left out."""
    lines = []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def forget_after(path: Path, step: int) -> None:
    """Drop what was logged after the checkpoint that a run resumes from: those steps are repeated."""
    if path.exists():
        kept = [line for line in read_log(path) if line["step"] <= step]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
