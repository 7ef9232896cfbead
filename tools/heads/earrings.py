"""Earrings: studs, hoops and drops, larger than most people wear.

At 64 px a pixel is 5 mm of the head: smaller earrings would not survive the reduction.
"""

import numpy as np

from .attributes import Attributes
from .geometry import sphere
from .head import Head
from .pieces import Material, Mesh, Strands
from .randomness import stream
from .vocabulary import EARRINGS

METALS = {"gold": (.88, .64, .26), "silver": (.82, .82, .84), "rose": (.83, .56, .45)}
STONES = {
    "pearl": (.78, .75, .69), "turquoise": (.10, .42, .42), "garnet": (.35, .03, .05), "onyx": (.02, .02, .022),
    "jade": (.12, .34, .18)
}


def _ball(centre, radius, colour, material):
    vertices, quads, _, _ = sphere(20, 14)
    return Mesh(centre + radius * vertices, quads, np.array(colour), material, EARRINGS)


def make_earrings(head: Head, attributes: Attributes, seed: int) -> list:
    kind = attributes.earrings
    if kind == "none":
        return []
    rng = stream(seed, "earrings")
    metal = np.array(METALS[str(rng.choice(list(METALS)))])
    shiny = Material(.22, .5, metallic=1.0)
    stone = STONES[str(rng.choice(list(STONES)))] if rng.random() < .5 else None
    ears, neutral = head.regions.ears, head.regions.neutral
    stud, hoop, drop = rng.uniform(.0050, .0065), rng.uniform(.015, .024), rng.uniform(.007, .0095)
    pieces = []
    for side in (-1, 1):
        ear = head.skin[(ears > .6) & (np.sign(neutral[:, 0]) == side)]
        lobe = ear[np.argsort(ear[:, 2])[:12]].mean(0) + np.array([side * .004, -.006, .003])
        material, colour = (Material(.15, .6), stone) if stone is not None else (shiny, metal)
        if kind == "stud":
            pieces.append(_ball(lobe, stud, colour, material))
        elif kind == "hoop":
            t = np.linspace(0, 2 * np.pi, 30)
            # Turned outwards so that the ring is seen from the front.
            ring = np.stack([
                lobe[0] + side * .75 * hoop *
                (np.sin(t) * .8), lobe[1] + .55 * hoop * np.sin(t), lobe[2] - .95 * hoop + hoop * np.cos(t)
            ], 1)
            pieces.append(
                Strands(ring[None],
                        np.full((1, 30), rng.uniform(.0017, .0024)),
                        metal,
                        shiny,
                        EARRINGS,
                        straight=False))
        else:
            pieces.append(_ball(lobe, .0030, metal, shiny))
            pieces.append(_ball(lobe + np.array([side * .001, 0, -.009]), .0028, metal, shiny))
            pieces.append(_ball(lobe + np.array([side * .002, 0, -.011 - drop]), drop, colour, material))
    return pieces
