"""Right and wrong answers to the exercises on training."""

from __future__ import annotations

import math


def walk_stub(start, count, n, order):
    ...  # your lines here; return a list of `count` positions


def walk_one_by_one(start, count, n, order):
    return tuple(order((start + i) // n)[(start + i) % n] for i in range(count))


def one_epoch_only(start, count, n, order):
    return order(start // n)[start % n:start % n + count]


def the_same_order_again(start, count, n, order):
    return [order(start // n)[(start + i) % n] for i in range(count)]


def two_pieces(start, count, n, order):
    epoch, offset = divmod(start, n)
    return (order(epoch)[offset:] + order(epoch + 1))[:count]


def from_the_first_epoch(start, count, n, order):
    walked = []
    for epoch in range((start + count) // n + 1):
        walked += order(epoch)
        if epoch > 50:
            return walked[:count]
    return walked[start:start + count]


def decay_stub(batch, images_seen, half_life, share):
    ...  # your lines here


def decay_by_logarithm(batch, images_seen, half_life, share):
    images = min(half_life, images_seen * share)
    return math.exp(math.log(0.5) * batch / images) if images else 0


def decay(half_life_of, formula=lambda batch, images: 0.5 ** (batch / images)):
    """A wrong answer that differs in which half-life it takes, or in the formula."""
    def answer(batch, images_seen, half_life, share):
        images = half_life_of(half_life, share * images_seen)
        return formula(batch, images) if images > 0 else 0.0
    return answer


ANSWERS = {
    "times_seen": dict(stub=..., right=[8, 8.0], wrong=[(0.5, "it shows 16"), (125, "one epoch"), (16_000, "in all"),
                                                  (1 / 8, "upside down"), (20, "multiply steps by batch")]),
    "next_positions": dict(
        stub=walk_stub, right=[walk_one_by_one],
        wrong=[(lambda start, count, n, order: list(range(start, start + count)), "not the heads that stand there"),
               (lambda start, count, n, order: order(0)[:count], "whatever `start` is"),
               (one_epoch_only, "the batch goes on in the next epoch"),
               (the_same_order_again, "the same order again"), (two_pieces, "longer than an epoch"),
               (from_the_first_epoch, "all epochs from the first"),
               (lambda start, count, n, order: order(0)[start:start + count + 1], "3 heads were asked for"),
               (lambda start, count, n, order: count, "a list of positions")]),
    "run_to_stop": dict(stub=..., right=["c", "C"], wrong=[("a", "sleeps"), ("b", "between equals"),
                                                    ("d", "it is the discriminator who loses")]),
    "decay_of_a_step": dict(
        stub=decay_stub, right=[decay_by_logarithm],
        wrong=[(decay(min, lambda batch, images: batch / images), "share of a half-life"),
               (decay(min, lambda batch, images: 0.5 ** (images / batch)), "upside down"),
               (decay(min, lambda batch, images: 1 - 0.5 ** (batch / images)), "what is forgotten"),
               (decay(min, lambda batch, images: math.exp(-batch / images)), "1 / e"),
               (decay(lambda half_life, seen: half_life), "early in the run"),
               (decay(lambda half_life, seen: half_life + seen if seen < 1e6 else half_life), "not their sum"),
               (decay(max), "one half should be left"),
               (lambda batch, seen, half_life, share: 0.5 ** (batch / min(half_life, share * max(seen, 1))),
                "before anything was seen")]),
}

DEFINITIONS = []
