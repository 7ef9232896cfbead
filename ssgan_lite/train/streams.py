"""Random numbers by address: every draw is seeded by what it is for, not by what was drawn before.

The address is (seed, step, purpose), and the generator is seeded with its hash. So a resumed run continues bit for
bit without any generator state in the checkpoint, and a new draw changes no other.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(*address: object) -> int:
    """A 63-bit hash of the address."""
    text = "/".join(map(str, address)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def stream(*address: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device` for this address."""
    return torch.Generator(device).manual_seed(derive_seed(*address))


def uniform(*address: object) -> float:
    """One number in [0, 1), on the host."""
    return derive_seed(*address) / 2**63


def shuffled_indices(seed: int, n: int, start: int, count: int) -> torch.Tensor:
    """Items start ... start + count - 1 of an endless sequence of epochs, each a new order of n items: [count]."""
    pieces = []
    while count:
        epoch, offset = divmod(start, n)
        order = torch.randperm(n, generator=stream(seed, epoch, "order"))[offset:offset + count]
        pieces.append(order)
        start, count = start + len(order), count - len(order)
    return torch.cat(pieces)
