"""Four artists' styles of avatars, and which part of a face each of their layers is.

A drawing is a stack of layers; a layer is `canvas`, what is always there, or `<component>-<variant>`, such as
`top-winterHat02`. Each shape in a layer has a paint: the role of its color (`skin`, `hair`, ...) or the color
itself, `line ` before it if it is a stroke, `@` and its opacity behind it if it is translucent, and `!` if it is
masked or blended in another way than by covering. `Style.rules` says what the shapes are, the first rule that fits a
layer and a paint (patterns as for file names):

    a part         the shape is that part
    BELOW          shading, tears, freckles: the shape is whatever lies below it
    a `Zones`      the artist has drawn several parts as one shape; where it is, decides
    BROWS_OR_EYES  one layer has both: the upper ones, where there is a gap between upper and lower, are the brows
"""

from __future__ import annotations

from dataclasses import dataclass, field

BELOW = "below"
BROWS_OR_EYES = "brows or eyes"


@dataclass(frozen=True)
class Zones:
    """Boxes (left, top, right, bottom) in units of the drawing, each with its part; the first that holds a pixel."""

    boxes: tuple[tuple[str, tuple[float, float, float, float]], ...]
    elsewhere: str


@dataclass(frozen=True)
class Style:
    """What is needed to draw one style and to understand the drawing."""

    name: str                                          # of its definition in dicebear-styles
    view: tuple[float, float, float]                   # left, top and side of the square that is shown
    rules: tuple[tuple[str, str, str | Zones], ...]    # (layer, paint, what it is)
    options: dict = field(default_factory=dict)        # how often things occur
    leave_out: dict[str, tuple[str, ...]] = field(default_factory=dict)    # component -> variants that are no faces
    attributes: dict[str, str] = field(default_factory=dict)               # our attribute -> component
    hats: tuple[str, ...] = ()                         # layers that are hats though their component is hair
    glasses: tuple[str, ...] = ()                      # layers that are glasses though their component is eyes
    hairless: tuple[str, ...] = ()                     # variants of hair without any


# The views put the eyes near the height they have in the heads, and the head at about its size there.
AVATAAARS = Style(
    "avataaars", (24, 8, 232),
    rules=(
        # Body, head and ears are one shape. The shadow under the chin has the chin as its upper edge.
        ("canvas", "skin", Zones((("ears", (0, 80, 84, 150)), ("ears", (196, 80, 280, 150)),
                                  ("face", (84, 0, 196, 186))), elsewhere="neck")),
        ("canvas", "black@.1", "neck"),
        ("clothes*-*", "*", "cloth"),
        ("mouth-eating", "*@.2", BELOW),
        ("mouth-*", "*", "mouth"),
        ("nose-*", "*", "nose"),
        ("eyes-cry", "#92D9FF", BELOW),
        ("eyes-*", "*", "eyes"),
        ("eyebrows-*", "*", "eyebrows"),
        ("facialHair-*", "*", "face"),
        ("accessories-*", "black@.1", BELOW),
        ("accessories-*", "*!", BELOW),
        ("accessories-*", "*", "glasses"),
        ("top-hijab", "*", "hat"),
        ("top-*", "*@*", BELOW),
        ("top-*", "hair", "hair"),
        ("top-frida", "#9177FF", "earrings"),
        ("top-frida", "#E6E6E6", "earrings"),
        ("top-*", "*", "hat"),
    ),
    options={"accessoriesProbability": 25, "facialHairProbability": 15},
    leave_out={"eyes": ("hearts", "xDizzy"), "mouth": ("vomit",), "accessories": ("eyepatch",)},
    attributes={"hair": "top", "beard": "facialHair", "eyes": "eyes", "eyebrows": "eyebrows", "mouth": "mouth",
                "nose": "nose", "clothes": "clothes", "glasses": "accessories"},
    hats=("top-hat", "top-hijab", "top-turban", "top-winterHat02", "top-winterHat03", "top-winterHat04",
          "top-winterHat1", "top-froBand", "top-frida"),
)

PERSONAS = Style(
    "personas", (4, 3, 56),
    rules=(
        # Neck, head and ears are one shape; the face is lightened with a shape of its own.
        ("canvas", "skin", Zones((("ears", (0, 20, 18, 42)), ("ears", (46, 20, 64, 42))), elsewhere="neck")),
        ("canvas", "*!", "face"),
        ("clothes-*", "*@*", BELOW),
        ("clothes-*", "*", "cloth"),
        # The pupils have the color of the frame.
        ("eyes-glasses", "#1B0640", Zones((("eyes", (24.4, 26.9, 27.6, 30.1)), ("eyes", (36.4, 26.9, 39.6, 30.1))),
                                          elsewhere="glasses")),
        ("eyes-glasses", "white@.3", BELOW),
        ("eyes-sunglasses", "*", "glasses"),
        ("eyes-*", "*", "eyes"),
        ("hair-buzzcut", "*", "hair"),
        ("hair-fade", "hair!", BELOW),                             # the shorn sides fade into skin
        ("hair-*", "hair*", "hair"),
        ("hair-*", "*@*", BELOW),
        ("hair-bunUndercut", "*", "hair"),
        ("hair-pigtails", "*", "hair"),
        ("hair-*", "*", "hat"),
        ("mouth-*", "*", "mouth"),
        ("nose-wrinkles", "black@.12", BELOW),
        ("nose-*", "*", "nose"),
        ("facialHair-*", "#FFFEFD*", "mouth"),
        ("facialHair-*", "*@*", BELOW),                            # stubble, through which the mouth is seen
        ("facialHair-*", "*", "face"),
    ),
    options={"facialHairProbability": 15},
    leave_out={"mouth": ("pacifier",)},
    attributes={"hair": "hair", "beard": "facialHair", "eyes": "eyes", "mouth": "mouth", "nose": "nose",
                "clothes": "clothes"},
    hats=("hair-beanie", "hair-cap", "hair-curlyBun", "hair-straightBun"),
    glasses=("eyes-glasses", "eyes-sunglasses"),
    hairless=("bald",),
)

BIG_EARS = Style(
    "big-ears", (10, 44, 420),
    rules=(
        ("hair-*", "*", "hair"),
        ("sideburns-*", "*", "hair"),
        ("frontHair-*", "*", "hair"),
        ("head-*", "*", "face"),
        ("ears-*", "*", "ears"),
        ("details-*", "*", BELOW),
        ("mouth-*", "*", "mouth"),
        ("nose-*", "*", "nose"),
        ("eyes-variant01", "line black", "eyebrows"),              # frowning brows that touch the eyes
        ("eyes-variant25", "line black", "eyebrows"),
        ("eyes-*", "*", BROWS_OR_EYES),
    ),
    leave_out={"eyes": ("variant10", "variant13")},                # stars for eyes
    attributes={"hair": "hair", "eyes": "eyes", "mouth": "mouth", "nose": "nose"},
)

DYLAN = Style(
    "dylan", (2, 2, 76),
    rules=(
        ("canvas", "background", "background"),
        ("canvas", "skin", Zones((("face", (18.9, 0, 62.4, 80)),), elsewhere="ears")),
        # One black shape has the eyes and the lines in the ears, another one brows and mouth.
        ("canvas", "black", Zones((("eyes", (24, 0, 56, 80)),), elsewhere="ears")),
        ("mood-*", "*", Zones((("eyebrows", (0, 0, 80, 34.2)),), elsewhere="mouth")),
        ("hair-*", "*", "hair"),
        ("facialHair-*", "*", BELOW),
    ),
    attributes={"hair": "hair", "beard": "facialHair", "mouth": "mood"},
)

STYLES = (AVATAAARS, PERSONAS, BIG_EARS, DYLAN)
