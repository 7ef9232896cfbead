"""Right and wrong answers to the exercises on training."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from ssgan_lite.train import losses
from ssgan_lite.train.ema import ema_decay


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


def paper_play(r1=lambda t: t.steps % t.config.r1_every == 0, factor=1.0, mask_loss=1.0, path=True, keep=True,
               average=True, count=True, order="dg", seen=0, path_factor=1.0, same_fake=False):
    """The paper's game; the keywords are mistakes."""
    def learn(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def discriminator_turn(t):
        image, mask = t.draw_real()
        with torch.no_grad():
            fake = t.fake("d")
        scores = t.D(image, mask), t.D(fake.image, fake.mask)
        learn(t.optimizers["d"], F.softplus(-scores[0]).mean() + F.softplus(scores[1]).mean())
        if r1(t):
            penalties = losses.r1_penalty(t.D, image, mask)
            c = t.config
            loss = c.r1_image / 2 * penalties.image + c.r1_mask / 2 * penalties.mask
            learn(t.optimizers["d"], factor * c.r1_every * loss)

    def generator_turn(t):
        c, out = t.config, t.fake("d" if same_fake else "g")
        loss = F.softplus(-t.D(out.image, out.mask)).mean()
        loss = loss + mask_loss * c.mask_weight * losses.mask_consistency(out.coarse_mask, out.mask)
        learn(t.optimizers["g"], loss)
        if path and t.steps % c.path_every == 0:
            n, size = c.batch // 2, t.G.config.size
            codes, planes = t.G.layout.expand(t.draw_codes(n, "path")), t.draw_noise(n, "path")
            y = t.draw_normal((n, 3, size, size), "path", "image noise") / size
            lengths = losses.path_lengths(t.G, codes, image_noise=y, noise=planes)
            penalty, mean = losses.path_penalty(lengths, t.path_mean)
            t.path_mean = mean if keep else t.path_mean
            learn(t.optimizers["g"], path_factor * c.path_every * c.path_weight * penalty)

    def play(t, steps):
        for _ in range(steps):
            for turn in order:
                discriminator_turn(t) if turn == "d" else generator_turn(t)
            t.steps += count
            c = t.config
            decay = ema_decay(c.batch, t.images_seen + seen, c.ema_images, c.ema_share)
            for kept, weight in zip(t.G_ema.parameters(), t.G.parameters(), strict=True):
                if average:
                    kept.data.lerp_(weight.data, 1 - decay)
    return play


play = paper_play()


def the_same_heads(t, steps):
    """The real batch is drawn once, before the loop."""
    real = t.draw_real()
    t.draw_real = lambda: real
    play(t, steps)


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
    "run_to_stop": dict(stub=..., right=["c", "C"], wrong=[("a", "has learned nothing"), ("b", "between equals"),
                                                    ("d", "it is the discriminator that loses")]),
    "decay_of_a_step": dict(
        stub=decay_stub, right=[decay_by_logarithm],
        wrong=[(decay(min, lambda batch, images: batch / images), "share of a half-life"),
               (decay(min, lambda batch, images: 0.5 ** (images / batch)), "upside down"),
               (decay(min, lambda batch, images: 1 - 0.5 ** (batch / images)), "what is forgotten"),
               (decay(min, lambda batch, images: math.exp(-batch / images)), "1 / e"),
               (decay(lambda half_life, seen: half_life), "early in the run"),
               (decay(lambda half_life, seen: half_life + seen if seen < 1e6 else half_life), "not their sum"),
               (decay(max), "take the larger"),
               (lambda batch, seen, half_life, share: 0.5 ** (batch / min(half_life, share * seen)), "divide by 0"),
               (lambda batch, seen, half_life, share: 0.5 ** (batch / (2 * half_life)), "one half should be left"),
               (lambda batch, seen, half_life, share: 0.5 ** (batch / min(half_life, share * max(seen, 1))),
                "before anything was seen")]),
    "papers_game": dict(
        stub=..., right=[play],
        wrong=[(lambda t, steps: [t.step() for _ in range(steps)], "do without"),
               (paper_play(count=False), "the counter"), (paper_play(order="g"), "the discriminator (`t.D`) has not"),
               (paper_play(order="d"), "the generator (`t.G`) has not"),
               (paper_play(average=False), "the average (`t.G_ema`) has not"),
               (paper_play(r1=lambda t: True), "is not where the library's is after a bare step"),
               (paper_play(mask_loss=0), "mask loss is missing"),
               (paper_play(same_fake=True), "the generator is not where"),
               (paper_play(seen=-12_000), "the average is not where"),
               (paper_play(r1=lambda t: False), "R1 step is missing"),
               (paper_play(factor=1 / 16), "R1 of image and of mask"),
               (paper_play(path=False), "path-length step is missing"), (paper_play(keep=False), "was not stored"),
               (paper_play(path_factor=1 / 4), "path length on half a batch"),
               (the_same_heads, "after six steps")]),
}

DEFINITIONS = []
