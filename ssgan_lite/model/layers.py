"""Building blocks: layers with an equalized learning rate, the scaled activation, FIR resampling, output heads.

Specification: StyleGAN2 (arXiv 1912.04958, appendix B) as SemanticStyleGAN uses it. Every stored weight is N(0, 1)
and is multiplied by 1/sqrt(fan-in) *when it is used* ("equalized learning rate", arXiv 1710.10196, section 4.1), so
that all layers learn at the same pace under Adam.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.model.precision import full_precision, strided_depthwise

SQRT2 = math.sqrt(2.0)
DEMODULATION_EPS = 1e-8


def scaled_leaky_relu(x: Tensor) -> Tensor:
    """sqrt(2) * leaky_relu(x, 0.2): the factor keeps the variance of the signal where it was.

    The convolutions below use sqrt(2) lrelu(Wx + b) = lrelu(sqrt(2) Wx + sqrt(2) b) instead: scaling the small
    weights rather than the large activations, adding the bias inside the convolution and activating in place saves
    three passes over memory, which cost as much as the convolution itself.
    """
    return F.leaky_relu(x, 0.2) * SQRT2


def channels_last_on_cpu(x: Tensor) -> Tensor:
    """The layout in memory in which a CPU convolves fastest (all channels of a pixel side by side). [N, C, H, W]

    Given to the first convolution, it is handed on by all that follow. GPUs get what they were given.
    """
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


class EqualLinear(nn.Module):
    """StyleGAN's fully connected layer with an equalized learning rate: y = x (W g / sqrt(in))^T + b g.

    The stored W starts as N(0, 1) / g. An `lr_multiplier` g below 1 makes the layer learn more slowly than the rest
    of the network, from the same first outputs; the mapping network uses 0.01.
    """

    def __init__(self, in_features: int, out_features: int, lr_multiplier: float = 1.0, activate: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.weight_scale = lr_multiplier / math.sqrt(in_features)
        self.bias_scale = lr_multiplier
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:                                                    # [N, in]
        y = F.linear(x, self.weight * self.weight_scale, self.bias * self.bias_scale)          # [N, out]
        return scaled_leaky_relu(y) if self.activate else y


class EqualConv2d(nn.Module):
    """A convolution with an equalized learning rate and without bias: stored N(0, 1), used at 1/sqrt(in * k * k)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor, bias: Tensor | None = None, gain: float = 1.0) -> Tensor:     # [N, in, H, W]
        """gain * W x + bias; the bias is taken as it is."""
        return F.conv2d(x, self.weight * (self.scale * gain), bias, stride=self.stride, padding=self.padding)


class ActivatedConv2d(nn.Module):
    """StyleGAN2's discriminator convolution: gain * lrelu(EqualConv2d(x) + bias), a strided one with `downsample`.

    With `downsample` the input is low-pass filtered first and halved in size. A `gain` other than sqrt(2) saves the
    caller a multiplication.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, downsample: bool = False,
                 gain: float = SQRT2):
        super().__init__()
        self.gain = gain
        self.blur = FIRFilter(pad=(2, 2)) if downsample else None
        self.conv = EqualConv2d(in_channels, out_channels, kernel_size, stride=2 if downsample else 1,
                                padding=0 if downsample else kernel_size // 2)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:                                                    # [N, in, H, W]
        if self.blur is not None:
            x = self.blur(x)                                                                   # [N, in, H+1, W+1]
        return F.leaky_relu_(self.conv(x, self.gain * self.bias, self.gain), 0.2)


def fir_kernel(gain: float = 1.0) -> Tensor:
    """The 4 x 4 low-pass kernel: outer product of [1, 3, 3, 1], summing to `gain`."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


class FIRFilter(nn.Module):
    """Low-pass filter, optionally with halving or doubling of the resolution: StyleGAN2's `upfirdn2d`.

    The taps are symmetric, so convolution and correlation agree. The kernel is applied as a *depthwise* convolution:
    the same numbers as a one-channel convolution over N*C maps, several times faster on a CPU. `pad` counts the zeros
    before and after each axis; with `up` they are fixed at (2, 1), which doubles the size exactly.
    """

    def __init__(self, pad: tuple[int, int] = (0, 0), gain: float = 1.0, down: int = 1, up: int = 1):
        super().__init__()
        self.register_buffer("kernel", fir_kernel(gain), persistent=False)
        self.pad, self.down, self.up = pad, down, up

    def forward(self, x: Tensor) -> Tensor:                                                    # [N, C, H, W]
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        if self.up == 2:                                                                       # [N, C, 2H, 2W]
            return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)
        before, after = self.pad
        if before != after:
            x, before = F.pad(x, (before, after, before, after)), 0
        if self.down > 1:
            return strided_depthwise(x, kernel, self.down, before)
        return F.conv2d(x, kernel, padding=before, groups=channels)


def demodulate(weight: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Scale every output channel's weights to unit length over `dims` (the input axis and the kernel's two axes).

    StyleGAN2 eq. 3: the activations keep unit variance whatever the style was, without looking at them.
    """
    return weight * torch.rsqrt(weight.square().sum(dims, keepdim=True) + DEMODULATION_EPS)


class FixedStyledConv(nn.Module):
    """StyleGAN2's styled 3 x 3 convolution with a *learned constant* style: modulate, demodulate, noise, activate.

    The render net sees no latent code, so the style is a parameter shared by all samples, and the finished weights
    can be prepared once for inference (`prepare`). With `upsample` the convolution is transposed with stride 2
    (H -> 2H + 1) and followed by the FIR filter at gain 4 (-> 2H); noise is added after the filter.
    """

    def __init__(self, in_channels: int, out_channels: int, upsample: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.modulation = nn.Parameter(torch.ones(in_channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = 1 / math.sqrt(in_channels * 9)
        self.blur = FIRFilter(pad=(1, 1), gain=4.0) if upsample else None

    def prepare(self) -> Tensor:
        """The weight as used: modulated, demodulated, and times the activation's sqrt(2). [out, in, 3, 3]"""
        return SQRT2 * demodulate(self.weight * (self.scale * self.modulation.view(1, -1, 1, 1)), dims=(1, 2, 3))

    def forward(self, x: Tensor, noise: Tensor | None, weight: Tensor | None = None) -> Tensor:
        """x: [N, in, H, W]; noise: [N or 1, 1, H', W'] or None; weight: from `prepare`, to save doing it again."""
        weight, bias = self.prepare() if weight is None else weight, SQRT2 * self.bias
        if self.blur is not None:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)                        # [N, out, 2H+1, 2W+1]
            # Not as the filter's bias: for its gradient the filter's own would be computed too, and thrown away.
            x = self.blur(x).add_(bias[:, None, None])                                         # [N, out, 2H, 2W]
        else:
            x = F.conv2d(x, weight, bias, padding=1)                                           # [N, out, H, W]
        if noise is not None:
            x = x.add_(SQRT2 * self.noise_strength * noise)
        return F.leaky_relu_(x, 0.2)


class OutputHead(nn.Module):
    """StyleGAN2's ToRGB, for image or mask: a 1 x 1 convolution with a learned constant style, bias, and the skip.

    No demodulation, no activation, no noise: y = (modulation * W / sqrt(in)) x + bias + upsample(skip).
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels))
        self.modulation = nn.Parameter(torch.ones(in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = 1 / math.sqrt(in_channels)
        self.upsample = FIRFilter(gain=4.0, up=2)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:                        # [N, in, H, W]
        weight = self.weight * (self.scale * self.modulation)
        y = F.conv2d(x, weight[:, :, None, None], self.bias)                                   # [N, out, H, W]
        return self.add_skip(y, skip)

    # Image and mask are sums over the resolutions: in bfloat16 every stage would round what those before it drew.
    @full_precision
    def add_skip(self, y: Tensor, skip: Tensor | None) -> Tensor:
        return y if skip is None else y + self.upsample(skip)
