"""The vocabulary of parts: what a face is made of, and everything that is known about each part.

The thirteen parts are those into which the SemanticStyleGAN paper (arXiv 2112.02236, section 4.1) regroups the
nineteen classes of CelebAMask-HQ. Left and right eyes, brows and ears share a part, so a horizontal flip leaves a
mask valid. Every tensor of the library counts parts in the order of `PARTS`; a model with other parts
(`ModelConfig.parts`) has a vocabulary of its own, `vocabulary(config.parts)`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ssgan_lite.errors import UserError, suggest

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """One part of a face, and the facts about it: this is the only place where they stand."""

    name: str
    id: int                            # its channel in every mask and its row in every bank of local generators
    color: Color                       # RGB in pictures of masks; chosen to differ in lightness too
    transparent: bool = False          # drawn over what is behind it instead of hiding it (model/fusion.py)
    thin: float = 1.0                  # votes of one of its pixels when a mask is made smaller (data/masks.py)
    size: str = ""                     # "large" or "small": the mean IoU it counts in; "": reported only (measure/)
    celebamask: tuple[str, ...] = ()   # its classes in CelebAMask-HQ: suffixes of that data set's mask files


class Parts(Sequence[Part]):
    """An ordered vocabulary, addressed by name or by id: `PARTS["hair"].id == 7`, `PARTS[7].name == "hair"`."""

    def __init__(self, parts: Sequence[Part]):
        self._parts = tuple(parts)
        self._by_name = {part.name: part for part in self._parts}

    def __getitem__(self, key: str | int) -> Part:
        if isinstance(key, str):
            if key not in self._by_name:
                raise UserError(f'There is no part called "{key}". {suggest(key, self.names)}')
            return self._by_name[key]
        return self._parts[key]

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in order of id."""
        return tuple(self._by_name)

    @property
    def palette(self) -> np.ndarray:
        """The colors in order of id: uint8 [P, 3]."""
        return np.array([part.color for part in self._parts], np.uint8)

    @property
    def transparent(self) -> tuple[str, ...]:
        """Names of the parts that are drawn over what is behind them."""
        return tuple(part.name for part in self._parts if part.transparent)

    def of_size(self, size: str) -> tuple[str, ...]:
        """Names of the "large" or the "small" parts; of those that are neither for ""."""
        return tuple(part.name for part in self._parts if part.size == size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parts) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"Parts({', '.join(self.names)})"


# Colors after Paul Tol's qualitative schemes, arranged so that neighbors on a face (hair and face, face and neck,
# lips and face) differ in lightness as well as in hue: the masks then read in gray and for color-blind readers.
PARTS = Parts([
    Part("background", 0, (34, 34, 34), size="large"),
    Part("face", 1, (238, 204, 170), size="large", celebamask=("skin",)),
    Part("eyes", 2, (51, 34, 136), thin=1.5, size="small", celebamask=("l_eye", "r_eye")),
    Part("eyebrows", 3, (102, 68, 34), thin=1.5, size="small", celebamask=("l_brow", "r_brow")),
    Part("mouth", 4, (204, 51, 102), thin=1.5, size="small", celebamask=("mouth", "l_lip", "u_lip")),
    Part("nose", 5, (238, 153, 85), size="small", celebamask=("nose",)),
    Part("ears", 6, (170, 119, 102), size="small", celebamask=("l_ear", "r_ear")),
    Part("hair", 7, (136, 46, 114), size="large", celebamask=("hair",)),
    Part("neck", 8, (221, 221, 119), size="large", celebamask=("neck", "neck_l")),
    Part("cloth", 9, (17, 119, 153), size="large", celebamask=("cloth",)),
    Part("glasses", 10, (136, 204, 238), transparent=True, thin=1.5, celebamask=("eye_g",)),
    Part("hat", 11, (68, 170, 85), celebamask=("hat",)),
    Part("earrings", 12, (255, 255, 255), transparent=True, thin=2.5, celebamask=("ear_r",)),
])


_given: dict[tuple[str, ...], Parts] = {}       # by their names: vocabularies that were read in this process


def remember(parts: Parts) -> Parts:
    """From now on `vocabulary(parts.names)` is this one, with its colors and sizes; returns it."""
    _given[parts.names] = parts
    return parts


def vocabulary(names: tuple[str, ...] | int) -> Parts:
    """The vocabulary of a model with these parts (`config.parts`), or of one with so many.

    A model knows names alone. If a file or a data set with these parts was read in this process, its vocabulary is
    meant. Otherwise what `PARTS` knows about a name holds here too; ids are counted anew, and a part that is not in
    `PARTS` gets a generated color. A number n means the first n of `PARTS`, and after those part_13, part_14, ...
    """
    return _given[names] if names in _given else plain_vocabulary(names)


@functools.lru_cache
def plain_vocabulary(names: tuple[str, ...] | int) -> Parts:
    """`vocabulary(names)` whatever was read before: from `PARTS`, with generated colors."""
    if isinstance(names, int):
        names = (*PARTS.names[:names], *(f"part_{i}" for i in range(len(PARTS), names)))
    new = iter(further_colors(sum(name not in PARTS.names for name in names)))
    return Parts([replace(PARTS[name], id=i) if name in PARTS.names else Part(name, i, next(new))
                  for i, name in enumerate(names)])


@functools.lru_cache
def further_colors(count: int) -> tuple[Color, ...]:
    """`count` colors for parts that are not in `PARTS`; the first k are the same for every count >= k.

    One after another, the candidate is taken that is farthest (in CIELAB, where distances are about what the eye
    sees) from all colors in use. Only candidates count whose *lightness* is free too, so that masks read in gray.
    """
    steps = np.arange(0, 256, 17)                                                              # 16 levels a channel
    candidates = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)  # [4096, 3]
    lab = to_lab(candidates)
    used = to_lab(PARTS.palette)                                                               # [P, 3]
    apart = np.abs(lab[:, None, 0] - used[:, 0]).min(1)              # [4096], in lightness, to the nearest in use
    distance = np.linalg.norm(lab[:, None] - used, axis=2).min(1)    # [4096], in all of CIELAB
    visible = (lab[:, 0] > 16) & (lab[:, 0] < 96)                    # neither black nor white
    colors: list[Color] = []
    for _ in range(count):
        gap = 1.0                                                    # in L*: about the least that the eye can tell
        while not (free := visible & (apart >= gap)).any():          # beyond some fifty parts lightness is used up
            gap = gap / 2 if gap > 0.01 else 0.0
        best = int(np.where(free, distance, -1.0).argmax())
        colors.append(tuple(candidates[best].tolist()))
        apart = np.minimum(apart, np.abs(lab[:, 0] - lab[best, 0]))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[best], axis=1))
    return tuple(colors)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0 to 255, [..., 3] -> CIELAB (L* 0 to 100, a*, b*), white point D65: CIE 15:2004, section 8.2."""
    c = np.asarray(rgb, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(1)                                                    # white becomes 1, 1, 1
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * 24389 / 27 / 116 + 16 / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
