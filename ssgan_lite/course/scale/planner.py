"""What a training run will take: hours, money and memory, from one GPU to many, by arithmetic alone.

The model of time is the simplest that is of use. A step of one process takes

    t = fixed + images / rate + exchange,     exchange = 2 (N - 1) / N * gradient bytes / link

with a `fixed` time to start the work however small the batch, a `rate` of images per second when the GPU is full,
and, with N processes, the time in which a ring passes all gradients round (Patarasuk and Yuan, 2009: each process
sends and receives 2 (N - 1) / N times their size). What one would have to measure are `fixed`, `rate` and `link`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, build_generator
from ssgan_lite.model.discriminator import STDDEV_GROUP

GPUS = (1, 2, 4, 8, 16, 32, 64)
SCRATCH = 2             # times what autograd keeps: gradients on their way, second derivatives, workspaces


@dataclass(frozen=True)
class Plan:
    """A run on several GPUs; everything but `batch` and `images` belongs to one GPU or one step."""

    gpus: int                       # N
    batch: int                      # images a step, all processes together
    images: float                   # of the whole run
    rate: float                     # images per second of one GPU with enough to do
    fixed: float = 0.02             # seconds that a step takes however few images it has
    gradients: float = 40e6         # bytes that are exchanged at each step
    link: float = 10e9              # bytes a second between two GPUs
    price: float = 2.5              # of an hour of one GPU, in whatever currency

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.batch < 1 or min(self.images, self.rate, self.link) <= 0:
            raise UserError("A plan needs at least one GPU and one image a step, and images, rate and link above 0.")

    @property
    def step(self) -> float:
        """Seconds."""
        exchange = 2 * (self.gpus - 1) / self.gpus * self.gradients / self.link
        return self.fixed + self.batch / self.gpus / self.rate + exchange

    @property
    def hours(self) -> float:
        return self.images / self.batch * self.step / 3600

    @property
    def gpu_hours(self) -> float:
        return self.hours * self.gpus

    @property
    def cost(self) -> float:
        return self.gpu_hours * self.price

    @property
    def possible(self) -> bool:
        """Can the batch be dealt out in whole groups of the minibatch standard deviation?"""
        return self.batch % (STDDEV_GROUP * self.gpus) == 0


def hours_and_cost(images: float, rate: float, gpus: int, efficiency: float, price: float) -> tuple[float, float]:
    """Hours that a run takes on so many GPUs, and what they cost together.

    rate: images per second of one GPU alone; efficiency: the share of `gpus * rate` that is left when they work
    together; price: of one GPU for one hour.
    """
    hours = images / (rate * gpus * efficiency) / 3600
    return hours, hours * gpus * price


def largest_batch(memory: float, fixed: float, per_image: float, group: int = STDDEV_GROUP) -> int:
    """The largest batch, a multiple of `group`, that fits into `memory` beside the `fixed` part; 0 if none does.

    All in the same unit; per_image is what every image of the batch adds.
    """
    return max(0, int((memory - fixed) // per_image) // group * group)


def images_lost(seen: int, every: int, batch: int) -> int:
    """How many images a run that is killed after `seen` of them has to see again.

    A checkpoint is written after the first step that reaches a multiple of `every`; steps have `batch` images, and
    there is a checkpoint of the beginning.
    """
    reached = seen // every * every
    return seen - -(-reached // batch) * batch


@cache
def kept_per_image(config: ModelConfig) -> tuple[int, int]:
    """Bytes that a forward pass of generator and of discriminator keeps for the way back, for each image, in float32.

    Counted on torch's "meta" device, where tensors have shapes but no content: nothing is computed and no memory
    used.
    """
    with torch.device("meta"):
        G, D = build_generator(config), DualBranchDiscriminator(config)
        size = (config.size, config.size)
        made = [(_kept(G, torch.zeros(n, config.style_dim)),
                 _kept(D, torch.zeros(n, 3, *size), torch.zeros(n, config.n_parts, *size))) for n in (4, 8)]
    return tuple((eight - four) // 4 for four, eight in zip(*made, strict=True))  # weights are in both, and cancel


def _kept(network: nn.Module, *inputs: torch.Tensor) -> int:
    """Bytes that autograd keeps of one forward pass."""
    storages: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage                                 # several tensors may share one
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(*inputs)
    return sum(storage.nbytes() for storage in storages.values())


@cache
def training_flops(config: ModelConfig) -> float:
    """Floating-point operations of a training step, for each image: of one forward pass, counted on torch's "meta"
    device, times the passes of a step of the paper's recipe.

    A backward pass costs about two forward passes. The discriminator's step runs G once, and D forward and backward
    on a real and a generated image; the generator's step runs both forward and backward: 1 + 3 of G, 2 * 3 + 3 of D.
    R1 and path length, every 16th and 4th step, are left out.
    """
    with torch.device("meta"), torch.no_grad():
        G, D = build_generator(config), DualBranchDiscriminator(config)
        size, counts = (config.size, config.size), []
        for run in (lambda: G(torch.zeros(4, config.style_dim)),
                    lambda: D(torch.zeros(4, 3, *size), torch.zeros(4, config.n_parts, *size))):
            with FlopCounterMode(display=False) as counter:
                run()
            counts.append(counter.get_total_flops() / 4)
    return 4 * counts[0] + 9 * counts[1]


@cache
def fixed_bytes(config: ModelConfig) -> tuple[int, int]:
    """Bytes that do not depend on the batch: weights, gradients, both moments of Adam, average; and the gradients."""
    with torch.device("meta"):
        g, d = (sum(p.numel() for p in net.parameters()) for net in (build_generator(config),
                                                                     DualBranchDiscriminator(config)))
    return 4 * (4 * (g + d) + g), 4 * (g + d)


def training_bytes(config: ModelConfig, batch: int, bits: int = 32) -> float:
    """About what a training step of one process holds at its peak."""
    return fixed_bytes(config)[0] + batch * SCRATCH * sum(kept_per_image(config)) * bits / 32
