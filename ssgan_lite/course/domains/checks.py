"""Exercises on new domains: freezing, kept masks, agreement, when to stop, between two models, a style."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import nn

from ssgan_lite.config import preset
from ssgan_lite.course.domains import by_hand
from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_same_gradients,
)
from ssgan_lite.data import Dataset
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.model import SemanticGenerator, build_generator
from ssgan_lite.model.sections import section
from ssgan_lite.train.losses import kept_mask_loss
from ssgan_lite.train.watch import feature_distance, mask_agreement
from ssgan_lite.weights import load_pretrained

HERE = "ssgan_lite.course.domains.by_hand"
FACES = 24                  # that are looked at in a reader's own style
NEARER = 0.95               # of the parent's distance to the pictures, at most
KEPT = 0.4                  # agreement of masks with the parent's, at least


@exercise(1, title="What is left to learn", minutes=6, level=1, solution_text=(
    "sizes = {name: weight.numel() for name, weight in G.named_parameters()}\n"
    "local = sum(n for name, n in sizes.items() if name in section(G, \"local\"))\n"
    "100 * (1 - local / sum(sizes.values()))"))
def left_to_learn(answer):
    """How many percent of the weights of lite64 still learn when the local generators are frozen."""
    expect_number(answer)
    value, G = float(answer), build_generator(preset("lite64"))
    sizes = {name: weight.numel() for name, weight in G.named_parameters()}
    counts = {name: sum(n for key, n in sizes.items() if key in section(G, name))
              for name in ("local", "mapping", "render")}
    total = sum(sizes.values())
    share = 100 * (1 - counts["local"] / total)
    expect(not close(value, share / 100, 0.006), "that is the share; the question asks for percent")
    expect(not close(value, total - counts["local"], 0.5), "that is how many weights; divide by all of them")
    expect(not close(value, 100 - share, 0.6), "that is the share that is frozen")
    expect(not close(value, 100 * counts["render"] / total, 0.6), "the render net learns, and the mapping network, "
           "too")
    expect(close(value, share, 0.6), "count the weights (`numel`) of all parameters that `section(G, \"local\")` "
           "does not name, and divide by those of all parameters")


@exercise(2, title="Really frozen", minutes=8, level=2, solution=f"{HERE}:learned")
def really_frozen(answer):
    """The weights for the optimizer: those whose names begin with none of `frozen`; the others get no gradient."""
    network = nn.ModuleDict({"local": nn.Linear(3, 3), "local_light": nn.Linear(3, 2), "render": nn.Linear(2, 2)})
    frozen = ["local.", "render.bias"]
    wanted = [id(weight) for name, weight in network.named_parameters() if not name.startswith(tuple(frozen))]
    out = answer(network, frozen)
    out = list(out) if isinstance(out, Iterator) else out
    expect(isinstance(out, (list, tuple)), f"return a list of weights; you return {describe(out)}")
    expect(not any(isinstance(item, tuple) for item in out), "those are pairs of name and weight; return the weights "
           "alone")
    expect(not any(isinstance(item, str) for item in out), "those are names; an optimizer wants the weights")
    expect(all(isinstance(item, nn.Parameter) for item in out), "return the parameters themselves, not copies: the "
           "optimizer moves what it is given")
    given, names = [id(item) for item in out], {id(weight): name for name, weight in network.named_parameters()}
    expect(set(given) <= set(names), "these are other tensors than the network's; the optimizer would move copies")
    expect(set(given) != set(names) - set(wanted), "those are the frozen ones; the optimizer wants the others")
    expect(set(given) != set(names), "nothing is left out yet")
    missing = [names[key] for key in wanted if key not in given]
    expect(not missing or not missing[0].startswith("local_light"), '"local_light" only sounds like "local.": '
           "compare the whole beginning, with its dot")
    expect(not missing, f"{missing[0] if missing else ''} should learn, and is not there")
    extra = [names[key] for key in given if key not in wanted]
    expect(not extra, f"{extra[0] if extra else ''} begins with one of `frozen`, and is handed to the optimizer")
    on = [name for name, weight in network.named_parameters() if id(weight) not in wanted and weight.requires_grad]
    expect(not on, f"{on[0] if on else ''} reaches no optimizer, but still collects a gradient: "
           "requires_grad_(False)")
    expect(all(weight.requires_grad for weight in out), "what learns must keep its gradient")


@exercise(3, title="Masks that stay", minutes=12, level=2, solution="ssgan_lite.train.losses:kept_mask_loss")
def kept_masks(answer):
    """Mean of weight times squared difference of the scores, with the weight of the part that was in front before."""
    draw = torch.Generator().manual_seed(15)
    scores, before = (2 * torch.randn(3, 4, 5, 6, generator=draw) for _ in range(2))
    weights = torch.tensor([0.2, 0.7, 2.0, 5.0])
    square = (scores - before).square()
    at = weights[before.argmax(1)][:, None]
    out = answer_of(answer, scores, before, weights)
    expect(not close(out, (at * square).mean((1, 2, 3))), "that is one number for each picture; take the mean of all")
    expect(not close(out, at * square), "right for every score; now take the mean")
    expect(not close(out, square.mean()), "the weights have no say yet: a lost eye would cost as little as its "
           "few pixels")
    expect(not close(out, (weights[scores.argmax(1)][:, None] * square).mean()), "you weigh by the part that is in "
           "front *now*: a pixel that lost its eye would weigh as little as what covers it. Ask `before`")
    expect(not close(out, (weights[:, None, None] * square).mean()), "you weigh every score by its own part; a pixel "
           "has one weight, that of the part in front, for all its scores")
    expect(not close(out, (at * (scores - before).abs()).mean()), "squared differences, not absolute ones")
    expect(not close(out, (at * square).sum()), "that is the sum; take the mean, or the term grows with the picture")
    expect(not close(out, (at * square).sum(1).mean()), "you sum over the parts; take the mean over them as well")
    expect(not close(out, (at * square).sum() / (4 * at.sum())), "you divide by the sum of the weights; the plain "
           "mean "
           "is wanted")
    expect(not close(out, (at * (scores - before)).mean().square()), "square every difference before you take the "
           "mean")
    expect_close(out, kept_mask_loss(scores, before, weights), "mean over everything of weights[before.argmax(1)], "
                 "one for each pixel, times (scores - before) squared", 1e-5, 1e-4)
    expect_same_gradients(lambda s: answer_of(answer, s, before, weights),
                          lambda s: kept_mask_loss(s, before, weights), [scores], "no gradient may go through the "
                          "weights, and all of it through the scores")


@exercise(4, title="Do the masks still agree?", minutes=12, level=2, solution="ssgan_lite.train.watch:mask_agreement")
def agreement(answer):
    """Mean over the parts of intersection over union, each over all pixels of all samples."""
    draw = torch.Generator().manual_seed(4)
    ours = torch.randint(0, 3, (4, 6, 6), generator=draw)
    others = torch.randint(0, 3, (4, 6, 6), generator=draw)
    theirs = torch.where(torch.rand(4, 6, 6, generator=draw) < 0.6, ours, others)
    ours[1:][ours[1:] == 2] = 0                       # part 2 in one picture alone, part 3 in none
    out = answer_of(answer, ours, theirs, 4)
    both = [((ours == p) & (theirs == p)).flatten(1).sum(1).double() for p in range(4)]
    either = [((ours == p) | (theirs == p)).flatten(1).sum(1).double() for p in range(4)]
    whole = [float(b.sum() / e.sum()) for b, e in zip(both[:3], either[:3], strict=True)]
    single = isinstance(out, (float, torch.Tensor)) and torch.as_tensor(out).numel() == 1
    expect(not (single and math.isnan(float(out))), "0 / 0: part 3 is in no mask at all; leave such parts out")
    expect_number(out, "the agreement")
    value = float(out)
    expect(not close(value, sum(whole) / 4, 1e-5), "part 3 is in no mask at all and counts as 0; leave it out")
    expect(not close(value, (sum(whole) + 1) / 4, 1e-5), "part 3 is in no mask at all and counts as 1; leave it out")
    expect(not close(value, float((ours == theirs).double().mean()), 1e-5), "that is the share of pixels that agree: "
           "large parts decide alone. Take the mean over the parts")
    alone = torch.stack([b / e for b, e in zip(both[:3], either[:3], strict=True)])
    means = float(alone.nanmean()), float(alone.nanmean(1).mean()), float(alone.nanmean(0).mean())
    expect(not any(close(value, mean, 1e-5) for mean in means), "you took every picture's own IoU; add the pixels "
           "of all pictures first, or an eye of one pixel decides")
    expect(not close(value, float(sum(b.sum() for b in both) / sum(e.sum() for e in either)), 1e-5), "you added up "
           "the "
           "parts before dividing, so that large parts decide; divide for every part, then take the mean")
    mine = [float(b.sum() / (ours == p).sum()) for p, b in enumerate(both[:3])]
    yours = [float(b.sum() / (theirs == p).sum()) for p, b in enumerate(both[:3])]
    expect(not any(close(value, sum(x) / 3, 1e-5) for x in (mine, yours)), "you divide by the pixels of one mask; "
           "the "
           "union has those of either")
    dice = [float(2 * b.sum() / ((ours == p).sum() + (theirs == p).sum())) for p, b in enumerate(both[:3])]
    expect(not close(value, sum(dice) / 3, 1e-5), "that is the Dice score; divide by the union, "
           "|A| + |B| - |A and B|")
    expect(close(value, mask_agreement(ours, theirs, 4), 1e-5), "for every part: pixels where both show it, over "
           "those where at least one does; then the mean over the parts")


@exercise(5, title="When does it stop?", minutes=6, level=2, solution_text=(
    "20 at 1,500 images is the last that is 2 % nearer. 19.9, 20.3 and 19.8 are none of them 2 % nearer than 20, so "
    "after three looks without progress, at 3,000 images, the run stops. It never sees the 19 that would have come. "
    "The agreement is above 0.5 all the time."))
def predict_stop(answer):
    """After how many images the run of the table stops: least agreement 0.5, patience 3, 2 % to count as nearer."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 1500, 1), "there it came 2 % nearer for the last time, but the run cannot know that "
           "yet: it waits for three looks")
    expect(not close(value, 2500, 1), "one look too early: those at 2,000 and 2,500 images are two")
    expect(not close(value, 3500, 1), "19.9 and 19.8 are less than 2 % nearer than 20, so they do not count as "
           "nearer")
    expect(not close(value, 6, 0.1), "that is the look; the answer is asked for in images")
    expect(close(value, 3000, 1), "go through the looks: which was the last that came nearer by 2 %, and how many "
           "came after it?")


@exercise(6, title="Between two models", minutes=8, level=2, solution=f"{HERE}:between")
def between_models(answer):
    """Weights between those of parent and child, by name: (1 - share) parent + share child, in a new dictionary."""
    draw = torch.Generator().manual_seed(6)
    parent = {name: torch.randn(2, 3, generator=draw) for name in ("render.a", "render.b")}
    child = {name: torch.randn(2, 3, generator=draw) for name in ("render.b", "render.a")}
    kept, wanted = copy.deepcopy((parent, child)), by_hand.between(parent, child, 0.25)
    out = answer(parent, child, 0.25)
    expect(isinstance(out, dict), f"return a dictionary, name -> weight; you return {describe(out)}")
    expect(set(out) == set(parent), "the result should have the parent's names, all of them")
    same = all(close(a[name], b[name]) for a, b in zip((parent, child), kept, strict=True) for name in a)
    expect(same, "you changed a weight of parent or child: compute new tensors, not in place")
    swapped = by_hand.between(parent, child, 0.75)
    expect(not all(close(out[name], swapped[name]) for name in out), "the other way round: a share of 0 is the "
           "parent")
    order = dict(zip(parent, child.values(), strict=True))
    paired = by_hand.between(parent, order, 0.25)
    expect(not all(close(out[name], paired[name]) for name in out), "you paired the weights by their place; the two "
           "dictionaries need not have one order: go by name")
    expect(not all(close(out[name], parent[name] + 0.25 * child[name]) for name in out), "the parent's share is "
           "missing: "
           "it counts (1 - share)")
    expect(not all(close(out[name], (parent[name] + child[name]) / 2) for name in out), "you take one half of each; "
           "`share` says how much of the child")
    for name in out:
        expect_close(out[name], wanted[name], "(1 - share) of the parent's weight plus share of the child's",
                     what=f'"{name}"')
    for share, end in ((0.0, parent), (1.0, child)):
        made = answer(parent, child, share)
        expect(all(close(made[name], end[name]) for name in end), f"with a share of {share:g} it should be the "
               f"{'child' if share else 'parent'}")


@torch.no_grad()
def _look(generator: SemanticGenerator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, and masks as part ids, of the first faces."""
    outs = [generator(generator.mapping(z)) for z in generator.sample_z(FACES, 500).split(8)]
    return torch.cat([out.image for out in outs]).clamp(-1, 1), torch.cat([out.mask for out in outs]).argmax(1)


@torch.no_grad()
def _features(network: FrozenFeatures, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([network(part)[-1].mean((2, 3)) for part in images.split(8)])


@exercise(7, title="Build it yourself: a style of your own", minutes=60, level=3, solution_text=(
    "data = open_dataset(\"folder:mine\", size=32)\n"
    "t = Trainer(sg.preset(\"nano32\"), recipe(\"nano32\", \"fine-tune\"), data)\n"
    "begin(t, read_source(\"nano32\"))\n"
    "while t.images_seen < 2000:\n"
    "    t.step()\n"
    "check.own_style(t.G_ema, data)"))
def own_style(child, data):
    """A fine-tuned nano32 or lite64 and the pictures that it learned from: nearer to them, its parts in place."""
    expect(isinstance(child, SemanticGenerator), f"the first answer is a generator; you gave {describe(child)}")
    expect(isinstance(data, Dataset), f"the second answer is the data set, from `open_dataset`; you gave "
                                      f"{describe(data)}")
    names = {preset(name): name for name in ("nano32", "lite64")}
    name = names.get(child.config)
    expect(name, "this is a child of another model; begin with nano32 or lite64")
    expect(data.size == child.config.size, f"the pictures are {data.size} pixels wide, the model's "
                                           f"{child.config.size}")
    expect(len(data) >= 20, f"{len(data)} pictures are very few; take at least 20")
    expect(all(weight.isfinite().all() for weight in child.parameters()), "a weight is NaN or infinite: the run "
           "diverged")
    child, parent, network = copy.deepcopy(child).eval(), load_pretrained(name), FrozenFeatures()
    (images, ids), (before, ids_before) = _look(child), _look(parent)
    expect((images - before).abs().mean() > 0.01, "that is still the parent: its pictures are the same")
    kept = mask_agreement(ids, ids_before, child.config.n_parts)
    expect(kept >= KEPT, f"the masks agree with the parent's to {kept:.2f}; less than {KEPT} means that parts have "
           "moved or vanished. Stop earlier, or set keep_weight higher")
    chosen = torch.linspace(0, len(data) - 1, min(len(data), 2 * FACES)).long()
    real = _features(network, data.image_batch(chosen))
    scale = real.square().mean().rsqrt()
    ours, theirs = (feature_distance(_features(network, x) * scale, real * scale) for x in (images, before))
    expect(ours < NEARER * theirs, f"its faces are no nearer to your pictures than the parent's (distance "
           f"{ours:.0f}, the parent's {theirs:.0f}): train longer, or look at the pictures")

