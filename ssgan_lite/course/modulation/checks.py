"""Exercises on modulation, the layout of codes, truncation of some of them, and a modulated convolution."""

from __future__ import annotations

import torch
from torch import nn

from ssgan_lite.config import preset
from ssgan_lite.course.exercises import (
    Watch,
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_same_gradients,
    expect_shape,
    two_sizes,
)
from ssgan_lite.model.latents import LatentLayout
from ssgan_lite.model.layers import demodulate


@exercise(1, title="Kernels for a batch", minutes=10, level=2, solution_text=(
    "def modulated_kernels(weight, style):\n"
    "    modulated = weight * style[:, None, :, None, None]              # [N, out, in, k, k]\n"
    "    return demodulate(modulated, dims=(2, 3, 4))"))
def modulated_kernels(answer):
    """Modulate and demodulate the kernels of a convolution with a style for every sample."""
    n, k, c_out, c_in = 3, 2, *two_sizes(4, 7)
    weight, style = torch.randn(c_out, c_in, k, k), torch.randn(n, c_in) + 1

    def right(weight, style):
        return demodulate(weight * style[:, None, :, None, None], dims=(2, 3, 4))

    out, modulated = answer(weight, style), weight * style[:, None, :, None, None]
    expect_shape(out, [n, c_out, c_in, k, k], "the kernels of a batch")
    expect(not close(out, modulated), "modulated, but not demodulated: give the kernels of every output, all of its "
                                      "inputs and places together, length 1")
    expect(not close(out, demodulate(modulated, dims=(2,))), "you sum over the inputs alone; an output also collects "
                                                             "from every place of the kernel: dims (2, 3, 4)")
    expect(not close(out, demodulate(modulated, dims=(3, 4))), "every kernel has length 1 by itself, which divides "
                                                               "the style out again; the sum runs over the inputs, "
                                                               "too")
    for dims in ((1,), (1, 3, 4)):
        expect(not close(out, demodulate(modulated, dims=dims)), "your weights are demodulated over the output axis; "
                                                                 "the sum should run over the inputs and the kernel")
    expect(not close(out, demodulate(modulated, dims=(1, 2, 3, 4))), "you divide all weights of a sample by one "
                                                                     "length; every output has a length of its own")
    expect(not close(out, demodulate(modulated, dims=(0, 2, 3, 4))), "you sum over the samples too; each sample has "
                                                                     "weights of its own, and lengths of its own")
    expect(not close(out, demodulate(weight, dims=(1, 2, 3)) * style[:, None, :, None, None]),
           "you demodulate before you modulate; then the size of the style stays in. First the style, then the "
           "lengths")
    mean = modulated * torch.rsqrt(modulated.square().mean((2, 3, 4), keepdim=True) + 1e-8)
    expect(not close(out, mean), "you divide by the root of the *mean* of the squares; a length is the root of their "
                                 "sum")
    expect_close(out, right(weight, style), "W'[n, o, i] = W[o, i] s[n, i] at every place of the kernel, then all "
                                            "weights of output [n, o] divided by their common length", atol=1e-4)
    square = answer(weight[:, :c_out], style[:, :c_out])
    expect_close(square, right(weight[:, :c_out], style[:, :c_out]), "with as many outputs as inputs, your style is "
                 "multiplied onto the outputs; it belongs to the inputs", atol=1e-4)
    zeros = answer(weight, torch.zeros(1, c_in))
    expect(torch.isfinite(zeros).all(), "a style of zeros should give zeros; add 1e-8 under the root")
    expect_same_gradients(answer, right, [weight, style], "the values are right, their gradients are not")


@exercise(2, title="Without a matrix per sample", solution="ssgan_lite.model.stylegan2:StyledConv",
          solution_text="(style * x) @ weight.T * rsqrt(style^2 @ (weight^2).T + 1e-8); the library's convolution "
                        "does the same:", minutes=15, level=2)
def modulated_product(answer):
    """Modulated, demodulated product with shared weights: scale inputs before it and outputs after it."""
    n, c_out, c_in = 4, *two_sizes(5, 8)
    x, weight, style = torch.randn(n, c_in), torch.randn(c_out, c_in), torch.randn(n, c_in) + 1

    def wanted(x, weight, style):
        return torch.bmm(demodulate(weight * style[:, None], dims=(2,)), x[:, :, None]).squeeze(2)

    out, product = answer(x, weight, style), (x * style) @ weight.T
    expect_shape(out, [n, c_out], "the output")
    no_square = product * torch.rsqrt(style @ weight.square().T)
    expect(not torch.allclose(out, no_square, atol=1e-4, equal_nan=True), "the style is squared, too, in the length "
           "of a row: sum_i s_i^2 W_oi^2")
    expect(not close(out, product), "the outputs are not demodulated yet: divide output o of sample n by the length "
                                    "of its modulated row")
    expect(not close(out, product * torch.rsqrt(weight.square().sum(1))),
           "you divide by the length of the rows of W; the rows of the *modulated* weights are what counts")
    expect(not close(out, product * torch.rsqrt(style.square().sum(1, keepdim=True))),
           "you divide by the length of the style alone; the length of a row is the root of sum_i s_i^2 W_oi^2")
    expect(not close(out, x @ weight.T * torch.rsqrt(style.square() @ weight.square().T)),
           "the outputs are scaled, the inputs are not: multiply x by the style first")
    expect(not close(out, product / product.std(0, keepdim=True)) and not close(out, product / product.norm(dim=0)),
           "you measure the outputs and divide by that; demodulation looks at the weights alone")
    expect(not close(out, product / (style.square() @ weight.square().T)), "a square root is missing: the length is "
                                                                         "the root of the sum of squares")
    expect_close(out, wanted(x, weight, style), "y[n, o] = sum_i W[o, i] s[n, i] x[n, i] / sqrt(sum_i s[n, i]^2 "
                                                "W[o, i]^2)", atol=1e-4)
    expect(torch.isfinite(answer(x, weight, torch.zeros_like(style))).all(),
           "a style of zeros should give zeros; add 1e-8 under the root")
    with Watch() as watch:
        answer(torch.randn(16, 32), torch.randn(24, 32), torch.randn(16, 32))
    expect(watch.largest < 16 * 24 * 32, "the output is right, but on the way you build the weights of every sample, "
                                         "[N, out, in]; scale x by the style, multiply with the shared weight, then "
                                         "scale the outputs")
    expect_same_gradients(answer, wanted, [x, weight, style], "the values are right, their gradients are not")


@exercise(3, title="The address of a layer", solution="ssgan_lite.model.latents:LatentLayout._code_of",
          minutes=10, level=2)
def code_of_layer(answer):
    """Give the number of the W+ code that steers a layer of a part."""
    for name in ("nano32", "paper512"):
        config = preset(name)
        b, d, layout = config.base_layers, config.depth_layers, LatentLayout(config)
        for part in (1, 7, 12):
            base = [answer(part, layer, b, d) for layer in range(b)]
            expect(base != [b + 2 * part] * b, f"part {part} is in front of the background: its first {b} layers "
                                               "take the base codes")
            expect(base != [0] * b or b == 1, "there is one base code *per layer*: layer 0 takes code 0, layer 1 "
                                              "code 1")
            shape, texture = answer(part, d - 1, b, d), answer(part, d, b, d)
            ends = {answer(part, layer, b, d) for layer in (b, config.local_layers - 1)}
            expect(ends | {shape, texture} != {shape}, "a part has two codes, one for its shape and one for its "
                                                       "texture; you give it one")
            expect(shape != texture or shape != b + 2 * part + 1, f"your texture code begins at layer {d - 1}, one "
                   f"too early: the depth is read after {d} layers, 0 to {d - 1}")
            expect(shape != texture, f"the depth is read after {d} layers, so layers 0 to {d - 1} belong to the "
                                     f"shape and layer {d} is the first of the texture")
            expect((shape, texture) != (2 * part, 2 * part + 1), "you forgot that the base codes come first: the "
                                                                "part codes begin at number base_layers")
            expect((shape, texture) != (b + part, b + config.n_parts + part), "shape and texture code of a part lie "
                                                                             "beside each other")
            expect((shape, texture) != (b + 2 * (part - 1), b + 2 * (part - 1) + 1),
                   "the background has codes of its own, the first two after the base codes")
            expect((shape, texture) != (b + 2 * part + 1, b + 2 * part), "shape comes first, texture second")
        background = [answer(0, layer, b, d) for layer in range(b)]
        expect(background != list(range(b)), "the background (part 0) takes no base codes: its first layers take its "
                                             "shape code")
        for part in range(config.n_parts):
            for layer in range(config.local_layers):
                expect(answer(part, layer, b, d) == layout._code_of(part, layer),
                       f"layer {layer} of part {part} (B = {b}, D = {d}) takes another code")
    expect(answer(3, 0, 0, 4) == 6, "with no base layers at all, layer 0 takes the shape code")


@exercise(4, title="Unusual hair on an average face", minutes=15, level=3, solution_text=(
    "kept = torch.zeros(codes.shape[1], dtype=torch.bool)\nkept[keep] = True\n"
    "return torch.where(kept[:, None], codes, mean + psi * (codes - mean))"))
def truncate_except(answer):
    """Truncate all W+ codes but those in `keep`."""
    n, k, s = 2, *two_sizes(6, 12)
    codes, mean, psi, keep = torch.randn(n, k, s), torch.randn(s), 0.3, [1, k - 1]
    kept = torch.zeros(k, dtype=torch.bool)
    kept[keep] = True

    def wanted(codes, mean):
        return torch.where(kept[:, None], codes, mean + psi * (codes - mean))

    out = answer(codes.clone(), mean, psi, keep)
    expect_shape(out, [n, k, s], "the codes")
    expect(not close(out, torch.where(kept[:, None], mean + psi * (codes - mean), codes)),
           "the other way round: the codes in `keep` stay, all others are truncated")
    expect(not close(out, mean + psi * (codes - mean)), "you truncate all of them; those in `keep` should stay")
    expect(not close(out, torch.where(kept[:, None], codes, psi * codes)),
           "you pull towards zero; the middle of W is its mean, mean + psi (w - mean)")
    expect(not close(out, torch.where(kept[:, None], codes, codes + psi * (codes - mean))),
           "you begin at the code; begin at the mean: mean + psi (w - mean)")
    expect(not close(out, torch.where(kept[:, None], codes, codes + psi * (mean - codes))),
           "psi = 1 should leave a code alone and psi = 0 give the mean; yours does the opposite")
    expect_close(out, wanted(codes, mean), "mean + psi (w - mean) for the codes not in `keep`")
    expect_close(answer(codes.clone(), mean, psi, []), mean + psi * (codes - mean), "with nothing to keep, all codes "
                                                                                 "are truncated")
    expect_same_gradients(lambda c, m: answer(c, m, psi, keep), wanted, [codes, mean],
                          "the values are right, their gradients are not")


@exercise(5, title="Style mixing", solution="ssgan_lite.model.latents:LatentLayout.mix", minutes=15, level=3)
def mix_by_parts(answer):
    """Cross two faces part by part: base codes from a, shape and texture as thrown."""
    config = preset("nano32").replace(style_dim=5)
    layout, p, b, n = LatentLayout(config), config.n_parts, config.base_layers, 6
    w_a, w_b = torch.randn(n, 5), torch.randn(n, 5)
    choice = torch.randint(3, (p, n))
    choice[0, :3] = torch.tensor([0, 1, 2])
    out = answer(w_a, w_b, choice, b)
    expect_shape(out, [n, b + 2 * p, 5], "the W+ codes")
    expect(close(out[:, :b], w_a[:, None].expand(-1, b, -1)), "the base codes always come from a")
    swapped = 2 - choice
    expect(not close(out, layout.mix(w_a, w_b, swapped)), "0 keeps both codes of a and 2 takes both of b; yours has "
                                                          "them swapped")
    shape_b, texture_b = (choice > 0).T, (choice == 2).T                                       # [N, P]
    wrong = torch.where(torch.stack([shape_b, texture_b], 2).flatten(1)[..., None], w_b[:, None], w_a[:, None])
    expect(not close(out[:, b:], wrong), "at a throw of 1 you take the shape from b; it is the texture that comes "
                                         "from b then")
    order = torch.cat([(choice == 2).T, (choice > 0).T], 1)[..., None]
    expect(not close(out[:, b:], torch.where(order, w_b[:, None], w_a[:, None])),
           "shape and texture of a part lie beside each other: shape of part 0, texture of part 0, shape of part 1, "
           "...")
    only_two = (choice == 2).T.repeat_interleave(2, 1)[..., None]
    expect(not close(out[:, b:], torch.where(only_two, w_b[:, None], w_a[:, None])),
           "at a throw of 1 the texture comes from b")
    only_any = (choice > 0).T.repeat_interleave(2, 1)[..., None]
    expect(not close(out[:, b:], torch.where(only_any, w_b[:, None], w_a[:, None])),
           "at a throw of 1 only the texture comes from b; the shape stays")
    expect_close(out, layout.mix(w_a, w_b, choice), "shape from b where the throw is 2, texture from b where it is "
                                                    "1 or 2, everything else from a")
    no_base = config.replace(base_layers=0)
    expect_close(answer(w_a, w_b, choice, 0), LatentLayout(no_base).mix(w_a, w_b, choice),
                 "it should also work without base codes")
    expect_same_gradients(lambda a, c: answer(a, c, choice, b), lambda a, c: layout.mix(a, c, choice), [w_a, w_b],
                          "the values are right, their gradients are not")


SOLUTION = """\
class ModulatedConv(nn.Module):
    def __init__(self, style_dim, in_channels, out_channels):
        super().__init__()
        self.to_style = EqualLinear(style_dim, in_channels)
        nn.init.ones_(self.to_style.bias)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))

    def forward(self, x, w):                                       # [N, in, H, W], [N, S]
        n, c, h, width = x.shape
        weight = self.weight / math.sqrt(9 * c) * self.to_style(w)[:, None, :, None, None]
        weight = demodulate(weight, dims=(2, 3, 4))                # [N, out, in, 3, 3]
        y = F.conv2d(x.reshape(1, n * c, h, width), weight.flatten(0, 1), padding=1, groups=n)
        return y.view(n, -1, h, width)"""


@exercise(6, title="Build it yourself: a modulated convolution", minutes=45, level=3, solution_text=SOLUTION)
def modulated_convolution(answer):
    """A 3 x 3 convolution whose weights a code modulates, one code per sample, with demodulation."""
    n, s, c_in, c_out, size = 4, 16, 24, 20, 9
    conv = answer(s, c_in, c_out)
    expect(isinstance(conv, nn.Module), f"give a class of torch modules, `class ...(nn.Module)`; calling yours gives "
                                        f"{describe(conv)}")
    x, w = torch.randn(n, c_in, size, size), torch.randn(n, s)
    out = answer_of(conv, x, w)
    expect_shape(out, [n, c_out, size, size], "the output")
    expect(torch.isfinite(out).all(), "the output holds values that are not numbers (nan or inf)")
    other = torch.cat([w[:1], torch.randn(n - 1, s)])
    again = conv(x, other)
    expect(close(again[0], out[0], 1e-4), "the first sample's output depends on the codes of the other samples; "
                                         "every sample has weights of its own")
    expect(not close(again[1], out[1], 1e-4), "another code gives the same output: the style does not reach the "
                                             "weights")
    touched = x.clone()
    touched[:, :, 4, 4] += 1.0
    change = (conv(touched, w) - out).abs().amax((0, 1)) > 1e-5
    expect(not change[[0, 1, 2, 6, 7, 8]].any() and not change[:, [0, 1, 2, 6, 7, 8]].any(),
           "one pixel of the input changes outputs more than one pixel away; the kernel is 3 x 3 with padding 1")
    expect(change[3:6, 3:6].all(), "one pixel of the input should change the outputs of its eight neighbors too: a "
                                   "3 x 3 kernel")
    loud = conv(x, 10 * w).square().mean().sqrt() / out.square().mean().sqrt()
    expect(0.5 < loud < 2.0, f"with a code ten times as large the output becomes {loud:.1f} times as large: "
                             "demodulate over inputs and kernel")
    size_now = out[:, :, 1:-1, 1:-1].square().mean().sqrt()
    expect(0.4 < size_now < 1.7, f"for inputs of size 1 the output has size {size_now:.2f}; demodulated, it "
                                 "should be about 1")
    zero = conv(x, torch.zeros(n, s))
    expect(zero.square().mean() > 0.1, "for a code of zeros the output vanishes; the style should then be 1, so that "
                                       "it changes nothing: let its bias begin at 1")
    largest = max(conv.parameters(), key=lambda parameter: parameter.numel(), default=None)
    expect(largest is not None, "the module has no parameters; make the weights an `nn.Parameter`")
    expect(0.8 < largest.std() < 1.2, f"the weights are stored with standard deviation {largest.std():.2f}; store "
                                      "N(0, 1) and scale by 1 / sqrt(9 in) when they are used")
    conv(x, w).square().mean().backward()
    untouched = [name for name, parameter in conv.named_parameters() if parameter.grad is None]
    expect(not untouched, f"no gradient reaches {', '.join(untouched)}")
