"""The monolithic baseline: a StyleGAN2 of the same size that draws the whole face and its mask from one code.

StyleGAN2 (Karras et al., arXiv 1912.04958, section 2 and appendix B): a learned constant, 3 x 3 convolutions
modulated by w, outputs summed over the resolutions. Its heads give image *and* mask from the same features, so the
dual-branch discriminator, the losses and the measurements that judge `SemanticGenerator` judge it unchanged. It has
one code per layer and none per part: what an edit of one part changes elsewhere is what the comparison is about.

The render stages have the widths of the semantic model's. Its local generators have no counterpart here; their
parameters go into two more convolutions at the lowest resolution, whose width `trunk_width` chooses so that the
totals match.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model.generator import GeneratorOutput, LatentGenerator, SemanticGenerator
from ssgan_lite.model.layers import DEMODULATION_EPS, SQRT2, EqualLinear, FIRFilter
from ssgan_lite.model.mapping import MappingNetwork
from ssgan_lite.model.precision import full_precision


class MonolithicLayout:
    """One code per layer: convolution k takes code k, the head after it code k + 1, as in StyleGAN2."""

    def __init__(self, n_latent: int, style_dim: int):
        self.n_latent, self.style_dim = n_latent, style_dim

    def __getitem__(self, address) -> int:
        if isinstance(address, tuple) and address[0] == "layer" and 0 <= address[1] < self.n_latent:
            return address[1]
        raise UserError(f"The monolithic model has no codes of its own for {address}; it has one per layer: "
                        f'layout["layer", 0] to layout["layer", {self.n_latent - 1}].')

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"layer_{i}" for i in range(self.n_latent))

    def to_w_plus(self, w: Tensor) -> Tensor:
        """[N, S] -> [N, n_latent, S] by repetition; a W+ code is returned as it is."""
        if w.ndim == 2 and w.shape[1] == self.style_dim:
            return w[:, None].expand(-1, self.n_latent, -1)
        if w.ndim == 3 and w.shape[1:] == (self.n_latent, self.style_dim):
            return w
        raise UserError(f"A latent code of shape {list(w.shape)} does not fit this model: it takes "
                        f"[N, {self.style_dim}] or [N, {self.n_latent}, {self.style_dim}].")

    expand = to_w_plus

    def draw_mixing(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """The first layer that takes the other face's code, uniform on 1 ... n_latent - 1: [N]."""
        return torch.randint(1, self.n_latent, (n_samples,), generator=generator,
                             device=generator.device if generator is not None else None)

    def mix(self, w_a: Tensor, w_b: Tensor, choice: Tensor | Sequence[int]) -> Tensor:
        """Style mixing: face a up to the crossing `choice` [N], face b from there on. W+ [N, n_latent, S]."""
        a, b = self.to_w_plus(w_a), self.to_w_plus(w_b)
        from_b = torch.arange(self.n_latent, device=a.device) >= torch.as_tensor(choice, device=a.device)[:, None]
        return torch.where(from_b[..., None], b, a)


class StyleMap(EqualLinear):
    """The affine map from a code to a style; its bias starts at 1, which is "change nothing"."""

    def __init__(self, style_dim: int, channels: int):
        super().__init__(style_dim, channels)
        nn.init.ones_(self.bias)

    forward = full_precision(EqualLinear.forward)        # a handful of numbers that scale whole feature maps


class StyledConv(nn.Module):
    """StyleGAN2's styled 3 x 3 convolution: modulate by w, demodulate, noise, activate; optionally twice the size.

    StyleGAN2 eq. 1 to 3 with the style on the *activations*: y = d * conv(s * x), d[n, o] = 1 / sqrt(sum_i s[n, i]^2
    sum_k W[o, i, k]^2). Scaling inputs and outputs is the same as scaling the weights, and one convolution with
    shared weights serves the batch. The activation's sqrt(2) is on what goes in: sqrt(2) lrelu(x) = lrelu(sqrt(2) x).
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, upsample: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.style = StyleMap(style_dim, in_channels)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = 1 / math.sqrt(in_channels * 9)
        self.blur = FIRFilter(pad=(1, 1), gain=4.0) if upsample else None

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """x: [N, in, H, W]; w: [N, S]; noise: [N or 1, 1, H', W']."""
        weight = self.weight * self.scale
        style, demodulation = self.modulate(w, weight)                                         # [N, in], [N, out]
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.blur is not None:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))             # [N, out, 2H, 2W]
        else:
            x = F.conv2d(x, weight, padding=1)                                                 # [N, out, H, W]
        x = x * (SQRT2 * demodulation).to(x.dtype)[:, :, None, None]
        x = x + (SQRT2 * self.noise_strength * noise).to(x.dtype) + (SQRT2 * self.bias).to(x.dtype)[:, None, None]
        return F.leaky_relu_(x, 0.2)

    # A quotient of sums of squares: its rounding errors scale whole feature maps.
    @full_precision
    def modulate(self, w: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Style and demodulation of every sample: [N, in], [N, out]."""
        style = self.style(w)
        return style, torch.rsqrt(style.square() @ weight.square().sum(dim=(2, 3)).T + DEMODULATION_EPS)


class StyledHead(nn.Module):
    """StyleGAN2's ToRGB, for image and mask together: 1 x 1, modulated by w, not demodulated, plus the skip."""

    def __init__(self, in_channels: int, out_channels: int, style_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels))
        self.style = StyleMap(style_dim, in_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = 1 / math.sqrt(in_channels)
        self.upsample = FIRFilter(gain=4.0, up=2)

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:                    # [N, in, H, W]
        x = x * self.style(w).to(x.dtype)[:, :, None, None]
        y = F.conv2d(x, (self.weight * self.scale)[:, :, None, None], self.bias)               # [N, 3 + P, H, W]
        return self.add_skip(y, skip)

    # Image and mask are sums over the resolutions: in bfloat16 every stage would round what those before it drew.
    @full_precision
    def add_skip(self, y: Tensor, skip: Tensor | None) -> Tensor:
        return y if skip is None else y + self.upsample(skip)


class SynthesisNet(nn.Module):
    """Codes [N, n_latent, S] -> image [N, 3, R, R] and mask scores [N, P, R, R]."""

    def __init__(self, config: ModelConfig, trunk: int):
        super().__init__()
        s, widths = config.style_dim, config.render_channels
        self.start_size = config.min_feat_size
        self.constant = nn.Parameter(torch.randn(1, trunk, self.start_size, self.start_size))
        pairs = [(trunk, trunk)] * 2 + [p for a, b in itertools.pairwise((trunk, *widths)) for p in ((a, b), (b, b))]
        self.convs = nn.ModuleList(StyledConv(a, b, s, upsample=i >= 2 and i % 2 == 0)
                                   for i, (a, b) in enumerate(pairs))
        self.heads = nn.ModuleList(StyledHead(width, 3 + config.n_parts, s) for width in widths)
        for i, size in enumerate(self.noise_sizes):
            self.register_buffer(f"noise_{i}", torch.randn(1, 1, size, size))

    @property
    def noise_sizes(self) -> list[int]:
        """Height of every noise plane, in the order of the convolutions."""
        return [self.start_size * 2 ** (i // 2) for i in range(len(self.convs))]

    @property
    def stored_noise(self) -> list[Tensor]:
        """The planes that are kept with the weights: [1, 1, s, s] each."""
        return [getattr(self, f"noise_{i}") for i in range(len(self.convs))]

    def draw_noise(self, n_samples: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh planes for n samples: [N, 1, s, s] each; a generator on the model's device makes them repeatable."""
        device = self.noise_0.device
        return [torch.randn(n_samples, 1, s, s, generator=generator, device=device) for s in self.noise_sizes]

    def forward(self, codes: Tensor, noise: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        noise = self.stored_noise if noise is None else noise
        if [plane.shape[-1] for plane in noise] != self.noise_sizes:
            raise UserError(f"This model needs noise planes of sizes {self.noise_sizes}, not "
                            f"{[plane.shape[-1] for plane in noise]}; `render.draw_noise` makes them.")
        x = self.constant.expand(len(codes), -1, -1, -1)                                       # [N, T, m, m]
        skip = None
        for i, conv in enumerate(self.convs):
            x = conv(x, codes[:, i], noise[i])
            if i >= 2 and i % 2:
                skip = self.heads[(i - 3) // 2](x, codes[:, i + 1], skip)                      # [N, 3 + P, H, W]
        return skip[:, :3], skip[:, 3:]


@functools.lru_cache
def trunk_width(config: ModelConfig) -> int:
    """The trunk width with which the total number of parameters comes nearest to the semantic model's.

    The constant, whose size is that of the pictures, does not count: so the width is the same in every size of one
    family, and a trained model can grow.
    """
    def count(network) -> int:
        return sum(parameter.numel() for name, parameter in network.named_parameters() if name != "constant")

    with torch.device("meta"):                    # shapes without memory
        semantic = SemanticGenerator(config.replace(architecture="semantic"))
        budget = count(semantic) - count(semantic.mapping)
        low, high = 1, 4096
        while high - low > 1:                     # the count grows with the width
            middle = (low + high) // 2
            low, high = (middle, high) if count(SynthesisNet(config, middle)) <= budget else (low, middle)
        return min((low, high), key=lambda width: abs(count(SynthesisNet(config, width)) - budget))


class MonolithicGenerator(LatentGenerator):
    """The baseline. Called as the semantic model is: `G(w)` takes W [N, S] or W+ [N, n_latent, S].

    Its output has no coarse mask and no depths (both None): there is nothing that composes parts.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.layout = MonolithicLayout(2 * config.render_stages + 3, config.style_dim)
        self.mapping = MappingNetwork(config.style_dim, config.mapping_layers, config.mapping_lr)
        self.render = SynthesisNet(config, trunk_width(config))

    def forward(self, w: Tensor, *, psi: float = 1.0, present: Tensor | None = None, coords: Tensor | None = None,
                noise: Sequence[Tensor] | None = None) -> GeneratorOutput:
        """From codes to image and mask; `present` and `coords` are for models with parts and must be left out."""
        if present is not None or coords is not None:
            raise UserError("The monolithic model has no parts: it can neither leave one out nor move it.")
        codes = self.layout.expand(self.truncate(w, psi))                                      # [N, n_latent, S]
        if noise is None and self.training:
            noise = self.render.draw_noise(len(codes))
        image, scores = self.render(codes, noise)
        return GeneratorOutput(image, scores, None, None, codes)
