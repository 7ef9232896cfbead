"""The open task of the notebook on GANs: train a generator on points that it was not told about."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssgan_lite.course.exercises import describe, expect, expect_shape
from ssgan_lite.course.gan.toy import kinds_found

SOLUTION = """\
def train(points):
    torch.manual_seed(0)
    G, D = network(2, 2), network(2, 1)
    middle, size = points.mean(dim=0), points.std()                 # the players see points around 0, of size 1
    points = (points - middle) / size
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=0.005, betas=(0.0, 0.99)) for net in (G, D))
    for _ in range(600):
        real = points[torch.randint(len(points), (64,))].requires_grad_(True)
        score = D(real)
        slope, = torch.autograd.grad(score.sum(), real, create_graph=True)
        loss = F.softplus(-score).mean() + F.softplus(D(G(torch.randn(64, 2)).detach())).mean()
        loss = loss + 0.05 * slope.square().sum(dim=1).mean()
        opt_d.zero_grad(), loss.backward(), opt_d.step()
        loss = F.softplus(-D(G(torch.randn(64, 2)))).mean()
        opt_g.zero_grad(), loss.backward(), opt_g.step()
    return lambda z: middle + size * G(z)"""
CENTERS = torch.tensor([[0.0, 0.0], [3.0, 0.5], [1.0, 3.0]]) + torch.tensor([4.0, -2.0])
SPREAD, NEAR, N = 0.25, 0.8, 600


def examine(answer: Callable) -> None:
    """Three kinds of points, far from 0, not equally frequent."""
    kinds = torch.tensor([0, 0, 1, 1, 2]).repeat(200)
    points = CENTERS[kinds] + SPREAD * torch.randn(len(kinds), 2)
    generator = answer(points.clone())
    expect(callable(generator), f"return the trained generator, something that can be called with z; you return "
                                f"{describe(generator)}")
    z = torch.randn(N, 2)
    with torch.no_grad():
        made, again, beside = generator(z), generator(z), generator(z + 1e-4)
    expect_shape(made, [N, 2], "generator(z) for z of shape [600, 2]")
    expect(torch.isfinite(made).all(), "the generator gives values that are not numbers (nan or inf)")
    expect(torch.equal(made, again), "the same z gives another point the second time: z should be the only thing "
                                     "that is random")
    expect((beside - made).norm(dim=1).median() < 0.02, "a tiny step in z jumps to quite another point; a generator "
           "is a continuous network, not a drawer of stored points")
    expect(torch.cdist(made, points).amin(1).median() > 1e-5, "your generator hands out the points it was given; it "
                                                              "should make new ones")
    expect((made - made.mean(0)).norm(dim=1).max() > 0.05, "every z gives the same point")
    _kinds(made)


def _kinds(made: Tensor) -> None:
    near = (torch.cdist(made, CENTERS) <= NEAR).any(1).float().mean()
    expect(near > 0.1, f"hardly any generated point lies near a real one ({near:.0%}): was the generator trained on "
                       "these points?")
    found = kinds_found(made, CENTERS, NEAR, N // 20)
    expect(found == len(CENTERS), f"only {found} of {len(CENTERS)} kinds are found (a kind counts with a twentieth "
           "of the generated points): mode collapse, or too few turns")
    expect(near > 0.5, f"all kinds are found, but only {near:.0%} of the generated points lie near real ones; at "
                       "least half of them should. Play more turns, or look at the learning rates")
