"""What every data set looks like from outside, whatever it was read from: images, masks and attributes, in memory.

Faces at 64 px are 16 kB each, so ten thousand of them are a tensor of 160 MB: no files are opened while training,
no worker processes are needed, and a batch is an indexing operation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N faces with the same order in every field."""

    images: Tensor                       # uint8 [N, 3, S, S]
    masks: Tensor                        # uint8 [N, S, S], the part id of every pixel
    attributes: dict[str, np.ndarray]    # each of length N: what was drawn, or what is known of the picture
    names: np.ndarray                    # [N] what the source calls each face: a seed or a file name
    source: str = "faces"                # where they come from, for messages
    parts: tuple[str, ...] = PARTS.names

    def __post_init__(self) -> None:
        n, size = len(self.images), self.images.shape[-1]
        if self.images.dtype != torch.uint8 or self.images.shape != (n, 3, size, size):
            raise UserError(f"{self.source}: images must be uint8 [N, 3, S, S], not {self.images.dtype} "
                            f"{list(self.images.shape)}.")
        if self.masks.dtype != torch.uint8 or self.masks.shape != (n, size, size):
            raise UserError(f"{self.source}: the masks are {self.masks.dtype} {list(self.masks.shape)}, but images "
                            f"of {size} x {size} pixels need uint8 {[n, size, size]}.")
        for name, values in {**self.attributes, "names": self.names}.items():
            if len(values) != n:
                raise UserError(f'{self.source}: "{name}" has {len(values)} entries for {n} faces.')
        if n and int(self.masks.max()) >= len(self.parts):
            bad = self.names[int((self.masks.flatten(1).max(1).values >= len(self.parts)).nonzero()[0])]
            raise UserError(f"{self.source}: the mask of {bad} has a class {int(self.masks.max())}; the vocabulary "
                            f"ends at {len(self.parts) - 1} ({self.parts[-1]}).")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Dataset({self.source}: {len(self)} faces of {self.size} x {self.size} pixels)"

    @property
    def size(self) -> int:
        """S, height and width in pixels."""
        return self.images.shape[-1]

    @property
    def seeds(self) -> np.ndarray:
        """The seeds the faces were made from, int64 [N], where the source has seeds."""
        if self.names.dtype.kind not in "iu":
            raise UserError(f"{self.source} were not made from seeds; they have `names`.")
        return self.names

    def subset(self, indices: Sequence[int] | np.ndarray | Tensor) -> Dataset:
        """The faces at these positions, or those where a boolean array of length N is true, as a data set.

        >>> long_hair = heads.subset(heads.attributes["hair_style"] == "long")
        """
        index = np.asarray(indices)
        if index.dtype == bool:
            if len(index) != len(self):
                raise UserError(f"A choice among {len(self)} faces needs {len(self)} truth values, not {len(index)}.")
            index = np.flatnonzero(index)
        index = index.astype(np.int64)
        rows = torch.from_numpy(index)
        return Dataset(self.images[rows], self.masks[rows], {k: v[index] for k, v in self.attributes.items()},
                       self.names[index], self.source, self.parts)

    def to(self, device: torch.device | str) -> Dataset:
        """The same data with its tensors on `device`: a GPU that holds them all is never kept waiting."""
        return dataclasses.replace(self, images=self.images.to(device), masks=self.masks.to(device))

    def batch(self, indices: Sequence[int] | Tensor, flip: bool | Tensor = False,
              device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
        """Faces as the networks see them: image [n, 3, S, S] in [-1, 1] and mask [n, P, S, S], +1 or -1.

        The mask is 2 * one_hot - 1, the range that the discriminator's mask branch expects. `flip` mirrors image and
        mask together, all of them or those where a boolean tensor [n] is true: left and right parts share a class,
        so a mirrored mask is still right. The bytes travel to `device`; the floats are made there.
        """
        rows = torch.as_tensor(indices, dtype=torch.long)
        image, mask = self.images[rows].to(device), self.masks[rows].to(device)
        if isinstance(flip, Tensor):
            mirrored = flip.to(image.device, torch.bool)
            image = torch.where(mirrored[:, None, None, None], image.flip(-1), image)
            mask = torch.where(mirrored[:, None, None], mask.flip(-1), mask)
        elif flip:
            image, mask = image.flip(-1), mask.flip(-1)
        return image.float() / 127.5 - 1.0, signed_one_hot(mask, len(self.parts))


def signed_one_hot(mask: Tensor, n_parts: int) -> Tensor:
    """Part ids [n, H, W] as float [n, P, H, W]: +1 in the channel of the part, -1 in all others."""
    scores = torch.full((mask.shape[0], n_parts, *mask.shape[1:]), -1.0, device=mask.device)
    return scores.scatter_(1, mask[:, None].long(), 1.0)
