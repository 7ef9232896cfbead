"""Exercises on directions: arrows, names, planted correlations, solvers, traces and densities."""

from __future__ import annotations

import torch

from ssgan_lite.course.directions import by_hand
from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_shape,
)

HERE = "ssgan_lite.course.directions.by_hand"


@exercise(1, title="From two groups to an arrow", minutes=5, level=1, solution=f"{HERE}:arrow")
def arrow_of_groups(answer):
    """From the codes [N, S] of faces and the truth values `has` [N], compute the arrow between the groups' means."""
    draw = torch.Generator().manual_seed(141)
    codes = torch.randn(90, 7, generator=draw) + 0.5
    has = torch.rand(90, generator=draw) < 0.2
    codes[has] += torch.linspace(-1, 2, 7)
    out, wanted = answer(codes, has), by_hand.arrow(codes, has)
    expect_shape(out, [7], "your arrow")
    expect(not close(out, -wanted), "your arrow points from the faces that have it to those that do not")
    expect(not close(out, codes[has].sum(0) - codes[~has].sum(0)), "you subtract sums; the groups are not equally "
           "large, so take means")
    expect(not close(out, codes[has].mean(0)), "that is where the faces that have it are, not how to get there: "
           "subtract where the others are")
    expect(not close(out, codes[has].mean(0) - codes.mean(0)), "you start at the mean of *all* faces; some of those "
           "have it already")
    expect(not close(out, wanted / wanted.norm()), "the direction is right, but its length is the step from one "
           "group to the other: do not divide by it")
    expect_close(out, wanted, "the arrow should be the mean of the codes that have it minus the mean of the others")


@exercise(2, title="A slider earns its name", minutes=6, level=1, solution=f"{HERE}:earns_its_name")
def slider_earns_its_name(answer):
    """From the amounts [N] by which faces were moved and what the judge read before and after: True or False?"""
    draw = torch.Generator().manual_seed(142)
    amounts = torch.randn(200, generator=draw)
    noise = torch.randn(200, generator=draw)
    says = lambda read: answer_of(answer, amounts, read)               # noqa: E731
    first = says(amounts)
    single = getattr(first, "ndim", 0) == 0
    expect(single, f"answer with one True or False; you give {describe(first)}. Of the matrix of correlations only "
           "the entry [0, 1] is wanted")
    expect(isinstance(first, bool) or str(getattr(first, "dtype", "")) in ("bool", "torch.bool"), "answer with True "
           f"or False: compare the correlation with 0.6. You give {describe(first)}")
    expect(bool(says(2 * amounts + 0.5 * noise)), "you refused a slider that does what it says; compare the "
           "*correlation* with 0.6")
    expect(bool(says(0.05 * amounts + 0.01 * noise)), "you refused a slider because its effect is small in numbers: "
           "a "
           "covariance or a slope depends on the unit, a correlation does not")
    expect(not bool(says(noise)), "chance got a name: the amounts and these scores have nothing in common")
    expect(not bool(says(-amounts + 0.1 * noise)), "you gave the name to a slider that does the opposite: the "
           "sign counts")
    expect(not bool(says(0.6 * amounts + noise)), "you gave a name for a correlation of about 0.5; the "
           "threshold is 0.6")
    expect(bool(says(0.9 * amounts + noise)), "you refused a correlation of about 0.7: do not square it, the "
           "threshold is on the correlation itself")


@exercise(3, title="How strong is it planted?", minutes=6, level=2, solution_text=(
    "With share s = 1/2 and agreement g the correlation is 1 - (1 - g) / (2 s (1 - s)) = 2 g - 1 = 0.8. Of 200 "
    "faces, 90 have both, 90 neither, and 20 only one of them."))
def predict_planted_correlation(answer):
    """The correlation of two attributes that agree in 90 % of the faces, each of which half of the faces have."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 0.9), "0.9 is how often they agree. By chance alone they would agree in half of the "
           "faces, and that is a correlation of 0")
    expect(not close(value, 0.81), "do not square the agreement; ask what it is for no correlation (0.5) and for a "
           "perfect one (1)")
    expect(not close(value, 0.4), "0.9 - 0.5 is the agreement beyond chance; a perfect correlation has 0.5 of it, "
           "not 1")
    expect(not close(value, 80, 0.5), "a correlation is a number from -1 to 1, not a percentage")
    expect(close(value, 0.8, 0.005), "it is a straight line in the agreement: 0 at 0.5, 1 at 1, and where at 0.9?")


@exercise(4, title="Keep the other one", minutes=8, level=2, solution=f"{HERE}:without")
def keep_the_other(answer):
    """Take away from `arrow` [S] whatever points along `other` [S]."""
    draw = torch.Generator().manual_seed(144)
    arrow, other = 3 * torch.randn(6, generator=draw), 2 * torch.randn(6, generator=draw)
    out, wanted = answer(arrow, other), by_hand.without(arrow, other)
    expect_shape(out, [6], "your arrow")
    expect(not close(out, arrow - other), "you subtract the whole other arrow; subtract only the share of it that "
           "yours contains")
    expect(not close(out, arrow - (arrow @ other) * other), "`other` is not one long: divide by its length squared, "
           "`other @ other`")
    expect(not close(out, arrow - (arrow @ other) / other.norm() * other), "you divide by the length of `other` "
           "once; it occurs twice, in the product and as the direction")
    expect(not close(out, arrow + (arrow @ other) / (other @ other) * other), "the sign: now it contains twice as "
           "much of `other`")
    expect(not close(out, by_hand.without(other, arrow)), "you took `arrow` away from `other`; it should be the "
           "other way round")
    expect(not close(out, wanted - arrow) and not close(out, arrow - wanted), "that is the share itself; subtract it "
           "from `arrow`")
    expect(not close(out, arrow - (arrow @ other) / (arrow @ arrow) * other), "divide by the length squared of "
           "`other`, not by that of `arrow`")
    expect_close(out, wanted, "what is left should have no product with `other`, and differ from `arrow` along "
                 "`other` only", atol=1e-4)


@exercise(5, title="An honest report", minutes=5, level=2, solution_text=(
    "a, c and d. The faces from which a direction was found flatter it (b), and the network that labeled them shares "
    "its mistakes (e)."))
def honest_report(answer):
    """Which of these belong in an honest report about a slider?"""
    expect_choice(answer, "acd", {
        "b": "b is wrong: a direction fits the faces it was found from better than any others; report new ones",
        "e": "e is wrong: the network that labeled the faces likes what was made to please it; ask another one"})


@exercise(6, title="One step of Runge-Kutta", minutes=10, level=2, solution=f"{HERE}:rk4_step")
def runge_kutta_step(answer):
    """From x at time t to x at time t + h along dx/dt = field(x, t), with four looks at the field."""
    seen = []

    def field(x, t):
        seen.append(float(t))
        return torch.stack([x[:, 1] * (1 + t), -x[:, 0] + t * t], 1)

    x, t, h = torch.tensor([[0.3, -1.0], [2.0, 0.5]]), 0.2, 0.5
    out = answer(field, x, t, h)
    looks = sorted(round(time, 6) for time in seen)
    k1 = field(x, t)
    k2 = field(x + h / 2 * k1, t + h / 2)
    k3 = field(x + h / 2 * k2, t + h / 2)
    k4 = field(x + h * k3, t + h)
    expect_shape(out, [2, 2], "the new x")
    expect(not close(out, x + h * k1), "that is one step of Euler's method, with one look at the field")
    expect(not close(out, x + h * k2), "that is the midpoint method: a good start, but of order 2. Look twice more")
    expect(not close(out, x + h / 4 * (k1 + k2 + k3 + k4)), "the four looks do not count alike: the two in the "
           "middle count twice, and the sum is divided by 6")
    expect(not close(out, h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)), "that is by how much x changes; add x")
    expect(not close(out, x + (k1 + 2 * k2 + 2 * k3 + k4) / 6), "the length h of the step is missing at the end")
    expect(looks == [0.2, 0.45, 0.45, 0.7], f"the field should be asked at the times t, t + h/2, t + h/2 and t + h; "
           f"yours was asked at {', '.join(f'{time:g}' for time in looks)} (t = 0.2, h = 0.5)")
    first, second = field(x + k1 / 2, t + h / 2), field(h / 2 * k1, t + h / 2)
    third, fourth = field(x + first / 2, t + h / 2), field(h / 2 * second, t + h / 2)
    without_h = x + h / 6 * (k1 + 2 * first + 2 * third + field(x + third, t + h))
    without_x = x + h / 6 * (k1 + 2 * second + 2 * fourth + field(h * fourth, t + h))
    expect(not close(out, without_h), "the half steps to the places of k2 and k3 have the length h/2, the whole step "
           "to that of k4 the length h: multiply by h there, too")
    expect(not close(out, without_x), "each look starts from x: the field is asked at x + h/2 k1, not at h/2 k1")
    expect_close(out, x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), "each look starts from x again and goes a half (k2, "
                 "k3) or a whole (k4) step along the look before it", atol=1e-5)


@exercise(7, title="Denser or thinner?", minutes=5, level=2, solution_text=(
    "The trace of the field is 0.5 * 4 = 2 everywhere, and so is its integral from 0 to 1. Points move apart, so the "
    "density falls: its logarithm changes by -2."))
def predict_density(answer):
    """By how much log p changes along the field v(x) = 0.5 x in four dimensions, from t = 0 to t = 1."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 2), "the sign: this field drives points apart, so they lie less dense")
    expect(not close(value, -0.5), "that is one dimension; the trace sums over all four")
    expect(not close(value, 0.5), "that is the derivative in one dimension; the trace sums over four, and the "
           "density falls where points move apart")
    expect(not close(value, -0.5 * 4 / 2, 1e-6), "the trace does not depend on t here, so nothing is to be halved")
    expect(close(value, -2, 1e-6), "minus the trace of the Jacobian of 0.5 x, times the time")


@exercise(8, title="A trace without a Jacobian", minutes=12, level=3, 
          solution=(f"{HERE}:exact_trace", f"{HERE}:trace_of"))
def trace_without_jacobian(answer):
    """The trace of the Jacobian of v(x) = B tanh(A x) for every x [N, D], without making a matrix [D, D]."""
    draw = torch.Generator().manual_seed(147)
    A, B, x = (torch.randn(shape, generator=draw) for shape in ((5, 3), (3, 5), (4, 3)))
    out = answer(A, B, x)
    hidden = torch.tanh(x @ A.T)
    expect(not close(torch.as_tensor(out).expand(4) if torch.as_tensor(out).numel() == 1 else out,
                     (B @ A).trace().expand(4)), "that is the trace of B A, as if there were no tanh: its "
           "derivative belongs between them")
    expect_shape(out, [4], "your result")
    expect(not close(out, hidden @ (A * B.T).sum(1)), "you used tanh itself where its derivative belongs")
    expect(not close(out, (1 - hidden) @ (A * B.T).sum(1)), "the derivative of tanh is 1 - tanh^2")
    expect(not close(out, (1 - hidden.square()) @ (B.T @ A.T).sum(1)), "the diagonal of A B has entries sum_d A_hd "
           "B_dh; you summed over whole rows of the product")
    expect(not close(out, -by_hand.exact_trace(A, B, x)), "the sign is wrong: the derivative of tanh is positive "
           "everywhere")
    expect_close(out, by_hand.exact_trace(A, B, x), "the trace is sum_h (1 - tanh^2)_h (A B)_hh", atol=1e-4)
