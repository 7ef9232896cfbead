"""Augmentation: geometry, color, the adaptation of p, and that gradients flow through it."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan_lite import preset
from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.train import TrainConfig, Trainer
from ssgan_lite.train.augment import AdaptiveAugment, inverse_map, move, tint
from ssgan_lite.train.checkpoint import resume, save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
ALWAYS = TrainConfig(batch=4, augment_from=0, augment_max=1.0)


def always(p: float = 1.0) -> AdaptiveAugment:
    augment = AdaptiveAugment(ALWAYS)
    augment.p = torch.tensor(p)
    return augment


def transform(image, mask=None, *, mirror=1.0, shift=(0.0, 0.0), zoom=1.0, angle=0.0):
    """One geometric change of all samples; shift in pixels."""
    n, size = len(image), image.shape[-1]
    matrix = inverse_map(torch.full((n,), mirror), torch.tensor([shift] * n) * 2 / size, torch.full((n,), zoom),
                         torch.full((n,), angle))
    return move(image, image if mask is None else mask, matrix, torch.ones(n, dtype=torch.bool))


def pictures(n: int = 64, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(n, 3, size, size, generator=generator) * 2 - 1,
            torch.randn(n, 5, size, size, generator=generator))


# ------------------------------------------------------------------------------------------------------- geometry

def test_affine_maps_mirror_shift_scale_rotate() -> None:
    image, _ = pictures(2)

    def same(ours, expected):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)

    same(transform(image)[0], image)
    same(transform(image, mirror=-1.0)[0], image.flip(3))
    same(transform(image, shift=(3.0, 0.0))[0][..., 3:], image[..., :-3])              # to the right
    same(transform(image, shift=(0.0, 2.0))[0][:, :, 2:], image[:, :, :-2])            # down
    same(transform(image, shift=(0.5, 0.0))[0][..., 1:], (image[..., 1:] + image[..., :-1]) / 2)
    same(transform(image, angle=math.pi / 2)[0], image.rot90(-1, (2, 3)))              # clockwise
    large = transform(image, zoom=2.0)[0][..., 1::2, 1::2]                             # bilinear between the centres
    inner = image[..., 4:12, 4:12]
    below, right, both = image[..., 5:13, 4:12], image[..., 4:12, 5:13], image[..., 5:13, 5:13]
    same(large, 0.75**2 * inner + 0.75 * 0.25 * (below + right) + 0.25**2 * both)


def test_padding_is_background_and_reflection() -> None:
    image, mask = pictures(1)
    image, mask = transform(image, mask, shift=(4.0, 0.0))
    assert torch.allclose(mask[:, 0, :, :4], torch.tensor(1.0), atol=1e-5)
    assert torch.allclose(mask[:, 1:, :, :4], torch.tensor(-1.0), atol=1e-5)
    torch.testing.assert_close(image[..., :4], image[..., 4:8].flip(3), rtol=0, atol=1e-5)


def test_image_and_mask_move_together() -> None:
    shape = torch.full((64, 5, 16, 16), -1.0)
    shape[:, 2, 5:11, 6:9] = torch.rand(6, 3, generator=torch.Generator().manual_seed(1))
    image = shape[:, 2:3].repeat(1, 3, 1, 1)
    augment = always()
    augment._draw_color = lambda draws: (torch.eye(3).expand(64, 3, 3), torch.zeros(64), torch.ones(64) > 0)
    moved_image, moved_mask = augment(image, shape, 0, "x")
    assert (moved_image != image).flatten(1).any(1).all()
    torch.testing.assert_close(moved_image[:, 0], moved_mask[:, 2], rtol=0, atol=1e-5)


# --------------------------------------------------------------------------------------------------------- color

def test_color_transforms_leave_mask_and_positions() -> None:
    augment, (image, _) = always(), pictures()
    matrix, offset, tinted = augment._draw_color(torch.rand(64, 8, generator=torch.Generator().manual_seed(0)))
    assert tinted.all()
    gray = torch.full((64, 3, 2, 2), 0.5)
    out = tint(gray, matrix, offset, tinted)
    torch.testing.assert_close(out, out[:, :1, :1, :1].expand_as(out), rtol=0, atol=1e-5)       # gray stays gray
    # Hue alone is a rotation: lengths and the sum of the channels stay.
    hue = torch.cat([torch.tensor([0.9, 0.9, 0.9, 0.0]).expand(64, 4), torch.rand(64, 4)], dim=1)
    augment.p = torch.tensor(0.5)
    turned = tint(image, *augment._draw_color(hue))
    torch.testing.assert_close(turned.sum(1), image.sum(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(turned.square().sum(1), image.square().sum(1), rtol=0, atol=1e-4)
    assert not torch.allclose(turned, image, atol=0.01)


def test_brightness_contrast_saturation() -> None:
    def changed(which: int, value: float) -> torch.Tensor:
        draws = torch.full((1, 8), 0.9)
        draws[:, which], draws[:, 4 + which] = 0.0, value
        augment = always(0.5)
        return tint(torch.tensor([0.6, 0.0, -0.3]).view(1, 3, 1, 1), *augment._draw_color(draws)).flatten()
    torch.testing.assert_close(changed(0, 1.0), torch.tensor([0.8, 0.2, -0.1]))
    torch.testing.assert_close(changed(1, 0.0), torch.tensor([0.6, 0.0, -0.3]) * 2**-0.4)
    torch.testing.assert_close(changed(2, 1.0), 0.1 + torch.tensor([0.5, -0.1, -0.4]) * 2**0.8)


# -------------------------------------------------------------------------------------------------- probabilities

def test_p_is_share_of_changed_samples() -> None:
    image, mask = pictures(2000, 8)
    untouched = always(0.0)(image, mask, 0, 0, "x")
    assert torch.equal(untouched[0], image) and torch.equal(untouched[1], mask)
    moved = always(0.2)(image, mask, 0, 0, "x")[1]
    share = (moved != mask).flatten(1).any(1).float().mean().item()
    assert share == pytest.approx(1 - 0.9 * 0.8**4, abs=0.04)           # the mirror with half of p, four more kinds
    unmoved_tinted = always(0.2)(image, mask, 0, 0, "x")[0][~(moved != mask).flatten(1).any(1)]
    original = image[~(moved != mask).flatten(1).any(1)]
    assert (unmoved_tinted != original).flatten(1).any(1).float().mean().item() == pytest.approx(1 - 0.8**4, abs=0.06)


def test_same_address_gives_same_transforms() -> None:
    image, mask = pictures(8)
    first = always()(image, mask, 0, 7, "d")
    torch.manual_seed(99)
    assert all(torch.equal(a, b) for a, b in zip(first, always()(image, mask, 0, 7, "d")))
    assert not torch.equal(first[0], always()(image, mask, 0, 8, "d")[0])
    assert not torch.equal(first[0], always()(image, mask, 0, 7, "g")[0])


def test_p_follows_discriminator_sign() -> None:
    augment = AdaptiveAugment(TrainConfig(batch=100, augment_ramp=2000, augment_max=0.5, augment_target=0.6))
    for _ in range(5):
        augment.update(torch.tensor(0.61))
    assert augment.p.item() == pytest.approx(5 * 100 / 2000)
    for _ in range(20):
        augment.update(torch.tensor(1.0))
    assert augment.p.item() == pytest.approx(0.5)
    augment.update(torch.tensor(0.59))
    assert augment.p.item() == pytest.approx(0.45)
    for _ in range(20):
        augment.update(torch.tensor(-1.0))
    assert augment.p.item() == 0


def test_gradients_flow_through_augmentation() -> None:
    """It is affine in image and mask, so the gradient must predict a difference exactly."""
    image, mask = (x.double().requires_grad_() for x in pictures(4))
    augment = always()
    out = augment(image, mask, 0, "x")
    direction = [torch.randn_like(x) for x in out]
    gradients = torch.autograd.grad(sum((a * b).sum() for a, b in zip(out, direction)), (image, mask))
    other = augment(image + 1, mask - 2, 0, "x")
    difference = sum(((b - a) * d).sum() for a, b, d in zip(out, other, direction))
    expected = gradients[0].sum() - 2 * gradients[1].sum()
    assert difference.item() == pytest.approx(expected.item(), rel=1e-3)


# -------------------------------------------------------------------------------------------------------- training

RECIPE = TrainConfig(images=64, batch=4, r1_every=2, augment_ramp=40, augment_from=12, augment_target=-1.0)


@pytest.mark.usefixtures("use_tiny_data")
def test_augmentation_starts_on_time_and_resumes(tmp_path) -> None:
    data = open_dataset("heads", 32)
    with_it, without = (Trainer(preset("nano32"), RECIPE.replace(augment_max=m), data) for m in (0.5, 0.0))
    for step in range(5):
        stats = with_it.step() | {"of": without.step()}
        same = all(torch.equal(a, b) for a, b in zip(with_it.D.parameters(), without.D.parameters()))
        # At the step at which it begins p is still 0, and nothing is transformed.
        assert same == (step <= 3), step
        assert ("augment_p" in stats) == (step >= 3) and "augment_p" not in stats["of"]
        if step == 3:
            save_checkpoint(with_it, tmp_path / "state.pt")
    assert with_it.augment.p.item() == pytest.approx(0.2)
    other = Trainer(preset("nano32"), RECIPE, data)
    resume(other, tmp_path / "state.pt")
    other.step()
    assert torch.equal(other.augment.p, with_it.augment.p)
    assert all(torch.equal(a, b) for a, b in zip(with_it.G.parameters(), other.G.parameters()))


def test_bad_settings_are_refused() -> None:
    for wrong in (dict(augment_max=1.5), dict(augment_target=-2.0), dict(augment_ramp=0), dict(augment_from=-1)):
        with pytest.raises(UserError):
            TrainConfig(**wrong)
