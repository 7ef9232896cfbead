"""Start several processes of a run from a test, or one that can be killed: forked from a server that knows torch.

Importing torch takes seconds; a fork of a process that has imported it takes milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver") if os.name != "nt" else None
if CONTEXT is not None:
    # `torch._dynamo` is what the first optimiser imports.
    CONTEXT.set_forkserver_preload(["ssgan_lite.train", "ssgan_lite.cli", "torch.distributed", "torch._dynamo"])


_stores = []


def start(target, *arguments, data: Path, count: int = 1, words: Path | None = None,
          context: BaseContext | None = CONTEXT) -> list[BaseProcess]:
    """`target(*arguments)` in `count` processes that find one another as torchrun's do.

    data: the tree for SSGAN_DATA; context: how processes start. What process i prints goes to the file `words`.i. The
    exit code is what target returns, or that of a SystemExit, or 1 with a traceback.
    """
    processes = []
    if count > 1:
        from torch.distributed import TCPStore

        # As torchrun does it, the store lives in neither of them.
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        _stores.append(store)
    for rank in range(count):
        environment = {"SSGAN_DATA": str(data), "OMP_NUM_THREADS": "1"}
        if count > 1:
            environment |= {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank),
                            "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
                            "MASTER_PORT": str(store.port),
                            "TORCHELASTIC_USE_AGENT_STORE": "True"}
        processes.append(context.Process(target=_run, args=(target, arguments, environment,
                                                            f"{words}.{rank}" if words else os.devnull)))
        processes[-1].start()
    return processes


def finish(processes: list[BaseProcess], seconds: float = 600) -> list[int]:
    """Their exit codes; those that do not end in time are killed, and fail the test."""
    for process in processes:
        process.join(seconds)
    late = [process for process in processes if process.is_alive()]
    for process in late:
        process.kill()
        process.join()
    assert not late, f"{len(late)} processes did not end within {seconds} s"
    return [process.exitcode for process in processes]


def command(*words: str) -> int:
    """`ssgan-lite WORDS`, to be the target of `start`."""
    from ssgan_lite.cli import main

    return main(list(words))


def _run(target, arguments, environment: dict[str, str], words: str) -> None:
    import torch

    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        os.environ.pop(name, None)
    os.environ.update(environment)
    torch.set_num_threads(1)
    with open(words, "a", buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file
        try:
            code = target(*arguments) or 0
        except SystemExit as ending:
            code = ending.code
        except BaseException:
            traceback.print_exc()
            code = 1
        file.flush()
        os._exit(code)
