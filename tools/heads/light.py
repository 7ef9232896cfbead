"""Light: a surrounding glow and up to three area lights, by kind.

The glow is a small picture of what surrounds the head (brighter above, bounced light below, the
window on its side), which gives soft shadows under chin and brows. The fill never falls below a
seventh of the main light, so that faces lit from one side neither burn out nor sink into black.
"""

from dataclasses import dataclass

import numpy as np

from .attributes import Attributes
from .randomness import stream


@dataclass
class AreaLight:
    position: np.ndarray     # [3] metres, relative to the face
    size: float              # half the side of a square that faces the head, metres
    radiance: np.ndarray     # [3] linear RGB


@dataclass
class Lighting:
    glow: np.ndarray         # [16, 32, 3] linear radiance, latitude by longitude, top row = up
    area_lights: list


def _from_angles(azimuth, elevation, distance):
    a, e = np.radians(azimuth), np.radians(elevation)
    return distance * np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])


def _warmth(kelvin_shift):
    """White balance left in the picture: positive is warm. Linear RGB factors."""
    return np.array([1 + kelvin_shift, 1.0, 1 - 1.1 * kelvin_shift])


def _glow(above, level, below, side_azimuth, side_strength):
    """A dome of light. Colours [3] for straight up, the horizon and straight down."""
    latitude = np.linspace(np.pi / 2, -np.pi / 2, 16)[:, None, None]
    longitude = np.linspace(-np.pi, np.pi, 32, endpoint=False)[None, :, None]
    t = np.sin(latitude)
    dome = np.where(t > 0, level * (1 - t) + above * t, level * (1 + t) - below * t)
    facing = np.cos(latitude) * np.cos(longitude - np.radians(side_azimuth))
    return dome * (1 + side_strength * np.clip(facing, 0, 1) ** 2)


def make_lighting(attributes: Attributes, seed: int) -> Lighting:
    """The lights of one picture. Azimuth 0 is in front of the face; positive is the head's left,
    which is the right of the picture."""
    rng = stream(seed, "light")
    kind = attributes.light
    outdoors = attributes.background in ("foliage", "street", "sky")
    # A head turned from the camera is lit from between the two.
    azimuth = attributes.light_side + 0.5 * attributes.yaw
    side = np.sign(azimuth) or 1.0
    warm = rng.normal(.06, .06) if not outdoors else rng.normal(.01, .05)
    key_elevation, key_size, key_power, ambient = {
        "soft": (rng.uniform(20, 45), rng.uniform(.45, .7), 1.0, rng.uniform(.14, .28)),
        "window": (rng.uniform(5, 30), rng.uniform(.4, .7), 1.0, rng.uniform(.10, .20)),
        "side": (rng.uniform(5, 35), rng.uniform(.3, .6), 1.0, rng.uniform(.08, .13)),
        "sun": (rng.uniform(30, 55), rng.uniform(.12, .25), 1.15, rng.uniform(.18, .32)),
        "overcast": (rng.uniform(50, 70), rng.uniform(.7, .9), .7, rng.uniform(.32, .55)),
    }[kind]
    key_colour = _warmth(warm + (.05 if kind == "sun" else 0))
    fill_colour = _warmth(-.04 if outdoors else warm * rng.uniform(-.3, 1.0))
    ground = _warmth(rng.uniform(0, .12)) * rng.uniform(.3, .7)
    sky = fill_colour * (1.35 if outdoors else 1.0)
    glow = ambient * _glow(sky, .8 * fill_colour, ground, azimuth, rng.uniform(.2, 1.0))
    key_distance = 1.5
    # Irradiance on the face is about radiance * area / distance^2; keep the key's at key_power.
    key = AreaLight(_from_angles(azimuth, key_elevation, key_distance), key_size,
                    key_power * 2.2 * key_distance**2 / (4 * key_size**2) * key_colour)
    fill = AreaLight(_from_angles(-side * rng.uniform(20, 60), rng.uniform(-5, 20), 1.7), .7,
                     rng.uniform(.25, .6) * fill_colour * {"soft": 1.0, "window": .8, "side": .45}.get(kind, .4))
    rim_power = rng.uniform(2, 6) if rng.random() < .55 else 0.1
    rim = AreaLight(_from_angles(-side * rng.uniform(115, 160), rng.uniform(15, 50), 1.4), .3,
                    rim_power * _warmth(rng.normal(0, .05)))
    return Lighting(np.clip(glow, 1e-3, None), [key, fill, rim])
