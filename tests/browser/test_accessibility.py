"""Who cannot see, or has no mouse: axe-core over the editor, names, the live region, the focus."""

from __future__ import annotations

import pytest

import ssgan_lite as sg
from axe_core import findings
from bare_page import BarePage

pytest.importorskip("anywidget", reason="the course extra is not installed")
DARK = {"color_scheme": "dark"}


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture(params=[{}, DARK, dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)],
                ids=["light", "dark", "phone"])
def page(request, browser, G):
    from ssgan_lite.editor import FaceEditor

    look = "color-scheme: dark; background: #15181b" if request.param is DARK else ""
    page = BarePage(browser, FaceEditor(G, seed=5, folder=None), look=look, **request.param)
    yield page
    page.close()


def test_axe_finds_nothing_serious(page):
    assert findings(page.page) == []
    page.button("Background").click()
    page.page.locator(".fe-place summary").click()
    assert findings(page.page) == [], "with a menu open"
    page.page.keyboard.press("Escape")
    page.press("Surprise me")
    page.page.locator(".fe-chip.fe-absent").first.click()
    page.settle()
    page.press("Lock this part (L)")
    assert findings(page.page) == [], "with a part that is not there, and locked"


def test_axe_finds_nothing_serious_in_what_stands_around_the_face(page):
    page.press("Surprise me")
    page.button("Compare").click()
    page.press("Ordinary GAN")
    assert page.page.locator(".fe-strip, .fe-baseline-face, .fe-divider").evaluate_all(
        "all => all.every(e => e.offsetParent)"), "all of it is on the page"
    assert findings(page.page) == []
    page.button("Share").click()
    assert findings(page.page) == [], "with the menu open"


def test_face_is_a_region_with_instructions(page):
    stage = page.page.locator(".fe-stage:not(.fe-pointing)")
    assert stage.get_attribute("role") == "application"
    help_text = page.page.locator(f"#{stage.get_attribute('aria-describedby')}").text_content()
    assert "Arrow keys" in help_text and "undo" in help_text.lower()
    assert "hair" in page.page.locator(".fe-face").get_attribute("aria-label")
    assert "hair" in stage.get_attribute("aria-label")


def test_focus_can_be_seen_on_the_face(page):
    page.button("Share").focus()
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("() => document.activeElement.matches('.fe-stage')")
    style = page.page.locator(".fe-stage:not(.fe-pointing)").evaluate(
        "e => { const s = getComputedStyle(e); return [s.outlineStyle, parseFloat(s.outlineWidth)]; }")
    assert style[0] == "solid" and style[1] >= 2, style


def test_one_polite_region_speaks_and_sliders_do_not(page):
    regions = page.page.evaluate("""() => [...document.querySelectorAll(
        '.fe [aria-live], .fe [role=status], .fe output')].map(e => e.className)""")
    assert len(regions) == 1
    live = page.page.locator(".fe [aria-live=polite]")
    page.page.locator(".fe-stage:not(.fe-pointing)").focus()
    page.page.keyboard.press("ArrowLeft")
    page.settle()
    assert "chosen" in live.text_content()
    page.page.locator('.fe-chip[data-part="hair"]').click()
    page.settle()
    page.press("Surprise me")
    assert "hair" in live.text_content()
    before = live.text_content()
    slider = page.page.get_by_label("hair: shape 1", exact=True)
    slider.focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    page.settle()
    assert live.text_content() == before
    assert slider.get_attribute("aria-valuetext")


def test_names_say_what_is_changed(page):
    names = page.page.evaluate("""() =>
        [...document.querySelectorAll('.fe input[type=range], .fe-thumb')]
        .filter(e => e.offsetParent).map(e => e.getAttribute('aria-label'))""")
    assert all("hair" in name or "variety" in name or "Truncation" in name for name in names), names
    assert len(set(names)) == len(names)
