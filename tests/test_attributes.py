"""The predictors of attributes: what ships reads heads that it was not trained on, and says what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import (
    ATTRIBUTES,
    AttributePredictor,
    compare_attributes,
    load_predictor,
    save_predictor,
    true_attributes,
)
from ssgan_lite.measure.make_attributes import accuracy, keep, targets, train_predictor

WANTED = {"smile", "hair_darkness", "hair_length", "skin_tone", "age", "yaw"}


@pytest.fixture(scope="module")
def heads():
    return open_dataset("heads:3500:4000", 64, "val")               # 50 faces, none of them seen in training


def test_shipped_predictor_reads_heads_it_has_not_seen(heads):
    predictor = load_predictor("lite0")
    assert set(predictor.names) >= WANTED
    assert not set(predictor.names) & set(predictor.record["left_out"])
    scores = predictor.read(heads.image_batch(torch.arange(len(heads)), torch.zeros(len(heads), dtype=torch.bool)))
    truth = true_attributes(heads)
    for name in WANTED:
        column = [a.name for a in ATTRIBUTES].index(name)
        known = ~np.isnan(truth[:, column])
        read = predictor.in_units(scores)[known, predictor.index(name)].numpy()
        assert np.corrcoef(read, truth[known, column])[0, 1] > 0.55, name


def test_predictor_is_differentiable_in_the_picture_and_has_no_weights_to_train():
    predictor = load_predictor("lite0")
    image = torch.zeros(1, 3, 64, 64, requires_grad=True)
    predictor(image)[0, predictor.index("smile")].backward()
    assert float(image.grad.abs().sum()) > 0
    assert not any(parameter.requires_grad for parameter in predictor.parameters())


def test_mirrored_head_looks_the_other_way(heads):
    straight, mirrored = targets(heads, False), targets(heads, True)
    names = [a.name for a in ATTRIBUTES]
    assert torch.equal(mirrored[:, names.index("yaw")], -straight[:, names.index("yaw")])
    assert torch.equal(mirrored[:, names.index("age")], straight[:, names.index("age")])


def test_training_finds_what_is_in_the_features_and_only_that():
    draw = torch.Generator().manual_seed(0)
    inputs = AttributePredictor("lite0", ()).reader.offset.shape[0]
    x = torch.randn(640, inputs, generator=draw)
    y = torch.randn(640, len(ATTRIBUTES), generator=draw).double()
    y[:, 3] = 40 + 10 * x[:, :40].sum(1) / 40 ** 0.5                        # age
    y[::2, 5] = torch.nan
    for column, attribute in enumerate(ATTRIBUTES):
        if not attribute.is_number:
            y[:, column] = (y[:, column] > 0).double()
    predictor = train_predictor("lite0", x[:600], y[:600], epochs=6)
    found = accuracy(predictor, x[:600], y[:600])
    assert found["age"]["correlation"] > 0.8
    kept = keep(predictor, ["age"])
    column = predictor.index("age")
    assert torch.allclose(kept.reader(x)[:, 0], predictor.reader(x)[:, column], atol=1e-5)


def test_predictor_survives_its_file(tmp_path):
    predictor = AttributePredictor("lite0", ("age", "smile"), dict(age={}), dict(left_out=dict(freckles={})))
    save_predictor(predictor, tmp_path / "mine")
    again = load_predictor(tmp_path / "mine.safetensors")
    assert again.names == ("age", "smile") and again.backbone == "lite0"
    image = torch.rand(2, 3, 32, 32)
    assert torch.allclose(again.read(image), predictor.read(image), atol=2e-2)


def test_what_a_predictor_does_not_know_is_said(heads):
    predictor = AttributePredictor("lite0", ("age", "smile"), record=dict(left_out=dict(freckles={})))
    for call, words in ((lambda: predictor.index("smlie"), ["smlie", '"smile"']),
                        (lambda: predictor.index("freckles"), ["freckles", "left out"]),
                        (lambda: load_predictor("lite9"), ["lite9", '"lite'])):
        with pytest.raises(UserError) as error:
            call()
        assert all(word in str(error.value) for word in words), str(error.value)
    with pytest.raises(UserError, match="heads"):
        true_attributes(open_dataset("avatars", 64, "all"))
    with pytest.raises(UserError, match=r"\[N, 3, R, R\]"):
        predictor.read(torch.zeros(3, 64, 64))


def test_distributions_of_attributes_are_compared():
    draw = torch.Generator().manual_seed(0)
    real = torch.randn(2000, 2, generator=draw)
    found = compare_attributes(("age", "smile"), torch.stack([real[:, 0], 0.5 * real[:, 1] + 2], 1), real)
    assert found["age"]["distance"] == pytest.approx(0, abs=1e-6)
    assert found["smile"]["distance"] == pytest.approx(2, abs=0.1)
    assert found["smile"]["std"] == pytest.approx(0.5, abs=0.05)
