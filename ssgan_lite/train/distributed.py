"""Several processes train one model, each on its share of every batch: as one process with the whole batch would.

    torchrun --nproc-per-node=8 -m ssgan_lite train --preset lite128 --batch 64 --out runs/first

Every process has a copy of the networks, gives `DistributedDataParallel` the gradients of its share, and gets the mean
of all; so all copies take the same step. What makes N processes reproduce one:

- sample i of a batch belongs to process i mod N. The groups of the minibatch standard deviation (sample i is in group
  i mod (batch / 4)) then lie within one process each, if every process has a multiple of 4;
- random numbers are drawn for the whole batch by everybody, and everybody keeps its own: drawing is cheap;
- what is not a mean over samples is averaged before it is used: the path mean, the sign of D(real), the log.

The first process alone writes. How processes find one another, and end together, is told in `launch.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ssgan_lite.errors import UserError
from ssgan_lite.model.discriminator import STDDEV_GROUP
from ssgan_lite.train.streams import derive_seed

Objective = Callable[[], tuple[Tensor, dict[str, Tensor]]]          # gives a loss and what is to be logged


class Processes:
    """All processes of a run, seen from one of them. `ALONE` is the run of a single process: nothing is exchanged."""

    def __init__(self, rank: int = 0, count: int = 1, local_rank: int = 0, local_count: int = 1,
                 store: dist.Store | None = None):
        self.rank, self.count, self.local_rank, self.local_count = rank, count, local_rank, local_count
        self.store = store
        self.group: dist.ProcessGroup | None = None          # carries tensors that lie on the device; None: gloo
        self._shared: list[_Shared] = []

    @property
    def first(self) -> bool:
        """Is this the one that writes?"""
        return self.rank == 0

    def connect(self, device: torch.device) -> None:
        """Make the connections for tensors on this device."""
        if self.count > 1 and device.type == "cuda":
            torch.cuda.set_device(device)
            self.group = dist.new_group(backend="nccl")

    def check_batch(self, batch: int) -> None:
        """A batch that cannot be dealt out evenly, in whole groups, is a `UserError`."""
        step = STDDEV_GROUP * self.count
        if self.count > 1 and batch % step:
            raise UserError(f"A batch of {batch} cannot be dealt to {self.count} processes in groups of "
                            f"{STDDEV_GROUP} for the minibatch standard deviation; use a multiple of {step}, such as "
                            f"--batch {max(1, round(batch / step)) * step}.")

    def mine(self, x: Tensor, dim: int = 0) -> Tensor:
        """This process' samples of a whole batch: rank, rank + count, rank + 2 count, ..."""
        if self.count == 1:
            return x
        return x.movedim(dim, 0)[self.rank::self.count].movedim(0, dim).contiguous()

    def average(self, x: Tensor) -> Tensor:
        """The mean over all processes, through which gradients flow back as through any mean."""
        return x if self.count == 1 else _Average.apply(x, self)

    def average_stats(self, stats: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same for some numbers at once."""
        if self.count == 1:
            return stats
        means = self.average(torch.stack([value.detach().float().reshape(()) for value in stats.values()]))
        return dict(zip(stats, means.unbind()))

    def share(self, network: nn.Module) -> Callable[[Objective], tuple[Tensor, dict[str, Tensor]]]:
        """What evaluates objectives of one kind so that the gradients of `network` become the mean of all processes'."""
        if self.count == 1:
            return _evaluate
        self._shared.append(_Shared(network, self))
        return self._shared[-1]

    def let_go(self) -> None:
        """Give up what holds on to the connections, before they are closed.

        The last owner of a process group ends its threads and waits for them. If that is a `DistributedDataParallel`,
        it does so with Python's lock in its hand, for which such a thread may be waiting: now and then neither ends.
        """
        self.group = None
        for shared in self._shared:
            shared.parallel = None
        self._shared.clear()
        gc.collect()                       # it is in a circle of references

    def any(self, mine: bool) -> bool:
        """Is it so in one process at least? Everybody gets the same answer."""
        if self.count == 1:
            return mine
        flag = torch.tensor(int(mine))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def wait(self) -> None:
        """Until everybody is here."""
        self.any(False)

    def require_same(self, what: str, *values: object) -> None:
        """These values must be equal in all processes, whatever they are; else a `UserError`."""
        if self.count > 1:
            number = derive_seed(*values)
            ends = torch.tensor([number, -number])
            dist.all_reduce(ends, dist.ReduceOp.MAX)
            if ends[0] != -ends[1]:
                raise UserError(f"The {self.count} processes do not agree about {what}. Give all of them the same "
                                "files, versions and options.")

    def nobody_spoke(self) -> bool:
        """True for the first process that asks, false for others: what ends a run is said once."""
        try:
            return self.store is None or self.store.add("ended", 1) == 1
        except RuntimeError:          # who kept the store has gone: better twice than never
            return True


ALONE = Processes()


class _Shared:
    """An objective under `DistributedDataParallel`, which wants to know beforehand which weights it moves.

    A penalty on a gradient leaves some out: R1 does not depend on the last bias, and a second derivative reaches other
    biases without giving them a gradient. So the first objective is evaluated once more than needed, to see.
    """

    def __init__(self, network: nn.Module, processes: Processes):
        self.network, self.processes = network, processes
        self.parallel: DistributedDataParallel | None = None

    def __call__(self, objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
        if self.parallel is None:
            weights = [weight for weight in self.network.parameters() if weight.requires_grad]
            gradients = torch.autograd.grad(objective()[0], weights, allow_unused=True)
            moved = [weight for weight, gradient in zip(weights, gradients) if gradient is not None]
            self.parallel = DistributedDataParallel(_Holder(moved), process_group=self.processes.group)
        return self.parallel(objective)


class _Holder(nn.Module):
    """The weights that an objective moves, as the module that `DistributedDataParallel` wraps."""

    def __init__(self, weights: list[nn.Parameter]):
        super().__init__()
        self.weights = nn.ParameterList(weights)

    def forward(self, objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
        return objective()


def _evaluate(objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
    return objective()


class _Average(torch.autograd.Function):
    """y = sum_r x_r / N in every process. The gradient of the sum of all losses by x_r is sum_s (dL_s / dy) / N."""

    @staticmethod
    def forward(ctx, x: Tensor, processes: Processes) -> Tensor:
        ctx.processes = processes
        return _all_reduced(x, processes)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return _all_reduced(gradient, ctx.processes), None


def _all_reduced(x: Tensor, processes: Processes) -> Tensor:
    total = x.detach().clone()
    dist.all_reduce(total, group=processes.group)
    return total / processes.count
