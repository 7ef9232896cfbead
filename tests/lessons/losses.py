"""Right and wrong answers to the exercises on losses, and what the notebook builds."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

import ssgan_lite as sg
from ssgan_lite.train import recipe


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


def hold_stub(coarse_mask, mask):
    ...     # your lines here


def by_blocks(coarse_mask, mask):
    n, parts, size, _ = coarse_mask.shape
    width = mask.shape[-1] // size
    return ((coarse_mask - mask.view(n, parts, size, width, size, width).mean(dim=(3, 5))) ** 2).mean()


def hold(distance=torch.square, shrink=None, total=torch.mean, change=lambda x: x):
    def answer(coarse_mask, mask):
        pooled = shrink(mask) if shrink else F.adaptive_avg_pool2d(mask, coarse_mask.shape[-1])
        return total(distance(change(coarse_mask) - pooled))
    return answer


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
    "weight_for_size": dict(
        stub=..., right=[62.5, 62.5001],
        wrong=[(250, "square"), (16000, "other way round"), (1000, "too strong"), (480, "raised by hand"),
               (0.625, "image's weight"), (10, "share of pixels")]),
    "hold_together": dict(
        stub=hold_stub, right=[by_blocks, hold(),
                               lambda c, m: F.mse_loss(F.interpolate(m, size=c.shape[-2:], mode="area"), c)],
        wrong=[(hold(shrink=lambda m: m[..., ::2, ::2]), "one pixel of every block"),
               (hold(shrink=lambda m: F.max_pool2d(m, 2)), "largest pixel"),
               (lambda c, m: (F.interpolate(c, size=m.shape[-1]) - m).square().mean(), "enlarge"),
               (hold(distance=torch.abs), "square them"), (hold(total=torch.sum), "depend on the size"),
               (lambda c, m: 3 * by_blocks(c, m) if c.shape[1] == 3 else by_blocks(c, m), "mean over the parts as "
                   "well"),
               (lambda c, m: by_blocks(c, m) / 2, "one half"),
               (lambda c, m: by_blocks(c, m).sqrt(), "no root"), (hold(change=lambda c: 2 * c - 1), "on [-1, 1] "
                   "already"),
               (lambda c, m: by_blocks(c.softmax(1), F.adaptive_avg_pool2d(m, c.shape[-1]).softmax(1)), "no softmax"),
               (lambda c, m: 100 * by_blocks(c, m), "weight of 100"),
               (lambda c, m: by_blocks(c.detach(), m), "into the coarse mask"),
               (lambda c, m: by_blocks(c, m.detach()), "into the final mask"),
               (hold(shrink=lambda m: F.avg_pool2d(m, m.shape[-1] // 4)), "2 and 2 pixels"),
               (lambda c, m: (c - m.mean()).square().mean(), "not the mean of squares"),
               (lambda c, m: F.mse_loss(F.adaptive_avg_pool2d(m, c.shape[-1]), c).item(), "should be a tensor"),
               (lambda c, m: (F.adaptive_avg_pool2d(m, c.shape[-1]) - c).square().mean((1, 2, 3)), "it should have "
                   "[]")]),
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
    "who_is_moved": dict(
        stub=..., right=["be", "eb", "B, E"],
        wrong=[("abe", "image head"), ("bce", "detached"), ("d", "shape of the image"), ("b", "something is missing"),
               ("f", "not among them")]),
    "measure_steps": dict(
        stub=steps_stub, right=[measure_steps, by_norm],
        wrong=[(steps_wrongly(each=torch.sum), "add up the K "
                                               "codes"), (steps_wrongly(numbers=torch.mean), "they are summed"),
               (steps_wrongly(numbers=torch.mean, each=torch.sum), "other way round"),
               (steps_wrongly(root=None), "root is missing"), (steps_wrongly(root="early"), "root for every code"),
               (steps_wrongly(final=torch.mean), "one length for each "
                                                 "sample"), (steps_wrongly(scale=0.5), "root of the pixels"),
               (lambda f, codes, y: measure_steps(f, codes, y, each=torch.sum) / codes.shape[1], "outside of it"),
               (lambda f, codes, y: measure_steps(f, codes, y, scale=1 / y.numel()), "take the sum"),
               (steps_wrongly(direction=False), "y is not used"), (steps_wrongly(final=lambda x: x[:, None]), "one "
                   "length for each of the 5"),
               (steps_wrongly(scale=3.0), "are not the root"), (steps_wrongly(graph=False), "cannot be trained"),
               (steps_wrongly(cut=False), "made the codes")]),
}


def penalties_and_gradients(r1_penalty, image, mask):
    torch.manual_seed(5)
    D = sg.DualBranchDiscriminator(sg.preset("nano32").replace(discriminator_channels=(4, 5, 6, 7)))
    both, alone = r1_penalty(D, image, mask), r1_penalty(D, image, None)
    return *both, *alone, *gradients(both.image + 2 * both.mask, D)


def lengths_and_gradients(path_lengths, codes):
    torch.manual_seed(5)
    G = sg.SemanticGenerator(sg.preset("nano32"))
    lengths = path_lengths(G, codes, noise=G.render.stored_noise)
    return lengths, *gradients(lengths.square().sum(), G)


def gradients(loss, module):
    found = torch.autograd.grad(loss, list(module.parameters()), allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def settings(lazy_adam, parameter, every):
    group = lazy_adam([parameter], recipe("nano32"), every).param_groups[0]
    return group["lr"], *group["betas"], group["eps"]


def averaged(update_ema, x):
    torch.manual_seed(5)
    one, two = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    two.weight.data.uniform_()
    two.running_mean.uniform_()
    update_ema(one, two, 0.7)
    return one.weight.detach(), one.bias.detach(), one.running_mean


LOSSES = "ssgan_lite.train.losses:"
DEFINITIONS = [
    dict(name="discriminator_loss", library=LOSSES + "discriminator_loss",
         inputs=lambda: (torch.randn(6, 1), 3 * torch.randn(6, 1))),
    dict(name="generator_loss", library=LOSSES + "generator_loss", inputs=lambda: (3 * torch.randn(6, 1),)),
    dict(name="r1_penalty", library=LOSSES + "r1_penalty", call=penalties_and_gradients, atol=1e-5,
         inputs=lambda: (torch.randn(4, 3, 32, 32), torch.randn(4, 13, 32, 32))),
    dict(name="mask_consistency", library=LOSSES + "mask_consistency",
         inputs=lambda: (torch.randn(2, 13, 16, 16), torch.randn(2, 13, 32, 32))),
    dict(name="path_lengths", library=LOSSES + "path_lengths", call=lengths_and_gradients, atol=1e-5,
         inputs=lambda: (torch.randn(2, 78, 64),)),
    dict(name="path_penalty", library=LOSSES + "path_penalty", inputs=lambda: (torch.rand(5), torch.tensor(0.4))),
    dict(name="lazy_adam", library="ssgan_lite.train.state:lazy_adam", grad=False,
         call=lambda f, x: [settings(f, x.requires_grad_(True), every) for every in (16, 4, None)],
         inputs=lambda: (torch.randn(3),)),
    dict(name="ema_decay", library="ssgan_lite.train.ema:ema_decay", grad=False,
         call=lambda f, x: [f(32, seen, 10_000, 0.05) for seen in (0, 100, 3_200, 10**6)],
         inputs=lambda: (torch.zeros(1),)),
    dict(name="update_ema", library="ssgan_lite.train.ema:update_ema", grad=False, call=averaged,
         inputs=lambda: (torch.zeros(1),)),
]
