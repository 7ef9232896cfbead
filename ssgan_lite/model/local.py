"""The local generators: one modulated MLP per part, all of them computed together as one bank.

SemanticStyleGAN, "Local generator". A part's generator turns the position embedding into hidden features, steered layer by layer by its
codes; after `depth_layers` layers it also says how near it is, its *pseudo-depth*. The bank holds the parameters of
all parts in tensors with a leading part axis, so that a layer of all parts of all samples is one batched matrix
product and nothing loops over parts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.model.layers import SQRT2, demodulate


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
        n, p, n_layers, _ = codes.shape
        c, h, w = embedding.shape[-3:]
        # sqrt(2) lrelu(Wx + b) = lrelu(sqrt(2) Wx + sqrt(2) b): scaling the small weights instead of the large
        # activations saves a pass over them.
        weights = (SQRT2 * self.modulated_weights(codes)).transpose(1, 2).reshape(n, n_layers, p * 1, c, c)
        bias = (SQRT2 * self.bias)[..., None]                                                  # [P, L, C, 1]
        x = embedding.expand(n, p, c, h, w).reshape(n * p, c, h * w)
        depths = x.new_zeros(n, p, h, w)
        for layer in range(n_layers):
            layer_bias = bias[:, layer].expand(n, p, c, 1).reshape(n * p, c, 1)
            x = F.leaky_relu_(torch.baddbmm(layer_bias, weights[:, layer].reshape(n * p, c, c), x), 0.2)
            if layer == self.depth_layers - 1:
                depths = self.read_depth(x.view(n, p, c, h * w)).view(n, p, h, w)
                if self.detach_texture and layer < n_layers - 1:
                    x = x.detach()
        return x.view(n, p, c, h, w), depths

    def read_depth(self, hidden: Tensor) -> Tensor:
        """Pseudo-depths from hidden features, the background's constant 0 in front. [N, P, C, M] -> [N, P, M]"""
        n, _, c, m = hidden.shape
        head = self.depth_weight * self.depth_modulation / math.sqrt(c)                        # [P-1, C]
        foreground = torch.einsum("pc,npcm->npm", head, hidden[:, 1:]) + self.depth_bias[:, None]
        return torch.cat([foreground.new_zeros(n, 1, m), foreground], dim=1)

    def compose(self, hidden: Tensor, weights: Tensor) -> Tensor:
        """Feature heads and weighted sum in one matrix product.

        sum_p a_p (F_p x_p + b_p) = [F_1 .. F_P] concat(a_p x_p) + [b_1 .. b_P] a: a weighted sum of linear maps is a
        linear map of the weighted inputs, so no part's full-width feature map is ever built.
        hidden: [N, P, C, H, W]; weights: [N, P, H, W] -> [N, O, H, W].
        """
        n, p, c, h, w = hidden.shape
        heads = self.feature_weight * (self.feature_modulation / math.sqrt(c))[:, None]        # [P, O, C]
        heads = heads.transpose(0, 1).reshape(-1, p * c)                                       # [O, P C]
        weighted = (hidden * weights[:, :, None]).view(n, p * c, h * w)
        features = heads @ weighted + self.feature_bias.T @ weights.view(n, p, h * w)          # [N, O, H W]
        return features.view(n, -1, h, w)
