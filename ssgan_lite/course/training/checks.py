"""Exercises on the training loop: data order, the average of the weights, and reading the log."""

from __future__ import annotations

import random

from ssgan_lite.course.exercises import close, describe, exercise, expect, expect_choice, expect_number
from ssgan_lite.course.training import paper_game


@exercise(1, title="How often each head?", minutes=5, level=1, solution_text=(
    "1,000 steps of 16 heads are 16,000 heads shown; 16,000 / 2,000 = 8. Every head was seen eight times."))
def times_seen(answer):
    """Say how often each of 2,000 heads was seen after 1,000 steps of 16."""
    expect_number(answer)
    expect(not close(float(answer), 0.5), "1,000 / 2,000 would be right if a step showed one head; it shows 16")
    expect(not close(float(answer), 125), "2,000 / 16 is the number of steps of one epoch; how many epochs are 1,000 "
                                          "steps?")
    expect(not close(float(answer), 16_000), "that many heads were shown in all; how many of them were the same "
                                             "head?")
    expect(not close(float(answer), 1 / 8), "upside down: heads shown, divided by heads that there are")
    expect(close(float(answer), 8), "multiply steps by batch for the heads shown, and divide by how many there are")


def solve_next_positions(start, count, n, order):
    """Positions start ... start + count - 1 of an endless walk through n items, every epoch in its own order."""
    positions = []
    while len(positions) < count:
        epoch, offset = divmod(start + len(positions), n)
        positions.extend(order(epoch)[offset:offset + count - len(positions)])
    return positions


@exercise(2, title="The next heads, without a memory", minutes=15, level=3,
          solution="ssgan_lite.course.training.checks:solve_next_positions")
def next_positions(answer):
    """Return the positions of the `count` heads that follow the first `start`, epoch after epoch."""
    asked = []

    def order(epoch, n=7):
        asked.append(epoch)
        return random.Random(1000 + epoch).sample(range(n), n)

    first, second, third = order(0), order(1), order(2)
    out = answer(0, 3, 7, order)
    expect(isinstance(out, (list, tuple)), f"a list of positions is wanted; you return {describe(out)}")
    expect(list(out) != [0, 1, 2], "these are the places in the order, not the heads that stand there: look them up "
                                   "in `order(epoch)`")
    expect(len(out) == 3, f"3 heads were asked for, you return {len(out)}")
    expect(list(out) == first[:3], "the first three heads are the first three of `order(0)`")
    out = list(answer(2, 3, 7, order))
    expect(out != first[:3], "you begin at the beginning of the epoch, whatever `start` is")
    expect(out == first[2:5], "two heads were seen; the next three stand at places 2, 3 and 4 of `order(0)`")
    out = list(answer(5, 4, 7, order))
    expect(len(out) == 4, f"at the end of an epoch you return {len(out)} heads instead of 4: the batch goes on in "
                          "the next epoch")
    expect(out != first[5:] + first[:2], "behind the last head of an epoch you go through the same order again; the "
                                         "next epoch has its own, `order(epoch + 1)`")
    expect(out == first[5:] + second[:2], "a batch that begins with the last two of an epoch goes on with the first "
                                          "two of the next one")
    expect(list(answer(7, 2, 7, order)) == second[:2], "when exactly one epoch was seen, the next head is the first "
                                                       "of `order(1)`")
    expect(list(answer(6, 9, 7, order)) == [first[6], *second, third[0]],
           "a batch may be longer than an epoch: then it goes through a whole one and on; two pieces are not enough")
    asked.clear()
    far = list(answer(7 * 10**6 + 1, 2, 7, order))
    expect(len(set(asked)) < 10, "you walk through all epochs from the first; `start // n` says which epoch it is")
    expect(far == order(10**6)[1:3], "far on in the walk the epoch is `start // n`, and the place in it `start % n`")
    expect(list(answer(3, 0, 7, order)) == [], "nobody asked for a head (`count` 0), and you return one")


@exercise(3, title="Which run to stop?", minutes=10, level=2, solution_text=(
    "c. Real pairs get 14 and generated ones -15 almost at once. With such scores softplus(-D(fake)) is a straight "
    "line:\nthe generator is told \"up\" but hardly what to change, and the discriminator looks at something that it "
    "cannot reach,\noften the softness of its masks. Raise r1_mask first. b is healthy; in a the discriminator "
    "learns nothing; in d the generator\nis ahead, as against the discriminators that stood still."))
def run_to_stop(answer):
    """Choose the run whose discriminator wins: "a", "b", "c" or "d"."""
    expect_choice(answer, "c", {
        "a": "here real and generated pairs get the same score; nobody wins, since the discriminator has learned "
             "nothing",
        "b": "the scores part slowly and stay small: this is what a game between equals looks like",
        "d": "here the generated pairs get the better scores; it is the discriminator that loses"})


@exercise(4, title="How long a half-life?", minutes=10, level=2, solution="ssgan_lite.train.ema:ema_decay")
def decay_of_a_step(answer):
    """Return the decay per step for a half-life in images, at most `share` of the images seen."""
    out = answer(16, 10**9, 160, 0.05)
    expect_number(out)
    expect(not close(out, 16 / 160, atol=1e-6), "batch / half_life is the share of a half-life that has passed; the "
                                                "decay is one half to that power")
    expect(not close(out, 0.5 ** (160 / 16), atol=1e-6), "the exponent is upside down: a step is only a small part "
                                                         "of the half-life, so the decay is near 1")
    expect(not close(out, 1 - 0.5 ** (16 / 160), atol=1e-6), "that is what is forgotten; the decay is what is kept")
    expect(not close(out, 0.3678794 ** (16 / 160), atol=1e-5), "after a half-life one half is left, not 1 / e")
    expect(not close(out, 0.5 ** (16 / (0.05 * 10**9)), atol=1e-9), "you take the larger of half_life and share * "
           "images_seen; the average never remembers more than that share, so the smaller one counts")
    kept = 1.0
    for _ in range(10):                           # 160 images in steps of 16
        kept *= answer(16, 10**9, 160, 0.05)
    expect(close(kept, 0.5, atol=1e-6), "ten steps of 16 images are a half-life of 160: one half should be left "
                                        f"after them, with your decay it is {kept:.3f}")
    early = answer(16, 1000, 1_000, 0.05)
    expect(not close(early, 0.5 ** (16 / 1_000), atol=1e-6), "early in the run the half-life is a `share` of the "
                                                              "images seen, if that is less")
    expect(not close(early, 0.5 ** (16 / 1_050), atol=1e-6), "take the smaller of the two, not their sum")
    expect(close(early, 0.5 ** (16 / 50), atol=1e-6), "of half_life and share * images_seen the smaller one counts")
    expect(close(answer(16, 10**9, 10_000, 0.05), 0.5 ** (16 / 10_000), atol=1e-7),
           "late in the run it is half_life that counts, the smaller of the two")
    try:
        at_first = answer(16, 0, 10_000, 0.05)
    except ZeroDivisionError:
        expect(False, "before anything was seen (images_seen=0) you divide by 0; the average should then simply take "
                      "the weights: a decay of 0")
    expect(at_first is not None and float(at_first) == 0.0, "before anything was seen the average should simply take "
                                                            "the weights: a decay of 0, without dividing by zero")


@exercise(5, title="Build it yourself: the paper's game", minutes=45, level=3, in_place=True,
          solution_text=paper_game.SOLUTION)
def papers_game(answer):
    """So many steps of the published game: logistic loss, lazy R1, mask loss, lazy path length, average."""
    paper_game.examine(answer)
