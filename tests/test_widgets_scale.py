"""The widgets of notebook 10, driven without a browser, and the arithmetic that they show."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.errors import UserError

pytest.importorskip("ipywidgets", reason="the course extra is not installed")
from ssgan_lite.course.scale import figures, widgets  # noqa: E402
from ssgan_lite.course.scale import planner as planning

PLAN = planning.Plan(gpus=1, batch=64, images=64_000, rate=640, fixed=0.1, gradients=1e9, link=1e10)


@pytest.fixture(scope="module")
def moments():
    models = {}
    for images in (0, 500, 1000):
        torch.manual_seed(images)
        models[images] = sg.SemanticGenerator(sg.preset("nano32")).eval()
    return models


def test_time_lapse_shows_the_chosen_moment(moments):
    lapse = widgets.TimeLapse(moments, seeds=range(3))
    assert repr(lapse) == "TimeLapse(3 faces, 3 snapshots)"
    assert Image.open(io.BytesIO(lapse.picture.value)).size == (3 * widgets.FACE, 2 * widgets.FACE)
    first = lapse.picture.value
    lapse.moment.value = 1000
    assert lapse.picture.value != first and "1,000 images" in lapse.caption.value
    lapse.moment.value = 0
    assert lapse.picture.value == first
    with pytest.raises(UserError, match="at least two"):
        widgets.TimeLapse({0: moments[0]})


def test_lapse_has_a_row_for_each_moment(moments):
    figure = figures.lapse(moments, seeds=range(2))
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["0", "500", "1,000"]


def test_planner_follows_its_controls():
    planner = widgets.RunPlanner("nano32")
    assert repr(planner) == f"RunPlanner({len(sg.config.PRESETS)} models, 1 to 64 GPUs)"
    told = {planner.caption.value}
    for control, value in ((planner.preset, "lite64"), (planner.gpus, 4), (planner.batch, 128), (planner.bits, 32),
                           (planner.rate, 100.0), (planner.images, 1e5), (planner.price, 5.0)):
        picture = planner.picture.value
        control.value = value
        assert planner.caption.value not in told
        told.add(planner.caption.value)
    assert planner.picture.value == picture, "the price is not drawn"
    assert "4 GPUs" in planner.caption.value and "32 images a step" in planner.caption.value
    planner.gpus.value = 8
    assert planner.picture.value != picture, "the line moves"
    planner.batch.value = 16
    assert "at least 32 are needed" in planner.caption.value


def test_plan_by_hand():
    assert PLAN.step == pytest.approx(0.2) and PLAN.hours == pytest.approx(200 / 3600)
    four = replace(PLAN, gpus=4, price=2.0)
    assert four.step == pytest.approx(0.1 + 0.025 + 2 * 3 / 4 * 0.1)
    assert four.gpu_hours == pytest.approx(4 * four.hours) and four.cost == pytest.approx(2 * four.gpu_hours)
    assert four.possible and not replace(PLAN, gpus=32).possible
    with pytest.raises(UserError, match="at least one GPU"):
        replace(PLAN, gpus=0)


def test_what_a_kill_costs_is_what_a_run_does():
    for every, batch in ((50, 8), (48, 8), (1, 4), (1000, 16)):
        last = 0
        for seen in range(batch, 400, batch):
            if seen // every > (seen - batch) // every:
                last = seen
            assert planning.images_lost(seen, every, batch) == seen - last


def test_memory_is_counted_without_computing():
    nano, lite = (planning.kept_per_image(sg.preset(name)) for name in ("nano32", "lite64"))
    assert 1e6 < nano[0] < 1e7 and all(4 * a < b for a, b in zip(nano, lite)), "four times the pixels, wider layers"
    fixed, gradients = planning.fixed_bytes(sg.preset("nano32"))
    G, D = sg.SemanticGenerator(sg.preset("nano32")), sg.DualBranchDiscriminator(sg.preset("nano32"))
    sizes = [sum(p.numel() for p in net.parameters()) for net in (G, D)]
    assert gradients == 4 * sum(sizes) and fixed == 16 * sum(sizes) + 4 * sizes[0]
    half = planning.training_bytes(sg.preset("nano32"), 8, bits=16)
    eight, sixteen = (planning.training_bytes(sg.preset("nano32"), batch) for batch in (8, 16))
    assert fixed < half < eight < sixteen


def test_records_and_curves(tmp_path):
    record = figures.read_record("nano32")
    axes = figures.curves(record["curve"]).axes
    assert [len(axis.lines) for axis in axes] == [2, 2, 1, 2]
    lines = [dict(step=1, images=8, d_loss=1.0, r1_image=None), dict(step=2, images=16, d_loss=2.0)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve = figures.read_log_as_curve(tmp_path / "log.jsonl")
    assert curve["images"] == [8, 16] and curve["r1_image"] == [None, None]
    assert [len(axis.lines) for axis in figures.curves(curve).axes] == [1, 0, 0, 0]


def test_other_figures_say_what_they_are_given():
    axis = figures.kernel_curve({0: 400.0, 500: 90.0}, {0: 10.0, 500: 5.0}, -0.5, 64).axes[0]
    assert list(axis.lines[0].get_xdata()) == [0, 500] and axis.get_ylim()[0] < -0.5
    axis = figures.cost_figure({"ours": 0.5}).axes[0]
    assert [text.get_text() for text in axis.texts] == ["480 h", "0.5 h"]
    dots = figures.memory_figure(("nano32", "lite64")).axes[0].lines
    assert [len(line.get_xdata()) for line in dots] == [2, 2], "generator and discriminator, a dot for each model"
    left, right = figures.scaling_figure(PLAN, batches=(64, 256), gpus=(1, 16, 32)).axes
    assert [len(line.get_xdata()) for line in left.lines] == [3, 2, 3], "a batch of 64 ends at 16 GPUs"
