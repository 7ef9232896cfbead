"""The model written the plain way, with the same weights: what the library's speed is measured against.

Nothing here is clever on purpose. It follows the formulas one part, one layer and one filter at a time:

- a Python loop over the parts, the position grid embedded anew for each of them;
- a modulated 1 x 1 layer is a convolution with one group per sample;
- every part's feature map is built at its full width, and the maps are then weighted and summed;
- a FIR filter is a one-channel convolution over N * C maps, after explicit zero insertion and followed by an explicit
  choice of samples;
- the render net's weights are modulated and demodulated in every call.

The functions take the library's modules for their parameters only, so a backward pass through them fills the very
same `.grad`s.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-8


def fir(x: Tensor, gain: float = 1.0, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Zeros in between, zeros around, one convolution over N * C single maps, every `down`-th sample."""
    n, c, h, w = x.shape
    maps = x.reshape(n * c, 1, h, 1, w, 1)
    maps = F.pad(maps, (0, up - 1, 0, 0, 0, up - 1)).reshape(n * c, 1, h * up, w * up)
    maps = F.pad(maps, (pad[0], pad[1], pad[0], pad[1]))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype, device=x.device)
    maps = F.conv2d(maps, (torch.outer(taps, taps) * (gain / 64)).view(1, 1, 4, 4))
    maps = maps[:, :, ::down, ::down]
    return maps.reshape(n, c, *maps.shape[-2:])


def activate(x: Tensor, bias: Tensor | None = None) -> Tensor:
    if bias is not None:
        x = x + bias.view(1, -1, *[1] * (x.ndim - 2))
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def linear(layer, x: Tensor) -> Tensor:
    y = F.linear(x, layer.weight * layer.weight_scale, layer.bias * layer.bias_scale)
    return activate(y) if layer.activate else y


# --- local generators and fusion ------------------------------------------------------------------------------------

def embed(embedding) -> Tensor:
    """The position embedding of the plain grid: [1, C, H, W]."""
    xy = embedding.grid[None].clone()
    features = [xy]
    for band in range(embedding.bands):
        features += [torch.sin(2.0**band * xy), torch.cos(2.0**band * xy)]
    features = torch.cat(features, dim=1)
    weight = embedding.weight / math.sqrt(features.shape[1])
    return F.conv2d(features, weight[:, :, None, None])


def modulated_layer(bank, part: int, layer: int, x: Tensor, code: Tensor) -> Tensor:
    """x: [N, C, H, W], code: [N, S] -> [N, C, H, W]"""
    n, c, h, w = x.shape
    affine = bank.style_weight[part, layer] / math.sqrt(code.shape[1])
    style = F.linear(code, affine, bank.style_bias[part, layer])                               # [N, C]
    weight = bank.weight[part, layer][None] / math.sqrt(c) * style[:, None, :]                 # [N, out, in]
    weight = weight * torch.rsqrt(weight.square().sum(dim=2, keepdim=True) + EPS)
    out = F.conv2d(x.reshape(1, n * c, h, w), weight.reshape(n * c, c, 1, 1), groups=n)
    return activate(out.view(n, c, h, w), bank.bias[part, layer])


def local_part(bank, embedding, part: int, codes: Tensor) -> tuple[Tensor, Tensor]:
    """One part's local generator. codes: [N, L, S] -> features [N, O, H, W] and depth [N, 1, H, W]."""
    n, n_layers, _ = codes.shape
    x = embed(embedding)
    x = x.repeat(n, 1, 1, 1)
    c = x.shape[1]
    depth = torch.zeros(n, 1, *x.shape[-2:], dtype=x.dtype, device=x.device)
    for layer in range(n_layers):
        x = modulated_layer(bank, part, layer, x, codes[:, layer])
        if layer == bank.depth_layers - 1 and part > 0:
            head = bank.depth_weight[part - 1] * bank.depth_modulation[part - 1] / math.sqrt(c)
            depth = F.conv2d(x, head.view(1, c, 1, 1), bank.depth_bias[part - 1].view(1))
    head = bank.feature_weight[part] * bank.feature_modulation[part] / math.sqrt(c)
    return F.conv2d(x, head[:, :, None, None], bank.feature_bias[part]), depth


def local_side(G, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Expanded codes [N, P L, S] -> fused features [N, O, H, W] and coarse mask [N, P, H, W] in [-1, 1]."""
    config = G.config
    codes = codes.unflatten(1, (config.n_parts, config.local_layers))
    features, depths = [], []
    for part in range(config.n_parts):
        feature, depth = local_part(G.local, G.embedding, part, codes[:, part])
        features.append(feature), depths.append(depth)
    mask = torch.softmax(torch.cat(depths, dim=1), dim=1)                                      # [N, P, H, W]
    transparent = torch.zeros(config.n_parts, dtype=mask.dtype, device=mask.device)
    for part in config.transparent_ids:
        transparent[part] = 1.0
    solid = mask * (1 - transparent).view(1, -1, 1, 1)
    weights = mask
    if config.transparent_ids:
        weights = solid / (solid.sum(dim=1, keepdim=True) + EPS) + mask * transparent.view(1, -1, 1, 1)
    fused = (torch.stack(features, dim=1) * weights[:, :, None]).sum(dim=1)                    # [N, O, H, W]
    return fused, 2 * mask - 1


# --- render net -----------------------------------------------------------------------------------------------------

def styled_conv(conv, x: Tensor, noise: Tensor, upsample: bool) -> Tensor:
    n_in = x.shape[1]
    weight = conv.modulation.view(1, n_in, 1, 1) * conv.weight / math.sqrt(n_in * 9)
    weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + EPS)
    if upsample:
        x = fir(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), gain=4.0, pad=(1, 1))
    else:
        x = F.conv2d(x, weight, padding=1)
    return activate(x + conv.noise_strength * noise, conv.bias)


def head(layer, x: Tensor, skip: Tensor | None) -> Tensor:
    weight = layer.modulation * layer.weight / math.sqrt(x.shape[1])
    y = F.conv2d(x, weight[:, :, None, None]) + layer.bias.view(1, -1, 1, 1)
    return y if skip is None else y + fir(skip, gain=4.0, up=2, pad=(2, 1))


def render(G, features: Tensor, coarse_mask: Tensor, noise=None) -> tuple[Tensor, Tensor]:
    net, config = G.render, G.config
    noise = net.stored_noise if noise is None else noise
    x = F.adaptive_avg_pool2d(features, config.min_feat_size)
    image = mask = None
    for i, stage in enumerate(net.stages):
        if x.shape[-1] == config.coarse_size:
            x = torch.cat([x, features], dim=1)
        x = styled_conv(stage.up, x, noise[2 * i], upsample=True)
        x = styled_conv(stage.conv, x, noise[2 * i + 1], upsample=False)
        image, mask = head(stage.to_image, x, image), head(stage.to_mask, x, mask)
        if config.mask_residual and mask.shape[-1] == config.coarse_size:
            mask = mask + coarse_mask
    return image, mask


# --- whole networks -------------------------------------------------------------------------------------------------

def mapping(G, z: Tensor) -> Tensor:
    w = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + EPS)
    for layer in G.mapping.layers:
        w = linear(layer, w)
    return w


def generate(G, codes: Tensor, noise=None) -> tuple[Tensor, Tensor, Tensor]:
    """Expanded codes [N, P L, S] -> image, mask scores, coarse mask."""
    features, coarse_mask = local_side(G, codes)
    return *render(G, features, coarse_mask, noise), coarse_mask


def equal_conv(layer, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, layer.weight / math.sqrt(layer.weight[0].numel()), stride=stride, padding=padding)


def tower(layers, x: Tensor) -> Tensor:
    first, *blocks = layers
    x = activate(equal_conv(first.conv, x), first.bias)
    for block in blocks:
        main = activate(equal_conv(block.conv1.conv, x, padding=1), block.conv1.bias)
        main = equal_conv(block.conv2.conv, fir(main, pad=(2, 2)), stride=2)
        main = activate(main, block.conv2.bias)
        # Filtered at full resolution; the strided 1 x 1 convolution then drops three samples of four.
        skip = equal_conv(block.skip, fir(x, pad=(1, 1)), stride=2)
        x = (main + skip) / math.sqrt(2)
    return x


def discriminate(D, image: Tensor, mask: Tensor | None = None) -> Tensor:
    """Image and mask -> realness score [N, 1]."""
    h = tower(D.image_tower, image)
    if mask is not None:
        h = h + tower(D.mask_tower, mask)
    n, c, height, width = h.shape
    groups = h.reshape(min(n, 4), -1, c, height, width)
    deviation = torch.sqrt(groups.var(dim=0, unbiased=False) + EPS).mean(dim=(1, 2, 3))
    deviation = deviation.repeat(min(n, 4)).view(n, 1, 1, 1).expand(n, 1, height, width)
    h = activate(equal_conv(D.final_conv.conv, torch.cat([h, deviation], dim=1), padding=1), D.final_conv.bias)
    return linear(D.final_linear[1], linear(D.final_linear[0], h.flatten(1)))
