"""The upscaler: small faces at display size, with edges between parts that stay sharp.

Plain interpolation blurs every edge over a pixel of the model, which is 8 pixels of the screen. The mask says where
the edges are, so each part is enlarged by itself (as joint bilateral upsampling does; Kopf et al., "Joint Bilateral
Upsampling", 2007): its colors go on smoothly beyond its border, and where it ends is decided at display size, by the
enlarged mask scores. Where two parts hardly differ in color, such as face and nose, there is no edge to sharpen, and
the step from one to the other is as soft as interpolation makes it; and parts of a few pixels, such as eyes, go with
what is around them.

All pictures that people look at come through here: the editor's, exported ones, films and cards. Measures and losses
see what the model made.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.edit.backdrop import SHOWN, Backdrop, without_islands
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.pictures import to_image

SOFTNESS = 0.8          # standard deviation of the smoothing of mask scores, in pixels of the model
SHARP = 6.0             # how much steeper than interpolated an edge between two colors is
SAME, OTHER = 0.12, 0.45        # difference of two colors that is no edge, and one that is: means of 3 channels, of 2
SMALL = 0.025           # share of the picture below which a part goes with what surrounds it
REACH = 3               # pixels of the model by which a part's colors go on beyond its border


def shown(face: Session, state: FaceState | None = None, size: int = SHOWN) -> np.ndarray:
    """The first face of a session, or of one of its states, at display size, backdrop included: uint8 [S, S, 3]."""
    state = state or face.state
    out = face.render(replace(state, backdrop=None))        # computed anew only if the codes are
    return to_image(upscale(out.image[0], out.mask[0], size, state.backdrop))


@torch.no_grad()
def upscale(image: Tensor, scores: Tensor, size: int = SHOWN, backdrop: Backdrop | None = None) -> Tensor:
    """An image [3, R, R] with its mask scores [P, R, R], enlarged to [3, S, S], S = max(R, size).

    backdrop: takes the place of the background, whose border is then as sharp as that of any part.
    """
    n_parts, resolution, _ = scores.shape
    image = image.float().clamp(-1, 1)
    if size <= resolution:
        return image if backdrop is None else backdrop.behind(image[None], scores[None])[0]
    scores = scores.float().clamp(-1, 1)
    if backdrop is not None:                                # an eye that the mask lost is no hole in the head
        wall = (scores.argmax(0) == 0).float()
        scores = scores.clone()
        scores[0] -= 3 * (wall - without_islands(wall[None])[0])
    own = F.one_hot(scores.argmax(0), n_parts).movedim(2, 0).float()                           # [P, R, R]
    hosts = _hosts(own)
    smooth, soft = _resampling(resolution, size, image.device)                                 # [S, R] each
    best, picture = image.new_full((size, size), -2.0), image.new_zeros(3, size, size)
    for host in sorted(set(hosts)):
        members = [part for part, its_host in enumerate(hosts) if its_host == host]
        inside, score = own[members].sum(0), scores[members].amax(0)                           # [R, R] each
        if not inside.any():
            continue
        (rows, columns), window = _window(inside, size)
        if host == 0 and backdrop is not None:
            color = backdrop.sized(size).to(image).expand(3, size, size)[:, *window]
        else:
            color = _continued(image[:, rows, columns], inside[rows, columns])
            color = smooth[window[0], rows] @ color @ smooth[window[1], columns].T             # [3, h, w]
        score = soft[window[0], rows] @ score[rows, columns] @ soft[window[1], columns].T      # [h, w]
        before, lead = picture[:, *window], score - best[window]
        # Smoothstep of the difference in color: 0 is no edge, 1 a sharp one.
        edge = (color - before).abs_().sum(0).sub_(3 * SAME).div_(3 * (OTHER - SAME)).clamp_(0, 1)
        edge = edge.square() * (3 - 2 * edge)
        before.lerp_(color, (lead / 2 * (1 + (SHARP - 1) * edge)).add_(0.5).clamp_(0, 1))
        best[window] = torch.maximum(score, best[window])
    return picture


@torch.no_grad()
def upscale_ids(scores: Tensor, size: int = SHOWN) -> Tensor:
    """The part at every pixel of the enlarged picture, for outlines and mask files: uint8 [S, S]."""
    resolution = scores.shape[-1]
    ids = scores.argmax(0)
    if size <= resolution:
        return ids.to(torch.uint8)
    scores = scores.float().clamp(-1, 1)
    smooth, soft = _resampling(resolution, size, scores.device)
    best = scores.new_full((size, size), -2.0)
    result = torch.zeros(size, size, dtype=torch.uint8, device=scores.device)
    area = torch.bincount(ids.flatten(), minlength=len(scores)).tolist()
    large = [part for part, pixels in enumerate(area) if pixels >= SMALL * ids.numel()]
    for part in large:
        (rows, columns), window = _window(ids == part, size)
        score = soft[window[0], rows] @ scores[part, rows, columns] @ soft[window[1], columns].T
        result[window].masked_fill_(score > best[window], part)
        best[window] = torch.maximum(score, best[window])
    # Smoothing would wipe a part of a few pixels out; how far it leads is interpolated instead.
    for part, pixels in enumerate(area):
        if pixels and part not in large:
            (rows, columns), window = _window(ids == part, size)
            nearby = scores[:, rows, columns]
            lead = nearby[part] - torch.cat([nearby[:part], nearby[part + 1:]]).amax(0)
            lead = smooth[window[0], rows] @ lead @ smooth[window[1], columns].T
            result[window].masked_fill_(lead > 0, part)
    return result


def _hosts(own: Tensor) -> list[int]:
    """For every part the one with which it is enlarged: itself, or, if it is small, what it borders on most.

    own: [P, R, R] of 0 and 1. Hardly a pixel of an eye is free of its surroundings' color; cut out along its border
    it would be a blot. Nothing goes with the background, for something else may be put in its place.
    """
    area = own.flatten(1).sum(1)
    small = area < SMALL * own[0].numel()
    small[0] = False
    if small[1:].all():
        return list(range(len(own)))
    ring = F.max_pool2d(own, 3, 1, 1) - own
    shared = ring.flatten(1) @ own.flatten(1).T                                                # [P, P], pixels
    shared[:, small] = shared[:, 0] = -1
    return [int(shared[part].argmax()) if small[part] else part for part in range(len(own))]


def _window(inside: Tensor, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """(rows, columns) around a region [R, R], and the same at display size."""
    resolution = len(inside)
    spans, window = [], []
    for axis in (1, 0):
        where = inside.any(axis).nonzero().flatten()
        spans.append(slice(max(0, int(where[0]) - REACH), min(resolution, int(where[-1]) + 1 + REACH)))
        window.append(slice(spans[-1].start * size // resolution, -(-spans[-1].stop * size // resolution)))
    return tuple(spans), tuple(window)


def _continued(image: Tensor, own: Tensor) -> Tensor:
    """A part's colors, going on beyond its border. image: [3, h, w]; own: [h, w] of 0 and 1 -> [3, h, w]

    Pixels at the border are mixtures of two parts. They lean on neighbors that are farther inside, if there are any.
    """
    depth = _blur(own[None])[0] * own                                   # 1 inside, about 1/2 at the border
    inner = F.max_pool2d(depth[None], 3, 1, 1)[0].clamp(min=1e-6)
    trust = (depth / inner).square() * own
    pure = _blur(image * trust) / _blur(trust[None]).clamp(min=1e-6)
    color, known = torch.lerp(pure, image, trust) * own, own
    for _ in range(REACH):
        spread = _blur(known[None])[0]
        beyond = _blur(color) / spread.clamp(min=1e-6)
        color = torch.where(known > 0, color, beyond)
        known = (spread > 0).to(known)
        color = color * known
    return color


def _blur(x: Tensor) -> Tensor:
    """(1, 2, 1) / 4 down and across, edges repeated. [C, h, w] -> [C, h, w]"""
    x = F.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    x = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    return (x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]) / 16


@functools.lru_cache(maxsize=8)
def _resampling(resolution: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices [S, R] that enlarge a row: by Catmull-Rom's cubic, and by a Gaussian, which smooths."""
    at = (torch.arange(size) + 0.5) * resolution / size - 0.5                                  # [S]
    result = []
    for kernel in (_cubic, lambda t: torch.exp(-t.square() / (2 * SOFTNESS**2))):
        matrix = torch.zeros(size, resolution)
        for step in range(-2, 4):
            source = at.floor().long() + step
            matrix.scatter_add_(1, source.clamp(0, resolution - 1)[:, None], kernel(at - source)[:, None])
        result.append((matrix / matrix.sum(1, keepdim=True)).to(device))
    return result[0], result[1]


def _cubic(t: Tensor) -> Tensor:
    """The cubic convolution kernel with a = -1/2 (Keys, 1981)."""
    t = t.abs()
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t < 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
