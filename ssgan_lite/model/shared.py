"""Local generators that parts share: one network for several parts, told by a class code which part it draws.

Not in the paper. A `LocalBank` grows with every part; with hundreds of parts nearly all of the model would be local
generators. Here everything large (the layers, the maps from codes to styles, the wide feature head) belongs to a
generator, and a part owns K numbers, its *class code*. What differs from part to part follows from the class code by
linear maps that belong to the generator: class-conditional modulation, as conditional GANs do with whole networks
(BigGAN, arXiv 1809.11096, appendix C).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssgan_lite.config import ModelConfig
from ssgan_lite.model.local import LocalBank


class SharedBank(LocalBank):
    """A `LocalBank` whose parts with the same entry in `config.shared` have one generator.

    P parts, G generators, K numbers in a class code; L, C, S, O as in `LocalBank`. The tensors of a `LocalBank` are
    computed from fewer parameters, with g the generator of part p and e its class code:

        weight, feature_weight, depth_weight    those of g
        style_weight                            those of g, column s times 1 + (K_s e): which numbers of a code matter
        biases, style_bias, modulations         those of g, plus a linear map of e

    So every method of `LocalBank` works as it stands, and one part is as quick to compute as before.
    """

    def __init__(self, config: ModelConfig):
        nn.Module.__init__(self)
        n, c, s, o, k = (config.local_layers, config.local_channels, config.style_dim, config.feature_channels,
                         config.class_dim)
        self.depth_layers, self.detach_texture = config.depth_layers, config.detach_texture
        names = tuple(dict.fromkeys(config.shared))
        g = len(names)
        self.register_buffer("owner", torch.tensor([names.index(name) for name in config.shared]), persistent=False)
        self.class_code = nn.Parameter(torch.randn(config.n_parts, k))                         # [P, K]
        self.core_weight = nn.Parameter(torch.randn(g, n, c, c))                               # [G, L, out, in]
        self.core_style = nn.Parameter(torch.randn(g, n, c, s))
        self.core_depth = nn.Parameter(torch.randn(g, c))
        self.core_feature = nn.Parameter(torch.randn(g, o, c))
        # Everything small of a part, one after another, as an affine map of its class code. What begins as "the same
        # for all parts" in a LocalBank differs from the start here; otherwise parts would be copies of each other.
        self.small = {"gate": (s,), "style_bias": (n, c), "depth_modulation": (c,), "feature_modulation": (c,),
                      "bias": (n, c), "depth_bias": (), "feature_bias": (o,)}
        sizes = [math.prod(shape) for shape in self.small.values()]
        varied = sum(sizes[:4])                                  # gates, styles and modulations; biases begin at zero
        self.map_weight = nn.Parameter(torch.randn(g, sum(sizes), k))                          # [G, D, K]
        self.map_bias = nn.Parameter(torch.ones(g, sum(sizes)))
        with torch.no_grad():
            self.map_weight[:, varied:] = 0
            self.map_bias[:, varied:] = 0

    def of_parts(self, name: str) -> Tensor:
        """One of the small tensors, of every part: [P, ...]."""
        begin = 0
        for other, shape in self.small.items():
            end = begin + math.prod(shape)
            if other == name:
                break
            begin = end
        k = self.class_code.shape[1]
        linear = torch.einsum("pdk,pk->pd", self.map_weight[self.owner, begin:end], self.class_code) / math.sqrt(k)
        return (linear + self.map_bias[self.owner, begin:end]).unflatten(1, shape) if shape else (
            linear + self.map_bias[self.owner, begin:end])[:, 0]

    # The tensors of a LocalBank, under the names that its methods use. The background has no depth head.

    @property
    def weight(self) -> Tensor:
        return self.core_weight[self.owner]

    @property
    def bias(self) -> Tensor:
        return self.of_parts("bias")

    @property
    def style_weight(self) -> Tensor:
        return self.core_style[self.owner] * self.of_parts("gate")[:, None, None]

    @property
    def style_bias(self) -> Tensor:
        return self.of_parts("style_bias")

    @property
    def depth_weight(self) -> Tensor:
        return self.core_depth[self.owner[1:]]

    @property
    def depth_modulation(self) -> Tensor:
        return self.of_parts("depth_modulation")[1:]

    @property
    def depth_bias(self) -> Tensor:
        return self.of_parts("depth_bias")[1:]

    @property
    def feature_weight(self) -> Tensor:
        return self.core_feature[self.owner]

    @property
    def feature_modulation(self) -> Tensor:
        return self.of_parts("feature_modulation")

    @property
    def feature_bias(self) -> Tensor:
        return self.of_parts("feature_bias")
