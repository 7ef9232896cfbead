"""Exercises on editing a face part by part, on measuring what an edit did, and on parts that are never seen."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch

from ssgan_lite.config import preset
from ssgan_lite.course.exercises import close, describe, exercise, expect, expect_choice, expect_number
from ssgan_lite.edit import Session
from ssgan_lite.model import GeneratorOutput, SemanticGenerator

ORDER = {"hair": 1, "eyes": 26, "eyebrows": 26, "background": 5}        # part -> seed of the face it comes from


def solve_made_to_order(G):
    """A face of four people."""
    made = Session(G, seed=9, psi=0.7)
    made.copy_from(Session(G, seed=1), "hair")
    made.copy_from(Session(G, seed=26), ["eyes", "eyebrows"])
    made.copy_from(Session(G, seed=5), "background")
    return made


@exercise(1, title="A face made to order", solution="ssgan_lite.course.start.checks:solve_made_to_order",
          minutes=5, level=1)
def made_to_order(answer):
    """Begin with seed 9; hair of seed 1, eyes and eyebrows of seed 26, background of seed 5; return the session."""
    G = _untrained()
    made = answer(G)
    expect(not isinstance(made, GeneratorOutput), "you return a rendered picture; return the session, without "
                                                  "`.render()`")
    expect(isinstance(made, Session), f"the function should return a `Session`; it returned {describe(made)}")
    expect(made.generator is G, "make the sessions with the generator that the function is given, `Session(G, ...)`")
    codes, layout = made.state.codes, G.layout
    own = {seed: Session(G, seed).state.codes for seed in (9, *ORDER.values())}
    for seed in sorted(set(ORDER.values())):
        expect(not close(codes, own[seed]), f"this is seed {seed} from head to foot: `copy_from` takes everything "
                                            "unless you name the parts")
    expect(close(codes[:, layout["base"]], own[9][:, layout["base"]]) and
           close(codes[:, layout["face"]], own[9][:, layout["face"]]), "begin with the face of seed 9")
    for part, seed in ORDER.items():
        theirs = own[seed][:, layout[part]]
        expect(not close(codes[:, layout[part]], own[9][:, layout[part]]),
               f'the part "{part}" is still that of seed 9; it was ordered from seed {seed}')
        half = close(codes[:, layout[part, "shape"]], own[seed][:, layout[part, "shape"]]) \
            != close(codes[:, layout[part, "texture"]], own[seed][:, layout[part, "texture"]])
        expect(not half, f'only one of the two codes of the part "{part}" was taken; leave `kind` away to take its '
                         "shape and its texture")
        expect(close(codes[:, layout[part]], theirs), f'the part "{part}" is not that of seed {seed}')
    expect(close(codes, solve_made_to_order(G).state.codes), "more parts were taken than were ordered")
    expect(not made.state.hidden and not made.state.placement, "all parts should be shown, each in its place")


@exercise(2, title="When one is gone", minutes=5, level=1, solution_text=(
    "0.2 / (0.2 + 0.5) = 0.286. What is left, 0.7, is made to sum to 1 again, and everybody keeps their proportion:\n"
    "hair 2/7, background 5/7. So behind a face that is lifted off appears whatever came next; nothing is torn "
    "open.\n(A small number, 1e-8, is added below the line. Where the parts that are on had less than that, nobody "
    "comes\nforward: `face.show_only(\"hair\")` is empty far away from the hair.)"))
def weight_without_the_face(answer):
    """Say which weight the hair has when the face is switched off."""
    expect_number(answer)
    weight = float(answer)
    expect(0 <= weight <= 1, "a weight lies between 0 and 1")
    expect(not close(weight, 0.3), "that is near; two decimals are asked for")
    expect(not close(weight, 0.2), "if the hair keeps its 0.2 and the background its 0.5, the weights sum to 0.7 "
                                   "only")
    expect(not close(weight, 0.5), "you give the hair everything that the face had; the background wants its share, "
                                   "too")
    expect(not close(weight, 0.35), "you divide the face's weight in equal halves; but the background had more than "
                                    "the hair, and keeps that proportion")
    expect(not close(weight, 5 / 7, atol=0.006), "that is the weight of the background")
    expect(not close(weight, 0.4), "you divide by what the background has; divide by what both have together")
    expect(abs(weight - 2 / 7) < 0.006, "hair and background keep their proportion, 2 to 5, and sum to 1")


def solve_unmoved_parts(before, after, names):
    """The names of all parts whose pseudo-depths are the same, bit for bit, in both outputs."""
    return [name for p, name in enumerate(names) if torch.equal(before.depths[:, p], after.depths[:, p])]


@exercise(3, title="Who stayed in place", solution="ssgan_lite.course.start.checks:solve_unmoved_parts",
          minutes=10, level=2)
def unmoved_parts(answer):
    """Return the names of the parts whose pseudo-depths are exactly equal before and after an edit."""
    names = ["background", "face", "hair", "hat", "neck"]
    before = _made_up_output(n_samples=2)

    def ask(**changes):
        return answer(before, replace(before, **changes), names)

    # One part moved: the plain case, and the mix-ups.
    moved = before.depths.clone()
    moved[:, 2] += 1.0
    out = ask(depths=moved)
    expect(isinstance(out, (list, tuple)), "a list of names is wanted, in the order of `names`; "
                                           f"you return {describe(out)}")
    out = list(out)
    expect(not out or isinstance(out[0], (str, int)), "the list should hold one name for each unmoved part; the "
                                                      f"first thing in yours is {describe(out[0] if out else out)}")
    expect(all(isinstance(item, str) for item in out), "you return numbers; turn each into the name of its part: "
                                                       "`names[p]`")
    expect(out != ["hair"], "these are the parts that moved; the others are asked for")
    expect(out != [], "you say that every part has moved, but in this test the hair alone did; one part of `.depths` "
                      "is `.depths[:, p]`")
    expect("hair" not in out, "in this test the depths of the hair were changed and nothing else was, and you call "
                              "it unmoved: look at `.depths`")
    expect(out != ["background", "face"], "you stop at the first part that moved; go on behind it")
    expect(out == ["background", "face", "hat", "neck"], "in this test the hair alone was moved, and you leave out "
                                                         "others, or change their order")
    # Same sum, other places; a change in the last digits; a change in the second face only; nothing but the mask.
    mirrored = before.depths.clone()
    mirrored[:, 3] = mirrored[:, 3].flip(-1)
    expect("hat" not in ask(depths=mirrored), "a part whose depths were mirrored passes for unmoved: sums and means "
                                              "are not enough, compare every value")
    pixel = before.depths.clone()
    pixel[:, 4, 0, 0] += 1.0
    expect("neck" not in ask(depths=pixel), "in this test one pixel of a part was moved, and you call it unmoved: "
                                            "all values have to be equal, not any of them")
    tiny = before.depths.clone()
    tiny[0, 4, 0, 0] += 1e-6
    expect("neck" not in ask(depths=tiny), "a change of a millionth counts as none; \"identical\" means "
                                           "`torch.equal` and not nearly equal")
    second = before.depths.clone()
    second[1, 1] += 1.0
    expect("face" not in ask(depths=second), "you look at the first face of the batch only; this edit moved the "
                                             "second")
    expect(list(ask(mask=before.mask.flip(1))) == names, "in this test only the mask was changed, and you say others "
                                                         "have moved: compare `.depths` and nothing else")


@exercise(4, title="What the base codes do", minutes=5, level=3, solution_text=(
    "c. Run `face.randomize(\"base\")` and give the outputs to `unmoved_parts`: only the background, which has no\n"
    "base codes, stays where it was; every other part moves. So one throw of the dice turns or shifts the head as a\n"
    "whole, and the eyes stay inside the face. Had each part a pose of its own, the generator would have to learn\n"
    "from the discriminator alone that a head which turns takes its nose along. The picture of the background "
    "changes too,\nbut only where the head covers or uncovers it (and a little beside: the render net looks at "
    "neighbors)."))
def what_base_codes_do(answer):
    """Choose the statement on the base codes that is true: "a", "b", "c" or "d"."""
    expect_choice(answer, "c", {
        "a": "look at `.depths` after `face.randomize(\"base\")`: colors alone would leave them as they were",
        "b": "the background is a part, too: does `unmoved_parts` name it after `face.randomize(\"base\")`?",
        "d": "the drawing order is not fixed, it follows from the depths; and how many parts' depths have moved?"})


def solve_dead_parts(mask, names):
    """The names of the parts that win no pixel of any face."""
    winners = mask.argmax(dim=1)
    return [name for p, name in enumerate(names) if not (winners == p).any()]


@exercise(5, title="A dead part", solution="ssgan_lite.course.start.checks:solve_dead_parts", minutes=8, level=2)
def dead_parts(answer):
    """Return the names of the parts that win no pixel of any of the faces, in order."""
    names = ["background", "face", "hair", "hat", "neck"]
    mask = 0.1 * torch.rand(6, 5, 8, 8)
    mask[:, 0] += 1.0
    mask[:, 1, 2:6, 2:6] += 3.0
    mask[1, 2, 0, 0] += 4.0                             # hair: one pixel of the second face
    mask[:, 4, 2:6, 2:6] += 2.5                         # neck: high scores, but the face is always above it
    out = answer(mask, names)
    expect(isinstance(out, (list, tuple)), f"a list of names is wanted; you return {describe(out)}")
    out = list(out)
    expect(all(isinstance(item, str) for item in out), "you return numbers; `names[p]` is the name of part p")
    others = mask.argmax(dim=0).unique().tolist()
    expect(out != [name for p, name in enumerate(names) if p not in others],
           "you find no dead part; in this test hat and neck win no pixel. Does your `argmax` go over the parts, "
           "dim=1?")
    expect(out != ["background", "face", "hair"], "these are the parts that are seen; the others are asked for")
    expect("hair" not in out, "in this test the hair has a single pixel on one of the faces, and you call it dead: "
                              "look at every face and every pixel")
    expect("neck" in out, "in this test the neck has high scores, but in every pixel some other part has a higher "
                          "one: take the `argmax` over the parts")
    expect("hat" in out, "in this test the hat never wins a pixel, and you leave it out")
    expect(out == ["hat", "neck"], f"in this test the hat and the neck win no pixel; you found {out}")
    everything = torch.eye(5)[:, :, None, None].expand(5, 5, 2, 2)
    expect(list(answer(everything, names)) == [], "in this test every part is seen on one face, and you call some "
                                                  "of them dead")


@exercise(6, title="Build it yourself: a child of two parents", minutes=40, level=3, solution_text=(
    "def child(G, mother, father, seed):\n"
    "    made = Session(G, seed=mother, psi=0.7)                 # pose and layout of the mother\n"
    "    dice = torch.Generator().manual_seed(seed)\n"
    "    for part in G.config.parts:\n"
    "        if torch.rand((), generator=dice) < 0.5:\n"
    "            made.copy_from(Session(G, seed=father, psi=0.7), part)\n"
    "    return made"))
def child(answer):
    """A session in which every part comes from one of two parents, as the dice of a seed say."""
    G = _untrained()
    layout, parents = G.layout, [Session(G, seed).state.codes for seed in (3, 4)]
    taken = []
    for seed in (0, 1, 2, 0):
        made = answer(G, 3, 4, seed)
        expect(isinstance(made, Session), f"return a `Session`; you return {describe(made)}")
        expect(made.generator is G, "make the sessions with the generator that the function is given")
        codes, drawn = made.state.codes, []
        for part in G.config.parts:
            owners = [all(close(codes[:, layout[part, kind]], codes_[:, layout[part, kind]])
                          for kind in ("shape", "texture")) for codes_ in parents]
            mixed = all(any(close(codes[:, layout[part, kind]], codes_[:, layout[part, kind]]) for codes_ in parents)
                        for kind in ("shape", "texture"))
            expect(any(owners) or not mixed, f'the part "{part}" has its shape from one parent and its texture from '
                                             "the other; here a part is inherited whole")
            expect(any(owners), f'the part "{part}" is that of neither parent')
            drawn.append(owners.index(True))
        base = [close(codes[:, layout["base"]], codes_[:, layout["base"]]) for codes_ in parents]
        expect(any(base), "the base codes are those of neither parent, or one is of each")
        taken.append(drawn)
    expect(all(0 < sum(drawn) < len(drawn) for drawn in taken), "this child has everything from one parent; throw "
                                                                "the dice for every part")
    expect(taken[0] == taken[3], "the same seed gives another child the second time: make the dice with "
                                 "`torch.Generator().manual_seed(seed)`")
    expect(not taken[0] == taken[1] == taken[2], "three seeds give the same child: use `seed`")


@lru_cache(maxsize=1)
def _untrained() -> SemanticGenerator:
    """A small generator: what an edit does to the codes has nothing to do with training."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return SemanticGenerator(preset("nano32")).eval()


def _made_up_output(n_samples: int) -> GeneratorOutput:
    """The output of no generator: five parts of random depths."""
    depths = (8 * torch.randn(n_samples, 5, 4, 4)).round() / 8         # sums of these are exact, in whatever order
    mask = torch.randn(n_samples, 5, 8, 8)
    image, codes = torch.randn(n_samples, 3, 8, 8), torch.randn(n_samples, 5, 3)
    return GeneratorOutput(image, mask, depths.softmax(1) * 2 - 1, depths, codes)
