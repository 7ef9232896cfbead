"""Right and wrong answers to the exercises on losses, and what the notebook builds."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F


def r1_stub(discriminator, image):
    ...     # your lines here


def r1_of_images(discriminator, image, graph=True, score=torch.sum, power=2, root=False, pixels=torch.sum,
                 samples=torch.mean, factor=1.0, detach=False, copy=True):
    if copy:
        image = image.detach().clone()
    image.requires_grad_(True)
    gradient, = torch.autograd.grad(score(discriminator(image)), image, create_graph=graph)
    each = pixels(gradient.abs().pow(power).flatten(1), dim=1)
    each = each.sqrt() if root else each
    out = factor * (samples(each) if samples else each)
    return out.detach() + 0 * sum(p.sum() for p in discriminator.parameters()) if detach else out


def r1_wrongly(**options):
    return lambda discriminator, image: r1_of_images(discriminator, image, **options)


def r1_of_the_loss(discriminator, image):
    image = image.detach().clone().requires_grad_(True)
    gradient, = torch.autograd.grad(F.softplus(-discriminator(image)).sum(), image, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


def r1_of_the_sum(discriminator, image):
    image = image.detach().clone().requires_grad_(True)
    gradient, = torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)
    return gradient.flatten(1).sum(1).square().mean()


def r1_sample_by_sample(discriminator, image):
    """Right and slow."""
    total = 0
    for one in image.detach():
        one = one[None].clone().requires_grad_(True)
        total = total + torch.autograd.grad(discriminator(one).sum(), one, create_graph=True)[0].pow(2).sum()
    return total / len(image)


def cost_stub(mean, log_variance):
    ...     # your lines here


def cost(numbers=torch.sum, codes=torch.mean, factor=0.5, less=1.0, log=lambda x: x, variance=torch.exp,
         square=torch.square):
    def answer(mean, log_variance):
        each = factor * (square(mean) + variance(log(log_variance)) - less - log(log_variance))
        each = numbers(each, dim=1) if numbers else each
        return codes(each) if codes else each
    return answer


def cost_by_torch(mean, log_variance):
    normal = torch.distributions.Normal
    return torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).sum(1).mean()


def reversed_cost(mean, log_variance):
    normal, ones = torch.distributions.Normal, torch.ones_like(mean)
    code = normal(mean, (log_variance / 2).exp())
    return torch.distributions.kl_divergence(normal(0 * ones, ones), code).sum(1).mean()


def hinge_stub(real_score, fake_score):
    ...     # your lines here


def hinge(discriminator=lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
          generator=lambda fake: -fake.mean()):
    return lambda real, fake: (discriminator(real, fake), generator(fake))


def hinge_by_clamp(real_score, fake_score):
    return [(1 - real_score).clamp(min=0).mean() + (fake_score + 1).clamp_min(0).mean(), fake_score.neg().mean()]


def straight_stub(scores):
    ...     # your lines here


def one_hot(scores, dim=1):
    return torch.zeros_like(scores).scatter_(dim, scores.argmax(dim, keepdim=True), 1.0)


def straight(soft=lambda scores: torch.softmax(3 * scores, dim=1), stretch=lambda x: 2 * x - 1, factor=1.0):
    def answer(scores):
        through = factor * soft(scores)
        return stretch(one_hot(scores) + through - through.detach())
    return answer


class OneHot(torch.autograd.Function):
    """Right: a backward pass of its own."""

    @staticmethod
    def forward(ctx, soft):
        return one_hot(soft)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def lazy_stub(lr, beta1, beta2, every):
    ...     # your lines here


def lazy(lr, beta1, beta2, every):
    c = 1 if every is None else every / (every + 1)
    return lr * c, beta1**c, beta2**c


def lazy_with(c_of=lambda k: k / (k + 1), rate=lambda lr, c: lr * c, one=lambda b, c: b**c, two=lambda b, c: b**c,
              none=1.0):
    def answer(lr, beta1, beta2, every):
        c = none if every is None else c_of(every)
        return rate(lr, c), one(beta1, c), two(beta2, c)
    return answer


def same(value, c):
    return value


def times(value, c):
    return value * c


def steps_stub(f, codes, y):
    ...     # your lines here


def measure_steps(f, codes, y, numbers=torch.sum, each=torch.mean, root="late", cut=True, graph=True, direction=True,
                  scale=1.0, final=lambda x: x):
    codes = codes.detach().requires_grad_(True) if cut else codes
    picture = f(codes) * (y if direction else 1)
    gradient, = torch.autograd.grad(scale * picture.sum(), codes, create_graph=graph)
    squares = numbers(gradient.square(), dim=2)
    squares = squares.sqrt() if root == "early" else squares
    out = each(squares, dim=1)
    return final(out.sqrt() if root == "late" else out)


def by_norm(f, codes, y):
    """Right: one norm of everything, with the number of codes taken out."""
    codes = codes.detach().clone().requires_grad_(True)
    gradient, = torch.autograd.grad(torch.einsum("nchw,nchw->", f(codes), y), codes, create_graph=True)
    return gradient.flatten(1).norm(dim=1) / codes.shape[1] ** 0.5


def steps_wrongly(**options):
    return lambda f, codes, y: measure_steps(f, codes, y, **options)


def fair_step(G, D, opt_g, opt_d, real, z, gamma):
    """A right answer to the open task, written with a helper that takes any loss."""
    def learn(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    fake, real = G(z).detach(), real.detach()
    samples = torch.cat([real, fake]).requires_grad_(True)
    scores = D(samples)
    gradient, = torch.autograd.grad(scores.sum(), samples, create_graph=True)
    penalty = 2 * gradient.square().flatten(1).sum(1).mean()
    real_score, fake_score = scores.chunk(2)
    learn(opt_d, F.softplus(fake_score - real_score).mean() + gamma / 2 * penalty)
    learn(opt_g, F.softplus(D(real).detach() - D(G(z))).mean())


def unfair_step(d_loss=lambda real, fake: F.softplus(fake - real), g_loss=lambda real, fake: F.softplus(real - fake),
                penalties=(0.5, 0.5), order="dg", zero=True, rest=True):
    """The same with knobs, each of them a mistake."""
    def answer(G, D, opt_g, opt_d, real, z, gamma):
        def learn(optimizer, loss):
            if zero:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        for turn in order:
            if turn == "d":
                real, fake = real.detach().requires_grad_(True), G(z).detach().requires_grad_(True)
                loss = d_loss(D(real), D(fake)).mean()
                for share, x in zip(penalties, (real, fake)):
                    gradient, = torch.autograd.grad(D(x).sum(), x, create_graph=True)
                    loss = loss + share * gamma * gradient.square().flatten(1).sum(1).mean()
                learn(opt_d, loss)
            elif rest or len(real) > 2:
                learn(opt_g, g_loss(D(real), D(G(z))).mean())
    return answer


def answer_before(G, D, opt_g, opt_d, real, z, gamma):
    """The generator's loss is computed with the discriminator as it was, and used after it has moved."""
    opt_g.zero_grad()
    F.softplus(D(real) - D(G(z))).mean().backward()
    unfair_step(order="d")(G, D, opt_g, opt_d, real, z, gamma)
    opt_g.step()


ANSWERS = {
    "undecided": dict(
        stub=..., right=[2 * math.log(2), 1.386, 1.39],
        wrong=[(0.693, "one of the two"), (1.0, "one half"), (0, "some "
                                                                 "surprise"), (2.0, "base 2"), (0.602, "base 10"),
               (-1.386, "never negative"), (5, "put 0 into softplus"), ("ln 4", "one number")]),
    "r1_of_images": dict(
        stub=r1_stub, right=[r1_of_images, r1_sample_by_sample],
        wrong=[(r1_wrongly(pixels=torch.mean), "mean over the "
                                               "pixels"), (r1_wrongly(samples=torch.sum), "add up the samples"),
               (r1_wrongly(root=True), "leave out the root"), (r1_wrongly(samples=None), "return their mean"),
               (r1_wrongly(factor=0.5), "one half belongs"), (r1_wrongly(score=torch.mean), "mean score"),
               (r1_wrongly(power=1), "square the gradient"), (r1_of_the_loss, "of a loss"), (r1_of_the_sum, "before "
                   "you square"), (r1_wrongly(graph=False), "cannot be trained"),
               (r1_wrongly(detach=True), "must stay connected"),
               (lambda discriminator, image: r1_of_images(discriminator, image).item(), "should be a tensor"),
               (lambda discriminator, image: torch.autograd.grad(discriminator(image).sum(), image)[0], "does not "
                   "require grad"), (r1_wrongly(factor=3.0), "the value is not"),
               (r1_wrongly(copy=False), "tensor that you were given")]),
    "weight_for_range": dict(
        stub=..., right=[2.5, 10 / 4],
        wrong=[(10, "not their slopes"), (5, "its square"), (40, "other way round"), (0.625, "a quarter as long"),
               (3, "by what factor")]),
    "measure_steps": dict(
        stub=steps_stub, right=[measure_steps, by_norm],
        wrong=[(steps_wrongly(each=torch.sum), "add up the K "
                                               "codes"), (steps_wrongly(numbers=torch.mean), "they are summed"),
               (steps_wrongly(numbers=torch.mean, each=torch.sum), "other way round"),
               (steps_wrongly(root=None), "root is missing"), (steps_wrongly(root="early"), "root for every code"),
               (steps_wrongly(final=torch.mean), "one length for each"),
               (steps_wrongly(scale=0.5), "root of the pixels"),
               (lambda f, codes, y: measure_steps(f, codes, y, each=torch.sum) / codes.shape[1], "outside of it"),
               (lambda f, codes, y: measure_steps(f, codes, y, scale=1 / y.numel()), "take the sum"),
               (steps_wrongly(direction=False), "y is not used"), (steps_wrongly(final=lambda x: x[:, None]), "one "
                   "length for each of the 5"),
               (steps_wrongly(scale=3.0), "are not the root"), (steps_wrongly(graph=False), "cannot be trained"),
               (steps_wrongly(cut=False), "made the codes")]),
    "chance_of_crossing": dict(
        stub=..., right=[0.1, 0.3 / 3],
        wrong=[(0.3, "a batch is mixed"), (1 / 3, "the die alone"), (0.2, "only one"), (0.15, "two coins"),
               (10, "per cent"), (7, "between 0 and 1"), (0.5, "multiply the chance")]),
    "lazy_settings": dict(
        stub=lazy_stub, right=[lazy],
        wrong=[(lambda lr, b1, b2, every: (lr, b1, b2), "nothing was corrected"),
               (lazy_with(one=times, two=times), "to the power"),
               (lazy_with(rate=lambda lr, c: lr**c), "multiplied by c; the power"),
               (lazy_with(c_of=lambda k: (k + 1) / k), "wrong way round"),
               (lazy_with(one=same, two=same), "the learning rate is "
                                               "right"), (lazy_with(rate=same), "the decays are right"),
               (lazy_with(one=same), "like beta2"), (lazy_with(c_of=lambda k: (k - 1) / k), "makes k + 1 out of k"),
               (lazy_with(c_of=lambda k: 1 / k), "not 1 / k"), (lazy_with(none=0.5), "without a regularizer"),
               (lazy_with(c_of=lambda k: 16 / 17), "every 4 steps"), (lambda *args: 16 / 17, "return lr"),
               (lazy_with(rate=lambda lr, c: 2 * lr * c), "lr is not")]),
    "cost_of_codes": dict(
        stub=cost_stub, right=[cost(), cost_by_torch],
        wrong=[(cost(codes=None), "one number is wanted"),
               (cost(numbers=None), "over the numbers of a code as well"),
               (cost(codes=torch.sum), "add up the batch"),
               (cost(factor=1.0), "one half is missing"), (cost(factor=-0.5), "never negative"),
               (lambda mean, variance: cost()(mean, variance.log()), "logarithm"),
               (cost(log=lambda x: 2 * x), "standard deviation"), (cost(less=0.0), "the -1 is missing"),
               (reversed_cost, "other direction"), (cost(square=lambda x: x), "is not the mean over codes"),
               (lambda mean, log_variance: cost()(mean.detach(), log_variance), "gradients are not"),
               (lambda mean, log_variance: cost()(mean, log_variance).item(), "should be a tensor")]),
    "hinge_losses": dict(
        stub=hinge_stub, right=[hinge(), hinge_by_clamp],
        wrong=[(lambda real, fake: F.relu(1 - real).mean(), "return two numbers"),
               (hinge(lambda real, fake: F.relu(1 + real).mean() + F.relu(1 - fake).mean()), "are exchanged"),
               (hinge(lambda real, fake: (1 - real).mean() + (1 + fake).mean()), "cut off at 0"),
               (hinge(lambda real, fake: F.relu((1 - real).mean()) + F.relu((1 + fake).mean())), "cut off every"),
               (hinge(lambda real, fake: F.relu(-real).mean() + F.relu(fake).mean()), "margin is missing"),
               (hinge(lambda real, fake: F.relu(1 - real).sum() + F.relu(1 + fake).sum()), "not sums"),
               (hinge(lambda real, fake: torch.cat([F.relu(1 - real), F.relu(1 + fake)]).mean()), "one mean over"),
               (hinge(lambda real, fake: max(0, 1 - real).mean()), "compares two numbers"),
               (hinge(lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean()), "logistic"),
               (hinge(lambda real, fake: F.relu(2 - real).mean() + F.relu(2 + fake).mean()), "is not mean max"),
               (hinge(generator=torch.mean), "the sign"),
               (hinge(generator=lambda fake: F.relu(1 - fake).mean()), "has no margin"),
               (hinge(generator=lambda fake: F.softplus(-fake).mean()), "is not -mean"),
               (hinge(generator=lambda fake: -fake.mean().item()), "should be a tensor")]),
    "hardened_masks": dict(
        stub=straight_stub, right=[straight(), lambda scores: 2 * OneHot.apply(torch.softmax(3 * scores, dim=1)) - 1],
        wrong=[(lambda scores: scores.argmax(1), "one plane per part"),
               (lambda scores: 2 * torch.softmax(3 * scores, dim=1) - 1, "soft still"),
               (straight(stretch=lambda x: x), "these are 0 and 1"),
               (lambda scores: 2 * one_hot(scores, dim=-1) - 1, "are not +1"),
               (lambda scores: 2 * one_hot(scores) - 1, "no gradient flows"),
               (straight(soft=lambda scores: scores), "straight through to the scores"),
               (straight(factor=0.5), "half of what it should be"),
               (straight(soft=lambda scores: torch.softmax(scores, dim=1)), "3 times"),
               (straight(soft=lambda scores: torch.softmax(3 * scores, dim=-1)), "is not that of"),
               (lambda scores: straight()(scores)[:, :2], "it should have")]),
    "who_is_moved": dict(
        stub=..., right=["be", "eb", "B, E"],
        wrong=[("abe", "mean and the variance"), ("bce", "local generators"), ("d", "frozen means"),
               ("b", "something is missing"),
               ("f", "not among them")]),
    "relativistic_step": dict(
        stub=..., right=[fair_step, unfair_step()],
        wrong=[(unfair_step(order="g"), "the discriminator did not move"),
               (unfair_step(order="d"), "the generator did not move"),
               (unfair_step(lambda real, fake: F.softplus(fake) + F.softplus(-real)), "each sample by itself"),
               (unfair_step(lambda real, fake: F.softplus(real - fake)), "wants D(real) above"),
               (unfair_step(penalties=(0, 0)), "neither penalty"), (unfair_step(penalties=(0.5, 0)), "R2 is missing"),
               (unfair_step(penalties=(0, 0.5)), "real samples, is missing"),
               (unfair_step(penalties=(1, 1)), "twice too strong"),
               (unfair_step(lambda real, fake: F.relu(1 + fake - real)), "and nothing else"),
               (unfair_step(order="gd"), "moved before"),
               (answer_before, "as it was before its step"),
               (unfair_step(g_loss=lambda real, fake: F.softplus(-fake)), "does not look at the real"),
               (unfair_step(g_loss=lambda real, fake: -F.softplus(fake - real)), "saturates"),
               (unfair_step(g_loss=lambda real, fake: F.softplus(fake - real)), "helps the discriminator"),
               (unfair_step(g_loss=lambda real, fake: real - fake), "the generator does not move as"),
               (unfair_step(zero=False), "the second is not"),
               (unfair_step(rest=False), "ends at")]),
}


LOSSES = "ssgan_lite.train.losses:"
DEFINITIONS = [
    dict(name="discriminator_loss", library=LOSSES + "discriminator_loss",
         inputs=lambda: (torch.randn(6, 1), 3 * torch.randn(6, 1))),
    dict(name="generator_loss", library=LOSSES + "generator_loss", inputs=lambda: (3 * torch.randn(6, 1),)),
]
