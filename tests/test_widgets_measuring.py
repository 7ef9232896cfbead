"""The widget of notebook 11, driven without a browser, and the pictures and tables that compare models."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite import assets
from ssgan_lite.measure import distances
from ssgan_lite.measure.locality import margin, render
from ssgan_lite.weights import save_weights

pytest.importorskip("ipywidgets", reason="the course extra is not installed")
from ssgan_lite.course.measuring import by_hand, clouds  # noqa: E402
from ssgan_lite.course.measuring import figures as comparison
from ssgan_lite.course.measuring.widgets import CloudPair  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return sg.SemanticGenerator(sg.preset("nano32")).eval()


def test_cloud_pair_follows_its_sliders():
    pair = CloudPair(30)
    assert repr(pair) == "CloudPair(30 real and 30 generated points)"
    assert Image.open(io.BytesIO(pair.picture.value)).size[0] > 600
    for slider, value in ((pair.shift, 2.0), (pair.spread, 0.3), (pair.k, 7)):
        picture, caption = pair.picture.value, pair.caption.value
        slider.value = value
        assert pair.picture.value != picture and pair.caption.value != caption
    pair.shift.value, pair.spread.value, pair.k.value = 0, 0.1, 3
    assert "precision 1.00" in pair.caption.value


def test_balls_are_those_of_the_measure():
    real, fake = clouds.two_clouds(1.0, 0.5, 20)
    figure = clouds.balls(real, fake)
    precision, recall = distances.precision_recall(real, fake)
    assert [axis.get_title() for axis in figure.axes] == [f"precision {precision:.2f}", f"recall {recall:.2f}"]
    covered = [len(axis.lines[1].get_xdata()) for axis in figure.axes]
    assert covered == [round(20 * precision), round(20 * recall)]


def test_by_hand_is_what_the_library_does():
    a, b = np.random.default_rng(0).standard_normal((2, 12, 5))
    assert 1000 * by_hand.unbiased_mmd2(a, b) == pytest.approx(distances.kernel_distance(a, b, subsets=1).value)
    assert by_hand.frechet_1d(1, 2, 3, 0.5) == pytest.approx(distances.frechet_of_gaussians(
        np.ones(1), 4 * np.eye(1), 3 * np.ones(1), 0.25 * np.eye(1)))
    assert np.isnan(by_hand.part_iou(torch.zeros(1, 2, 2), torch.ones(1, 2, 2), 5))


def test_family_and_stored_numbers(tmp_path, monkeypatch, model, capsys):
    weights = tmp_path / "weights"
    for name, images, every in (("nano32", 100, 2), ("nano32-no-base", 20, 0), ("lite64", 100, 2),
                                ("nano32-monolithic", 20, 0), ("nano32-no-reconstruction", 100, 0)):
        save_weights(model, weights / name, dict(images=images, faces=9, recipe=dict(reconstruct_every=every)))
    result = dict(extractor="EfficientNet-Lite2 (ImageNet)", models=[dict(
        name="runs/nano32-no-base.safetensors", distances=dict(kernel=12.5, precision=0.5, recall=0.1, n=9),
        leak_summary=None, agreement=dict(parser=dict(large=0.8, small=None)))])
    (weights / "nano32-no-base.measure.json").write_text(json.dumps(result))
    old = dict(name="nano32-monolithic", distances=dict(kernel=3.0, precision=0.5, recall=0.1, n=9), agreement=None,
               leak_summary=dict(shape=dict(median=0.7), texture=dict(median=0.9)))
    (weights / "nano32.measure.json").write_text(json.dumps(dict(extractor="EfficientNet-Lite0", models=[old])))
    assets.write_manifest(tmp_path)
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
    names = comparison.family("nano32")
    assert names == ["nano32", "nano32-monolithic", "nano32-no-base", "nano32-no-reconstruction"]
    first, rival, second, _ = map(comparison.read_measured, names)
    assert (rival["leak_shape"], rival["leak_texture"], rival["kernel_x1000"]) == (0.7, 0.9, 3.0)
    assert set(first.values()) == {None}
    assert (second["kernel_x1000"], second["miou_large"], second["miou_small"]) == (12.5, 0.8, None)
    assert comparison.by_budget(names) == {
        "in phases, 100 images, 9 heads": ["nano32", "nano32-no-reconstruction"],
        "the game from noise, 20 images, 9 heads": ["nano32-monolithic", "nano32-no-base"]}
    comparison.table(comparison.measured_rows(["nano32-monolithic", "nano32-no-base"]))
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[1] == ["nano32-monolithic", "-", "-", "-", "-", "-", "0.90", "0.70"], "Lite0 is no judge"
    assert printed[2] == ["nano32-no-base", "12", "0.50", "0.10", "0.80", "-", "-", "-"]


@pytest.mark.parametrize("architecture", ["semantic", "monolithic"])
def test_an_edit_by_whatever_means_the_model_has(architecture):
    torch.manual_seed(1)
    generator = sg.model.build_generator(sg.preset("nano32").replace(architecture=architecture)).eval()
    before, after = comparison.edit_of(generator, "hair", faces=2)
    assert before.image.shape == after.image.shape == (2, 3, 32, 32)
    assert not torch.equal(before.image, after.image)
    figure = comparison.leak_maps(before, after, 7, "tiny")
    assert len(figure.axes) == 8 and figure.axes[0].get_title() == "tiny"


def test_pictures_of_agreement_and_numbers(model):
    found = render(model, model.mapping(model.sample_z(2, 0)), 2)
    other = found.ids.clone()
    other[:, :4] = (other[:, :4] + 1) % 13
    figure = comparison.agreement_rows(found.image, found.ids, other)
    differ = figure.axes[6].images[0].get_array()
    assert differ[:4].min() == 1 and differ[4:].max() == 0 and margin(32) == 1
    axis = comparison.dots({"hair": {"a": 0.1, "b": None}, "nose": {"a": 0.2, "b": 0.4}}, "leak").axes[0]
    assert [len(line.get_xdata()) for line in axis.lines] == [2, 1]


def test_nearest_finds_copies():
    features = np.random.default_rng(0).standard_normal((6, 4))
    shelf = np.arange(6)
    (faces, near), distances = comparison.nearest(features[[4, 1]], features, np.array([40, 10]), shelf, count=2)
    assert near.tolist() == [4, 1] and faces.tolist() == [40, 10] and np.allclose(distances, 0, atol=1e-6)


def test_estimates_over_n():
    axis = clouds.against_n({"d": {"same": {4: [1.0, 3.0], 8: [1.0, 1.0]}}}).axes[0]
    assert axis.containers[0].lines[0].get_ydata().tolist() == [2.0, 1.0]
    figure = clouds.bells([(0, 1, 3, 1), (0, 1, 0, 2)])
    assert [axis.get_title() for axis in figure.axes] == ["distance 9", "distance 1"]
