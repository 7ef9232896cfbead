"""Exercises on the game: who learns from what, the best discriminator, counting kinds, and a GAN of one's own."""

from __future__ import annotations

import math

import torch

from ssgan_lite.course.exercises import close, exercise, expect, expect_choice, expect_number
from ssgan_lite.course.gan import own_game, toy


@exercise(1, title="The best discriminator", minutes=5, level=2, solution_text=(
    "Of four points that turn up at such a place three are real, so the best it can say is 3 / (3 + 1) = 0.75. As a\n"
    "score that is log(0.75 / 0.25) = log 3 = 1.1. Where real and generated points are equally dense it says 0.5."))
def best_discriminator(probability):
    """Give the probability of being real that the best discriminator gives where real points are 3 times as dense."""
    expect_number(probability)
    told = float(probability)
    expect(not close(told, 3, 1e-3), "that is how many times denser the real points are; of four points that turn up "
                                     "there, how many are real?")
    expect(not close(told, math.log(3), 0.01), "that is its score; the probability belonging to it is asked for")
    expect(not close(told, 1, 1e-3), "one point in four that turn up there is generated, so it cannot be sure")
    expect(not close(told, 0.25, 1e-3), "that is the probability of being generated")
    expect(not close(told, 1 / 3, 0.01), "real to generated is 3 to 1, so the share of the real ones is 3 of 4, not "
                                         "1 of 3")
    expect(0 <= told <= 1, "a probability lies between 0 and 1")
    expect(close(told, 0.75, 5e-3), "count four points that turn up there: how many of them are real?")


@exercise(2, title="Count the kinds", minutes=10, level=2, solution="ssgan_lite.course.gan.toy:kinds_found")
def count_kinds(answer):
    """Count the centers that have at least `least` points within `radius`."""
    centers = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    offsets = torch.tensor([[0.0, 0.5], [0.5, 0.0], [-0.5, 0.0], [0.3, 0.3], [0.0, 1.0]])
    crowd = centers[0] + offsets.repeat(4, 1)                                       # 20 points of one kind
    few = centers[1] + offsets[[0, 1, 4]]                                           # the last: at `radius` exactly
    stray = torch.tensor([[2.2, 1.4], [2.4, 1.0], [2.0, 6.2], [1.0, 6.4], [0.5, 6.5]])
    points = torch.cat([crowd, few, stray])
    out = answer(points, centers, 1.0, 3)
    expect_number(out, "the number of kinds")
    expect(int(out) != 23, "you count the points that lie near a center; asked for are the centers that have enough "
                           "points")
    expect(int(out) != 4, "you count every center, whether points are near it or not")
    expect(int(out) != 3, "points far from every center belong to no kind, even if one center is their nearest: "
                          "compare the distance with `radius`")
    expect(int(out) != 1, "exactly `least` points are enough, and a distance of exactly `radius` is near")
    expect(int(out) == 2, "for each center count the points within `radius`; the result is how many centers have at "
                          "least `least`")
    expect(int(answer(points, centers, 1.0, 4)) == 1, "with a larger `least` it does not come out")
    expect(int(answer(1.5 * offsets[4:].repeat(3, 1), centers[:1], 2.0, 3)) == 1, "you compare the square of the "
           "distance with `radius`; the distance is its root, as in `.norm(dim=1)` or `torch.cdist`")
    expect(int(answer(points, centers, 0.1, 1)) == 0, "with a small `radius` it does not come out")
    generator = torch.Generator().manual_seed(2)
    many, places = torch.randn(60, 2, generator=generator), torch.randn(7, 2, generator=generator)
    expect(int(answer(many, places, 1.2, 12)) == toy.kinds_found(many, places, 1.2, 12),
           "where circles overlap a point may count for several centers; yours does not come out there")


@exercise(3, title="Who learns from what?", minutes=4, level=1, solution_text=(
    "a and d. The discriminator sees real and generated points and knows which is which; nobody tells it\n"
    "about kinds. The generator never sees a real point. It is moved by the gradient of the score of its own\n"
    "points, which reaches it through the discriminator. Both losses are scores in a game: a falling one says only\n"
    "that one side is getting ahead of the other as it is now."))
def who_learns(statements):
    """Say which statements about the game are true."""
    expect_choice(statements, "ad", {
        "b": "b: look at `g_turn`; does a real point occur in it?",
        "c": "c: where in `d_turn` would it learn of which kind a point is?",
        "e": "e: the loss falls also when the discriminator gets worse, and the next turn changes it again"})


@exercise(4, title="Build it yourself: a game of your own", minutes=40, level=3, solution_text=own_game.SOLUTION)
def own_gan(answer):
    """A function that trains a generator on given points, so that every kind among them is found."""
    own_game.examine(answer)
