"""Draw the editor's picture of the README: `python tools/editor_picture.py [PART]`.

Starts the page of `make demo`, opens it in Chromium (the one that the browser tests use), chooses PART of the face
and photographs the page. Needs the extras `demo` and `test`.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ssgan_lite.storage import atomic_write

TARGET = Path(__file__).parent.parent / "data" / "pictures" / "editor.jpg"
SIZE = dict(width=1280, height=760)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
READY = "() => document.querySelector('.fe')?.dataset.busy === 'no' && document.querySelector('.fe-thumb')"


def main(part: str = "hair") -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "ssgan_lite.editor", f"--port={port}", "--no-browser"])
    try:
        wait_for(f"http://127.0.0.1:{port}/status")
        with sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport=SIZE)
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_function(READY, timeout=120_000)
            page.click(f'.fe-chip[data-part="{part}"]')
            page.wait_for_timeout(1500)
            page.wait_for_function(READY)
            photograph = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
    with atomic_write(TARGET) as temporary:
        photograph.save(temporary, "JPEG", quality=85, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


def wait_for(url: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    main(*sys.argv[1:])
