"""Right and wrong answers to the exercises on what a GAN is."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ssgan_lite.course.gan.own_game import CENTERS, SPREAD


def count_stub(points, centers, radius, least):
    ...  # your lines here; a number


def count_kinds(points, centers, radius, least):
    found = 0
    for center in centers:
        found += int((points - center).norm(dim=1).le(radius).sum()) >= least
    return found


def by_nearest(points, centers, radius, least, within=False):
    distances = torch.cdist(points, centers)
    owner = distances.argmin(1)
    if within:
        owner = owner[distances.amin(1) <= radius]
    return int((torch.bincount(owner, minlength=len(centers)) >= least).sum())


def by_square(points, centers, radius, least):
    near = (points[:, None] - centers).square().sum(2) <= radius
    return int((near.sum(0) >= least).sum())


def network(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2),
                         nn.Linear(32, n_out))


def own_game(points, turns=400):
    """R1 with weight 0.1, on points moved to 0 and scaled to size 1."""
    torch.manual_seed(0)
    G, D = network(2, 2), network(2, 1)
    middle, size = points.mean(0), points.std()
    data = (points - middle) / size
    players = [torch.optim.Adam(net.parameters(), lr=0.005, betas=(0.0, 0.99)) for net in (G, D)]
    for _ in range(turns):
        real = data[torch.randint(len(data), (64,))].requires_grad_(True)
        score = D(real)
        slope, = torch.autograd.grad(score.sum(), real, create_graph=True)
        loss = F.softplus(-score).mean() + F.softplus(D(G(torch.randn(64, 2)).detach())).mean()
        players[1].zero_grad()
        (loss + 0.05 * slope.square().sum(1).mean()).backward()
        players[1].step()
        players[0].zero_grad()
        F.softplus(-D(G(torch.randn(64, 2)))).mean().backward()
        players[0].step()
    return lambda z: middle + size * G(z)


def to_kinds(*kinds, spread=SPREAD, steep=200.0):
    """Continuous but for steep slopes: z goes to one of the kinds by its direction."""
    def answer(points):
        def generator(z):
            sides = torch.linspace(-1, 1, len(kinds) + 1)[1:-1]
            share = torch.sigmoid(steep * (z[:, :1] - sides))                # [n, kinds - 1]
            place = CENTERS[kinds[0]] + sum(share[:, i:i + 1] * (CENTERS[kinds[i + 1]] - CENTERS[kinds[i]])
                                            for i in range(len(kinds) - 1))
            return place + spread * z
        return generator
    return answer


def stored(points, steep=1e3):
    return lambda z: points[(steep * z[:, 0]).long() % len(points)]


def with_noise(points):
    return lambda z: z + 1e-3 * torch.randn_like(z)


ANSWERS = {
    "best_discriminator": dict(stub=..., right=[0.75, 3 / 4, torch.tensor(0.75)], wrong=[
        (3, "how many times denser"), (1.0986, "that is its score"), (1, "cannot be sure"),
        (0.25, "being generated"), (1 / 3, "3 of 4"), (75, "between 0 and 1"), (0.6, "count four points")]),
    "count_kinds": dict(stub=count_stub, right=[count_kinds], wrong=[
        (lambda p, c, r, n: int((torch.cdist(p, c) <= r).any(1).sum()), "count the points"),
        (lambda p, c, r, n: len(c), "count every center"),
        (by_nearest, "their nearest"),
        (lambda p, c, r, n: int(((torch.cdist(p, c) < r).sum(0) >= n).sum()), "exactly `least`"),
        (lambda p, c, r, n: int(((torch.cdist(p, c) <= r).sum(1) >= n).sum()), "for each center"),
        (lambda p, c, r, n: count_kinds(p, c, r, 3), "larger `least`"),
        (by_square, "the square of the distance"),
        (lambda p, c, r, n: count_kinds(p, c, 1.0, n) if r < 1 else count_kinds(p, c, r, n), "small `radius`"),
        (lambda p, c, r, n: by_nearest(p, c, r, n, True), "circles overlap"),
        (lambda p, c, r, n: (torch.cdist(p, c) <= r).sum(0) >= n, "should be one number")]),
    "who_learns": dict(stub=..., right=["ad", "A and D", ["a", "d"]], wrong=[
        ("abd", "does a real point occur"), ("acd", "which kind"), ("ade", "gets worse"),
        ("a", "something is missing"), ("f", "not among them")]),
    "own_gan": dict(stub=..., right=[own_game], wrong=[
        (lambda points: points, "something that can be called"),
        (lambda points: lambda z: z[:, :1], "has the shape"),
        (with_noise, "the second time"), (lambda points: stored(points, 1e6), "jumps to quite another"),
        (stored, "hands out the points"),
        (lambda points: lambda z: CENTERS[:1].expand(len(z), 2) + 0.01 * z, "every z gives the same"),
        (lambda points: network(2, 2), "was the generator trained"),
        (to_kinds(0, 1), "mode collapse"), (to_kinds(0, 1, 2, spread=0.8), "at least half"),
        (lambda points: lambda z: z / 0, "not numbers")]),
}

DEFINITIONS = []
