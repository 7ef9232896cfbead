"""Right and wrong answers to the exercises on faces and masks; what the notebook defines is not in the library."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ssgan_lite.data import signed_one_hot


def stub(*_):
    ...  # your lines here


def zero_one(mask, n_parts):
    return torch.stack([(mask == part).float() for part in range(n_parts)], dim=1)


def scattered(mask, n_parts):
    out = torch.full((len(mask), n_parts, *mask.shape[1:]), -1.0, dtype=torch.float64)
    return out.scatter_(1, mask.long()[:, None], 1.0)


def areas(masks, n_parts):
    return torch.stack([(masks == part).float().mean(dim=(1, 2)) for part in range(n_parts)])


def statistics(masks, n_parts):
    area = areas(masks, n_parts)
    has = area > 0
    return has.float().mean(dim=1), area.sum(dim=1) / has.sum(dim=1).clamp(min=1)


def statistics_in_a_loop(masks, n_parts):
    share, area = torch.zeros(n_parts), torch.zeros(n_parts)
    for part in range(n_parts):
        found = [(mask == part).float().mean() for mask in masks if (mask == part).any()]
        share[part] = len(found) / len(masks)
        area[part] = sum(found) / len(found) if found else 0.0
    return share, area


def changed(share=lambda s, m: s, area=lambda a, m: a):
    """The right statistics with one of the two spoilt."""
    def answer(masks, n_parts):
        right = statistics(masks, n_parts)
        return share(right[0], masks), area(right[1], masks)
    return answer


def nan_area(masks, n_parts):
    area = areas(masks, n_parts)
    return (area > 0).float().mean(dim=1), area.sum(dim=1) / (area > 0).sum(dim=1)


def vote(masks, factor, weights):
    votes = torch.stack([F.avg_pool2d((masks == part).float(), factor) * weight
                         for part, weight in enumerate(weights)])
    return votes.argmax(dim=0)


def vote_with_unfold(masks, factor, weights):
    n, h, w = masks.shape
    blocks = masks.reshape(n, h // factor, factor, w // factor, factor).transpose(2, 3).flatten(3)
    return (F.one_hot(blocks.long(), len(weights)).sum(3) * weights).argmax(-1)


def mean_vote(masks, factor, weights):
    return F.avg_pool2d(masks.float(), factor).round()


def high_tie(masks, factor, weights):
    votes = torch.stack([F.avg_pool2d((masks == part).float(), factor) * weight
                         for part, weight in enumerate(weights)])
    return len(weights) - 1 - votes.flip(0).argmax(dim=0)


def only_twos(masks, factor, weights):
    return vote(masks, 2, weights)


def leak(before, after, region, change=lambda before, after: (after - before).abs().mean(1)):
    delta = change(before, after)
    inside = (delta * region).sum((1, 2)) / region.sum((1, 2))
    return (delta * ~region).sum((1, 2)) / (~region).sum((1, 2)) / inside


def leak_by_face(before, after, region):
    found = [(a - b).abs().mean(0) for a, b in zip(after, before)]
    return torch.stack([d[~r].mean() / d[r].mean() for d, r in zip(found, region)])


def leak_of_sums(before, after, region):
    delta = (after - before).abs().mean(1)
    return (delta * ~region).sum((1, 2)) / (delta * region).sum((1, 2))


def leak_everywhere(before, after, region):
    delta = (after - before).abs().mean(1)
    return delta.mean((1, 2)) / ((delta * region).sum((1, 2)) / region.sum((1, 2)))


def leak_of_the_batch(before, after, region):
    delta = (after - before).abs().mean(1)
    return (delta[~region].mean() / delta[region].mean()).expand(len(before))


class Linear:
    """The linear generator of the notebook."""

    def __init__(self, pictures, n_codes):
        flat = pictures.flatten(1)
        self.mean, self.shape = flat.mean(dim=0), pictures.shape[1:]
        self.axes = torch.linalg.svd(flat - self.mean, full_matrices=False).Vh[:n_codes]

    def encode(self, pictures):
        return (pictures.flatten(1) - self.mean) @ self.axes.T

    def __call__(self, codes):
        return (self.mean + codes @ self.axes).unflatten(1, self.shape)


class PartsGenerator:
    """One linear generator per part."""

    def __init__(self, pictures, masks, n_parts, n_codes):
        self.n_parts = n_parts
        self.parts = [Linear(pictures * self.where(masks, part), n_codes) for part in range(n_parts)]

    def where(self, masks, part):
        return (masks == part)[:, None].float()

    def encode(self, pictures, masks):
        codes = [part.encode(pictures * self.where(masks, p)) for p, part in enumerate(self.parts)]
        return torch.stack(codes, dim=1)

    def __call__(self, codes, masks):
        return sum(part(codes[:, p]) * self.where(masks, p) for p, part in enumerate(self.parts))


class OneCode(PartsGenerator):
    """One code for everything, handed out to all parts."""

    def __call__(self, codes, masks):
        return sum(part(codes[:, p]) for p, part in enumerate(self.parts))


class DividesByNone(PartsGenerator):
    def encode(self, pictures, masks):
        count = torch.stack([(masks == part).sum() for part in range(self.n_parts)])
        return super().encode(pictures, masks) / count.clamp(max=1)[:, None]


class Frozen(PartsGenerator):
    def __call__(self, codes, masks):
        return super().__call__(torch.zeros_like(codes), masks)


class Doubled(PartsGenerator):
    def __call__(self, codes, masks):
        return 4 * super().__call__(codes, masks)


class HalfTheCodes(PartsGenerator):
    def encode(self, pictures, masks):
        codes = super().encode(pictures, masks)
        return torch.cat([codes[..., :2], 0 * codes[..., 2:]], dim=-1)


class Flat(PartsGenerator):
    def encode(self, pictures, masks):
        return super().encode(pictures, masks).flatten(1)


ANSWERS = {
    "count_of_ones": dict(right=[16384], stub=..., wrong=[
        (4 * 13 * 64 * 64, "most of them are 0"),
        (64 * 64, "one face"),
        (13 * 64 * 64, "every number of one face"),
        (52, "number of channels"),
        (1000, "how many of the 13 channels"),
    ]),
    "signed_masks": dict(right=[signed_one_hot, lambda mask, n: 2 * zero_one(mask, n) - 1, scattered],
                         stub=stub, wrong=[
        (zero_one, "0 and 1"),
        (lambda mask, n: 2.0 * F.one_hot(mask.long(), n) - 1, "yours come last"),
        (lambda mask, n: (2 * zero_one(mask, n) - 1).transpose(0, 1), "yours are second"),
        (lambda mask, n: 2 * zero_one(mask, int(mask.max()) + 1) - 1, "on no face"),
        (lambda mask, n: (2 * zero_one(mask, n) - 1).long(), "whole ones"),
        (lambda mask, n: 1 - 2 * zero_one(mask, n), "wrong way round"),
        (lambda mask, n: zero_one(mask, n) - 1, "-1 and 0"),
        (lambda mask, n: 2.0 * F.one_hot(mask.long(), n).reshape(len(mask), n, *mask.shape[1:]) - 1, "`reshape` and "
            "`view`"),
    ]),
    "planted_correlation": dict(right=[0.9, 0.9 + 1e-7, torch.tensor(0.9)], stub=..., wrong=[
        (0.95, "how often they agree"),
        (0.05, "how often they disagree"),
        (0.475, "share of faces in which both are true"),
        (0.81, "you squared it"),
        (0.95 ** 2, "comes close by accident"),
        (0.95 - 0.5, "how far above one half"),
        (90, "between -1 and 1"),
        (0.5, "mean of their product"),
    ]),
    "part_statistics": dict(right=[statistics, statistics_in_a_loop], stub=stub, wrong=[
        (lambda m, p: areas(m, p).mean(1), "return two tensors"),
        (lambda m, p: statistics(m, p)[::-1], "the other way round"),
        (changed(share=lambda s, m: s * len(m)), "count the faces"),
        (changed(share=lambda s, m: areas(m, len(s)).mean(1)), "share is of the pixels"),
        (nan_area, "divides 0 by 0"),
        (changed(area=lambda a, m: areas(m, len(a)).mean(1)), "mean over all faces"),
        (changed(area=lambda a, m: a * m[0].numel()), "not in pixels"),
    ]),
    "weighted_vote": dict(right=[vote, vote_with_unfold], stub=stub, wrong=[
        (lambda m, f, w: m[:, ::f, ::f], "first pixel of each block"),
        (mean_vote, "cannot be averaged"),
        (lambda m, f, w: vote(m, f, torch.ones_like(w)), "leave the weights out"),
        (lambda m, f, w: vote(m, f, w ** 0.1), "multiply the number of votes"),
        (lambda m, f, w: vote(m.transpose(1, 2), f, w), "count the pixels of every part"),
        (high_tie, "lower part number"),
    ]),
    "leak_of_edit": dict(right=[leak, leak_by_face], stub=stub, wrong=[
        (lambda b, a, r: 1 / leak(b, a, r), "upside down"),
        (leak_of_sums, "you divide sums"),
        (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).mean(1)), "brighter and darker cancel"),
        (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).mean(1).abs()), "red and blue cancel"),
        (lambda b, a, r: leak(b, a, r, lambda b, a: (a - b).square().mean(1)), "you square"),
        (leak_everywhere, "not* in the region"),
        (leak_of_the_batch, "mean of |change|"),
    ]),
    "parts_generator": dict(right=[PartsGenerator], stub=..., wrong=[
        (lambda *_: 0, "the class itself"), (Flat, "the codes have the shape"),
        (DividesByNone, "the codes hold NaN"), (OneCode, "pixels of other parts"), (Frozen, "changes nothing"),
        (Doubled, "undo each other"), (HalfTheCodes, "come back exactly"),
    ]),
}

DEFINITIONS = []
