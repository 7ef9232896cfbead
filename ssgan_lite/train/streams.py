"""Random numbers that depend on where they are used, not on what was drawn before.

Every draw of a training run has an address (seed, step, purpose), and its generator is seeded with a hash of it. A
resumed run therefore continues bit for bit without any generator state in the checkpoint, and adding a draw somewhere
changes no other.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(*address: object) -> int:
    """A 63-bit number that depends on every part of the address."""
    text = "/".join(map(str, address)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def stream(*address: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device` for this address."""
    return torch.Generator(device).manual_seed(derive_seed(*address))


def uniform(*address: object) -> float:
    """One number in [0, 1), decided on the host."""
    return derive_seed(*address) / 2**63


def shuffled_indices(seed: int, n: int, start: int, count: int) -> torch.Tensor:
    """Positions start ... start + count - 1 of an endless walk through n items, each epoch in a new order: [count]."""
    pieces = []
    while count:
        epoch, offset = divmod(start, n)
        order = torch.randperm(n, generator=stream(seed, epoch, "order"))[offset:offset + count]
        pieces.append(order)
        start, count = start + len(order), count - len(order)
    return torch.cat(pieces)
