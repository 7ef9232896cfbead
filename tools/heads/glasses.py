"""Glasses: two rims, a bridge and two temples as tubes; dark lenses for sunglasses.

Clear lenses are not rendered (they would only cost noise); their outlines go to the mask.
"""

import numpy as np

from .attributes import Attributes
from .geometry import smoothstep
from .head import Head
from .pieces import Material, Mesh, Strands
from .randomness import stream
from .vocabulary import GLASSES

# Kind: half width and half height of a lens (metres), and the power of its superellipse.
LENSES = {
    "round": (.0245, .0235, 2.0), "rectangular": (.0275, .0175, 4.0), "aviator": (.029, .0245, 2.5),
    "sun": (.030, .0225, 2.9)
}
FRAMES = {
    "black": (.015, .015, .017), "tortoise": (.16, .075, .03), "gold": (.60, .43, .20), "steel": (.45, .45, .47),
    "navy": (.03, .05, .11), "clear": (.55, .50, .45), "burgundy": (.16, .03, .04)
}
OUTLINE_POINTS = 44


def _outline(kind, half_width, half_height, power):
    """Closed outline [P, 2] of a lens around its centre."""
    t = np.linspace(0, 2 * np.pi, OUTLINE_POINTS, endpoint=False)
    across = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power)
    upright = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power)
    if kind in ("aviator", "sun"):
        across = across * (1 + .10 * upright)
    return np.stack([across * half_width, upright * half_height], 1)


def make_glasses(head: Head, attributes: Attributes, seed: int):
    """Pieces of the glasses, and the outlines [P, 3] of clear lenses."""
    kind = attributes.glasses
    if kind == "none":
        return [], []
    rng = stream(seed, "glasses")
    half_width, half_height, power = LENSES[kind]
    half_width, half_height = half_width * rng.uniform(.95, 1.08), half_height * rng.uniform(.95, 1.08)
    neutral = head.regions.neutral
    frame_names = ["gold", "steel", "black"] if kind == "aviator" else list(FRAMES)
    frame = str(rng.choice(frame_names))
    metal = frame in ("gold", "steel")
    surface = Material(roughness=.25 if metal else .35, specular=.5, metallic=float(metal))
    thickness = rng.uniform(.0011, .0014) if metal else rng.uniform(.0017, .0028)

    # The bridge rests on the nose; rims stand before brows and cheeks.
    nose_ridge = (np.abs(neutral[:, 0]) < .006) & (np.abs(neutral[:, 2] - .660) < .004) & (neutral[:, 1] < -.18)
    front = head.skin[nose_ridge, 1].min() - .004
    eyes = head.eye_centres
    middle_x = eyes[:, 0].mean()
    apart = max(abs(eyes[0, 0] - eyes[1, 0]) / 2 + .001, half_width + .006)
    height = eyes[:, 2].mean() - .003
    tubes, lenses = [], []
    for side in (-1, 1):
        shape = _outline(kind, half_width, half_height, power)
        x = side * apart + shape[:, 0] * side
        wrap = .009 * (np.abs(x) / (apart + half_width)) ** 2
        outline = np.stack([middle_x + x, front + wrap, height + shape[:, 1]], 1)
        lenses.append(outline)
        tubes.append(np.concatenate([outline, outline[:3]]))
    upper_ear = head.skin[(head.regions.ears > .5) & (neutral[:, 2] > .66)]
    for side in (-1, 1):
        own = upper_ear[np.sign(upper_ear[:, 0]) == side]
        ear = own[np.argmax(own[:, 2])] if len(own) else np.array([side * .075, -.10, .67])
        hinge = np.array([middle_x + side * (apart + half_width * .98), front + .0085, height + .006])
        t = np.linspace(0, 1, 12)[:, None]
        temple = hinge * (1 - t) + np.array([side * (abs(ear[0]) + .001), ear[1] + .01, ear[2] + .001]) * t
        temple[:, 0] += side * .004 * np.sin(t[:, 0] * np.pi)
        tubes.append(temple)
    t = np.linspace(-1, 1, 8)[:, None]
    tubes.append(np.c_[middle_x + t * (apart - half_width * .95),
                       np.full((8, 1), front - .001), height + .004 + .004 * (1 - t**2)])
    pieces = [
        Strands(tube[None],
                np.full((1, len(tube)), thickness),
                np.array(FRAMES[frame]),
                surface,
                GLASSES,
                straight=False) for tube in tubes
    ]
    if kind != "sun":
        return pieces, lenses
    tint = np.array([.012, .012, .014]) + (np.array([.03, .015, .004]) if rng.random() < .3 else 0)
    for outline in lenses:
        centre = outline.mean(0) - np.array([0, .0015, 0])    # slightly convex, so that reflections curve
        vertices = np.concatenate([[centre], outline])
        j = np.arange(OUTLINE_POINTS)
        triangles = np.stack([0 * j, j + 1, (j + 1) % OUTLINE_POINTS + 1], 1)
        shade = np.tile(tint,
                        (len(vertices), 1)) * (1 + 1.5 * smoothstep(height - vertices[:, 2], -.01, .02))[:, None]
        pieces.append(Mesh(vertices, triangles, shade, Material(.08, .7), GLASSES))
    return pieces, []
