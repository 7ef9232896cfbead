"""The parts of street scenes: the 30 classes of Cityscapes in their 8 groups (Cordts et al., arXiv 1604.01685).

Each class with its number in the data set's `labelIds` files, its group, and whether it is one of the 19 that are
scored there. `streets.py` draws scenes of these classes, `cityscapes.py` reads the user's copy of the data set.
"""

from __future__ import annotations

from typing import NamedTuple

from ssgan_lite.parts import Part, Parts, further_colors

LARGE = ("sky", "road", "building", "vegetation", "car", "sidewalk", "terrain", "vehicle", "flat", "construction",
         "nature", "ground", "traffic", "tree")
THIN = {"pole": 2.0, "traffic light": 2.0, "traffic sign": 2.0, "person": 1.5, "rider": 1.5, "bicycle": 1.5,
        "motorcycle": 1.5, "fence": 1.5, "guard rail": 1.5, "polegroup": 2.0, "object": 1.5, "human": 1.5,
        "sign": 2.0, "light": 2.0, "cycle": 1.5}


class StreetClass(NamedTuple):
    """One class of Cityscapes."""

    name: str
    id: int             # in labelIds files
    group: str
    scored: bool        # one of the 19


CLASSES = (
    StreetClass("static", 4, "void", False), StreetClass("dynamic", 5, "void", False),
    StreetClass("ground", 6, "void", False),
    StreetClass("road", 7, "flat", True), StreetClass("sidewalk", 8, "flat", True),
    StreetClass("parking", 9, "flat", False), StreetClass("rail track", 10, "flat", False),
    StreetClass("building", 11, "construction", True), StreetClass("wall", 12, "construction", True),
    StreetClass("fence", 13, "construction", True), StreetClass("guard rail", 14, "construction", False),
    StreetClass("bridge", 15, "construction", False), StreetClass("tunnel", 16, "construction", False),
    StreetClass("pole", 17, "object", True), StreetClass("polegroup", 18, "object", False),
    StreetClass("traffic light", 19, "object", True), StreetClass("traffic sign", 20, "object", True),
    StreetClass("vegetation", 21, "nature", True), StreetClass("terrain", 22, "nature", True),
    StreetClass("sky", 23, "sky", True),
    StreetClass("person", 24, "human", True), StreetClass("rider", 25, "human", True),
    StreetClass("car", 26, "vehicle", True), StreetClass("truck", 27, "vehicle", True),
    StreetClass("bus", 28, "vehicle", True), StreetClass("caravan", 29, "vehicle", False),
    StreetClass("trailer", 30, "vehicle", False), StreetClass("train", 31, "vehicle", True),
    StreetClass("motorcycle", 32, "vehicle", True), StreetClass("bicycle", 33, "vehicle", True))

# How drawn scenes with fewer parts call the classes. The sky is the background: it is behind everything.
THIRTEEN = {"sky": "sky", "building": "building", "bridge": "building", "tunnel": "building", "wall": "barrier",
            "fence": "barrier", "guard rail": "barrier", "static": "barrier", "road": "road", "parking": "road",
            "rail track": "road", "sidewalk": "sidewalk", "ground": "sidewalk", "vegetation": "tree",
            "terrain": "terrain", "pole": "pole", "polegroup": "pole", "traffic sign": "sign",
            "traffic light": "light", "person": "person", "rider": "person", "motorcycle": "cycle",
            "bicycle": "cycle", "car": "vehicle", "truck": "vehicle", "bus": "vehicle", "caravan": "vehicle",
            "trailer": "vehicle", "train": "vehicle", "dynamic": "vehicle"}
FIVE = {"sky": "sky", "building": "construction", "barrier": "construction", "road": "ground", "sidewalk": "ground",
        "terrain": "ground", "tree": "nature", "pole": "construction", "sign": "construction",
        "light": "construction", "person": "traffic", "cycle": "traffic", "vehicle": "traffic"}
_THIRTY = dict.fromkeys(("sky", *(c.name for c in CLASSES)))
DRAWN: dict[int, dict[str, str]] = {                 # number of parts -> class -> part
    30: {name: name for name in _THIRTY}, 13: THIRTEEN,
    5: {name: FIVE[part] for name, part in THIRTEEN.items()}}


def street_parts(names: tuple[str, ...]) -> Parts:
    """A vocabulary of street parts, the background first, with what is known of each name."""
    colors = further_colors(len(names))
    return Parts([Part(name, i, colors[i], thin=THIN.get(name, 1.0), size="large" if name in LARGE else "small")
                  for i, name in enumerate(names)])


def drawn_parts(n_parts: int) -> Parts:
    """The vocabulary of drawn scenes with 5, 13 or 30 parts."""
    return street_parts(tuple(dict.fromkeys(("sky", *DRAWN[n_parts].values()))))


def cityscapes_parts(classes: int) -> tuple[Parts, dict[int, int]]:
    """8 groups, or 19 or 30 classes and "void": the vocabulary, and number in labelIds -> part id (else 0, void)."""
    if classes == 8:
        names = tuple(dict.fromkeys(("void", *(c.group for c in CLASSES))))
        return street_parts(names), {c.id: names.index(c.group) for c in CLASSES}
    chosen = [c for c in CLASSES if c.scored or classes == 30]
    names = ("void", *(c.name for c in chosen))
    return street_parts(names), {c.id: names.index(c.name) for c in chosen}
