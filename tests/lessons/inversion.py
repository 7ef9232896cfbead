"""Right and wrong answers to the exercises on inversion, and what the notebook builds."""

from __future__ import annotations

import torch


def distance_stub(w, mean, covariance):
    ...  # your lines here


def by_inverse(w, mean, covariance):
    d = w - mean
    return torch.einsum("ni,ij,nj->n", d, torch.linalg.inv(covariance), d).div(d.shape[1]).sqrt()


def by_cholesky(w, mean, covariance):
    u = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), (w - mean).T, upper=False)
    return u.square().mean(0).sqrt()


def quadratic(d, matrix):
    return torch.einsum("ni,ij,nj->n", d, matrix, d)


def along_axes(d, covariance, coordinates):
    values, axes = torch.linalg.eigh(covariance)
    return coordinates(d, axes, values).square().mean(1).sqrt()


def weights_stub(area):
    ...  # your lines here


def balanced(area):
    weights = area ** -0.5
    return weights / (weights @ area)


def wall_stub(hidden, share):
    ...  # your lines here


def wall(hidden, share):
    return hidden.detach() + share * (hidden - hidden.detach())


def wall_by_where(hidden, share):
    return torch.where(share.bool(), hidden, hidden.detach())


ANSWERS = {
    "predict_freedom": dict(
        stub=..., right=[28, 28.0],
        wrong=[(26, "base codes out"), (15, "a shape and a texture"), (13, "base codes besides"), (3584, "divide by"),
               (4, "count the codes")]),
    "distance_from_w": dict(
        stub=distance_stub, right=[by_inverse, by_cholesky],
        wrong=[(lambda w, m, c: (w - m).square().mean(1).sqrt(), "ordinary distance"),
               (lambda w, m, c: (quadratic(w - m, c) / 4).sqrt(), "divide: solve"),
               (lambda w, m, c: by_inverse(w, torch.zeros(4), c), "subtract it first"),
               (lambda w, m, c: 2 * by_inverse(w, m, c), "number of dimensions"),
               (lambda w, m, c: by_inverse(w, m, c) ** 2, "take the root"),
               (lambda w, m, c: (w - m) @ torch.linalg.inv(c) @ (w - m).T, "for every *pair*"),
               (lambda w, m, c: by_inverse(w, m, c) / 2, "before you take the root"),
               (lambda w, m, c: along_axes(w - m, c, lambda d, axes, values: d @ axes / values), "is a variance"),
               (lambda w, m, c: along_axes(w - m, c, lambda d, axes, values: d @ axes.T / values.sqrt()),
                "as *columns*"),
               (lambda w, m, c: 3 * by_inverse(w, m, c), "times the inverse covariance"),
               (lambda w, m, c: by_inverse(w, m, torch.diag(c.diagonal())), "off its diagonal")]),
    "small_parts": dict(
        stub=weights_stub, right=[balanced],
        wrong=[(lambda a: a.rsqrt(), "is not 1 yet"), (lambda a: a.sqrt() / (a.sqrt() * a).sum(), "larger for large"),
               (lambda a: 1 / a / len(a), "as much as the whole background"),
               (lambda a: a.rsqrt() / a.rsqrt().sum(), "sum to 1"),
               (lambda a: a.rsqrt() / (a.rsqrt() * a).mean(), "the areas sum to 1 already"),
               (lambda a: a.rsqrt() / a.rsqrt().mean(), "over the *parts*"),
               (lambda a: a * 0 + 1, "1 / sqrt(area)")]),
    "gradient_wall": dict(
        stub=wall_stub, right=[wall, wall_by_where],
        wrong=[(lambda h, s: h * s, "yours is 0 where"), (lambda h, s: h.detach(), "no gradient comes back"),
               (lambda h, s: h + 0, "from everywhere"), (lambda h, s: wall(h, 1 - s), "wrong side"),
               (lambda h, s: 2 * h, "must be those of"),
               (lambda h, s: h.detach() + 2 * s * (h - h.detach()), "times")]),
    "predict_frame": dict(
        stub=..., right=[500, 500.0],
        wrong=[(21.2, "you multiplied"), (171, "eye on the right"), (259, "eye on the left"),
               (103, "are the share")]),
    "what_tuning_touches": dict(
        stub=..., right=["bd", "b and d", ["d", "b"]],
        wrong=[("ab", "pivot"), ("c", "mapping network"), ("b", "more than one"), ("x", "choose from")]),
}

DEFINITIONS = []
