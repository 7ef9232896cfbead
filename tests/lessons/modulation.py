"""Right and wrong answers to the exercises on modulation, and what the notebook builds."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ssgan_lite.model.layers import EqualLinear, demodulate


def stub(*_):
    ...  # your lines here


def modulated(weight, style):
    return weight * style[:, None, :, None, None]


def loop_weights(weight, style):
    rows = []
    for s in style:
        scaled = weight @ torch.diag(s)
        rows.append(scaled / (scaled.pow(2).sum(1, keepdim=True) + 1e-8).sqrt())
    return torch.stack(rows)


def loop_kernels(weight, style):
    flat = weight.flatten(2).movedim(2, 0)                               # [k k, out, in]
    scaled = torch.stack([flat * s for s in style])                      # [N, k k, out, in]
    scaled = scaled / (scaled.pow(2).sum((1, 3), keepdim=True) + 1e-8).sqrt()
    return scaled.permute(0, 2, 3, 1).unflatten(3, weight.shape[2:])


def product(x, weight, style):
    return (x * style) @ weight.T


def lengths(weight, style):
    return torch.rsqrt(style.square() @ weight.square().T + 1e-8)


def code(part, layer, base_layers, depth_layers):
    if layer >= depth_layers:
        return base_layers + 2 * part + 1
    return layer if part > 0 and layer < base_layers else base_layers + 2 * part


def wrong_background(part, layer, base_layers, depth_layers):
    return layer if layer < base_layers else code(part, layer, base_layers, depth_layers)


def no_base_codes(part, layer, base_layers, depth_layers):
    return base_layers + 2 * part + (layer >= depth_layers)


def one_base_code(part, layer, base_layers, depth_layers):
    return 0 if part > 0 and layer < base_layers else code(part, layer, base_layers, depth_layers)


def late_texture(part, layer, base_layers, depth_layers):
    return code(part, layer, base_layers, depth_layers + 1)


def early_texture(part, layer, base_layers, depth_layers):
    return code(part, layer, base_layers, depth_layers - 1)


def one_code_per_part(part, layer, base_layers, depth_layers):
    return layer if part > 0 and layer < base_layers else base_layers + part


def no_offset(part, layer, base_layers, depth_layers):
    return layer if part > 0 and layer < base_layers else 2 * part + (layer >= depth_layers)


def kept(codes, keep):
    chosen = torch.zeros(codes.shape[1], 1, dtype=torch.bool)
    chosen[keep] = True
    return chosen


def truncated(codes, mean, psi, keep):
    out = mean + psi * (codes - mean)
    out[:, keep] = codes[:, keep]
    return out


def truncated_in_place(codes, mean, psi, keep):
    rest = [k for k in range(codes.shape[1]) if k not in keep]
    codes[:, rest] = mean + psi * (codes[:, rest] - mean)
    return codes


def mix(w_a, w_b, choice, base_layers, shape_at=2, texture_at=1):
    columns = [w_a] * base_layers
    for throw in choice:
        columns += [torch.where((throw >= limit)[:, None], w_b, w_a) for limit in (shape_at, texture_at)]
    return torch.stack(columns, dim=1)


def base_from_b(w_a, w_b, choice, base_layers):
    return torch.cat([w_b[:, None].expand(-1, base_layers, -1), mix(w_a, w_b, choice, 0)], dim=1)


def one_after_the_other(w_a, w_b, choice, base_layers):
    codes = mix(w_a, w_b, choice, base_layers)
    return torch.cat([codes[:, :base_layers], codes[:, base_layers::2], codes[:, base_layers + 1::2]], dim=1)


class Conv(nn.Module):
    """A modulated convolution, with a switch for every mistake."""

    kernel, bias, gain, demodulated, one_code, stored = 3, 1.0, 1.0, True, False, 1.0

    def __init__(self, style_dim, in_channels, out_channels):
        super().__init__()
        self.to_style = EqualLinear(style_dim, in_channels)
        nn.init.constant_(self.to_style.bias, self.bias)
        self.weight = nn.Parameter(self.stored * torch.randn(out_channels, in_channels, self.kernel, self.kernel))

    def forward(self, x, w):
        n, c, h, width = x.shape
        style = self.to_style(w.mean(0, keepdim=True).expand(n, -1) if self.one_code else w)
        weight = self.weight / self.stored / (self.kernel * c**0.5) * style[:, None, :, None, None]
        if self.demodulated:
            weight = demodulate(weight, dims=(2, 3, 4))
        y = F.conv2d(x.reshape(1, n * c, h, width), self.gain * weight.flatten(0, 1), padding=self.kernel // 2,
                     groups=n)
        return y.view(n, -1, h, width)


class WithoutCode(Conv):
    def forward(self, x, w):
        return super().forward(x, torch.zeros_like(w))


class Shared(nn.Module):
    """No parameters: everything is drawn from a seed."""

    def __init__(self, *sizes):
        super().__init__()
        self.conv = [Conv(*sizes).requires_grad_(False)]

    def forward(self, x, w):
        return self.conv[0](x, w)


class Cut(Conv):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.strength = nn.Parameter(torch.ones(()))


def conv(**changes):
    return type("Changed", (Conv,), changes)


ANSWERS = {
    "modulated_kernels": dict(right=[
        loop_kernels, lambda w, s: demodulate(modulated(w, s), dims=(-3, -2, -1)),
        lambda w, s: F.normalize(torch.einsum("oiyx,ni->noiyx", w, s).flatten(2), dim=2).view(len(s), *w.shape)],
        stub=stub, wrong=[
        (lambda w, s: demodulate(modulated(w, s), dims=(1, 3, 4)), "over the output axis"),
        (modulated, "not demodulated"),
        (lambda w, s: demodulate(modulated(w, s), dims=(2,)), "over the inputs alone"),
        (lambda w, s: demodulate(modulated(w, s), dims=(3, 4)), "divides the style out again"),
        (lambda w, s: demodulate(modulated(w, s), dims=(1, 2, 3, 4)), "all weights of a sample by one length"),
        (lambda w, s: demodulate(modulated(w, s), dims=(0, 2, 3, 4)), "sum over the samples too"),
        (lambda w, s: modulated(demodulate(w, dims=(1, 2, 3)), s), "before you modulate"),
        (lambda w, s: demodulate(modulated(w, s), dims=(2, 3, 4)) * w[0].numel() ** 0.5, "root of the *mean*"),
        (lambda w, s: demodulate(modulated(w, s), dims=(2, 3, 4))[0], "shape"),
        (lambda w, s: modulated(w, s) / modulated(w, s).norm(dim=(2, 3, 4), keepdim=True), "1e-8 under the root"),
    ]),
    "modulated_product": dict(right=[lambda x, w, s: product(x, w, s) * lengths(w, s),
                        lambda x, w, s: F.linear(x * s, w) / torch.sqrt(F.linear(s**2, w**2) + 1e-8)],
                              stub=stub, wrong=[
        (product, "not demodulated yet"),
        (lambda x, w, s: product(x, w, s) * torch.rsqrt(w.square().sum(1)), "rows of W"),
        (lambda x, w, s: product(x, w, s) * torch.rsqrt(s.square().sum(1, keepdim=True)), "length of the style "
            "alone"),
        (lambda x, w, s: x @ w.T * lengths(w, s), "inputs are not"),
        (lambda x, w, s: product(x, w, s) / product(x, w, s).norm(dim=0), "measure the outputs"),
        (lambda x, w, s: product(x, w, s) * lengths(w, s) ** 2, "square root is missing"),
        (lambda x, w, s: torch.einsum("noi,ni->no", loop_weights(w, s), x), "weights of every sample"),
        (lambda x, w, s: product(x, w, s) / (product(x, w, s).square().mean(1, keepdim=True) + 1e-8).sqrt(),
         "sum_i W[o, i] s[n, i] x[n, i]"),
        (lambda x, w, s: product(x, w, s) / torch.sqrt(s @ w.square().T), "the style is squared, too"),
    ]),
    "code_of_layer": dict(right=[code], stub=stub, wrong=[
        (wrong_background, "takes no base codes"),
        (no_base_codes, "take the base codes"),
        (one_base_code, "one base code *per layer*"),
        (late_texture, "first of the texture"), (early_texture, "one too early"),
        (one_code_per_part, "two codes, one for its shape and one for its texture"),
        (no_offset, "the base codes come first"),
    ]),
    "truncate_except": dict(right=[truncated, lambda c, m, p, k: torch.where(kept(c, k), c, m + p * (c - m))],
                            stub=stub, wrong=[
        (lambda c, m, p, k: torch.where(kept(c, k), m + p * (c - m), c), "other way round"),
        (lambda c, m, p, k: m + p * (c - m), "truncate all of them"),
        (lambda c, m, p, k: torch.where(kept(c, k), c, p * c), "pull towards zero"),
        (lambda c, m, p, k: torch.where(kept(c, k), c, c + p * (c - m)), "begin at the mean"),
        (lambda c, m, p, k: torch.where(kept(c, k), c, c + p * (m - c)), "the opposite"),
        (truncated_in_place, "changes a tensor"),
        (lambda c, m, p, k: torch.where(kept(c, k[:1]), c, m + p * (c - m)), "codes not in `keep`"),
    ]),
    "mix_by_parts": dict(right=[mix], stub=stub, wrong=[
        (base_from_b, "base codes always come from a"),
        (lambda a, b, c, n: mix(a, b, 2 - c, n), "has them swapped"),
        (lambda a, b, c, n: mix(a, b, c, n, 1, 2), "it is the texture"),
        (lambda a, b, c, n: mix(a, b, c, n, 2, 2), "at a throw of 1 the texture comes from b"),
        (lambda a, b, c, n: mix(a, b, c, n, 1, 1), "the shape stays"),
        (one_after_the_other, "lie beside each other"),
    ]),
    "modulated_convolution": dict(right=[Conv], stub=..., wrong=[
        (lambda *sizes: torch.zeros(1), "a class of torch modules"),
        (type("Chopped", (Conv,), {"forward": lambda self, x, w: Conv.forward(self, x, w)[..., 1:-1, 1:-1]}),
         "the output has the shape"),
        (conv(one_code=True), "codes of the other samples"), (WithoutCode, "the style does not reach"),
        (conv(kernel=5), "more than one pixel away"), (conv(kernel=1), "eight neighbors"),
        (conv(demodulated=False), "demodulate over inputs and kernel"), (conv(gain=4.0), "should be about 1"),
        (conv(bias=0.0), "let its bias begin at 1"), (Shared, "no parameters"),
        (conv(stored=0.1), "store N(0, 1)"), (Cut, "no gradient reaches strength"),
    ]),
}

DEFINITIONS = [
    dict(name="demodulate", library="ssgan_lite.model.layers:demodulate", inputs=lambda: (
        torch.randn(3, 5), (1,))),
]
