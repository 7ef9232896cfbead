"""Right and wrong answers to the exercises on the render net, and what the notebook builds."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import ssgan_lite as sg
from ssgan_lite.model.layers import FIRFilter, fir_kernel

NANO = sg.preset("nano32")


def upsample_stub(x):
    ...  # your lines here


def spread(x):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, 2 * h, 2 * w)
    wide[..., ::2, ::2] = x
    return wide


def filtered(x, pad=(2, 1), gain=4.0):
    """The right one, with its two numbers to be spoilt."""
    c = x.shape[1]
    padded = F.pad(spread(x), (*pad, *pad))
    return F.conv2d(padded, fir_kernel(gain).expand(c, 1, 4, 4), groups=c)


def separable(x):
    taps, c = torch.tensor([1.0, 3, 3, 1]) / 4, x.shape[1]
    padded = F.pad(spread(x), (2, 1, 2, 1))
    padded = F.conv2d(padded, taps.view(1, 1, 1, 4).expand(c, 1, 1, 4), groups=c)
    return F.conv2d(padded, taps.view(1, 1, 4, 1).expand(c, 1, 4, 1), groups=c)


def by_stamps(x):
    """Right: a transposed convolution puts the zeros in between by itself."""
    return F.conv_transpose2d(x, fir_kernel(4.0).expand(x.shape[1], 1, 4, 4), stride=2, padding=1, groups=x.shape[1])


def at_odd_places(x):
    wide = torch.zeros_like(spread(x))
    wide[..., 1::2, 1::2] = x
    return F.conv2d(F.pad(wide, (2, 1, 2, 1)), fir_kernel(4.0).expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def rows_only(x):
    taps = (torch.tensor([1.0, 3, 3, 1]) / 4).view(1, 1, 1, 4).expand(x.shape[1], 1, 1, 4)
    return F.conv2d(F.pad(spread(x), (2, 1, 0, 0)), taps, groups=x.shape[1])


def channels_mixed(x):
    return F.conv2d(F.pad(spread(x), (2, 1, 2, 1)), fir_kernel(4.0).expand(x.shape[1], x.shape[1], 4, 4))


def three_channels_only(x):
    return filtered(x) if x.shape[1] == 3 else filtered(x) * 2


def chain_stub(outputs, coarse_mask, upsample):
    ...  # your lines here


def chain(outputs, coarse_mask, upsample):
    total = outputs[0]
    for i in range(len(outputs)):
        if i:
            total = outputs[i] + upsample(total)
        if total.shape == coarse_mask.shape:
            total = total + coarse_mask
    return total


def full_size(coarse_mask, outputs, upsample):
    while coarse_mask.shape[-1] < outputs[-1].shape[-1]:
        coarse_mask = upsample(coarse_mask)
    return coarse_mask


def chain_at_the_end(outputs, coarse_mask, upsample):
    return chain(outputs, torch.zeros_like(coarse_mask), upsample) + full_size(coarse_mask, outputs, upsample)


def chain_without(outputs, coarse_mask, upsample):
    return chain(outputs, torch.zeros_like(coarse_mask), upsample)


def chain_of_outputs(outputs, coarse_mask, upsample):
    return outputs[-1] + upsample(outputs[-2]) + full_size(coarse_mask, outputs, upsample)


def chain_from_its_size_on(outputs, coarse_mask, upsample):
    total = None
    for y in outputs:
        total = y if total is None else y + upsample(total)
        if total.shape[-1] >= coarse_mask.shape[-1]:
            smaller = [y] if total.shape[-1] == coarse_mask.shape[-1] else [coarse_mask[..., :1, :1], y]
            total = total + full_size(coarse_mask, smaller, upsample)
    return total


def chain_by_popping(outputs, coarse_mask, upsample):
    total = 0
    while outputs:
        y = outputs.pop(0)
        total = y + (upsample(total) if torch.is_tensor(total) else 0)
        total = total + coarse_mask if total.shape == coarse_mask.shape else total
    return total


def chain_in_place(outputs, coarse_mask, upsample):
    total = None
    for y in outputs:
        y += 0 if total is None else upsample(total)
        total = y + coarse_mask if y.shape == coarse_mask.shape else y
    return total


def chain_before_enlarging(outputs, coarse_mask, upsample):
    total = outputs[0]
    for y in outputs[1:]:
        total = y + upsample(total + coarse_mask if total.shape == coarse_mask.shape else total)
    return total


def chain_from_the_second_on(outputs, coarse_mask, upsample):
    total = outputs[0]
    for output in outputs[1:]:
        total = output + upsample(total)
        if total.shape == coarse_mask.shape:
            total = total + coarse_mask
    return total


def chain_repeated(outputs, coarse_mask, upsample):
    return chain_without(outputs, coarse_mask, upsample) + F.interpolate(coarse_mask, size=outputs[-1].shape[-1])


def seen_stub(function, x, row, column):
    ...  # your lines here


def gradient_of(function, x, row, column):
    leaf = x.detach().clone().requires_grad_()
    function(leaf)[:, :, row, column].sum().backward()
    return leaf.grad


def seen(function, x, row, column):
    return gradient_of(function, x, row, column).abs().sum(dim=1).sum(dim=0)


def seen_of_all(function, x, row, column):
    leaf = x.detach().clone().requires_grad_()
    return torch.autograd.grad(function(leaf).sum(), leaf)[0].abs().sum(dim=(0, 1))


def seen_in_place(function, x, row, column):
    if not x.requires_grad:
        return seen(function, x, row, column)
    function(x)[..., row, column].sum().backward()
    return x.grad.abs().sum(dim=(0, 1))


def seen_of_a_clone(function, x, row, column):
    leaf = x.clone().requires_grad_()
    function(leaf)[..., row, column].sum().backward()
    return leaf.grad.abs().sum(dim=(0, 1))


def seen_by_jacobian(function, x, row, column):
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v)[:, :, row, column].sum(), x.detach())
    return jacobian.abs().sum(dim=(0, 1))


def seen_with_graph(function, x, row, column):
    leaf = x.detach().clone().requires_grad_()
    out = function(leaf)[..., row, column].sum()
    return torch.autograd.grad(out, leaf, create_graph=True)[0].abs().sum(dim=(0, 1))


class ShortSighted(nn.Module):
    """A small render net, with a switch for every mistake."""

    kernel, share, raises, mixes, noisy = 3, 1.0, 0.0, 0.0, 0.0
    raw = smaller = blind = spare = False

    def __init__(self, channels, n_parts):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, self.kernel, padding=self.kernel // 2)
        if self.raw or self.spare:
            self.stamp = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)
        self.up = FIRFilter(gain=4.0, up=2)
        self.to_image, self.to_mask = nn.Conv2d(channels, 3, 1), nn.Conv2d(channels, n_parts, 1)

    def forward(self, features, coarse_mask):
        x = self.conv(0 * features if self.blind else features)
        x = self.stamp(x) if self.raw else self.up(x)
        coarse = self.up(coarse_mask)
        image = self.to_image(x) + self.raises * coarse.mean(1, keepdim=True)
        image = image + self.noisy * torch.randn_like(x[:, :1])
        mask = self.to_mask(x) + self.share * coarse + self.mixes * coarse * x.mean(1, keepdim=True)
        return (image[..., ::2, ::2], mask) if self.smaller else (image, mask)


def net(**changes):
    return type("Changed", (ShortSighted,), changes)


def mask_of(change):
    """`ShortSighted` with another mask."""
    def forward(self, features, coarse):
        image, mask = ShortSighted.forward(self, features, coarse)
        return image, change(features, coarse, mask)

    return type("OtherMask", (ShortSighted,), {"forward": forward})


ANSWERS = {
    "predict_checkerboard": dict(
        stub=..., right=[4, 4.0, torch.tensor(4)],
        wrong=[(2, "in one dimension"), (9, "9 weights"), (3, "2 apart"), (1, "plain picture"),
               (0.25, "smallest by the largest"), (16, "and multiply"), ("four", "one number")]),
    "upsample_twice": dict(
        stub=upsample_stub, right=[filtered, separable, by_stamps],
        wrong=[(lambda x: F.interpolate(x, scale_factor=2), "merely repeated"),
               (lambda x: filtered(x, gain=1.0), "four times darker"),
               (lambda x: filtered(x, gain=2.0), "gain is 2 for each axis"), (spread, "the filter is missing"),
               (lambda x: filtered(x, pad=(1, 2)), "shifted by one pixel"), (channels_mixed, "channels are mixed"),
               (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), "repeat the last pixel"),
               (lambda x: filtered(x, pad=(1, 1)), "has the "
                                                   "shape"), (lambda x: filtered(x, gain=3.0), "scaled to sum"),
               (three_channels_only, "single channel"),
               (lambda x: filtered(x, gain=16.0), "four times "
                                                  "brighter"), (lambda x: filtered(x, gain=64.0), "used as they are"),
               (at_odd_places, "odd positions"), (rows_only, "only the rows"), (lambda x: filtered(x.detach()), "no "
                   "gradient flows")]),
    "skip_chain": dict(
        stub=chain_stub, right=[chain, chain_at_the_end, chain_by_popping],
        wrong=[(chain_without, "coarse mask is missing"),
               (lambda outputs, c, up: outputs[-1], "only the last head"),
               (lambda outputs, c, up: sum(outputs), "before you add the next output"),
               (chain_of_outputs, "sum so far"), (chain_from_its_size_on, "more than once"),
               (chain_repeated, "repeating its pixels"), (chain_in_place, "changes the tensors"),
               (chain_before_enlarging, "size of the *last* output"),
               (chain_from_the_second_on, "size of the *first* output"),
               (lambda outputs, c, up: chain(outputs, c, lambda x: F.interpolate(x, scale_factor=2)),
                "with the `up` that your function is given"),
               (lambda outputs, c, up: [chain(outputs, c, up)], "should be a tensor"),
               (lambda outputs, c, up: chain(outputs, -c, up), "not subtracted"),
               (lambda outputs, c, up: chain(outputs, (c + 1) / 2, up), "where the sizes agree"),
               (lambda outputs, c, up: chain(outputs[:2], c, up), "has the shape"),
               (lambda outputs, c, up: chain(outputs, c.detach(), up), "no gradient flows")]),
    "predict_columns": dict(
        stub=..., right=[4, 4.0],
        wrong=[(6, "after* the transposed convolution"), (3, "halved "
                                                             "6"), (5, "rounded up"), (16, "rows times columns"),
               (8, "goes backward"), (12, "minding the overlap"), ("4 columns", "one number")]),
    "who_influences": dict(
        stub=seen_stub, right=[seen, seen_by_jacobian],
        wrong=[(gradient_of, "the gradient itself"),
               (lambda *args: gradient_of(*args).sum(dim=(0, 1)), "influences cancel here"),
               (lambda *args: gradient_of(*args).sum(dim=(0, 1)).abs(), "after the sum"),
               (seen_of_all, "sum of all output pixels"),
               (lambda f, x, row, column: seen(f, x, column, row), "exchanged"),
               (lambda *args: (seen(*args) > 0).float(), "but not how strong"),
               (lambda *args: gradient_of(*args)[0].abs().sum(dim=0), "only the first sample"),
               (lambda *args: gradient_of(*args).square().sum(dim=(0, 1)), "the absolute gradient of"),
               (lambda *args: seen(*args).flatten(), "has the shape"), (seen_with_graph, "hangs on the graph"),
               (seen_in_place, "has a `.grad` now"), (seen_of_a_clone, "a clone of such an x"),]),
    "short_sighted": dict(stub=..., right=[ShortSighted], wrong=[
        (lambda *_: 3, "a class of torch modules"),
        (type("One", (ShortSighted,), {"forward": lambda self, f, m: ShortSighted.forward(self, f, m)[0]}),
         "return image and mask"),
        (net(smaller=True), "the image has the shape"), (net(noisy=1.0), "no fresh random numbers"),
        (net(raises=1.0), "depends on the coarse mask"), (net(mixes=1.0), "as it is, enlarged"),
        (net(share=0.5), "0.50 larger"), (net(blind=True), "does not depend on the features"),
        (mask_of(lambda features, coarse, mask: mask + features.mean()), "of the mask depends on features"),
        (mask_of(lambda features, coarse, mask: F.interpolate(coarse, scale_factor=2)), "it has no residual"),
        (net(kernel=9), "at most 3"), (net(raw=True), "a checkerboard"), (net(spare=True), "no gradient reaches"),
    ]),
}


def noisy_conv(upsample):
    def build(cls):
        conv = cls(6, 4, upsample=upsample)
        conv.noise_strength.data += 0.3
        return conv
    return build


DEFINITIONS = [
    dict(name="FixedStyledConv", library="ssgan_lite.model.layers:FixedStyledConv", build=noisy_conv(True), atol=1e-5,
         inputs=lambda: (torch.randn(2, 6, 5, 7), torch.randn(2, 1, 10, 14))),
    dict(name="FixedStyledConv", library=
         "ssgan_lite.model.layers:FixedStyledConv", build=noisy_conv(False), atol=1e-5,
         inputs=lambda: (torch.randn(2, 6, 5, 7), torch.randn(1, 1, 5, 7))),
    dict(name="OutputHead", library="ssgan_lite.model.layers:OutputHead", build=lambda cls: cls(6, 3), atol=1e-5,
         inputs=lambda: (torch.randn(2, 6, 8, 8), torch.randn(2, 3, 4, 4))),
    dict(name="OutputHead", library="ssgan_lite.model.layers:OutputHead", build=lambda cls: cls(6, 3), atol=1e-5,
         inputs=lambda: (torch.randn(2, 6, 8, 8),)),
    dict(name="RenderNet", library="ssgan_lite.model.render:RenderNet", build=lambda cls: cls(NANO), atol=1e-3,
         inputs=lambda: (torch.randn(2, 48, 16, 16), torch.rand(2, 13, 16, 16) * 2 - 1)),
]
