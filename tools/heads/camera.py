"""The camera: a portrait lens, framed like aligned CelebA-HQ.

The midpoint of the eyes always falls on the same place of the picture, and the face (hairline
to chin) takes about 63 % of its height. Turning the head is done by moving the camera.
"""

from dataclasses import dataclass

import numpy as np

from .attributes import Attributes
from .geometry import normalise
from .head import Head
from .randomness import stream

EYES_AT = (0.5, 0.445)     # place of the eyes' midpoint: fractions of width and height from the top left
FACE_SHARE = 0.63         # hairline to chin as a share of the picture's height
DISTANCE = 1.25           # metres from camera to eyes: a short telephoto's perspective


@dataclass
class Camera:
    position: np.ndarray     # [3] metres
    target: np.ndarray       # [3]: the midpoint of the eyes
    up: np.ndarray           # [3]
    view_height: float       # metres that the picture spans at the distance of the eyes

    @property
    def field_of_view(self) -> float:
        """Degrees, the same across and up: pictures are square."""
        return float(np.degrees(2 * np.arctan(self.view_height / 2 / DISTANCE)))

    def axes(self):
        forward = normalise(self.target - self.position)
        right = normalise(np.cross(forward, self.up))
        return right, np.cross(right, forward), forward

    def project(self, points):
        """Points [N, 3] -> places in the picture [N, 2], fractions from the top left."""
        right, up, forward = self.axes()
        offset = points - self.position
        scale = DISTANCE / (offset @ forward) / self.view_height
        return np.stack([EYES_AT[0] + offset @ right * scale, EYES_AT[1] - offset @ up * scale], -1)


def view_direction(attributes: Attributes) -> np.ndarray:
    """Unit vector from the head towards the camera."""
    yaw, pitch = np.radians(attributes.yaw), np.radians(attributes.pitch)
    return np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])


def place_camera(head: Head, attributes: Attributes, seed: int) -> Camera:
    rng = stream(seed, "camera")
    eyes = head.eye_centres.mean(0)
    hairline, chin = head.from_neutral(np.array([[0, -.18, .7365], [0, -.19, .5595]]))
    jaw_front = head.skin[(head.regions.half_x < .01) & (head.regions.neutral[:, 1] < -.17) &
                          (np.abs(head.regions.neutral[:, 2] - .565) < .012)]
    height = hairline[2] - (0.5 * chin[2] + 0.5 * jaw_front[:, 2].min())
    towards = view_direction(attributes)
    roll = np.radians(attributes.roll)
    across = normalise(np.cross([0, 0, 1.0], towards))
    up = np.cos(roll) * np.array([0, 0, 1.0]) + np.sin(roll) * across
    return Camera(eyes + DISTANCE * towards, eyes, up, float(height / FACE_SHARE * rng.uniform(.98, 1.04)))
