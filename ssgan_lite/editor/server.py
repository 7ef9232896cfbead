"""The face editor as a web page of its own, for a lecture: `make demo`, or

    python -m ssgan_lite.editor --visitors 40 --port 8866

One process serves everybody: the model is in memory once, and a visitor adds only what their own face needs (about
20 MB with a model of 64 pixels). Nobody can run code here; a page may send the actions of `Desk` and nothing else. A
visitor who leaves is forgotten at once, one who does nothing for half an hour is asked whether to go on, and beyond
`--visitors` people wait until somebody leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import json
import re
import struct
import sys
import webbrowser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.web
import tornado.websocket

from ssgan_lite.editor.desk import FIRST_SEED, Desk
from ssgan_lite.editor.own import is_background
from ssgan_lite.editor.page import Page
from ssgan_lite.editor.widget import FRONT, best_shipped, front_script, front_style
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.weights import load_pretrained

VISITORS = 40           # at a time; see benchmarks/README.md for the memory that one takes
PING = 20               # seconds between two pings, and until a line that does not answer is closed
IDLE = 30 * 60          # seconds without a request until a visitor is asked whether to go on
PATIENCE = 8            # requests of one page that may wait; the page sends one at a time
LARGEST = 9_000_000     # bytes of a request; the page sends files of at most 8 MB
GOING_ON, FULL = 4000, 4001                         # why the server closes a connection: codes of the websocket


class Demo:
    """What all visitors share: the model, one thread that draws, and the number of those who are here."""

    def __init__(self, generator: SemanticGenerator, seed: int = FIRST_SEED, psi: float = 0.7,
                 visitors: int = VISITORS, idle: float = IDLE, ping: float = PING):
        self.generator, self.seed, self.psi, self.visitors, self.idle = generator, seed, psi, visitors, idle
        self.ping = ping
        self.here: set[Visitor] = set()
        # One thread: two pictures at once would each take twice as long, and the first would come no sooner.
        self.thread = ThreadPoolExecutor(max_workers=1)
        # Of the work on visitors' own pictures, one piece at a time waits for the thread: who clicks is served after
        # that piece, however many pictures are being worked on.
        self.turn = asyncio.Lock()

    async def draw(self, function, *arguments):
        """Run in the thread that draws, so that the server goes on listening."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    def new_page(self) -> Page:
        return Page(Desk(self.generator, self.seed, self.psi, folder=None))     # None: visitors write no files here

    def application(self) -> tornado.web.Application:
        """The addresses that are served."""
        text = dict(course='<a href="course">How does it work? The course</a>' if course_rows() else "")
        page = (FRONT / "demo.html").read_text(encoding="utf-8").format(**text)
        script = front_script().replace("export default { render };", "") + "\n" \
            + (FRONT / "demo.js").read_text(encoding="utf-8")
        return tornado.web.Application([
            (r"/", Text, dict(content=page, kind="text/html")),
            (r"/editor.js", Text, dict(content=script, kind="text/javascript")),
            (r"/editor.css", Text, dict(content=front_style(), kind="text/css")),
            (r"/course", Text, dict(content=course_page(), kind="text/html")),
            (r"/status", Status, dict(demo=self)),
            (r"/face", Visitor, dict(demo=self)),
        ], websocket_ping_interval=self.ping, websocket_ping_timeout=self.ping, websocket_max_message_size=LARGEST)


class Text(tornado.web.RequestHandler):
    """A page, script or style sheet."""

    def initialize(self, content: str, kind: str) -> None:
        self.content, self.kind = content, kind

    def get(self) -> None:
        self.set_header("Content-Type", f"{self.kind}; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")        # another version may be started at the same address
        self.set_header("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; "
                        "img-src 'self' blob: data:; connect-src 'self'")
        self.finish(self.content)


class Status(tornado.web.RequestHandler):
    """How many are here, of how many that may be."""

    def initialize(self, demo: Demo) -> None:
        self.demo = demo

    def get(self) -> None:
        self.finish(dict(here=len(self.demo.here), visitors=self.demo.visitors))


class Visitor(tornado.websocket.WebSocketHandler):
    """One open page. Its requests are drawn one after the other, in their order.

    Neither `open` nor `on_message` waits for a drawing: tornado reads nothing while they run, so that it would miss
    the page's answer to its pings and cut the line in the midst of an action that takes half a minute.
    """

    def initialize(self, demo: Demo) -> None:
        self.demo, self.page, self.sent, self.timer = demo, None, {}, None
        self.order, self.waiting = asyncio.Lock(), 0

    def open(self) -> None:
        self.set_nodelay(True)
        if len(self.demo.here) >= self.demo.visitors:
            self.close(FULL, f"There are {self.demo.visitors} people here already.")
            return
        self.demo.here.add(self)
        self._wait_for_requests()
        tornado.ioloop.IOLoop.current().spawn_callback(self._begin)

    async def _begin(self) -> None:
        page = await self.demo.draw(self.demo.new_page)
        if self in self.demo.here:                          # who has left meanwhile needs no page
            self.page = page
            await self._send_news()

    def on_message(self, message: bytes | str) -> None:
        if self.page is None:
            return
        self._wait_for_requests()
        try:
            content, buffers = unpack(message)
        except (ValueError, KeyError, TypeError, struct.error):
            self.close(1003, "This is no request of the editor.")
            return
        if self.waiting >= PATIENCE:
            self.close(1008, "One request at a time.")
            return
        self.waiting += 1
        tornado.ioloop.IOLoop.current().spawn_callback(self._answer, content, buffers)

    async def _answer(self, content: dict, buffers: list[bytes]) -> None:
        try:
            async with self.order:
                async with self.demo.turn if is_background(content.get("actions", ())) else contextlib.nullcontext():
                    page = self.page                        # who has left meanwhile needs no answer
                    files = await self.demo.draw(page.answer, content, buffers) if page is not None else ()
                await self._send_news(files)
        finally:
            self.waiting -= 1

    def on_close(self) -> None:
        self.demo.here.discard(self)
        self.page, self.sent = None, {}
        if self.timer is not None:
            self.timer.cancel()

    def _wait_for_requests(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(self.demo.idle, self.close, GOING_ON, "Nothing was done.")

    async def _send_news(self, files: Sequence[tuple[str, bytes]] = ()) -> None:
        """The fields that are not as they were sent last."""
        if self.page is None:
            return
        news = {name: value for name, value in self.page.fields.items()
                if name not in self.sent or self.sent[name] != value}
        self.sent = dict(self.page.fields)
        try:
            await self.write_message(pack(news, files), binary=True)
        except tornado.websocket.WebSocketClosedError:
            pass


def pack(fields: dict, files: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """One message: the length of its header (4 bytes, big-endian), the header as JSON, and all bytes in order."""
    binary = [(name, value) for name, value in fields.items() if isinstance(value, bytes)]
    header = json.dumps(dict(
        fields={name: value for name, value in fields.items() if not isinstance(value, bytes)},
        binary=[(name, len(value)) for name, value in binary], files=[(name, len(file)) for name, file in files]))
    header = header.encode()
    return b"".join([struct.pack(">I", len(header)), header, *(value for _, value in binary),
                     *(file for _, file in files)])


def unpack(message: bytes | str) -> tuple[dict, list[bytes]]:
    """A request of the page, packed in the same way: its content, and the files that came with it."""
    if isinstance(message, str):
        raise ValueError("text")
    length, = struct.unpack_from(">I", message)
    header, at, buffers = json.loads(message[4:4 + length]), 4 + length, []
    for size in header["buffers"]:
        buffers.append(message[at:at + int(size)])
        at += int(size)
    if not isinstance(header["content"], dict):
        raise ValueError("content")
    return header["content"], buffers


def course_rows() -> list[tuple[str, str]]:
    """The README's table of notebooks as (title, what it builds); nothing where there is no README."""
    try:
        text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    except OSError:
        return []
    return re.findall(r"^\| *\[?(\d\d\w? [^|]+)\|([^|]+)\|", text, re.MULTILINE)


def course_page() -> str:
    """What the course builds, and how to begin."""
    rows = "".join(f"<tr><th scope=row>{html.escape(re.sub(r'].*', '', title).strip())}</th>"
                   f"<td>{html.escape(what.strip())}</td></tr>" for title, what in course_rows())
    return (FRONT / "course.html").read_text(encoding="utf-8").format(rows=rows)


async def serve(demo: Demo, address: str, port: int, on_ready=lambda port: None) -> None:
    """Serve until cancelled."""
    try:
        sockets = tornado.netutil.bind_sockets(port, address)
    except OSError as error:
        raise UserError(f"Port {port} of {address} cannot be used ({error.strerror}). Choose another one: "
                        "--port 8890") from None
    server = tornado.httpserver.HTTPServer(demo.application())
    server.add_sockets(sockets)
    on_ready(sockets[0].getsockname()[1])
    await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the editor; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ssgan_lite.editor", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="a model's name or file (default: the best that is shipped)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the face to begin with (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8866, help="0 takes any that is free (default: %(default)s)")
    parser.add_argument("--address", default="127.0.0.1",
                        help="0.0.0.0 lets other machines in (default: %(default)s, this machine alone)")
    parser.add_argument("--visitors", type=int, default=VISITORS, help="most at a time (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser on this machine")
    options = parser.parse_args(arguments)

    def ready(port: int) -> None:
        url = f"http://{'localhost' if options.address == '0.0.0.0' else options.address}:{port}"
        print(f"The face editor is at {url}  (Ctrl-C stops it)", flush=True)
        if not options.no_browser:
            webbrowser.open(url)

    try:
        demo = Demo(load_pretrained(options.weights or best_shipped()), options.seed, visitors=options.visitors)
        demo.new_page()                                     # what is computed once for a model is there at once
        asyncio.run(serve(demo, options.address, options.port, ready))
    except UserError as error:
        print(f"ssgan_lite.editor: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0
