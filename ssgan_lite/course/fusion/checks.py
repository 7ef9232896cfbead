"""Exercises on depth fusion: softmax over pseudo-depths, and straight-through gradients."""

from __future__ import annotations

import torch

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
)
from ssgan_lite.course.fusion.sheets import lift_to_reach
from ssgan_lite.model import fusion


@exercise(1, title="Two shifts", minutes=4, level=1, solution_text=(
    "Adding log 3 to all three depths multiplies every exponential by 3, and the sum too: nothing changes, and the "
    "background keeps 1/6. Adding it to the foreground only gives exponentials 1, 6, 9: the background has 1/16."))
def predict_two_shifts(everything, foreground):
    """The background's weight after log 3 was added to all depths, and after it was added to the foreground only."""
    expect_number(everything, "your first number")
    expect_number(foreground, "your second number")
    first, second = float(everything), float(foreground)
    expect(not (close(first, 1 / 18, 1e-3) or close(first, 1 / 2, 1e-3)),
           "for the first number you changed the exponential of one part only, or forgot that the sum grows as well")
    expect(not close(first, 1 / 16, 1e-3) or not close(second, 1 / 6, 1e-3), "the two numbers are the right ones in "
           "the wrong order")
    expect(close(first, 1 / 6, 5e-3), "first number: every exponential, the background's too, is multiplied by the "
           "same factor; what does that do to a share of the whole?")
    expect(not close(second, 1 / 6, 1e-3), "second number: now the background's exponential stays 1 while the others "
           "grow, so its share cannot stay the same")
    expect(not close(second, 1 / 18, 1e-3), "second number: the background's exponential is not divided by 3; it "
           "stays 1 and the *others* are multiplied by 3")
    expect(not close(second, 0.06, 1e-6), "second number: 0.06 may stand for 1/16 or for 1/17; give three digits or "
           "the fraction")
    expect(close(second, 1 / 16, 6e-4), "second number: the exponentials were 1, 2 and 3; multiply the last two "
           "by 3, then divide the background's by the sum")


@exercise(2, title="Without the hair", minutes=4, level=1, solution_text=(
    "Exponentials 1, 2, 5; weights 1/8, 2/8, 5/8. Without the hair 1/8 and 2/8 remain; divided by their sum 3/8 they "
    "are 1/3 and 2/3. So the face has 2/3."))
def predict_weight_without_hair(answer):
    """The weight of the face in that pixel once the hair is switched off."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 2 / 8, 4e-3), "that is the face's weight with the hair still there, or not yet "
           "renormalized: what is left must sum to 1 again")
    expect(not close(value, 7 / 8, 4e-3), "the hair's share does not go to the face alone; every part that is left "
           "grows by the same factor")
    expect(not close(value, 9 / 16, 4e-3), "the hair's share is not split into equal halves; every part that is left "
           "grows by the same *factor*")
    expect(not close(value, 1 / 3, 4e-3), "that is the background's weight")
    expect(not close(value, 0.7, 1e-3), "that is near; give two decimals, or the fraction")
    expect(close(value, 2 / 3, 7e-3), "take the exponentials of the two parts that are left and divide by their sum")


@exercise(3, title="Glasses you can look through", minutes=12, level=2,
          solution=("ssgan_lite.model.fusion:fusion_weights", "ssgan_lite.model.fusion:_solid"))
def fusion_weights(answer):
    """Write the weights of the features: solid parts share 1 among themselves, transparent ones come on top."""
    generator = torch.Generator().manual_seed(5)
    mask = torch.softmax(3 * torch.randn(2, 5, 4, 6, generator=generator), dim=1)
    glass = (2, 4)
    out, wanted = answer(mask, glass), fusion.fusion_weights(mask, glass)
    expect_shape(out, list(mask.shape))
    solid = mask.clone()
    solid[:, list(glass)] = 0
    shared = solid / (solid.sum(dim=1, keepdim=True) + 1e-8)
    clear = mask - solid
    expect(not close(out, mask), "you give back the mask as it is; the solid parts must share 1 among themselves")
    expect(not close(out, shared), "the transparent parts are missing: they are added on top with their own weight")
    expect(not close(out, shared + clear / (clear.sum(dim=1, keepdim=True) + 1e-8)),
           "you renormalized the transparent parts; it is the solid ones that share 1")
    everything = shared + clear
    expect(not close(out, everything / everything.sum(dim=1, keepdim=True)),
           "you divided by the sum of all weights in the end; leave it out, the total may be more than one")
    expect(not close(out, solid / solid.sum() + clear), "you divide by one sum over everything, as in the example of "
           "one pixel; here each pixel has a sum of its own, over dim=1")
    expect(not close(out, solid / (solid.sum(dim=(1, 2, 3), keepdim=True) + 1e-8) + clear),
           "sum over the parts (dim=1) only, so that every pixel has a total of its own")
    for dim, name in ((2, "height"), (3, "width")):
        expect(not close(out, solid / (solid.sum(dim=dim, keepdim=True) + 1e-8) + clear), f"you sum over the {name}; "
               "the parts are dim=1")
    expect(not close(out, mask / (solid.sum(dim=1, keepdim=True) + 1e-8)), "you divided the transparent parts, too; "
           "they keep their weight")
    expect(not close(out, solid + clear / (clear.sum(dim=1, keepdim=True) + 1e-8)), "the roles are exchanged: it is "
           "the solid parts that share 1, and the transparent ones that keep their weight")
    choice = torch.softmax(mask[:, [p for p in range(5) if p not in glass]], dim=1)
    expect(not close(out[:, [p for p in range(5) if p not in glass]], choice), "a softmax of the weights is not what "
           "is wanted: they are shares already; divide them by their sum")
    expect_close(out, wanted, "solid parts: their weight divided by the sum over the solid parts; transparent parts: "
                 "their weight as it is")
    expect_close(answer(mask, ()), mask, "with no transparent part at all the weights are the mask itself", atol=1e-6)
    buried = torch.zeros(1, 3, 1, 1)
    buried[:, 1] = 1
    hidden = answer(buried, (1,))
    hint = ("where a transparent part has the whole pixel, the solid parts sum to 0 and you divide by it: add a "
            "small number such as 1e-8 below the line")
    expect(not torch.as_tensor(hidden).isnan().any(), hint)
    expect_close(hidden, buried, hint)
    expect_same_gradients(lambda m: answer(m, glass), lambda m: fusion.fusion_weights(m, glass), (mask,), "the "
                          "values are right, but the gradients are not: let them flow through the sum below the "
                          "line, too")


@exercise(4, title="How far must it be lifted?", minutes=15, level=3,
          solution="ssgan_lite.course.fusion.sheets:lift_to_reach")
def lift(answer):
    """How much must be added to one part's depth so that its weight becomes the given one?"""
    generator = torch.Generator().manual_seed(7)
    depths = 3 * torch.randn(2, 4, 3, 5, generator=generator)
    out, wanted = answer(depths, 2, 0.9), lift_to_reach(depths, 2, 0.9)
    expect_shape(out, [2, 3, 5])
    own, others = depths[:, 2], depths[:, [0, 1, 3]]
    odds = torch.logit(torch.tensor(0.9))
    expect(not close(out, wanted - 2 * odds), "the odds are upside down: a part with 9/10 of a pixel has 9 times "
           "what all others have together, so the weight goes above the line and 1 - weight below")
    expect(not close(out, -wanted), "the right size, the wrong sign: what you return is to be *added* to the depth")
    expect(not close(out, wanted + own), "that is the depth that the part must *have*; by how much must it be lifted "
           "from where it is?")
    expect(not close(out, odds - (own - depths.logsumexp(dim=1))), "compare the part with all *others*: leave its "
           "own exponential out of the sum, for it grows as you lift")
    expect(not close(out, odds - (own - others.amax(dim=1))), "only the nearest of the others is compared here; "
           "every one of them takes a share of the pixel, the far ones a small one")
    expect_close(out, wanted, "in the weight a = e^d / (e^d + s), with s the sum over the others, set a to the "
                 "wanted weight, solve for d, and subtract the present depth", atol=1e-4)
    lifted = depths.clone()
    lifted[:, 0] += answer_of(answer, depths, 0, 0.25)
    expect_close(torch.softmax(lifted, dim=1)[:, 0], torch.full((2, 3, 5), 0.25),
                 "with part 0 and the weight 0.25 it does not come out; did you fix a part or a weight?", atol=1e-4)
    deep = torch.tensor([100.0, -100.0]).view(1, 2, 1, 1)
    high, hint = answer(deep, 1, 0.5), ("it breaks for depths as large as 100, which occur: e^100 is too much for "
                                        "float32; work with logsumexp instead of exp and log")
    expect(torch.as_tensor(high).isfinite().all(), hint)
    expect_close(high, torch.full((1, 1, 1), 200.0), "depths may be as large as 100: from -100 to a tie with 100 a "
                 "part must be lifted by 200", atol=1e-3)


@exercise(5, title="A hard choice that learns", minutes=15, level=3,
          solution="ssgan_lite.model.fusion:one_hot_straight_through")
def straight_through(answer):
    """Zeros and ones in the forward pass, the gradient of the soft mask in the backward pass."""
    generator = torch.Generator().manual_seed(9)
    mask = torch.softmax(torch.randn(2, 4, 3, 5, generator=generator), dim=1)
    out, wanted = answer(mask), fusion.one_hot_straight_through(mask)
    expect(not (hasattr(out, "shape") and list(out.shape) == [2, 3, 5]), "that is the number of the winner; the "
           "result needs a 1 in the winner's channel and 0 in all others, in the shape of the mask")
    expect_shape(out, [2, 4, 3, 5])
    expect(not close(out, mask), "the forward pass still gives the soft mask; it must give zeros and ones")
    over_width = torch.zeros_like(mask).scatter_(3, mask.argmax(dim=3, keepdim=True), 1.0)
    expect(not close(out, over_width), "the largest is looked for along the width; the parts are dim=1")
    expect_close(out, wanted, "exactly one 1 in every pixel, at the part with the largest weight")
    tie = torch.tensor([0.4, 0.4, 0.2]).view(1, 3, 1, 1)
    expect(close(answer(tie).sum(), 1), "where two parts tie for the largest weight there should still be exactly "
           "one 1: take the first, as argmax does, instead of comparing with the maximum")
    leaf = mask.clone().requires_grad_()
    result = answer(leaf)
    expect(result.requires_grad, "the values are right, but no gradient comes back: argmax is flat nearly "
           "everywhere. Add the mask and subtract it again, so that only the gradient of one of the two is left")
    factor = torch.randn(mask.shape, generator=generator)
    (gradient,) = torch.autograd.grad((result * factor).sum(), leaf, allow_unused=True)
    expect(gradient is not None, "a gradient flows, but not to the mask: requires_grad_() on your zeros and ones "
           "makes a new beginning; the mask itself has to be part of the sum")
    expect(gradient.abs().sum() > 0, "`mask - mask` has the gradient 0: detach *one* of the "
           "two, the one that is subtracted")
    expect(not close(gradient, -factor), "the gradient has the wrong sign: detach the mask that is subtracted, not "
           "the one that is added")
    expect_close(gradient, factor, "the gradient should be handed on unchanged, as if the step had not been there")


def solve_front_to_back(depths, opacity):
    """Weights of layers that lie one over another: opacity times the light that the nearer ones let through."""
    order = depths.argsort(dim=1, descending=True)                     # nearest first
    layers = opacity.gather(1, order)
    passed = torch.cumprod(1 - layers, dim=1)                          # behind layer k
    weights = layers * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    return torch.zeros_like(weights).scatter(1, order, weights)


@exercise(6, title="Build it yourself: from front to back", minutes=40, level=3, solution_text=(
    "The softmax: here depths decide the order alone, and an order has no gradient; opacities get one."),
    solution="ssgan_lite.course.fusion.checks:solve_front_to_back")
def front_to_back(answer):
    """Weights of layers sorted by depth, each hiding those behind it as far as it is opaque."""
    depths = torch.tensor([3.0, 1.0, 2.0]).view(1, 3, 1, 1)

    def ask(*opacity):
        out = answer(depths, torch.tensor(opacity).view(1, 3, 1, 1))
        expect_shape(out, [1, 3, 1, 1], "the weights")
        return [round(value, 4) for value in out.flatten().tolist()]

    solid = ask(1.0, 1.0, 1.0)
    expect(solid != [0, 1, 0], "the layer with the *lowest* depth hides the others in your answer; higher is nearer")
    expect(solid == [1, 0, 0], f"with all layers solid the nearest should have all of the pixel; for depths 3, 1, 2 "
                               f"you give {solid}")
    half = ask(0.5, 1.0, 0.5)
    expect(half != [0.5, 0.5, 0.5], "what lies behind a layer gets only the light that the layer lets through")
    expect(half != [0.5, 0.25, 0.5] and half == [0.5, 0.25, 0.25],
           f"for depths 3, 1, 2 and opacities 0.5, 1, 0.5 the weights should be 0.5, 0.25, 0.25; you give {half}")
    thin = ask(0.2, 0.0, 0.0)
    expect(thin == [0.2, 0, 0], "the weights need not sum to 1: what no layer takes goes through to nothing. You "
                                f"give {thin} for opacities 0.2, 0, 0")
    depths = torch.randn(2, 5, 3, 4)
    opacity = torch.rand(2, 5, 3, 4)
    out = answer(depths, opacity)
    expect_close(out, solve_front_to_back(depths, opacity), "in a larger picture, where the order differs from pixel "
                 "to pixel, it does not come out: sort every pixel by itself, and put the weights back in the order "
                 "of the parts")
    expect_same_gradients(lambda value: answer(depths, value), lambda value: solve_front_to_back(depths, value),
                          [0.9 * opacity], "the values are right, their gradients with respect to the opacities are "
                                           "not")
