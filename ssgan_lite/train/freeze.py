"""Fine-tuning with a share of the generator frozen: those weights stay what they were, bit for bit.

    local     the local generators: what the parts are. Mapping and render net learn, as in the paper's fine-tuning
    shape     of the local generators what decides where the parts are; their textures, mapping and render net learn
    render    the render net

What is frozen reaches no optimizer and so has no state in one. Average and trained network hold the same frozen
weights, those of the average they began with, so the average cannot move either. The sections are those of
`ssgan_lite.model.sections`.
"""

from __future__ import annotations

import torch
from torch import nn

from ssgan_lite.model.generator import LatentGenerator
from ssgan_lite.model.sections import ALL, section


class Learned:
    """The weights of a generator that an optimizer may move, when a section of it is frozen.

    A tensor of which some layers are frozen, [P, L, ...], is moved through views of the others, one per part: each
    is contiguous, which fused optimizers rely on. `hand_over` gives the views their share of the gradient.
    """

    def __init__(self, generator: LatentGenerator, freeze: str):
        self.frozen = {} if freeze == "none" else section(generator, freeze)
        self.weights: list[nn.Parameter] = []
        self._views: list[tuple[nn.Parameter, int, int, nn.Parameter]] = []    # tensor, part, first layer, its view
        for name, weight in generator.named_parameters():
            layers = self.frozen.get(name)
            if layers is None:
                self.weights.append(weight)
            elif layers == ALL:
                weight.requires_grad_(False)
            else:                               # a section that is frozen by layers begins at the first one
                for part in range(len(weight)):
                    view = nn.Parameter(weight.detach()[part, layers.stop:])
                    self._views.append((weight, part, layers.stop, view))
                    self.weights.append(view)

    def hand_over(self) -> None:
        """After a backward pass: the learned layers' gradient to the views; of the frozen ones' nothing is left."""
        for weight, part, first, view in self._views:
            view.grad = None if weight.grad is None else weight.grad[part, first:]
        for weight, *_ in self._views:
            weight.grad = None

    @torch.no_grad()
    def hold(self, generator: LatentGenerator, average: LatentGenerator) -> None:
        """Put the average's frozen weights into the trained network."""
        ours, theirs = generator.state_dict(), average.state_dict()
        for name, layers in self.frozen.items():
            (ours[name] if layers == ALL else ours[name][:, layers]).copy_(
                theirs[name] if layers == ALL else theirs[name][:, layers])
