"""The faces that a measurement looks at: codes from seeds, one independent stream for each purpose."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ssgan_lite.errors import UserError

# Every measure draws from its own stream, so that leaving one out changes no other, and so that the faces on which
# something is chosen are never those on which it is measured.
DISTANCES, EDITED, EDITS, CHOOSING, CHOOSING_AXES, SIGNS, DIVERSITY, VARIANTS, REAL = range(9)

Tick = Callable[[int], object]                # told how many images were made: for a progress bar


def no_tick(n: int) -> None:
    """For those who show no progress."""


def rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


@torch.no_grad()
def draw_codes(generator: nn.Module, n: int, seed: int, stream: int) -> Tensor:
    """W codes [n, S] on the generator's device; the first k of them are the same for every n >= k."""
    z = rng(seed, stream).standard_normal((n, generator.config.style_dim), dtype=np.float32)   # [n, S]
    return generator.mapping(torch.from_numpy(z).to(device_of(generator)))


@torch.no_grad()
def generate(generator: nn.Module, w: Tensor, batch: int, tick: Tick = no_tick) -> Iterator:
    """The generator's outputs, `batch` faces at a time, with its stored noise."""
    for codes in w.split(batch):
        out = generator(codes)
        if not out.image.isfinite().all():
            raise UserError("This generator makes pixels that are no numbers; its training broke down.")
        yield out
        tick(len(codes))


def device_of(module: nn.Module) -> torch.device:
    return next(itertools.chain(module.parameters(), module.buffers())).device   # frozen networks have buffers only


def is_monolithic(generator: nn.Module) -> bool:
    """A model without codes of its own for every part."""
    return getattr(generator.config, "architecture", "semantic") == "monolithic"
