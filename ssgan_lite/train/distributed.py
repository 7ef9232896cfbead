"""Data-parallel training: several processes, each with its share of every batch, train as one process would.

    torchrun --nproc-per-node=8 -m ssgan_lite train --preset lite128 --batch 64 --out runs/first

Every rank has a copy of the networks, and `DistributedDataParallel` averages the gradients, so all copies take the
same step. What makes N ranks reproduce a single process:

- sample i of a batch belongs to rank i mod N. The groups of the minibatch standard deviation (sample i is in group
  i mod (batch / 4)) then lie within one rank each, if every rank has a multiple of 4 samples;
- every rank draws the random numbers of the whole batch and keeps its own: drawing is cheap;
- what is not a mean over samples is averaged before it is used: the path mean, the sign of D(real), the log.

Only rank 0 writes. How processes find one another, and end together, is in the second half of this module.
"""

from __future__ import annotations

import datetime
import gc
import os
import re
import secrets
import time
import traceback
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
    """All processes of a run, as one of them sees them. `ALONE`: a single process, nothing is communicated."""

    def __init__(self, rank: int = 0, count: int = 1, local_rank: int = 0, local_count: int = 1,
                 store: dist.Store | None = None):
        self.rank, self.count, self.local_rank, self.local_count = rank, count, local_rank, local_count
        self.store = store
        self.group: dist.ProcessGroup | None = None          # carries tensors that lie on the device; None: gloo
        self._shared: list[_Shared] = []

    @property
    def first(self) -> bool:
        """Is this rank 0, the one that writes?"""
        return self.rank == 0

    def connect(self, device: torch.device) -> None:
        """Create the process group for tensors on this device."""
        if self.count > 1 and device.type == "cuda":
            torch.cuda.set_device(device)
            self.group = dist.new_group(backend="nccl")

    def check_batch(self, batch: int) -> None:
        """A batch that cannot be divided evenly, in whole groups, is a `UserError`."""
        step = STDDEV_GROUP * self.count
        if self.count > 1 and batch % step:
            raise UserError(f"A batch of {batch} cannot be dealt to {self.count} processes in groups of "
                            f"{STDDEV_GROUP} for the minibatch standard deviation; use a multiple of {step}, such as "
                            f"--batch {max(1, round(batch / step)) * step}.")

    def mine(self, x: Tensor, dim: int = 0) -> Tensor:
        """This rank's samples of a whole batch: rank, rank + count, rank + 2 count, ..."""
        if self.count == 1:
            return x
        return x.movedim(dim, 0)[self.rank::self.count].movedim(0, dim).contiguous()

    def average(self, x: Tensor) -> Tensor:
        """The mean over all ranks; differentiable."""
        return x if self.count == 1 else _Average.apply(x, self)

    def average_stats(self, stats: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same for several scalars at once."""
        if self.count == 1:
            return stats
        means = self.average(torch.stack([value.detach().float().reshape(()) for value in stats.values()]))
        return dict(zip(stats, means.unbind(), strict=True))

    def share(self, network: nn.Module) -> Callable[[Objective], tuple[Tensor, dict[str, Tensor]]]:
        """Evaluates objectives of one kind so that the gradients of `network` are averaged over ranks."""
        if self.count == 1:
            return _evaluate
        self._shared.append(_Shared(network, self))
        return self._shared[-1]

    def let_go(self) -> None:
        """Drop every reference to the process groups before they are destroyed.

        The last owner of a process group joins its threads. If that is a `DistributedDataParallel`, it does so while
        holding the GIL, for which such a thread may be waiting: now and then that is a deadlock.
        """
        self.group = None
        for shared in self._shared:
            shared.parallel = None
        self._shared.clear()
        gc.collect()                       # it is in a reference cycle

    def any(self, mine: bool) -> bool:
        """Is it true on any rank? Every rank gets the same answer."""
        if self.count == 1:
            return mine
        flag = torch.tensor(int(mine))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def wait(self) -> None:
        """A barrier."""
        self.any(False)

    def require_same(self, what: str, *values: object) -> None:
        """Raise a `UserError` unless these values are equal on all ranks."""
        if self.count > 1:
            number = derive_seed(*values)
            ends = torch.tensor([number, -number])
            dist.all_reduce(ends, dist.ReduceOp.MAX)
            if ends[0] != -ends[1]:
                raise UserError(f"The {self.count} processes do not agree about {what}. Give all of them the same "
                                "files, versions and options.")

    def nobody_spoke(self) -> bool:
        """True for the first rank that asks, false for others: an error is reported once."""
        try:
            return self.store is None or self.store.add("ended", 1) == 1
        except RuntimeError:          # the store is gone: better reported twice than never
            return True


ALONE = Processes()


class _Shared:
    """An objective under `DistributedDataParallel`, which must know beforehand which weights get gradients.

    A penalty on a gradient leaves some out: R1 does not depend on the last bias, and a second derivative gives other
    biases no gradient either. So the first objective is evaluated one extra time, to find out.
    """

    def __init__(self, network: nn.Module, processes: Processes):
        self.network, self.processes = network, processes
        self.parallel: DistributedDataParallel | None = None

    def __call__(self, objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
        if self.parallel is None:
            weights = [weight for weight in self.network.parameters() if weight.requires_grad]
            gradients = torch.autograd.grad(objective()[0], weights, allow_unused=True)
            moved = [weight for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None]
            self.parallel = DistributedDataParallel(_Holder(moved), process_group=self.processes.group)
        return self.parallel(objective)


class _Holder(nn.Module):
    """The weights that get gradients, as the module that `DistributedDataParallel` wraps."""

    def __init__(self, weights: list[nn.Parameter]):
        super().__init__()
        self.weights = nn.ParameterList(weights)

    def forward(self, objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
        return objective()


def _evaluate(objective: Objective) -> tuple[Tensor, dict[str, Tensor]]:
    return objective()


class _Average(torch.autograd.Function):
    """y = sum_r x_r / N on every rank. The gradient of the sum of all losses by x_r is sum_s (dL_s / dy) / N."""

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


# ------------------------------------------------------------------------------------- starting and ending together

def launched() -> bool:
    """Was this process started as one of several, by torchrun or with the same environment variables?"""
    return os.environ.get("WORLD_SIZE", "1").isdecimal() and int(os.environ.get("WORLD_SIZE", "1")) > 1 \
        and "RANK" in os.environ


def restarted() -> bool:
    """Is this not the first attempt (torchrun --max-restarts)?"""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


@contextmanager
def join(patience: float) -> Iterator[Processes]:
    """Within: the processes of this run, connected; they wait for one another for up to `patience` minutes.

    If one of them ends, all do. One reports why, as a `UserError`; the others exit silently with a `SystemExit`.
    Control goes over gloo also where gradients go over NCCL: a process that dies breaks its connections, so the
    others notice within a step instead of waiting for a gradient forever.
    """
    if not launched():
        yield ALONE
        return
    if not 0 < patience < 1e6:
        raise UserError(f"patience is a time in minutes, above 0, not {patience}.")
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]:
        raise UserError(f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but where the processes meet "
                        f"({', '.join(missing)}) is not set: start them with torchrun, or unset WORLD_SIZE and RANK.")
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
        with _letting_go(processes):
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
                            f"({_gist(error)}). The run stops; its last checkpoint is kept, and the same command "
                            "with --resume goes on from there.") from None
        raise
    except BaseException:
        processes.nobody_spoke()               # this rank's own message, or its traceback, is enough
        raise
    else:
        dist.destroy_process_group()


@contextmanager
def _letting_go(processes: Processes) -> Iterator[None]:
    """However it ends, no reference to the process groups is left; see `Processes.let_go`."""
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)         # the interrupted step holds references, too
        raise
    finally:
        processes.let_go()


def _meet(store: dist.Store, rank: int, count: int, limit: datetime.timedelta) -> dist.Store:
    """A part of the store that belongs to this attempt only.

    torchrun keeps its store when it restarts the processes; what earlier processes left there, such as addresses,
    must not be read again. So every rank writes a random number, rank 0 publishes all of them together, and each rank
    that finds its own among them signs. What all have signed is new.
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
    """Does an error mean that another process is gone? torch has no single class for that."""
    return isinstance(error, dist.DistError) or re.search(
        r"gloo|nccl|connection (closed|reset|refused)|broken pipe|timed out|socket", str(error), re.I) is not None


def _gist(error: Exception) -> str:
    """The first sentence of torch's message, without the name of its source file."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"^\[[^]]*\] ?", "", line).split(". ")[0][:120].rstrip(".")
