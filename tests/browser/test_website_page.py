"""A small site opened from a file, without a network: formulas, pictures, search, and no request to anywhere."""

from __future__ import annotations

import pytest

from axe_core import findings
from test_website import course  # noqa: F401
from tools.website.__main__ import build

pytest.importorskip("sphinx", reason="the site extra is not installed")


@pytest.mark.slow
def test_site_is_complete_in_itself(browser, course, tmp_path):  # noqa: F811
    assert build(tmp_path / "site", root=course, modules=["errors"]) == []
    context = browser.new_context(offline=True)
    asked, page = [], context.new_page()
    page.set_default_timeout(120_000)
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "site" / "notebooks" / "00_start_here.html").as_uri())
    page.locator("mjx-container").nth(1).wait_for(state="attached")
    assert page.locator('img[alt=\'a "red" box\']').evaluate("image => image.complete && image.naturalWidth") == 40
    assert page.get_by_text("a still picture").is_visible()
    answer = page.get_by_text("the answer is 2")
    assert answer.is_hidden(), "an answer to think about first is folded"
    page.locator("details.hide summary").click()
    assert answer.is_visible()
    page.goto((tmp_path / "site" / "search.html").as_uri() + "?q=numbers")
    page.locator("#search-results a").first.wait_for()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for name in ("index.html", "notebooks/00_start_here.html", "search.html"):
            page.goto((tmp_path / "site" / name).as_uri())
            assert findings(page) == [], f"{name}, {width} pixels wide"
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
