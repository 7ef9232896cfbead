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
    # With CI set, pytest explains a failed comparison line by line: hours of difflib for two pictures.
    if os.environ.pop("CI", "") == "true":
        os.environ["SSGAN_CI"] = "true"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(NamesFailures(config))
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))


class NamesFailures:
    """Prints the name of each test that fails as soon as it fails, so a run that is cut off has named it."""

    def __init__(self, config: pytest.Config):
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            terminal.ensure_newline()
            terminal.write_line(f"{report.nodeid}: {report.when} failed after {report.duration:.0f} s")
