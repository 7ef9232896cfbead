"""The model's frame: where the rendered heads have eyes and mouth, and how a photograph is brought there.

Three points fix a similarity transform: turn, scale and shift, nothing that would change a face's proportions. What
lies beyond the photograph's edge is filled with its mirror image, blurred, as in FFHQ (StyleGAN, arXiv 1812.04948,
appendix A).

Coordinates are in pixels of the upright photograph, right and down, the corner of the top left pixel being (0, 0).
"Left" is the left side of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from ssgan_lite.data.masks import reduce_masks

# Where the 2,500 shipped heads have the centers of their eyes and mouth, as shares of the picture: means over their
# masks; standard deviations are 0.008 for eyes and 0.015 for mouths.
LEFT_EYE, RIGHT_EYE, MOUTH = (0.397, 0.449), (0.603, 0.449), (0.500, 0.681)
OVERSAMPLE = 4              # the aligned crop is drawn so many times larger and then averaged


@dataclass(frozen=True)
class Landmarks:
    """Centers of the eyes and, if it is known, of the mouth."""

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]
    mouth: tuple[float, float] | None = None

    @property
    def points(self) -> np.ndarray:
        """[2 or 3, 2]"""
        return np.array([p for p in (self.left_eye, self.right_eye, self.mouth) if p is not None], float)


def frame_to_photo(landmarks: Landmarks) -> np.ndarray:
    """The similarity from the frame (0 to 1) to the photograph that fits these points best: [2, 3].

    As complex numbers, a similarity is q = a p + b, and least squares has the answer a = <p, q> / <p, p> for points
    measured from their means. With two eyes alone it is exact.
    """
    found = landmarks.points
    there = np.array([LEFT_EYE, RIGHT_EYE, MOUTH][:len(found)])
    p, q = (points[:, 0] + 1j * points[:, 1] for points in (there, found))
    p_mean, q_mean = p.mean(), q.mean()
    a = np.vdot(p - p_mean, q - q_mean) / np.vdot(p - p_mean, p - p_mean)
    b = q_mean - a * p_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def crop(photo: Image.Image, transform: np.ndarray, size: int, oversample: int = OVERSAMPLE) -> Image.Image:
    """What the frame shows of a photograph, RGB size x size; beyond its edge the mirror image, blurred."""
    side = float(np.hypot(transform[0, 0], transform[1, 0]))                  # of the frame, in photograph's pixels
    shrink = max(1, int(side / (oversample * size)))
    if shrink > 1:                                                         # large photographs: average first
        photo, transform, side = photo.reduce(shrink), transform / shrink, side / shrink
    corners = transform @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])                 # [2, 4]
    low, high = np.floor(corners.min(1)).astype(int) - 2, np.ceil(corners.max(1)).astype(int) + 2
    # The part of the plane that is needed, mirrored where there is no photograph. Positions outside are folded back.
    columns, rows = (_fold(np.arange(a, b), n) for a, b, n in zip(low, high, photo.size, strict=True))
    pixels = Image.fromarray(np.asarray(photo)[np.ix_(rows, columns)])
    if low.min() < 0 or (high > photo.size).any():
        inside = Image.new("L", pixels.size, 0)
        inside.paste(255, (int(-low[0]), int(-low[1]), int(photo.width - low[0]), int(photo.height - low[1])))
        blurred = pixels.filter(ImageFilter.GaussianBlur(side / 24))
        pixels = Image.composite(pixels, blurred, inside.filter(ImageFilter.GaussianBlur(side / 64)))
    large = oversample * size
    matrix = transform.copy() / [[large, large, 1]] - [[0, 0, low[0]], [0, 0, low[1]]]
    turned = pixels.transform((large, large), Image.Transform.AFFINE, tuple(matrix.flatten()),
                              Image.Resampling.BICUBIC)
    return turned.resize((size, size), Image.Resampling.BOX)


def crop_mask(ids: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """The same of a mask [H, W]; what lies beyond its edge is background. uint8 [size, size]"""
    large = OVERSAMPLE * size
    matrix = transform / [[large, large, 1]]
    turned = Image.fromarray(ids).transform((large, large), Image.Transform.AFFINE, tuple(matrix.flatten()),
                                            Image.Resampling.NEAREST)
    return reduce_masks(np.asarray(turned)[None], OVERSAMPLE)[0]


def to_tensor(picture: Image.Image) -> Tensor:
    """RGB -> [3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture, np.float32).transpose(2, 0, 1).copy()) / 127.5 - 1


def _fold(positions: np.ndarray, n: int) -> np.ndarray:
    """Positions on an endless line mirrored into 0 ... n - 1."""
    positions = np.mod(positions, 2 * n)
    return np.where(positions < n, positions, 2 * n - 1 - positions)
