"""Clothes: a layer over the torso with a clean neckline, a hem along it, collars and patterns.

The neckline is a height function on the neutral torso; the mesh is cut exactly along its zero
line (`clip_mesh`), and a rolled hem is laid along the cut.
"""

import numpy as np

from .attributes import Attributes
from .geometry import clip_mesh, grid_faces, normalise, smoothstep, vertex_normals
from .head import Head
from .pieces import Material, Mesh, Strands
from .randomness import smooth_noise, stream
from .vocabulary import CLOTH

# Colours people wear (sRGB): many dark, grey and blue ones, some white, few loud ones.
FABRICS = ("1d2126", "23282f", "2b3440", "1f2d45", "2f4468", "44597a", "6f86a0", "a8b6c4", "e4e4e1", "f0eee8",
           "c9c6bf", "8b8b88", "55565a", "3a3a3c", "6b5a48", "8c7457", "b7a27f", "d8cbb2", "4a2b2b", "6e2f33",
           "8f3b3b", "b0564a", "2f4a3c", "4c6450", "7d8a6a", "b9b48a", "5b4763", "8a6f8f", "c99aa0", "d7b6ae",
           "c7913d", "2f6f73", "181818", "fafafa", "30466b", "7a1f2b")


def fabric_colour(rng, palette=FABRICS) -> np.ndarray:
    """A muted colour [3], linear RGB."""
    code = str(rng.choice(palette))
    srgb = np.array([int(code[i:i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.clip(srgb**2.2 * np.exp(rng.normal(0, .12) + rng.normal(0, .05, 3)), .008, .80)


def _height_above_neckline(kind, neutral):
    """Signed height [V] of torso vertices above the neckline; cloth is kept below 0."""
    x, y, z = np.abs(neutral[:, 0]), neutral[:, 1], neutral[:, 2]
    front = smoothstep(-y, .06, .16)
    if kind == "crew":
        return z - (.524 - .022 * front)
    if kind == "v":
        return z - (.526 - .012 * front - np.clip(.070 - 1.1 * x, 0, .07) * (y < -.06) * front)
    if kind == "wide":
        return z - (.512 - .022 * front)
    if kind == "turtleneck":
        return z - (.560 - .012 * front)
    if kind == "hood":
        return z - (.530 - .030 * front)
    return z - (.531 - .012 * front - np.clip(.050 - 1.3 * x, 0, .05) * (y < -.06) * front)   # shirt


def _band(phase, share, softness):
    """Bands [V, 1] that fill `share` of each period, with soft edges (no jagged triangles)."""
    distance = np.abs(phase % 1 - .5)
    return smoothstep(share / 2 - distance, -softness, softness)[:, None]


def _pattern(attributes: Attributes, neutral, rng):
    """Reflectance [V, 3]."""
    first, second = fabric_colour(rng), fabric_colour(rng)
    colour = np.tile(first, (len(neutral), 1))
    kind, z, x = attributes.cloth_pattern, neutral[:, 2], neutral[:, 0]
    if kind == "stripes":
        period = rng.uniform(.014, .04)
        along = z if rng.random() < .75 else x
        band = _band(along / period, rng.uniform(.25, .6), .0012 / period)
        colour = colour * (1 - band) + second * band
    elif kind == "check":
        period = rng.uniform(.022, .04)
        for along in (x, z):
            band = _band(along / period, .4, .0012 / period)
            colour = colour * (1 - band) + (.55 * colour + .25 * second) * band
    elif kind == "speckle":
        dots = smoothstep(smooth_noise(neutral, rng, .016, 1), .75, .9)[:, None]
        colour = colour * (1 - dots) + second * dots
    elif kind == "heather":
        colour *= 1 + .10 * rng.normal(size=(len(neutral), 1))
    return np.clip(colour, .006, .82), first


def _hem(cut, height_normals, colour, radius):
    """A rolled edge [S segments] along the neckline."""
    a, b = cut[:, 0], cut[:, 1]
    longer = (b - a) * .15
    points = np.stack([a - longer, b + longer], 1) + .0015 * height_normals
    return Strands(points, np.full((len(points), 2), radius), colour, Material(.9, .1), CLOTH)


def _hood(head, colour):
    """The thick roll of a hood that lies on the shoulders."""
    columns, rows = 64, 12
    angle = np.linspace(-np.pi, np.pi, columns, endpoint=False)             # 0 = back
    direction = np.stack([np.sin(angle), np.cos(angle)], 1)
    ahead = np.clip(-direction[:, 1], 0, 1)
    radius = .072 + .014 * np.abs(direction[:, 0]) + .018 * ahead
    height = .524 - .046 * ahead**1.5
    rings = []
    for turn in np.linspace(-.3, 1.5 * np.pi, rows):
        roll = .0075 + .006 * (1 - ahead)
        rings.append(np.c_[np.array([0, -.083]) + direction * (radius + .014 - roll * np.cos(turn))[:, None],
                           height + .008 + roll * np.sin(turn)])
    return Mesh(head.from_neutral(np.concatenate(rings)), grid_faces(rows, columns, wrap=True), colour,
                Material(.9, .1, sheen=.15), CLOTH)


def _shirt_collar(head, colour, rng):
    """A collar open in front: it stands 2 cm along the neck, folds, and falls to two points."""
    columns, rows = 81, 12
    gap = rng.uniform(.18, .42)                                              # radians left open on each side
    angle = np.linspace(-np.pi + gap, np.pi - gap, columns)                  # 0 = back
    direction = np.stack([np.sin(angle), np.cos(angle)], 1)
    ahead = np.clip(-direction[:, 1], 0, 1)
    tip = np.exp(-((np.pi - gap - np.abs(angle)) / .30) ** 2)
    radius = .064 + .012 * np.abs(direction[:, 0]) + .008 * ahead
    height = .540 - .046 * ahead**1.3
    rings = []
    for u in np.linspace(0, 1, rows):
        stand, fall = np.sin(np.clip(u / .35, 0, 1) * np.pi / 2), np.clip((u - .35) / .65, 0, 1)
        r = radius - .003 * stand + fall * (.014 + .004 * tip)
        rings.append(np.c_[np.array([0, -.083]) + direction * r[:, None],
                           height + .016 * stand - fall * (.022 + .030 * tip)])
    return Mesh(head.from_neutral(np.concatenate(rings)), grid_faces(rows, columns, wrap=False), colour,
                Material(.8, .15, sheen=.1), CLOTH)


def make_clothes(head: Head, attributes: Attributes, seed: int):
    """Pieces of cloth, and (points, normals) of the torso for hair to lie on."""
    rng = stream(seed, "clothes")
    patch = head.template.torso
    torso = patch.matrix @ head.base
    normals = vertex_normals(torso, patch.quads)
    neutral = patch.neutral
    height = _height_above_neckline(attributes.neckline, neutral)
    loose = .005 + .006 * smoothstep(-height, 0, .05) + (.006 if attributes.neckline == "hood" else 0)
    folds = .0035 * smooth_noise(neutral, rng, .07, 3) * smoothstep(-height, 0, .03)
    surface = torso + normals * (loose + folds)[:, None]
    colour, plain = _pattern(attributes, neutral, rng)
    near = (np.abs(neutral[patch.quads, 0]).min(1) < .40) & (neutral[patch.quads, 2].max(1) > .38)
    vertices, triangles, (colours, cut_normals), cut = clip_mesh(surface, patch.quads[near], height,
                                                                 (colour, normals))
    trim = plain * rng.uniform(.75, 1.0) if rng.random() < .8 else fabric_colour(rng)
    pieces = [Mesh(vertices, triangles, colours, Material(.9, .12, sheen=.15), CLOTH)]
    if attributes.neckline == "hood":
        pieces.append(_hood(head, plain))
    if attributes.neckline == "shirt":
        pieces.append(_shirt_collar(head, np.clip(plain * 1.06, .006, .85), rng))
    if len(cut):
        radius = {"turtleneck": .0042, "crew": .0030}.get(attributes.neckline, .0018)
        pieces.append(_hem(vertices[cut], normalise(cut_normals[cut]), trim, radius))
    chosen = np.flatnonzero(neutral[:, 2] > .3)[::3]
    return pieces, (surface[chosen], normals[chosen])
