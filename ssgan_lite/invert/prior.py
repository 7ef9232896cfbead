"""The distribution of W: its mean and covariance, and how far from it a code is (Mahalanobis distance).

A projector that may use any code finds codes that no z leads to: the picture fits, and the first edit falls apart.
So every code is written in the model's own units,

    w = mean + u root,   root root^T = covariance of W,   |u|^2 / S = squared Mahalanobis distance of w per dimension,

and u is what is optimized. A step of a given length in u is a step of so many standard deviations, whatever the
direction; a typical w has |u|^2 / S = 1. (The idea of measuring W by its covariance: Zhu et al., "Improved StyleGAN
Embedding", arXiv 2012.09036; without their inversion of the last activation.)
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from ssgan_lite.model.precision import full_precision

SAMPLES = 10_000        # codes from which mean and covariance are measured
FLOOR = 1e-3            # smallest standard deviation, as a share of the largest: flatter directions count as so wide

_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class CodePrior:
    """A Gaussian with the mean and the covariance of W."""

    mean: Tensor            # [S]
    root: Tensor            # [S, S], rows are principal axes, each one standard deviation long
    inverse: Tensor         # [S, S], root @ inverse = 1

    @full_precision
    def to_w(self, u: Tensor) -> Tensor:
        """Standardized coordinates [..., S] -> codes [..., S]."""
        return self.mean + u @ self.root

    @full_precision
    def from_w(self, w: Tensor) -> Tensor:
        """Codes [..., S] -> standardized coordinates [..., S]."""
        return (w - self.mean) @ self.inverse

    def distance(self, w: Tensor) -> Tensor:
        """Mahalanobis distance per dimension, sqrt(|u|^2 / S), of codes [..., S]: 1 for a typical code. [...]"""
        return self.from_w(w).square().mean(-1).sqrt()


@torch.no_grad()
def code_prior(generator, samples: int = SAMPLES, seed: int = 0) -> CodePrior:
    """Mean and covariance of W of a model, from `samples` codes; measured once and remembered."""
    stamp = (samples, seed, *(x._version for x in generator.mapping.parameters()), str(generator.device))
    known = _known.get(generator)
    if known is None or known[0] != stamp:
        draw = torch.Generator().manual_seed(seed)
        z = torch.randn(samples, generator.config.style_dim, generator=draw).to(generator.device)
        w = generator.mapping(z).double()                                                      # [n, S]
        mean = w.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov(w.T).cpu())                              # ascending
        deviations = values.clamp_min(0).sqrt()
        deviations = deviations.clamp_min(FLOOR * deviations[-1].clamp_min(1e-12))             # [S]
        root = (vectors * deviations).T.to(mean)                                               # [S, S]
        inverse = (vectors / deviations).to(mean)
        known = _known[generator] = (stamp, CodePrior(mean.float(), root.float(), inverse.float()))
    return known[1]
