"""How long the editor without Python takes from an edit of one part to its picture, in a real browser.

    python benchmarks/web_editor.py                     # lite64; needs the extra web (make web)
    python benchmarks/web_editor.py --weights nano32 --edits 60

The folder of `make web` is opened from a file in headless Chromium, and sliders of one part are moved. Told are the
median time of an edit, from the action to the picture (the graphs, the fusion, the upscaler, the files that the page
draws), and the processor time of the whole browser for an edit. On a busy machine only the second counts: the
page uses one thread, so on quiet cores the first is no larger. The target for lite64 is 80 ms.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from tools.web.__main__ import build

READY = "() => document.querySelector('.fe')?.dataset.busy === 'no'"
# Edits without drawing on the screen: [milliseconds of each].
EDIT = """async ([edits, kind]) => {
  const times = [];
  for (let i = 0; i < edits; i++) {
    const began = performance.now();
    await ssganDesk.act([{ do: "slide", kind, axis: 0, value: 4 * i / edits - 2, stroke: "benchmark" }]);
    await ssganDesk.refresh();
    times.push(performance.now() - began);
  }
  await ssganDesk.act([{ do: "look" }]);
  return times;
}"""


def processor_time() -> float:
    """Seconds that all processes of the browser have used."""
    total = 0.0
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.Error:
            pass
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="lite64")
    parser.add_argument("--edits", type=int, default=40)
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place) / "editor"
        print(f"{build(folder, options.weights) / 1e6:.1f} MB to load")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(600_000)
        page.goto((folder / "index.html").as_uri())
        page.locator(".fe .fe-chip").first.wait_for()
        page.wait_for_function(READY)
        for kind in ("shape", "texture"):
            page.evaluate(EDIT, [10, kind])                     # until the scripts are compiled
            before = processor_time()
            times = page.evaluate(EDIT, [options.edits, kind])
            used = 1000 * (processor_time() - before) / options.edits
            print(f"{options.weights}, one part's {kind}: median {statistics.median(times):.0f} ms, fastest "
                  f"{min(times):.0f} ms, processor {used:.0f} ms an edit")
        browser.close()


if __name__ == "__main__":
    main()
