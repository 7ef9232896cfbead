"""The open task of the notebook on training: the paper's game, whole, against the library's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import nn

from ssgan_lite.config import preset, recipe
from ssgan_lite.course.exercises import expect
from ssgan_lite.data import Dataset
from ssgan_lite.parts import PARTS
from ssgan_lite.train.trainer import Trainer

SOLUTION = """\
def play(t, steps):
    c = t.config
    for _ in range(steps):
        real = t.draw_real()
        with torch.no_grad():
            fake = t.fake("d")
        dual_turn(t, real, fake)                                    # this and the next one: section 5
        if t.steps % c.r1_every == 0:
            smooth(t, *real)
        out = t.fake("g")
        loss = F.softplus(-t.D(out.image, out.mask)).mean()
        loss = loss + c.mask_weight * losses.mask_consistency(out.coarse_mask, out.mask)
        update([t.optimizers["g"]], loss)
        if t.steps % c.path_every == 0:
            n, size = c.batch // 2, t.G.config.size
            codes, noise = t.G.layout.expand(t.draw_codes(n, "path")), t.draw_noise(n, "path")
            y = t.draw_normal((n, 3, size, size), "path", "image noise") / size
            lengths = losses.path_lengths(t.G, codes, image_noise=y, noise=noise)
            penalty, t.path_mean = losses.path_penalty(lengths, t.path_mean)
            update([t.optimizers["g"]], c.path_every * c.path_weight * penalty)
        t.steps += 1
        decay = ema_decay(c.batch, t.images_seen, c.ema_images, c.ema_share)
        for average, weight in zip(t.G_ema.parameters(), t.G.parameters()):
            average.data.lerp_(weight.data, 1 - decay)"""
BARE, FULL = 1001, 1008         # steps at which neither regularizer is due, and both
NAMES = {"D": "the discriminator", "G": "the generator", "G_ema": "the average"}


def trainer_at(step: int, **changes) -> Trainer:
    """A tiny model and the paper's recipe, at a step of the game; changes: of the recipe."""
    model = preset("nano32").replace(size=16, coarse_size=8, min_feat_size=4, style_dim=8, local_channels=8,
                                     feature_channels=8, render_channels=(8, 8), discriminator_channels=(8, 8, 8))
    config = recipe("nano32", "paper").replace(**{"path_weight": 20.0, "ema_images": 400} | changes)
    trainer = Trainer(model, config, _noise())
    trainer.steps = step
    trainer.step = _refuse
    return trainer


def examine(answer: Callable) -> None:
    """A bare step, a step with both regularizers, and some steps in a row: the same networks as the library's?"""
    mine = trainer_at(BARE)
    answer(mine, 1)
    expect(mine.steps == BARE + 1, f"after one step the counter `t.steps` should be {BARE + 1}; it is {mine.steps}")
    plain = _library(BARE)
    fresh = trainer_at(BARE)
    for name, told in NAMES.items():
        expect(not _same(mine, fresh, name), f"{told} (`t.{name}`) has not moved")
    expect(not _same(mine, _library(BARE, r1_every=BARE), "D"), f"at step {BARE} the discriminator was smoothed by "
           "R1; that is due only where `t.steps` is a multiple of `r1_every`")
    _expect_same(mine, plain, "D", f"after a bare step, {BARE}: the logistic loss of `t.draw_real()` and of "
                                   "`t.fake(\"d\")`, with `t.optimizers[\"d\"]`")
    expect(not _same(mine, _library(BARE, mask_weight=0.0), "G"), "the mask loss is missing in the generator's turn")
    _expect_same(mine, plain, "G", f"after a bare step, {BARE}: the logistic loss of a new batch, `t.fake(\"g\")`, "
                                   "judged by the discriminator after its turn, plus the weighted mask loss")
    _expect_same(mine, plain, "G_ema", "after a bare step: `ema_decay` with the images that were seen, this step's "
                                       "included, and half-life and share from the recipe")
    mine = trainer_at(FULL)
    answer(mine, 1)
    whole = _library(FULL)
    expect(not _same(mine, _library(FULL, r1_image=0.0, r1_mask=0.0), "D"), f"at step {FULL}, a multiple of "
           "`r1_every`, the discriminator's R1 step is missing")
    _expect_same(mine, whole, "D", f"after step {FULL}: R1 of image and of mask, each with its weight / 2, both "
                                   "times `r1_every`, as a step of its own after the logistic one")
    expect(not _same(mine, _library(FULL, path_weight=1e-9), "G"), f"at step {FULL}, a multiple of `path_every`, the "
           "path-length step is missing")
    expect(mine.path_mean.item() != 0, "the running mean of the path lengths, `t.path_mean`, was not stored")
    _expect_same(mine, whole, "G", f"after step {FULL}: path length on half a batch of expanded codes, times "
                                   "`path_every * path_weight`, as a step of its own after the generator's turn")
    mine = trainer_at(FULL - 5)
    answer(mine, 6)
    expect(mine.steps == FULL + 1, f"six steps from {FULL - 5} on end at `t.steps` {mine.steps}")
    six = _library(FULL - 5, steps=6)
    for name in NAMES:
        _expect_same(mine, six, name, "after six steps in a row, though single steps were right: what is kept from "
                                       "step to step (gradients, a batch, `t.path_mean`, the counter)?")


def _refuse() -> None:
    expect(False, "the task is to do without `t.step()`")


@cache
def _noise() -> Dataset:
    """Pictures and masks of pure noise: this game is compared, not won."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (64, 3, 16, 16), generator=draw, dtype=torch.uint8)
    masks = torch.randint(len(PARTS.names), (64, 16, 16), generator=draw, dtype=torch.uint8)
    return Dataset(images, masks, {}, np.arange(64))


@cache
def _library(step: int, steps: int = 1, **changes) -> Trainer:
    """The library's own trainer, so many steps later; not to be changed."""
    trainer = trainer_at(step, **changes)
    del trainer.step
    for _ in range(steps):
        trainer.step()
    return trainer


def _same(mine: Trainer, theirs: Trainer, name: str) -> bool:
    """Equal but for a hundredth of a step of Adam: rounding may turn single gradients around."""
    a, b = (nn.utils.parameters_to_vector(getattr(trainer, name).parameters()) for trainer in (mine, theirs))
    return bool((a - b).abs().mean() < 0.01 * mine.config.lr * (1 if name != "G_ema" else 0.1))


def _expect_same(mine: Trainer, theirs: Trainer, name: str, when: str) -> None:
    expect(_same(mine, theirs, name), f"{NAMES[name]} is not where the library's is {when}")
