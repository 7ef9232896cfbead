"""What several test files share."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.data import shards


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """Nothing that tests compute lands in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """A data tree with one pack of sixteen synthetic heads (fifteen for training), for `SSGAN_DATA`."""
    root = tmp_path_factory.mktemp("tiny-data")
    (root / "heads").mkdir()
    rng = np.random.default_rng(0)
    images = []
    for _ in range(16):
        target = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        coarse.resize((128, 128)).save(target, "WEBP")
        images.append(target.getvalue())
    masks = rng.integers(0, 13, (16, 8, 8), np.uint8).repeat(16, 1).repeat(16, 2)                  # [16, 128, 128]
    shards.write_shard(root / "heads" / "heads-00000.npz", images, masks, np.arange(16), {}, "test")
    assets.write_manifest(root)
    return root


@pytest.fixture
def use_tiny_data(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSGAN_DATA", str(tiny_data))
    return tiny_data


@pytest.fixture
def one_thread():
    """Sums depend on how they are split among threads: what is compared bit for bit runs on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
