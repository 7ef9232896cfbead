"""Right and wrong answers to the exercises on directions, and what the notebook builds."""

from __future__ import annotations

import numpy as np
import torch

from ssgan_lite.course.directions.by_hand import arrow, exact_trace, rk4_step, without


def arrow_stub(codes, has):
    ...  # your lines here


def name_stub(amounts, read):
    ...  # your lines here


def without_stub(arrow, other):
    ...  # your lines here


def step_stub(field, x, t, h):
    ...  # your lines here


def trace_stub(A, B, x):
    ...  # your lines here


def correlation(a, b):
    return torch.corrcoef(torch.stack([a, b]))[0, 1]


def euler(field, x, t, h):
    return x + h * field(x, t)


def midpoint(field, x, t, h):
    return x + h * field(x + h / 2 * field(x, t), t + h / 2)


def looks(field, x, t, h):
    k1 = field(x, t)
    k2 = field(x + h / 2 * k1, t + h / 2)
    k3 = field(x + h / 2 * k2, t + h / 2)
    return k1, k2, k3, field(x + h * k3, t + h)


def evenly(field, x, t, h):
    return x + h / 4 * sum(looks(field, x, t, h))


def change_only(field, x, t, h):
    k1, k2, k3, k4 = looks(field, x, t, h)
    return h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def timeless(field, x, t, h):
    return rk4_step(lambda y, _: field(y, t), x, t, h)


def chained(field, x, t, h):
    k1 = field(x, t)
    k2 = field(x + h / 2 * k1, t + h / 2)
    k3 = field(x + h / 2 * k1, t + h / 2)
    k4 = field(x + h * k2, t + h)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def steps_of_one(field, x, t, h):
    k1 = field(x, t)
    k2 = field(x + k1 / 2, t + h / 2)
    k3 = field(x + k2 / 2, t + h / 2)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + field(x + k3, t + h))


def from_nowhere(field, x, t, h):
    k1 = field(x, t)
    k2 = field(h / 2 * k1, t + h / 2)
    k3 = field(h / 2 * k2, t + h / 2)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + field(h * k3, t + h))


def by_jacobian(A, B, x):
    whole = [torch.autograd.functional.jacobian(lambda y: B @ torch.tanh(A @ y), row) for row in x]
    return torch.stack(whole).diagonal(dim1=1, dim2=2).sum(1)


def lively(field):
    """A field whose weights are not 0."""
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return field


ANSWERS = {
    "arrow_of_groups": dict(
        stub=arrow_stub, right=[lambda w, has: -arrow(w, ~has)],
        wrong=[(lambda w, has: arrow(w, ~has), "points from"),
               (lambda w, has: w[has].sum(0) - w[~has].sum(0), "subtract sums"),
               (lambda w, has: w[has].mean(0), "not how to get there"),
               (lambda w, has: w[has].mean(0) - w.mean(0), "*all* faces"),
               (lambda w, has: arrow(w, has) / arrow(w, has).norm(), "do not divide"),
               (lambda w, has: w[has].median(0).values - w[~has].median(0).values, "minus the mean of the others")]),
    "slider_earns_its_name": dict(
        stub=name_stub, right=[lambda a, b: correlation(a, b) >= 0.6, lambda a, b: bool(correlation(a, b) > 0.6),
                                lambda a, b: np.corrcoef(a.numpy(), b.numpy())[0, 1] >= 0.6],
        wrong=[(lambda a, b: float(correlation(a, b)), "compare the correlation with 0.6"),
               (lambda a, b: torch.corrcoef(torch.stack([a, b])) >= 0.6, "the entry [0, 1]"),
               (lambda a, b: bool(torch.cov(torch.stack([a, b]))[0, 1] > 0.6), "depends on the unit"),
               (lambda a, b: True, "chance got a name"),
               (lambda a, b: bool(correlation(a, b).abs() > 0.6), "the sign counts"),
               (lambda a, b: bool(correlation(a, b) > 0.4), "the threshold is 0.6"),
               (lambda a, b: bool(correlation(a, b).square() * correlation(a, b).sign() > 0.6), "do not square it"),
               (lambda a, b: False, "does what it says")]),
    "predict_planted_correlation": dict(
        stub=..., right=[0.8],
        wrong=[(0.9, "how often they agree"), (0.81, "do not square"), (0.4, "beyond chance"),
               (80, "not a percentage"), (0.5, "straight line")]),
    "keep_the_other": dict(
        stub=without_stub, right=[lambda a, o: a - (a @ o) * o / o.norm() ** 2],
        wrong=[(lambda a, o: a - o, "the whole other arrow"), (lambda a, o: a - (a @ o) * o, "length squared"),
               (lambda a, o: a - (a @ o) / o.norm() * o, "once"),
               (lambda a, o: 2 * a - without(a, o), "twice as much"), (lambda a, o: without(o, a), "other way round"),
               (lambda a, o: without(a, o) - a, "the share itself"),
               (lambda a, o: a - (a @ o) / (a @ a) * o, "not by that of `arrow`"),
               (lambda a, o: a * 0, "no product")]),
    "honest_report": dict(
        stub=..., right=["acd", "a, c and d"],
        wrong=[("b", "better than any others"), ("acde", "another one"),
               ("ac", "more than one"), ("x", "choose from")]),
    "runge_kutta_step": dict(
        stub=step_stub, right=[],
        wrong=[(euler, "Euler"), (midpoint, "midpoint"), (evenly, "divided by 6"), (change_only, "add x"),
               (lambda f, x, t, h: x + change_only(f, x, t, h) / h, "the length h"), (timeless, "should be asked at"),
               (steps_of_one, "have the length h/2"), (from_nowhere, "each look starts from x: the field"),
               (chained, "the look before it")]),
    "trace_without_jacobian": dict(
        stub=trace_stub, right=[by_jacobian],
        wrong=[(lambda A, B, x: (B @ A).trace(), "no tanh"),
               (lambda A, B, x: torch.tanh(x @ A.T) @ (A * B.T).sum(1), "tanh itself"),
               (lambda A, B, x: (1 - torch.tanh(x @ A.T)) @ (A * B.T).sum(1), "1 - tanh^2"),
               (lambda A, B, x: (1 - torch.tanh(x @ A.T) ** 2) @ (B.T @ A.T).sum(1), "whole rows"),
               (lambda A, B, x: -exact_trace(A, B, x), "the sign"),
               (lambda A, B, x: 2 * exact_trace(A, B, x), "sum_h")]),
    "predict_density": dict(
        stub=..., right=[-2, -2.0],
        wrong=[(2, "the sign"), (-0.5, "one dimension; the trace"), (0.5, "derivative in one"), (-1, "halved"),
               (-4, "times the time")]),
}

DEFINITIONS = [
    dict(name="VectorField", library="ssgan_lite.directions.styleflow:VectorField",
         build=lambda cls: lively(cls(3, 2, 8)),
         inputs=lambda: (torch.randn(4, 3), 0.3, torch.randn(4, 2))),
]
