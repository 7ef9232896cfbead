"""Right and wrong answers to the exercises on editing a first face."""

from __future__ import annotations

import torch

from ssgan_lite.edit import Session


def order(G, first=9, hair=1, eyes=26, background=5, parts=("eyes", "eyebrows"), kind=None):
    made = Session(G, first, 0.7).copy_from(Session(G, hair), "hair", kind=kind)
    return made.copy_from(Session(G, eyes), list(parts)).copy_from(Session(G, background), "background")


def made_by_hand(G):
    made, others = Session(G, 9), {part: Session(G, seed) for part, seed in
                                   (("background", 5), ("hair", 1), ("eyebrows", 26), ("eyes", 26))}
    for part, other in others.items():
        made.copy_from(other, part)
    return made


def order_stub(G):
    made = Session(G, seed=9, psi=0.7)      # noqa: F841 (not returned)
    ...  # your lines here
    return ...


def unmoved_stub(before, after, names):
    ...  # your lines here


def unmoved_with_a_loop(before, after, names):
    found = []
    for p in range(len(names)):
        if (before.depths[:, p] == after.depths[:, p]).all():
            found.append(names[p])
    return tuple(found)


def until_the_first(before, after, names):
    found = []
    for p, name in enumerate(names):
        if not torch.equal(before.depths[:, p], after.depths[:, p]):
            break
        found.append(name)
    return found


def same(test):
    """A wrong answer that differs from the right one in how it compares."""
    return lambda before, after, names: [name for p, name in enumerate(names)
                                         if test(before.depths[:, p], after.depths[:, p])]


def dead_stub(mask, names):
    ...  # your lines here


def dead_by_counting(mask, names):
    counts = torch.bincount(mask.argmax(1).flatten(), minlength=len(names))
    return [name for name, count in zip(names, counts.tolist(), strict=True) if count == 0]


def inherit(G, mother, father, seed, kinds=(None,), base=True, share=0.5):
    made, other = Session(G, mother, 0.7), Session(G, father, 0.7)
    dice = torch.Generator().manual_seed(seed)
    for part in G.config.parts:
        for kind in kinds:
            if torch.rand((), generator=dice) < share:
                made.copy_from(other, part, kind)
    return made if base else made.randomize("base", seed=99)


ANSWERS = {
    "made_to_order": dict(
        stub=order_stub, right=[order, made_by_hand],
        wrong=[(lambda G: Session(G, 9).copy_from(1, "hair"), "a `Session`"),
               (lambda G: order(G).render(), "without `.render()`"),
               (lambda G: order(G).state.codes, "should return a `Session`"),
               (lambda G: Session(G, 9).copy_from(Session(G, 1)), "this is seed 1 from head to foot"),
               (lambda G: order(G, first=0), "begin with the face of seed 9"),
               (lambda G: order(G, parts=["eyes"]), "\"eyebrows\" is still that of seed 9"),
               (lambda G: order(G, kind="shape"), "only one of the two codes"),
               (lambda G: order(G, background=6), "\"background\" is not that of seed 5"),
               (lambda G: order(G, parts=["eyes", "eyebrows", "mouth"]), "more parts were taken"),
               (lambda G: order(G).hide("hat"), "all parts should be shown")]),
    "weight_without_the_face": dict(
        stub=..., right=[2 / 7, 0.29, 0.286, torch.tensor([2 / 7])],
        wrong=[(0.2, "0.7 only"), (0.5, "wants its share"), (0.35, "equal halves"), (0.71, "of the background"),
               (0.4, "both have together"), (0.1, "2 to 5"), (0.3, "two decimals"),
               (20, "between 0 and 1"), ("one", "one number")]),
    "unmoved_parts": dict(
        stub=unmoved_stub, right=[unmoved_with_a_loop],
        wrong=[(lambda before, after, names: [n for n in names if n not in unmoved_with_a_loop(before, after, names)],
                "these are the parts that moved"),
               (lambda before, after, names: [p for p in range(5) if p != 2], "numbers"),
               (lambda before, after, names: [(n, True) for n in names], "one name for each"),
               (lambda before, after, names: torch.equal(before.depths, after.depths), "a list of names"),
               (lambda before, after, names: names if torch.equal(before.depths, after.depths) else [], "every part"),
               (until_the_first, "you stop at the first"),
               (same(lambda a, b: (a == b).any()), "one pixel"),
               (same(lambda a, b: torch.equal(a.mean(), b.mean())), "sums and means are not enough"),
               (same(torch.allclose), "a millionth"),
               (same(lambda a, b: torch.equal(a[0], b[0])), "first face of the batch"),
               (lambda before, after, names: [n for p, n in enumerate(names)
                                              if torch.equal(before.mask[:, p], after.mask[:, p])], "call it "
                                                  "unmoved"),
               (lambda before, after, names: [
                   n for p, n in enumerate(names) if torch.equal(before.depths[:, p], after.depths[:, p])
                   and torch.equal(before.mask[:, p], after.mask[:, p])], "only the mask was changed"),
               (lambda *args: unmoved_with_a_loop(*args)[::-1], "change their order")]),
    "what_base_codes_do": dict(
        stub=..., right=["c", "C", " c "],
        wrong=[("a", "colors alone"), ("b", "the background is a part"), ("d", "drawing order"),
               ("e", "not among them")]),
    "dead_parts": dict(
        stub=dead_stub, right=[dead_by_counting],
        wrong=[(lambda mask, names: len(dead_by_counting(mask, names)), "list of names is wanted"),
               (lambda mask, names: [3, 4], "you return numbers"),
               (lambda mask, names: [n for p, n in enumerate(names) if p not in mask.argmax(0).unique().tolist()],
                "find no dead part"),
               (lambda mask, names: [n for n in names if n not in dead_by_counting(mask, names)], "that are seen"),
               (lambda mask, names: dead_by_counting(mask[:1], names), "every face and every pixel"),
               (lambda mask, names: [n for p, n in enumerate(names) if mask[:, p].max() < 1], "take the `argmax`"),
               (lambda mask, names: ["neck"], "you leave it out"),
               (lambda mask, names: dead_by_counting(mask, names)[::-1], "you found"),
               (lambda mask, names: ["hat", "neck"], "every part is seen on one face")]),
    "child": dict(
        stub=..., right=[inherit],
        wrong=[(lambda G, mother, father, seed: inherit(G, mother, father, seed).render(), "return a `Session`"),
               (lambda G, *rest: inherit(G, *rest, kinds=("shape", "texture")), "inherited whole"),
               (lambda G, mother, father, seed: inherit(G, mother, father, seed).randomize("hair"), "neither parent"),
               (lambda G, *rest: inherit(G, *rest, base=False), "the base codes"),
               (lambda G, *rest: inherit(G, *rest, share=0.0), "everything from one parent"),
               (lambda G, mother, father, seed: inherit(G, mother, father, int(torch.randint(1000, ()))),
                "another child the second time"),
               (lambda G, mother, father, seed: inherit(G, mother, father, 5), "use `seed`")]),
}

DEFINITIONS = []
