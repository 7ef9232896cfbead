"""Right and wrong answers to the exercises on depth fusion, and what the notebook builds."""

from __future__ import annotations

import math

import torch


def weights_in_a_loop(mask, transparent=()):
    solid = [p for p in range(mask.shape[1]) if p not in transparent]
    total = sum(mask[:, p] for p in solid) + 1e-8
    return torch.stack([mask[:, p] / total if p in solid else mask[:, p] for p in range(mask.shape[1])], dim=1)


def split(mask, transparent):
    """The solid and the transparent part of a mask."""
    solid = mask.clone()
    solid[:, list(transparent)] = 0
    return solid, mask - solid


def weights_stub(mask, transparent=()):
    ...  # your lines here


def weights_by_einsum(mask, transparent=()):
    solid = torch.ones(mask.shape[1])
    solid[list(transparent)] = 0
    total = torch.einsum("nphw,p->nhw", mask, solid)[:, None].clamp_min(1e-8)
    return torch.where(solid.view(1, -1, 1, 1) > 0, mask / total, mask)


def over_the_batch(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid / solid.sum() + clear


def roles_exchanged(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid + clear / (clear.sum(dim=1, keepdim=True) + 1e-8)


def no_transparent(mask, transparent=()):
    solid, _ = split(mask, transparent)
    return solid / (solid.sum(dim=1, keepdim=True) + 1e-8)


def transparent_renormalized(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return no_transparent(mask, transparent) + clear / (clear.sum(dim=1, keepdim=True) + 1e-8)


def all_renormalized(mask, transparent=()):
    weights = weights_in_a_loop(mask, transparent)
    return weights / weights.sum(dim=1, keepdim=True)


def over_everything(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid / (solid.sum(dim=(1, 2, 3), keepdim=True) + 1e-8) + clear


def over_the_width(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid / (solid.sum(dim=3, keepdim=True) + 1e-8) + clear


def all_by_the_solid(mask, transparent=()):
    solid, _ = split(mask, transparent)
    return mask / (solid.sum(dim=1, keepdim=True) + 1e-8)


def without_epsilon(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid / solid.sum(dim=1, keepdim=True) + clear


def always_the_last(mask, transparent=()):
    return weights_in_a_loop(mask, transparent or (mask.shape[1] - 1,))


def sum_detached(mask, transparent=()):
    solid, clear = split(mask, transparent)
    return solid / (solid.sum(dim=1, keepdim=True).detach() + 1e-8) + clear


def lift_stub(depths, part, weight):
    ...  # your lines here


def others(depths, part):
    return depths[:, [p for p in range(depths.shape[1]) if p != part]]


def lift(depths, part, weight):
    return math.log(weight / (1 - weight)) + others(depths, part).logsumexp(dim=1) - depths[:, part]


def lift_with_exp(depths, part, weight):
    return math.log(weight / (1 - weight)) + others(depths, part).exp().sum(dim=1).log() - depths[:, part]


def lift_by_hiding(depths, part, weight):
    rest = depths.index_fill(1, torch.tensor([part]), -math.inf)
    return torch.logit(torch.tensor(weight)) + rest.logsumexp(dim=1) - depths[:, part]


def one_hot_stub(mask):
    ...  # your lines here


def one_hot(mask):
    return torch.nn.functional.one_hot(mask.argmax(dim=1), mask.shape[1]).movedim(-1, 1).to(mask.dtype)


def straight_through(mask):
    return mask + (one_hot(mask) - mask).detach()


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mask):
        return one_hot(mask)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def in_a_loop(depths, opacity, nearest_first=True):
    """Every layer against every other: the light that all nearer ones let through."""
    weights = []
    for p in range(depths.shape[1]):
        nearer = depths > depths[:, p:p + 1] if nearest_first else depths < depths[:, p:p + 1]
        weights.append(opacity[:, p] * torch.where(nearer, 1 - opacity, 1.0).prod(dim=1))
    return torch.stack(weights, dim=1)


def by_the_first_pixel(depths, opacity):
    return in_a_loop(depths[:, :, :1, :1].expand_as(depths), opacity)


ANSWERS = {
    "predict_two_shifts": dict(
        stub=(..., ...),
        right=[(1 / 6, 1 / 16), (0.17, 0.0625), (0.167, 0.063), (0.1667, 0.0625), (torch.tensor(1 / 6), 0.0625)],
        wrong=[((1 / 18, 1 / 16), "first number you changed the exponential of one part only"),
               ((1 / 16, 1 / 6), "wrong order"), ((1 / 4, 1 / 16), "multiplied by the same factor"),
               ((1 / 6, 1 / 6), "cannot stay the same"), ((1 / 6, 1 / 18), "is not divided by 3"),
               ((1 / 6, 0.1), "multiply the last two by 3"), ((0.17, 0.06), "give three digits"), (("a "
                   "sixth", 0.0625), "first number should be one number"),
               ((1 / 6, "less"), "second number should be one number")]),
    "predict_weight_without_hair": dict(
        stub=..., right=[2 / 3, 0.667, 0.67, torch.tensor([2 / 3])],
        wrong=[(0.25, "not yet renormalized"), (0.875, "does not go to the face alone"), (0.5625, "equal halves"),
               (1 / 3, "the background's weight"), (0.4, "divide by their sum"), (0.7, "two decimals"),
               ("two thirds", "one number")]),
    "fusion_weights": dict(
        stub=weights_stub, right=[weights_in_a_loop, weights_by_einsum],
        wrong=[(lambda mask, transparent=(): mask * 1, "the mask as it is"),
               (no_transparent, "transparent parts are missing"),
               (transparent_renormalized, "renormalized the transparent parts"),
               (all_renormalized, "sum of all weights in the end"), (over_everything, "a total of its own"),
               (over_the_width, "over the width"),
               (all_by_the_solid, "divided the transparent parts, too"), (over_the_batch, "one sum over everything"),
               (roles_exchanged, "roles are exchanged"),
               (lambda mask, transparent=(): weights_in_a_loop(mask, transparent).sum(dim=1), "has the shape"),
               (always_the_last, "no transparent part at all"), (without_epsilon, "add a small number"),
               (sum_detached, "the gradients are not")]),
    "lift": dict(
        stub=lift_stub, right=[lift, lift_by_hiding],
        wrong=[(lambda d, p, w: -lift(d, p, w), "wrong sign"),
               (lambda d, p, w: lift(d, p, w) + d[:, p], "that the part must *have*"),
               (lambda d, p, w: math.log(w / (1 - w)) + d.logsumexp(dim=1) - d[:, p], "leave its own exponential "
                   "out"),
               (lambda d, p, w: math.log(w / (1 - w)) + others(d, p).amax(dim=1) - d[:, p], "only the nearest"),
               (lambda d, p, w: math.log((1 - w) / w) + others(d, p).logsumexp(dim=1) - d[:, p], "upside down"),
               (lambda d, p, w: w - torch.softmax(d, dim=1)[:, p], "solve for d"),
               (lambda d, p, w: lift(d, 2, 0.9), "fix a part or a weight"),
               (lift_with_exp, "work with logsumexp"),
               (lambda d, p, w: lift(d, p, w).mean(), "has the shape"),
               (lambda d, p, w: lift(d, p, w).clamp(-150, 150), "lifted by 200")]),
    "straight_through": dict(
        stub=one_hot_stub, right=[straight_through, StraightThrough.apply],
        wrong=[(lambda mask: mask.argmax(dim=1), "the number of the winner"),
               (lambda mask: mask + 0, "still gives the soft mask"),
               (lambda mask: torch.zeros_like(mask).scatter_(3, mask.argmax(3, keepdim=True), 1.0), "along the "
                   "width"),
               (lambda mask: (mask > 0.5).float() + mask - mask.detach(), "exactly one 1"),
               (lambda mask: (mask == mask.amax(1, keepdim=True)).float() + mask - mask.detach(), "two parts tie"),
               (lambda mask: one_hot(mask).requires_grad_(), "but not to the mask"),
               (one_hot, "no gradient comes back"), (lambda mask: one_hot(mask) + mask - mask, "detach *one*"),
               (lambda mask: one_hot(mask) - mask + mask.detach(), "wrong sign"),
               (lambda mask: one_hot(mask) + 2 * (mask - mask.detach()), "handed on unchanged")]),
    "front_to_back": dict(stub=..., right=[in_a_loop], wrong=[
        (lambda d, o: in_a_loop(d, o, False), "higher is nearer"), (lambda d, o: o / o.sum(1, keepdim=True), "all of "
            "the pixel"),
        (lambda d, o: torch.where(d == d.amax(1, keepdim=True), o, o * (o.amax(1, keepdim=True) < 1)),
         "should be 0.5, 0.25, 0.25"),
        (lambda d, o: in_a_loop(d, o) / in_a_loop(d, o).sum(1, keepdim=True), "need not sum to 1"),
        (by_the_first_pixel, "sort every pixel by itself"), (lambda d, o: in_a_loop(d, o.detach()) + 0 * o,
                                                             "with respect to the opacities"),
    ]),
}

DEFINITIONS = [
    dict(name="soft_mask", library="ssgan_lite.model.fusion:soft_mask",
         inputs=lambda: (3 * torch.randn(2, 5, 4, 6), torch.tensor([[1.0, 0, 1, 1, 0], [1, 1, 1, 0, 0]]))),
    dict(name="soft_mask", library=
         "ssgan_lite.model.fusion:soft_mask", inputs=lambda: (60 * torch.randn(1, 13, 3, 3),)),
    dict(name="to_coarse_mask", library="ssgan_lite.model.fusion:to_coarse_mask",
         inputs=lambda: (torch.rand(2, 5, 4, 6),)),
]
