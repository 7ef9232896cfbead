"""The `Dataset` class: images, masks and attributes of N faces, in memory.

Faces at 64 px take 16 kB each, so ten thousand of them are a tensor of 160 MB: no files are opened while training,
no worker processes are needed, and a batch is an indexing operation. Above 4 GB the tensors are memory-mapped files
(`prepared.py`): indexing looks the same, and the operating system reads the pages that are needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssgan_lite.data.choose import Predicate, plant, which
from ssgan_lite.data.masks import signed_one_hot
from ssgan_lite.data.memory import check_fits
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N faces, in the same order in every field."""

    images: Tensor                       # uint8 [N, 3, S, S]
    masks: Tensor | None                 # uint8 [N, S, S], the part id of every pixel; None: images without masks
    attributes: dict[str, np.ndarray]    # each [N]: what a face was made from, or what is known about the picture
    names: np.ndarray                    # [N], one for each face: a seed or a file name
    source: str = "faces"                # where they come from, for messages
    parts: tuple[str, ...] = PARTS.names
    transparent: tuple[str, ...] = PARTS.transparent     # those of `parts` that are drawn over what is behind them
    checked: bool = False                # masks are known to be in range: memory-mapped ones are not scanned again

    def __post_init__(self) -> None:
        n, size = len(self.images), self.images.shape[-1]
        if self.images.dtype != torch.uint8 or self.images.shape != (n, 3, size, size):
            raise UserError(f"{self.source}: images must be uint8 [N, 3, S, S], not {self.images.dtype} "
                            f"{list(self.images.shape)}.")
        has_masks = self.masks is not None
        if has_masks and (self.masks.dtype != torch.uint8 or self.masks.shape != (n, size, size)):
            raise UserError(f"{self.source}: the masks are {self.masks.dtype} {list(self.masks.shape)}, but images "
                            f"of {size} x {size} pixels need uint8 {[n, size, size]}.")
        for name, values in {**self.attributes, "names": self.names}.items():
            if len(values) != n:
                raise UserError(f'{self.source}: "{name}" has {len(values)} entries for {n} faces.')
        if has_masks and n and not self.checked and int(self.masks.max()) >= len(self.parts):
            bad = self.names[int((self.masks.flatten(1).max(1).values >= len(self.parts)).nonzero()[0])]
            raise UserError(f"{self.source}: the mask of {bad} has a class {int(self.masks.max())}; the vocabulary "
                            f"ends at {len(self.parts) - 1} ({self.parts[-1]}).")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        without = "" if self.has_masks else ", without masks"
        return f"Dataset({self.source}: {len(self)} faces of {self.size} x {self.size} pixels{without})"

    @property
    def size(self) -> int:
        """S, height and width in pixels."""
        return self.images.shape[-1]

    @property
    def has_masks(self) -> bool:
        """Images alone are enough for inversion and adaptation; training and most measurements need masks."""
        return self.masks is not None

    @property
    def nbytes(self) -> int:
        """Size of images and masks in bytes, in memory or memory-mapped."""
        return self.images.nbytes + (self.masks.nbytes if self.has_masks else 0)

    def require_masks(self, purpose: str = "This") -> Tensor:
        """The masks uint8 [N, S, S]; raises `UserError` if there are none. `purpose` begins the message."""
        if self.masks is None:
            raise UserError(f"{purpose} needs masks, and {self.source} has none. Prepare it again with --masks; "
                            f"without them its images serve for inversion and adaptation.")
        return self.masks

    @property
    def seeds(self) -> np.ndarray:
        """The seeds that the faces were made from, int64 [N]; raises `UserError` if the source has no seeds."""
        if self.names.dtype.kind not in "iu":
            raise UserError(f"{self.source} were not made from seeds; they have `names`.")
        return self.names

    def subset(self, indices: Sequence[int] | np.ndarray | Tensor) -> Dataset:
        """The faces at these positions, or those where a boolean array of length N is true, as a data set.

        >>> long_hair = heads.subset(heads.attributes["hair_style"] == "long")

        The chosen faces are copied into memory.
        """
        index = np.asarray(indices)
        if index.dtype == bool:
            if len(index) != len(self):
                raise UserError(f"A choice among {len(self)} faces needs {len(self)} truth values, not {len(index)}.")
            index = np.flatnonzero(index)
        index = index.astype(np.int64)
        check_fits(self.nbytes // max(len(self), 1) * len(index), f"{len(index):,} of {self.source}",
                   "Choose fewer, or open the data set at a smaller size.")
        rows = torch.from_numpy(index)
        return dataclasses.replace(
            self, images=self.images[rows], masks=self.masks[rows] if self.has_masks else None,
            attributes={name: values[index] for name, values in self.attributes.items()}, names=self.names[index])

    def which(self, predicate: Predicate) -> np.ndarray:
        """True where a face fulfills the predicate, bool [N]; `choose.py` lists what a predicate can be.

        >>> heads.which("hat and not glasses"), heads.which("age > 0.8 and hair_style == 'long'")
        """
        return which(self, predicate)

    def where(self, predicate: Predicate) -> Dataset:
        """The faces that fulfill the predicate: `heads.where("hat == 'cap'")`."""
        return self.subset(self.which(predicate))

    def plant(self, first: Predicate, second: Predicate, agreement: float, n: int, seed: int = 0,
              share: float | None = None) -> Dataset:
        """n faces in which two independent attributes are correlated: in a share `agreement` of them both are true
        or both are false, and each is true in `share` of them.

        >>> biased = heads.plant("hat", "background_blue", agreement=0.95, n=500)

        The arithmetic and the errors are in `choose.plant`.
        """
        return self.subset(plant(self, first, second, agreement, n, seed, share))

    def to(self, device: torch.device | str) -> Dataset:
        """The same data with its tensors on `device`. A GPU that holds them all never waits for data."""
        return dataclasses.replace(self, images=self.images.to(device),
                                   masks=self.masks.to(device) if self.has_masks else None)

    def batch(self, indices: Sequence[int] | Tensor, flip: bool | Tensor = False,
              device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
        """Faces as the networks see them: image [n, 3, S, S] in [-1, 1] and mask [n, P, S, S], +1 or -1.

        The mask is 2 * one_hot - 1, the range that the discriminator's mask branch expects. `flip` mirrors image and
        mask together, all of them or those where a boolean tensor [n] is true: left and right parts share a class,
        so a mirrored mask is still valid. Bytes are copied to `device` and converted to floats there.
        """
        rows = torch.as_tensor(indices, dtype=torch.long)
        mask = _mirror(self.require_masks("A batch for training")[rows].to(device), flip)
        return self.image_batch(rows, flip, device), signed_one_hot(mask, len(self.parts))

    def image_batch(self, indices: Sequence[int] | Tensor, flip: bool | Tensor = False,
                    device: torch.device | str | None = None) -> Tensor:
        """Images alone, [n, 3, S, S] in [-1, 1]: for inversion and adaptation, where masks are not needed."""
        rows = torch.as_tensor(indices, dtype=torch.long)
        return _mirror(self.images[rows].to(device), flip).float() / 127.5 - 1.0


def _mirror(pixels: Tensor, flip: bool | Tensor) -> Tensor:
    """[n, ..., W] mirrored left to right: none, all, or those where a boolean tensor [n] is true."""
    if isinstance(flip, Tensor):
        chosen = flip.to(pixels.device, torch.bool).view(-1, *[1] * (pixels.ndim - 1))
        return torch.where(chosen, pixels.flip(-1), pixels)
    return pixels.flip(-1) if flip else pixels
