"""Skin: colour, freckles, redness, wrinkles and pores, and the mesh with its labels.

Colours are painted on the vertices (1.2 mm apart on the face: half a pixel at 128 px). Wrinkles
and pores displace the vertices, so that light shows them.
"""

from functools import lru_cache

import numpy as np

from .attributes import Attributes
from .geometry import smoothstep, triangulate, vertex_normals
from .head import Head
from .pieces import Material, Mesh
from .randomness import smooth_noise, stream
from .regions import load_regions

# Linear reflectance of the ten Monk Skin Tones. The published swatches are flat colours of a
# lit surface; here they are brought to what a lit head of that tone shows in a photograph.
MONK_REFLECTANCE = np.array([
    (.74, .56, .455), (.71, .52, .405), (.68, .475, .345), (.61, .41, .285), (.51, .335, .215),
    (.40, .245, .150), (.30, .170, .105), (.215, .118, .072), (.135, .072, .046), (.082, .045, .031)])

# Creases of the face as lines in (|x|, z) on the neutral head, with the width of each, metres.
CREASES = {
    "forehead low": ([(0, .7015), (.015, .7025), (.03, .7035), (.042, .7015)], .0013),
    "forehead middle": ([(0, .7105), (.018, .7115), (.035, .7125)], .0013),
    "forehead high": ([(0, .7195), (.014, .7205), (.03, .7205)], .0013),
    "frown": ([(.0065, .676), (.006, .683), (.0075, .691)], .0012),
    "crow's foot high": ([(.055, .668), (.063, .675)], .0010),
    "crow's foot middle": ([(.056, .664), (.066, .665)], .0010),
    "crow's foot low": ([(.054, .659), (.063, .653)], .0010),
    "under the eye": ([(.017, .6535), (.026, .6475), (.036, .6470), (.045, .6515)], .0015),
    "nose to mouth": ([(.018, .620), (.0245, .611), (.030, .600), (.0315, .590)], .0020),
    "mouth to chin": ([(.0265, .592), (.0295, .582), (.0300, .573)], .0016),
    "chin": ([(0, .5835), (.009, .5825), (.015, .5855)], .0018),
}


@lru_cache
def _crease_fields():
    """How near each vertex [S] is to each crease: 1 on the line, 0 away from it."""
    regions = load_regions()
    front = (regions.neutral[:, 1] < -.105) & (regions.neutral[:, 2] > .54)
    points = np.stack([regions.half_x[front], regions.neutral[front, 2]], 1)
    fields = {}
    for name, (line, width) in CREASES.items():
        nearest = np.full(len(points), np.inf)
        for a, b in zip(np.array(line[:-1]), np.array(line[1:])):
            t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
        fields[name] = np.zeros(len(front))
        fields[name][front] = np.exp(-0.5 * (nearest / width) ** 2)
    return fields


def crease_depths(attributes: Attributes, rng) -> dict:
    """Depth of each crease in millimetres, from age and expression."""
    years = 1.35 * np.clip((attributes.age - 30) / 48, 0, 1.1)
    smile, name = attributes.smile, attributes.expression
    raised = {"surprise": 0.55, "sad": 0.4}.get(name, 0.0)
    depths = {
        "forehead low": 1.0 * years + raised,
        "forehead middle": 0.9 * years + raised,
        "forehead high": 0.6 * years + 0.7 * raised,
        "frown": 0.8 * years + (0.7 if name == "stern" else 0),
        "crow's foot high": 0.7 * years + 0.3 * smile * (0.3 + years),
        "crow's foot middle": 0.8 * years + 0.35 * smile * (0.3 + years),
        "crow's foot low": 0.6 * years + 0.3 * smile * (0.3 + years),
        "under the eye": 0.15 + 0.8 * years + 0.25 * smile,
        "nose to mouth": 0.15 + 1.1 * years + 0.7 * smile,
        "mouth to chin": 0.9 * years**1.5,
        "chin": 0.2 + 0.4 * years + (0.4 if name == "sad" else 0),
    }
    return {crease: depth * rng.uniform(0.6, 1.25) for crease, depth in depths.items()}


def _shape(head: Head, attributes: Attributes, rng):
    """Skin vertices with creases and pores pressed in, their normals, and the creases' shade."""
    depth = np.zeros(len(head.skin))
    for crease, millimetres in crease_depths(attributes, rng).items():
        depth += millimetres * _crease_fields()[crease]
    neutral = head.regions.neutral
    on_head = neutral[:, 2] > .5
    depth[on_head] *= 0.8 + 0.35 * smooth_noise(neutral[on_head], rng, .012, 2)
    roughness = 0.03 + 0.10 * np.clip((attributes.age - 30) / 50, 0, 1)
    relief = np.zeros(len(depth))
    relief[on_head] = roughness * smooth_noise(neutral[on_head], rng, .006, 2)
    relief *= 1 - 0.7 * np.clip(head.regions.lips * 2, 0, 1)
    vertices = head.skin + head.normals * (1e-3 * (relief - depth))[:, None]
    return vertices, vertex_normals(vertices, head.template.skin.quads), np.clip(depth, 0, 1.8)


def _paint(head: Head, attributes: Attributes, creases, rng):
    """Linear reflectance [S, 3] of bare skin and lips."""
    regions, neutral = head.regions, head.regions.neutral
    x, z = regions.half_x, neutral[:, 2]
    base = MONK_REFLECTANCE[attributes.skin_tone - 1] * (1 + rng.normal(0, [.02, .02, .035]))
    darkness = (attributes.skin_tone - 1) / 9
    years = np.clip((attributes.age - 30) / 50, 0, 1)
    head_only = z > .50
    colour = np.tile(base, (len(neutral), 1))

    def noise(wavelength, octaves):
        value = np.zeros(len(neutral))
        value[head_only] = smooth_noise(neutral[head_only], rng, wavelength, octaves)
        return value

    colour *= 1 + (0.04 * noise(.05, 2) + (0.022 + 0.05 * years) * noise(.012, 3))[:, None] * np.array([.6, 1, 1.1])
    # Blood under the skin: cheeks, nose, ears, chin, and patches.
    red = (regions.cheeks * rng.uniform(.3, .8) + regions.nose_tip * rng.uniform(.2, .6) + regions.ears * .4
           + regions.spot(0, .571, .012, .010) * .25 + .25 * np.clip(noise(.02, 2), 0, 1))
    red *= 0.5 + 0.9 * attributes.skin_redness
    colour *= 1 - red[:, None] * np.array([.02, .22, .20]) * (1 - .55 * darkness)
    # Thin, darker skin around the eyes; a shade where the lids meet; warm shade below the brow.
    sockets = regions.spot(.030, .6535, .017, .006) * rng.uniform(.3, 1.0) * (0.6 + 0.7 * years) + .45 * regions.spot(
        .016, .668, .007, .012)
    colour *= 1 - sockets[:, None] * np.array([.13, .17, .13])
    lids = regions.spot(.031, .671, .018, .006)
    painted_lids = lids * attributes.lip_colour * rng.uniform(0, .55)
    colour = colour * (1 - painted_lids[:, None]) + painted_lids[:, None] * np.clip(
        base * rng.uniform(.35, .7) + rng.normal(0, .02, 3), .02, 1)
    # The rim of the lids: lashes cast a dark line on it, strongest above.
    for centre in head.eye_centres:
        offset = head.skin - centre
        above_eye = np.linalg.norm(offset, axis=1) - head.eye_radius
        rim = np.exp(-(above_eye / .0011) ** 2) * (offset[:, 1] < -.4 * head.eye_radius)
        rim *= np.where(offset[:, 2] > -.001, .75, .35)
        colour *= 1 - rim[:, None] * np.array([.85, .88, .90])
    # The upper two thirds of a face are paler than the lower third; sides are a little darker.
    colour *= (1 - .05 * smoothstep(.61 - z, 0, .04) - .06 * smoothstep(x, .05, .075))[:, None]
    colour *= 1 - creases[:, None] * np.array([.15, .23, .23])

    if attributes.freckles > 0:
        spots = smoothstep(noise(.0085, 2), .40, .80) * np.clip(.25 + 1.2 * regions.cheeks + regions.nose_tip, 0, 1)
        spots *= smoothstep(-neutral[:, 1], .10, .15) * attributes.freckles
        colour *= 1 - spots[:, None] * np.array([.31, .46, .53]) * (1 - .5 * darkness)
    age_spots = smoothstep(noise(.014, 2), .8, 1.2) * years * smoothstep(-neutral[:, 1], .02, .15)
    colour *= 1 - age_spots[:, None] * np.array([.20, .28, .32])
    for _ in range(rng.poisson(1.2)):  # moles
        centre = neutral[rng.choice(np.flatnonzero((neutral[:, 1] < -.13) & head_only))]
        mole = np.exp(-(np.linalg.norm(neutral - centre, axis=1) / rng.uniform(.0010, .0017)) ** 2)
        colour *= 1 - mole[:, None] * np.array([.5, .62, .66])
    return _paint_mouth(head, attributes, colour, base, darkness, rng)


def _paint_mouth(head, attributes, colour, base, darkness, rng):
    """Lips, the line between them, nostrils, and the inside of the mouth."""
    regions, z = head.regions, head.regions.neutral[:, 2]
    lips = base * (np.array([.84, .58, .57]) * (1 - darkness) + np.array([1.0, .70, .72]) * darkness)
    paint = np.array([rng.uniform(.30, .55), rng.uniform(.05, .17), rng.uniform(.06, .17)])
    amount = .75 * attributes.lip_colour
    lips = lips * (1 - amount) + paint * amount * (1 - .35 * darkness)
    weight = smoothstep(regions.lips, .3, .7)[:, None]
    colour = colour * (1 - weight) + lips * weight
    closed = np.exp(-((z - .5985) / .0016) ** 2) * (regions.half_x < .022) * (regions.neutral[:, 1] < -.19) * .4
    nostrils = np.exp(-(((regions.half_x - .0085) / .004)**2 +
                        ((z - .6125) / .0022)**2)) * (regions.neutral[:, 1] < -.198)
    colour *= 1 - closed[:, None]
    colour *= 1 - .5 * nostrils[:, None]
    colour[regions.mouth_lining] = (.28, .075, .06)
    return colour


def skin_mesh(head: Head, attributes: Attributes, seed: int, stains) -> Mesh:
    """The skin. Updates `head.skin` and `head.normals` to the creased surface.

    `stains`: (weight [S], colour [3], label or None) layers painted over it: hair at the roots,
    brows, stubble. Vertices where the weight exceeds 0.5 take the label.
    """
    rng = stream(seed, "skin")
    head.skin, head.normals, creases = _shape(head, attributes, rng)
    colour = _paint(head, attributes, creases, rng)
    labels = head.regions.labels.copy()
    for weight, stain, covered, label in stains:
        colour = colour * (1 - weight[:, None]) + np.asarray(stain) * weight[:, None]
        if label is not None:
            labels[covered] = label
    # A triangle takes the label that two of its corners share.
    corners = labels[triangulate(head.template.skin.quads)]
    per_triangle = np.where(corners[:, 1] == corners[:, 2], corners[:, 1], corners[:, 0])
    material = Material(roughness=float(rng.uniform(.36, .50)), specular=.45, flatness=.45)
    return Mesh(head.skin, head.template.skin.quads, np.clip(colour, .003, .95), material, per_triangle)
