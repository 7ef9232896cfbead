"""What axe-core finds on a page that would keep people out."""

from __future__ import annotations

from pathlib import Path

import pytest

axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
SCRIPT = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Without a second look at style sheets, which a page that is opened from a file may not read.
RUN = "async () => await axe.run(document, { resultTypes: ['violations'], preload: false })"

# Half way through a transition a color is none of those that the page has. What runs for ever is not waited for.
AT_REST = """() => Promise.allSettled(document.getAnimations()
  .filter(a => a.effect.getComputedTiming().endTime < 5000).map(a => a.finished))"""


def findings(page) -> list[str]:
    """What axe-core calls serious or critical, one line each."""
    page.evaluate(AT_REST)
    page.evaluate(SCRIPT)
    found = page.evaluate(RUN)["violations"]
    return [f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}" for rule in found
            if rule["impact"] in ("serious", "critical") for node in rule["nodes"]]
