"""The local generators: one modulated MLP per part, all of them computed together as one bank.

SemanticStyleGAN (arXiv 2112.02236), "Local generator". The generator of a part turns the position embedding into
hidden features, steered layer by layer by its codes. After `depth_layers` layers it also gives its *pseudo-depth*:
the part with the largest one at a pixel is in front there (`fusion.py`).
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

CACHED_NUMBERS = 2**19      # activations to keep at hand on a CPU: 2 MB, about the size of a second-level cache
ALL = slice(None)           # of the parts


class LocalBank(nn.Module):
    """P local generators of L modulated 1 x 1 layers each, with their feature and depth heads.

    A layer is StyleGAN2's modulated, demodulated 1 x 1 convolution (arXiv 1912.04958, eq. 1 to 3), which at one
    position is a linear layer with weights of its own per sample; the heads are StyleGAN2's ToRGB.

    The parameters of all parts lie in tensors with a leading part axis. So a layer of all parts of all samples is one
    batched matrix product, and no Python loop runs over parts. N samples, P parts, L layers, S the length of a code,
    C hidden channels, O feature channels, M = H * W positions. Methods that take `parts` compute a slice of the
    parts, those that take `begin` only the layers from this one on; the editor uses both (`run_part`).
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        p, n, c, s = config.n_parts, config.local_layers, config.local_channels, config.style_dim
        self.depth_layers, self.detach_texture = config.depth_layers, config.detach_texture
        # Stored N(0, 1), scaled by 1/sqrt(fan-in) when used ("equalized learning rate"), as everywhere in the model.
        self.weight = nn.Parameter(torch.randn(p, n, c, c))                  # [P, L, out, in]
        self.bias = nn.Parameter(torch.zeros(p, n, c))
        self.style_weight = nn.Parameter(torch.randn(p, n, c, s))            # the affine map from code to style ...
        self.style_bias = nn.Parameter(torch.ones(p, n, c))                  # ... which starts as "change nothing"
        # The depth heads read C features and give one number. The background has none: its depth is 0.
        self.depth_weight = nn.Parameter(torch.randn(p - 1, c))
        self.depth_modulation = nn.Parameter(torch.ones(p - 1, c))
        self.depth_bias = nn.Parameter(torch.zeros(p - 1))
        # The feature heads widen C hidden features to the O that the render net takes.
        self.feature_weight = nn.Parameter(torch.randn(p, config.feature_channels, c))
        self.feature_modulation = nn.Parameter(torch.ones(p, c))
        self.feature_bias = nn.Parameter(torch.zeros(p, config.feature_channels))

    # Small beside the activations, and a rounding error here is in every pixel of a part.
    @full_precision
    def modulated_weights(self, codes: Tensor, parts: slice = ALL, begin: int = 0) -> Tensor:
        """The weights of every layer of every part of every sample. codes: [N, P, L, S] -> [N, P, L, out, in].

        s = A w / sqrt(S) + a;  W'[o, i] = W[o, i] / sqrt(in) * s[i];  every row o of W' is then scaled to length 1.
        """
        s, c = codes.shape[-1], self.weight.shape[-1]
        weight, style_weight = self.weight[parts, begin:], self.style_weight[parts, begin:]
        style = torch.einsum("npls,plcs->nplc", codes, style_weight) / math.sqrt(s) + self.style_bias[parts, begin:]
        return demodulate(weight / math.sqrt(c) * style[..., None, :], dims=(-1,))

    def forward(self, codes: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """codes: [N, P, L, S]; embedding: [C, H, W] (shared), [P, C, H, W] or [N, P, C, H, W].

        Returns hidden features [N, P, C, H, W] and pseudo-depths [N, P, H, W], the background's being 0.
        """
        # sqrt(2) lrelu(Wx + b) = lrelu(sqrt(2) Wx + sqrt(2) b): scaling the small weights instead of the large
        # activations saves a pass over them.
        weights = SQRT2 * self.modulated_weights(codes)                                        # [N, P, L, out, in]
        # On a CPU some samples at a time, so that their activations stay in the cache (see `samples_at_a_time`).
        step = self.samples_at_a_time(embedding)
        slices = weights.split(step)
        embeddings = [embedding] * len(slices)
        if embedding.ndim == 5:
            embeddings = embedding.expand(len(codes), -1, -1, -1, -1).split(step)
        hidden, depths = zip(*map(self._some_samples, slices, embeddings), strict=True)
        return _join(hidden), _join(depths)

    def _some_samples(self, weights: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` for the samples with these weights, [n, P, L, out, in], sqrt(2) included."""
        middle, hidden = self.run_layers(weights, embedding.flatten(-2))                       # [n, P, C, M]
        size = embedding.shape[-2:]
        return hidden.unflatten(-1, size), self.read_depth(middle).unflatten(-1, size)

    def run_layers(self, weights: Tensor, x: Tensor, parts: slice = ALL, begin: int = 0) -> tuple[Tensor, Tensor]:
        """All layers, for n samples and p parts: features [n, p, C, M] in the middle, and at the end.

        weights: [n, p, L, out, in], sqrt(2) included; x: [C, M] (shared by all), [p, C, M] or [n, p, C, M]. The
        pseudo-depth is read "in the middle", after `depth_layers` layers (x itself, if they lie before `begin`).
        """
        n, p, n_layers, c, _ = weights.shape
        m = x.shape[-1]
        bias = (SQRT2 * self.bias[parts, begin:])[..., None].expand(n, p, n_layers, c, 1)
        # From here on samples and parts are one batch axis: n * p small networks with weights of their own. `unbind`,
        # not `weights[:, layer]`: the gradient of every such choice is a tensor of the full size.
        layers = list(zip(weights.flatten(0, 1).unbind(1), bias.flatten(0, 1).unbind(1), strict=True))
        middle = x.expand(n, p, c, m)
        if x.ndim > 2:
            x = middle.reshape(n * p, c, m)
        for layer, (weight, b) in enumerate(layers, begin):                                    # [n p, out, in or 1]
            if x.ndim == 2:
                # All parts see the same positions, so all first layers together are one matrix of n * p * C rows.
                x = torch.addmm(b.reshape(-1, 1), weight.reshape(-1, c), x).view(n * p, c, m)
            else:
                x = torch.baddbmm(b, weight, x)                                                # [n p, C, M]
            x = F.leaky_relu_(x, 0.2)                          # in place: the product is needed nowhere else
            if layer == self.depth_layers - 1:
                middle = x.view(n, p, c, m)
                # An option of the paper: texture layers see shape features, but send no gradient into them.
                if self.detach_texture and layer < begin + n_layers - 1:
                    x = x.detach()
        return middle, x.view(n, p, c, m)

    def run_part(self, part: int, codes: Tensor, x: Tensor, begin: int = 0) -> tuple[Tensor, Tensor]:
        """One part alone, from layer `begin` on: `run_layers` with codes [n, L - begin, S] and x [n or 1, C, m].

        x: the position embedding at m positions, or the features that layer `begin` takes. Returns [n, C, m] twice.
        """
        alone = slice(part, part + 1)
        weights = SQRT2 * self.modulated_weights(codes[:, None], alone, begin)                 # [n, 1, L, out, in]
        middle, hidden = self.run_layers(weights, x[:, None], alone, begin)
        return middle[:, 0], hidden[:, 0]

    def samples_at_a_time(self, maps: Tensor) -> int:
        """How many samples to take through all layers before the next ones are begun. maps: [..., C, H, W]

        On a CPU the activations of a layer should still be in the cache when the next layer, or the backward pass,
        wants them; a large batch layer by layer would have pushed them out. A GPU wants everything at once.
        """
        if maps.device.type != "cpu":
            return 1 << 30
        return max(1, CACHED_NUMBERS // (len(self.weight) * maps.shape[-3:].numel()))

    # Depths go through a softmax: where two parts compete, an error of a percent of a large depth decides.
    @full_precision
    def read_depth(self, middle: Tensor, parts: slice = ALL, heads: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Pseudo-depths from the features after `depth_layers` layers. [n, p, C, M] -> [n, p, M]

        heads: what `depth_heads` gives, to save doing it again.
        """
        if self.depth_layers == 0:             # there are no features to read it from: all parts have depth 0
            return middle.new_zeros(middle.shape[0], middle.shape[1], middle.shape[3])
        weight, bias = self.depth_heads() if heads is None else heads
        return torch.matmul(weight[parts, None], middle).squeeze(2) + bias[parts, None]

    def depth_heads(self) -> tuple[Tensor, Tensor]:
        """Weights and biases of the depth heads as they are used, modulation and scale included: [P, C], [P].

        The head of the background is all zeros, and so is its depth; leaving it out would mean a copy of all others.
        """
        weight = self.depth_weight * self.depth_modulation / math.sqrt(self.depth_weight.shape[-1])      # [P - 1, C]
        return F.pad(weight, (0, 0, 1, 0)), F.pad(self.depth_bias, (1, 0))

    def feature_heads(self) -> Tensor:
        """The weights of the feature heads as they are used, modulation and scale included: [P, O, C]."""
        return self.feature_weight * (self.feature_modulation / math.sqrt(self.feature_weight.shape[-1]))[:, None]

    def compose(self, hidden: Tensor, weights: Tensor) -> Tensor:
        """Feature heads and weighted sum in one matrix product.

        sum_p a_p (F_p x_p + b_p) = [F_1 .. F_P] concat(a_p x_p) + [b_1 .. b_P] a: a weighted sum of linear maps is a
        linear map of the weighted inputs, so the feature map of a part, of full width O, is never built.
        hidden: [N, P, C, H, W]; weights: [N, P, H, W], from `fuse` -> [N, O, H, W].
        """
        p, c, h, w = hidden.shape[1:]
        heads = self.feature_heads().transpose(0, 1).reshape(1, -1, p * c)                     # [1, O, P C]
        step, features = self.samples_at_a_time(hidden), []
        for x, a in zip(hidden.split(step), weights.to(hidden.dtype).split(step), strict=True):
            n = len(x)
            bias = torch.bmm(self.feature_bias.T.expand(n, -1, p), a.reshape(n, p, h * w))     # [n, O, M]
            weighted = (x * a[:, :, None]).view(n, p * c, h * w)                               # [n, P C, M]
            features.append(torch.baddbmm(bias, heads.expand(n, -1, -1), weighted))
        return _join(features).unflatten(2, (h, w))


def _join(slices: Sequence[Tensor]) -> Tensor:
    """Slices along the sample axis; a single one is not copied."""
    return slices[0] if len(slices) == 1 else torch.cat(slices)
