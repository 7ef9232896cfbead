"""Exercises on one-hot masks, majority votes, small and rare parts, planted correlations, and the leak of an edit."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_shape,
    expect_tensor,
)
from ssgan_lite.course.exercises.answers import Answer
from ssgan_lite.data import signed_one_hot


@exercise(1, title="Count the ones", minutes=3, level=1, solution_text=(
    "Every pixel belongs to exactly one part, so it has one 1 and twelve 0: 4 * 64 * 64 = 16384 ones."))
def count_of_ones(count):
    """Give the number of ones in the one-hot masks of 4 faces of 64 x 64 pixels with 13 parts."""
    expect_number(count)
    expect(count != 4 * 13 * 64 * 64, "that is how many numbers the tensor has; most of them are 0")
    expect(count != 64 * 64, "that is one face; there are four")
    expect(count != 13 * 64 * 64, "that is every number of one face; how many channels are 1 in a pixel?")
    expect(count != 4 * 13, "that is the number of channels; ones are counted in every pixel")
    expect(count == 4 * 64 * 64, "how many of the 13 channels are 1 in one pixel? And how many pixels are there?")


@exercise(2, title="Signed one-hot", solution="ssgan_lite.data.masks:signed_one_hot", minutes=10, level=1)
def signed_masks(answer):
    """Turn part numbers into one channel for each part, +1 and -1."""
    n, h, w, parts = 3, 5, 7, 6
    mask = torch.randint(parts - 1, (n, h, w), dtype=torch.uint8)      # the last part is on no face
    mask[0, 0, :2] = torch.tensor([0, 1], dtype=torch.uint8)
    out, one_hot = answer(mask, parts), F.one_hot(mask.long(), parts)
    expect_tensor(out)
    expect(list(out.shape) != [n, h, w, parts], "the channels come second, [N, n_parts, H, W]; yours come last")
    expect(list(out.shape) != [parts, n, h, w], "the faces come first, [N, n_parts, H, W]; yours are second")
    expect(list(out.shape) != [n, parts - 1, h, w], "make n_parts channels, also where the last part is on no face")
    expect_shape(out, [n, parts, h, w])
    expect(out.is_floating_point(), "networks want floating-point numbers; yours are whole ones")
    wanted = signed_one_hot(mask, parts)
    expect(not close(out, one_hot.movedim(3, 1)), "those are 0 and 1; stretch them to -1 and +1")
    expect(not close(out, -wanted), "the sign is the wrong way round: +1 where the part is, -1 elsewhere")
    expect(not close(out, one_hot.movedim(3, 1) - 1), "that is -1 and 0; twice the one-hot form, minus 1")
    for mixed in (one_hot.reshape(n, parts, h, w), one_hot.transpose(1, 3)):
        expect(mixed.shape != out.shape or not close(out, 2 * mixed - 1), "the numbers went to other pixels: "
               "`reshape` and `view` do not exchange axes, `permute(0, 3, 1, 2)` does")
    expect_close(out, wanted, "+1 in channel mask[n, h, w] of every pixel, -1 in all others")
    expect_close(answer(mask[:1, :1, :2], parts), wanted[:1, :, :1, :2], "it should work for any number and size of "
                                                                       "masks")


@exercise(3, title="How strong is 95 %?", minutes=10, level=2, solution_text=(
    "Write each thing as +1 or -1: the mean of both is 0 and their variance 1, so the correlation is the mean of the "
    "product, 0.95 * (+1) + 0.05 * (-1) = 0.9. In general 1 - (1 - g) / (2 s (1 - s)) for agreement g and share s."))
def planted_correlation(correlation):
    """Give the correlation of two things that agree in 95 % of the faces, each true in half of them."""
    expect_number(correlation)
    expect(not close(correlation, 0.95, atol=1e-4), "0.95 is how often they agree; two things that have nothing to "
                                                    "do with each other agree in half of the faces, at correlation 0")
    expect(not close(correlation, 0.05, atol=1e-4), "0.05 is how often they disagree")
    expect(not close(correlation, 0.475, atol=1e-4), "0.475 is the share of faces in which both are true")
    expect(not close(correlation, 0.81, atol=5e-3), "you squared it: that is the share of variance explained")
    expect(not close(correlation, 0.9025, atol=4e-4),
           "0.95 squared comes close by accident; a correlation is the mean of a product, not a chance that two "
           "things happen")
    expect(not close(correlation, 0.45, atol=1e-4), "0.45 is how far above one half they agree; two things that "
                                                    "always agree have correlation 1, not 0.5")
    expect(abs(correlation) <= 1, "a correlation lies between -1 and 1")
    expect(abs(correlation - 0.9) < 0.002, "write each thing as +1 (true) or -1 (false): both have mean 0 and "
                                           "variance 1, so the correlation is the mean of their product")


@exercise(4, title="Rare and small", minutes=10, level=2,
          solution="ssgan_lite.course.faces.figures:part_statistics")
def part_statistics(answer):
    """Give for every part the share of faces that have it and its mean area where it is."""
    n, h, w, parts = 5, 6, 4, 4
    masks = torch.zeros(n, h, w, dtype=torch.uint8)
    masks[:3, :2], masks[1, 3:, :2] = 1, 2                             # part 1 on three faces, 2 on one, 3 on none
    masks[0, 2, 0] = 1
    out = answer(masks, parts)
    expect(isinstance(out, (tuple, list)) and len(out) == 2, f"return two tensors, share and area; you gave "
                                                             f"{describe(out)}")
    share, area = out
    expect_shape(share, [parts], "the share")
    expect_shape(area, [parts], "the area")
    each = torch.stack([(masks == part).float().mean((1, 2)) for part in range(parts)])        # [P, N]
    has = each > 0
    right_share, right_area = has.float().mean(1), each.sum(1) / has.sum(1).clamp(min=1)
    expect(not close(area, right_share), "the other way round: the share of the faces first, then the area")
    expect(not close(share, has.sum(1)), "you count the faces; divide by how many there are")
    expect(not close(share, each.mean(1)), "your share is of the pixels; count the *faces* that have any pixel of "
                                           "the part")
    expect_close(share, right_share, "a face has a part if any of its pixels does", what="your share")
    expect(not area.isnan().any(), "the area of a part that no face has should be 0; yours divides 0 by 0")
    expect(not close(area, each.mean(1)), "your area is the mean over all faces; leave out those that lack the part")
    expect(not close(area, right_area * h * w), "give the area as a share of the picture, not in pixels")
    expect_close(area, right_area, "the mean, over the faces that have the part, of the share of their pixels",
                 what="your area")


@exercise(5, title="A vote in every block", solution="ssgan_lite.data.masks:reduce_masks", minutes=15, level=2,
          solution_text="votes = torch.stack([F.avg_pool2d((masks == p).float(), factor) * weights[p] for p in "
                        "range(len(weights))])\nreturn votes.argmax(dim=0)\n\nThe library's version, in NumPy, skips "
                        "blocks of one part and lets the thinner part win ties:")
def weighted_vote(answer):
    """Make masks smaller by a weighted vote in every block."""
    weights = torch.ones(5)
    masks = torch.tensor([[[3, 1, 1, 1], [1, 1, 0, 2], [4, 2, 0, 0], [2, 2, 3, 3]],
                          [[1, 2, 2, 2], [2, 3, 1, 2], [0, 4, 4, 1], [4, 0, 1, 4]]], dtype=torch.uint8)
    out = answer(masks, 2, weights)
    expect_shape(out, [2, 2, 2], "the smaller masks")
    expect(not close(out, masks[:, ::2, ::2]), "that is the first pixel of each block; all of them vote")
    mean = masks.float().unfold(1, 2, 2).unfold(2, 2, 2).mean((3, 4))
    expect(not close(out, mean.round()) and not close(out, mean),
           "part numbers are names: they cannot be averaged, only counted")
    expect(not close(out, 4 - _vote(4 - masks, 2, weights.flip(0))), "at a tie the lower part number wins")
    expect_close(out, _vote(masks, 2, weights), "count the pixels of every part in each block; the most votes win")
    heavy = torch.tensor([1.0, 1.0, 1.0, 3.5, 1.0])
    out = answer(masks, 2, heavy)
    expect(not close(out, _vote(masks, 2, weights)), "you leave the weights out: a vote for part p counts weights[p]")
    expect_close(out, _vote(masks, 2, heavy), "multiply the number of votes of part p with weights[p] before you "
                                              "look for the largest")
    large = torch.randint(5, (2, 12, 8), dtype=torch.uint8)
    for factor in (1, 4):
        expect_close(answer(large, factor, heavy), _vote(large, factor, heavy), f"with blocks of {factor} x {factor} "
                                                                               "pixels something else comes out")


@exercise(6, title="The leak of an edit", minutes=15, level=3, solution=(
    "ssgan_lite.change:change_of", "ssgan_lite.change:Change"), solution_text=(
    "delta = (after - before).abs().mean(dim=1)\ninside = (delta * region).sum((1, 2)) / region.sum((1, 2))\n"
    "outside = (delta * ~region).sum((1, 2)) / (~region).sum((1, 2))\nreturn outside / inside\n\n"
    "The library finds the region itself, widens it a little, and divides in a class:"))
def leak_of_edit(answer):
    """Mean change outside of the region divided by that inside, for every face."""
    n, h, w = 4, 6, 8
    before, noise = torch.randn(n, 3, h, w), torch.randn(n, 3, h, w)
    region = torch.rand(n, h, w) < torch.linspace(0.2, 0.6, n)[:, None, None]
    region[:, 0, 0], region[:, 0, 1] = True, False
    after = before + noise * torch.where(region, 1.0, 0.2)[:, None] * torch.linspace(0.5, 2, n)[:, None, None, None]
    out, delta = answer(before, after, region), (after - before).abs().mean(1)
    expect_shape(out, [n], "the leak")
    size, rest = region.sum((1, 2)), (~region).sum((1, 2))
    inside, outside = (delta * region).sum((1, 2)), (delta * ~region).sum((1, 2))
    wanted = (outside / rest) / (inside / size)
    expect(not close(out, 1 / wanted), "upside down: outside divided by inside")
    expect(not close(out, outside / inside), "you divide sums, or means over the whole picture; divide each sum by "
                                             "the number of its *own* pixels first")
    signed = (after - before).mean(1)
    expect(not close(out, ((signed * ~region).sum((1, 2)) / rest) / ((signed * region).sum((1, 2)) / size)),
           "brighter and darker cancel in your means: take absolute values first")
    beside, within = ((signed.abs() * pixels).sum((1, 2)) for pixels in (~region, region))
    expect(not close(out, (beside / rest) / (within / size)),
           "red and blue cancel in your mean over the channels: take absolute values before any mean")
    square = (after - before).square().mean(1)
    expect(not close(out, ((square * ~region).sum((1, 2)) / rest) / ((square * region).sum((1, 2)) / size)),
           "you square the change; the leak is defined with absolute values")
    expect(not close(out, (outside / (h * w)) / (inside / size))
           and not close(out, delta.mean((1, 2)) / (inside / size)),
           "outside means the pixels that are *not* in the region, and the mean over those alone")
    expect_close(out, wanted, "mean of |change| over the pixels outside, divided by the mean over those "
                              "inside", atol=1e-4)
    one = answer(before[:1], after[:1], region[:1])
    expect_close(one, wanted[:1], "each face has its own leak: yours depends on the other faces", atol=1e-4)


SOLUTION = """\
class PartsGenerator:
    def __init__(self, pictures, masks, n_parts, n_codes):
        self.n_parts = n_parts
        self.parts = [LinearGenerator(self.only(pictures, masks, part), n_codes) for part in range(n_parts)]

    def only(self, pictures, masks, part):                    # all other pixels are 0
        return pictures * (masks == part)[:, None]

    def encode(self, pictures, masks):
        codes = [part.encode(self.only(pictures, masks, p)) for p, part in enumerate(self.parts)]
        return torch.stack(codes, dim=1)

    def __call__(self, codes, masks):
        return sum(self.only(part(codes[:, p]), masks, p) for p, part in enumerate(self.parts))"""


@exercise(7, title="Build it yourself: a linear generator of parts", minutes=40, level=3, solution_text=SOLUTION)
def parts_generator(answer):
    """A class with a code for every part: it is fitted to pictures with masks, encodes them, and draws them again."""
    expect(isinstance(answer, Answer) and isinstance(answer.function, type),
           f"give the class itself, not {describe(getattr(answer, 'function', answer))}")
    n, parts, k, size = 8, 4, 3, 6
    pictures = torch.randn(n, 3, size, size)
    masks = torch.randint(parts - 1, (n, size, size))                  # the last part is on no face
    masks[0] = masks[0].clamp(min=1)                                   # part 0 is not on the first face
    model = answer(pictures, masks, parts, k)
    codes = answer_of(model.encode, pictures, masks)
    expect_shape(codes, [n, parts, k], "the codes")
    expect(not codes.isnan().any(), "the codes hold NaN; one part is on no face here, another is missing on "
                                    "the first")
    drawn = answer_of(model, codes, masks)
    expect_shape(drawn, [n, 3, size, size], "the pictures")
    expect(not drawn.isnan().any(), "the pictures hold NaN; one part is on no face here")
    for part in range(parts - 1):
        other = codes.clone()
        other[:, part] += 1.0
        change, own = (answer_of(model, other, masks) - drawn).abs().amax(1), masks == part
        expect(not (change[~own] > 1e-5).any(), f"the code of part {part} changes pixels of other parts; the mask "
                                                "says who draws which pixel")
        expect((change[own] > 1e-5).any(), f"the code of part {part} changes nothing at all")
    one = torch.stack([masks == part for part in range(parts)], 1).float()                     # [N, P, H, W]
    mean = torch.einsum("nchw,nphw->pchw", pictures, one) / one.sum(0).clamp(min=1)[:, None]
    plain = (pictures - torch.einsum("pchw,nphw->nchw", mean, one)).square().mean()
    expect((drawn - pictures).square().mean() < plain, "the pictures come back worse than the mean of each part "
                                                       "would be: encode and draw must undo each other as well as "
                                                       "they can")
    few = slice(0, 4)
    exact = answer(pictures[few], masks[few], parts, 4)
    again = answer_of(exact, answer_of(exact.encode, pictures[few], masks[few]), masks[few])
    expect_close(again, pictures[few], "four pictures with four codes for each part should come back exactly",
                 atol=1e-3)
    new = answer_of(model.encode, pictures[:2].flip(-1), masks[:2].flip(-1))
    expect_shape(new, [2, parts, k], "the codes of two new pictures")


def _vote(masks: Tensor, factor: int, weights: Tensor) -> Tensor:
    votes = torch.stack([F.avg_pool2d((masks == part).float(), factor) * weight
                         for part, weight in enumerate(weights)])
    return votes.argmax(0)
