"""How strands of hair grow: step by step, bent by gravity, kept out of head, body, face and hat.

The prototype left stray strands on throat and face. Here a keep-out zone (face, throat, and the
ears where earrings are worn) bends guides aside while they grow; what enters it all the same is
dropped, first as a guide, then, after locks and curls have been laid, as a single strand.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from .geometry import normalise
from .head import Head
from .regions import hairline_height


@dataclass
class Cut:
    """What a hair style asks of its strands. Lengths are metres, the rest is relative."""

    length: np.ndarray             # [N]
    direction: np.ndarray          # [N, 3] at the root
    steps: int = 14
    lift: tuple = (.002, .01)      # distance from the skin that strands keep, least and most
    gravity: float = .1
    clump: float = .5              # how closely strands of a lock gather towards its tip
    wander: float = .1             # randomness of direction
    hug: float = 0.0               # pull towards the skin
    ripple: float = 0.0            # radius of waves or curls
    ripple_length: float = .05
    hangs: bool = False            # long hair: bends around face and shoulders
    fringe: np.ndarray | bool = field(default=False)
    guard: float = .066            # half width of the face that hanging hair leaves free
    goal: np.ndarray | None = None  # neutral point that tied hair runs to


class Surface:
    """Points and normals to keep hair off; signed heights by the nearest point's normal."""

    def __init__(self, points, normals):
        self.points, self.normals, self.tree = points, normals, cKDTree(points)

    def height(self, points):
        distance, nearest = self.tree.query(points)
        normals = self.normals[nearest]
        return ((points - self.points[nearest]) * normals).sum(-1), normals, distance


def head_surface(head: Head, every: int = 4) -> Surface:
    chosen = np.flatnonzero(head.regions.neutral[:, 2] > .53)[::every]
    return Surface(head.skin[chosen], head.normals[chosen])


def in_keep_out(neutral, fringe=False, tuck_ears=False, margin=0.0):
    """Whether neutral points [..., 3] lie before the face, the throat or (tucked) the ears."""
    flat = neutral.reshape(-1, 3)
    x, y, z = np.abs(flat[:, 0]), flat[:, 1], flat[:, 2]
    lower_edge = np.where(np.broadcast_to(np.asarray(fringe), neutral.shape[:-1]).reshape(-1), .684,
                          hairline_height(flat) - .006) if np.any(fringe) \
        else hairline_height(flat) - .006
    face = (y < -.115) & (x < .056 + margin) & (z < np.minimum(lower_edge, .728)) & (z > .55)
    throat = (y < -.045) & (x < .052 + margin) & (z <= .565)
    bad = face | throat
    if tuck_ears:
        bad |= (x > .058) & (y < -.055) & (y > -.175) & (z < .668) & (z > .53)
    return bad.reshape(neutral.shape[:-1])


def grow(cut: Cut, roots, normals, neutral_roots, head: Head, body, rng, tuck_ears=False, hat=None):
    """Guide strands [N, K, 3], and which of them stay out of the keep-out zone."""
    n, steps = len(roots), cut.steps
    skin = head_surface(head)
    cloth = Surface(*body) if body is not None and cut.hangs else None
    lift = rng.uniform(*cut.lift, n) * (.6 + .4 * np.clip((neutral_roots[:, 2] - .70) / .06, 0, 1))
    step_length = (cut.length / (steps - 1))[:, None]
    direction = normalise(cut.direction + cut.wander * rng.normal(size=(n, 3)))
    goal = head.from_neutral(cut.goal) if cut.goal is not None else None
    side_of_root = np.where(neutral_roots[:, 0] >= 0, 1.0, -1.0)
    fringe = np.broadcast_to(np.asarray(cut.fringe), (n,))
    point, path = roots.copy(), [roots - .002 * normals, roots.copy()]
    for k in range(1, steps):
        if goal is not None:
            direction = normalise(.5 * direction + .7 * normalise(goal - point))
        else:
            pull = np.array([0, 0, -1.0]) * cut.gravity * (.4 + k / (steps - 1))
            direction = normalise(direction + pull + .25 * cut.wander * rng.normal(size=(n, 3)))
        point = point + direction * step_length
        point, direction = _keep_above(point, direction, skin, lift * min(1, k / 3), cut.hug)
        if cloth is not None and k % 2 == 0:
            point, direction = _keep_above(point, direction, cloth, np.full(n, .006), 0.0, reach=.05)
        if cut.hangs:
            point, direction = _bend_around_face(point, direction, head, cut.guard, side_of_root, fringe, tuck_ears)
        path.append(point.copy())
    guides = np.stack(path, 1)
    if hat is not None:
        guides = hat.hold_down(guides)
    inside = in_keep_out(head.to_neutral(guides[:, 3:]), fringe[:, None], tuck_ears)
    keep = ~inside.any(1) if cut.hangs else np.ones(n, bool)
    return guides, keep


def _keep_above(point, direction, surface: Surface, lift, hug, reach=np.inf):
    """Push points out to `lift` above a surface, and pull far ones in by `hug`."""
    height, normal, distance = surface.height(point)
    low = (height < lift) & (distance < reach)
    point = point + np.where(low, lift - height, 0)[:, None] * normal
    into = (direction * normal).sum(1)
    direction = np.where((low & (into < 0))[:, None], normalise(direction - into[:, None] * normal), direction)
    if hug > 0:
        far = (height > lift) & (distance < .08)
        point = point - np.where(far, (height - lift) * hug, 0)[:, None] * normal
        outward = np.clip((direction * normal).sum(1, keepdims=True), 0, 1)
        direction = np.where(far[:, None], normalise(direction - .8 * outward * normal), direction)
    return point, direction


def _bend_around_face(point, direction, head, guard, side_of_root, fringe, tuck_ears):
    """Move hanging hair sideways off the face and throat (and back behind tucked ears)."""
    neutral = head.to_neutral(point)
    x = np.abs(neutral[:, 0])
    low = neutral[:, 2] < .575
    before = np.where(low, neutral[:, 1] < -.05, (neutral[:, 1] < -.115) &
                      (neutral[:, 2] < hairline_height(neutral) - .004)) & (x < guard) & ~fringe
    side = np.where(x > .012, np.sign(neutral[:, 0]), side_of_root)
    point = point.copy()
    point[:, 0] += np.where(before, side * .8 * np.clip(guard - x, 0, .012), 0)
    point[:, 1] += np.where(before, .004, 0)
    direction = direction.copy()
    direction[:, 0] += np.where(before, .5 * side, 0)
    if tuck_ears:
        by_ear = (x > .05) & (neutral[:, 1] < -.06) & (neutral[:, 2] < .70) & ~fringe
        point[:, 1] += np.where(by_ear, np.clip(-.055 - neutral[:, 1], 0, .018), 0)
        direction[:, 1] += np.where(by_ear, .8, 0)
    return point, normalise(direction)


def fill_locks(cut: Cut, guides, guide_roots, keep, head: Head, density, count, rng):
    """Fine strands [M, K, 3] around the guides that stayed, and which belong to the fringe."""
    guides, guide_roots = guides[keep], guide_roots[keep]
    fringe = np.broadcast_to(np.asarray(cut.fringe), keep.shape)[keep]
    length = cut.length[keep]
    roots, _, _ = head.scatter(density, count, rng)
    distance, owner = cKDTree(guide_roots).query(roots)
    near = distance < .02
    roots, owner = roots[near], owner[near]
    points = guides.shape[1]
    t = np.linspace(0, 1, points)[None, :, None]
    spread = 1 - cut.clump * np.clip(1.3 * t, 0, 1) ** 1.2
    loose = np.where(rng.random(len(roots)) < .88, 1.0, 1.8)[:, None, None]
    offset = (roots - guide_roots[owner])[:, None] * spread * loose
    strands = guides[owner] + offset + .0006 * rng.normal(size=(len(roots), 1, 3)) * t
    strands = _trim(strands, rng.uniform(.82, 1.0, len(roots)))
    if cut.ripple > 0:
        strands = _ripple(cut, strands, length[owner], owner, rng)
    return strands, fringe[owner]


def _trim(strands, share):
    """Shorten strands to `share` of their length by sampling along them anew."""
    points = strands.shape[1]
    place = np.linspace(0, 1, points)[None] * share[:, None] * (points - 1)
    low = np.clip(place.astype(int), 0, points - 2)
    weight = (place - low)[..., None]
    rows = np.arange(len(strands))[:, None]
    return strands[rows, low] * (1 - weight) + strands[rows, low + 1] * weight


def _ripple(cut: Cut, strands, length, owner, rng):
    """Waves and curls: a helix around each strand, in step within a lock."""
    phase = rng.uniform(0, 2 * np.pi, owner.max() + 1)[owner] + .35 * rng.normal(size=len(owner))
    along = np.linspace(0, 1, strands.shape[1])[None] * length[:, None]
    tangent = normalise(np.gradient(strands, axis=1))
    u = normalise(np.cross(tangent, np.array([.13, .97, .2])))
    v = np.cross(tangent, u)
    radius = cut.ripple * np.clip(along / .05, .15, 1) * (.8 + .4 * rng.random(len(owner)))[:, None]
    angle = 2 * np.pi * along / cut.ripple_length + phase[:, None]
    return strands + (radius * np.cos(angle))[..., None] * u + (radius * np.sin(angle))[..., None] * v


def settle(strands, fringe, cut: Cut, head: Head, tuck_ears=False, hat=None):
    """Final positions: out of the skin, under the hat, and nothing left in the keep-out zone."""
    tail = strands[:, 2:].reshape(-1, 3)
    height, normal, distance = head_surface(head).height(tail)
    low = (height < .0012) & (distance < .03)
    strands[:, 2:] = (tail + np.where(low, .0012 - height, 0)[:, None] * normal).reshape(strands[:, 2:].shape)
    if hat is not None:
        strands = hat.hold_down(strands)
    neutral = head.to_neutral(strands[:, 3:])
    bad = in_keep_out(neutral, fringe[:, None], tuck_ears, margin=-.004).any(1)
    if not cut.hangs:
        # Short hair may fall over the forehead a little; it must not hang before eyes or throat.
        x, y, z = np.abs(neutral[..., 0]), neutral[..., 1], neutral[..., 2]
        bad = ((y < -.12) & (x < .055) & (z < .692)).any(1)
    return strands[~bad]
