"""For all tests, notebooks included: one thread per process, and the reader's own progress is left alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Before torch is imported. With `pytest -n 2` two processes compute at once; kernels of notebooks inherit this too.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    scratch = tempfile.mkdtemp(prefix="ssgan-progress-")
    os.environ["SSGAN_PROGRESS"] = str(Path(scratch) / "progress.json")         # kernels of nbval inherit it
    os.environ.pop("SSGAN_CHECKS", None)
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
