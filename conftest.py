"""For all tests, notebooks included: what the person at this machine has solved is neither read nor changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    scratch = tempfile.mkdtemp(prefix="ssgan-progress-")
    os.environ["SSGAN_PROGRESS"] = str(Path(scratch) / "progress.json")         # kernels of nbval inherit it
    os.environ.pop("SSGAN_CHECKS", None)
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
