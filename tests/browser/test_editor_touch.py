"""Touching the face: clicks that land on what is meant, drags, the wheel, an outline that gets out of the way."""

from __future__ import annotations

import numpy as np
import pytest

import ssgan_lite as sg
from bare_page import BarePage
from ssgan_lite.edit.upscale import upscale_ids

pytest.importorskip("anywidget", reason="the course extra is not installed")
SIZES = [("laptop", dict(viewport={"width": 1366, "height": 768})),
         ("tablet", dict(viewport={"width": 768, "height": 1024}, has_touch=True)),
         ("zoom200", dict(viewport={"width": 683, "height": 384}, device_scale_factor=2)),
         ("phone", dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))]


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("lite64")


@pytest.fixture()
def page(browser, G):
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=None))
    yield page
    page.close()


def labels(page) -> np.ndarray:
    return page.editor.face.render().mask[0].argmax(0).numpy()


def point(page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the model's picture is on the screen."""
    box, size = page.page.locator(".fe-over").bounding_box(), page.editor.face.generator.config.size
    return box["x"] + (x + 0.5) / size * box["width"], box["y"] + (y + 0.5) / size * box["height"]


def middle(page, part: str) -> tuple[int, int]:
    """A pixel (x, y) well inside a part."""
    region = labels(page) == page.editor.face.generator.config.part_id(part)
    inner = region
    while inner.any():
        region, padded = inner, np.pad(inner, 1)
        inner = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    y, x = np.argwhere(region)[0]
    return x, y


def chosen(page) -> str:
    return page.editor.face.generator.config.parts[page.editor.desk.part]


def drag(page, start: tuple[int, int], right: int, down: int) -> None:
    page.page.mouse.move(*point(page, *start))
    page.page.mouse.down()
    for i in range(1, 11):
        page.page.mouse.move(*point(page, start[0] + right * i / 10, start[1] + down * i / 10))
    page.page.mouse.up()
    page.settle()


def test_click_lands_on_the_part_under_the_pointer_or_a_small_one_nearby(page):
    config, size = page.editor.face.generator.config, page.editor.face.generator.config.size
    # What is drawn in the middle of every pixel of the model.
    step = page.editor.size // size
    ids = upscale_ids(page.editor.face.render().mask[0]).numpy()[step // 2::step, step // 2::step]
    counts = np.bincount(labels(page).flatten(), minlength=config.n_parts)
    small = [i for i in range(config.n_parts) if 0 < counts[i] <= 0.015 * size * size]
    assert small
    rows, columns = np.mgrid[:size, :size]
    near = {i: np.min([(rows - y) ** 2 + (columns - x) ** 2 for y, x in np.argwhere(ids == i)], axis=0)
            for i in small}
    draw = np.random.default_rng(0)
    tried = dict(inside=0, near=0, far=0)
    for y, x in draw.integers(2, size - 2, (400, 2)):
        best = min(small, key=lambda i: near[i][y, x])
        distance = near[best][y, x]
        kind = "inside" if ids[y, x] in small else "near" if distance <= 4 else "far" if distance >= 13 else None
        if kind is None or tried[kind] >= 8:
            continue
        tried[kind] += 1
        wanted = {best} if kind == "near" else {ids[y, x]}
        wanted |= {i for i in small if kind == "near" and near[i][y, x] <= distance + 3}
        page.page.mouse.click(*point(page, x, y))
        page.settle()
        assert page.editor.desk.part in wanted, (kind, x, y)
    assert min(tried.values()) >= 3, tried


def test_drag_on_the_picture_moves_the_part_in_one_step(page):
    start = middle(page, "hair")
    drag(page, start, 6, 4)
    assert chosen(page) == "hair"
    dx, dy, zoom = page.editor.face.state.placement[page.editor.desk.part]
    assert (dx, dy, zoom) == pytest.approx((6 / 32, 4 / 32, 1), abs=0.03)
    assert len(page.editor.face.history.past) == 1
    page.press("Undo (Z)")
    assert page.editor.picture == page.editor.original


def test_drag_of_another_part_chooses_it_first(page):
    drag(page, middle(page, "cloth"), 3, 0)
    assert chosen(page) == "cloth"


def test_part_let_go_beside_the_picture_does_not_stick_to_the_pointer(page):
    page.page.mouse.move(*point(page, *middle(page, "hair")))
    page.page.mouse.down()
    box = page.page.locator(".fe-over").bounding_box()
    page.page.mouse.move(box["x"] - 5, box["y"] - 5)                   # in one step: the picture hears of no move
    page.page.mouse.up()
    x, y = middle(page, "cloth")
    for i in range(5):
        page.page.mouse.move(*point(page, x + i, y))
    assert page.page.locator(".fe-name").text_content() == "cloth"
    page.settle()
    assert not page.editor.face.state.placement and not page.editor.face.history.past


def test_background_and_locked_parts_stay(page):
    start = middle(page, "background")
    drag(page, start, 5, 5)
    assert not page.editor.face.state.placement
    page.page.mouse.click(*point(page, *middle(page, "hair")))
    page.settle()
    page.press("Lock this part (L)")
    drag(page, middle(page, "hair"), 5, 5)
    assert not page.editor.face.state.placement and "wrong" not in page.said()


def test_wheel_sizes_the_part_about_its_own_center(page):
    x, y = middle(page, "hair")
    page.page.mouse.click(*point(page, x, y))
    page.settle()
    for _ in range(3):
        page.page.mouse.wheel(0, -120)
    page.page.wait_for_timeout(700)
    page.settle()
    assert page.editor.view["place"]["zoom"] == pytest.approx(np.exp(0.36), rel=0.05)
    assert page.editor.view["place"]["dx"] == pytest.approx(0, abs=1e-3)
    assert len(page.editor.face.history.past) == 1, "one turn of the wheel is one step"


def test_wheel_scrolls_before_the_picture_was_clicked(page):
    page.page.mouse.move(*point(page, *middle(page, "hair")))
    page.page.mouse.wheel(0, -120)
    page.page.wait_for_timeout(600)
    assert not page.editor.face.state.placement


def test_outline_fades_when_the_pointer_rests(page):
    opacity = "() => parseFloat(getComputedStyle(document.querySelector('.fe-over')).opacity)"
    page.page.mouse.move(*point(page, *middle(page, "hair")))
    page.page.wait_for_timeout(600)
    assert page.page.evaluate(opacity) == 1
    page.page.wait_for_timeout(2200)
    assert page.page.evaluate(opacity) == 0
    page.page.mouse.move(*point(page, *middle(page, "face")))
    page.page.wait_for_timeout(600)
    assert page.page.evaluate(opacity) == 1


def test_part_that_is_not_there_can_only_be_put_on(page):
    absent = [p["name"] for p in page.editor.view["parts"] if not p["pixels"]]
    name = next(n for n in ("hat", "glasses") if n in absent)
    page.page.locator(f'.fe-chip[data-part="{name}"]').click()
    page.settle()
    page.page.wait_for_timeout(300)
    page.settle()
    assert not page.page.locator(".fe-groups input").first.is_visible(), "sliders that would do nothing"
    if page.editor.view["gallery"]["names"]:
        page.press("Put one on")
        assert page.editor.view["parts"][page.editor.desk.part]["pixels"] > 0
        assert page.page.locator(".fe-groups input").first.is_visible()


def test_gallery_is_tried_on_while_the_pointer_is_on_it(page):
    page.page.locator(".fe-thumb").nth(1).hover()
    page.page.wait_for_timeout(500)
    page.settle()
    assert page.editor.picture != page.editor.original and not page.editor.view["can_undo"]
    preview = page.editor.picture
    page.page.mouse.move(5, 5)
    page.page.wait_for_timeout(200)
    page.settle()
    assert page.editor.picture == page.editor.original
    page.page.locator(".fe-thumb").nth(1).click()
    page.settle()
    assert page.editor.picture == preview and page.editor.view["can_undo"]


@pytest.mark.parametrize("name, context", SIZES, ids=[name for name, _ in SIZES])
def test_face_and_slider_are_visible_together(browser, G, keep_screenshot, name, context):
    from ssgan_lite.editor import FaceEditor

    page = BarePage(browser, FaceEditor(G, seed=5, folder=None), **context)
    height = context["viewport"]["height"]
    page.page.locator(".fe-more").evaluate("e => e.open || e.querySelector('summary').click()")
    sliders = page.page.locator(".fe-more input[type=range]:visible")            # their names depend on the weights
    for label, slider in (("first", sliders.first), ("last", sliders.last)):
        slider.evaluate("e => e.scrollIntoView({ block: 'end' })")
        face, handle = page.page.locator(".fe-stage:not(.fe-pointing)").first.bounding_box(), slider.bounding_box()
        assert face["y"] >= -1 and face["y"] + face["height"] <= height + 1, (label, face)
        assert 0 <= handle["y"] and handle["y"] + handle["height"] <= height + 1, (label, handle)
        assert handle["x"] >= face["x"] + face["width"] or handle["y"] >= face["y"] + face["height"] - 1
    keep_screenshot(page.page, f"editor_page_{name}")
    if name == "laptop":
        bottom = page.page.locator(".fe").bounding_box()
        assert bottom["y"] + bottom["height"] <= height, "all of it without scrolling"
    page.close()


def test_chips_stay_where_they_are(page):
    places = "() => [...document.querySelectorAll('.fe-chip')].map(e => e.getBoundingClientRect().x)"
    before = page.page.evaluate(places)
    for part in ("nose", "eyebrows"):
        page.page.locator(f'.fe-chip[data-part="{part}"]').click()
        page.settle()
        assert page.page.evaluate(places) == before
