"""The open task of the notebook on losses: one turn of a game in which real and generated samples meet in pairs."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.course.exercises import expect
from ssgan_lite.course.losses.toys import Maker, SmallDiscriminator, r1

SOLUTION = """\
def relativistic_step(G, D, opt_g, opt_d, real, z, gamma):
    real, fake = real.detach().requires_grad_(True), G(z).detach().requires_grad_(True)
    real_score, fake_score = D(real), D(fake)
    gradients = torch.autograd.grad(real_score.sum() + fake_score.sum(), (real, fake), create_graph=True)
    penalty = sum(gradient.square().flatten(1).sum(1).mean() for gradient in gradients)      # R1 + R2
    loss = F.softplus(fake_score - real_score).mean() + gamma / 2 * penalty
    opt_d.zero_grad(), loss.backward(), opt_d.step()
    loss = F.softplus(D(real) - D(G(z))).mean()
    opt_g.zero_grad(), loss.backward(), opt_g.step()"""
GAMMA, RATE = 0.7, 0.5

Players = tuple[nn.Module, nn.Module]


def examine(answer: Callable) -> None:
    """Compare one step with plain gradient descent on each player, then a second step, then a whole small game."""
    G, D = Maker(2, 3), SmallDiscriminator(2)
    real, z = torch.randn(5, 3, 2, 2), torch.randn(5, 2, 3)
    mine = copy.deepcopy((G, D))
    optimizers = [torch.optim.SGD(player.parameters(), lr=RATE) for player in mine]
    answer(*mine, *optimizers, real, z, GAMMA)
    wanted = _turn(G, D, real, z)
    expect(not _same(mine[1], D), "the discriminator did not move: it learns with `opt_d`")
    expect(not _same(mine[0], G), "the generator did not move: it learns with `opt_g`, and its own turn needs the "
                                  "gradient through G(z)")
    for changes, hint in _MISTAKES_OF_D:
        expect(not _same(mine[1], _turn(G, D, real, z, **changes)[1]), hint)
    early, _ = _turn(G, D, real, z, first_d=False)
    expect(not _same(mine[1], _turn(G, D, real, z, moved=early)[1]), "the generator moved before the discriminator; "
           "let the discriminator learn first")
    expect(_same(mine[1], wanted[1]), "the discriminator does not move as its loss asks: mean softplus(D(fake) - "
           "D(real)) over the pairs, plus gamma / 2 times (R1 + R2), and nothing else")
    for changes, hint in _MISTAKES_OF_G:
        expect(not _same(mine[0], _turn(G, D, real, z, **changes)[0]), hint)
    expect(_same(mine[0], wanted[0]), "the generator does not move as its loss asks: mean softplus(D(real) - "
           "D(G(z))), after the discriminator's turn, and by no other loss")
    real, z = torch.randn(5, 3, 2, 2), torch.randn(5, 2, 3)
    answer(*mine, *optimizers, real, z, GAMMA)
    again = _turn(*wanted, real, z)
    expect(_same(mine[0], again[0]) and _same(mine[1], again[1]), "the first step is right, the second is not: "
           "gradients of the step before, or of the other player's turn, are still in `.grad`; call `zero_grad`")
    _comes_to_rest(answer)


class _Point(nn.Module):
    """The generator of section 2, one number whatever z is."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand(len(z), 1)


def _comes_to_rest(answer: Callable) -> None:
    G, D = _Point(), nn.Linear(1, 1, bias=False)
    nn.init.zeros_(D.weight)
    optimizers = [torch.optim.SGD(player.parameters(), lr=0.2) for player in (G, D)]
    for _ in range(150):
        answer(G, D, *optimizers, torch.zeros(2, 1), torch.zeros(2, 1), 1.0)
    expect(G.theta.abs().item() < 0.1, f"in the two-number game of section 2 the generator ends at "
                                       f"{G.theta.item():.2f} instead of 0")


def _turn(G: nn.Module, D: nn.Module, real: Tensor, z: Tensor, paired: bool = True, sign: int = 1, real_weight=0.5,
          fake_weight=0.5, g_loss: str = "paired", first_d: bool = True, moved: nn.Module | None = None) -> Players:
    """Copies of both players after one turn each; the keywords are mistakes. moved: a G that has had its turn."""
    G, old, new = *copy.deepcopy((G, D)), copy.deepcopy(D)
    fake = (moved or G)(z).detach()
    real_score, fake_score = new(real), new(fake)
    loss = (F.softplus(sign * (fake_score - real_score)).mean() if paired
            else F.softplus(fake_score).mean() + F.softplus(-real_score).mean())
    loss = loss + GAMMA * (real_weight * r1(new, real) + fake_weight * r1(new, fake))
    _descend(new, loss)
    judge = new if first_d else old
    margin = judge(real).detach() - judge(G(z))
    losses = {"paired": F.softplus(margin), "alone": F.softplus(-judge(G(z))), "saturating": -F.softplus(-margin),
              "same as D": F.softplus(-margin)}
    _descend(G, losses[g_loss].mean())
    return G, new


def _descend(player: nn.Module, loss: Tensor) -> None:
    parameters = list(player.parameters())
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter -= RATE * gradient


def _same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.allclose(p, q, atol=1e-5) for p, q in zip(a.parameters(), b.parameters(), strict=True))


_MISTAKES_OF_D = (
    (dict(paired=False), "the discriminator scores each sample by itself, as in section 1; here the loss is of the "
                         "difference of the two scores of a pair"),
    (dict(sign=-1), "the discriminator's sign is turned around: it wants D(real) above D(fake)"),
    (dict(real_weight=0.0, fake_weight=0.0), "neither penalty is in the discriminator's loss"),
    (dict(fake_weight=0.0), "R2 is missing: the same penalty as R1, at the generated samples"),
    (dict(real_weight=0.0), "R1, the penalty at the real samples, is missing"),
    (dict(real_weight=1.0, fake_weight=1.0), "both penalties are twice too strong: they count gamma / 2 times"))
_MISTAKES_OF_G = (
    (dict(first_d=False), "the generator answers the discriminator as it was before its step; let the discriminator "
                          "learn first"),
    (dict(g_loss="alone"), "the generator's loss does not look at the real samples: it is softplus(D(real) - "
                           "D(G(z)))"),
    (dict(g_loss="saturating"), "the generator uses the negative of the discriminator's loss, which saturates "
                                "(section 1)"),
    (dict(g_loss="same as D"), "the generator helps the discriminator: its loss has the scores the other way round"))
