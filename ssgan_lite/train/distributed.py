"""Several processes train one model, each on its share of every batch: as one process with the whole batch would.

    torchrun --nproc-per-node=8 -m ssgan_lite train --preset lite128 --batch 64 --out runs/first

Every process has a copy of the networks, gives `DistributedDataParallel` the gradients of its share, and gets the mean
of all; so all copies take the same step. What makes N processes reproduce one:

- sample i of a batch belongs to process i mod N. The groups of the minibatch standard deviation (sample i is in group
  i mod (batch / 4)) then lie within one process each, if every process has a multiple of 4;
- random numbers are drawn for the whole batch by everybody, and everybody keeps its own: drawing is cheap;
- what is not a mean over samples is averaged before it is used: the path mean, the sign of D(real), the log.

The first process alone writes. Control goes over gloo also where gradients go over NCCL: a process that has died breaks
its connections, and so everybody learns of it within a step instead of waiting for a gradient for ever.
"""

from __future__ import annotations

import datetime
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        return _evaluate if self.count == 1 else _Shared(network, self)

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
            weights = list(self.network.parameters())
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


def launched() -> bool:
    """Did torchrun, or somebody who sets the same variables, start this process as one of several?"""
    return os.environ.get("WORLD_SIZE", "1").isdecimal() and int(os.environ.get("WORLD_SIZE", "1")) > 1 \
        and "RANK" in os.environ


def restarted() -> bool:
    """Is this not the first attempt (torchrun --max-restarts)?"""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


@contextmanager
def join(patience: float) -> Iterator[Processes]:
    """Within: the processes of this run, connected; they wait for one another for up to `patience` minutes.

    Whatever ends one of them ends all. One says why, as a `UserError`; the others leave with a `SystemExit`, silently.
    """
    if not launched():
        yield ALONE
        return
    if not 0 < patience < 1e6:
        raise UserError(f"patience is a time in minutes, above 0, not {patience}.")
    limit = datetime.timedelta(minutes=patience)
    try:
        store, rank, count = next(dist.rendezvous("env://", timeout=limit))
        store = _meet(store, rank, count, limit)
        dist.init_process_group("gloo", store=dist.PrefixStore("gloo", store), rank=rank, world_size=count,
                                timeout=limit)
    except RuntimeError as error:
        raise UserError(f"The {os.environ['WORLD_SIZE']} processes of this run did not find one another "
                        f"({_gist(error)}). Was each of them started, with the same address?") from None
    local_rank, local_count = (int(os.environ.get(name, default)) for name, default in
                               (("LOCAL_RANK", rank), ("LOCAL_WORLD_SIZE", count)))
    processes = Processes(rank, count, local_rank, local_count, store)
    try:
        yield processes
    except UserError:
        if processes.nobody_spoke():
            raise
        raise SystemExit(2) from None
    except RuntimeError as error:
        lost = _is_lost(error)
        if not processes.nobody_spoke() and lost:
            raise SystemExit(2) from None
        if lost:
            raise UserError(f"Process {rank + 1} of {count} has lost another one, which has ended or does not answer "
                            f"({_gist(error)}). The run stops; its last checkpoint is kept, and the same command with "
                            "--resume goes on from there.") from None
        raise
    except BaseException:
        processes.nobody_spoke()               # this one's own words, or a traceback, will be enough
        raise
    else:
        processes.group = None
        dist.destroy_process_group()


def _meet(store: dist.Store, rank: int, count: int, limit: datetime.timedelta) -> dist.Store:
    """A part of the store that belongs to this attempt alone.

    torchrun keeps its store when it starts the processes again; what those before them left there, addresses for
    example, must not be taken for news. So everybody leaves a random number, the first process puts all of them up
    together, and whoever finds its own among them signs below. What all have signed is new.
    """
    mine, deadline = secrets.token_hex(8), time.monotonic() + limit.total_seconds()
    store.set(f"guest {rank}", mine)
    guests = [f"guest {i}" for i in range(count)]
    while time.monotonic() < deadline:
        if rank == 0 and store.check(guests):
            store.set("meeting", " ".join(store.get(guest).decode() for guest in guests))
        if store.check(["meeting"]) and mine in (meeting := store.get("meeting").decode()).split():
            part = dist.PrefixStore(f"meeting of {derive_seed(meeting)}", store)
            part.set(str(rank), "signed")
            if part.check([str(i) for i in range(count)]):
                return part
        time.sleep(0.02)
    raise UserError(f"The {count} processes of this run did not find one another within {limit}. Was each of them "
                    "started, with the same address?")


def _is_lost(error: RuntimeError) -> bool:
    """Does an error mean that another process has gone? torch has no single class for that."""
    return isinstance(error, dist.DistError) or re.search(
        r"gloo|nccl|connection (closed|reset|refused)|broken pipe|timed out|socket", str(error), re.I) is not None


def _gist(error: Exception) -> str:
    """The first sentence of torch's message, without the name of its source file."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"^\[[^]]*\] ?", "", line).split(". ")[0][:120].rstrip(".")
