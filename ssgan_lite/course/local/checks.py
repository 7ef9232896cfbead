"""Exercises on local generators: one part, all parts in one batched product, and their output heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ssgan_lite.config import preset
from ssgan_lite.course.exercises import (
    Watch,
    close,
    describe,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
)
from ssgan_lite.model.local import LocalBank

SQRT2 = math.sqrt(2.0)


@exercise(1, title="What does a shape code reach?", minutes=4, level=1,
          solution_text="Layers 0 to 5 come before the depth. In a foreground part the first two read base codes,\n"
                        "so 4 are left for the shape code; the background reads no base codes: 6.")
def predict_shape_layers(foreground, background):
    """Say how many layers one shape code steers, in a foreground part and in the background."""
    expect_number(foreground, "the first number")
    expect_number(background, "the second number")
    expect((foreground, background) != (6, 4), "the right numbers the wrong way round: the foreground part is first")
    expect(foreground != 6, "a foreground part reads base codes in its first layers; its shape code begins after "
                            "them")
    expect(foreground not in (8, 10), "after the depth was read the layers belong to the texture code")
    expect(foreground == 4, "for the foreground part, count the layers after the base layers and up to the depth")
    expect(background != 4, "the background reads no base codes: who steers its first two layers?")
    expect(background != 10, "the background has no depth head, but its texture code begins where all others do")
    expect(background == 6, "for the background, count all layers up to where the others read their depth")


def one_part(x: Tensor, weights: Tensor, biases: Tensor, depth_head: Tensor, depth_layers: int, gain: float = SQRT2,
             slope: float = 0.2, scale: float | None = None, early: int = 0,
             skip_bias: bool = False) -> tuple[Tensor, Tensor]:
    """The solution, with switches for typical mistakes."""
    hidden = [x]
    for weight, bias in zip(weights, biases, strict=False):
        x = weight @ x if skip_bias else weight @ x + bias[:, None]
        x = gain * F.leaky_relu(x, slope)
        hidden.append(x)
    scale = 1 / math.sqrt(len(depth_head)) if scale is None else scale
    return x, scale * depth_head @ hidden[depth_layers - early]


@exercise(2, title="One local generator", minutes=15, level=2,
          solution="ssgan_lite.model.local:LocalBank.run_layers",
          solution_text="def run_one_part(x, weights, biases, depth_head, depth_layers):\n"
                        "    for layer, (weight, bias) in enumerate(zip(weights, biases)):\n"
                        "        x = 2**0.5 * F.leaky_relu(weight @ x + bias[:, None], 0.2)\n"
                        "        if layer == depth_layers - 1:\n"
                        "            depth = depth_head / len(depth_head)**0.5 @ x\n"
                        "    return x, depth\n\n# The library does it for all parts of all samples:")
def run_one_part(answer):
    """Send x through all layers; return the hidden features and the depth read after `depth_layers` of them."""
    def inputs(c: int, m: int, n: int) -> list[Tensor]:
        return [torch.randn(c, m), torch.randn(n, c, c) / math.sqrt(c), torch.randn(n, c), torch.randn(c)]

    given = inputs(4, 7, 5)
    if (one_part(*given, 3)[1] > 0).all():              # some depth is negative, so that an activation is noticed
        given[3] = -given[3]
    out = answer(*given, 3)
    expect(isinstance(out, (tuple, list)) and len(out) == 2,
           f"return two tensors, hidden and depth; you return {describe(out)}")
    hidden, depth = out
    expect([getattr(item, "ndim", None) for item in out] != [1, 2], "the right way round is hidden first, then depth")
    expect_shape(hidden, [4, 7], "the hidden features")
    wanted, wanted_depth = one_part(*given, 3)
    expect(not close(hidden, one_part(*given, 3, gain=1.0)[0]), "the factor sqrt(2) of the activation is missing")
    expect(not close(hidden, one_part(*given, 3, slope=0.01)[0]),
           "leaky_relu has the slope 0.01 unless you say otherwise; here it is 0.2")
    expect(not close(hidden, one_part(*given, 3, slope=0.0)[0]),
           "a plain relu cuts off what is negative; here it is a leaky one with slope 0.2")
    expect(not close(hidden, one_part(*given, 3, skip_bias=True)[0]), "the biases are not added")
    expect(not close(hidden, one_part(given[0], given[1].mT, *given[2:], 3)[0]),
           "your weights are transposed: rows are outputs, so weight @ x")
    expect(not close(hidden, one_part(given[0], given[1][:3], given[2][:3], given[3], 3)[0]),
           "your features stop where the depth is read; they go through all layers")
    expect_close(hidden, wanted, "the hidden features are not right: each layer is weight @ x + bias, then sqrt(2) "
                                 "leaky_relu(0.2)", what="the hidden features")
    expect_shape(depth.squeeze() if isinstance(depth, Tensor) else depth, [7], "the depth")
    depth = depth.squeeze()
    expect(not close(depth, one_part(*given, 5)[1]),
           "the depth is read from the last layer; it should be read after `depth_layers` layers")
    expect(not close(depth, one_part(*given, 4)[1]),
           "the depth is read one layer too late: after `depth_layers` layers means in the round with the number "
           "depth_layers - 1")
    expect(not close(depth, one_part(*given, 2)[1]), "the depth is read one layer too early")
    expect(not close(depth, one_part(*given, 3, scale=1.0)[1]),
           "the depth head is used at 1 / sqrt(C) of its stored size")
    for gain in (1.0, SQRT2):
        expect(not close(depth, gain * F.leaky_relu(wanted_depth, 0.2)),
               "the depth has no activation: it may be as negative as it likes")
    expect_close(depth, wanted_depth, "the depth is not right: depth_head / sqrt(C), times the features after "
                                      "`depth_layers` layers", what="the depth")
    for c, m, n, d in ((3, 1, 4, 4), (5, 6, 2, 1)):
        given = inputs(c, m, n)
        out = answer(*given, d)
        for ours, theirs in zip(out, one_part(*given, d), strict=False):
            expect_close(ours.reshape(theirs.shape), theirs,
                         f"with {n} layers and the depth after {d} of them the result is wrong")
    expect_same_gradients(lambda *args: answer(*args, 3), lambda *args: one_part(*args, 3), inputs(3, 4, 5),
                          "the values are right, but their gradients are not")


def all_parts(x: Tensor, weights: Tensor, bias: Tensor, gain: float = SQRT2, slope: float = 0.2) -> Tensor:
    return gain * F.leaky_relu(weights @ x + bias[..., None], slope)


@exercise(3, title="A layer of all parts", minutes=15, level=2,
          solution="ssgan_lite.model.local:LocalBank.run_layers",
          solution_text="def layer_of_all_parts(x, weights, bias):\n"
                        "    n, p, c, m = x.shape\n"
                        "    bias = bias[..., None].expand(n, p, c, 1).reshape(n * p, c, 1)\n"
                        "    y = torch.baddbmm(bias, weights.reshape(n * p, c, c), x.reshape(n * p, c, m))\n"
                        "    return 2**0.5 * F.leaky_relu(y, 0.2).view(n, p, c, m)\n\n# In the library:")
def layer_of_all_parts(answer):
    """Compute one layer of all parts of all samples without a loop, activation included."""
    n, p, c, m = 3, 2, 4, 5
    x, weights, bias = torch.randn(n, p, c, m), torch.randn(n, p, c, c), torch.randn(p, c)
    out = answer(x, weights, bias)
    expect(not close(out, weights @ x + bias[..., None]), "the activation is missing")
    expect(not close(out, all_parts(x, weights, bias, gain=1.0)), "the factor sqrt(2) of the activation is missing")
    expect(not close(out, F.leaky_relu(SQRT2 * (weights @ x) + bias[..., None], 0.2)),
           "the factor sqrt(2) was moved into the weights but not into the bias")
    expect(not close(out, all_parts(x, weights.mT, bias)), "your weights are transposed: rows are outputs")
    expect(not close(out, all_parts(x, weights, 0 * bias)), "the bias is not added")
    mixed = bias.repeat_interleave(n, dim=0).view(n, p, c)
    expect(not close(out, all_parts(x, weights, mixed)),
           "the biases went to the wrong parts: flattened, samples and parts lie in the order sample 0 part 0, "
           "sample 0 part 1, ..., so the biases of all parts have to be repeated as a block for every sample")
    expect(not close(out, all_parts(x, weights[:1], bias)),
           "all samples get the weights of the first; every sample has weights of its own")
    wanted = all_parts(x, weights, bias)
    expect(not close(out, wanted.flatten(0, 1)), "split the axis of the batch again: [N P, C, M] -> [N, P, C, M]")
    expect_close(out, wanted, "for every sample and part it should be sqrt(2) leaky_relu(weights @ x + bias, 0.2)")
    for n, p, c, m in ((1, 5, 3, 2), (2, 1, 2, 1)):
        x, weights, bias = torch.randn(n, p, c, m), torch.randn(n, p, c, c), torch.randn(p, c)
        expect_close(answer(x, weights, bias), all_parts(x, weights, bias), f"with N = {n} and P = {p} it is wrong")
    counts = []
    for p in (2, 12):
        with Watch() as watch:
            answer(torch.randn(2, p, 3, 4), torch.randn(2, p, 3, 3), torch.randn(p, 3))
        counts.append(watch.operations)
    expect(counts[1] <= counts[0] + 4,
           "right, but in a loop: with more parts you need more operations. One product can do all parts")
    expect_same_gradients(answer, all_parts, [torch.randn(2, 3, 2, 4), torch.randn(2, 3, 2, 2), torch.randn(3, 2)],
                          "the values are right, but their gradients are not")


def composed(heads: Tensor, biases: Tensor, hidden: Tensor, weights: Tensor) -> Tensor:
    return (torch.einsum("poc,npchw->nohw", heads, hidden * weights[:, :, None])
            + torch.einsum("po,nphw->nohw", biases, weights))


@exercise(4, title="One product for all heads", minutes=20, level=3,
          solution="ssgan_lite.model.local:LocalBank.compose")
def compose_at_once(answer):
    """Weight the hidden features of all parts first, then apply all feature heads as one product."""
    n, p, o, c, h, w = 2, 3, 5, 4, 3, 6
    heads, biases = torch.randn(p, o, c), torch.randn(p, o)
    hidden, weights = torch.randn(n, p, c, h, w), torch.rand(n, p, h, w)          # weights need not sum to 1
    out, wanted = answer(heads, biases, hidden, weights), composed(heads, biases, hidden, weights)
    expect_shape(out, [n, o, h, w])
    expect(not close(out, composed(heads, 0 * biases, hidden, weights), atol=1e-4), "the biases are missing")
    expect(not close(out, composed(heads, 0 * biases, hidden, weights) + biases.sum(0)[:, None, None], atol=1e-4),
           "every bias is added in full; b_p has to be weighted by a_p as well")
    expect(not close(out, composed(heads, 0 * biases, hidden, weights) + biases.mean(0)[:, None, None], atol=1e-4),
           "you average the biases; b_p has to be weighted by a_p")
    expect(not close(out, composed(heads, biases, hidden, torch.ones_like(weights)), atol=1e-4),
           "the parts are added up without their weights")
    wide = heads.reshape(o, p * c)
    tall = (hidden * weights[:, :, None]).flatten(1, 2)
    expect(not close(out, torch.einsum("oi,nihw->nohw", wide, tall) + torch.einsum("po,nphw->nohw", biases, weights),
                     atol=1e-4),
           "the wide matrix is mixed up: a reshape of [P, O, C] does not put the heads side by side; the O axis has "
           "to come first, [O, P, C], before P and C are joined")
    expect(not close(out, composed(heads / c**0.5, biases, hidden, weights), atol=1e-4), "the heads that your "
           "function is given are used as they are: leave 1 / sqrt(C) out")
    expect_close(out, wanted, "the sum over parts of a_p (F_p x_p + b_p) is not right", atol=1e-4)
    heads, biases = torch.randn(1, 2, 3), torch.randn(1, 2)
    hidden, weights = torch.randn(3, 1, 3, 2, 2), torch.rand(3, 1, 2, 2)
    expect_close(answer(heads, biases, hidden, weights), composed(heads, biases, hidden, weights),
                 "with a single part it is wrong", atol=1e-4)
    p, o, c, size = 6, 32, 2, 8
    with Watch() as watch:
        answer(torch.randn(p, o, c), torch.randn(p, o), torch.randn(2, p, c, size, size),
               torch.rand(2, p, size, size))
    expect(watch.largest < 2 * p * o * size * size,
           f"the sum is right, but on the way you build a tensor of {watch.largest:,} numbers, O channels for every "
           "part. Weight the hidden features first, join parts and channels, and multiply once")
    inputs = [torch.randn(2, 3, 2), torch.randn(2, 3), torch.randn(1, 2, 2, 3, 3), torch.rand(1, 2, 3, 3)]
    expect_same_gradients(answer, composed, inputs, "the values are right, but their gradients are not")


@exercise(5, title="Who can learn what?", minutes=5, level=2,
          solution_text="a, b and d. What happens after the cut can change (a, b). Features send nothing back to "
                        "the\nshape layers any more (not c), but the depth does: it decides which part is seen, and "
                        "so the\nimage loss still teaches shapes where to be (d).")
def choose_what_detached_layers_learn(letters):
    """Choose the ways in which the picture can still be mended when texture is detached."""
    expect_choice(letters, "abd", {
        "c": "that is the way that is cut: features after the cut send no gradient back into the shape layers"})


def solve_some_parts(bank, codes, embedding, parts):
    """Hidden features and depths of some parts of a bank alone, each by `LocalBank.run_part`."""
    n, (c, h, w), hidden, depths = len(codes), embedding.shape, [], []
    x = embedding.flatten(1).expand(n, c, h * w)
    for part in parts:
        middle, last = bank.run_part(part, codes[:, part], x)                                  # [N, C, M] each
        hidden.append(last)
        depths.append(bank.read_depth(middle[:, None], slice(part, part + 1))[:, 0])           # [N, M]
    return torch.stack(hidden, 1).view(n, len(parts), c, h, w), torch.stack(depths, 1).view(n, len(parts), h, w)


@exercise(6, title="Build it yourself: compute only what changed", minutes=40, level=3, solution=(
    "ssgan_lite.course.local.checks:solve_some_parts", "ssgan_lite.model.local:LocalBank.run_part"))
def some_parts(answer):
    """Hidden features and depths of the parts asked for, without computing the others."""
    config = preset("nano32")
    bank = LocalBank(config)
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    n, size = 2, 6
    codes = torch.randn(n, config.n_parts, config.local_layers, config.style_dim)
    embedding = torch.randn(config.local_channels, size, size)
    with torch.no_grad():
        hidden, depths = bank(codes, embedding)
        for parts in ([7, 2], [0, 5], [12]):
            out = answer(bank, codes, embedding, list(parts))
            expect(isinstance(out, (tuple, list)) and len(out) == 2, "return two tensors, hidden features and "
                                                                     f"depths; you return {describe(out)}")
            expect_shape(out[0], list(hidden[:, parts].shape), f"for parts {parts} the hidden features")
            expect_shape(out[1], list(depths[:, parts].shape), f"for parts {parts} the depths")
            if len(parts) > 1:
                flipped = parts[::-1]
                expect(not close(out[0], hidden[:, flipped], 1e-3), "the parts come in another order than they were "
                                                                    "asked for")
            if 0 in parts:
                expect(close(out[1][:, 0], depths[:, 0], 1e-4), "the depth of the background, part 0, is 0; the bank "
                       "has no depth head for it, so the head of part p is number p - 1")
            expect(close(out[0], hidden[:, parts], 1e-3, 1e-3), f"the hidden features of parts {parts} are not those "
                                                                "of the whole bank")
            expect(close(out[1], depths[:, parts], 1e-3, 1e-3), f"the hidden features of parts {parts} are right, "
                                                                "their depths are not")
        with FlopCounterMode(display=False) as one:
            answer(bank, codes, embedding, [3])
        with FlopCounterMode(display=False) as everything:
            bank(codes, embedding)
    share = one.get_total_flops() / everything.get_total_flops()
    expect(share < 0.3, f"the numbers are right, but for one part of thirteen you do {share:.0%} of the arithmetic "
                        "of the whole bank: take the part's slices before you multiply")
