"""Exercises on pixel norm, equalized learning rate and truncation."""

from __future__ import annotations

import math

import torch

from ssgan_lite.course.codes import centers
from ssgan_lite.course.exercises import (
    close,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_same_gradients,
    two_sizes,
)
from ssgan_lite.model.mapping import normalize_second_moment


@exercise(1, title="One step of Adam", minutes=5, level=1, solution_text=(
    "Adam moves every weight by the learning rate, 0.002. The weights have size 1 / sqrt(512) = 0.0442, so the share "
    "is 0.002 * sqrt(512) = 0.045: nearly 5 % in a single step. Stored at size 1 it would be 0.002."))
def first_adam_step(share):
    """Give the relative change of the weights in Adam's first step, as a number."""
    expect_number(share)
    wanted = 0.002 * math.sqrt(512)
    expect(not close(share, 100 * wanted, atol=0.5), "as a share, not in percent: 0.25 for a quarter")
    expect(not close(share, 0.002, atol=1e-4), "that is the share for weights stored at size 1; these are stored at "
                                               "1 / sqrt(512), and the step is the same")
    expect(not close(share, 0.002 / math.sqrt(512), atol=1e-5), "you multiplied by the size of the weights; a share "
                                                                "of their size is step divided by size")
    expect(not close(share, 0.002 * 512, atol=1e-2), "512 is the variance's divisor; the size (standard deviation) "
                                                     "of the weights is 1 / sqrt(512)")
    expect(not close(share, 1 / math.sqrt(512), atol=4e-4), "that is how large the weights are; what share of it is "
                                                            "one step?")
    expect(abs(share - wanted) < 0.0006 or round(float(share), 2) not in (0.04, 0.05), "that is near; three decimals "
           "are asked for")
    expect(abs(share - wanted) < 0.0006, "divide how far a weight moves (Adam's first step: the learning rate) by "
                                         "how large it is (its standard deviation)")


@exercise(2, title="Pixel norm", solution="ssgan_lite.model.mapping:normalize_second_moment", minutes=5, level=1)
def pixel_norm(answer):
    """Divide each row of z by its root mean square."""
    n, s = two_sizes(5, 9)
    z = 2 * torch.randn(n, s) + 0.5
    out, square = answer(z), z.square()
    expect(not close(out, z / z.norm(dim=1, keepdim=True)), "your rows have length 1; divide by the root of the "
                                                            "*mean* of the squares, not of their sum")
    expect(not close(out, z * torch.rsqrt(square.mean(dim=0, keepdim=True))),
           "you take the mean over the samples; each sample (row) is normalized by itself, over dim 1")
    expect(not close(out, z * torch.rsqrt(square.mean())), "you take one mean over the whole batch; each sample "
                                                          "(row) is normalized by itself, over dim 1")
    expect(not close(out, (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True), atol=1e-3)
           and not close(out, (z - z.mean(1, keepdim=True)) / z.std(1, unbiased=False, keepdim=True), atol=1e-3),
           "you subtract the mean of the row; pixel norm leaves the direction alone and only divides")
    expect(not close(out, z / z.std(1, keepdim=True), atol=1e-3), "std subtracts the mean before it squares; take "
                                                                  "the mean of the squares themselves")
    expect(not close(out, z / square.mean(1, keepdim=True)), "a square root is missing: divide by the root of the "
                                                             "mean square")
    expect_close(out, normalize_second_moment(z), "each row should have root mean square 1 and its old direction")
    zeros = answer(torch.zeros(2, s))
    expect(torch.isfinite(zeros).all() and not zeros.any(), "a row of zeros should stay zeros; add 1e-8 under the "
                                                            "root")
    half = torch.full((1, s), 1e-5)
    expect(close(answer(half), normalize_second_moment(half), atol=0.02), "the 1e-8 belongs under the root: "
           "there it counts for rows as small as 1e-4, and the gradient of a row of zeros is a number")
    expect_same_gradients(answer, normalize_second_moment, [z], "the values are right, their gradients are not")


def solve_only_far_ones(w, mean, radius):
    """Truncation with a psi for each code: 1 within the radius, and outside of it what leads to the radius."""
    distance = (w - mean).norm(dim=1, keepdim=True)
    psi = (radius / distance.clamp(min=1e-8)).clamp(max=1.0)
    return mean + psi * (w - mean)


@exercise(3, title="Only the far ones", minutes=10, level=2,
          solution="ssgan_lite.course.codes.checks:solve_only_far_ones")
def only_far_ones(answer):
    """Truncate the codes that lie farther from the mean than `radius`, to exactly that distance, and no others."""
    n, s = two_sizes(5, 9)
    mean, step = 2 + torch.randn(s), torch.nn.functional.normalize(torch.randn(n, s), dim=1)
    distance = torch.linspace(0.4, 3.0, n)[:, None]
    w, radius = mean + distance * step, 1.2
    out, wanted = answer(w, mean, radius), solve_only_far_ones(w, mean, radius)
    expect(not close(out, mean + radius * step), "codes that were nearer than `radius` have been pushed out to it; "
                                                "they should stay where they are")
    psi = (radius / distance).clamp(max=1)
    expect(not close(out, psi * w), "you pull towards zero; the middle of W is its mean")
    far = (w.norm(dim=1, keepdim=True) / radius).clamp(min=1)
    expect(not close(out, mean + (w - mean) / far) and not close(out, w / far), "you measure the distance of a code "
           "from zero; the distance from `mean` counts")
    expect(not close(out, mean + psi.min() * (w - mean)), "one psi for the whole batch also pulls in the codes that "
                                                          "are near: each row has a psi of its own")
    expect(not close(out, mean + (w - mean).clamp(-radius, radius)), "you limit every number of a code by itself, "
           "which bends its direction; the length of the whole difference is limited")
    expect(not close(out, torch.where(distance > radius, mean, w)), "the far ones are to end at distance `radius`, "
                                                                    "not at the mean")
    expect_close(out, wanted, "a code at a distance d > radius gets psi = radius / d, a nearer one psi = 1")
    expect_close(answer(mean[None].clone(), mean, 1.0), mean[None], "a code that is the mean itself should stay "
                                                                    "there; do not divide by its distance, 0")
    expect_same_gradients(lambda w, m: answer(w, m, radius), lambda w, m: solve_only_far_ones(w, m, radius),
                          [w, mean], "the values are right, their gradients are not")


@exercise(4, title="Build it yourself: truncation to several centers", minutes=40, level=3,
          solution_text=centers.SOLUTION)
def several_centers(answer):
    """Truncation to the nearest of k centers that are found among many codes."""
    centers.examine(answer)
