"""From any photograph to the model's frame: eyes and mouth where the rendered heads have them.

Three points (two eyes and a mouth, clicked, given as numbers, or found by the parser) fix a similarity transform:
turn, scale and shift, nothing that would change a face's proportions. What lies beyond the photograph's edge is
filled with its mirror image, blurred, as in FFHQ (StyleGAN, arXiv 1812.04948, appendix A).

Coordinates are in pixels of the upright photograph, right and down, the corner of the top left pixel being (0, 0).
"Left" is the left side of the picture.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from ssgan_lite.data.decode import as_rgb, open_picture
from ssgan_lite.data.masks import mask_ids, reduce_masks
from ssgan_lite.errors import UserError
from ssgan_lite.measure.parser import Parser, load_parser, parse
from ssgan_lite.parts import PARTS

# Where the 2,500 shipped heads have the centers of their eyes and mouth, as shares of the picture: means over their
# masks; standard deviations are 0.008 for eyes and 0.015 for mouths.
LEFT_EYE, RIGHT_EYE, MOUTH = (0.397, 0.449), (0.603, 0.449), (0.500, 0.681)
SMALLEST = 16               # pixels of the shorter side; with fewer there is no face to be seen
OVERSAMPLE = 4              # the aligned crop is drawn so many times larger and then averaged
SEARCH = (1.25, 1.0, 0.8, 0.64, 0.5, 0.4)        # sides of the windows in which a face is looked for
STRIDE = 0.16               # from one window to the next, as a share of its side: the parser dislikes shifted heads
TOLERANCE = 0.22            # how far, in eye distances, found points may be from a face's, on average
# The parser finds eyes and mouths everywhere, in noise too; but what it makes up looks different in the mirror.
# The share of certainty that a picture and its mirror image have in common is 0.90 to 0.96 for 40 heads in the frame,
# 0.6 to 0.82 for noise, smooth blots, blocks and heads cut off, up to 0.89 for heads upside down.
CONSISTENCY = 0.84
CANDIDATES, REFINEMENTS = 16, 2         # windows that are followed up, and how often the frame is found anew


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


@dataclass
class Aligned:
    """A face in the model's frame."""

    image: Tensor                   # [1, 3, R, R] in [-1, 1]
    mask: Tensor                    # [1, R, R] part ids, from the user or the parser
    landmarks: Landmarks | None     # None: the picture was in the frame already
    photo: Image.Image              # upright, RGB
    name: str


def read_photo(source: str | os.PathLike | Image.Image, name: str | None = None) -> Image.Image:
    """An upright RGB picture from whatever Pillow opens: EXIF rotation, CMYK, 16 bits, transparency, animations."""
    if isinstance(source, Image.Image):
        photo, name = as_rgb(source, name or "the picture"), name or "the picture"
    else:
        photo, name = as_rgb(open_picture(Path(source)), Path(source).name), Path(source).name
    if min(photo.size) < SMALLEST:
        raise UserError(f'"{name}" is {photo.width} x {photo.height} pixels: too small for a face. Take a picture of '
                        f"at least {SMALLEST} x {SMALLEST}.")
    return photo


def align(source: str | os.PathLike | Image.Image, size: int, landmarks: Landmarks | None = None,
          mask: str | os.PathLike | Image.Image | None = None, framed: bool = False, parser: Parser | None = None,
          n_parts: int = len(PARTS)) -> Aligned:
    """A photograph as the model needs it, with a mask of its parts.

    landmarks  eyes and mouth; None lets the parser look for them
    mask       the user's own, of the size of the photograph or of the aligned picture; None: the parser's
    framed     the picture is in the frame already, such as a rendered head: it is only cut square and resized
    """
    name = Path(source).name if not isinstance(source, Image.Image) else "the picture"
    photo = read_photo(source)
    parser = parser or load_parser()
    drawn = None
    if mask is not None:
        mask_name = Path(mask).name if not isinstance(mask, Image.Image) else "the mask"
        picture = mask if isinstance(mask, Image.Image) else open_picture(Path(mask))
        drawn = mask_ids(picture, mask_name, None)                                             # [H, W]
        if drawn.max() >= n_parts:
            raise UserError(f'The mask "{mask_name}" has class {drawn.max()}; this model has parts 0 to '
                            f"{n_parts - 1}.")
        if drawn.shape not in ((photo.height, photo.width), (size, size)):
            raise UserError(f'The mask "{mask_name}" is {drawn.shape[1]} x {drawn.shape[0]} pixels. It must be as '
                            f'large as "{name}" ({photo.width} x {photo.height}) or as the aligned picture ({size} x '
                            f"{size}).")
    if framed:
        side = min(photo.size)
        transform = np.array([[1, 0, (photo.width - side) / 2], [0, 1, (photo.height - side) / 2]], float) * side
        transform[:, 2] /= side
        landmarks = None
    else:
        landmarks = check_landmarks(landmarks, photo, name) if landmarks else find_face(photo, parser, name)
        transform = frame_to_photo(landmarks)
    image = to_tensor(crop(photo, transform, size))[None]                                      # [1, 3, R, R]
    if drawn is None:
        ids = parse_face(image, parser)[0]
    elif drawn.shape == (size, size) and photo.size != (size, size):
        ids = torch.from_numpy(drawn)
    else:
        ids = torch.from_numpy(crop_mask(drawn, transform, size))
    return Aligned(image, ids[None].long(), landmarks, photo, name)


def parse_face(images: Tensor, parser: Parser | None = None) -> Tensor:
    """What the parser takes for the parts of faces in the frame: [N, 3, R, R] -> part ids [N, R, R]."""
    ids = parse(parser or load_parser(), images)                                               # [N, r, r], r <= 64
    factor = images.shape[-1] // ids.shape[-1]
    return ids.repeat_interleave(factor, 1).repeat_interleave(factor, 2).long()


# --- the transform --------------------------------------------------------------------------------------------------

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


def crop(photo: Image.Image, transform: np.ndarray, size: int) -> Image.Image:
    """What the frame shows of a photograph, RGB size x size; beyond its edge the mirror image, blurred."""
    side = float(np.hypot(transform[0, 0], transform[1, 0]))                  # of the frame, in photograph's pixels
    shrink = max(1, int(side / (OVERSAMPLE * size)))
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
    large = OVERSAMPLE * size
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


# --- eyes and mouth -------------------------------------------------------------------------------------------------

def check_landmarks(landmarks: Landmarks, photo: Image.Image, name: str) -> Landmarks:
    """Points inside the photograph that can be a face's, the left eye first."""
    for what, point in (("left eye", landmarks.left_eye), ("right eye", landmarks.right_eye),
                        ("mouth", landmarks.mouth)):
        if point is None:
            continue
        x, y = point
        if not (np.isfinite(x) and np.isfinite(y) and 0 <= x <= photo.width and 0 <= y <= photo.height):
            raise UserError(f'The {what} at ({x:g}, {y:g}) lies outside "{name}", which is {photo.width} x '
                            f"{photo.height} pixels.")
    left, right = (np.array(p, float) for p in (landmarks.left_eye, landmarks.right_eye))
    apart = float(np.hypot(*(right - left)))
    if apart < 2:
        raise UserError(f'The two eyes in "{name}" are {apart:.1f} pixels apart; point at the middle of each.')
    if right[0] < left[0]:
        landmarks = Landmarks(landmarks.right_eye, landmarks.left_eye, landmarks.mouth)
        left, right = right, left
    if landmarks.mouth is not None:
        along, down = right - left, np.array(landmarks.mouth) - (left + right) / 2
        if (along[0] * down[1] - along[1] * down[0]) / apart**2 < 0.2:      # the mouth's height in eye distances
            raise UserError(f'The mouth in "{name}" is not below the eyes. Turn the picture upright, or point again: '
                            "two eyes, then the mouth.")
    return landmarks


def find_face(photo: Image.Image, parser: Parser, name: str = "the picture") -> Landmarks:
    """Eyes and mouth as the parser sees them: in windows of several sizes, then again in the frame of the best one.

    The parser has learnt rendered heads only; whatever it takes for eyes and a mouth must also be arranged as a
    face's are (`TOLERANCE`).
    """
    shrink = max(1, min(photo.size) // (2 * OVERSAMPLE * parser.size))
    small = photo.reduce(shrink)
    windows = _windows(small)
    looked = zip(windows, [found for some in windows.split(32) for found in _look(small, some, parser)], strict=True)
    likely = sorted(((found.score, found, window) for window, found in looked if found is not None),
                    key=lambda entry: -entry[0])[:CANDIDATES]
    best, best_score = None, 0.0
    for _, found, window in likely:
        here = _to_photo(found.landmarks, window.numpy())
        for _ in range(REFINEMENTS):
            transform = frame_to_photo(here)
            [found] = _look(small, torch.from_numpy(transform)[None], parser)
            if found is None:
                break
            here = _to_photo(found.landmarks, transform)
        if found is not None and found.consistency >= CONSISTENCY and found.score > best_score:
            best, best_score = here, found.score
    if best is None:
        raise UserError(f'No face was found in "{name}". Say where its eyes and mouth are: in the editor by three '
                        "clicks, or with --eyes x,y,x,y --mouth x,y.")
    return Landmarks(*(tuple(shrink * x for x in point) for point in (best.left_eye, best.right_eye, best.mouth)))


@dataclass(frozen=True)
class _Found:
    landmarks: Landmarks
    misfit: float               # in eye distances
    consistency: float          # of the parser with itself in the mirror

    @property
    def score(self) -> float:
        return self.consistency - 0.5 * self.misfit


def _windows(photo: Image.Image) -> Tensor:
    """Square windows of several sizes all over a photograph, large ones first: [K, 2, 3], frame to photograph."""
    found = []
    for share in SEARCH:
        side = share * min(photo.size)
        places = []
        for n in photo.size:
            count = 1 + int(np.ceil(max(0.0, n - side) / (STRIDE * side)))
            places.append(np.linspace(0, n - side, count) if count > 1 else [(n - side) / 2])
        found += [[[side, 0, x], [0, side, y]] for y in places[1] for x in places[0]]
    return torch.tensor(np.array(found, float))


@torch.no_grad()
def _look(photo: Image.Image, transforms: Tensor, parser: Parser) -> list[_Found | None]:
    """What the parser sees in every window, in the window's own coordinates; None where it is no face."""
    images = torch.stack([to_tensor(crop(photo, transform.numpy(), parser.size)) for transform in transforms])
    seen = torch.softmax(parser(images), 1)                                                    # [K, P, 64, 64]
    found: list = [points_of_mask(ids) for ids in seen.argmax(1)]
    rows = [row for row, points in enumerate(found) if points is not None and points[1] < TOLERANCE]
    result: list[_Found | None] = [None] * len(found)
    if rows:
        mirrored = torch.softmax(parser(images[rows].flip(-1)), 1).flip(-1)
        for row, same in zip(rows, (seen[rows] * mirrored).sum(1).mean((1, 2)).tolist(), strict=True):
            result[row] = _Found(*found[row], same)
    return result


def points_of_mask(ids: Tensor) -> tuple[Landmarks, float] | None:
    """Centers of eyes and mouth in a mask [R, R], as shares of it, and their misfit in eye distances; or None.

    The eyes, one part, are told apart by the middle between the leftmost and the rightmost of their pixels.
    """
    size = ids.shape[-1]
    eyes, mouth = ((ids == PARTS[name].id).nonzero().flip(1).double() + 0.5 for name in ("eyes", "mouth"))
    if len(mouth) < 2 or len(eyes) < 2:
        return None
    middle = (eyes[:, 0].min() + eyes[:, 0].max()) / 2
    left, right = eyes[eyes[:, 0] < middle], eyes[eyes[:, 0] >= middle]
    if not len(left) or not len(right):
        return None
    points = torch.stack([x.mean(0) for x in (left, right, mouth)]).numpy() / size             # [3, 2]
    landmarks = Landmarks(*map(tuple, points.tolist()))
    there, fit = np.array([LEFT_EYE, RIGHT_EYE, MOUTH]), frame_to_photo(landmarks)
    apart = np.hypot(fit[0, 0], fit[1, 0]) * (RIGHT_EYE[0] - LEFT_EYE[0])
    if fit[0, 0] <= 0 or apart < 2 / size or abs(fit[1, 0]) > fit[0, 0]:    # upside down, tiny, or turned by over 45
        return None
    wrong = points - (there @ fit[:, :2].T + fit[:, 2])
    return landmarks, float(np.sqrt(np.square(wrong).sum(1).mean()) / apart)


def _to_photo(landmarks: Landmarks, transform: np.ndarray) -> Landmarks:
    """Points of a window in the photograph's pixels."""
    return Landmarks(*(tuple((transform[:, :2] @ np.array(p) + transform[:, 2]).tolist())
                       for p in (landmarks.left_eye, landmarks.right_eye, landmarks.mouth)))


def parse_numbers(text: str, count: Sequence[int], what: str) -> list[float]:
    """"120,140,200,138" as numbers, `count` of them."""
    try:
        numbers = [float(x) for x in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in count:
        raise UserError(f'{what} "{text}" is not understood. Write {" or ".join(map(str, count))} numbers with '
                        "commas between them, in pixels from the top left corner.")
    return numbers
