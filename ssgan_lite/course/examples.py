"""Which face to show: the one on which a claim can be seen, found by measure and not by its seed.

New weights draw other faces from the same seeds. What a notebook says about a picture stays true if the face is
chosen by what the text is about: the most hair, the largest visible change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ssgan_lite.change import compare
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator

PSI = 0.7               # of the faces that the notebooks show


@torch.no_grad()
def face_with(generator: SemanticGenerator, part: str, seeds: Iterable[int] = range(32), psi: float = PSI,
              without: Sequence[str] = ()) -> int:
    """The seed whose face shows most of a part, in pixels of its mask.

    without: parts that the face must not have, not even beneath `part`, such as a hat beneath the hair. If all faces
    have one, the seed is chosen as if nothing had been asked.
    """
    config = generator.config
    unwanted = [config.part_id(other) for other in without]

    def pixels(face: Session, wanted: Sequence[int]) -> int:
        return int(torch.isin(face.render().mask.argmax(1), torch.tensor(wanted)).sum())

    faces = {seed: Session(generator, seed, psi) for seed in _some(seeds)}
    by_size = sorted(faces, key=lambda seed: pixels(faces[seed], [config.part_id(part)]), reverse=True)
    fit = (seed for seed in by_size if pixels(faces[seed].hide(part), unwanted) == 0)
    return next(fit, by_size[0])


@torch.no_grad()
def guest_for(face: Session, parts: Mapping[str, Sequence[str]] | Sequence[str], kind: str | None = None,
              seeds: Iterable[int] = range(2, 14)) -> int:
    """The seed of the guest whose parts, given to `face`, change the picture most.

    parts: some parts, or several groups of them by name, each of them an edit. With several groups the guest is the
    one whose least visible edit is the most visible, each compared with the best of all guests.
    kind: "shape", "texture", or None for both.
    """
    groups = list(parts.values()) if isinstance(parts, Mapping) else [list(parts)]
    seeds, before = _some(seeds), face.render()
    effects = torch.zeros(len(seeds), len(groups))
    for i, seed in enumerate(seeds):
        guest = Session(face.generator, seed, face.state.psi)
        for j, group in enumerate(groups):
            after = face.copy_from(guest, group, kind).render()
            effects[i, j] = compare(before, after, [face.generator.config.part_id(part) for part in group]).map.mean()
            face.undo()
    return seeds[int((effects / effects.amax(0).clamp(min=1e-9)).amin(1).argmax())]


@torch.no_grad()
def far_apart(generator: SemanticGenerator, seeds: Iterable[int] = range(20), psi: float = PSI) -> tuple[int, int]:
    """The two seeds whose pictures differ most."""
    seeds = _some(seeds)
    pictures = torch.cat([Session(generator, seed, psi).render().image for seed in seeds]).flatten(1)
    first, second = divmod(int(torch.cdist(pictures, pictures).argmax()), len(seeds))
    return seeds[first], seeds[second]


def spread_out(pictures: Tensor, count: int, beside: Tensor) -> list[int]:
    """`count` of some pictures [N, 3, R, R] that differ from each other and from those beside them [M, 3, R, R]: one
    after the other, the one that is farthest from all so far. Their numbers, in order."""
    if not 0 < count <= len(pictures):
        raise UserError(f"{count} of {len(pictures)} pictures cannot be chosen.")
    every, found = pictures.flatten(1), beside.flatten(1)
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.append(int(torch.cdist(every, found).amin(1).argmax()))
        found = torch.cat([found, every[chosen[-1]][None]])
    return sorted(chosen)


def _some(seeds: Iterable[int]) -> list[int]:
    if not (found := list(seeds)):
        raise UserError("No seeds to choose from: give at least one, as range(24).")
    return found
