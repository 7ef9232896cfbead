"""Right and wrong answers to the exercises on measuring, and what the notebook builds."""

from __future__ import annotations

import math

import numpy as np
import torch


def bells_stub(mean_a, std_a, mean_b, std_b):
    ...  # your lines here


def bells(m, s, n, t):
    return m * m - 2 * m * n + n * n + s * s + t * t - 2 * s * t


def kernel_stub(x, y):
    ...  # your lines here


def k(a, b, power=3, scale=None):
    return sum(p * q for p, q in zip(a, b)) / (scale or len(a)) + 1 if power == 1 else k(a, b, 1, scale) ** power


def mmd(x, y, power=3, scale=None, factor=2, same=False, pairs=None, sign=1):
    """With loops; the keywords are mistakes."""
    def within(z):
        values = [k(z[i], z[j], power, scale) for i in range(len(z)) for j in range(len(z)) if same or i != j]
        return sum(values) / (pairs(len(z)) if pairs else len(values))

    between = [k(a, b, power, scale) for a in x for b in y]
    return sign * (within(x) + within(y) - factor * sum(between) / len(between))


def fixed_size(x, y):
    return mmd(x, y, scale=4)


def iou_stub(judged, witness, part):
    ...  # your lines here


def iou(judged, witness, part, empty=None, one=None, dice=False, area=None, either_has=False):
    """One image after the other; the keywords are mistakes."""
    found = []
    for a, b in zip(judged == part, witness == part):
        both, either = int((a & b).sum()), int((a | b).sum())
        below = {None: either, "judged": int(a.sum()), "witness": int(b.sum())}[area]
        value = (2 * both / max(int(a.sum() + b.sum()), 1)) if dice else both / max(below, 1)
        if a.any() or (either_has and b.any()):
            found.append(value)
        elif one is not None and either == 0:
            found.append(one)
        elif empty is not None:
            found.append(empty)
    return sum(found) / len(found)


def divided_by_nothing(judged, witness, part):
    a, b = judged == part, witness == part
    return ((a & b).flatten(1).sum(1) / (a | b).flatten(1).sum(1)).mean()


def pooled(judged, witness, part, everywhere=False):
    a, b = judged == part, witness == part
    if not everywhere:
        b = b & a.flatten(1).any(1)[:, None, None]
    return float((a & b).sum() / (a | b).sum())


def leak_stub(before, after, region):
    ...  # your lines here


def leak(before, after, region, change=None, sums=False, whole=False):
    delta = (change or (lambda b, a: (a - b).abs().mean(0)))
    found = []
    for b, a, r in zip(before, after, region):
        d = delta(b, a)
        found.append(d[~r].sum() / d[r].sum() if sums else (d.mean() if whole else d[~r].mean()) / d[r].mean())
    return torch.stack(found)


def distances_to(generated, others):
    return np.sqrt(((generated[:, None] - others[None]) ** 2).sum(-1))


def two_nearest(generated, train, unseen):
    """Another right answer: a copy is much nearer to its original than to the training face that comes second."""
    first, second = np.sort(distances_to(generated, train), axis=1)[:, :2].T
    return float(np.mean(first < 0.5 * second))


def against_unseen(generated, train, unseen, share=0.5):
    near, far = distances_to(generated, train).min(1), distances_to(generated, unseen).min(1)
    return float(np.mean(near < share * far))


def below(threshold):
    """A face is a copy if a training face is nearer than a threshold, computed from the three clouds."""
    def answer(generated, train, unseen):
        near = distances_to(generated, train).min(1)
        return float(np.mean(near < threshold(generated, train, unseen)))
    return answer


def verdict(generated, train, unseen):
    near, usual = distances_to(generated, train).min(1), distances_to(unseen, train).min(1)
    return float(np.median(near) < 0.5 * np.median(usual))


def between_real(reduce, share):
    return below(lambda generated, train, unseen: share * reduce(distances_to(unseen, train).min(1)))


ANSWERS = {
    "two_bells": dict(
        stub=bells_stub, right=[bells],
        wrong=[(lambda *a: math.sqrt(max(bells(*a), 0)), "that is its root"),
               (lambda m, s, n, t: (m - n) ** 2 + (s**2 - t**2) ** 2, "compare the variances"),
               (lambda m, s, n, t: (m - n) ** 2 + (s + t) ** 2, "are subtracted"),
               (lambda m, s, n, t: (m - n) ** 2, "always makes the mean face"),
               (lambda m, s, n, t: (s - t) ** 2, "only the spreads"),
               (lambda m, s, n, t: abs(m - n) + abs(s - t), "square both"),
               (lambda m, s, n, t: (m - n) ** 2 - (s - t) ** 2, "add their squares"),
               (lambda m, s, n, t: (m - n) ** 2 + s * t, "difference of the means"),
               (lambda m, s, n, t: (m - n) ** 2 + (s - t) ** 2 or 1, "have distance 0"),
               (lambda m, s, n, t: (abs(m) - abs(n)) ** 2 + (s - t) ** 2, "with a negative mean")]),
    "kernel_estimate": dict(
        stub=kernel_stub, right=[mmd],
        wrong=[(lambda x, y: 1000 * mmd(x, y), "1000 times"),
               (lambda x, y: mmd(x, y, same=True), "compared with itself"),
               (lambda x, y: mmd(x, y, pairs=lambda n: n * n), "still divide by n^2"),
               (lambda x, y: mmd(x, y, same=True, pairs=lambda n: n * (n - 1)), "still in the sum"),
               (lambda x, y: mmd(x, y, scale=1), "by D"), (lambda x, y: mmd(x, y, power=2), "third power"),
               (lambda x, y: mmd(x, y, factor=1), "count twice"), (lambda x, y: mmd(x, y, sign=-1), "turned around"),
               (lambda x, y: float(np.abs(x.mean(0) - y.mean(0)).sum()), "minus twice the mean"),
               (lambda x, y: max(mmd(x, y), 0), "cut off at 0"),
               (lambda x, y: mmd(x, y, pairs=lambda n: 2 * n * (n - 1)), "each pair once"),
               (fixed_size, "other n, m and D")]),
    "one_perfect_face": dict(
        stub=(..., ...), right=[(1, 0), (1.0, 0.0), (torch.tensor(1.0), 0)],
        wrong=[((0, 1), "other way round"), ((1, 1), "recall asks something else"),
               ((0.5, 0), "how many of the generated"),
               ((1, 0.5), "copy of itself"), (("high", 0), "precision should be one number")]),
    "iou_where_present": dict(
        stub=iou_stub, right=[iou],
        wrong=[(lambda a, b, p: ((a == p) & (b == p)).sum((1, 2)) / ((a == p) | (b == p)).sum((1, 2)),
                "one value per"),
               (pooled, "the pooled IoU"), (lambda a, b, p: pooled(a, b, p, True), "IoU of each image first"),
               (lambda a, b, p: iou(a, b, p, empty=0), "count as 0"),
               (lambda a, b, p: iou(a, b, p, empty=0, one=1), "counts as 1"),
               (lambda a, b, p: iou(a, b, p, either_has=True), "where the *first* mask has it"),
               (lambda a, b, p: iou(a, b, p, dice=True), "Dice"),
               (lambda a, b, p: iou(a, b, p, area="judged"), "area of the first"),
               (lambda a, b, p: iou(a, b, p, area="witness"), "area of the second"),
               (lambda a, b, p: float((a == b).float().mean()), "then the mean"),
               (lambda a, b, p: iou(a, b, 2), "another part number"),
               (divided_by_nothing, "0 by 0")]),
    "lost_parts": dict(
        stub=..., right=[["ears", "earrings"], ("earrings", "ears")],
        wrong=[(["eyes", "ears", "earrings"], "not dead"), (["earing"], "no part is called"), (3, "names of parts"),
               ("earrings", "not all")]),
    "leak": dict(
        stub=leak_stub, right=[leak],
        wrong=[(lambda b, a, r: 1 / leak(b, a, r), "upside down"),
               (lambda b, a, r: leak(b, a, r, sums=True), "divide sums"),
               (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).mean(0)), "would cancel"),
               (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).square().mean(0)), "squared"),
               (lambda b, a, r: leak(b, a, r, whole=True), "the whole picture"),
               (lambda b, a, r: leak(b, a, r).mean(), "not their mean"),
               (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).mean(0).abs()), "before the mean over the colors"),
               (lambda b, a, r: leak(b, a, ~r.roll(1, 2)), "mean over the pixels outside"),
               (lambda b, a, r: leak(b, a, r)[:, None], "has the shape")]),
    "copied_share": dict(
        stub=..., right=[against_unseen, two_nearest],
        wrong=[(lambda g, t, u: distances_to(g, t).min(1) < 1, "one number"),
               (lambda g, t, u: 100 * against_unseen(g, t, u), "between 0 and 1"),
               (lambda g, t, u: 1 - against_unseen(g, t, u), "hands out training faces"),
               (lambda g, t, u: against_unseen(g, t, u, 1), "one is always the nearer"),
               (below(lambda g, t, u: 1e-6), "copies all the same"), (verdict, "not all of them by one median"),
               (below(lambda g, t, u: 1.0), "a fixed distance"),
               (below(lambda g, t, u: 0.5 * distances_to(g, u).min(1).mean()), "must not decide"),
               (between_real(lambda x: np.quantile(x, 0.05), 1), "average faces"),
               (lambda g, t, u: against_unseen(g, t, u, 0.75), "ten times as many"),
               (between_real(np.median, 0.5), "only the different ones"),
               (between_real(np.mean, 0.5), "fresh faces get")]),
}


def clouds():
    rng = np.random.default_rng(0)
    return rng.standard_normal((20, 3)), 0.8 * rng.standard_normal((16, 3)) + 0.5


def gaussians():
    x, y = clouds()
    return x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False)


DEFINITIONS = [
    dict(name="frechet_of_gaussians", library="ssgan_lite.measure.distances:frechet_of_gaussians", inputs=gaussians,
         grad=False),
    dict(name="precision_recall", library="ssgan_lite.measure.distances:precision_recall", inputs=clouds, grad=False),
    dict(name="precision_recall", library=
         "ssgan_lite.measure.distances:precision_recall", inputs=lambda: (*clouds(), 5),
         grad=False),
]
