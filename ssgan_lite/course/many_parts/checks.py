"""Exercises on many parts: what one costs, the softmax among many, merging, sharing, and one's own vocabulary."""

from __future__ import annotations

import numpy as np
import torch

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
from ssgan_lite.course.many_parts import by_hand
from ssgan_lite.data.street_parts import DRAWN
from ssgan_lite.data.vocabulary import parts_of
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS

HERE = "ssgan_lite.course.many_parts.by_hand"
SIZE, SCENES = 32, 40                        # of what the reader draws
NEW, OFTEN, TOLD = 3, 0.1, 0.2               # new names; share of scenes with a part; share of the variance of colors


@exercise(1, title="What one more part costs", minutes=8, level=1, solution=f"{HERE}:part_parameters")
def part_cost(answer):
    """The parameters of one part's local generator: L layers of C channels, codes of S numbers, O features."""
    def counted(layers, channels, style, features):
        return float(answer_of(answer, layers, channels, style, features))

    expect_number(answer_of(answer, 6, 16, 64, 48))
    layers, c, s, o = 5, 7, 11, 13
    out, right = counted(layers, c, s, o), by_hand.part_parameters(layers, c, s, o)
    heads = by_hand.part_parameters(0, c, s, o)
    expect(out != heads, "you counted the two heads without the layers")
    layer = by_hand.part_parameters(1, c, s, o) - heads
    expect(out != layer + heads, "you counted one layer; there are L of them")
    expect(out != right - layers * c, "one of the two biases of a layer is missing: each "
           "layer has C of its own, and C in its map to styles")
    expect(out != right + layers * (s - c), "a map from S numbers to C factors has C biases, one per output, not S")
    expect(out not in (right - c, right + (o - c)), "each head has C modulations, one per input channel")
    expect(out != right - heads, "you counted the layers without the two heads: one reads a depth, one "
           "widens to O features")
    expect(out != right - layers * (c * s + c), "the styles are missing: every layer maps a code of S numbers to C "
           "factors, with a weight and a bias")
    expect(out != right - 2 * layers * c, "the biases of the layers are missing: each has C, and so has each map to "
           "styles")
    expect(out != right - (2 * c + 1), "the depth head is missing: C weights, C modulations, 1 bias")
    expect(out != right - (o * c + c + o), "the feature head is missing: O times C weights, C modulations, O biases")
    expect(out != right - 2 * c, "the modulations of the heads are missing: C numbers each, one per input channel")
    for numbers in ((layers, c, s, o), (6, 16, 64, 48), (8, 32, 128, 96)):
        expect(counted(*numbers) == by_hand.part_parameters(*numbers), "per layer C C + C (weight, bias) and C S + C "
               "(to styles); a depth head of C + C + 1; a feature head of O C + C + O")


@exercise(2, title="How far in front?", minutes=6, level=2, solution=f"{HERE}:lead")
def lead_of_winner(answer):
    """By how much one part must be nearer than P - 1 others, equally far, to have a given share of the softmax."""
    def lead(share, parts):
        return float(answer_of(answer, share, parts))

    expect_number(answer_of(answer, 0.9, 5))
    out, right = lead(0.9, 30), by_hand.lead(0.9, 30)
    expect(not close(out, -right, 1e-4), "the sign: the one in front has the *larger* pseudo-depth")
    expect(not close(out, np.log(9), 1e-4), "that is for one opponent; there are 29 of them")
    expect(not close(out, np.log(9 * 30), 1e-4), "all 30 parts include the one in front; its opponents are 29")
    expect(not close(out, np.log(0.9 * 29), 1e-4), "divide by what is left for the others, 1 - share")
    expect(not close(out, 9 * 29, 1e-4), "that is the ratio of the exponentials; take its logarithm")
    expect(not close(out, right / np.log(2), 1e-4) and not close(out, right / np.log(10), 1e-4), "take the natural "
           "logarithm: the softmax has e, not 2 or 10")
    expect(not close(out, np.log(290), 1e-3), "the winner's share belongs into the numerator: share (P - 1) / "
           "(1 - share)")
    for share, parts in ((0.9, 30), (0.9, 5), (0.5, 2), (0.25, 13)):
        expect(close(lead(share, parts), by_hand.lead(share, parts), 1e-4), "solve share = e^d / (e^d + P - 1) for d")


@exercise(3, title="Among how many?", minutes=8, level=2, solution=f"{HERE}:effective_parts")
def effective_number(answer):
    """From depths [N, P, H, W]: exp of the entropy of the softmax over parts, for every pixel, [N, H, W]."""
    depths = 2 * torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(163))
    out, right = answer(depths), by_hand.effective_parts(depths)
    share = torch.softmax(depths, 1)
    entropy = -(share * share.log()).sum(1)
    expect(not (list(out.shape) == [2, 5, 4] or list(out.shape) == [2, 5, 3]), "parts are axis 1; you summed over "
           "positions")
    expect_shape(out, [2, 3, 4], "your result")
    expect(not close(out, entropy), "that is the entropy; how many equal parts would have as much? Take exp")
    expect(not close(out, 1 / right), "the sign of the entropy: it is *minus* the sum of p log p")
    expect(not close(out, 2 ** entropy), "2 to the power of it belongs to logarithms of base 2")
    expect(not close(out, 1 / share.square().sum(1)), "1 / sum p^2 is another such number, which counts rare parts "
           "less; here exp(entropy) is meant")
    expect(not close(out, (entropy / 5).exp()), "the entropy is a *sum* over the parts, not a mean")
    expect_close(out, right, "p = softmax over parts, then exp(-sum p log p)", atol=1e-4)
    far = torch.zeros(1, 3, 1, 1)
    far[0, 0] = 200.0
    expect(not torch.as_tensor(answer(far)).isnan().any(), "where one part has all, a share is 0 and its logarithm "
           "minus infinity; their product is NaN. Use log_softmax")


@exercise(4, title="Merge before you choose", minutes=8, level=2, solution=f"{HERE}:merged")
def merge_shares(answer):
    """Shares of P parts [N, P, H, W] as shares of G groups [N, G, H, W]; table [P] says which group a part is in."""
    shares = torch.softmax(torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(164)), 1)
    table = torch.tensor([0, 2, 1, 2, 2, 0])
    out, right = answer(shares, table, 3), by_hand.merged(shares, table, 3)
    expect_shape(out, [2, 3, 3, 4])
    sizes = torch.bincount(table, minlength=3).view(1, 3, 1, 1)
    largest = torch.stack([shares[:, table == g].amax(1) for g in range(3)], 1)
    expect(not close(out, right / sizes), "you took means; a group of three small shares has their *sum*")
    expect(not close(out, largest), "you took the largest of each group. Two parts of a third each beat one of a "
           "quarter, though neither of them is more than a half")
    expect(not close(out, torch.stack([shares[:, table == g][:, -1] for g in range(3)], 1)), "later parts of a "
           "group overwrite earlier ones (`out[:, table] = shares` does not add); use index_add")
    expect(not close(out, shares[:, :3]), "nothing was merged: those are the first three parts")
    expect_close(out, right, "the share of a group is the sum of the shares of its parts", atol=1e-5)
    expect_close(answer(shares, torch.tensor([3, 0, 0, 3, 1, 1]), 4)[:, 2], torch.zeros(2, 3, 4),
                 "to a group without parts belongs the share 0")


@exercise(5, title="One weight for all classes", minutes=10, level=2, solution=f"{HERE}:conditioned")
def conditioned_weights(answer):
    """Weights [P, out, in] of every part from one weight [out, in], a map [in, K] and class codes [P, K]."""
    draw = torch.Generator().manual_seed(165)
    weight, to_style, codes = (torch.randn(shape, generator=draw) for shape in ((5, 4), (4, 3), (6, 3)))
    out = answer(weight, to_style, codes)
    right = by_hand.conditioned(weight, to_style, codes)
    expect_shape(out, [6, 5, 4], "your weights")
    style = 1 + codes @ to_style.T
    scaled = weight * style[:, None]
    expect(not close(out, scaled), "they are not demodulated: every row [in] is scaled to length 1")
    expect(not close(out, scaled / scaled.norm(dim=1, keepdim=True)), "you scaled columns to length 1; the sum runs "
           "over the inputs, the last axis")
    expect(not close(out, by_hand.demodulate(weight * (style - 1)[:, None], dims=(-1,))), "a style is 1 + what the "
           "class code says: a code of zeros changes nothing")
    expect(not close(out, by_hand.demodulate(weight.expand(6, 5, 4), dims=(-1,))), "all parts have the same weights; "
           "the class codes do not enter")
    demodulated = by_hand.demodulate(scaled, dims=(-2, -1))
    expect(not close(out, demodulated), "you divide each part's matrix by one length; every row has its own")
    expect(not close(out, by_hand.demodulate(weight.expand(6, 5, 4), dims=(-1,)) * style[:, None]), "scale first, "
           "then "
           "divide by the length: after your scaling the rows are no longer of length 1")
    expect_close(out, right, "style = 1 + codes @ to_style.T scales the *inputs*; then every row is divided by its "
                 "length", atol=1e-4)


@exercise(6, title="Only those that are there", minutes=4, level=1, solution_text=(
    "All: 20 for the render net and 300 for the parts, 320. Present: 20 and 12, 32. So ten times as fast, not 25 "
    "times: the render net is computed either way."))
def predict_present(answer):
    """How many times as fast an image is if 12 of 300 parts are computed and the render net costs as much as 20."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 25), "300 / 12 is right for the local generators; the render net is not any faster")
    expect(not close(value, 0.1), "upside down: how many times as *fast*")
    expect(not close(value, 32) and not close(value, 320), "that is a cost, in parts; divide one by the other")
    expect(not close(value, 288), "that is what is saved; divide all by what remains")
    expect(not close(value, 9), "that is by how many times more; how many times as fast is one more")
    expect(close(value, 10, 1e-3), "(20 + all parts) / (20 + present parts)")


@exercise(8, title="Your own vocabulary", minutes=40, level=3, solution_text=(
    "There is no solution to look up: section 8 draws a lagoon of four parts in a dozen lines. Begin with that, and "
    "replace one part after another."))
def own_vocabulary(entries, draw):
    """Entries of a vocabulary as in JSON, and draw(seed): an image uint8 [3, 32, 32], a mask uint8 [32, 32]."""
    expect(isinstance(entries, (list, tuple)), f"the vocabulary is a list, as in JSON; you give {describe(entries)}")
    try:
        parts = parts_of([*entries])
    except UserError as error:
        expect(False, str(error))
    known = {*PARTS.names, *DRAWN[30], *DRAWN[30].values(), *DRAWN[13].values(), *DRAWN[5].values()}
    new = [name for name in parts.names if name not in known]
    expect(len(new) >= NEW, f"at least {NEW} parts must have names that the library has not seen before; yours has "
           f"{len(new)}")
    images, masks = zip(*(_scene(draw, seed, len(parts), parts.names) for seed in range(SCENES)), strict=True)
    for array, again in zip((images[3], masks[3]), _scene(draw, 3, len(parts), parts.names), strict=True):
        expect(np.array_equal(array, again), "draw(3) gives another scene the second time; take every random number "
               "from np.random.default_rng(seed)")
    expect(len({mask.tobytes() for mask in masks}) > SCENES // 2, "most scenes have the same mask; let places and "
           "sizes depend on the seed")
    for i, name in enumerate(parts.names):
        seen = sum(bool((mask == i).any()) for mask in masks)
        expect(seen >= OFTEN * SCENES, f'"{name}" is in {seen} of {SCENES} scenes; what is never there starves')
    told = float(np.median([_explained(image, mask) for image, mask in zip(images, masks, strict=True)]))
    expect(told >= TOLD, f"the mask explains {100 * told:.0f} % of the colors of the picture; parts should be told "
           "apart by what one sees")


def _scene(draw, seed: int, count: int, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """One scene of the reader's, with its shapes and ids checked."""
    out = answer_of(draw, seed)
    expect(isinstance(out, (tuple, list)) and len(out) == 2, "draw(seed) returns two things: an image and a mask")
    image, mask = (np.asarray(x) for x in out)
    expect(image.shape == (3, SIZE, SIZE), f"the image has the shape {list(image.shape)}, not {[3, SIZE, SIZE]}: "
           "channels come first")
    expect(mask.shape == (SIZE, SIZE), f"the mask has the shape {list(mask.shape)}, not {[SIZE, SIZE]}")
    expect(image.dtype == mask.dtype == np.uint8, f"image and mask are uint8, not {image.dtype} and {mask.dtype}")
    expect(int(mask.max()) < count, f"the mask of scene {seed} has a class {int(mask.max())}; your vocabulary ends "
           f"at {count - 1} ({names[-1]})")
    return image, mask


def _explained(image: np.ndarray, mask: np.ndarray) -> float:
    """The share of the variance of the colors that lies between the parts."""
    pixels, ids = image.reshape(3, -1).astype(float), mask.ravel()
    total = ((pixels - pixels.mean(1, keepdims=True)) ** 2).sum()
    within = sum(((pixels[:, ids == i] - pixels[:, ids == i].mean(1, keepdims=True)) ** 2).sum()
                 for i in np.unique(ids))
    return 1 - within / total if total else 0.0


@exercise(7, title="What many parts need", minutes=4, level=1, solution_text=(
    "b, c and e. More parts make training more expensive, but not in proportion (a); and a finer mask is not a "
    "better "
    "picture (d): with one budget the large parts get worse."))
def what_many_need(answer):
    """Which of these statements do the measurements support?"""
    expect_choice(answer, "bce", {
        "a": "a is wrong: render net and frozen network cost the same however many parts there are",
        "d": "d is wrong: look at the IoU after merging to the same five parts"})
