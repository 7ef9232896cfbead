"""What is drawn for a head: every parameter that a person would name.

All attributes are drawn independently of each other, so that a model trained on the set learns
no stereotype and a lesson can *plant* a correlation by choosing a subset. What is measured is
the picture, not a person. The only dependence left is one of definition: `smile` and
`mouth_open` are numbers of the chosen `expression`, and the light follows the `background`.
"""

from dataclasses import dataclass, fields

import numpy as np

from .randomness import stream
from .template import FACE_OUTLINES

HAIR_COLOURS = ("black", "dark_brown", "brown", "light_brown", "blond", "red", "grey", "white")
HAIR_STYLES = ("bald", "buzz", "short", "side_part", "messy", "slick", "rounded", "bob", "long",
               "long_fringe", "bun", "ponytail")
HAIR_KINDS = ("straight", "wavy", "curly")
EYE_COLOURS = ("dark_brown", "brown", "hazel", "green", "blue", "grey")
BEARDS = ("none", "stubble", "moustache", "goatee", "short", "full")
GLASSES = ("none", "round", "rectangular", "aviator", "sun")
HATS = ("none", "beanie", "brim", "cap")
EARRINGS = ("none", "stud", "hoop", "drop")
EXPRESSIONS = ("neutral", "slight_smile", "smile", "laugh", "surprise", "sad", "stern")
NECKLINES = ("crew", "v", "wide", "turtleneck", "shirt", "hood")
CLOTH_PATTERNS = ("plain", "stripes", "check", "speckle", "heather")
BACKGROUNDS = ("plain", "studio", "indoor", "foliage", "street", "sky")
LIGHTS = ("soft", "window", "side", "sun", "overcast")

RARE = 0.25  # share of pictures with glasses, with a hat, with earrings: GANs drop rarer parts


@dataclass
class Attributes:
    """One head. Categorical attributes are names; the others are numbers in the unit given."""

    skin_tone: int            # Monk Skin Tone, 1 (lightest) to 10 (darkest), evenly
    skin_redness: float       # 0 to 1
    freckles: float           # 0 (none, four in five) to 1
    age: float                # apparent age in years, 18 to 85
    face_outline: str         # one of FACE_OUTLINES
    face_angularity: float    # 0 = soft features, 1 = angular features
    face_width: float         # -1 = narrow, 1 = wide
    features_a: float         # weights of three sets of facial features; they add up to 1
    features_b: float
    features_c: float
    hair_colour: str
    hair_style: str
    hair_kind: str
    eye_colour: str
    brow_thickness: float     # 0 to 1
    beard: str
    lip_colour: float         # 0 = bare lips, 1 = strongly painted
    expression: str
    smile: float              # 0 to 1
    mouth_open: float         # 0 to 1
    glasses: str
    hat: str
    earrings: str
    neckline: str
    cloth_pattern: str
    background: str
    light: str
    light_side: float         # degrees: where the main light comes from; positive = right of the picture
    yaw: float                # degrees, camera around the head, at most 22
    pitch: float              # degrees, at most 12
    roll: float               # degrees, at most 4

    # measured from the finished picture rather than drawn, so that subsets can be chosen by them
    background_red: float = 0.0    # mean sRGB of the background, 0 to 1
    background_green: float = 0.0
    background_blue: float = 0.0
    cloth_red: float = 0.0         # mean sRGB of the visible cloth, 0 to 1
    cloth_green: float = 0.0
    cloth_blue: float = 0.0

    def values(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _mostly_none(rng, names, share=RARE):
    return str(rng.choice(names[1:])) if rng.random() < share else names[0]


def _expression(rng):
    """Name of the expression, smile and opening of the mouth."""
    name = str(rng.choice(EXPRESSIONS, p=[0.24, 0.16, 0.24, 0.13, 0.09, 0.07, 0.07]))
    smile = {"slight_smile": rng.uniform(0.2, 0.5), "smile": rng.uniform(0.55, 0.95),
             "laugh": rng.uniform(0.8, 1.0)}.get(name, 0.0)
    mouth_open = {
        "slight_smile": rng.uniform(0, 0.05), "smile": rng.uniform(0.05, 0.35), "laugh": rng.uniform(0.5, 1.0),
        "surprise": rng.uniform(0.3, 1.0)
    }.get(name, max(0.0, rng.normal(-0.05, 0.08)))
    return name, float(smile), float(mouth_open)


def draw_attributes(seed: int) -> Attributes:
    """The attributes of head `seed`; each group has a random stream of its own."""
    def rng(name):
        return stream(seed, "attribute " + name)

    mixture = rng("features").dirichlet([0.7, 0.7, 0.7])
    expression, smile, mouth_open = _expression(rng("expression"))
    shape, pose, light = rng("shape"), rng("pose"), rng("light")
    side = float(light.choice([-1, 1]))
    light_kind = str(light.choice(LIGHTS, p=[0.30, 0.25, 0.10, 0.15, 0.20]))
    light_side = side * {"soft": light.uniform(5, 35), "window": light.uniform(30, 60), "side": light.uniform(60, 80),
                         "sun": light.uniform(15, 55), "overcast": light.uniform(0, 40)}[light_kind]
    return Attributes(
        skin_tone=int(rng("skin tone").integers(1, 11)),
        skin_redness=float(rng("redness").uniform()),
        freckles=float(rng("freckles").uniform(0.3, 1)) if rng("freckled").random() < 0.2 else 0.0,
        age=float(18 + 67 * rng("age").beta(1.1, 1.7)),
        face_outline=str(shape.choice(FACE_OUTLINES)),
        face_angularity=float(shape.beta(0.7, 0.7)),
        face_width=float(np.clip(shape.normal(0, 0.45), -1, 1)),
        features_a=float(mixture[0]),
        features_b=float(mixture[1]),
        features_c=float(mixture[2]),
        hair_colour=str(rng("hair colour").choice(HAIR_COLOURS, p=[0.2, 0.17, 0.15, 0.12, 0.12, 0.08, 0.1, 0.06])),
        hair_style=str(
            rng("hair style").choice(HAIR_STYLES,
                                     p=[0.05, 0.06, 0.11, 0.09, 0.09, 0.07, 0.08, 0.11, 0.14, 0.08, 0.06, 0.06])),
        hair_kind=str(rng("hair kind").choice(HAIR_KINDS, p=[0.42, 0.33, 0.25])),
        eye_colour=str(rng("eyes").choice(EYE_COLOURS, p=[0.28, 0.24, 0.12, 0.1, 0.16, 0.1])),
        brow_thickness=float(rng("brows").uniform()),
        beard=str(rng("beard").choice(BEARDS, p=[0.68, 0.08, 0.04, 0.05, 0.09, 0.06])),
        lip_colour=float(rng("lips").uniform(0.3, 1)) if rng("painted lips").random() < 0.3 else 0.0,
        expression=expression,
        smile=smile,
        mouth_open=mouth_open,
        glasses=_mostly_none(rng("glasses"), GLASSES),
        hat=_mostly_none(rng("hat"), HATS),
        earrings=_mostly_none(rng("earrings"), EARRINGS, 0.3),  # some hang out of sight behind hair
        neckline=str(rng("neckline").choice(NECKLINES, p=[0.26, 0.17, 0.12, 0.14, 0.23, 0.08])),
        cloth_pattern=str(rng("pattern").choice(CLOTH_PATTERNS, p=[0.4, 0.14, 0.12, 0.1, 0.24])),
        background=str(rng("background").choice(BACKGROUNDS, p=[0.16, 0.16, 0.22, 0.18, 0.16, 0.12])),
        light=light_kind,
        light_side=float(light_side),
        yaw=float(np.clip(pose.normal(0, 9), -22, 22)),
        pitch=float(np.clip(pose.normal(0, 4.5), -12, 12)),
        roll=float(np.clip(pose.normal(0, 1.8), -4, 4)),
    )
