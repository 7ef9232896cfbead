"""How far is a set of generated faces from a set of real ones? Distances between clouds of features.

x [n, D] and y [m, D] are features of two sets of images (`features.py`). A distance means something only together
with the extractor's name and with n and m, and only beside the same estimate between two halves of the real set.

- kernel distance: Binkowski et al., "Demystifying MMD GANs", arXiv 1801.01401 ("KID");
- Frechet distance: Heusel et al., arXiv 1706.08500 (the formula of the "FID");
- precision and recall: Kynkaanniemi et al., arXiv 1904.06991.

`RealFaces` holds the real side of a comparison.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ssgan_lite.data import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.features import Extractor, features_of
from ssgan_lite.measure.samples import DISTANCES, REAL, Tick, device_of, draw_codes, generate, no_tick, rng
from ssgan_lite.pictures import to_levels
from ssgan_lite.storage import atomic_write

KERNEL_SCALE = 1000         # kernel distances are shown times this
SUBSETS, SUBSET_SIZE = 100, 1000
COMPARED_HEADS = 2500       # numbers stay comparable while the pack of heads grows: later seeds are not compared with
FEWEST = 16                 # faces on each side
KEPT = 16                   # files in the cache, of 10 MB each for 2 x 1,024 faces


class KernelDistance(NamedTuple):
    """Both times `KERNEL_SCALE`."""

    value: float            # unbiased, so it can be a little below 0 for two samples of one distribution
    std: float              # over random halves of the samples: about the error of `value`


def kernel_distance(x: np.ndarray, y: np.ndarray, subsets: int = SUBSETS, subset_size: int | None = None,
                    seed: int = 0) -> KernelDistance:
    """1000 MMD^2(x, y) with the kernel k(a, b) = (a . b / D + 1)^3, estimated without bias.

        MMD^2 = 1 / (n (n - 1)) sum_{i != j} k(x_i, x_j) + 1 / (m (m - 1)) sum_{i != j} k(y_i, y_j)
                - 2 / (n m) sum_{i, j} k(x_i, y_j)

    The value uses all samples. Its spread is seen on `subsets` pairs of subsets of `subset_size` samples, drawn
    without replacement; by default half the smaller set (at most 1000), because the deviation of random halves from
    the whole is as large as that of the whole from the truth.
    """
    x, y = _check(x, y, least=4)
    size = min(min(len(x), len(y)) // 2, SUBSET_SIZE) if subset_size is None else subset_size
    if not 2 <= size <= min(len(x), len(y)):
        raise UserError(f"Subsets of {size} samples cannot be drawn from {len(x)} and {len(y)}.")
    rng = np.random.default_rng(seed)
    values = [_mmd2(x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)])
              for _ in range(subsets)]
    return KernelDistance(KERNEL_SCALE * _mmd2(x, y), KERNEL_SCALE * float(np.std(values)))


def _mmd2(x: np.ndarray, y: np.ndarray) -> float:
    n, m = len(x), len(y)
    return float((_kernel_sum(x, x) - _diagonal(x).sum()) / (n * (n - 1))
                 + (_kernel_sum(y, y) - _diagonal(y).sum()) / (m * (m - 1))
                 - 2 * _kernel_sum(x, y) / (n * m))


def _kernel_sum(x: np.ndarray, y: np.ndarray, rows: int = 1000) -> float:
    """sum_{i, j} k(x_i, y_j), a thousand rows at a time."""
    return sum(float(((x[i:i + rows] @ y.T / x.shape[1] + 1) ** 3).sum()) for i in range(0, len(x), rows))


def _diagonal(x: np.ndarray) -> np.ndarray:
    return ((x * x).sum(1) / x.shape[1] + 1) ** 3                                              # [n]


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """|mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2)) with the samples' means and covariances.

    The trace of the root is taken from the symmetric matrix C_x^(1/2) C_y C_x^(1/2), which has the same eigenvalues
    as C_x C_y, so `eigh` is enough and nothing becomes complex. Two samples of one distribution are far apart unless
    n is much larger than D: always read it beside real against real with the same n.
    """
    x, y = _check(x, y, least=2)
    return frechet_of_gaussians(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))


def frechet_of_gaussians(mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray) -> float:
    """The squared 2-Wasserstein distance of two Gaussians. means: [D]; covariances: [D, D]."""
    cov_x, cov_y = np.atleast_2d(cov_x), np.atleast_2d(cov_y)
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T                                     # [D, D]
    mixed = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(0)).sum()
    return float(np.square(mean_x - mean_y).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * mixed)


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """The share of fake samples on the real manifold, and the share of real samples on the fake one.

    A set's manifold is the union of balls around its samples, each reaching to the k-th nearest other sample.
    """
    real, fake = _check(real, fake, least=k + 1)
    between = _squared_distances(real, fake)                                                   # [n, m]
    real_radius, fake_radius = _radii(real, k), _radii(fake, k)
    precision = (between <= real_radius[:, None]).any(0).mean()
    recall = (between <= fake_radius[None, :]).any(1).mean()
    return float(precision), float(recall)


def _radii(x: np.ndarray, k: int) -> np.ndarray:
    """The squared distance of every sample to its k-th nearest other one: [n]."""
    distances = _squared_distances(x, x)
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, k - 1]


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[n, D], [m, D] -> [n, m]"""
    return ((x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * x @ y.T).clip(0)


def _check(x: np.ndarray, y: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Features as float64, because sums of third powers and small eigenvalues need it."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise UserError(f"Features must be [n, D] and [m, D], not {list(x.shape)} and {list(y.shape)}.")
    if min(len(x), len(y)) < least:
        raise UserError(f"{min(len(x), len(y))} samples are too few for this distance; it needs at least {least}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UserError("Some features are not finite: the images or the extractor are broken.")
    return x, y


def compared(data: Dataset) -> Dataset:
    """The real faces that generated ones are compared with: of the heads those with seeds below 2,500."""
    if data.source == "heads" and (data.seeds >= COMPARED_HEADS).any():
        return data.subset(data.seeds < COMPARED_HEADS)
    return data


class RealFaces:
    """Features of two halves of the real faces, computed once however many generators are compared with them.

    Each half has as many faces as are generated, or as there are: distances depend on the number of faces, so the
    generated ones and the other half must be equally many.
    """

    def __init__(self, data: Dataset, extract: Extractor, n: int, seed: int = 0, batch: int = 16,
                 tick: Tick = no_tick, cache: Path | None = None):
        """cache: a folder in which the features are kept for the next time; without one nothing is kept."""
        data = compared(data)
        self.extract, self.seed = extract, seed
        self.n = min(n, len(data) // 2)
        if self.n < FEWEST:
            raise UserError(f"{data.source} has {len(data)} faces here, too few for two halves of at least {FEWEST}.")
        order = torch.from_numpy(rng(seed, REAL).permutation(len(data))[:2 * self.n])
        features = cached_features(data.images[order], extract, batch, tick, cache)
        self.first, self.second = features[:self.n], features[self.n:]

    def distances(self, features: np.ndarray) -> dict:
        """Of a generator's features [>= n, D] to the first half."""
        kernel = kernel_distance(features[:self.n], self.first, seed=self.seed)
        precision, recall = precision_recall(self.first, features[:self.n])
        return dict(extractor=self.extract.name, n=self.n, kernel=kernel.value, kernel_std=kernel.std,
                    frechet=frechet_distance(features[:self.n], self.first), precision=precision, recall=recall)

    def among_themselves(self) -> dict:
        """The second half to the first: what a perfect generator would get."""
        return self.distances(self.second)

    def of_generator(self, generator: nn.Module, batch: int = 16, tick: Tick = no_tick) -> dict:
        """Distances of n generated faces: enough for a curve over the snapshots of a run."""
        w = draw_codes(generator, self.n, self.seed, DISTANCES)
        return self.distances(generated_features(generator, w, self.extract, batch, tick))


def generated_features(generator: nn.Module, w: Tensor, extract: Extractor, batch: int = 16,
                       tick: Tick = no_tick) -> np.ndarray:
    """Features [N, D] of the faces with these codes, rounded to 256 levels as the real ones are."""
    return np.concatenate([features_of(to_levels(out.image), extract, batch, device_of(extract))
                           for out in generate(generator, w, batch, tick)])


def cached_features(images: Tensor, extract: Extractor, batch: int, tick: Tick, cache: Path | None) -> np.ndarray:
    """Features [N, D] of uint8 images [N, 3, R, R]: from the cache where the very same have been there."""
    if cache is None:
        return features_of(images, extract, batch, device_of(extract), tick)
    key = hashlib.sha256(f"{extract.name} {list(images.shape)} ".encode())
    key.update(images.contiguous().numpy())
    path = cache / f"{key.hexdigest()[:32]}.npy"
    try:
        found = np.load(path, allow_pickle=False)
        if found.shape == (len(images), extract.dim) and np.isfinite(found).all():
            tick(len(images))
            return found
    except (OSError, ValueError, EOFError):     # not there, or damaged: it is made again
        pass
    found = features_of(images, extract, batch, device_of(extract), tick)
    try:
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.save(file, found)
        for old in sorted(cache.glob("*.npy"), key=os.path.getmtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, UserError):                # a cache that cannot be written is no reason to stop
        pass
    return found
