"""The editor's page without Jupyter: its scripts in a plain document, the kernel's side in this process.

Everything that the page says and everything that it is told passes through here, so a test can look at both ends, be
quick, and let answers come late or never.
"""

from __future__ import annotations

import base64
import json

BINARY = ("picture", "labels", "original", "baseline", "baseline_original", "strip", "gallery", "photo", "snapshot")
NAMES = ("size", "view", "answered", *BINARY)

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Face editor</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { margin: 8px; %(look)s } %(css)s</style><body><div id="place"></div><script type="module">%(esm)s
const state = {}, heard = {};
const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const asText = buffer => btoa(Array.from(new Uint8Array(buffer), b => String.fromCharCode(b)).join(""));
const tell = (name, ...what) => { for (const f of [...(heard[name] ?? [])]) f(...what); };
function take({ plain, binary, files }) {
  for (const [name, text] of Object.entries(binary)) plain[name] = bytes(text);
  Object.assign(state, plain);
  for (const name of Object.keys(plain)) tell("change:" + name);
  for (const [name, text] of files) tell("msg:custom", { download: name }, [bytes(text)]);
}
const model = {
  get: name => state[name],
  on(names, f) { for (const name of names.split(" ")) (heard[name] ??= new Set()).add(f); },
  off(names, f) { for (const name of names.split(" ")) heard[name]?.delete(f); },
  async send(content, callbacks, buffers = []) {
    if (window.deaf) return;
    const answer = await window.kernel(JSON.stringify(content), buffers.map(asText));
    setTimeout(() => take(JSON.parse(answer)), window.delay ?? 0);
  },
};
take(%(first)s);
window.take = take;
render({ model, el: document.getElementById("place") });
</script></body></html>"""

# The largest difference between what the canvas shows and what it would show were this file drawn there now.
SHOWN_AND_WANTED = """async text => {
  const face = document.querySelector('.fe-face'), large = document.createElement('canvas');
  large.width = large.height = face.width;
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]));
  const context = large.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, large.width, large.height);
  const read = canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const a = read(face), b = read(large);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}"""


class BarePage:
    """`editor` on the page of a browser; `answered` counts requests, `errors` holds what the page threw."""

    def __init__(self, browser, editor, look: str = "", **context):
        context.setdefault("viewport", {"width": 1100, "height": 900})
        self.page, self.editor = browser.new_context(**context).new_page(), editor
        self.errors, self.answered, self.files, self._last = [], 0, [], {}
        editor.send = lambda content, buffers=None: self.files.append((content["download"], buffers[0]))
        self.page.set_default_timeout(120_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.expose_function("kernel", self._answer)
        self.page.set_content(PAGE % dict(look=look, css=editor._css, esm=editor._esm,
                                          first=json.dumps(self._news()).replace("</", "<\\/")))
        self.page.locator(".fe .fe-thumb, .fe .fe-chip").first.wait_for(state="attached")
        self.settle()

    def _answer(self, content: str, buffers: list[str]) -> str:
        self.answered += 1
        self.editor._receive(self.editor, json.loads(content), [memoryview(base64.b64decode(b)) for b in buffers])
        return json.dumps(self._news())

    def _news(self) -> dict:
        """The traits that are others than before, and files, as text."""
        now = {name: getattr(self.editor, name) for name in NAMES}
        new = {name: value for name, value in now.items() if name not in self._last or self._last[name] != value}
        self._last, files, self.files = now, self.files, []
        text = lambda content: base64.b64encode(content).decode()      # noqa: E731
        return dict(plain={name: value for name, value in new.items() if name not in BINARY},
                    binary={name: text(value) for name, value in new.items() if name in BINARY},
                    files=[(name, text(content)) for name, content in files])

    def settle(self):
        """Wait until nothing is on its way to the kernel or back."""
        self.page.wait_for_function("() => document.querySelector('.fe').dataset.busy === 'no'")

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str):
        self.button(name).click()
        self.settle()

    def said(self) -> str:
        return self.page.locator(".fe-said").text_content()

    def distance(self, picture: bytes) -> int:
        """The largest difference, of 255, between what is on the page and a picture file."""
        return self.page.evaluate(SHOWN_AND_WANTED, base64.b64encode(picture).decode())

    def close(self):
        self.page.close()
        assert not self.errors, self.errors
        assert self.editor.page.last_error is None, self.editor.page.last_error
