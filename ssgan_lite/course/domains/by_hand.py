"""What the notebook on new domains lets the reader write: which weights learn, and weights between two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn


def learned(network: nn.Module, frozen: Sequence[str]) -> list[nn.Parameter]:
    """The weights for the optimizer: all whose names begin with none of `frozen`; the others get no gradient."""
    chosen = []
    for name, weight in network.named_parameters():
        weight.requires_grad_(not name.startswith(tuple(frozen)))
        if weight.requires_grad:
            chosen.append(weight)
    return chosen


def between(parent: Mapping[str, Tensor], child: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """For every weight (1 - share) parent + share child: Pinkney and Adler, arXiv 2010.05334, section 2.1."""
    return {name: (1 - share) * weight + share * child[name] for name, weight in parent.items()}
