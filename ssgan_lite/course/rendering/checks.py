"""Exercises on the render net: upsampling without a checkerboard, skip outputs, and the receptive field."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
    expect_tensor,
)
from ssgan_lite.course.rendering.figures import inputs_seen
from ssgan_lite.model.layers import FIRFilter


@exercise(1, title="The same in two dimensions", minutes=4, level=1, solution_text=(
    "In one dimension pixels get 1 or 2 contributions in turn. In two dimensions the counts multiply: 1 x 1, 1 x 2, "
    "2 x 1 and 2 x 2. The largest is 4, the smallest 1, so the ratio is 4."))
def predict_checkerboard(answer):
    """Largest divided by smallest value in the interior, for a 3 x 3 kernel of ones with stride 2."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 2, 1e-3), "2 is the ratio in one dimension; now a pixel can be favored along both axes "
           "at once")
    expect(not close(value, 9, 1e-3), "the kernel has 9 weights, but with stride 2 no output pixel gets all nine; "
           "count how many copies of the kernel reach a pixel")
    expect(not close(value, 3, 1e-3), "the kernel is 3 wide, but its copies are 2 apart, so at most 2 of them meet "
           "along each axis")
    expect(not close(value, 1, 1e-3), "that would be a plain picture: every pixel gets the same number of "
           "contributions; draw two copies of the kernel side by side, 2 apart")
    expect(not close(value, 0.25, 1e-3), "you divided the smallest by the largest")
    expect(close(value, 4, 1e-3), "count the contributions along the rows, then along the columns, and multiply")


@exercise(2, title="Twice the size", minutes=12, level=2, solution="ssgan_lite.model.layers:FIRFilter")
def upsample_twice(answer):
    """Write the upsampling of a picture: zeros in between, then the filter with gain 4."""
    x = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    filter4 = FIRFilter(gain=4.0, up=2)
    out, wanted = answer(x), filter4(x)
    expect_shape(out, [2, 3, 10, 14])
    expect(not close(out, F.interpolate(x, scale_factor=2)), "every pixel is merely repeated; put zeros in between "
           "and filter")
    expect(not close(out, wanted / 4), "the picture has become four times darker: of four positions only one is not "
           "zero, so the kernel must sum to 4")
    expect(not close(out, wanted / 2), "the gain is 2 for each axis, so 4 in all")
    spread = torch.zeros(2, 3, 10, 14)
    spread[..., ::2, ::2] = x
    expect(not close(out, spread), "zeros are in between, and now the filter is missing")
    kernel = filter4.kernel.expand(3, 1, 4, 4)
    expect(not close(out, F.conv2d(F.pad(spread, (1, 2, 1, 2)), kernel, groups=3)),
           "everything is shifted by one pixel: pad with 2 zeros before and 1 after each axis")
    expect(not close(out, F.conv2d(F.pad(spread, (2, 1, 2, 1)), filter4.kernel.expand(3, 3, 4, 4))),
           "the channels are mixed: each channel is filtered by itself (groups = number of channels)")
    expect(not close(out, F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)),
           "inside the picture this is right, but at its border you repeat the last pixel; the filter sees zeros "
           "there")
    expect(not close(out, 4 * wanted, 1e-4), "the picture has become four times brighter: of 16 weights that sum to "
           "16 only four meet a value, and those are to sum to 1, so the kernel must sum to 4")
    expect(not close(out, 16 * wanted, 1e-3), "the taps are used as they are; scale the kernel so that it sums to 4")
    expect(not close(out, F.conv2d(F.pad(spread.roll((1, 1), (2, 3)), (2, 1, 2, 1)), kernel, groups=3)),
           "the values stand at the odd positions; they belong at the even ones, 0, 2, 4, ...")
    expect(not close(out, F.conv2d(F.pad(spread, (2, 1, 0, 0)), kernel.sum(2, keepdim=True) / 2, groups=3)),
           "only the rows are filtered; do the same along the columns")
    expect_close(out, wanted, "put the values at the even positions, pad (2, 1), and convolve with the outer product "
                 "of [1, 3, 3, 1] with itself, scaled to sum to 4")
    one = torch.randn(1, 1, 1, 1, generator=torch.Generator().manual_seed(2))
    expect_close(answer(one), filter4(one), "it does not work for a single pixel and a single channel")
    expect_same_gradients(answer, filter4, (x,), "the values are right, but the gradients are not")


@exercise(3, title="The skip chain", minutes=12, level=2, solution="ssgan_lite.model.render:RenderNet.forward")
def skip_chain(answer):
    """Add up the outputs of the mask heads, with the coarse mask at its own size."""
    generator = torch.Generator().manual_seed(3)
    up = FIRFilter(gain=4.0, up=2)
    for first, coarse_at in ((4, 1), (2, 0), (4, 2)):
        sizes = [first * 2**i for i in range(3)]
        outputs = [torch.randn(2, 5, s, s, generator=generator) for s in sizes]
        coarse = torch.rand(2, 5, sizes[coarse_at], sizes[coarse_at], generator=generator) * 2 - 1
        given = [y.clone() for y in outputs]           # the reader's own list, to be taken apart at will
        items = list(given)
        wanted = _chain(outputs, coarse, up)
        try:
            out = answer(given, coarse, up)
        except RuntimeError as error:
            expect("must match the size" not in str(error), "the outputs have different sizes, each twice as large "
                   "as the one before: enlarge the sum so far with `up` before you add the next output")
            raise
        untouched = all(torch.equal(y, item) for y, item in zip(outputs, items, strict=True))
        expect(untouched, "your function changes the tensors in "
               "the list that it was given; write `total = total + ...`, not `total += ...`")
        expect_tensor(out)
        bare, part = _chain(outputs, None, up), coarse
        while part.shape[-1] < sizes[-1]:
            part = up(part)
        expect(not close(out, bare), "the coarse mask is missing when it has the size of the *first* output: compare "
               "the sizes at the first stage as well" if coarse_at == 0 else
               "the coarse mask is missing from the sum" if coarse_at == 1 else
               "the coarse mask is missing when it has the size of the *last* output: add it after the head's "
               "output, at each stage, not only before enlarging")
        expect(not close(out, outputs[-1]), "only the last head's output is there; those before it are to be "
               "enlarged and added")
        expect(not close(out, outputs[-1] + up(outputs[-2])) and not close(out, outputs[-1] + up(outputs[-2]) + part),
               "you enlarge the previous head's *output*; it is the *sum so far* that is handed on, or the first "
               "stages get lost")
        expect(not close(out, bare + 2 * part) and not close(out, bare + 3 * part), "the coarse mask was added more "
               "than once")
        near = F.interpolate(coarse, size=sizes[-1])
        expect(coarse_at == 2 or not close(out, bare + near), "add the coarse mask at its own size and let it ride "
               "through the same filter as everything else, instead of repeating its pixels")
        def larger(y):
            return F.interpolate(y, scale_factor=2)
        expect(not close(out, _chain(outputs, coarse, larger)), "pixels are repeated; enlarge the sum with the `up` "
               "that your function is given")
        expect(not close(out, bare - part), "the coarse mask is added, not subtracted")
        expect_shape(out, [2, 5, sizes[-1], sizes[-1]])
        expect_close(out, wanted, "at each stage: the head's output plus the enlarged sum so far; plus the coarse "
                     "mask where the sizes agree", atol=1e-4)
    expect_same_gradients(lambda c: answer(list(outputs), c, up), lambda c: _chain(outputs, c, up), (coarse,),
                          "the values are right, but the gradient does not reach the coarse mask as it should")


def _chain(outputs, coarse, up):
    total = None
    for y in outputs:
        total = y if total is None else y + up(total)
        if coarse is not None and total.shape[-1] == coarse.shape[-1]:
            total = total + coarse
    return total


@exercise(4, title="How many columns?", minutes=8, level=2, solution_text=(
    "Backwards: the 3 x 3 convolution looks at 3 columns; the filter with 4 taps makes 6 of them; a transposed "
    "convolution with stride 2 halves that: 6 neighboring columns of its output come from 4 input columns, whether "
    "the first of the six is even (inputs -1, 0, 1, 2) or odd (0, 1, 2, 3). So 4."))
def predict_columns(answer):
    """How many input columns does one output pixel of a stage depend on?"""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 6), "6 columns are right *after* the transposed convolution, at the doubled size; how "
           "many input columns do they come from?")
    expect(not close(value, 3), "either you counted the last convolution alone, or you halved 6; the six columns "
           "do not come from three inputs, because the kernel of the transposed convolution is 3 wide and overlaps")
    expect(not close(value, 5), "you may have added 2 for the transposed kernel before halving, and rounded up; "
           "write down which inputs reach column 0, 1, 2, ... of the transposed convolution: even columns two, odd "
           "ones one")
    expect(not close(value, 16), "that is the number of input *pixels*, rows times columns")
    expect(not close(value, 8), "you went forward: an input does reach about that many output columns; the question "
           "goes backward")
    expect(close(value, 4), "go backward: 3 columns of the convolution, then the filter's 4 taps, then halve, "
           "minding the overlap of the transposed kernel")


@exercise(5, title="Who influences this pixel?", minutes=15, level=3,
          solution="ssgan_lite.course.rendering.figures:inputs_seen")
def who_influences(answer):
    """Give back a map of how strongly one output pixel reacts to every input pixel."""
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, 3, 7, 9, generator=generator)
    kernel = torch.randn(4, 3, 3, 3, generator=generator)

    def function(value):
        return torch.tanh(F.conv2d(value, kernel, padding=1))

    out, wanted = answer(function, x, 2, 5), inputs_seen(function, x, 2, 5)
    expect_tensor(out)
    expect(out.shape != x.shape, "that is the gradient itself; sum its absolute values over samples and channels, so "
           "that one number is left for every input pixel")
    leaf = x.clone().requires_grad_()
    (signed,) = torch.autograd.grad(function(leaf)[..., 2, 5].sum(), leaf)
    (whole,) = torch.autograd.grad(function(leaf).sum(), leaf)
    expect(not close(out, signed.sum(dim=(0, 1))), "positive and negative influences cancel here: take the absolute "
           "value before you sum")
    expect(not close(out, signed.sum(dim=(0, 1)).abs()), "you take the absolute value after the sum, when positive "
           "and negative influences have canceled; take it before")
    expect(not close(out, whole.abs().sum(dim=(0, 1))), "you differentiated the sum of all output pixels; choose the "
           "one at (row, column) first")
    expect_shape(out, [7, 9])
    expect(not close(out, inputs_seen(function, x, 5, 2)), "row and column are exchanged: the output is indexed "
           "[..., row, column]")
    expect(not close(out, (wanted > 0).float()), "that says where there is influence, but not how strong; give back "
           "the sum of the absolute gradients")
    expect(not close(out, signed[:1].abs().sum(dim=(0, 1))), "only the first sample is counted; sum over all samples")
    expect_close(out, wanted, "the absolute gradient of the output's pixel, summed over the input's samples and "
                 "channels", atol=1e-4)
    expect(not out.requires_grad, "the map still hangs on the graph; `torch.autograd.grad` gives one that does not")
    marked = x.detach().clone().requires_grad_()
    try:
        again = answer_of(answer, function, marked, 2, 5)
    except (AttributeError, RuntimeError):
        expect(False, "it fails when x itself already wants gradients: a clone of such an x is no leaf and gets no "
               "`.grad`; begin with x.detach().clone()")
    expect(marked.grad is None, "the x that was handed to you has a `.grad` now; work on `x.detach().clone()`, or "
           "use torch.autograd.grad")
    expect_close(again, wanted, "it fails when x itself already wants gradients", atol=1e-4)


SOLUTION = """\
class ShortSighted(nn.Module):
    def __init__(self, channels, n_parts):
        super().__init__()
        self.conv = ActivatedConv2d(channels, channels, 3)             # reaches one cell farther
        self.up = FIRFilter(gain=4.0, up=2)                            # and so does the filter
        self.to_image, self.to_mask = OutputHead(channels, 3), OutputHead(channels, n_parts)

    def forward(self, features, coarse_mask):
        x = self.up(self.conv(features))
        return self.to_image(x), self.to_mask(x) + self.up(coarse_mask)"""


@exercise(6, title="Build it yourself: a render net that looks no farther", minutes=45, level=3,
          solution_text=SOLUTION)
def short_sighted(answer):
    """Twice the size, image and mask, with a reach of three cells and a mask that is a residual."""
    n, c, parts, h, w = 2, 6, 4, 11, 13
    net = answer(c, parts)
    expect(isinstance(net, nn.Module), f"give a class of torch modules; calling yours gives {describe(net)}")
    net.eval()
    features, coarse = torch.randn(n, c, h, w), torch.randn(n, parts, h, w)

    def run(features, coarse):
        out = answer_of(net, features, coarse)
        expect(isinstance(out, (tuple, list)) and len(out) == 2, f"return image and mask; you return {describe(out)}")
        return out

    image, mask = run(features, coarse)
    expect_shape(image, [n, 3, 2 * h, 2 * w], "the image")
    expect_shape(mask, [n, parts, 2 * h, 2 * w], "the mask")
    again = run(features, coarse)
    expect(close(image, again[0]), "the same features give another image the second time: no fresh random numbers in "
                                   "eval mode")
    other = torch.randn_like(coarse)
    expect(close(run(features, other)[0], image), "the image depends on the coarse mask; it should depend on the "
                                                  "features alone")
    second = torch.randn_like(features)
    step = run(features, other)[1] - mask
    expect(close(run(second, other)[1] - run(second, coarse)[1], step, 1e-4),
           "what the coarse mask does to the mask depends on the features; it should be added, as it is, enlarged")
    raised = (run(features, coarse + 1)[1] - mask)[..., 4:-4, 4:-4]
    expect(close(raised, torch.ones_like(raised), 1e-3), "a coarse mask that is 1 larger should make the mask 1 "
           f"larger everywhere away from the border; with yours it becomes {raised.mean():.2f} larger")
    reach = inputs_seen(lambda f: run(f, coarse)[0], features, h, w) > 0             # the pixel in the middle
    expect(reach.any(), "the image does not depend on the features")
    rows, columns = reach.any(1).nonzero().flatten(), reach.any(0).nonzero().flatten()
    far = max((rows - h // 2).abs().max(), (columns - w // 2).abs().max())
    expect(far <= 3, f"a pixel in the middle depends on features {far} cells away; at most 3 are allowed")
    expect(not close(run(second, coarse)[1], mask), "the mask does not depend on the features: it has no residual")
    reach = inputs_seen(lambda f: run(f, coarse)[1], features, h, w) > 0
    rows, columns = reach.any(1).nonzero().flatten(), reach.any(0).nonzero().flatten()
    far = max((rows - h // 2).abs().max(), (columns - w // 2).abs().max())
    expect(far <= 3, f"a pixel of the mask depends on features {far} cells away; at most 3 are allowed")
    plain = run(torch.ones(1, c, 16, 16), torch.zeros(1, parts, 16, 16))[0][..., 10:-10, 10:-10]
    spread = plain.std(dim=(2, 3)).max()
    expect(spread < 1e-3, f"constant features give a picture that is not constant (its standard deviation is "
                          f"{spread:.3f}): a checkerboard; filter after the upsampling")
    sum(out.square().mean() for out in run(features, coarse)).backward()
    untouched = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    expect(not untouched, f"no gradient reaches {', '.join(untouched)}")
