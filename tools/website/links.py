"""Dead links of a built site: every address in every page is looked up."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Where a page leads to, what can be led to in it, and what it loads from elsewhere."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.loaded, self.places = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.places.add(value)
            if value and (name == "href" and tag == "a"):
                self.links.add(value)
            if value and (name == "src" or (name == "href" and tag == "link")):
                self.loaded.add(value)


def dead_links(folder: Path) -> list[str]:
    """One line for each link of the site in `folder` to a page, file or place that is not there, and for each thing
    that a page would load from another address. Links to other addresses are not followed."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    dead = []
    for path, page in pages.items():
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    dead.append(f"{path.relative_to(folder)}: loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                dead.append(f"{path.relative_to(folder)}: {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                dead.append(f"{path.relative_to(folder)}: {link}")
    return dead
