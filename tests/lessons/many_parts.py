"""Right and wrong answers to the exercises on many parts, and what the notebook builds."""

from __future__ import annotations

import math

import numpy as np
import torch


def cost_stub(layers, channels, style, features):
    ...  # your lines here


def cost(layers, channels, style, features, to_styles=1, biases=1, depth=1, feature=1, modulations=1, layer=1):
    c = channels
    total = layer * layers * (c * c + biases * c + to_styles * (c * style + biases * c))
    return total + depth * (c + modulations * c + 1) + feature * (features * c + modulations * c + features)


def without(**left_out):
    return lambda *numbers: cost(*numbers, **left_out)


def lead_stub(share, parts):
    ...  # your lines here


def effective_stub(depths):
    ...  # your lines here


def effective(depths):
    share = torch.softmax(depths, 1)
    return torch.special.entr(share).sum(1).exp()


def entropy(depths):
    share = torch.softmax(depths, 1)
    return -(share * share.log()).sum(1)


def merged_stub(shares, table, groups):
    ...  # your lines here


def merged_by_groups(shares, table, groups):
    return torch.stack([shares[:, table == g].sum(1) for g in range(groups)], 1)


def merged_by_matrix(shares, table, groups):
    return torch.einsum("nphw,pg->nghw", shares, torch.nn.functional.one_hot(table, groups).to(shares.dtype))


def overwritten(shares, table, groups):
    out = shares.new_zeros(len(shares), groups, *shares.shape[2:])
    for part, group in enumerate(table.tolist()):
        out[:, group] = shares[:, part]
    return out


def of_groups(function):
    return lambda shares, table, groups: torch.stack([function(shares[:, table == g]) for g in range(groups)], 1)


def conditioned_stub(weight, to_style, class_code):
    ...  # your lines here


def conditioned(weight, to_style, class_code):
    scaled = torch.einsum("oi,pi->poi", weight, 1 + class_code @ to_style.T)
    return torch.nn.functional.normalize(scaled, dim=2)


def normalized(scaled, dim=2):
    return torch.nn.functional.normalize(scaled, dim=dim)


ENTRIES = ["brine", "silt", {"name": "glimmerfin", "thin": 1.5}]
COLORS = np.array([[40, 90, 160], [190, 170, 120], [230, 120, 60]])


def draw(seed, colors=COLORS, rng=None):
    rng = rng or np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    mask = np.where(y > rng.uniform(20, 28), 1, 0)
    mask[(x - rng.uniform(5, 27)) ** 2 + (y - rng.uniform(5, 20)) ** 2 < 16] = 2
    image = colors[mask] + rng.normal(0, 8, (32, 32, 3))
    return image.clip(0, 255).astype(np.uint8).transpose(2, 0, 1), mask.astype(np.uint8)


def draw_stub(seed):
    ...  # your lines here


def drawn(change):
    """A wrong answer: what `draw` gives, changed."""
    return lambda seed: change(*draw(seed))


CHANCE = np.random.default_rng(0)

ANSWERS = {
    "part_cost": dict(
        stub=cost_stub, right=[cost],
        wrong=[(without(layer=0), "without the layers"), (without(depth=0, feature=0), "without the two heads"),
               (without(to_styles=0), "The styles are missing"),
               (without(biases=0), "biases of the layers"), (without(depth=0), "depth head is missing"),
               (without(feature=0), "feature head is missing"), (without(modulations=0), "modulations of the heads"),
               (lambda layers, c, s, o: cost(1, c, s, o), "there are L of them"),
               (lambda layers, c, s, o: cost(layers, c, s, o) - layers * c, "one of the two biases"),
               (lambda layers, c, s, o: cost(layers, c, s, o) + layers * (s - c), "one per output, not S"),
               (lambda layers, c, s, o: cost(layers, c, s, o) - c, "each head has C"),
               (lambda layers, c, s, o: layers * c * c, "per layer C C")]),
    "lead_of_winner": dict(
        stub=lead_stub, right=[lambda s, p: math.log(s / ((1 - s) / (p - 1)))],
        wrong=[(lambda s, p: -math.log(s * (p - 1) / (1 - s)), "The sign"),
               (lambda s, p: math.log(s / (1 - s)), "one opponent"),
               (lambda s, p: math.log(s * p / (1 - s)), "opponents are 29"),
               (lambda s, p: math.log(s * (p - 1)), "left for the others"),
               (lambda s, p: s * (p - 1) / (1 - s), "take its logarithm"),
               (lambda s, p: math.log2(s * (p - 1) / (1 - s)), "natural logarithm"),
               (lambda s, p: math.log((p - 1) / (1 - s)), "into the numerator"), (lambda s, p: 1.0, "solve share")]),
    "effective_number": dict(
        stub=effective_stub, right=[effective],
        wrong=[(entropy, "that is the entropy"), (lambda d: (-entropy(d)).exp(), "*minus*"),
               (lambda d: 2 ** entropy(d), "base 2"),
               (lambda d: 1 / torch.softmax(d, 1).square().sum(1), "counts rare parts"),
               (lambda d: torch.special.entr(torch.softmax(d, 2)).sum(2).exp(), "you summed over"),
               (lambda d: entropy(d).exp(), "log_softmax"),
               (lambda d: (entropy(d) / d.shape[1]).exp(), "not a mean"),
               (lambda d: torch.full((2, 3, 4), 5.0), "p = softmax over parts")]),
    "merge_shares": dict(
        stub=merged_stub, right=[merged_by_groups, merged_by_matrix],
        wrong=[(of_groups(lambda s: s.mean(1)), "You took means"), (of_groups(lambda s: s.amax(1)), "the largest"),
               (overwritten, "overwrite"), (lambda s, t, g: s[:, :g], "nothing was merged"),
               (lambda s, t, g: merged_by_groups(s, t.flip(0), g), "is the sum of the shares"),
               (lambda s, t, g: merged_by_groups(s, t, g) + torch.tensor([0., 0, 1e-3, 0])[:g].view(1, -1, 1, 1)
                * (g == 4), "without parts")]),
    "conditioned_weights": dict(
        stub=conditioned_stub, right=[conditioned],
        wrong=[(lambda w, m, c: w * (1 + c @ m.T)[:, None], "not demodulated"),
               (lambda w, m, c: normalized(w * (1 + c @ m.T)[:, None], 1), "scaled columns"),
               (lambda w, m, c: normalized(w * (c @ m.T)[:, None]), "a code of zeros"),
               (lambda w, m, c: normalized(w.expand(len(c), *w.shape)), "do not enter"),
               (lambda w, m, c: normalized((w * (1 + c @ m.T)[:, None]).flatten(1), 1).view(len(c), *w.shape),
                "each part's matrix"),
               (lambda w, m, c: normalized(w.expand(len(c), *w.shape)) * (1 + c @ m.T)[:, None], "scale first"),
               (lambda w, m, c: normalized(w + (c @ m.T)[:, None]), "scales the *inputs*")]),
    "predict_present": dict(
        stub=..., right=[10, 10.0],
        wrong=[(25, "300 / 12"), (0.1, "upside down"), (32, "that is a cost"), (288, "what is saved"),
               (9, "one more"), (15, "(20 + all parts)")]),
    "own_vocabulary": dict(
        stub=(..., draw_stub), right=[(ENTRIES, draw), (tuple(ENTRIES), lambda seed: list(draw(seed)))],
        wrong=[(("brine", draw), "is a list"),
               ((["brine"], draw), "2 to 256"), ((["sky", "hair", "brine"], draw), "at least 3"),
               ((ENTRIES, lambda seed: draw(seed)[0]), "two things"),
               ((ENTRIES, drawn(lambda image, mask: (image.transpose(1, 2, 0), mask))), "channels come first"),
               ((ENTRIES, drawn(lambda image, mask: (image, mask[:8]))), "the mask has the shape"),
               ((ENTRIES, drawn(lambda image, mask: (image, mask.astype(float)))), "are uint8"),
               ((ENTRIES, drawn(lambda image, mask: (image, mask + 1))), "vocabulary ends at"),
               ((ENTRIES, lambda seed: draw(seed, rng=CHANCE)), "another scene"),
               ((ENTRIES, lambda seed: draw(0)), "the same mask"),
               (([*ENTRIES, "kelpomat"], draw), '"kelpomat" is in 0'),
               ((ENTRIES, lambda seed: draw(seed, COLORS * 0 + 128)), "explains")]),
    "what_many_need": dict(
        stub=..., right=["bce", "b, c and e"],
        wrong=[("a", "render net and frozen"), ("bd", "after merging"), ("b", "more than one"),
               ("x", "choose from")]),
}

DEFINITIONS = []
