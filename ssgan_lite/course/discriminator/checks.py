"""Exercises on the dual discriminator: residual blocks, minibatch standard deviation, image-mask pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
    expect_tensor,
)
from ssgan_lite.data import signed_one_hot
from ssgan_lite.model.discriminator import minibatch_stddev
from ssgan_lite.model.layers import FIRFilter


@exercise(1, title="The forgotten division", minutes=3, level=1,
          solution_text="The sum of two independent signals of standard deviation s has sqrt(s^2 + s^2) = sqrt(2) "
                        "s.\nAfter seven blocks that is sqrt(2)**7 = 11.3 times as much.")
def forgotten_division(factor):
    """Say by what factor the standard deviation grows in seven blocks without the division by sqrt(2)."""
    expect_number(factor)

    def near(value: float) -> bool:
        return abs(float(factor) - value) < 0.03 * value

    expect(not near(128), "variances double in every block; a standard deviation is the root of a variance")
    expect(not near(7 * math.sqrt(2)), "the factors of the blocks multiply; you have added them up")
    expect(not near(14), "two independent signals of size 1 do not add up to size 2, and seven factors multiply")
    expect(not near(8), "those are six blocks; there are seven")
    expect(not near(16), "those are eight blocks; there are seven")
    expect(not near(math.sqrt(2)), "that is the factor of one block; there are seven, one after another")
    expect(not near(1), "that would be so with the division; here it was forgotten")
    expect(not near(2 ** -3.5), "the signal grows; you have divided where the sums multiply")
    expect(near(2**3.5), "variances of independent signals add up: ask what one block does to the standard "
                         "deviation, and then do it seven times")


def _deviation(h: Tensor, groups: Tensor, unbiased: bool = False) -> Tensor:
    """groups [G, N/G] of sample numbers -> h with the channel that these groups give."""
    channel = torch.empty(len(h))
    for members in groups.T:
        channel[members] = (h[members].var(0, unbiased=unbiased) + 1e-8).sqrt().mean()
    return _append(h, channel)


def _append(h: Tensor, channel: Tensor) -> Tensor:
    return torch.cat([h, channel.view(-1, 1, 1, 1).expand(-1, 1, *h.shape[2:])], dim=1)


@exercise(2, title="How much a group differs", minutes=12, level=2,
          solution="ssgan_lite.model.discriminator:minibatch_stddev")
def with_deviation(answer):
    """Append to h [N, C, H, W] one channel with the standard deviation of each sample's group of four."""
    h = torch.randn(8, 3, 4, 5) * torch.linspace(0.2, 2, 8).view(8, 1, 1, 1) + torch.randn(8, 3, 1, 1)
    out, wanted = answer(h), minibatch_stddev(h)
    by_modulus = torch.arange(8).reshape(4, 2)
    expect_tensor(out)
    expect(list(out.shape) != [8, 1, 4, 5], "that is the new channel alone; append it to h with torch.cat")
    expect(not close(out, torch.cat([wanted[:, -1:], wanted[:, :-1]], dim=1)), "the new channel stands in front of "
           "the others; it comes last")
    expect_shape(out, [8, 4, 4, 5])
    expect(close(out[:, :3], h), "the first C channels should be h itself, unchanged")
    expect(close(out[:, 3], out[:, 3, :1, :1].expand(8, 4, 5), 1e-6),
           "the new channel holds one number a sample; yours varies from pixel to pixel: average over channels and "
           "pixels")
    expect(not close(out, _deviation(h, torch.arange(8).reshape(2, 4).T)),
           "your groups are blocks of neighbors, 0 to 3 and 4 to 7; sample n belongs to group n mod (N / G)")
    expect(not close(out, _deviation(h, torch.arange(8).reshape(8, 1))),
           "you compare all eight samples with each other; a group has four")
    expect(not close(out, _deviation(h, by_modulus, unbiased=True)),
           "you divide the sum of squares by G - 1; the formula divides by G (unbiased=False)")
    variance = h.reshape(4, 2, 3, 4, 5).var(0, unbiased=False)
    expect(not close(out, _append(h, variance.mean((1, 2, 3)).repeat(4)), 1e-4),
           "these are variances; take the square root")
    expect(not close(out, _append(h, variance.mean((1, 2, 3)).sqrt().repeat(4)), 1e-4),
           "take the root of every pixel's variance first and average afterwards; you averaged first")
    expect(not close(out, _append(h, variance.add(1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(4))),
           "the numbers are right, but they went to the wrong samples: group g is given to samples g, g + N/G, ...")
    expect(not close(out, _append(h, (h.var((1, 2, 3), unbiased=False) + 1e-8).sqrt()), 1e-4),
           "this is how much the pixels of one sample differ from each other; compare the same pixel of the samples "
           "in a group")
    expect(not close(out, _append(h, (variance + 1e-8).sqrt().mean().expand(8))), "every sample of the batch gets "
           "the same number; each group is to have its own")
    expect_close(out, wanted, "the new channel is the mean over channels and pixels of the deviation within the "
                              "group")
    copies = torch.ones(4, 2, 3, 3, requires_grad=True)
    same = answer(copies)
    expect_close(same, minibatch_stddev(copies), "four equal samples should give the root of 1e-8: 1e-8 is added to "
                 "the variance, inside the root", atol=1e-6)
    for shape, group in (((12, 2, 3, 3), 4), ((6, 2, 2, 2), 3), ((2, 1, 4, 4), 4), ((1, 3, 2, 2), 4)):
        h = torch.randn(shape)
        few = "a batch smaller than the group is one group" if shape[0] < group else "look at your reshape"
        try:
            out = answer(h, group)
        except RuntimeError:
            expect(shape[0] >= group, f"with {shape[0]} samples it stops with an error: a batch smaller than the "
                   "group is one group of min(N, group)")
            raise
        expect_close(out, minibatch_stddev(h, group),
                     f"with {shape[0]} samples in groups of {group} the result is wrong; {few}")
    expect_same_gradients(answer, minibatch_stddev, [torch.randn(8, 2, 3, 3)],
                          "the values are right, but the gradients are not: is something detached?")


@exercise(3, title="Who can see a pair", minutes=6, level=2,
          solution_text="b and d. In a the head is linear, so D = v g(i) + v h(m) is the sum of two scores. In c the "
                        "deviation of\nthe images knows nothing of the masks, and that of the masks nothing of the "
                        "images: two scores again. In b\nevery product holds something of both (a projection "
                        "discriminator is built like this). In d a piece is\nwhat the image shows where the mask has "
                        "a part: with another mask the pieces are others.")
def able_to_see_pairs(able):
    """Say which of the designs a to d can tell true pairs from pairs whose masks were swapped."""
    expect_choice(able, "bd", {
        "a": "a: a linear head may be applied to each tower before the sum: v (g + h) = v g + v h. Which design of "
             "section 6 is that?",
        "c": "c: how much the images of a group differ does not change when masks are swapped within it, nor does "
             "how much the masks differ; the sum of the scores stays the same"})


def _halved(x: Tensor, taps: tuple[float, ...] = (1, 3, 3, 1), down: int = 2, pad: int = 1) -> Tensor:
    taps = torch.tensor(taps, dtype=torch.float)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    return F.conv2d(x, kernel.expand(x.shape[1], 1, *kernel.shape), stride=down, padding=pad, groups=x.shape[1])


@exercise(4, title="Halve without lies", minutes=10, level=2, solution="ssgan_lite.model.layers:FIRFilter",
          solution_text="The filter with `FIRFilter(pad=(1, 1), down=2)`; its kernel is made by `fir_kernel`.")
def halve(answer):
    """Blur [N, C, H, W] with [1, 3, 3, 1] both ways, padded by one zero, and keep every second sample."""
    x = torch.randn(2, 3, 8, 12) + 1.0
    out, wanted = answer(x), FIRFilter(pad=(1, 1), down=2)(x)
    expect_tensor(out)
    expect(not close(out, x[..., ::2, ::2]), "you keep every second sample without a blur")
    expect(not close(out, F.avg_pool2d(x, 2)), "this is the mean of two by two pixels; blur with [1, 3, 3, 1]")
    expect(not close(out, 64 * wanted, 1e-3), "a constant becomes 64 times as large: divide by the sum of the kernel")
    expect(not close(out, 8 * wanted, 1e-3), "a constant becomes 8 times as large: divide for both directions")
    expect(list(out.shape) != [2, 3, 7, 11] and not close(out, _halved(x, down=1)),
           "blurred, but not halved: keep every second sample")
    expect(list(out.shape) != [2, 3, 3, 5], "the result is a row and a column too small: pad with one zero on "
           "each side, and begin with sample 0 of the blurred map")
    expect_shape(out, [2, 3, 4, 6])
    expect(not close(out, F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 4, 2)),
           "all four taps weigh the same in your filter; they are 1, 3, 3, 1")
    inside = (..., slice(1, -1), slice(1, -1))
    expect(not close(out[inside], wanted[inside]) or close(out, wanted), "inside the picture this is right, but not "
           "along its edge: beyond the edge there are zeros here, not a copy or a mirror image")
    for pad in ((2, 0), (0, 2), (2, 1)):
        expect(not close(out, FIRFilter(down=2)(F.pad(x, (*pad, *pad)))[..., :4, :6]), "everything is shifted by a "
               "pixel: pad with one zero on *each* side")
    expect(not close(out, wanted.sum(1, keepdim=True).expand_as(wanted)), "the channels are mixed: every channel is "
           "filtered alone (groups = number of channels)")
    expect_close(out, wanted, "the kernel is the outer product of [1, 3, 3, 1] with itself, divided by 64, moving by "
                              "two")
    for shape in ((1, 1, 2, 2), (3, 5, 6, 4)):
        x = torch.randn(shape)
        expect_close(answer(x), FIRFilter(pad=(1, 1), down=2)(x), f"an input of shape {list(shape)} comes out wrong: "
                     "every channel is filtered alone")
    expect_same_gradients(answer, FIRFilter(pad=(1, 1), down=2), [torch.randn(2, 2, 6, 6)],
                          "the values are right, but the gradients are not")


class _Groups(nn.Module):
    """A toy discriminator: one number a sample from image and mask, then something of its whole group, as told."""

    def __init__(self, group: int, blocks: bool = False, use_image: bool = True, use_mask: bool = True):
        super().__init__()
        self.group, self.blocks, self.use_image, self.use_mask = group, blocks, use_image, use_mask

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        h = image.new_zeros(len(image))
        if self.use_image:
            h = h + image.square().mean((1, 2, 3))
        if self.use_mask:
            h = h + mask.square().mean((1, 2, 3))
        rows = h.view(-1, self.group) if self.blocks else h.view(self.group, -1).T
        rows = rows + rows.sum(1, keepdim=True)
        return (rows if self.blocks else rows.T).reshape(-1, 1)


@exercise(5, title="Who decides a score", minutes=12, level=2, solution_text="""\
def who_decides(discriminator, image, mask, n):
    image = image.detach().requires_grad_(True)
    mask = mask.detach().requires_grad_(True)
    gradients = torch.autograd.grad(discriminator(image, mask)[n].sum(), [image, mask], allow_unused=True)
    sizes = sum(gradient.flatten(1).abs().sum(1) for gradient in gradients if gradient is not None)
    return sizes.nonzero().flatten().tolist()""")
def who_decides(answer):
    """List, in order, all samples of a batch whose pixels have an influence on the score of sample n."""
    def ask(discriminator, size, n):
        found = answer(discriminator, torch.randn(size, 3, 4, 4), torch.randn(size, 2, 4, 4), n)
        found = found.tolist() if hasattr(found, "tolist") else found
        expect(isinstance(found, (list, tuple)), f"return a list of sample numbers; this is {describe(found)}")
        expect(not any(isinstance(sample, (list, tuple)) for sample in found), "return a flat list of sample "
               "numbers, like [1, 3]; yours holds lists (`nonzero()` gives one for each place it finds: add "
               "`.flatten()`)")
        expect(not any(isinstance(sample, bool) for sample in found), "return the numbers of the samples, not a True "
               "or False for each of them")
        return [int(sample) for sample in found]

    deviation = _Groups(4)
    found = ask(deviation, 8, 5)
    expect(found != [5], "sample 5 is not alone: the deviation of its group is part of its score")
    expect(found != [4, 5, 6, 7], "a group is not a block of neighbors; let the gradients tell you who belongs to it")
    expect(found != list(range(8)), "you list every sample; keep those whose gradient is not zero everywhere. Did "
           "you take the gradient of score n alone?")
    expect(found != [1, 3, 7], "sample n itself has an influence on its score, too")
    expect(sorted(found) != [1, 3, 5, 7] or found == [1, 3, 5, 7], "the list should be sorted")
    expect(found == [1, 3, 5, 7], f"for sample 5 of 8 in groups of four you found {found}")
    expect(ask(deviation, 12, 0) == [0, 3, 6, 9], "for 12 samples and n = 0 the list is wrong")
    expect(ask(_Groups(1), 6, 2) == [2], "one of our discriminators judges every sample alone; your answer assumes "
                                         "groups")
    expect(ask(_Groups(2, blocks=True), 6, 3) == [2, 3],
           "one of our discriminators makes its groups of neighbors; find out by gradients, not by a rule")
    expect(ask(_Groups(4, use_image=False), 8, 2) == [0, 2, 4, 6],
           "one of our discriminators looks at the mask only: a gradient may be None for the image "
           "(allow_unused=True), and an influence through the mask counts")
    expect(ask(_Groups(4, use_mask=False), 8, 2) == [0, 2, 4, 6],
           "one of our discriminators looks at the image only: the gradient with respect to the mask may be None")


@exercise(6, title="Agreement from one sum", minutes=20, level=3, solution_text="""\
def agreement_weights(K):
    one = torch.eye(K)
    A = torch.cat([one, -one])              # a - b, and b - a
    B = torch.cat([-one, one])
    v = -torch.ones(2 * K) / 0.8            # lrelu(d) + lrelu(-d) = 0.8 |d|
    return A, B, v""")
def agreement_weights(answer):
    """Return A, B [2K, K] and v [2K] such that lrelu(a A^T + b B^T) v = -sum |a - b|."""
    for K in (3, 1, 5):
        found = answer(K)
        expect(isinstance(found, (tuple, list)) and len(found) == 3, f"return three tensors, A, B and v; this is "
               f"{describe(found)}")
        A, B, v = found
        expect_shape(A, [2 * K, K], "A"), expect_shape(B, [2 * K, K], "B"), expect_shape(v, [2 * K], "v")
        A, B, v = A.float(), B.float(), v.float()

        def score(a, b, A=A, B=B, v=v):
            return F.leaky_relu(a @ A.T + b @ B.T, 0.2) @ v

        a, b = torch.randn(16, K), torch.randn(16, K)
        wanted = -(a - b).abs().sum(1)
        expect(not score(a, a).abs().max() > 1e-4, "two equal inputs should score 0, and do not: where a = b the sum "
               "must vanish, so one of the towers needs the opposite sign")
        expect(not close(score(a, b), -wanted, 1e-4), "the score should be highest, 0, where a and b agree; its sign "
               "is wrong")
        expect(not close(score(a, b), 0.8 * wanted, 1e-4), "nearly: lrelu(d) + lrelu(-d) is 0.8 |d|, so v must make "
               "up for the 0.8")
        expect(not close(score(a, b), 0.8 / 1.2 * wanted, 1e-4),
               "the slope below zero is 0.2, and it is subtracted: lrelu(d) + lrelu(-d) is not 1.2 |d|")
        one_sided = score(b, a)
        expect(not score(a, b).abs().max() < 1e-4, "every score is 0, whatever a and b are; v must not be zero")
        expect(not close(score(a, b), -one_sided, 1e-4), "the score changes its sign when a and b are exchanged: all "
               "of v must have the same sign, or lrelu(d) and lrelu(-d) are subtracted")
        expect(close(score(a, b), one_sided, 1e-4), "your score is not the same when a and b are exchanged; you need "
               "both a - b and b - a")
        expect(close(score(a, b), wanted, 1e-4), f"with K = {K} the score is not -sum |a - b|; each a[k] is to be "
               "compared with b[k] alone")


@exercise(7, title="Build it yourself: a discriminator that sees every pixel", minutes=60, level=3,
          solution=("ssgan_lite.model.discriminator:Tower", "ssgan_lite.model.discriminator:minibatch_stddev"),
          solution_text="One `Tower(3 + n_parts, channels)` on torch.cat([image, mask], dim=1), with a mask of -1 "
                        "where there is none, then `minibatch_stddev` and the head of section 4. The pieces:")
def pixel_discriminator(answer):
    """A discriminator at whose input image and mask are stacked."""
    parts, size, n = 5, 16, 8
    D = answer(parts, size)
    expect(isinstance(D, nn.Module), f"give a class of torch modules; calling yours gives {describe(D)}")
    image, mask = torch.randn(n, 3, size, size), signed_one_hot(torch.randint(parts, (n, size, size)), parts)
    image.requires_grad_(True), mask.requires_grad_(True)

    def run(image, mask=None):
        return answer_of(D, image) if mask is None else answer_of(D, image, mask)

    score = run(image, mask)
    expect_shape(score, [n, 1], "the score")
    huge = run(1e3 * image, 1e3 * mask)
    expect(not (0 <= huge.min() and huge.max() <= 1), "your scores stay between 0 and 1: the loss wants them raw, no "
                                                      "sigmoid")
    try:
        expect_shape(run(image), [n, 1], "the score without a mask")
    except (TypeError, RuntimeError, AttributeError):
        expect(False, "it stops with an error without a mask (`mask=None`): put something neutral in its place, such "
                      "as -1 in every channel")
    for value, name in ((image, "image"), (mask, "mask")):
        gradient, = torch.autograd.grad(score.sum(), value, retain_graph=True, allow_unused=True)
        expect(gradient is not None and (gradient.abs().sum(1) > 0).float().mean() > 0.99,
               f"not every pixel of the {name} has an influence on the score")
    with torch.no_grad():
        a, b = (x[:2].repeat(2, 1, 1, 1) for x in (image, mask))
        crossed = run(a, b[[0, 1, 1, 0]]).flatten()
        expect((crossed[0] + crossed[1] - crossed[2] - crossed[3]).abs() > 1e-5, "your score is a sum of something "
               "of the image and something of the mask; it cannot see whether the two belong together (section 6)")
        other, others = image.detach().clone(), torch.randn(2, 3, size, size)
        other[[2, 4]] = others                                                  # both in the group of sample 0
        expect(not close(run(other, mask)[0], score[0], 1e-6), "the score does not change with the other samples: "
               "the discriminator should see how much its group differs, by the minibatch standard deviation")
        other = image.detach().clone()
        other[[1, 3]] = others                                                  # in the other group
        expect(close(run(other, mask)[0], score[0], 1e-5), "sample 0 depends on samples 1 and 3; in groups of four, "
               "sample n of 8 shares its group with those of the same n mod 2")
        stripes = torch.ones(4, 3, size, size)
        stripes[..., 1::2] = -1
        plain, moved = run(0 * stripes).mean(), (run(stripes) - run(stripes.roll(1, 3))).abs().mean()
        contrast = (run(stripes) - plain).abs().mean().clamp(min=1e-6)
        expect(moved < 1.2 * contrast, "the finest stripes, moved by one pixel, change the score more than taking "
               "them away: blur before you halve")
    small = answer(3, 8)
    expect_shape(answer_of(small, torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8)), [4, 1], "the score at size 8")
