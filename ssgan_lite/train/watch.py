"""Watching a fine-tuning run: do the masks still agree with those from before, and how far are the new pictures?

    watch.jsonl     a line for every look: agreement and distance
    watch.png       both as curves, drawn again with every look

Agreement falls while a generator is taken to another style, distance falls too and then rises or stands still; the
run may end by either (`verdict`). Both are measured with what training uses anyway: the masks that the same codes had
before, and the frozen features of the losses. The features that judge a finished model are not asked here, or they
would be judges no more.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.storage import atomic_write
from ssgan_lite.train.log import read_log
from ssgan_lite.train.state import TrainingState

FACES = 128                 # generated for every look, the same z every time
REAL = 512                  # pictures of the data that they are compared with, at most
CHUNK = 16
SEED = 90_000               # of the first z
SMALL = 0.02                # the distance must fall by this share to count as nearer


def mask_agreement(ours: Tensor, theirs: Tensor, n_parts: int) -> float:
    """Mean over parts of intersection / union, each over all pixels of all samples. Part ids [N, H, W] each.

    Parts that neither shows are left out.
    """
    pairs = torch.bincount((ours.long() * n_parts + theirs.long()).flatten(), minlength=n_parts**2)
    table = pairs.view(n_parts, n_parts).double()
    both, union = table.diagonal(), table.sum(0) + table.sum(1) - table.diagonal()
    return float((both / union)[union > 0].mean())


def feature_distance(x: Tensor, y: Tensor) -> float:
    """1000 MMD^2 of features [n, D] and [m, D], cubic kernel (Binkowski et al., arXiv 1801.01401), unbiased."""
    x, y = x.double(), y.double()

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a: Tensor) -> Tensor:
        k = kernel(a, a)
        return (k.sum() - k.diagonal().sum()) / (len(a) * (len(a) - 1))

    return 1000 * float(within(x) + within(y) - 2 * kernel(x, y).mean())


def verdict(looks: list[dict], least_agreement: float, patience: int) -> str:
    """Why a run should stop after these looks; "" if it should go on.

    least_agreement: 0 never stops. patience: looks in a row without a nearer one after which to stop; 0: never.
    """
    if not looks:
        return ""
    last = looks[-1]
    if last["agreement"] < least_agreement:
        return (f"the masks agree in {last['agreement']:.2f} with those from before, less than "
                f"{least_agreement:g} (--stop-agreement)")
    nearest, since = float("inf"), 0
    for look in looks:
        if look["distance"] < nearest - SMALL * abs(nearest) or nearest == float("inf"):
            nearest, since = look["distance"], 0
        else:
            since += 1
    if 0 < patience <= since:
        return f"the distance to the data has not fallen in {since} looks (--stop-patience)"
    return ""


class Watch:
    """The looks of one run; those of an earlier part of it are read from its folder."""

    def __init__(self, trainer: TrainingState, folder: Path, every: int, least_agreement: float, patience: int):
        self.trainer, self.folder, self.every = trainer, folder, every
        self.least_agreement, self.patience = least_agreement, patience
        path = folder / "watch.jsonl"
        # Looks after the checkpoint that a run resumes from are taken again.
        self.looks = [look for look in (read_log(path) if path.exists() else []) if look["step"] <= trainer.steps]
        self.frozen = trainer.frozen or FrozenFeatures().to(trainer.device)
        n = len(trainer.data)
        chosen = torch.linspace(0, n - 1, min(n, REAL)).long()
        real = torch.cat([self._features(trainer.data.image_batch(rows)) for rows in chosen.split(CHUNK)])
        self._scale = real.square().mean().rsqrt()         # features of size 1 on average, as the kernel expects
        self._real = real * self._scale
        self._z = trainer.G_ema.sample_z(FACES, SEED)
        self._before = torch.cat([self._ids(trainer.original, z)[0] for z in self._z.split(CHUNK)])
        if not self.looks:
            self.look()

    @property
    def reason(self) -> str:
        """Why the run should stop now; "" if it should not."""
        return verdict(self.looks, self.least_agreement, self.patience)

    @property
    def enough(self) -> bool:
        return bool(self.reason)

    def after_step(self) -> None:
        """Look if the last step passed a multiple of `every` images."""
        seen, batch = self.trainer.images_seen, self.trainer.config.batch
        if seen // self.every > (seen - batch) // self.every:
            self.look()

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        return self.frozen(images.float())[-1].float().mean(dim=(2, 3)).cpu()                  # [n, 320]

    @torch.no_grad()
    def _ids(self, generator: torch.nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
        out = generator(generator.mapping(z))
        return out.mask.argmax(dim=1).to(torch.uint8).cpu(), out.image

    def look(self) -> dict:
        """Measure the averaged generator, write the line and draw the curves."""
        ids, features = [], []
        for z in self._z.split(CHUNK):
            some, image = self._ids(self.trainer.G_ema, z)
            ids.append(some)
            features.append(self._features(image.clamp(-1, 1)))
        agreement = mask_agreement(torch.cat(ids), self._before, self.trainer.model_config.n_parts)
        found = dict(step=self.trainer.steps, images=self.trainer.images_seen, agreement=round(agreement, 5),
                     distance=round(feature_distance(torch.cat(features) * self._scale, self._real), 4))
        self.looks.append(found)
        with atomic_write(self.folder / "watch.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in self.looks), encoding="utf-8")
        with atomic_write(self.folder / "watch.png") as temporary:
            draw(self.looks).save(temporary, "PNG")
        return found


class NoWatch:
    """Of a run that is not watched: one from noise, or one of several processes but the first."""

    enough, reason = False, ""

    def after_step(self) -> None: ...


def check_watch(every: int, least_agreement: float, patience: int) -> None:
    """What cannot be is a `UserError`, before anything of a run is written."""
    if every < 0 or patience < 0 or not 0 <= least_agreement <= 1:
        raise UserError("--watch-every and --stop-patience must not be negative, and --stop-agreement is a share "
                        f"from 0 to 1, not {every}, {patience} and {least_agreement:g}.")


def open_watch(trainer: TrainingState, folder: Path, every: int, least_agreement: float,
               patience: int) -> Watch | NoWatch:
    """The watch of a run: of fine-tuning that keeps masks (`TrainConfig.keep_weight`); every=0: none."""
    check_watch(every, least_agreement, patience)
    if not every or trainer.original is None or not trainer.processes.first:
        return NoWatch()
    return Watch(trainer, folder, every, least_agreement, patience)


def draw(looks: list[dict], width: int = 480, height: int = 160) -> Image.Image:
    """Agreement above, distance below, over the images seen; with Pillow alone, as training needs nothing else."""
    picture = Image.new("RGB", (width, 2 * height), "white")
    pen = ImageDraw.Draw(picture)
    left, right, top, bottom = 56, width - 12, 26, height - 22
    images = np.array([look["images"] for look in looks], float)
    for row, (name, title, color) in enumerate((
            ("agreement", "agreement of masks with those from before", (0, 90, 160)),
            ("distance", "distance to the new data (x 1000)", (180, 60, 0)))):
        values = np.array([look[name] for look in looks], float)
        high = 1.0 if name == "agreement" else max(float(values.max()), 1e-9)
        low = min(0.0, float(values.min()))
        y0 = row * height
        pen.rectangle((left, y0 + top, right, y0 + bottom), outline=(170, 170, 170))
        pen.text((left, y0 + 8), title, fill="black")
        pen.text((4, y0 + top - 5), f"{high:.3g}", fill="black")
        pen.text((4, y0 + bottom - 8), f"{low:.3g}", fill="black")
        pen.text((right - 90, y0 + bottom + 5), f"{int(images[-1]):,} images", fill="black")
        x = left + (right - left) * (images - images[0]) / max(images[-1] - images[0], 1.0)
        y = y0 + bottom - (bottom - top) * (values - low) / max(high - low, 1e-9)
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        if len(points) > 1:
            pen.line(points, fill=color, width=2)
        for px, py in points:
            pen.ellipse((px - 3, py - 3, px + 3, py + 3), fill=color)
    return picture
