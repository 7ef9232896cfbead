"""Eyes and mouth in a photograph: checked where they are given, else found by the parser."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.invert.frame import LEFT_EYE, MOUTH, OVERSAMPLE, RIGHT_EYE, Landmarks, crop, frame_to_photo, to_tensor
from ssgan_lite.measure.parser import Parser
from ssgan_lite.parts import PARTS

# Sides of the windows in which a face is looked for, as shares of the photograph's shorter side.
SEARCH = ((1.25, 1.0, 0.8), (0.64, 0.5), (0.4,))
STRIDE = 0.16               # from one window to the next, as a share of its side: the parser dislikes shifted heads
TOLERANCE = 0.22            # how far, in eye distances, found points may be from a face's, on average
# The parser finds eyes and mouths everywhere, in noise too; but what it makes up looks different in the mirror.
# The share of certainty that a picture and its mirror image have in common is 0.90 to 0.96 for 40 heads in the frame,
# 0.6 to 0.82 for noise, smooth blots, blocks and heads cut off, up to 0.89 for heads upside down.
CONSISTENCY = 0.84
SURE = 0.86                 # score (consistency less half the misfit) from which no smaller windows are looked at
CANDIDATES, REFINEMENTS = 16, 2         # windows that are followed up, and how often the frame is found anew
PIECE = 4                   # windows between two pauses of the search


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
    """Eyes and mouth as the parser sees them; a `UserError` where it sees none. See `search_face`."""
    search = search_face(photo, parser)
    while True:
        try:
            next(search)
        except StopIteration as end:
            if end.value is None:
                raise UserError(f'No face was found in "{name}". Say where its eyes and mouth are: in the editor by '
                                "three clicks, or with --eyes x,y,x,y --mouth x,y.") from None
            return end.value


def search_face(photo: Image.Image, parser: Parser) -> Generator[None, None, Landmarks | None]:
    """The search, in pieces of a fraction of a second: it yields between them and returns what was found, or None.

    The parser looks at windows, the largest first, and then again in the frame of the best ones. What it takes for
    eyes and a mouth must also be arranged as a face's are (`TOLERANCE`). A face found beyond doubt ends the search:
    in a portrait, after the first dozen of windows.
    """
    shrink = max(1, min(photo.size) // (2 * OVERSAMPLE * parser.size))
    small, seen = photo.reduce(shrink), []
    for windows in _windows(small):
        for some in windows.split(PIECE):
            seen += [(found.score, found, window) for window, found in
                     zip(some, _look(small, some, parser), strict=True) if found is not None]
            yield
        best, best_score = None, 0.0
        for _, found, window in sorted(seen, key=lambda entry: -entry[0])[:CANDIDATES]:
            here = _to_photo(found.landmarks, window.numpy())
            for _ in range(REFINEMENTS):
                transform = frame_to_photo(here)
                [found] = _look(small, torch.from_numpy(transform)[None], parser)
                yield
                if found is None:
                    break
                here = _to_photo(found.landmarks, transform)
            if found is not None and found.consistency >= CONSISTENCY and found.score > best_score:
                best, best_score = here, found.score
        if best is not None and best_score >= SURE:
            break
    if best is None:
        return None
    return Landmarks(*(tuple(shrink * x for x in point) for point in (best.left_eye, best.right_eye, best.mouth)))


@dataclass(frozen=True)
class _Found:
    landmarks: Landmarks
    misfit: float               # in eye distances
    consistency: float          # of the parser with itself in the mirror

    @property
    def score(self) -> float:
        return self.consistency - 0.5 * self.misfit


def _windows(photo: Image.Image) -> list[Tensor]:
    """Square windows all over a photograph, large ones, then smaller ones: [K, 2, 3] each, frame to photograph."""
    found = []
    for shares in SEARCH:
        found.append([])
        for share in shares:
            side = share * min(photo.size)
            places = []
            for n in photo.size:
                count = 1 + int(np.ceil(max(0.0, n - side) / (STRIDE * side)))
                places.append(np.linspace(0, n - side, count) if count > 1 else [(n - side) / 2])
            found[-1] += [[[side, 0, x], [0, side, y]] for y in places[1] for x in places[0]]
    return [torch.tensor(np.array(windows, float)) for windows in found]


@torch.no_grad()
def _look(photo: Image.Image, transforms: Tensor, parser: Parser) -> list[_Found | None]:
    """What the parser sees in every window, in the window's own coordinates; None where it is no face."""
    images = torch.stack([to_tensor(crop(photo, transform.numpy(), parser.size, 2)) for transform in transforms])
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
