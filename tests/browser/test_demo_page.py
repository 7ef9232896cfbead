"""The page of `make demo`: what it costs, who gets in, and what happens to those who leave or lose the line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest

from conftest import ROOT, free_port, serve
from test_face_editor import Page

READY = "() => document.querySelector('.fe')?.dataset.busy === 'no' && document.querySelector('.fe-thumb')"


def recipe() -> list[str]:
    """The command of the Makefile, with this Python."""
    line = re.search(r"^demo:.*\n\t(.*\n)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    return [sys.executable, *(word for word in shlex.split(line)[1:] if not word.startswith("$("))]


def start(folder, *options):
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    return url, serve([*recipe(), f"--port={port}", "--no-browser", *options], folder, f"{url}status")


@pytest.fixture(scope="module")
def demo(tmp_path_factory, browser):
    url, server = start(tmp_path_factory.mktemp("demo"), "--visitors=3")
    with server as process:
        yield url, process


@contextmanager
def serve_here(**options):
    """The demo of nano32 in a thread of this process: (demo, address)."""
    import ssgan_lite as sg
    from ssgan_lite.editor import server

    demo, port, loop = server.Demo(sg.load_pretrained("nano32"), **options), free_port(), asyncio.new_event_loop()
    task = loop.create_task(server.serve(demo, "127.0.0.1", port))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])), daemon=True)
    thread.start()
    try:
        yield demo, f"http://127.0.0.1:{port}/"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


@pytest.fixture()
def open_page(browser):
    """Opens pages, each with an address of the demo, and closes them."""
    pages, errors = [], []

    def new(url, wait=True, **context):
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: errors.append(r.url) if "127.0.0.1" not in r.url
                and not r.url.startswith(("data:", "blob:")) else None)
        pages.append(page)
        page.goto(url)
        if wait:
            page.wait_for_function(READY)
        return page
    yield new
    for page in pages:
        page.context.close()
    assert not errors, errors


def status(url: str) -> dict:
    return json.load(urllib.request.urlopen(url + "status", timeout=20))


def wait_until(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def memory(process) -> float:
    """Resident megabytes of the server and of all that it started."""
    pids, total = [process.pid], 0
    while pids:
        pid = pids.pop()
        total += int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) / 1024
        pids += map(int, open(f"/proc/{pid}/task/{pid}/children").read().split())
    return total


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_ten_loads_leave_nothing_behind(demo, open_page):
    url, process = demo
    page = open_page(url)
    page.reload()
    page.wait_for_function(READY)
    before = memory(process)
    for _ in range(10):
        page.reload()
        page.wait_for_function(READY)
    wait_until(lambda: status(url)["here"] == 1)
    after = memory(process)
    print(f"{before:.0f} MB with one visitor, {after:.0f} MB after ten more loads")
    assert after < before + 60
    page.close()
    wait_until(lambda: status(url)["here"] == 0)


def test_page_explains_itself(demo, open_page, keep_screenshot):
    page = open_page(demo[0], viewport={"width": 1920, "height": 1080})
    assert "face" in page.title().lower() and page.locator("h1").text_content()
    assert "part of the face" in page.locator("header p").text_content()
    box = page.locator(".fe").bounding_box()
    assert box["width"] > 0.6 * 1920 and box["y"] + box["height"] > 0.75 * 1080, "no blank half"
    assert box["y"] + box["height"] <= 1080 + 1, "and nothing below the edge"
    keep_screenshot(page, "demo_1080p")
    page.get_by_role("link", name=re.compile("course")).click()
    assert page.locator("td").count() >= 10 and "make lab" in page.content()
    keep_screenshot(page, "demo_course")
    page.go_back()
    page.wait_for_function(READY)


@pytest.mark.parametrize("scheme, dark", [("light", False), ("dark", True)])
def test_page_follows_the_systems_theme(demo, open_page, keep_screenshot, scheme, dark):
    page = open_page(demo[0], color_scheme=scheme, viewport={"width": 1200, "height": 800})
    for element in ("body", ".fe"):
        color = page.evaluate("e => getComputedStyle(document.querySelector(e)).backgroundColor", element)
        assert (max(map(int, re.findall(r"\d+", color)[:3])) < 90) == dark, (element, color)
    keep_screenshot(page, f"demo_{scheme}")


def test_too_many_visitors_wait_until_somebody_leaves(demo, open_page):
    url, _ = demo
    pages = [open_page(url) for _ in range(3)]
    late = open_page(url, wait=False)
    late.get_by_text("3 people").wait_for()
    assert status(url)["here"] == 3
    pages[0].close()
    late.wait_for_function(READY)
    assert status(url)["here"] == 3


def test_visitors_have_faces_of_their_own(demo, open_page):
    one, two = open_page(demo[0]), open_page(demo[0])
    picture = "() => document.querySelector('.fe-face').toDataURL()"
    before = two.evaluate(picture)
    assert one.evaluate(picture) == before
    one.get_by_role("button", name="New face").click()
    one.wait_for_function(READY)
    one.wait_for_function(f"old => ({picture})() !== old", arg=before)
    two.get_by_role("button", name="Undo (Z)").wait_for()
    assert two.evaluate(picture) == before and not two.get_by_role("button", name="Undo (Z)").is_enabled()


def test_face_survives_a_restart_of_the_server(tmp_path, open_page):
    url, server = start(tmp_path)
    with server:
        page = open_page(url)
        page.get_by_role("button", name="New face").click()
        page.wait_for_function("() => !document.querySelector('[aria-label^=\"Undo\"]').disabled")
        page.wait_for_function(READY)
        picture = page.evaluate("() => document.querySelector('.fe-face').toDataURL()")
    page.get_by_text("connection is lost").wait_for()
    port = re.search(r":(\d+)/", url)[1]
    with serve([*recipe(), f"--port={port}", "--no-browser"], tmp_path, f"{url}status"):
        page.get_by_text("connection is lost").wait_for(state="detached")
        page.wait_for_function("old => document.querySelector('.fe-face').toDataURL() === old", arg=picture)
        assert page.locator(".fe").count() == 1, "the one that lost its line is gone"


def test_requests_that_no_page_sends_end_the_connection_alone(demo, open_page):
    page = open_page(demo[0])
    for message in ("text", [0, 0, 0, 9, 1], [], [0, 0, 0, 2, 91, 93]):
        code = page.evaluate("""async message => await new Promise(done => {
            const socket = new WebSocket(location.href.replace('http', 'ws') + 'face');
            socket.onmessage = () => socket.send(message === 'text' ? message : new Uint8Array(message));
            socket.onclose = event => done(event.code);
            setTimeout(() => done('no answer'), 20000); })""", message)
        assert code == 1003, message
    page.get_by_role("button", name="New face").click()
    page.wait_for_function(READY)


def test_idle_visitor_is_asked_and_goes_on_with_the_same_face(open_page):
    with serve_here(idle=4) as (demo, url):
        page = open_page(url)
        page.get_by_role("button", name="New face").click()
        page.wait_for_function("() => !document.querySelector('[aria-label^=\"Undo\"]').disabled")
        page.wait_for_function(READY)
        picture = page.evaluate("() => document.querySelector('.fe-face').toDataURL()")
        again = page.get_by_role("button", name="Go on")
        again.wait_for()
        assert not demo.here
        again.click()
        page.wait_for_function("old => document.querySelector('.fe-face').toDataURL() === old", arg=picture)


def test_action_that_takes_longer_than_the_pings_does_not_cut_the_line(open_page, monkeypatch):
    from ssgan_lite.editor.desk import Desk

    quick = Desk.do_new_face
    monkeypatch.setattr(Desk, "do_new_face", lambda desk: (time.sleep(4), quick(desk)))
    with serve_here(ping=1) as (demo, url):
        page = open_page(url)
        picture = "() => document.querySelector('.fe-face').toDataURL()"
        before = page.evaluate(picture)
        visitor = next(iter(demo.here))
        page.get_by_role("button", name="New face").click()
        page.wait_for_function(f"old => ({picture})() !== old", arg=before)
        assert page.locator("#news").text_content() == "" and demo.here == {visitor}


@pytest.mark.parametrize("name, context", [
    ("phone", dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)),
    ("desk", dict(viewport={"width": 1200, "height": 980}))])
def test_demo_on_a_desk_and_on_a_phone(demo, browser, keep_screenshot, name, context):
    page = Page(browser.new_context(**context).new_page())
    began = time.monotonic()
    page.page.goto(demo[0])
    page.ready()
    print(f"{name}: the editor was there after {time.monotonic() - began:.1f} s")
    size = page.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert size[0] <= size[1] + 1, "nothing sticks out to the side"
    before = page.pixels()
    keep_screenshot(page.page, f"demo_{name}", full_page=True)
    page.click_part("hair")
    page.press("Surprise me")
    assert (page.pixels() != before).any()
    page.press("Undo (Z)")
    assert (page.pixels() == before).all()
    if name == "phone":     # the boxes that Jupyter puts around the editor must not take the face out of sight
        page.root.locator(".fe-more input[type=range]").last.evaluate("e => e.scrollIntoView({ block: 'end' })")
        assert page.page.locator(".fe-stage:not(.fe-pointing)").bounding_box()["y"] >= 0
        page.button("Share").scroll_into_view_if_needed()
    page.button("Share").click()
    assert page.root.get_by_label("into the notebook's folder").is_hidden(), "visitors write no files here"
    keep_screenshot(page.page, f"demo_{name}_export")
    page.close()
