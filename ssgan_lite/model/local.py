"""The local generators: one modulated MLP per part, all of them computed together as one bank.

SemanticStyleGAN, "Local generator". A part's generator turns the position embedding into hidden features, steered layer
by layer by its codes; after `depth_layers` layers it also says how near it is, its *pseudo-depth*. The bank holds the
parameters of all parts in tensors with a leading part axis, so that a layer of all parts of all samples is one batched
matrix product and nothing loops over parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.model.layers import SQRT2, demodulate
from ssgan_lite.model.precision import full_precision

CACHED_NUMBERS = 2**19      # activations that are kept at hand on a CPU: 2 MB, about the second-level cache


class LocalBank(nn.Module):
    """P local generators of L modulated 1 x 1 layers each, with their feature and depth heads."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        p, n, c, s = config.n_parts, config.local_layers, config.local_channels, config.style_dim
        self.depth_layers, self.detach_texture = config.depth_layers, config.detach_texture
        self.weight = nn.Parameter(torch.randn(p, n, c, c))                  # [P, L, out, in]
        self.bias = nn.Parameter(torch.zeros(p, n, c))
        self.style_weight = nn.Parameter(torch.randn(p, n, c, s))            # the affine map from code to style ...
        self.style_bias = nn.Parameter(torch.ones(p, n, c))                  # ... which starts as "change nothing"
        self.depth_weight = nn.Parameter(torch.randn(p - 1, c))              # the background has no depth head
        self.depth_modulation = nn.Parameter(torch.ones(p - 1, c))
        self.depth_bias = nn.Parameter(torch.zeros(p - 1))
        self.feature_weight = nn.Parameter(torch.randn(p, config.feature_channels, c))
        self.feature_modulation = nn.Parameter(torch.ones(p, c))
        self.feature_bias = nn.Parameter(torch.zeros(p, config.feature_channels))

    # Small beside the activations, and what is rounded here is wrong at every pixel of a part.
    @full_precision
    def modulated_weights(self, codes: Tensor) -> Tensor:
        """The weights of every layer of every part of every sample. codes: [N, P, L, S] -> [N, P, L, out, in].

        s = A w / sqrt(S) + a;  W'[o, i] = W[o, i] / sqrt(in) * s[i];  every row o of W' is then scaled to length 1.
        """
        s, c = codes.shape[-1], self.weight.shape[-1]
        style = torch.einsum("npls,plcs->nplc", codes, self.style_weight) / math.sqrt(s) + self.style_bias
        return demodulate(self.weight / math.sqrt(c) * style[..., None, :], dims=(-1,))

    def forward(self, codes: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """codes: [N, P, L, S]; embedding: [C, H, W] (shared), [P, C, H, W] or [N, P, C, H, W].

        Returns hidden features [N, P, C, H, W] and pseudo-depths [N, P, H, W], the background's being 0.
        """
        # sqrt(2) lrelu(Wx + b) = lrelu(sqrt(2) Wx + sqrt(2) b): scaling the small weights instead of the large
        # activations saves a pass over them.
        weights = (SQRT2 * self.modulated_weights(codes))                                      # [N, P, L, out, in]
        step = self.samples_at_a_time(embedding)
        slices = weights.split(step)
        embeddings = [embedding] * len(slices)
        if embedding.ndim == 5:
            embeddings = embedding.expand(len(codes), -1, -1, -1, -1).split(step)
        hidden, depths = zip(*map(self.run_layers, slices, embeddings))
        return _join(hidden), _join(depths)

    def run_layers(self, weights: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` with the weights of some samples, [n, P, L, out, in], sqrt(2) included."""
        n, p, n_layers, c, _ = weights.shape
        h, w = embedding.shape[-2:]
        bias = (SQRT2 * self.bias)[..., None].unbind(1)                                        # L of [P, C, 1]
        depths = embedding.new_zeros(n, p, h, w)
        x = embedding.flatten(-2)                                                              # [..., C, M]
        # `unbind`, not `weights[:, :, layer]`: the gradient of every such choice is a tensor of the full size.
        for layer, weight in enumerate(weights.unbind(2)):                                     # [n, P, C, C]
            if x.ndim == 2:       # all parts see the same positions: their first layers are one matrix
                x = torch.addmm(bias[0].expand(n, p, c, 1).reshape(-1, 1), weight.reshape(-1, c), x)
            else:
                x = torch.baddbmm(bias[layer].expand(n, p, c, 1).reshape(n * p, c, 1), weight.reshape(n * p, c, c),
                                  x.expand(n, p, c, h * w).reshape(n * p, c, h * w))
            x = F.leaky_relu_(x, 0.2).view(n, p, c, h * w)
            if layer == self.depth_layers - 1:
                depths = self.read_depth(x).view(n, p, h, w)
                if self.detach_texture and layer < n_layers - 1:
                    x = x.detach()
        return x.view(n, p, c, h, w), depths

    def samples_at_a_time(self, maps: Tensor) -> int:
        """How many samples to take through all layers before the next ones are begun. maps: [..., C, H, W]

        On a CPU a layer's activations should still be in the cache when the next layer, or the backward pass, wants
        them, which a large batch layer by layer would have pushed out. A GPU wants everything at once.
        """
        if maps.device.type != "cpu":
            return 1 << 30
        return max(1, CACHED_NUMBERS // (len(self.weight) * maps.shape[-3:].numel()))

    # Depths go through a softmax: where two parts compete, an error of a percent of a large depth decides.
    @full_precision
    def read_depth(self, hidden: Tensor) -> Tensor:
        """Pseudo-depths from hidden features. [n, P, C, M] -> [n, P, M]

        The background's head is zero, and so is its depth; leaving it out instead would mean a copy of all others.
        """
        c = hidden.shape[2]
        head = F.pad(self.depth_weight * self.depth_modulation / math.sqrt(c), (0, 0, 1, 0))   # [P, C]
        return torch.matmul(head[:, None], hidden).squeeze(2) + F.pad(self.depth_bias, (1, 0))[:, None]

    def compose(self, hidden: Tensor, weights: Tensor) -> Tensor:
        """Feature heads and weighted sum in one matrix product.

        sum_p a_p (F_p x_p + b_p) = [F_1 .. F_P] concat(a_p x_p) + [b_1 .. b_P] a: a weighted sum of linear maps is a
        linear map of the weighted inputs, so no part's full-width feature map is ever built.
        hidden: [N, P, C, H, W]; weights: [N, P, H, W] -> [N, O, H, W].
        """
        p, c, h, w = hidden.shape[1:]
        heads = self.feature_weight * (self.feature_modulation / math.sqrt(c))[:, None]        # [P, O, C]
        heads = heads.transpose(0, 1).reshape(1, -1, p * c)                                    # [1, O, P C]
        step, features = self.samples_at_a_time(hidden), []
        for x, a in zip(hidden.split(step), weights.to(hidden.dtype).split(step)):
            n = len(x)
            bias = torch.bmm(self.feature_bias.T.expand(n, -1, p), a.reshape(n, p, h * w))     # [n, O, M]
            weighted = (x * a[:, :, None]).view(n, p * c, h * w)
            features.append(torch.baddbmm(bias, heads.expand(n, -1, -1), weighted))
        return _join(features).unflatten(2, (h, w))


def _join(slices: Sequence[Tensor]) -> Tensor:
    return slices[0] if len(slices) == 1 else torch.cat(slices)
