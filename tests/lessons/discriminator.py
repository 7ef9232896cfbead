"""Right and wrong answers to the exercises on the dual discriminator, and what the notebook builds."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

import ssgan_lite as sg
from ssgan_lite.model.discriminator import minibatch_stddev
from ssgan_lite.model.layers import ActivatedConv2d, FIRFilter


def deviation_stub(h, group=4):
    ...     # your lines here


def with_deviation(h, group=4, blocks=False, unbiased=False, whole=False, spread=False, variance=False, late=False,
                   wide=False, first=False, alone=False, eps=True, detach=False):
    n, c, height, width = h.shape
    group = n if whole else min(n, group)
    rows = h.reshape(n // group, group, c, height, width).transpose(0, 1) if blocks else h.reshape(
        group, n // group, c, height, width)
    spread_of = rows.var(0, unbiased=unbiased) + (1e-8 if eps else 0)
    value = spread_of if variance or late else spread_of.sqrt()
    value = value.mean(1, keepdim=True) if wide else value.mean((1, 2, 3), keepdim=True)
    value = value.sqrt() if late else value
    value = value.repeat_interleave(group, 0) if blocks or spread else value.repeat(group, 1, 1, 1)
    value = value.expand(n, 1, height, width)
    value = value.detach() if detach else value
    return value if alone else torch.cat([value, h] if first else [h, value], dim=1)


def mistake(**options):
    return lambda h, group=4: with_deviation(h, group, **options)


def by_loops(h, group=4):
    n = len(h)
    group = min(n, group)
    channel = []
    for k in range(n):
        members = h[k % (n // group)::n // group]
        channel.append((((members - members.mean(0)) ** 2).mean(0) + 1e-8).sqrt().mean())
    return torch.cat([h, torch.stack(channel).view(n, 1, 1, 1).expand(n, 1, *h.shape[2:])], 1)


def within_a_sample(h, group=4):
    spread_of = (h.var((1, 2, 3), unbiased=False) + 1e-8).sqrt()
    return torch.cat([h, spread_of.view(-1, 1, 1, 1).expand(-1, 1, *h.shape[2:])], 1)


def one_for_all(h, group=4):
    out = with_deviation(h, group)
    return torch.cat([h, out[:, -1:].mean().expand(len(h), 1, *h.shape[2:])], 1)


def by_einsum(h, group=4):
    group = min(len(h), group)
    rows = h.reshape(group, -1, *h.shape[1:])
    rest = rows - torch.einsum("gmchw->mchw", rows) / group
    deviation = (torch.einsum("gmchw,gmchw->mchw", rest, rest) / group + 1e-8) ** 0.5
    channel = torch.cat([torch.einsum("mchw->m", deviation) / h[0].numel()] * group)
    return torch.cat([h, channel[:, None, None, None] * torch.ones(len(h), 1, *h.shape[2:])], 1)


def group_as_it_is(h, group=4):
    rows = h.reshape(group, -1, *h.shape[1:])
    value = (rows.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3), keepdim=True).repeat(group, 1, 1, 1)
    return torch.cat([h, value.expand(len(h), 1, *h.shape[2:])], dim=1)


def halve_stub(x):
    ...     # your lines here


def halve(x, taps=(1.0, 3.0, 3.0, 1.0), divide=64.0, pad=1, mode="constant", down=2):
    taps = torch.tensor(taps)
    kernel = torch.outer(taps, taps) / divide
    x = F.pad(x, (pad,) * 4, mode=mode)
    blurred = F.conv2d(x, kernel.expand(x.shape[1], 1, *kernel.shape), groups=x.shape[1])
    return blurred[..., ::down, ::down]


def halve_both_ways(x):
    """Right, one direction after the other."""
    c, taps = x.shape[1], torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    x = F.conv2d(x, taps.view(1, 1, 1, 4).expand(c, 1, 1, 4), padding=(0, 1), stride=(1, 2), groups=c)
    return F.conv2d(x, taps.view(1, 1, 4, 1).expand(c, 1, 4, 1), padding=(1, 0), stride=(2, 1), groups=c)


def halve_wrongly(**options):
    return lambda x: halve(x, **options)


def who_stub(discriminator, image, mask, n):
    ...     # your lines here


def who_decides(discriminator, image, mask, n, use=(0, 1), every=False, rest=False, backwards=False):
    image, mask = image.detach().requires_grad_(True), mask.detach().requires_grad_(True)
    score = discriminator(image, mask)
    wanted = [[image, mask][i] for i in use]
    gradients = torch.autograd.grad(score.sum() if every else score[n].sum(), wanted, allow_unused=True)
    sizes = sum(gradient.flatten(1).abs().sum(1) for gradient in gradients if gradient is not None)
    if isinstance(sizes, int):
        return []
    found = [k for k in sizes.nonzero().flatten().tolist() if not (rest and k == n)]
    return found[::-1] if backwards else found


def who_wrongly(**options):
    return lambda discriminator, image, mask, n: who_decides(discriminator, image, mask, n, **options)


def by_trying(discriminator, image, mask, n):
    """Right without gradients: change one sample after another."""
    before, found = discriminator(image, mask)[n], []
    for k in range(len(image)):
        other, other_mask = image.clone(), mask.clone()
        other[k] += 1
        other_mask[k] += 1
        if not torch.equal(discriminator(other, other_mask)[n], before):
            found.append(k)
    return found


def weights_stub(K):
    ...     # your lines here: return A, B, v


def weights(K, sign=-1.0, factor=1 / 0.8, one_side=False, same=False, shuffled=False):
    one = torch.eye(K)
    A = torch.cat([one, one if one_side else -one])
    B = A if same else -A
    B = B.roll(1, 1) if shuffled else B
    return A, B, sign * factor * torch.ones(2 * K)


def doubled(K):
    """Right with other numbers: twice the sum, half the weight."""
    A, B, v = weights(K)
    return 2 * A, 2 * B, v / 2


def weights_wrongly(**options):
    return lambda K: weights(K, **options)


class Pixels(nn.Module):
    """Image and mask at one input, with a switch for every mistake."""

    kernel, group, compared, bounded, additive, shift, taps = 3, 4, True, False, False, 0, (1.0, 3.0, 3.0, 1.0)
    needs_mask = flat = False

    def __init__(self, n_parts, size):
        super().__init__()
        self.n_parts, self.first = n_parts, ActivatedConv2d(3 + n_parts, 16, 3)
        self.more = nn.ModuleList(ActivatedConv2d(16, 16, 3) for _ in range(size.bit_length() - 3))
        self.last, self.head = ActivatedConv2d(17, 16, 3), nn.Linear(16 * 16, 1)
        self.alone, self.blur = nn.Linear(1, 1), FIRFilter(pad=(1, 1), down=2)

    def forward(self, image, mask=None):
        if mask is None and not self.needs_mask:
            mask = image.new_full((len(image), self.n_parts, *image.shape[2:]), -1.0)
        image = image * (0 if self.shift else 1)
        x = self.first(torch.cat([image, mask], 1))
        for layer in self.more:
            x = self.blur(layer(x)) if sum(self.taps) == 8 else layer(x)[..., ::2, ::2]
        deviation = minibatch_stddev(x, self.group) if self.group else torch.cat([x, x[:, :1] * 0], 1)
        out = self.head(self.last(deviation).flatten(1))
        if self.additive:
            out = image.square().mean((1, 2, 3))[:, None] + mask.mean((1, 2, 3))[:, None] * 2
            out = out + minibatch_stddev(image, 4)[:, -1, :1, 0] + 1e-9 * self.head(self.last(deviation).flatten(1))
        return torch.sigmoid(out) if self.bounded else out[:, 0] if self.flat else out


def pixels(**changes):
    return type("Changed", (Pixels,), changes)


ANSWERS = {
    "forgotten_division": dict(
        stub=..., right=[2**3.5, 11.3, math.sqrt(128)],
        wrong=[(128, "root of a variance"), (7 * math.sqrt(2), "added them up"), (14, "size 2"),
               (math.sqrt(2), "one block"), (1, "with the division"), (2**-3.5, "grows"), (20, "what one block does"),
               ("eleven", "one number")]),
    "with_deviation": dict(
        stub=deviation_stub, right=[with_deviation, by_loops, by_einsum],
        wrong=[(mistake(blocks=True), "blocks of neighbors"), (mistake(unbiased=True), "G - 1"),
               (mistake(whole=True), "a group has four"), (mistake(variance=True), "take the square root"),
               (mistake(late=True), "averaged first"), (mistake(wide=True), "pixel to pixel"),
               (mistake(first=True), "comes last"), (mistake(alone=True), "append it to h"),
               (mistake(spread=True), "wrong samples"), (mistake(eps=False), "inside the root"),
               (within_a_sample, "pixels of one sample"), (one_for_all, "each group is to have its own"),
               (mistake(detach=True), "is something detached"),
               (lambda h, group=4: with_deviation(h), "groups of 3"),
               (group_as_it_is, "smaller than the group"),
               (lambda h, group=4: with_deviation(2 * h), "h itself")]),
    "able_to_see_pairs": dict(
        stub=..., right=["bd", "db", "B, D", ["b", "d"]],
        wrong=[("a", "linear head"), ("bcd", "stays the same"), ("d", "something is missing"),
               ("e", "not among them"), (3, "choose from")]),
    "halve": dict(
        stub=halve_stub, right=[halve, halve_both_ways, FIRFilter(pad=(1, 1), down=2)],
        wrong=[(lambda x: x[..., ::2, ::2], "without a blur"), (lambda x: F.avg_pool2d(x, 2), "two by two"),
               (halve_wrongly(divide=1.0), "64 times"), (halve_wrongly(divide=8.0), "8 times"),
               (halve_wrongly(down=1), "not halved"), (halve_wrongly(pad=0), "too small"),
               (halve_wrongly(taps=(1.0,) * 4, divide=16.0), "weigh the same"),
               (halve_wrongly(mode="replicate"), "not a copy or a mirror"),
               (lambda x: halve(F.pad(x, (2, 0, 2, 0)), pad=0), "shifted by a pixel"),
               (lambda x: halve(x).sum(1, keepdim=True).expand(-1, x.shape[1], -1, -1) + 0, "channels are mixed"),
               (halve_wrongly(pad=2), "it should have [2, 3, 4, 6]"),
               (lambda x: halve(x).detach(), "no gradient flows"),
               (halve_wrongly(taps=(1.0, 2.0, 2.0, 1.0), divide=36.0), "outer product")]),
    "who_decides": dict(
        stub=who_stub, right=[who_decides, by_trying, lambda *args: torch.tensor(who_decides(*args)).numpy()],
        wrong=[(lambda discriminator, image, mask, n: [n], "not alone"),
               (lambda discriminator, image, mask, n: list(range(n // 4 * 4, n // 4 * 4 + 4)), "block of neighbors"),
               (who_wrongly(every=True), "score n alone"), (who_wrongly(rest=True), "itself"),
               (who_wrongly(backwards=True), "sorted"), (who_wrongly(use=(0,)), "through the mask"),
               (who_wrongly(use=(1,)), "looks at the image only"),
               (lambda discriminator, image, mask, n: list(range(n % max(len(image) // 4, 1), len(image),
                                                          max(len(image) // 4, 1))), "judges every sample alone"),
               (lambda discriminator, image, mask, n: n, "return a list"),
               (lambda *args: [[sample] for sample in who_decides(*args)], "flat list"),
               (lambda *args: [k in who_decides(*args) for k in range(len(args[1]))], "True or False"),
               (lambda *args: [sample + 1 for sample in who_decides(*args)], "you found [2, 4, 6, 8]")]),
    "agreement_weights": dict(
        stub=weights_stub, right=[weights, doubled],
        wrong=[(weights_wrongly(sign=1.0), "its sign"), (weights_wrongly(factor=1.0), "make up for the 0.8"),
               (weights_wrongly(factor=1 / 1.2), "1.2"), (weights_wrongly(one_side=True), "exchanged"),
               (weights_wrongly(same=True), "opposite sign"), (weights_wrongly(factor=0.0), "v must not be zero"),
               (lambda K: (*weights(K)[:2], weights(K)[2] * torch.tensor([1.0, -1.0]).repeat_interleave(K)), "same "
                   "sign"),
               (lambda K: (*weights(K)[:2], weights(K)[2] / 2), "each a[k] is to be compared"),
               (lambda K: weights(K)[:2], "three tensors"),
               (lambda K: (*weights(K)[:2], torch.ones(K)), "v has the shape")]),
    "pixel_discriminator": dict(stub=..., right=[Pixels], wrong=[
        (lambda *_: 3, "a class of torch modules"), (pixels(flat=True), "has the shape"),
        (pixels(bounded=True), "no sigmoid"), (pixels(needs_mask=True), "without a mask"),
        (pixels(shift=1), "of the image"), (pixels(additive=True), "belong together"),
        (pixels(group=0), "how much its group"), (pixels(group=8), "groups of four"),
        (pixels(taps=(1.0,)), "blur before"),
    ]),
}


def small_config():
    return sg.preset("nano32").replace(discriminator_channels=(4, 5, 6, 7))


DEFINITIONS = [
    dict(name="ResidualBlock", library="ssgan_lite.model.discriminator:ResidualBlock", build=lambda cls: cls(4, 6),
         inputs=lambda: (torch.randn(2, 4, 8, 8),), atol=1e-5),
    dict(name="Tower", library="ssgan_lite.model.discriminator:Tower", build=lambda cls: cls(3, (4, 6, 5)),
         inputs=lambda: (torch.randn(2, 3, 16, 16),), atol=1e-5),
    dict(name="DualBranchDiscriminator", library="ssgan_lite.model.discriminator:DualBranchDiscriminator",
         build=lambda cls: cls(small_config()), atol=1e-4,
         inputs=lambda: (torch.randn(8, 3, 32, 32), torch.randn(8, 13, 32, 32))),
]
