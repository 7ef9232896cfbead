"""Exercises on inversion: how free codes are, distance from W, masked gradients, the frame, and tuning."""

from __future__ import annotations

import torch

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_shape,
    expect_tensor,
)


@exercise(1, title="How much freer is W+?", minutes=3, level=1, solution_text=(
    "W+ has 2 base codes and two codes (shape and texture) for each of 13 parts: 2 + 2 * 13 = 28 codes of the length "
    "of the one in W. So 28 times as many numbers."))
def predict_freedom(answer):
    """How many times as many numbers W+ has as W, with 13 parts and 2 base codes."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 26), "you left the base codes out")
    expect(not close(value, 15), "every part has two codes, a shape and a texture")
    expect(not close(value, 13), "every part has two codes, and there are base codes besides")
    expect(not close(value, 28 * 128), "that is how many numbers W+ has with codes of 128; divide by those of W")
    expect(close(value, 28), "count the codes of W+: the base codes, and two for every part; W has one")


@exercise(2, title="In the model's own units", minutes=12, level=2, solution_text=(
    "d = w - mean; torch.sqrt((d * torch.linalg.solve(covariance, d.T).T).mean(1))"))
def distance_from_w(answer):
    """Write the Mahalanobis distance per dimension: sqrt((w - mean)^T C^-1 (w - mean) / S) for codes [N, S]."""
    draw = torch.Generator().manual_seed(13)
    w, mean = torch.randn(5, 4, generator=draw), 3 + torch.randn(4, generator=draw)
    root = torch.randn(4, 4, generator=draw) + 2 * torch.eye(4)
    covariance = root.T @ root
    d = w - mean
    square = (d * torch.linalg.solve(covariance, d.T).T).sum(1)
    out = answer_of(answer, w, mean, covariance)
    expect(getattr(out, "shape", ()) != (5, 5), "[N, N] holds a product for every *pair* of codes; only those of a "
           "code with itself, the diagonal, are wanted: multiply element by element and sum over the last axis")
    expect_shape(out, [5])
    expect(not close(out, d.square().mean(1).sqrt()), "that is the ordinary distance; the covariance has no say in "
           "it yet")
    expect(not close(out, ((d @ covariance) * d).mean(1).sqrt(), 1e-3, 1e-3), "you multiplied by the covariance; "
           "wide directions must count *less*, so divide: solve with it, or take its inverse")
    expect(not close(out, (w * torch.linalg.solve(covariance, w.T).T).mean(1).sqrt(), 1e-3, 1e-3), "distances are "
           "measured from the mean: subtract it first")
    expect(not close(out, square.sqrt(), 1e-3, 1e-3), "divide by the number of dimensions, so that a typical code is "
           "at distance 1 whatever S is")
    expect(not close(out, square / 4, 1e-3, 1e-3), "that is the square of the distance; take the root")
    expect(not close(out, square.sqrt() / 4, 1e-3, 1e-3), "divide by S before you take the root, not after")
    values, axes = torch.linalg.eigh(covariance)
    expect(not close(out, ((d @ axes) / values).square().mean(1).sqrt(), 1e-3, 1e-3), "an eigenvalue is a variance; "
           "divide by its root, the standard deviation along that axis")
    expect(not close(out, ((d @ axes.T) / values.sqrt()).square().mean(1).sqrt(), 1e-3, 1e-3), "`eigh` gives the "
           "axes as *columns*: coordinates along them are d @ axes, without a transpose")
    expect(not close(out, (d.square() / covariance.diagonal()).mean(1).sqrt(), 1e-3, 1e-3), "you used the variances "
           "alone; the covariance has entries off its diagonal, too")
    expect_close(out, (square / 4).sqrt(), "(w - mean) times the inverse covariance times (w - mean), over S, and "
                 "the root", 1e-3, 1e-3)


@exercise(3, title="Masked gradients", minutes=8, level=2, solution_text=(
    "hidden * share + hidden.detach() * (1 - share)"))
def gradient_wall(answer):
    """The same numbers forwards; backwards a gradient only where `share` is 1."""
    draw = torch.Generator().manual_seed(4)
    share = (torch.rand(2, 3, 1, 4, 4, generator=draw) > 0.5).float()
    hidden = torch.randn(2, 3, 5, 4, 4, generator=draw).requires_grad_()
    out = answer_of(answer, hidden, share)
    expect_tensor(out)
    expect(not close(out, hidden * share), "forwards nothing may change, and yours is 0 where `share` is 0")
    expect_close(out, hidden.detach(), "forwards the numbers must be those of `hidden`")
    expect(out.requires_grad, "no gradient comes back at all: detach only where `share` is 0")
    weight = torch.randn(hidden.shape, generator=draw)
    [gradient] = torch.autograd.grad((out * weight).sum(), hidden)
    expect(not close(gradient, weight), "the gradient comes back from everywhere: where `share` is 0 it has to be "
           "stopped")
    expect(not close(gradient, weight * (1 - share)), "the gradient is stopped on the wrong side: detach where "
           "`share` is 0, not where it is 1")
    expect_close(gradient, weight * share, "backwards the gradient should be what comes in times `share`")


@exercise(4, title="Weights for small parts", minutes=8, level=2, solution_text=(
    "weights = 1 / area.sqrt(); weights / (weights * area).sum()"))
def small_parts(answer):
    """Weights of the parts that go with one over the root of their area, and are 1 on average over the pixels."""
    area = torch.tensor([0.64, 0.25, 0.09, 0.02])
    out = answer_of(answer, area)
    expect_shape(out, [4])
    raw = area.rsqrt()
    expect(not close(out, raw), "right so far, but their mean over the *pixels*, sum of weight times area, is not "
           "1 yet")
    expect(not close(out, area.sqrt() / (area.sqrt() * area).sum()), "these weights are larger for large parts")
    for one_over_area in (1 / area, 1 / area / 4, 1 / area / (1 / area).sum(), 1 / area / (1 / area).mean()):
        expect(not close(out, one_over_area), "that goes with one over the area: an eye of three pixels would count "
               "as much as the whole background. Take the root of the area first")
    expect(not close(out, area.sqrt()), "these weights are larger for large parts")
    expect(not close(out, raw / (raw * area).mean()), "the areas sum to 1 already: the mean over the pixels is the "
           "*sum* of weight times area")
    expect(not close(out, raw / raw.sum()), "you made the weights sum to 1; their mean over the pixels should be 1")
    expect(not close(out, raw / raw.mean()), "the mean over the *parts* is 1 now; it should be the mean over the "
           "pixels, in which a part counts by its area")
    expect_close(out, raw / (raw * area).sum(), "1 / sqrt(area), divided by the sum of weight times area")


@exercise(5, title="What tuning may touch", minutes=4, level=2, solution_text=(
    "b and d. The codes are the pivot and stay (a); the mapping network has no part in a face whose codes are given, "
    "and tuning it would change what W is (c)."))
def what_tuning_touches(answer):
    """Which statements about pivotal tuning are true?"""
    expect_choice(answer, "bd", {
        "a": "a is wrong: the found codes are the pivot, and a pivot stays where it is",
        "c": "c is wrong: with given codes the mapping network draws nothing, and other faces need W as it was"})


@exercise(6, title="How large is the frame?", minutes=4, level=1, solution_text=(
    "The eyes are 0.603 - 0.397 = 0.206 of the frame's side apart. 103 pixels are 0.206 of 500 pixels."))
def predict_frame(answer):
    """The frame's side in the photograph when the eyes are 103 pixels apart and stand at 0.397 and 0.603 of it."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 103 * 0.206, 0.5), "you multiplied; the frame is larger than the distance of the eyes")
    expect(not close(value, 103 / 0.603, 2), "0.603 is where the eye on the right is; the distance of the eyes "
           "is a difference")
    expect(not close(value, 103 / 0.397, 2), "0.397 is where the eye on the left is; the distance of the eyes "
           "is a difference")
    expect(close(value, 500, 2), "103 pixels are the share 0.603 - 0.397 of the frame's side")
