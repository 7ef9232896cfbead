"""Right and wrong answers to the exercises on editing, and what the notebook builds."""

from __future__ import annotations

import numpy as np
import torch

from ssgan_lite.edit import Session, compare


def curve_stub(corners, t):
    ...  # your lines here


def by_hermite(corners, t):
    p, a, b, n = corners
    start, end = (b - p) / 2, (n - a) / 2
    return ((2 * t**3 - 3 * t**2 + 1) * a + (t**3 - 2 * t**2 + t) * start + (3 * t**2 - 2 * t**3) * b
            + (t**3 - t**2) * end)


def hermite_with(scale):
    def curve(corners, t):
        p, a, b, n = corners
        start, end = scale * (b - p), scale * (n - a)
        return ((2 * t**3 - 3 * t**2 + 1) * a + (t**3 - 2 * t**2 + t) * start + (3 * t**2 - 2 * t**3) * b
                + (t**3 - t**2) * end)
    return curve


def stopping(corners, t):
    p, a, b, n = corners
    return torch.lerp(a, b, 3 * t**2 - 2 * t**3)


def straight(corners, t):
    return torch.lerp(corners[1], corners[2], t)


def from_the_first(corners, t):
    return torch.lerp(corners[0], corners[3], t)


def wrong_end(corners, t):
    p, a, b, n = corners
    return a + t * (n - a)


def with_numpy(corners, t):
    p, a, b, n = (np.asarray(x) for x in corners)
    return 0.5 * (2 * a + (b - p) * t + (2 * p - 5 * a + 4 * b - n) * t**2 + (3 * a - p - 3 * b + n) * t**3)


def with_a_matrix(corners, t):
    rows = torch.tensor([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    powers = torch.tensor([1, t, t**2, t**3])
    return torch.einsum("k,kj,j...->...", powers.to(corners[0]), rows.to(corners[0]), torch.stack(corners))


def right_slope_only_at_the_start(corners, t):
    p, a, b, n = corners
    return a + t * (b - p) / 2 + t**2 * (b - a - (b - p) / 2)


def of_higher_order(corners, t):
    return by_hermite(corners, t) + t**2 * (1 - t) ** 2 * (corners[2] - corners[1])


def order_stub(face):
    with face.stroke():
        ...  # your lines here
    return ...


def order(face, lock=True, seed=8, hair=True, hat=True, backdrop="white", stroke=True, unlock=True, extra=()):
    face.history.begin_stroke() if stroke else None
    if lock:
        face.lock("eyes")
    if seed:
        face.randomize("all", seed=seed)
    if unlock:
        face.unlock()
    if hair == "nudge":
        face.nudge("hair", "shape", 0, -2.0)
    elif hair:
        face.set_axis("hair", "shape", 0, -2.0)
    if hat:
        face.hide("hat", *extra)
    if backdrop:
        face.set_backdrop(backdrop)
    face.history.end_stroke()
    return face


def order_too_little(face):
    with face.stroke():
        face.randomize(["background", "face", "hair"], seed=8).set_axis("hair", "shape", 0, -2)
        face.hide("hat").set_backdrop("white")
    return face


def order_with_set(face):
    eyes = face.state.codes[:, face.generator.layout["eyes"]].clone()
    with face.stroke():
        face.randomize("all", seed=8).set("eyes", "shape", eyes[:, 0]).set("eyes", "texture", eyes[:, 1])
        face.set_axis("hair", "shape", 0, -2).hide("hat").set_backdrop("white")
    return face


def order_step_by_step(face):
    with face.stroke():
        eyes = Session(face.generator, 5)
        face.randomize("all", seed=8).copy_from(eyes, "eyes").set_axis("hair", "shape", 0, -2)
        face.hide("hat").set_backdrop("#ffffff")
    return face


def catalog(face, part, n, first=100, descending=False, taken=None, same=False, touch=False,
            lucky=False, whole=False, length=None, inside=False):
    """The solution, with a switch for every mistake."""
    before, number, found = face.render(), face.generator.config.part_id(part), []
    for k in range(length or n):
        made = Session(face.generator, face.seed)
        made.state = face.state
        seed = None if lucky else first if same else first + k
        made.randomize("all" if whole else part, seed=int(torch.randint(10_000, ())) if lucky else seed)
        change = compare(before, made.render(), number)
        found.append((float(change.inside if inside else change.map.mean()), made))
    if touch:
        face.randomize(part, seed=3)
    found = sorted(found, key=lambda pair: pair[0], reverse=descending)
    return [made for _, made in found]


def changed(**how):
    return lambda face, part, n: catalog(face, part, n, **how)


ANSWERS = {
    "predict_address": dict(right=[21, 21.0], stub=..., wrong=[
        (20, "shape code"), (19, "base codes out"), (12, "two codes"), (23, "counted from 0: nine"),
        (22, "first base code is at 0"), (18, "without the base codes"), (3, "count the base")]),
    "curve_without_kinks": dict(right=[by_hermite, with_numpy, with_a_matrix], stub=curve_stub, wrong=[
        (from_the_first, "you are at corner 0"),
        (lambda corners, t: 2 * by_hermite(corners, t), "one half is missing"), (wrong_end, "at t = "
            "1"), (straight, "straight line"),
        (hermite_with(1.0), "twice too fast"), (stopping, "stops at every corner"),
        (hermite_with(0.25), "should be half of corner 2"), (right_slope_only_at_the_start, "half of corner 3"),
        (of_higher_order, "not the way between")]),
    "order_a_face": dict(right=[order, order_step_by_step, order_with_set], stub=order_stub, wrong=[
        (lambda face: Session(face.generator, 8), "not on a new one"), (lambda face: 3, "return face"),
        (lambda face: face, "nothing has been done"), (lambda face: order(face, lock=False), "lock them before"),
        (lambda face: order(face, seed=0), "come from seed 8"),
        (order_too_little, "the part \"eyebrows\" does not"),
        (lambda face: order(face, hair=False), "still the one that seed 8"),
        (lambda face: order(face).randomize("cloth") and face, "\"cloth\" does not"),
        (lambda face: face.copy_from(3, "hair"), "a `Session`"),
        (lambda face: order(face, hair="nudge"), "not -2"), (lambda face: order(face, hat=False), "taken off"),
        (lambda face: order(face, extra=["nose"]), "more is switched off"),
        (lambda face: order(face, backdrop=None), "model's own"),
        (lambda face: order(face, backdrop="black"), "not white"),
        (lambda face: order(face, unlock=False).unlock().lock("nose"), "still locked"),
        (lambda face: order(face, stroke=False), "one undo")]),
    "predict_undos": dict(right=[(2, 0), (2.0, 0.0)], stub=(..., ...), wrong=[
        ((4, 0), "taken back before D"), ((1, 0), "A still stands"), ((3, 0), "write down what lies behind"),
        ((2, 2), "only until the new edit"), ((2, 1), "what was taken back is gone")]),
    "catalog": dict(stub=..., right=[catalog, changed(first=7)], wrong=[
        (lambda face, part, n: face.variants(n, part, seed=1), "a list of 12 sessions"),
        (lambda face, part, n: [made.render() for made in catalog(face, part, n)], "should hold sessions"),
        (lambda face, part, n: [face.variants(n, part, seed=1)] * n, "one face"),
        (changed(touch=True), "has been changed"), (changed(whole=True), "codes of other parts"),
        (lambda face, part, n: [Session(face.generator, 5, 0.8), *catalog(face, part, n - 1)], "the face itself"),
        (changed(same=True), "are the same"), (changed(descending=True), "the largest change comes first"),
        (changed(lucky=True), "choose the seeds yourself"),
        (changed(inside=True), "not sorted by the mean change of the picture"),
        (lambda face, part, n: catalog(face, part, 12), "not 2 long"),
    ]),
}

DEFINITIONS = [
    dict(name="soften", library="ssgan_lite.edit.backdrop:soften",
         inputs=lambda: ((torch.rand(2, 5, 6) > 0.5).float(),)),
]
