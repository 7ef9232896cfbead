"""Random numbers: every head, and every aspect of it, has a stream of its own.

A stream depends on the seed and on the name of the aspect only. So head i is made from seed i
alone, and a change to (say) the earrings leaves hair and light of every head as they were.
"""

import zlib

import numpy as np


def stream(seed: int, aspect: str) -> np.random.Generator:
    """The generator of one aspect ("hair", "light", ...) of the head with this seed."""
    return np.random.default_rng([int(seed), zlib.crc32(aspect.encode())])


def smooth_noise(points: np.ndarray, rng: np.random.Generator, wavelength: float,
                 octaves: int = 3) -> np.ndarray:
    """Smooth noise of mean 0 and a standard deviation of about 0.6 at `points` [N, D] -> [N].

    A sum of plane waves in random directions; cheap, free of tables and defined everywhere.
    `wavelength` is that of the coarsest octave, in the units of `points` (metres on a head).
    """
    value = np.zeros(len(points))
    amplitude = 1.0
    for _ in range(octaves):
        for _ in range(6):
            direction = rng.normal(size=points.shape[1])
            direction /= np.linalg.norm(direction)
            frequency = 2 * np.pi / wavelength * rng.uniform(0.7, 1.4)
            value += amplitude / 3 * np.sin(points @ direction * frequency + rng.uniform(0, 2 * np.pi))
        wavelength /= 2.1
        amplitude *= 0.6
    return value
