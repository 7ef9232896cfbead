"""Exercises on measures: Frechet and kernel distance, precision and recall, IoU, and the leak of an edit."""

from __future__ import annotations

import math

import numpy as np
import torch

from ssgan_lite.course.exercises import answer_of, close, describe, exercise, expect, expect_close, expect_number
from ssgan_lite.course.measuring import by_hand, copies
from ssgan_lite.data import open_dataset
from ssgan_lite.parts import PARTS
from ssgan_lite.weights import load_pretrained


@exercise(1, title="Two bells", minutes=6, level=1, solution="ssgan_lite.course.measuring.by_hand:frechet_1d")
def two_bells(answer):
    """The Frechet distance of two normal distributions of one number, from their means and standard deviations."""
    out = answer(1.0, 2.0, 4.0, 0.5)                     # 9 + 2.25
    expect_number(out)
    expect(not close(out, math.sqrt(11.25)), "that is its root: what everybody calls the Frechet distance is the "
           "squared "
           "one")
    expect(not close(out, 9 + 3.75**2), "you compare the variances; it is the standard deviations whose difference "
           "counts")
    expect(not close(out, 9.0), "only the means are compared; a model that always makes the mean face would be "
                                "perfect")
    expect(not close(out, 2.25), "only the spreads are compared")
    expect(not close(out, 3 + 1.5), "square both differences")
    expect(not close(out, 9 + 2.5**2), "the standard deviations are subtracted, like the means, before they are "
           "squared")
    expect(not close(out, 9 - 2.25), "both differences make the distance larger: add their squares")
    expect(close(out, 11.25), "(difference of the means) squared plus (difference of the standard deviations) "
                              "squared")
    expect(close(answer_of(answer, -1.0, 1.0, -1.0, 1.0), 0), "two equal distributions have distance 0")
    expect(close(answer_of(answer, -2.0, 0.5, 1.0, 3.0), 9 + 6.25), "with a negative mean, or with the smaller "
           "spread first, it does not come out")


@exercise(2, title="The kernel distance without bias", minutes=15, level=3,
          solution="ssgan_lite.course.measuring.by_hand:unbiased_mmd2")
def kernel_estimate(answer):
    """The unbiased estimate of MMD^2 between x [n, D] and y [m, D] with the kernel (a . b / D + 1)^3."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((5, 4)), 0.5 + rng.standard_normal((7, 4))
    out, wanted = answer(x, y), by_hand.unbiased_mmd2(x, y)
    expect_number(out)

    def variant(power=3, scale=4, factor=2, within=None):
        def kernel(a, b):
            return (a @ b.T / scale + 1) ** power
        within = within or (lambda k: (k.sum() - k.trace()) / (len(k) * (len(k) - 1)))
        return within(kernel(x, x)) + within(kernel(y, y)) - factor * kernel(x, y).mean()

    expect(not close(out, 1000 * wanted), "that is 1000 times as much: the factor of published tables is not asked "
           "for here")
    expect(not close(out, variant(within=np.mean)), "every sample is compared with itself, and is of course like "
           "itself: "
           "leave the diagonal out, and divide by n (n - 1)")
    expect(not close(out, variant(within=lambda k: (k.sum() - k.trace()) / k.size)), "the diagonal is left out, but "
           "you "
           "still divide by n^2; there are n (n - 1) pairs")
    expect(not close(out, variant(within=lambda k: (k.sum() - k.trace()) / (2 * len(k) * (len(k) - 1)))), "you count "
           "each pair once but divide by n (n - 1), which counts each of them twice")
    expect(not close(out, variant(within=lambda k: k.sum() / (len(k) * (len(k) - 1)))), "you divide by n (n - 1), "
           "but the diagonal is still in the sum")
    expect(not close(out, variant(scale=1)), "divide the dot product by D, the length of a feature")
    expect(not close(out, variant(power=2)), "the kernel is the third power, not the second")
    expect(not close(out, variant(factor=1)), "the mixed pairs count twice: -2 times their mean")
    expect(not close(out, -wanted), "the sign is turned around: likeness within minus likeness between")
    expect(not close(out, 0.0), "you cut off at 0, as with `max(0, ...)`: single estimates may be below 0; without "
           "those the mean over many samples would be too large")
    expect(close(out, wanted), "mean of k over all pairs within x, plus the same within y, minus twice the mean over "
           "the pairs between them")
    few = rng.standard_normal((2, 3, 6))
    expect(close(answer_of(answer, *few), by_hand.unbiased_mmd2(*few)), "with other n, m and D it does not come out "
           "(it may well be below 0)")


@exercise(3, title="The one perfect face", minutes=5, level=1, solution_text=(
    "Precision 1: every generated face lies on the real manifold. Recall 0: the balls around the generated faces "
    "have the radius 0, since their nearest neighbors are copies of themselves, so they contain no real face. A mean "
    "of the two, or precision alone, would not have told."))
def one_perfect_face(precision, recall):
    """Precision and recall of a model that always makes the same, flawless face."""
    expect_number(precision, "precision")
    expect_number(recall, "recall")
    precision, recall = float(precision), float(recall)
    expect(not (close(precision, 0) and close(recall, 1)), "the other way round: which of the two asks whether what "
           "is made looks real?")
    expect(not (close(precision, 1) and close(recall, 1)), "nothing can be wrong with a single face that is perfect, "
           "but "
           "recall asks something else: which share of the *real* faces lies near generated ones?")
    expect(close(precision, 1, 1e-3), "precision: in how many of the generated faces is something wrong? Each lies "
           "within "
           "the ball of a real one")
    expect(close(recall, 0, 1e-2), "recall: how far do the balls around the generated faces reach, when each one's "
           "nearest "
           "neighbor is a copy of itself?")


@exercise(4, title="IoU where the part is", minutes=12, level=2,
          solution="ssgan_lite.course.measuring.by_hand:part_iou")
def iou_where_present(answer):
    """IoU of one part, averaged over the images whose first mask has it."""
    judged, witness = torch.zeros(2, 4, 3, 4, dtype=torch.long)
    judged[0, 0], witness[0, 0, :3] = 2, 2               # IoU 3/4
    judged[1, :2], witness[1, 1:] = 2, 2                 # 4/12
    witness[2, 0, 0] = 2                                 # only the witness sees it
    out = answer(judged, witness, 2)                     # and image 3 has none at all
    ious = [3 / 4, 4 / 12]
    expect(getattr(out, "ndim", 0) == 0, "that is one value per image; return their mean, over the images whose "
           "first mask has the part")
    if isinstance(out, float | torch.Tensor) and math.isnan(out):
        expect(False, "the result is NaN: where neither mask has the part you divide 0 by 0; choose the images that "
               "have the part before you take the mean")
    expect_number(out)
    expect(not close(out, 7 / 16), "you sum over all images before dividing: that is the pooled IoU, in which a "
           "large part counts more")
    expect(not close(out, 7 / 17), "you sum over all images before dividing, even over the one that has no such "
           "part; take the IoU of each image first")
    expect(not close(out, sum(ious) / 4), "images without the part count as 0 in your mean; leave them out")
    expect(not close(out, (sum(ious) + 1) / 4), "an image in which nobody sees the part counts as 1 in your mean; "
           "leave it "
           "out")
    expect(not close(out, sum(ious) / 3), "the part counts where the *first* mask has it; the third image has it in "
           "the "
           "second mask only")
    expect(not close(out, (6 / 7 + 8 / 16) / 2), "that is the Dice coefficient, 2 A&B / (A + B); divide by the union")
    expect(not close(out, (3 / 4 + 4 / 8) / 2), "you divide by the area of the first mask; divide by the union of "
                                                "both")
    expect(not close(out, (1 + 4 / 8) / 2), "you divide by the area of the second mask; divide by the union of both")
    expect(close(out, sum(ious) / 2), "for each image that has the part: pixels that both call so, divided by pixels "
           "that "
           "at least one calls so; then the mean")
    flipped = answer_of(answer, judged.flip(2), witness.flip(2), 0)
    expect(close(flipped, by_hand.part_iou(judged, witness, 0)), "for another part number (0) it does not come out")


@exercise(5, title="Find the dead parts", minutes=8, level=2, solution_text=(
    "parts = frequencies(sg.load_pretrained(\"nano32-monolithic\"), heads), then those with parts[name][\"dead\"].\n"
    "mIoU is a mean over the images whose mask has the part, so it says nothing about a part that is never there."))
def lost_parts(parts):
    """Name the parts that fewer than a tenth as many faces of nano32-monolithic have as real heads."""
    expect(isinstance(parts, (str, list, tuple, set)) and all(isinstance(part, str) for part in parts),
           f'names of parts are wanted, such as ["hair", "hat"]; this is {describe(parts)}')
    named = {parts} if isinstance(parts, str) else set(parts)
    unknown = sorted(named - set(PARTS.names))
    expect(not unknown, f'no part is called "{", ".join(unknown)}"')
    found = by_hand.frequencies(load_pretrained("nano32-monolithic"), open_dataset("heads", size=32))
    dead = {part for part, shares in found.items() if shares["dead"]}
    for part in sorted(named - dead):
        expect(False, f"{part}: {found[part]['drawn']:.2f} of its masks have it, of the real ones "
               f"{found[part]['real_drawn']:.2f}: rare, perhaps, but not dead")
    expect(named == dead, "what you name is dead, but it is not all: run `frequencies` on "
           '`sg.load_pretrained("nano32-monolithic")`')


@exercise(6, title="A leak", minutes=12, level=2, solution="ssgan_lite.course.measuring.by_hand:leak_of")
def leak(answer):
    """Mean change outside of the region divided by mean change inside, for each face."""
    generator = torch.Generator().manual_seed(11)
    before = torch.randn(3, 3, 6, 8, generator=generator)
    step = torch.randn(3, 3, 6, 8, generator=generator)
    region = torch.zeros(3, 6, 8, dtype=torch.bool)
    region[0, :2, :3] = region[1, 1:4] = region[2, 5, 5] = True
    after = before + step * (0.1 + region[:, None].float())
    out, wanted = answer(before, after, region), by_hand.leak_of(before, after, region)
    change, signed = (after - before).abs().mean(1), (after - before).mean(1)

    def ratio(change, mean=True):
        inside, outside = (change * region).sum((1, 2)), (change * ~region).sum((1, 2))
        return (outside / (~region).sum((1, 2))) / (inside / region.sum((1, 2))) if mean else outside / inside

    expect(not close(out, 1 / wanted, 1e-4), "upside down: outside divided by inside, so that 0 is best")
    expect(not close(out, ratio(change, mean=False), 1e-4), "you divide sums; the outside has many more pixels, so "
           "take the "
           "*mean* of a pixel on each side")
    expect(not close(out, ratio(signed.abs()), 1e-4), "red that rises and blue that falls cancel in your mean: take "
           "the absolute change of each color before the mean over the colors")
    expect(not close(out, ratio(signed, mean=True), 1e-4), "brighter here and darker there would cancel: take the "
           "absolute "
           "change before any mean")
    expect(not close(out, ratio((after - before).square().mean(1)), 1e-4), "that is the squared change; the absolute "
           "one is "
           "asked for")
    expect(not close(out, change.mean((1, 2)) / ((change * region).sum((1, 2)) / region.sum((1, 2))), 1e-4), "above "
           "the line "
           "is the mean over the whole picture; leave the region out of it")
    expect(not close(out, wanted.mean(), 1e-4), "one number for each face is wanted, not their mean: a median is "
           "taken later")
    expect_close(out, wanted, "for each face: the absolute change, its mean over the colors; of that the mean over "
                 "the pixels outside of the region, divided by the mean over those inside", atol=1e-4)


@exercise(7, title="Build it yourself: catch the copies", minutes=40, level=3, solution_text=copies.SOLUTION)
def copied_share(answer):
    """The share of the generated faces that are copies of training faces, from features of three kinds of faces."""
    copies.examine(answer)
