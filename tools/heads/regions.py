"""Regions of the neutral head: which vertex is lip, nose, ear, brow, beard, scalp, ...

Measured once on the neutral head, in its coordinates (metres; the face looks towards -y, the
chin is at z = 0.56, the eyes at 0.664, the crown at 0.77), and valid for every head, because all
heads share their vertices.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .geometry import smoothstep
from .template import load_template
from .vocabulary import EARS, FACE, MOUTH, NECK, NOSE

# Height of the hairline by azimuth (degrees from the front) around the head.
_HAIRLINE_AZIMUTH = np.radians([0, 28, 46, 58, 68, 78, 86, 96, 108, 125, 150, 180])
_HAIRLINE_HEIGHT = np.array([.7365, .736, .727, .706, .680, .652, .640, .660, .642, .612, .592, .586])


def azimuth(points):
    """Angle [N] from straight ahead (0) to the back of the head (pi), the same left and right."""
    return np.arctan2(np.abs(points[:, 0]), -(points[:, 1] + 0.10))


def hairline_height(points, raised=0.0, receding=0.0):
    """Height of the hairline in the direction of each point. `receding` lifts the temples."""
    angle = azimuth(points)
    height = np.interp(angle, _HAIRLINE_AZIMUTH, _HAIRLINE_HEIGHT)
    height += raised * np.clip(1 - angle / np.radians(75), 0, 1)
    return height + receding * np.exp(-((angle - np.radians(42)) / 0.35) ** 2)


def brow_line(half_x):
    """Height of the middle of the brow at |x|."""
    return np.interp(half_x, [.008, .014, .026, .038, .048, .056], [.6820, .6832, .6860, .6872, .6842, .6785])


@dataclass
class Regions:
    """Weights in [0, 1] at the vertices [S] of the neutral skin, and label bounds."""

    neutral: np.ndarray       # [S, 3]
    half_x: np.ndarray        # |x|
    lips: np.ndarray
    ears: np.ndarray
    nose: np.ndarray
    neck: np.ndarray
    mouth_lining: np.ndarray  # inside the mouth
    cheeks: np.ndarray
    nose_tip: np.ndarray
    jaw_height: np.ndarray    # height of the edge of the jaw at each vertex's y
    labels: np.ndarray        # part of the bare skin: face, nose, ears, mouth, neck

    def spot(self, x, z, width, height, front=-0.13):
        """A soft elliptical spot on both halves of the face around |x|, z."""
        distance = ((self.half_x - x) / width) ** 2 + ((self.neutral[:, 2] - z) / height) ** 2
        return np.exp(-distance) * (self.neutral[:, 1] < front)

    def brows(self, thickness, lift=0.0, tilt=0.0):
        """Weight of the brows; `thickness` 1 is ordinary, `lift` and `tilt` (of the outer end) metres."""
        x = self.half_x
        z = self.neutral[:, 2] - lift - tilt * (x - .03) / .025
        half_height = np.interp(x, [.009, .013, .02, .036, .048, .055], [.0005, .0038, .0042, .0034, .0022, .0003])
        distance = np.abs(z - brow_line(x)) / np.maximum(half_height * thickness, 1e-5)
        inside = (x > .009) & (x < .055) & (self.neutral[:, 1] < -.15)
        return np.where(inside, smoothstep(-distance, -1.25, -0.75), 0.0)

    def beard(self, kind):
        """Where a beard of this kind grows ("moustache", "goatee", or the whole of it)."""
        x, y, z = self.half_x, self.neutral[:, 1], self.neutral[:, 2]
        upper_edge = np.interp(x, [0, .018, .03, .045, .062, .075], [.6125, .611, .602, .606, .632, .66])
        area = smoothstep(upper_edge - z, -.004, .004) * (1 - np.clip(self.lips * 2, 0, 1))
        area *= smoothstep(z - self.jaw_height, -.02, 0.0) * (y < -.105)
        area *= 1 - .6 * np.exp(-(x / .006) ** 2 - ((z - .583) / .004) ** 2)
        moustache = smoothstep(z, .598, .602) * (x < .032)
        chin = np.exp(-((x / .021) ** 4)) * smoothstep(-z, -.600, -.594)
        if kind == "moustache":
            return area * moustache
        if kind == "goatee":
            return area * np.maximum(chin, moustache * (x < .027))
        return area

    def above_hairline(self, raised, receding):
        """Signed height [S] above the hairline; ears lie below it."""
        height = self.neutral[:, 2] - hairline_height(self.neutral, raised, receding)
        return np.where(self.ears > 0.35, -1.0, height)


@lru_cache
def load_regions() -> Regions:
    template = load_template()
    neutral = template.skin.neutral
    x, y, z = np.abs(neutral[:, 0]), neutral[:, 1], neutral[:, 2]
    lips = template.regions["lips"] * (y < -.19)
    ears = np.where(x > .063, template.regions["ears"], 0) * (z > .6)
    rim = (x > .0695) & (z > .6) & (z < .68) & (y > -.15) & (y < -.06)
    ears = np.where(rim, np.maximum(ears, smoothstep(x, .0695, .072)), ears)
    nose_half_width = np.interp(z, [.607, .6105, .6145, .620, .630, .640, .655, .668, .674],
                                [0, .009, .0155, .0195, .0185, .0135, .0095, .008, 0])
    nose = ((x < nose_half_width) & (y < -.183)).astype(float)
    jaw_height = np.interp(y, [-.2, -.115, -.09], [.5605, .606, .612])
    neck = z < jaw_height
    lining = (template.regions["inside_mouth"] > .5) & (y > -.2035) & (z > .555) & (z < .65) & (x < .04)
    labels = np.full(len(neutral), FACE)
    for part, where in ((NECK, neck), (NOSE, nose > .5), (EARS, ears > .5), (MOUTH, (lips > .5) | lining)):
        labels[where] = part
    cheeks = np.exp(-(((x - .042) / .016) ** 2 + ((z - .63) / .016) ** 2)) * (y < -.13)
    nose_tip = np.exp(-((x / .016) ** 2 + ((z - .628) / .014) ** 2)) * (y < -.19)
    return Regions(neutral, x, lips, ears, nose, neck.astype(float), lining, cheeks, nose_tip, jaw_height, labels)
