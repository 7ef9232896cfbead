"""Hair: colours, the stain at the roots, and the strands of twelve styles.

About 900 guide strands are grown step by step (`growth.py`); every guide then carries a lock of
finer strands. What each style looks like is a `Cut`: length, direction and behaviour.
"""

from dataclasses import dataclass

import numpy as np

from . import growth
from .attributes import Attributes
from .geometry import normalise, smoothstep
from .growth import Cut
from .head import Head
from .pieces import Material, Strands
from .randomness import smooth_noise, stream
from .regions import azimuth
from .vocabulary import HAIR

COLOURS = {
    "black": (.011, .009, .008), "dark_brown": (.030, .018, .012), "brown": (.075, .042, .024),
    "light_brown": (.15, .088, .048), "blond": (.37, .26, .135), "red": (.21, .070, .024), "grey": (.22, .215, .21),
    "white": (.50, .48, .455)
}
# Brows are darker than pale hair and keep some of its youth: grey heads have grey-brown brows.
BROW_COLOURS = {**COLOURS, "blond": (.17, .105, .055), "red": (.12, .045, .02), "light_brown": (.10, .058, .032),
                "grey": (.085, .078, .070), "white": (.21, .195, .18)}
LONG_STYLES = ("bob", "long", "long_fringe")
TIED_STYLES = ("bun", "ponytail")
CROWN = np.array([0.0, -.045, .765])    # where the hair of short cuts starts to part, neutral head


@dataclass
class HairColours:
    hair: np.ndarray     # [3] linear RGB
    brows: np.ndarray    # [3]
    shades: tuple        # brightness of the groups of locks


def hair_colours(attributes: Attributes, seed: int) -> HairColours:
    rng = stream(seed, "hair colour")
    tint = np.exp(rng.normal(0, .12)) * np.array([1, 1 + rng.normal(0, .02), 1 + rng.normal(0, .05)])
    name = attributes.hair_colour
    # Grey hair is a mixture of dark and white strands rather than grey ones.
    shades = (.45, .9, 1.2, 1.9) if name == "grey" else (.62, .9, 1.12, 1.45)
    return HairColours(np.array(COLOURS[name]) * tint, np.array(BROW_COLOURS[name]) * tint, shades)


def _hairline(attributes: Attributes, seed: int):
    """How far the hairline is raised, and how far it recedes at the temples, metres."""
    rng = stream(seed, "hairline")
    recede = max(0.0, rng.normal(.002, .006)) if attributes.hair_style in LONG_STYLES + TIED_STYLES else max(
        0.0, rng.normal(.004, .009))
    return rng.normal(0, .003), recede


def scalp_height(head: Head, attributes: Attributes, seed: int):
    """Height [S] above the (slightly ragged) hairline, metres."""
    rng = stream(seed, "scalp")
    return head.regions.above_hairline(
        *_hairline(attributes, seed)) + .0022 * smooth_noise(head.regions.neutral, rng, .016, 2)


def scalp_stain(head: Head, attributes: Attributes, colours: HairColours, seed: int):
    """The colour of hair roots on the scalp, as a layer for `skin_mesh`."""
    height = scalp_height(head, attributes, seed)
    if attributes.hair_style == "bald":
        weight = smoothstep(height, 0, .012) * stream(seed, "bald").uniform(0, .22)
        return weight, colours.hair, None, None
    strength = .78 if attributes.hair_style == "buzz" else .93
    return smoothstep(height, -.004, .006) * strength, colours.hair * .8 + .002, height > .001, HAIR


def _tangent(direction, normals):
    return normalise(direction - (direction * normals).sum(1, keepdims=True) * normals)


def make_cut(attributes: Attributes, normals, neutral_roots, part, rng) -> Cut:
    """Length, direction and behaviour of each guide for the style. Lengths are metres."""
    style, kind = attributes.hair_style, attributes.hair_kind
    n = len(neutral_roots)
    x, y, z = neutral_roots.T
    front = np.clip(1 - azimuth(neutral_roots) / np.radians(80), 0, 1)
    top = np.clip((z - .70) / .06, 0, 1)
    forward, backward, down = np.array([0, -1.0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, -1.0])
    from_crown = _tangent(neutral_roots - CROWN, normals)
    sideways = np.stack([np.sign(x - part + 1e-6), np.zeros(n), np.zeros(n)], 1)
    scatter = rng.normal(size=(n, 3))
    ripple, ripple_length = {"straight": (0.0, .05), "wavy": (rng.uniform(.0035, .0065), rng.uniform(.05, .08)),
                             "curly": (rng.uniform(.005, .008), rng.uniform(.022, .034))}[kind]
    short_ripple = dict(ripple=.35 * ripple, ripple_length=.6 * ripple_length)

    if style == "buzz":
        return Cut(np.full(n, rng.uniform(.004, .008)),
                   normals + .4 * from_crown,
                   steps=4,
                   lift=(.0003, .004),
                   clump=0.1,
                   wander=.2)
    if style == "short":
        return Cut(rng.uniform(.02, .032) * (.45 + .75 * top),
                   .9 * from_crown + .65 * normals + .3 * forward * front[:, None],
                   steps=7,
                   lift=(.001, .014),
                   gravity=.05,
                   clump=.4,
                   wander=.25,
                   hug=.1,
                   **short_ripple)
    if style == "side_part":
        return Cut(
            (.022 + .045 * top) * rng.uniform(.9, 1.2),
            _tangent(sideways + .35 * backward + .1 * down, normals) + normals * (.35 + .5 * front * top)[:, None],
            steps=9,
            lift=(.002, .022),
            gravity=.08,
            clump=.5,
            wander=.15,
            hug=.3,
            **short_ripple)
    if style == "messy":
        return Cut((.026 + .05 * top) * rng.uniform(.9, 1.3),
                   _tangent(from_crown + .4 * forward * front[:, None], normals) + .8 * normals + .4 * scatter,
                   steps=9,
                   lift=(.002, .03),
                   gravity=.10,
                   clump=.7,
                   wander=.3,
                   hug=.12,
                   **short_ripple)
    if style == "slick":
        return Cut(np.full(n, .10), _tangent(backward + .15 * sideways + .2 * down, normals) + .15 * normals,
                   steps=12, lift=(.001, .009), gravity=.04, clump=.55, wander=.08, hug=.8)
    if style == "rounded":
        curl = {"straight": .002, "wavy": .003, "curly": .004}[kind]
        return Cut(rng.uniform(.03, .065) * (.55 + .45 * np.clip((z - .62) / .1, 0, 1)),
                   normals + .25 * scatter,
                   steps=12,
                   lift=(.001, .002),
                   gravity=0.0,
                   clump=.2,
                   wander=.3,
                   ripple=curl,
                   ripple_length=.011)
    if style in TIED_STYLES:
        knot = np.array([0, -.015, .79]) if style == "bun" else np.array([0, .025, .735])
        towards = knot - neutral_roots
        return Cut(np.linalg.norm(towards, axis=1) * 1.12,
                   _tangent(towards, normals) + .12 * normals,
                   steps=13,
                   lift=(.001, .008),
                   gravity=0.0,
                   clump=.45,
                   wander=.05,
                   hug=.6,
                   goal=knot)
    length = {"bob": rng.uniform(.16, .21), "long": rng.uniform(.30, .40), "long_fringe": rng.uniform(.26,
                                                                                                      .36)}[style]
    lengths = length * (.85 + .15 * top) + .05 * top
    directions = _tangent(sideways + .5 * backward + .25 * down, normals) + .22 * normals
    fringe = np.zeros(n, bool)
    if style == "long_fringe":
        fringe = (azimuth(neutral_roots) < np.radians(46)) & (z > .716) & (y < -.12)
        over_brows = np.stack([4 * x, -np.ones(n), -.3 * np.ones(n)], 1)
        directions[fringe] = (_tangent(over_brows, normals) + .35 * normals)[fringe]
        lengths = np.where(fringe, .052 + np.clip(z - .73, 0, .03) + rng.normal(0, .002, n), lengths)
    return Cut(lengths,
               directions,
               steps=20,
               lift=(.002, .022 + (.014 if kind == "curly" else 0)),
               gravity=.75,
               clump={"straight": .55, "wavy": .65, "curly": .75}[kind],
               wander=.07,
               hug=.15,
               ripple=ripple,
               ripple_length=ripple_length,
               hangs=True,
               fringe=fringe,
               guard=rng.uniform(.060, .070))


def _tied_hair(head: Head, attributes: Attributes, rng):
    """The knot of a bun or the tail of a ponytail: points [N, K, 3]."""
    count, points = 1800, 10
    if attributes.hair_style == "bun":
        centre, radius = head.from_neutral(np.array([0, -.012, .800])), rng.uniform(.028, .038)
        axis = normalise(rng.normal(size=(count, 3)) * np.array([.25, .25, 1]))
        u = normalise(np.cross(axis, rng.normal(size=(count, 3))))
        v = np.cross(axis, u)
        turn = np.linspace(0, 1, points)[None] * rng.uniform(1.5, 3,
                                                             (count, 1)) + rng.uniform(0, 2 * np.pi, (count, 1))
        shell = radius * rng.uniform(.82, 1.03, (count, 1))
        height = rng.uniform(-.75, .75, (count, 1))
        ring = np.sqrt(1 - height**2)
        ball = (np.cos(turn) * ring)[..., None] * u[:, None] + (
            np.sin(turn) * ring)[..., None] * v[:, None] + height[..., None] * axis[:, None]
        return centre + shell[..., None] * ball
    start = head.from_neutral(np.array([0, .025, .735]))
    t = np.linspace(0, 1, points)[None, :, None]
    end, middle = np.array([rng.uniform(-.06, .06), .05, -.26]), np.array([0, .085, .01])
    spread = rng.normal(size=(count, 1, 3)) * .013
    return start + spread * (.35 + 1.3 * np.sin(t * np.pi)) + 2 * t * (1 - t) * middle + t * t * end


def make_hair(head: Head, attributes: Attributes, colours: HairColours, body, hat, seed: int) -> list:
    """Strands in groups of different brightness. `body`: (points, normals) that hair lies on."""
    style = attributes.hair_style
    if style == "bald":
        return []
    rng = stream(seed, "hair")
    density = smoothstep(scalp_height(head, attributes, seed), -.002, .006)
    guide_count = {"buzz": 2500, "rounded": 1600, "short": 1300}.get(style, 950)
    strand_count = {"buzz": 8000, "rounded": 9000}.get(style, 6500)
    part = float(rng.choice([0, .02, -.02, .03, -.03]))

    roots, normals, neutral_roots = head.scatter(density, guide_count, rng)
    cut = make_cut(attributes, normals, neutral_roots, part, rng)
    if hat and style in ("rounded", "messy"):
        cut.length = np.minimum(cut.length, .03)
    guides, keep = growth.grow(cut,
                               roots,
                               normals,
                               neutral_roots,
                               head,
                               body,
                               rng,
                               tuck_ears=attributes.earrings != "none",
                               hat=hat)
    locks, fringe = growth.fill_locks(cut, guides, roots, keep, head, density, strand_count, rng)
    locks = growth.settle(locks, fringe, cut, head, tuck_ears=attributes.earrings != "none", hat=hat)

    # Neighbouring locks differ in brightness, strands within a lock a little.
    brightness = smooth_noise(locks[:, 0] + .3 * locks[:, -1], rng, .02, 2) * 1.2 + rng.normal(0, .55, len(locks))
    group = np.argsort(np.argsort(brightness)) * len(colours.shades) // max(len(locks), 1)
    width = (.00056 if cut.hangs else .00040) * rng.uniform(.8, 1.2, len(locks))
    surface = Material(roughness=float(rng.uniform(.38, .50)), specular=.38, sheen=.12)
    pieces = [
        Strands(locks[group == k], width[group == k], colours.hair * shade, surface, HAIR)
        for k, shade in enumerate(colours.shades) if (group == k).any()
    ]
    if style in TIED_STYLES and not (hat and style == "bun"):
        pieces.append(Strands(_tied_hair(head, attributes, rng), .0005, colours.hair, surface, HAIR))
    return pieces
