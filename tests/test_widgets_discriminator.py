"""The pair tester: what its sliders do to the pair, and that its picture follows."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from ssgan_lite.data import Dataset, signed_one_hot

widgets = pytest.importorskip("ipywidgets", reason="the course extra is not installed")


def agreement(image, mask):
    """A generated discriminator: how well channel 1 of the mask fits the bright places of the image. [N, 1]"""
    return (image[:, :1] * mask[:, 1:2]).mean((1, 2, 3))[:, None]


def image_alone(image, mask):
    return -image.square().mean((1, 2, 3))[:, None]


@pytest.fixture()
def faces():
    """Ten faces: a bright square that is part 1, for each at another place."""
    ids = torch.zeros(10, 32, 32, dtype=torch.uint8)
    for k in range(10):
        ids[k, 8:20, 4 + 2 * k:12 + 2 * k] = 1
    return Dataset((ids[:, None] * 200).expand(-1, 3, -1, -1).contiguous(), ids, {}, torch.arange(10).numpy())


@pytest.fixture()
def tester(faces):
    from ssgan_lite.course.discriminator.widgets import PairTester

    return PairTester({"both": agreement, "image": image_alone}, faces.image_batch(range(6)), faces.masks[:6])


def test_it_begins_untouched_with_a_stable_line(tester):
    from ssgan_lite.course.widgets import VIEW

    assert repr(tester) == "PairTester(32 px; discriminators: both, image)"
    assert "untouched" in tester.caption.value
    assert all(Image.open(io.BytesIO(view.value)).size == (2 * VIEW, 2 * VIEW) for view in tester.pictures)
    assert Image.open(io.BytesIO(tester.scale.value)).width > 200


@pytest.mark.parametrize(("control", "value"), [("shift", 6), ("shift", -6), ("owner", 2)])
def test_a_wrong_mask_lowers_the_score_of_the_critic_that_sees_it(tester, control, value):
    before, image, mask, scale = tester.scores(0, 0, 0.0), *(v.value for v in tester.pictures), tester.scale.value
    getattr(tester, control).value = value
    after = tester.scores(tester.owner.value, tester.shift.value, tester.noise.value)
    assert after["both"] < before["both"] and after["image"] == before["image"]
    assert tester.pictures[0].value == image and tester.pictures[1].value != mask
    assert tester.scale.value != scale
    assert f"{after['both']:+.2f}" in tester.caption.value and "untouched" not in tester.caption.value
    getattr(tester, control).value = 0
    assert (tester.pictures[1].value, tester.scale.value) == (mask, scale)


def test_noise_changes_the_image_only(tester):
    image, mask = (view.value for view in tester.pictures)
    tester.noise.value = 0.4
    assert tester.pictures[0].value != image and tester.pictures[1].value == mask
    assert tester.scores(0, 0, 0.4)["image"] < tester.scores(0, 0, 0.0)["image"]


def test_masks_move_and_background_comes_in():
    from ssgan_lite.course.discriminator.pairs import shift_mask

    row = torch.tensor([[[3, 1, 2, 4]]], dtype=torch.uint8)
    assert shift_mask(row, 1).tolist() == [[[0, 3, 1, 2]]]
    assert shift_mask(row, -2).tolist() == [[[2, 4, 0, 0]]]
    assert torch.equal(shift_mask(row, 0), row)


def test_mean_changes_are_those_of_single_faces(faces):
    """Three faces at once, each in its own group, give what `score_beside` gives one by one."""
    from ssgan_lite.course.discriminator.pairs import damage, mean_changes, score_beside

    def with_neighbors(image, mask):                   # the group's mean counts, so that wrong groups would show
        single = agreement(image, mask)
        groups = single.view(4, -1)
        return single + groups.mean(0).repeat(4)[:, None]

    n, state = 3, (2, 3, 0.2)
    found, = mean_changes(with_neighbors, faces, [state], n)
    rest, differences = torch.stack([torch.arange(n).roll(-k) for k in (7, 8, 9)]), []
    images = faces.image_batch(range(10))
    for k in range(n):
        companions = images[rest[:, k]], signed_one_hot(faces.masks[rest[:, k]], 13)
        pairs = (damage(images[k:k + 1], faces.masks[k + owner:k + owner + 1], dx, noise)
                 for owner, dx, noise in (state, (0, 0, 0.0)))
        bad, good = (score_beside(with_neighbors, *pair, companions) for pair in pairs)
        differences.append(bad - good)
    assert found == pytest.approx(sum(differences) / n, abs=1e-5)
