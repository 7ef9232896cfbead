"""Backgrounds: muted, out of focus, photographic; painted in 2-D behind the head.

Each kind works in linear light on a picture twice the final size and is blurred as a lens
would: with a disc, so that small bright things become soft circles.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from scipy.signal import fftconvolve

from .attributes import Attributes
from .randomness import stream

# Colours of walls and backdrops that studios and homes have (sRGB).
WALLS = ("d9d4cb", "c4bfb4", "b7bcc0", "a39c90", "8f9596", "cfc8b8", "7d8488", "b9a999", "c9c2b8", "9aa6ac", "6f6a64",
         "dedbd6", "a8b0a5", "bfae9c", "54585c", "3d4045", "e6e1d8", "8c7b6c", "9db0bd", "c7b7ae")
FURNITURE = ("4a3a2c", "6b543f", "2f2a27", "8a7a68", "a88e70", "3b4248", "5c6468", "78594a", "b4aa9a", "2a3036",
             "7a7f6a", "964f3c")
FOLIAGE = ("2b3322", "39422c", "4e5638", "626848", "434634", "232a1f", "74755a", "56513f", "3a4837", "7a765a")
MASONRY = ("8c857b", "a39a8d", "6c6661", "b8b0a5", "7b6a5c", "54504d", "8f7b6a", "9c9c9a", "3f4144", "a97f66")


def _linear(code):
    srgb = np.array([int(code[i:i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(srgb <= .04045, srgb / 12.92, ((srgb + .055) / 1.055) ** 2.4)


def _pick(rng, palette, spread=.06):
    return np.clip(
        _linear(str(rng.choice(palette))) * np.exp(rng.normal(0, spread, 3) * .6 + rng.normal(0, .18)), .004, .95)


def _cloud(rng, size, cells):
    """Smooth noise in [0, 1], [size, size]."""
    coarse = rng.random((cells + 3, cells + 3))
    field = zoom(coarse, size / cells, order=3, mode="nearest")[:size, :size]
    return np.clip((field - field.min()) / max(np.ptp(field), 1e-6), 0, 1)


def _lens_blur(picture, radius):
    """Blur [S, S, 3] with a disc of `radius` pixels, slightly softened."""
    r = int(np.ceil(radius))
    y, x = np.mgrid[-r:r + 1, -r:r + 1]
    disc = np.clip(radius + .5 - np.hypot(x, y), 0, 1)
    padded = np.pad(picture, ((r, r), (r, r), (0, 0)), mode="edge")
    blurred = np.stack([fftconvolve(padded[..., c], disc / disc.sum(), mode="valid") for c in range(3)], -1)
    return gaussian_filter(np.maximum(blurred, 0), (1, 1, 0))


def _boxes(picture, rng, count, palette, ground=False):
    """Upright and lying rectangles: shelves, doors, tables, houses."""
    size = len(picture)
    for _ in range(count):
        width, height = rng.uniform(.05, .4) * size, rng.uniform(.1, .9) * size
        left = rng.uniform(-.1, 1) * size
        top = size - height if ground else rng.uniform(-.1, .9) * size
        rows, columns = slice(max(0, int(top)), int(top + height)), slice(max(0, int(left)),
                                                                          max(0, int(left + width)))
        patch = picture[rows, columns]
        if patch.size:
            shade = np.linspace(rng.uniform(.7, 1.3), rng.uniform(.7, 1.3), patch.shape[1])[None, :, None]
            patch[:] = _pick(rng, palette) * shade
    return picture


def _highlights(picture, rng, count, colour, strength):
    """Small bright points, which the lens turns into discs."""
    size = len(picture)
    for _ in range(count):
        y, x = rng.integers(0, size, 2)
        r = int(rng.integers(1, 4))
        picture[max(0, y - r):y + r, max(0, x - r):x + r] += colour * strength * rng.uniform(.3, 1)
    return picture


def _plain(rng, size):
    """A painted wall, lit unevenly, with a trace of texture."""
    y, x = np.mgrid[0:size, 0:size] / size
    angle = rng.uniform(0, 2 * np.pi)
    fall = 1 + rng.uniform(.1, .5) * ((x - .5) * np.cos(angle) + (y - .5) * np.sin(angle))
    wall = _pick(rng, WALLS) * (fall + .04 * (_cloud(rng, size, 9) - .5))[..., None]
    return gaussian_filter(wall, (3, 3, 0))


def _studio(rng, size):
    """A paper or mottled canvas backdrop with a pool of light behind the head."""
    y, x = np.mgrid[0:size, 0:size] / size
    distance = np.hypot(x - rng.uniform(.3, .7), y - rng.uniform(.3, .7))
    colour = _pick(rng, WALLS, .1) * rng.uniform(.15, .9)
    pool = np.clip(1.35 - rng.uniform(.6, 1.4) * distance, .08, None)
    mottle = 1 + rng.uniform(0, .25) * (_cloud(rng, size, int(rng.integers(4, 12))) - .5)
    return colour * (pool * mottle)[..., None]


def _indoor(rng, size):
    """A room: wall, furniture, now and then a window or a lamp."""
    room = np.tile(_pick(rng, WALLS) * rng.uniform(.4, .9), (size, size, 1))
    room = room * np.linspace(rng.uniform(.6, 1.4), rng.uniform(.6, 1.4), size)[None, :, None]
    _boxes(room, rng, int(rng.integers(2, 9)), FURNITURE + WALLS[:6])
    if rng.random() < .45:   # a window, brighter than the room
        left, top = int(rng.uniform(-.1, .9) * size), int(rng.uniform(-.2, .2) * size)
        window = room[max(0, top):top + int(rng.uniform(.4, .8) * size),
                      max(0, left):max(0, left) + int(rng.uniform(.12, .35) * size)]
        window[:] = np.array([.95, 1.0, 1.05]) * rng.uniform(.8, 1.6)
        window[:, ::max(6, size // 12)] *= .4
    _highlights(room, rng, int(rng.integers(0, 8)), np.array([1.0, .8, .5]), 6)
    return _lens_blur(room, rng.uniform(.02, .055) * size)


def _foliage(rng, size):
    """Leaves and light between them."""
    dark, light = _pick(rng, FOLIAGE), _pick(rng, FOLIAGE) * 1.6
    fine, coarse = _cloud(rng, size, 28), _cloud(rng, size, 6)
    picture = dark + (light - dark) * (fine * coarse)[..., None] * 1.6
    picture = picture * (.5 + coarse[..., None])
    if rng.random() < .6:    # sky through the crowns, or a bright meadow
        weight = np.clip((_cloud(rng, size, 5) - rng.uniform(.45, .7)) * 4, 0, 1)[..., None]
        bright = np.array([.72, .80, .84]) if rng.random() < .6 else _pick(rng, ("a5a384", "b0ab92", "8f957a")) * 1.3
        picture = picture * (1 - weight) + bright * rng.uniform(.5, 1.0) * weight
    if rng.random() < .4:    # trunks
        for _ in range(int(rng.integers(1, 4))):
            left = int(rng.uniform(0, 1) * size)
            picture[:, left:left + int(rng.uniform(.03, .12) * size)] *= rng.uniform(.25, .6)
    _highlights(picture, rng, int(rng.integers(0, 25)), np.array([.9, .93, .8]), rng.uniform(.5, 2))
    return _lens_blur(picture, rng.uniform(.015, .045) * size)


def _street(rng, size):
    """Houses, pavement, a strip of sky."""
    sky = np.array([.58, .64, .70]) * rng.uniform(.7, 1.2)
    picture = np.tile(sky, (size, size, 1))
    picture[int(rng.uniform(.55, .85) * size):] = _pick(rng, MASONRY) * .8
    _boxes(picture, rng, int(rng.integers(4, 10)), MASONRY, ground=True)
    _boxes(picture, rng, int(rng.integers(2, 8)), ("2e3033", "44484b", "1f2022", "6d7378"))
    _highlights(picture, rng, int(rng.integers(0, 14)), np.array([1.0, .85, .6]), rng.uniform(2, 6))
    return _lens_blur(picture, rng.uniform(.025, .055) * size)


def _sky(rng, size):
    """Open sky, with haze towards the horizon and soft clouds."""
    top = np.array([.16, .30, .55]) * rng.uniform(.7, 1.3) + rng.uniform(0, .25)
    low = np.array([.60, .66, .72]) * rng.uniform(.8, 1.15)
    t = np.linspace(0, 1, size)[:, None, None] ** rng.uniform(.6, 1.5)
    picture = np.tile(top * (1 - t) + low * t, (1, size, 1))
    cover = np.clip((.6 * _cloud(rng, size, 5) + .4 * _cloud(rng, size, 14) - rng.uniform(.35, .75)) * 2.2, 0,
                    1)[..., None]
    picture = picture * (1 - cover) + np.array([.86, .87, .88]) * rng.uniform(.7, 1.05) * cover
    if rng.random() < .5:    # hills, sea or roofs far away
        line = int(rng.uniform(.55, .9) * size)
        picture[line:] = _pick(rng, MASONRY + FOLIAGE) * rng.uniform(.8, 1.3)
    return _lens_blur(picture, rng.uniform(.012, .03) * size)


_PAINTERS = {
    "plain": _plain, "studio": _studio, "indoor": _indoor, "foliage": _foliage, "street": _street, "sky": _sky
}


def paint_background(attributes: Attributes, seed: int, size: int) -> np.ndarray:
    """Linear light [size, size, 3] of what is behind the head."""
    rng = stream(seed, "background")
    picture = _PAINTERS[attributes.background](rng, 2 * size)
    grey = picture.mean(-1, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(.6, 1.0)       # cameras see haze; keep colours muted
    picture = picture.reshape(size, 2, size, 2, 3).mean((1, 3))
    # Rooms are often darker than the face and skies brighter; everything stays within the film.
    return np.clip(picture * rng.uniform(.55, 1.15), .003, 1.3)
