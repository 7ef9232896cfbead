"""What a run tells the world: one JSON object a line in `log.jsonl`, and a progress bar."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, explain


class RunLog:
    """Averages statistics between two lines of the log, so that reading them from the device is rare."""

    def __init__(self, path: Path, total_images: int, images_seen: int, seconds: float = 0.0, quiet: bool = False):
        self.path, self.images, self.seconds = path, images_seen, seconds
        self._began = self._last = time.perf_counter()
        self._last_images = images_seen
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)
        # On standard output: in a notebook tested with nbval anything on standard error counts as a failure.
        self.bar = tqdm(total=total_images, initial=images_seen, unit="img", unit_scale=True, disable=quiet,
                        dynamic_ncols=True, mininterval=1.0, smoothing=0.1)

    def add(self, stats: dict[str, Tensor], batch: int) -> None:
        """Take in the scalars of one step; nothing is read from the device."""
        for name, value in stats.items():
            self._sums[name] = self._sums.get(name, 0) + value
            self._counts[name] += 1
        self.images += batch
        self.bar.update(batch)

    def write(self, step: int) -> dict:
        """Write a line with the averages since the last one; return it. A number that is not finite stops the run."""
        now = time.perf_counter()
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        line = dict(step=step, images=self.images, seconds=round(self.elapsed, 1),
                    images_per_second=round((self.images - self._last_images) / max(now - self._last, 1e-9), 2),
                    **{name: float(f"{value:.6g}") for name, value in means.items()})
        self._sums.clear(), self._counts.clear()
        self._last, self._last_images = now, self.images
        self._append(json.dumps(line))
        self.bar.set_postfix({k: f"{means[k]:.3g}" for k in ("d_loss", "g_loss", "mask_loss") if k in means})
        bad = [name for name, value in means.items() if not torch.isfinite(torch.tensor(value))]
        if bad:
            raise UserError(f"Training broke down by step {step}: {', '.join(bad)} is no longer a finite number. The "
                            "last checkpoint is kept; try a lower learning rate or larger R1 weights.")
        return line

    def _append(self, text: str) -> None:
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise UserError(explain(error, self.path)) from None

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self.seconds + time.perf_counter() - self._began

    def close(self) -> None:
        self.bar.close()


def read_log(path: str | Path) -> list[dict]:
    """The lines of a run's log; a last line that was cut off is left out."""
    lines = []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def forget_after(path: Path, step: int) -> None:
    """Drop what was logged after the checkpoint that a run resumes from; those steps are taken again."""
    if path.exists():
        kept = [line for line in read_log(path) if line["step"] <= step]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
