"""Small smooth networks on which the exercises are checked, and what the losses are for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SmallDiscriminator(nn.Module):
    """Pictures [N, 3, size, size] -> scores [N, 1]; its R1 depends on its weights and on where the images are."""

    def __init__(self, size: int = 4):
        super().__init__()
        self.first, self.second = nn.Linear(3 * size * size, 5), nn.Linear(5, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(image.flatten(1))))


def score_gradient(discriminator: nn.Module, image: Tensor) -> Tensor:
    """The gradient of every sample's score with respect to its own pixels, itself differentiable."""
    image = image.detach().requires_grad_(True)
    return torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)[0]


def r1(discriminator: nn.Module, image: Tensor) -> Tensor:
    """The squared length of that gradient, mean over the batch."""
    return score_gradient(discriminator, image).square().flatten(1).sum(1).mean()


class Maker(nn.Module):
    """Codes [N, K, S] -> a smooth picture [N, 3, 2, 2]."""

    def __init__(self, k: int, s: int):
        super().__init__()
        self.linear = nn.Linear(k * s, 12)

    def forward(self, codes: Tensor) -> Tensor:
        return torch.sin(self.linear(codes.flatten(1))).view(-1, 3, 2, 2)
