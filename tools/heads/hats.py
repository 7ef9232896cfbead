"""Hats: knitted beanies, brimmed hats and caps, built around the head's own outline.

A hat is a grid around the head: rings from the rim up to the top. The rim follows the head at
the hat line; the profile above it belongs to the kind. `hold_down` keeps hair inside it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .attributes import Attributes
from .clothes import fabric_colour
from .geometry import grid_faces, smoothstep
from .head import Head
from .pieces import Material, Mesh
from .randomness import smooth_noise, stream
from .vocabulary import HAT

AXIS_Y = -.085           # the vertical axis that hats are built around, neutral head, metres
COLUMNS = 120
VISOR_REACH = .84        # a cap's visor joins the rim this far (radians) to either side of the front
CAP_LEAN = -.004         # metres that the top of a cap sits forward
# Dyed wool, felt and cotton (sRGB): muted, mostly dark.
HAT_COLOURS = ("1c1f24", "2a2f38", "22304a", "3c4f6d", "4a4a4c", "74747a", "a9a59c", "d8d2c4", "5a2630", "7c3a34",
               "3a4a38", "5d6347", "6b543c", "8f7450", "b69a6c", "c9b48f", "3f2f28", "8d4a3b", "a8743a", "56425c",
               "b98f8a", "191919", "2f5a60", "e2ddd2")
BADGE_COLOURS = ("e8e4d8", "d8d2c4", "f0ece0", "c9a24a", "b23a34", "2a4a7c", "1c1f24")
# Height of the hat line on the neutral head: front, side, back.
LINE = {"beanie": (.712, .668, .632), "brim": (.722, .694, .668), "cap": (.718, .690, .664)}


@dataclass
class Hat:
    meshes: list
    head: Head
    rim_height: np.ndarray   # [COLUMNS] by azimuth from -pi to pi, neutral metres
    rim_radius: np.ndarray   # [COLUMNS]
    top: float               # neutral height of the inside's top

    def hold_down(self, strands):
        """Strands [N, K, 3] pressed into the hat where they rise above its rim."""
        neutral = self.head.to_neutral(strands)
        x, y, z = neutral[..., 0], neutral[..., 1] - AXIS_Y, neutral[..., 2]
        column = ((np.arctan2(x, -y) + np.pi) / (2 * np.pi) * (COLUMNS - 1)).round().astype(int)
        rim, limit = self.rim_height[column], self.rim_radius[column]
        t = np.clip((z - rim) / (self.top - rim), 0, 1)
        allowed = (limit - .005) * np.sqrt(np.clip(1 - .98 * t**2, .02, 1))
        radius = np.hypot(x, y)
        inside = z > rim - .004
        factor = np.where(inside & (radius > allowed), allowed / np.maximum(radius, 1e-6), 1.0)
        pressed = np.stack([x * factor, y * factor + AXIS_Y, np.where(inside, np.minimum(z, self.top), z)], -1)
        return self.head.from_neutral(pressed)


def _around(head: Head, line, padding):
    """Rim height and radius by azimuth: the head's outline at the hat line, smoothed."""
    angle = np.linspace(-np.pi, np.pi, COLUMNS)
    rim = np.interp(np.abs(angle), [0, .9, 1.6, 2.3, np.pi],
                    [line[0], .65 * line[0] + .35 * line[1], line[1], .5 * (line[1] + line[2]), line[2]])
    neutral = head.to_neutral(head.skin)
    own = np.arctan2(neutral[:, 0], -(neutral[:, 1] - AXIS_Y))
    radius = np.hypot(neutral[:, 0], neutral[:, 1] - AXIS_Y)
    skull = head.regions.ears < .05
    line_there = np.interp(own, angle, rim)
    near = skull & (np.abs(neutral[:, 2] - line_there - .008) < .012)
    bins = ((own[near] + np.pi) / (2 * np.pi) * (COLUMNS - 1)).round().astype(int)
    outline = np.full(COLUMNS, np.nan)
    for b in np.unique(bins):
        outline[b] = radius[near][bins == b].max()
    known = np.isfinite(outline)
    outline = np.interp(angle, angle[known], outline[known], period=2 * np.pi)
    return angle, rim, gaussian_filter1d(outline, 4, mode="wrap") + padding


def _ring(angle, radius, height):
    return np.stack([np.sin(angle) * radius, AXIS_Y - np.cos(angle) * radius, height], 1)


def _crown(kind, angle, rim, radius, rng):
    """Vertices [rows * COLUMNS, 3] (neutral), rows, and each vertex's height above the rim."""
    rows = 26
    top = {
        "beanie": .792 + rng.uniform(0, .022), "brim": .800 + rng.uniform(0, .018),
        "cap": .788 + rng.uniform(0, .008)
    }[kind]
    power = {"beanie": 2.3, "brim": 6.0, "cap": 2.4}[kind]
    taper = .16 if kind == "brim" else 0.0
    lean = {"beanie": .020 * rng.random(), "brim": 0.0, "cap": CAP_LEAN}[kind]
    rings = []
    for s in np.sin(np.linspace(0, np.pi / 2, rows)):
        share = (1 - s**power) ** (1 / power) * (1 - taper * s)
        height = rim + (top - rim) * s
        ring = _ring(angle, radius * max(share, .015), height)
        ring[:, 1] += lean * s**2
        rings.append(ring)
    vertices = np.concatenate(rings)
    if kind == "brim":   # a crease along the top, pinched in front
        x, y, z = vertices.T
        inner = smoothstep(z, top - .035, top)
        z -= .020 * np.exp(-(x / .030) ** 2) * inner
        x *= 1 - .22 * inner * smoothstep(-(y - AXIS_Y), 0, .08)
        vertices = np.stack([x, y, z], 1)
    return vertices, rows, vertices[:, 2] - np.tile(rim, rows), top


def _brim(angle, rim, radius, rng):
    """A brim all around: vertices [9 * columns, 3] (neutral), rows, columns."""
    rows, columns = 9, angle[:-1]
    width = rng.uniform(.045, .070) * (1 + .12 * np.abs(np.cos(columns)))
    dip = rng.uniform(.1, .35)
    rings = []
    for u in np.linspace(0, 1, rows):
        drop = -dip * width * u + .5 * width * u**2 * np.sin(columns) ** 2
        rings.append(_ring(columns, radius[:-1] - .002 + width * u, rim[:-1] + .004 + drop))
    return np.concatenate(rings), rows, len(columns)


def _visor(angle, rim, radius, rng):
    """The visor of a cap: straight forward from the front of the rim, tilted down, arched so that its sides droop.

    Vertices [9 * 61, 3] (neutral), rows, columns. It is never wider than the rim where it begins.
    """
    rows, across = 9, np.linspace(-1, 1, 61)
    columns = VISOR_REACH * across
    length = rng.uniform(.062, .074) * (1 - np.abs(across) ** 2.6) ** .5
    tilt, arch = rng.uniform(.22, .34), rng.uniform(.017, .027)
    start = _ring(columns, np.interp(columns, angle, radius) - .002, np.interp(columns, angle, rim) + .005)
    rings = []
    for u in np.linspace(0, 1, rows):
        ring = start.copy()
        ring[:, 1] -= length * u
        ring[:, 2] -= tilt * length * u + arch * across**2 * min(1.0, 3 * u)
        rings.append(ring)
    return np.concatenate(rings), rows, len(columns)


def _button(top, lean):
    """The covered button where the panels of a cap meet: vertices (neutral), rows, columns."""
    rows, columns = 6, np.linspace(-np.pi, np.pi, 16)
    rings = [
        _ring(columns, .0085 * np.cos(t), np.full(len(columns), top + .001 + .006 * np.sin(t)))
        for t in np.linspace(0, np.pi / 2 - .05, rows)
    ]
    return np.concatenate(rings) + [0, lean, 0], rows, len(columns)


def make_hat(head: Head, attributes: Attributes, seed: int):
    """The hat, or None."""
    kind = attributes.hat
    if kind == "none":
        return None
    rng = stream(seed, "hat")
    bulky = attributes.hair_style not in ("bald", "buzz", "short", "slick")
    lift = rng.uniform(-.004, .006)
    line = tuple(z + lift for z in LINE[kind])
    angle, rim, radius = _around(head, line, .008 + .006 * bulky)
    vertices, rows, above, top = _crown(kind, angle, rim, radius, rng)
    colour = fabric_colour(rng, HAT_COLOURS)
    colours = np.tile(colour, (len(vertices), 1))
    azimuth = np.tile(angle, rows)
    outward = np.stack([np.sin(azimuth), -np.cos(azimuth), 0 * azimuth], 1)
    if kind == "beanie":      # knitted ribs, and a cuff folded up
        cuff = smoothstep(.040 - above, 0, .003) if rng.random() < .75 else np.zeros(len(above))
        ribs = np.cos(azimuth * 46)
        vertices = vertices + outward * (.0011 * ribs * (1 - smoothstep(above, .08, .13)) + .0055 * cuff)[:, None]
        colours *= (1 - .13 * (ribs < -.3) - .05 * cuff)[:, None]
        colours *= 1 + .10 * rng.normal(size=(len(vertices), 1))
        if rng.random() < .25:
            colours[(above > .055) & (above < .075)] = fabric_colour(rng, HAT_COLOURS)
    elif kind == "brim":      # a ribbon around the crown
        colours[(above < rng.uniform(.016, .028))] = fabric_colour(rng, HAT_COLOURS) * .6
        vertices = vertices + outward * (.002 * smooth_noise(vertices, rng, .06, 2))[:, None]
        colours *= 1 + .05 * smooth_noise(vertices, rng, .02, 2)[:, None]
    else:                     # six panels with seams; now and then front panels of another colour, a badge
        seams = np.abs((azimuth / (np.pi / 3) + .5) % 1 - .5) * np.pi / 3 * .09      # metres to the nearest seam
        seam = np.exp(-(seams / .0028) ** 2)
        if rng.random() < .30:
            colours[np.abs(azimuth) < np.pi / 3] = fabric_colour(rng, HAT_COLOURS)
        vertices = vertices - outward * (.0020 * seam)[:, None]
        colours *= (1 - .38 * seam)[:, None]
        if rng.random() < .40:
            wide, high = rng.uniform(.012, .022), rng.uniform(.008, .014)
            aside = np.abs(azimuth) * .09 / wide
            badge = aside**3 + (np.abs(above - .032) / high) ** 3 < 1
            colours[badge] = fabric_colour(rng, BADGE_COLOURS)
        vertices = vertices + .0006 * smooth_noise(vertices, rng, .02, 2)[:, None] * outward
    colours = np.clip(colours, .006, .75)
    surface = Material(.92, .10, sheen=.25)
    meshes = [Mesh(head.from_neutral(vertices), grid_faces(rows, COLUMNS, wrap=True), colours, surface, HAT)]
    if kind == "brim":
        brim, *shape = _brim(angle, rim, radius, rng)
        meshes.append(Mesh(head.from_neutral(brim), grid_faces(*shape, wrap=True), colour * .92, surface, HAT))
    elif kind == "cap":
        visor_colour = colour * .92 if rng.random() < .5 else fabric_colour(rng, HAT_COLOURS)
        visor, *shape = _visor(angle, rim, radius, rng)
        meshes.append(Mesh(head.from_neutral(visor), grid_faces(*shape, wrap=False), visor_colour, surface, HAT))
        button, *shape = _button(top, CAP_LEAN)
        meshes.append(Mesh(head.from_neutral(button), grid_faces(*shape, wrap=True), visor_colour, surface, HAT))
    return Hat(meshes, head, rim, radius, top)
