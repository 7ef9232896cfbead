"""How the processes of a run find one another, and how what ends one of them ends all, with a word.

Control goes over gloo also where gradients go over NCCL: a process that has died breaks its connections, and so everybody
learns of it within a step instead of waiting for a gradient for ever.
"""

from __future__ import annotations

import datetime
import os
import re
import secrets
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from ssgan_lite.errors import UserError
from ssgan_lite.train.distributed import ALONE, Processes
from ssgan_lite.train.streams import derive_seed


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
                            f"({_gist(error)}). The run stops; its last checkpoint is kept, and the same command with "
                            "--resume goes on from there.") from None
        raise
    except BaseException:
        processes.nobody_spoke()               # this one's own words, or a traceback, will be enough
        raise
    else:
        dist.destroy_process_group()


@contextmanager
def _letting_go(processes: Processes) -> Iterator[None]:
    """However it ends, nothing holds on to the connections afterwards; see `Processes.let_go`."""
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)         # the step that was interrupted holds on to them, too
        raise
    finally:
        processes.let_go()


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
