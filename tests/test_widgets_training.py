"""The picture that grows while a model trains (notebook 09)."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.course.figures import faces_of
from ssgan_lite.course.training.figures import drawn_again, score_curves, sharpness
from ssgan_lite.course.training.widgets import GrowingPicture
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.train import Trainer, recipe


@pytest.fixture(scope="module")
def trainer():
    import torch
    generator = torch.Generator().manual_seed(0)
    data = Dataset(images=torch.randint(256, (8, 3, 32, 32), generator=generator, dtype=torch.uint8),
                   masks=torch.randint(13, (8, 32, 32), generator=generator, dtype=torch.uint8),
                   attributes={}, names=np.arange(8), source="generated")
    return Trainer(sg.preset("nano32"), recipe("nano32").replace(batch=4, lr=0.01), data)


def test_a_column_for_every_portion_and_a_line_for_every_step(trainer):
    growing = GrowingPicture(trainer, seeds=range(2), average=False)
    first = growing.picture.value
    assert list(growing.columns) == [0] and growing.history == []
    assert growing.train(images=10, portion=8) is growing              # 12 are shown: steps are whole
    assert list(growing.columns) == [0, 8, 12]
    assert [line["images"] for line in growing.history] == [4, 8, 12]
    assert growing.bar.value == growing.bar.max == 10
    assert repr(growing) == "GrowingPicture(2 faces; 3 looks)"
    assert growing.picture.value != first and "12 images seen" in growing.caption.value
    strip = Image.open(io.BytesIO(growing.picture.value))
    assert strip.size == (3 * 32 * 2, 4 * 32 * 2)                  # three looks; two faces above two masks, doubled
    assert (growing.columns[0][0] != growing.columns[12][0]).any(), "the generator that learns is the one shown"


def test_heads_are_drawn_again_below_the_faces(trainer):
    growing = GrowingPicture(trainer, seeds=[0], average=False, again=[2, 5])
    images, masks = growing.columns[trainer.images_seen]
    assert images.shape == masks.shape == (3, 32, 32, 3)
    assert (images[1] != images[2]).any() and (images[1:] == drawn_again(trainer, [2, 5])[0]).all()
    growing.train(images=4, portion=4)
    axes = np.array(growing.figure().axes).reshape(6, 3)           # three faces above their masks; the last: the head
    assert not axes[0, 2].images and (axes[2, 2].images[0].get_array() == trainer.data.images[2].movedim(0, -1)
                                      .numpy()).all()
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ["seed 0", "", "head 2", "", "head 5", ""]


def test_sharpness_is_mean_step_between_neighbors():
    stripes = np.zeros((1, 4, 4, 3), np.uint8)
    stripes[:, :, ::2] = 100
    assert sharpness(stripes) == 50 and sharpness(stripes * 0 + 7) == 0


def test_looking_changes_nothing(trainer):
    mode, steps = trainer.G.training, trainer.steps
    images, masks = faces_of(trainer.G, range(3))
    again, _ = faces_of(trainer.G, range(3))
    assert images.shape == masks.shape == (3, 32, 32, 3) and images.dtype == np.uint8
    assert (images == again).all(), "the stored noise planes, not fresh ones"
    assert trainer.G.training == mode and trainer.steps == steps


def test_curves_are_averaged_over_steps():
    log = [dict(images=i, real_score=float(i), fake_score=-1.0) for i in range(1, 8)]
    figure = score_curves({"a": log, "b": log}, smooth=3)
    real = figure.axes[0].lines[0]
    assert list(real.get_xdata()) == [3, 6] and list(real.get_ydata()) == [2.0, 5.0]
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
