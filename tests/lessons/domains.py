"""Right and wrong answers to the exercises on new domains, and what the notebook builds."""

from __future__ import annotations

import copy

import numpy as np
import torch

from ssgan_lite.config import preset
from ssgan_lite.data import Dataset
from ssgan_lite.model import build_generator
from ssgan_lite.weights import load_pretrained


def learned_stub(network, frozen):
    ...  # your lines here


def in_two_steps(network, frozen):
    for name, weight in network.named_parameters():
        if any(name.startswith(beginning) for beginning in frozen):
            weight.requires_grad = False
    return [weight for weight in network.parameters() if weight.requires_grad]


def chosen(network, test, still=True):
    """The weights whose names pass the test; still: the others get no gradient."""
    for name, weight in network.named_parameters():
        weight.requires_grad_(bool(test(name)) or not still)
    return [weight for name, weight in network.named_parameters() if test(name)]


def begins(name, frozen):
    return name.startswith(tuple(frozen))


def kept_stub(scores, before, weights):
    ...  # your lines here


def kept(scores, before, weights):
    return (weights[before.argmax(1)].unsqueeze(1) * (scores - before) ** 2).mean()


def squares(scores, before):
    return (scores - before).square()


def agreement_stub(ours, theirs, n_parts):
    ...  # your lines here


def part_shares(ours, theirs, n_parts, empty=None):
    shares = []
    for part in range(n_parts):
        a, b = ours == part, theirs == part
        union = (a | b).sum()
        if union or empty is not None:
            shares.append((a & b).sum() / union if union else torch.tensor(empty))
    return torch.stack([share.double() for share in shares]).mean()


def per_picture(ours, theirs, n_parts):
    """Every picture's own IoU, averaged over all pictures and parts that have one."""
    shares = [((a == p) & (b == p)).sum() / ((a == p) | (b == p)).sum()
              for a, b in zip(ours, theirs, strict=True) for p in range(n_parts)]
    return torch.stack(shares).nanmean()


def dice(ours, theirs, n_parts):
    found = [2 * ((ours == p) & (theirs == p)).sum() / ((ours == p).sum() + (theirs == p).sum())
             for p in range(n_parts - 1)]
    return float(torch.stack(found).double().mean())


def of_ours(ours, theirs, n_parts):
    found = [((ours == p) & (theirs == p)).sum() / (ours == p).sum() for p in range(n_parts - 1)]
    return float(torch.stack(found).double().mean())


def between_stub(parent, child, share):
    ...  # your lines here


def by_lerp(parent, child, share):
    return {name: torch.lerp(parent[name], child[name], share) for name in parent}


def in_place(parent, child, share):
    for name in parent:
        parent[name].lerp_(child[name], share)
    return parent


def by_place(parent, child, share):
    return {name: (1 - share) * a + share * b for (name, a), b in zip(parent.items(), child.values(), strict=True)}


def pictures_of(generator, n=48, first=900) -> Dataset:
    """A data set without masks: what a generator draws."""
    with torch.no_grad():
        images = generator(generator.mapping(generator.sample_z(n, first))).image
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Dataset(pixels, None, {}, np.arange(n))


def negative(parent):
    """A child in another style: the parent's pictures with all colors inverted."""
    child = copy.deepcopy(parent)
    with torch.no_grad():
        for name, weight in child.named_parameters():
            if ".to_image." in name and not name.endswith("modulation"):
                weight.neg_()
    return child


def blurred(parent):
    """The negative, but with parts in other places."""
    child = negative(parent)
    with torch.no_grad():
        for name, weight in child.named_parameters():
            if ".to_mask.bias" in name:
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * 40)
    return child


def diverged(parent):
    child = copy.deepcopy(parent)
    with torch.no_grad():
        child.local.bias[0, 0, 0] = float("nan")
    return child


PARENT = load_pretrained("nano32").requires_grad_(False)
CHILD = negative(PARENT)
DATA = pictures_of(CHILD)
LARGER = Dataset(torch.zeros(30, 3, 64, 64, dtype=torch.uint8), None, {}, np.arange(30))

ANSWERS = {
    "left_to_learn": dict(
        stub=..., right=[46.5, 47, 46.54],
        wrong=[(0.465, "that is the share;"), (506982, "divide by all"), (53.5, "share that is frozen"),
               (40.5, "and the mapping network, too"), (60, "count the weights")]),
    "really_frozen": dict(
        stub=learned_stub, right=[in_two_steps, lambda n, f: (weight for weight in in_two_steps(n, f))],
        wrong=[(lambda n, f: [name for name, _ in n.named_parameters() if not begins(name, f)], "those are names"),
               (lambda n, f: 3, "return a list"),
               (lambda n, f: [*n.named_parameters()], "pairs of name and weight"),
               (lambda n, f: [w.detach() for name, w in n.named_parameters() if not begins(name, f)], "not copies"),
               (lambda n, f: [torch.nn.Parameter(w.detach()) for w in n.parameters()], "other tensors"),
               (lambda n, f: chosen(n, lambda name: begins(name, f)), "those are the frozen ones"),
               (lambda n, f: list(n.parameters()), "nothing is left out"),
               (lambda n, f: chosen(n, lambda name: not name.startswith(("local", "render.bias"))), "with its dot"),
               (lambda n, f: chosen(n, lambda name: not name.startswith(("local.", "render"))), "should learn"),
               (lambda n, f: chosen(n, lambda name: not name.startswith("local.")), "is handed to the optimizer"),
               (lambda n, f: chosen(n, lambda name: not begins(name, f), still=False), "still collects a gradient")]),
    "kept_masks": dict(
        stub=kept_stub, right=[kept],
        wrong=[(lambda s, b, w: (w[b.argmax(1)][:, None] * squares(s, b)).mean((1, 2, 3)), "for each picture"),
               (lambda s, b, w: w[b.argmax(1)][:, None] * squares(s, b), "now take the mean"),
               (lambda s, b, w: squares(s, b).mean(), "have no say"),
               (lambda s, b, w: (w[s.argmax(1)][:, None] * squares(s, b)).mean(), "in front *now*"),
               (lambda s, b, w: (w[:, None, None] * squares(s, b)).mean(), "one weight"),
               (lambda s, b, w: (w[b.argmax(1)][:, None] * (s - b).abs()).mean(), "not absolute"),
               (lambda s, b, w: (w[b.argmax(1)][:, None] * squares(s, b)).sum(), "that is the sum"),
               (lambda s, b, w: 4 * kept(s, b, w), "you sum over the parts"),
               (lambda s, b, w: kept(s, b, w) / w[b.argmax(1)].mean(), "the sum of the weights"),
               (lambda s, b, w: (w[b.argmax(1)][:, None] * (s - b)).mean() ** 2, "square every difference"),
               (lambda s, b, w: 2 * kept(s, b, w), "one for each pixel"),
               (lambda s, b, w: kept(s, b, w).detach(), "no gradient flows")]),
    "agreement": dict(
        stub=agreement_stub, right=[part_shares, lambda a, b, n: float(part_shares(a, b, n))],
        wrong=[(lambda a, b, n: part_shares(a, b, n, empty=0.0), "counts as 0"),
               (lambda a, b, n: part_shares(a, b, n, empty=1.0), "counts as 1"),
               (lambda a, b, n: part_shares(a, b, n, empty=float("nan")), "0 / 0"),
               (lambda a, b, n: (a == b).double().mean(), "large parts decide"),
               (dice, "Dice"), (per_picture, "add the pixels of all"),
               (lambda a, b, n: (a == b).double().sum() / (a.numel() + (a != b).sum()), "before dividing"),
               (of_ours, "pixels of one mask"),
               (lambda a, b, n: 1 - part_shares(a, b, n), "at least one does")]),
    "predict_stop": dict(
        stub=..., right=[3000, 3000.0],
        wrong=[(1500, "cannot know"), (2500, "too early"), (3500, "do not count as nearer"), (6, "in images"),
               (4000, "go through the looks")]),
    "between_models": dict(
        stub=between_stub, right=[by_lerp],
        wrong=[(lambda p, c, s: list(by_lerp(p, c, s).values()), "return a dictionary"),
               (lambda p, c, s: {"render.a": p["render.a"]}, "all of them"), (in_place, "not in place"),
               (lambda p, c, s: by_lerp(c, p, s), "the other way round"), (by_place, "go by name"),
               (lambda p, c, s: {k: p[k] + s * c[k] for k in p}, "the parent's share is missing"),
               (lambda p, c, s: {k: (p[k] + c[k]) / 2 for k in p}, "one half of each"),
               (lambda p, c, s: {k: 2 * p[k] for k in p}, "plus share of the child's"),
               (lambda p, c, s: by_lerp(p, c, 0.25), "with a share of 0")]),
    "own_style": dict(
        stub=(..., ...), right=[(CHILD, DATA)],
        wrong=[(("lite64", DATA), "the first answer is a generator"), ((CHILD, "folder:mine"), "the second answer"),
               ((build_generator(preset("nano32").replace(style_dim=16)), DATA), "another model"),
               ((CHILD, LARGER), "pixels wide"),
               ((CHILD, pictures_of(CHILD, 12)), "very few"), ((diverged(PARENT), DATA), "NaN"),
               ((PARENT, DATA), "still the parent"), ((blurred(PARENT), DATA), "moved or vanished"),
               ((CHILD, pictures_of(PARENT)), "no nearer")]),
}

DEFINITIONS = []
