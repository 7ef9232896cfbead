"""The vocabulary of parts: what a face is made of, in the order in which every tensor of the library counts them.

The thirteen parts are those into which the SemanticStyleGAN paper regroups the nineteen classes of
CelebAMask-HQ; left and right eyes, brows and ears share a part, so a horizontal flip leaves a mask valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ssgan_lite.errors import UserError, suggest


@dataclass(frozen=True)
class Part:
    """One part of a face."""

    name: str
    id: int                            # its channel in every mask and its row in every bank of local generators
    color: tuple[int, int, int]        # RGB in pictures of masks; chosen to differ in lightness too
    transparent: bool = False          # drawn over what is behind it instead of hiding it


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

    def __repr__(self) -> str:
        return f"Parts({', '.join(self.names)})"


# Colours after Paul Tol's qualitative schemes, arranged so that neighbours on a face (hair and face, face and neck,
# lips and face) differ in lightness as well as in hue: the masks then read in grey and for colour-blind readers.
PARTS = Parts([
    Part("background", 0, (34, 34, 34)),
    Part("face", 1, (238, 204, 170)),
    Part("eyes", 2, (51, 34, 136)),
    Part("eyebrows", 3, (102, 68, 34)),
    Part("mouth", 4, (204, 51, 102)),
    Part("nose", 5, (238, 153, 85)),
    Part("ears", 6, (170, 119, 102)),
    Part("hair", 7, (136, 46, 114)),
    Part("neck", 8, (221, 221, 119)),
    Part("cloth", 9, (17, 119, 153)),
    Part("glasses", 10, (136, 204, 238), transparent=True),
    Part("hat", 11, (68, 170, 85)),
    Part("earrings", 12, (255, 255, 255), transparent=True),
])
