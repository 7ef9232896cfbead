"""What the notebook on many parts computes by hand, and a generator's shape half that learns masks in seconds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.data.masks import signed_one_hot
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.layers import demodulate
from ssgan_lite.train.losses import class_weights
from ssgan_lite.train.reconstruct import depth_loss

MEASURED = Path(__file__).resolve().parents[3] / "benchmarks" / "parts_quality.json"


def measured() -> dict[str, dict]:
    """What `benchmarks/parts_quality.py` has measured: name of a run -> its row."""
    if not MEASURED.is_file():
        raise UserError('"benchmarks/parts_quality.json" is not beside the package: use a clone of the repository.')
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def part_parameters(layers: int, channels: int, style: int, features: int) -> int:
    """The parameters of one part's local generator: layers, styles, depth head, feature head."""
    layer = channels * channels + channels + channels * style + channels      # weight, bias; style's weight and bias
    depth = channels + channels + 1                                           # weight, modulation, bias
    feature = features * channels + channels + features
    return layers * layer + depth + feature


def lead(share: float, parts: int) -> float:
    """How much nearer a part must be than parts - 1 others, equally far, to have this share of the softmax."""
    return math.log(share * (parts - 1) / (1 - share))


def effective_parts(depths: Tensor) -> Tensor:
    """exp of the entropy of the softmax over parts: among how many a pixel is divided. [N, P, H, W] -> [N, H, W]"""
    log_share = torch.log_softmax(depths, dim=1)
    return torch.exp(-(log_share.exp() * log_share).sum(dim=1))


def merged(shares: Tensor, table: Tensor, groups: int) -> Tensor:
    """Shares of parts as shares of the groups that they belong to. [N, P, H, W], [P] -> [N, G, H, W]"""
    n, _, h, w = shares.shape
    return shares.new_zeros(n, groups, h, w).index_add(1, table, shares)


def conditioned(weight: Tensor, to_style: Tensor, class_code: Tensor) -> Tensor:
    """One layer's weights for every part, from one weight and the parts' class codes.

    weight: [out, in], to_style: [in, K], class_code: [P, K] -> [P, out, in], every row of length 1.
    """
    style = 1 + class_code @ to_style.T                                       # [P, in]
    return demodulate(weight * style[:, None, :], dims=(-1,))


class ShapeHalf(nn.Module):
    """Local generators up to their depths, and a free code for each of N scenes: enough to learn masks."""

    def __init__(self, config: ModelConfig, n_scenes: int):
        super().__init__()
        whole = SemanticGenerator(config.replace(local_layers=config.depth_layers))
        self.embedding, self.bank = whole.embedding, whole.local
        self.codes = nn.Parameter(torch.randn(n_scenes, config.style_dim))

    def forward(self, rows: Tensor) -> Tensor:
        """Pseudo-depths of these scenes: [n] -> [n, P, Hc, Hc]."""
        p, n_layers = self.bank.weight.shape[:2]
        codes = self.codes[rows][:, None, None].expand(-1, p, n_layers, -1)
        return self.bank(codes, self.embedding())[1]


def learn_masks(config: ModelConfig, masks: Tensor, steps: int = 90, balance: float = 0.5, batch: int = 8) -> Tensor:
    """Depths [N, P, Hc, Hc] of a `ShapeHalf` that has learned the masks [N, R, R] for some steps."""
    torch.manual_seed(0)
    shapes, parts = ShapeHalf(config, len(masks)), config.n_parts
    adam = torch.optim.Adam([p for p in shapes.parameters() if p.requires_grad], lr=0.02, betas=(0.0, 0.99))
    areas = torch.bincount(masks.flatten().long(), minlength=parts) / masks.numel()
    target, weights = signed_one_hot(masks, parts), class_weights(areas, balance)
    for step in range(steps):
        rows = torch.arange(step * batch, (step + 1) * batch) % len(masks)
        loss = depth_loss(shapes(rows), target[rows], weights)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        return shapes(torch.arange(len(masks)))


def part_ious(depths: Tensor, masks: Tensor) -> np.ndarray:
    """IoU of every part over all scenes, [P]; NaN where it is nowhere. depths: [N, P, Hc, Hc], masks: [N, R, R]"""
    p = depths.shape[1]
    drawn = F.interpolate(depths, size=masks.shape[-1], mode="bilinear").argmax(1)
    counts = torch.bincount((masks.long() * p + drawn).flatten(), minlength=p * p).view(p, p).double()
    both = counts.diag()
    return (both / (counts.sum(0) + counts.sum(1) - both)).numpy()
