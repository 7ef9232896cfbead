"""Brows and beards: a stain in the skin, and short strands on it.

In the mask brows are a class of their own; a beard takes the class of the skin it covers.
"""

import numpy as np

from .attributes import Attributes
from .geometry import normalise, smoothstep
from .head import Head
from .pieces import Material, Strands
from .randomness import smooth_noise, stream
from .skin import MONK_REFLECTANCE
from .vocabulary import EYEBROWS, SEE_THROUGH

BROW_STRANDS = 750
# Kind of beard: stain on the skin, number of strands, their length (metres).
BEARDS = {"stubble": (.38, 1800, .0022), "moustache": (.45, 1100, .008), "goatee": (.45, 1400, .009),
          "short": (.58, 4200, .006), "full": (.72, 5200, .016)}


def _brow_weight(head: Head, attributes: Attributes, seed: int):
    # Not thinner than this, or brows are lost when masks are made smaller.
    rng = stream(seed, "brow shape")
    return head.regions.brows(0.72 + 0.5 * attributes.brow_thickness, float(rng.normal(0, .0012)),
                              float(rng.normal(0, .0012)))


def stains(head: Head, attributes: Attributes, colours, seed: int) -> list:
    """Layers for `skin_mesh`: (weight, colour, where labelled, label)."""
    rng = stream(seed, "brow and beard stain")
    brow = _brow_weight(head, attributes, seed)
    skin = MONK_REFLECTANCE[attributes.skin_tone - 1]
    layers = [(.42 * brow, np.minimum(colours.brows, .6 * skin), brow > .5, EYEBROWS)]
    if attributes.beard != "none":
        strength = BEARDS[attributes.beard][0]
        weight = head.regions.beard(
            attributes.beard) * strength * (.85 + .2 * smooth_noise(head.regions.neutral, rng, .01, 2))
        layers.append((np.clip(weight, 0, .85), .8 * colours.hair + .12 * skin, None, None))
    return layers


def _brows(head: Head, attributes: Attributes, colours, seed: int) -> Strands:
    rng = stream(seed, "brows")
    roots, normals, neutral = head.scatter(_brow_weight(head, attributes, seed), BROW_STRANDS, rng)
    # Hairs stand up at the inner end, lie along the arch, and point down at the outer end.
    rise = np.interp(np.abs(neutral[:, 0]), [.01, .018, .045, .055], [1.3, .55, -.15, -.5])
    direction = normalise(np.stack([np.sign(neutral[:, 0]), 0 * rise, rise], 1) + .18 * rng.normal(size=roots.shape))
    direction = normalise(direction - (direction * normals).sum(1, keepdims=True) * normals + .22 * normals)
    length = rng.uniform(.0045, .0085, len(roots))[:, None, None]
    t = np.linspace(-.1, 1, 5)[None, :, None]
    points = roots[:, None] + length * t * direction[:, None] - .15 * t * t * length * normals[:, None]
    width = rng.uniform(.00018, .00022) + .00012 * attributes.brow_thickness
    return Strands(points,
                   width,
                   np.minimum(colours.brows * 1.15, .75 * MONK_REFLECTANCE[attributes.skin_tone - 1] + .015),
                   Material(.55, .25),
                   EYEBROWS,
                   straight=False)


def _beard(head: Head, attributes: Attributes, colours, rng) -> list:
    _, count, length = BEARDS[attributes.beard]
    density = np.clip(head.regions.beard(attributes.beard), 0, 1) ** 2
    roots, normals, neutral = head.scatter(density, count, rng)
    down = np.array([0, -.1, -1.0])
    scatter = .3 + (.15 if attributes.hair_kind == "curly" else 0)
    direction = normalise(.7 * normals + .8 * down + scatter * rng.normal(size=roots.shape))
    # Longest at the chin, short where the beard fades into the cheeks.
    at_chin = smoothstep(.60 - neutral[:, 2], 0, .03)
    length = (length * rng.uniform(.6, 1.2, count) * (.6 + .5 * at_chin))[:, None, None]
    t = np.linspace(-.1, 1, 5)[None, :, None]
    points = roots[:, None] + length * t * direction[:, None] + .3 * t * t * length * np.array([0, 0, -1.0])
    group = rng.integers(0, 2, count)
    return [Strands(points[group == k], .00026, colours.hair * shade, Material(.5, .35), SEE_THROUGH, straight=False)
            for k, shade in enumerate((.75, 1.3))]


def strands(head: Head, attributes: Attributes, colours, seed: int) -> list:
    pieces = [_brows(head, attributes, colours, seed)]
    if attributes.beard != "none":
        pieces += _beard(head, attributes, colours, stream(seed, "beard"))
    return pieces
