"""JupyterLab in a real browser: everything temporary, on 127.0.0.1 alone.

Without Chromium these tests are skipped; with CI=true a missing browser is a failure, so that they cannot vanish
unnoticed. Screenshots are kept in test-output/screenshots, or in the folder that SSGAN_SCREENSHOTS names.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") \
    or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in a browser is slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if os.environ.get("SSGAN_CI") == "true":
            pytest.fail("No Chromium here, and CI=true: the browser tests must run. .ci/run installs it.")
        pytest.skip("no Chromium on this machine (Debian and Ubuntu: apt install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Lab:
    """A running JupyterLab: `url(notebook)` opens one of the notebooks in `root`."""

    port: int
    token: str
    root: Path

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?reset&token={self.token}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory, browser):
    """JupyterLab over a copy of notebooks/, with folders, settings and news of its own."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "root", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "default_setting_overrides.json").write_text(json.dumps({
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False,
                                                        "doNotDisturbMode": True}}))
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
               f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={folder / 'root'}", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
               "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with serve(command, folder, f"http://127.0.0.1:{port}/api/status?token={token}"):
        yield Lab(port, token, folder / "root")


@contextmanager
def serve(command: list[str], folder: Path, ready: str, **environment: str):
    """A server with all Jupyter folders in `folder`, stopped at the end."""
    log = folder / "server.log"
    environment = dict(
        os.environ, JUPYTER_CONFIG_DIR=str(folder / "config"), JUPYTER_DATA_DIR=str(folder / "data"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"), IPYTHONDIR=str(folder / "ipython"),
        JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"), JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
        # The kernels must find the package and its data wherever the notebooks were copied to.
        PYTHONPATH=str(ROOT), OMP_WAIT_POLICY="PASSIVE", **environment)
    with open(log, "w") as output:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(ready, server, log)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture()
def keep_screenshot():
    """Screenshots for a look, in test-output/ (which git ignores) or where SSGAN_SCREENSHOTS says."""
    def keep(page, name: str, **options) -> None:
        folder = Path(os.environ.get("SSGAN_SCREENSHOTS") or ROOT / "test-output" / "screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(folder / f"{name}.png"), **options)
    return keep


def _wait_until_up(url: str, server: subprocess.Popen, log: Path, timeout: float = 240) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"The server stopped:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(f"The server did not come up in {timeout} s:\n{log.read_text()}")
