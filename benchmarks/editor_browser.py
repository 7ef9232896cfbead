"""How long the face editor takes from a slider to the picture, in a real browser.

    python benchmarks/editor_browser.py                             # the shipped lite64, and lite128
    python benchmarks/editor_browser.py --models paper512 --moves 8

The page of `make demo` is opened in headless Chromium, and one slider after another is moved, as a drag moves it.
Measured within the page: from the slider's event to the moment at which the answer has been painted, so the server,
the upscaler, the socket and drawing are all in it; once with our face alone, once with the ordinary GAN beside it.
Models without shipped weights are new ones of the same shape; the time is the same.

On a busy machine milliseconds mean little. So full passes of the same generator are timed between the moves, and the
ratio is told: 120 ms on two quiet cores, the most that a slider should take, are about 10 passes of lite64.

Also told: how long the page takes to load, the server's memory (before and after the ordinary GAN was asked for), and
what each further visitor adds to it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")         # threads that spin while they wait slow the others down
import torch
from playwright.sync_api import sync_playwright

import ssgan_lite as sg
from ssgan_lite.weights import shipped

ROOT = Path(__file__).resolve().parent.parent
SERVER = """
import asyncio, torch, ssgan_lite as sg
from ssgan_lite.editor.server import Demo, serve
from ssgan_lite.weights import shipped
torch.manual_seed(0)
torch.set_num_threads({threads})
name = {name!r}
G = sg.load_pretrained(name) if name in shipped() else sg.SemanticGenerator(sg.preset(name))
demo = Demo(G)
demo.new_page()
asyncio.run(serve(demo, '127.0.0.1', {port}))
"""
READY = "() => document.querySelector('.fe').dataset.busy === 'no'"
VISITORS = 5            # further ones, for the memory of one
MOVE = """([label, value]) => new Promise(done => {
  const root = document.querySelector('.fe'), input = root.querySelector(`input[aria-label="${label}"]`);
  const began = performance.now();
  const watch = new MutationObserver(() => {
    if (root.dataset.busy === 'no') {
      watch.disconnect();
      requestAnimationFrame(() => done(performance.now() - began));
    }
  });
  watch.observe(root, { attributes: true, attributeFilter: ['data-busy'] });
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
})"""


def measure(name: str, moves: int, threads: int, chromium: str) -> dict:
    """Milliseconds of every move and full pass, seconds to load, megabytes of the server and a further visitor."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_WAIT_POLICY="PASSIVE")
    server = subprocess.Popen([sys.executable, "-c", SERVER.format(name=name, threads=threads, port=port)],
                              env=environment)
    try:
        return _drive(f"http://127.0.0.1:{port}", moves, chromium, server.pid, full_pass(name, threads))
    finally:
        server.terminate()
        server.wait(20)


def full_pass(name: str, threads: int):
    """A function that times one pass of the generator, in milliseconds."""
    torch.set_num_threads(threads)
    G = sg.load_pretrained(name) if name in shipped() else sg.SemanticGenerator(sg.preset(name)).eval()
    w = G.layout.to_w_plus(G.mapping(G.sample_z(1, 0)))

    @torch.no_grad()
    def run() -> float:
        began = time.perf_counter()
        G(w)
        return 1000 * (time.perf_counter() - began)

    run()
    return run


def memory(pid: int) -> float:
    """Resident megabytes of a process, from /proc."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def _drive(url: str, moves: int, chromium: str, pid: int, one_pass) -> dict:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/status", timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=[
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(300_000)
        began = time.monotonic()
        page.goto(url)
        page.locator(".fe .fe-chip").first.wait_for()
        loaded = time.monotonic() - began
        page.wait_for_function(READY)
        page.wait_for_timeout(1500)
        page.wait_for_function(READY)
        times, passes = _moves(page, moves, one_pass)
        alone, beside = memory(pid), []
        switch = page.get_by_role("button", name="Ordinary GAN")
        if switch.is_visible():
            switch.click()
            page.wait_for_function(READY)
            beside, _ = _moves(page, moves, one_pass)
            switch.click()
            page.wait_for_function(READY)
        with_baseline = memory(pid)
        for _ in range(VISITORS):
            visitor = browser.new_page()
            visitor.goto(url)
            visitor.locator(".fe .fe-thumb").first.wait_for(state="attached")
        more = (memory(pid) - with_baseline) / VISITORS
        browser.close()
    return dict(times=times, beside=beside, passes=passes, loaded=loaded, memory=alone, with_baseline=with_baseline,
                visitor=more)


def _moves(page, moves: int, one_pass) -> tuple[list[float], list[float]]:
    """Milliseconds of moves, and of full passes in between."""
    times, passes = [], []
    for i in range(moves + 4):
        label = ("hair: shape 1", "hair: texture 1", "hair: shape 2", "hair: texture 2")[i % 4]
        times.append(page.evaluate(MOVE, [label, str(round(-2.5 + 5 * ((7 * i) % 20) / 20, 2))]))
        passes.append(one_pass())
    return times[4:], passes[4:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["lite64", "lite128"])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="all numbers, for further use")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("No Chromium here (Debian and Ubuntu: apt install chromium).", file=sys.stderr)
        return 2
    for name in options.models:
        result = measure(name, options.moves, options.threads, chromium)
        unit = statistics.median(result["passes"])
        for what, times in (("slider to picture", result["times"]), ("... beside a GAN", result["beside"])):
            if times:
                times = sorted(times)
                print(f"{name:9s} {what:17s}: median {statistics.median(times):.0f} ms = "
                      f"{statistics.median(times) / unit:.1f} full passes of {unit:.1f} ms, 9 of 10 below "
                      f"{times[int(0.9 * len(times))]:.0f} ms ({len(times)} moves, {options.threads} threads)")
        print(f"{name:9s} page there after {result['loaded']:.1f} s; server {result['memory']:.0f} MB, with "
              f"the ordinary GAN {result['with_baseline']:.0f} MB, a further visitor {result['visitor']:.0f} MB",
              flush=True)
        if options.json:
            print(json.dumps({name: result}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
