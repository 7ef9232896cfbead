"""Exercises on editing: addresses of codes, undo, splines through faces, and made-to-order faces."""

from __future__ import annotations

import numpy as np
import torch

from ssgan_lite.config import preset
from ssgan_lite.course.exercises import (
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_shape,
)
from ssgan_lite.edit import Session, compare
from ssgan_lite.edit.interpolate import catmull_rom
from ssgan_lite.model import SemanticGenerator

MANY = 12               # variants of 12.5: enough for the orders by different measures to differ


@exercise(1, title="An address in W+", minutes=3, level=1, solution_text=(
    "2 base codes come first, at 0 and 1. Part 9 begins at 2 + 2 * 9 = 20 with its shape code; its texture code "
    "follows at 21."))
def predict_address(answer):
    """The index in W+ of the texture code of part number 9, with 2 base codes."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 20), "that is the part's shape code; the texture code comes right after it")
    expect(not close(value, 19), "you left the base codes out: they come before the parts")
    expect(not close(value, 12), "every part has two codes, so part 9 does not begin at 2 + 9")
    expect(not close(value, 23), "parts are counted from 0: nine parts, not ten, stand before part number 9")
    expect(not close(value, 22), "one too far: indices are counted from 0, so the first base code is at 0, not at 1")
    expect(not close(value, 18), "that is where the shape code would be without the base codes; they come before the "
           "parts, and the texture code comes after the shape code")
    expect(close(value, 21), "count the base codes, then two codes for each of the parts 0 to 8, then shape, then "
           "texture")


@exercise(3, title="A curve without kinks", minutes=12, level=2,
          solution="ssgan_lite.edit.interpolate:catmull_rom")
def curve_without_kinks(answer):
    """Write the cubic that passes through the second and third of four corners and joins its neighbors smoothly."""
    draw = torch.Generator().manual_seed(12)
    corners = [torch.randn(1, 5, 3, generator=draw) for _ in range(4)]
    p, a, b, n = corners
    curve = lambda corners, t: _as_tensor(answer(corners, t))      # noqa: E731
    start, end, middle = curve(corners, 0.0), curve(corners, 1.0), curve(corners, 0.25)
    expect_shape(start, [1, 5, 3])
    expect(not close(start, p), "at t = 0 you are at corner 0; the curve leads from corner 1 to corner 2, the outer "
           "two only say where it comes from and goes to")
    expect(not close(start, 2 * a), "at t = 0 you are at twice corner 1: a factor of one half is missing")
    expect_close(start, a, "at t = 0 the curve must be at corner 1", atol=1e-5)
    expect_close(end, b, "at t = 1 the curve must be at corner 2", atol=1e-5)
    expect(not close(middle, torch.lerp(a, b, 0.25)), "that is a straight line from corner 1 to corner 2: it passes "
           "through the corners, but with a kink at each")
    step = 1e-3
    slope = (curve([x.double() for x in corners], step) - curve([x.double() for x in corners], 0.0)) / step
    expect(not close(slope.float(), b - p, atol=0.05, rtol=0.02), "at the start it is twice too fast: the slope at "
           "corner 1 is half of corner 2 minus corner 0, for between them lie two steps")
    expect(not close(slope.float(), torch.zeros_like(a), atol=0.05), "your curve stops at every corner (its slope "
           "there is 0); it should run on, parallel to the line between the neighbors")
    expect_close(slope.float(), (b - p) / 2, "the slope at corner 1 should be half of corner 2 minus corner 0",
                 atol=0.05, rtol=0.02)
    end_slope = (curve([x.double() for x in corners], 1.0) - curve([x.double() for x in corners], 1 - step)) / step
    expect_close(end_slope.float(), (n - a) / 2, "the slope at corner 2 should be half of corner 3 minus corner 1",
                 atol=0.05, rtol=0.02)
    expect_close(middle, catmull_rom(corners, 0.25), "both ends and both slopes are right, but not the way "
                 "between them: four conditions (two places, two slopes) make it a cubic in t", atol=1e-5)


@exercise(4, title="A face made to order", minutes=10, level=2, solution_text=(
    "face.lock('eyes'); face.randomize('all', seed=8); face.unlock(); face.set_axis('hair', 'shape', 0, -2.0); "
    "face.hide('hat'); face.set_backdrop('white'); all of it in a block `with face.stroke():`, which makes one "
    "step of it."))
def order_a_face(answer):
    """Carry an order out on a session: whose face, whose eyes, which hair, no hat, white behind, all as one step."""
    G = _small_model()
    face, wanted = Session(G, seed=5, psi=0.8), Session(G, seed=5, psi=0.8)
    start = face.state
    made = answer(face)
    expect(isinstance(made, Session), "give the session back: `return face`")
    expect(made is face, "work on the session that the function is given, not on a new one")
    layout, now = G.layout, face.state
    other = wanted.codes_of(8)
    eyes, hair = layout["eyes"], layout["hair", "shape"]
    expect(now is not start, "nothing has been done to the face yet")
    expect(not close(now.codes[:, eyes], other[:, eyes]), "the eyes should have stayed those of seed 5; lock them "
           "before you change everything else")
    expect_close(now.codes[:, eyes], start.codes[:, eyes], "the eyes should be those of the face as it was given")
    for part in G.config.parts:
        for kind in ("shape", "texture"):
            address = layout[part, kind]
            if part != "eyes" and (part, kind) != ("hair", "shape"):
                expect_close(now.codes[:, address], other[:, address], "everything else should come from seed 8, and "
                             f"the {kind} of the part \"{part}\" does not: `face.randomize(\"all\", seed=8)` takes "
                             "all codes of that seed")
    there = float(face.axes("hair", "shape").read(now.codes[:, hair])[0, 0])
    expect(not close(there, float(face.axes("hair", "shape").read(other[:, hair])[0, 0])), "the hair's first shape "
           "coordinate is still the one that seed 8 gave it; `set_axis` sets it (axes are counted from 0), and what "
           "you do before the codes of seed 8 are there is lost")
    expect(close(there, -2.0, atol=1e-2), f"the hair's first shape coordinate is {there:.2f}, not -2; `nudge` adds "
           "to it, `set_axis` sets it, and what you do afterwards may change it again")
    expect(G.config.part_id("hat") in now.hidden, "the hat has not been taken off: `hide` switches a part off")
    expect(now.hidden == {G.config.part_id("hat")}, "more is switched off than the hat")
    expect(now.backdrop is not None, "the background is still the model's own; see `set_backdrop`")
    expect(bool((now.backdrop.pixels == 1).all()), "there is something behind the face, but it is not white")
    expect(not face.locked, "one part is still locked; `face.unlock()` takes all locks off")
    face.undo()
    expect(face.state is start, "one undo should take the whole order back: put it into `with face.stroke():`")


@exercise(2, title="Undo, counted", minutes=3, level=1, solution_text=(
    "After A, B and C two undos leave A alone. D then takes the place of what could have been redone, so behind us "
    "lie A and D: two undos lead to the beginning. Nothing is left to redo."))
def predict_undos(undos, redos):
    """How many undos and redos are possible after A, B, C, undo, undo, D."""
    expect_number(undos, "your first number")
    expect_number(redos, "your second number")
    first, second = float(undos), float(redos)
    expect(not close(first, 4), "the first number: two of these edits were taken back before D")
    expect(not close(first, 1), "the first number: only B and C were taken back; A still stands")
    expect(close(first, 2), "the first number: go through the list and write down what lies behind you after each "
                            "step")
    expect(not close(second, 2), "the second number: B and C could be redone only until the new edit, D")
    expect(close(second, 0), "the second number: after a new edit, what was taken back is gone")


def solve_catalog(face, part, n):
    """Variants of one part, sorted by how much each changes the picture."""
    before, number = face.render(), face.generator.config.part_id(part)
    found = []
    for seed in range(100, 100 + n):
        made = Session(face.generator, face.seed)
        made.state = face.state
        made.randomize(part, seed=seed)
        found.append((float(compare(before, made.render(), number).map.mean()), made))
    return [made for _, made in sorted(found, key=lambda pair: pair[0])]


@exercise(5, title="Build it yourself: a catalog in order", minutes=40, level=3,
          solution="ssgan_lite.course.editing.checks:solve_catalog")
def catalog(answer):
    """Several variants of one part of a face, sorted by how much they change the picture."""
    G = _small_model()
    face = Session(G, seed=5, psi=0.8)
    start, before, addresses = face.state, face.render(), G.layout["hair"]
    others = [k for k in range(start.codes.shape[1]) if k not in range(start.codes.shape[1])[addresses]]
    made = answer(face, "hair", MANY)
    expect(isinstance(made, (list, tuple)) and len(made) == MANY, f"return a list of {MANY} sessions; you return "
                                                                  f"{describe(made)}")
    expect(all(isinstance(item, Session) for item in made), f"the list should hold sessions; it holds "
                                                            f"{describe(made[0])}")
    expect(all(len(item.state.codes) == 1 for item in made), "each session should hold one face; `pick` takes one "
                                                             "out of a batch")
    expect(face.state is start, "the face that was given has been changed; work on sessions of your own, or undo")
    codes = [item.state.codes for item in made]
    for item in codes:
        expect(close(item[:, others], start.codes[:, others]), "codes of other parts differ from those of the face: "
                                                               "only the hair is to be varied")
        expect(not close(item[:, addresses], start.codes[:, addresses]), "one of the variants is the face itself")
    expect(not any(close(a, b) for i, a in enumerate(codes) for b in codes[:i]), "two of the variants are the same")
    sizes = [float(compare(before, item.render(), G.config.part_id("hair")).map.mean()) for item in made]
    expect(sizes != sorted(sizes, reverse=True), "the largest change comes first; the smallest is asked for first")
    expect(sizes == sorted(sizes), "they are not sorted by the mean change of the picture, `compare(...).map.mean()`")
    again = answer(Session(G, seed=5, psi=0.8), "hair", MANY)
    expect(all(close(a, b.state.codes) for a, b in zip(codes, again, strict=True)), "the second call gives another "
           "catalog: choose the seeds yourself, `randomize(part, seed=...)`")
    expect(len(answer(face, "mouth", 2)) == 2, "for the mouth and n = 2 the list is not 2 long; did you write a "
                                               "number down as it is?")


def _as_tensor(out):
    return torch.from_numpy(out) if isinstance(out, np.ndarray) else out


def _small_model() -> SemanticGenerator:
    state = torch.get_rng_state()
    torch.manual_seed(12)
    G = SemanticGenerator(preset("nano32")).eval()
    G.update_mean_w(500)
    torch.set_rng_state(state)
    return G
