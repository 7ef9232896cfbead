"""How a model is trained, in numbers. Where the published recipe differs, the comment says why."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ssgan_lite.errors import UserError


@dataclass(frozen=True)
class TrainConfig:
    """The recipe: everything that decides what a training run computes. Lengths count images shown, not steps."""

    images: int = 400_000               # how many real images are shown in all
    batch: int = 32                     # images per step; a multiple of the stddev group of 4
    lr: float = 0.002                   # of both networks, before the correction for lazy regularisation
    beta2: float = 0.99                 # of Adam; beta1 is 0
    # The R1 penalty sums over pixels, so its weights go with (size / 512)^2: published, at 512 px, are 10 and 1000.
    r1_image: float = 0.08              # R1 weight of the image, for one picture size
    r1_mask: float = 8.0                # R1 weight of the mask, for one picture size
    r1_every: int = 16                  # steps between R1 steps, each weighted so much more
    mask_weight: float = 100.0          # of the mask consistency loss
    mixing: float = 0.3                 # share of batches whose faces are crossed from two codes
    path_weight: float = 0.0            # of the path-length penalty (published: 0.5); costs a fifth of the time
    path_every: int = 4                 # steps between path-length steps, each weighted so much more
    ema_images: int = 10_000            # half-life of the averaged generator, in images ...
    ema_share: float = 0.05             # ... but at most this share of what has been seen
    flip: bool = True                   # mirror half of the images; left and right parts share a class
    # Adaptive augmentation of all that the discriminator sees (augment.py): for long runs on few pictures.
    augment_from: int = 600_000         # images before it begins; shorter runs do not learn the data by heart
    augment_target: float = 0.6         # share of reals called real, less those called fake, that p is to keep
    augment_ramp: int = 200_000         # images in which p could go from 0 to 1
    augment_max: float = 0.5            # largest p; 0 switches augmentation off
    seed: int = 0                       # of everything random: weights, codes, noise, order, flips

    def __post_init__(self) -> None:
        if self.batch < 1 or (self.batch > 4 and self.batch % 4):
            raise UserError(f"A batch of {self.batch} cannot be split into groups of 4 for the minibatch standard "
                            "deviation; use a multiple of 4.")
        for name in ("images", "r1_every", "path_every", "augment_ramp"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("r1_image", "r1_mask", "mask_weight", "path_weight", "ema_images", "ema_share", "augment_from"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} must not be negative, but is {getattr(self, name)}.")
        if not 0 < self.lr < math.inf:
            raise UserError(f"lr must be above 0, not {self.lr}.")
        if not (0 <= self.augment_max <= 1 and -1 <= self.augment_target <= 1):
            raise UserError("augment_max is a share from 0 to 1 and augment_target a mean sign from -1 to 1, not "
                            f"{self.augment_max} and {self.augment_target}.")
        if not (0 <= self.mixing <= 1 and 0 <= self.beta2 < 1):
            raise UserError(f"mixing and beta2 are shares from 0 to 1, not {self.mixing} and {self.beta2}.")

    def replace(self, **changes) -> TrainConfig:
        """A copy with some numbers changed."""
        return dataclasses.replace(self, **changes)


# The mask weights of the small presets are eight times what (size / 512)^2 would say. With the published 1000 / 256 = 4
# at 32 px, even with 8, the discriminator looks at nothing but how soft the generated masks are: after 10,000 images
# there was no face, and a fake image beside a real mask passed for real. With 40 there were heads after 8,000.
# Small batches make many steps early, which is what a CPU run needs: nano32 with batch 8 had better masks after 16,000
# images than with batch 16 after 24,000. On a GPU take --batch 64.
RECIPES: dict[str, TrainConfig] = {
    "nano32": TrainConfig(batch=8, r1_image=0.08, r1_mask=40.0),
    "lite64": TrainConfig(batch=8, r1_image=0.2, r1_mask=160.0),
    "lite128": TrainConfig(images=2_000_000, r1_image=0.6, r1_mask=480.0),
    "paper256": TrainConfig(images=4_800_000, r1_image=2.5, r1_mask=250.0, path_weight=0.5),
    "paper512": TrainConfig(images=4_800_000, r1_image=10.0, r1_mask=1000.0, path_weight=0.5),
}


def recipe(preset: str) -> TrainConfig:
    """The recipe that goes with a preset of `ssgan_lite.config`."""
    return RECIPES[preset]
