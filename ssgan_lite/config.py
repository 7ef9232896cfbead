"""Model and training configurations, and the five presets that hold one of each.

A `ModelConfig` holds everything needed to build a generator and a discriminator, a `TrainConfig` everything that
decides what a training run computes. The presets differ in numbers only. `paper256` and `paper512` are the published
configurations, so the published checkpoints load into them exactly; the other three are small enough for a laptop,
with the same parts in the same places.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.parts import PARTS

ARCHITECTURES = ("semantic", "monolithic")
FUSIONS = ("soft", "hard")
FREEZES = ("none", "local", "shape", "render")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a SemanticStyleGAN. In front of each comment the symbol that docstrings use for it."""

    size: int                                    # R, height and width of image and mask in pixels
    style_dim: int                               # S, length of z and of every w code
    mapping_layers: int                          # linear layers in the mapping network
    coarse_size: int                             # Hc, height and width of the local generators' feature maps
    min_feat_size: int                           # m, resolution at which the render net starts
    local_channels: int                          # C, width of a local generator's hidden layers
    feature_channels: int                        # O, width of the feature map that is handed to the render net
    local_layers: int                            # L, modulated layers in a local generator
    base_layers: int                             # B, the first of them: steered by the shared base codes
    depth_layers: int                            # D, after so many layers the pseudo-depth is read
    render_channels: tuple[int, ...]             # output width of each render stage, from 2m up to R
    discriminator_channels: tuple[int, ...]      # width of each discriminator resolution, from R down to 4
    fourier_bands: int                           # F, frequencies 1, 2, 4, ... 2^(F-1) of the position embedding
    parts: tuple[str, ...] = PARTS.names         # P of them; the first is the background
    transparent: tuple[str, ...] = PARTS.transparent
    mask_residual: bool = True                   # add the coarse mask to the mask branch at its own resolution
    detach_texture: bool = False                 # no gradient from texture layers into shape layers
    mapping_lr: float = 0.01                     # learning-rate multiplier of the mapping network
    discriminator_size: int = 0                  # pictures are pooled to this size for the dual discriminator; 0: R
    # What ablations and the baseline change. `fourier_bands=0` and `base_layers=0` are ablations too.
    architecture: str = "semantic"               # "monolithic": one StyleGAN2 for the whole face (model/stylegan2.py)
    mask_branch: bool = True                     # does the discriminator see the mask?
    fusion: str = "soft"                         # "hard": the nearest part alone is seen (model/fusion.py)
    shared: tuple[str, ...] = ()                 # per part, which generator draws it (model/shared.py); (): its own
    class_dim: int = 16                          # K, length of a part's class code where generators are shared

    def __post_init__(self) -> None:
        def require(condition: bool, message: str) -> None:
            if not condition:
                raise UserError(f"This model cannot be built: {message}.")

        for name, known in (("architecture", ARCHITECTURES), ("fusion", FUSIONS)):
            require(getattr(self, name) in known,
                    f'{name} is "{getattr(self, name)}". {suggest(getattr(self, name), known)[:-1]}')
        require(self.fourier_bands >= 0, f"fourier_bands is {self.fourier_bands}, below 0")
        for name in ("size", "coarse_size", "min_feat_size"):
            require(_is_power_of_two(getattr(self, name)), f"{name} is {getattr(self, name)}, not a power of two")
        require(self.coarse_size < self.size, f"coarse_size {self.coarse_size} is not below size {self.size}")
        require(self.min_feat_size < self.coarse_size,
                f"min_feat_size {self.min_feat_size} is not below coarse_size {self.coarse_size}")
        require(0 <= self.base_layers <= self.depth_layers <= self.local_layers,
                f"layers must satisfy base <= depth <= local, not {self.base_layers}, {self.depth_layers}, "
                f"{self.local_layers}")
        require(len(self.render_channels) == self.render_stages,
                f"render_channels needs {self.render_stages} numbers ({self.min_feat_size} to {self.size} px), "
                f"not {len(self.render_channels)}")
        require(self.discriminator_size in (0, self.size) or (_is_power_of_two(self.discriminator_size)
                                                              and 8 <= self.discriminator_size < self.size),
                f"discriminator_size is {self.discriminator_size}, not a power of two from 8 to size {self.size}")
        seen = self.discriminator_size or self.size
        n_resolutions = seen.bit_length() - 2
        require(len(self.discriminator_channels) == n_resolutions,
                f"discriminator_channels needs {n_resolutions} numbers ({seen} to 4 px), not "
                f"{len(self.discriminator_channels)}")
        require(len(self.parts) >= 2, "it needs a background and at least one other part")
        require(len(set(self.parts)) == len(self.parts), "two parts have the same name")
        for name in self.transparent:
            require(name in self.parts, f'the transparent part "{name}" is not among its parts')
        require(len(self.shared) in (0, len(self.parts)),
                f"shared names {len(self.shared)} generators for {len(self.parts)} parts")
        require(self.class_dim >= 1, f"class_dim is {self.class_dim}, below 1")

    @property
    def n_parts(self) -> int:
        """P, the number of parts, background included."""
        return len(self.parts)

    @property
    def n_latent(self) -> int:
        """B + 2 P: shared base codes, then a shape and a texture code for every part."""
        return self.base_layers + 2 * self.n_parts

    @property
    def render_stages(self) -> int:
        """How often the render net doubles the resolution on its way from m to R."""
        return (self.size // self.min_feat_size).bit_length() - 1

    @property
    def transparent_ids(self) -> tuple[int, ...]:
        """Part ids that are drawn over what is behind them."""
        return tuple(self.parts.index(name) for name in self.transparent)

    def part_id(self, part: str | int) -> int:
        """The id of a part of *this* model, by name or id; an unknown one is a `UserError`."""
        if isinstance(part, str):
            if part not in self.parts:
                raise UserError(f'This model has no part called "{part}". {suggest(part, self.parts)}')
            return self.parts.index(part)
        if not 0 <= part < self.n_parts:
            raise UserError(f"This model has parts 0 to {self.n_parts - 1}, not {part}.")
        return int(part)

    def replace(self, **changes) -> ModelConfig:
        """A copy with some numbers changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict:
        """Plain types only, for JSON and for checkpoints."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict) -> ModelConfig:
        """The inverse of `to_dict`; unknown and missing entries are named."""
        names = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - names):
            raise UserError(f"This configuration has entries that are not known here: {', '.join(unknown)}.")
        try:
            return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
        except TypeError as error:
            raise UserError(f"This configuration is incomplete: {error}.") from None


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


@dataclass(frozen=True)
class TrainConfig:
    """The recipe: everything that decides what a training run computes. Lengths count images shown, not steps.

    The defaults are the published recipe: the game alone, with the dual discriminator, from noise.
    """

    images: int = 400_000               # how many real images are shown in all, in both phases
    # Phase 1, reconstruct (train/reconstruct.py): encoder and generator draw the data, no discriminator.
    reconstruct_images: int = 0         # the first so many images; all others are for phase 2, the game
    reconstruct_every: int = 0          # steps of the game between two reconstruction steps; 0: none
    pixel_weight: float = 5.0           # reconstruction: of the absolute difference of the pixels
    feature_weight: float = 1.0         # reconstruction: of the distance of frozen features
    score_weight: float = 4.0           # reconstruction: of the squared error of the mask scores
    depth_weight: float = 1.0           # reconstruction: of the cross-entropy of the pseudo-depths
    coarse_weight: float = 20.0         # reconstruction: of the mask consistency
    area_weight: float = 0.0            # reconstruction: of the parts' areas in a batch (mean masks); for many parts
    balance: float = 0.5                # pixels of a part count area^-balance: 0 all alike, 1 parts alike
    kl_weight: float = 0.02             # reconstruction: of the divergence of z from N(0, 1)
    shift_weight: float = 0.0           # reconstruction: of the distance of the mean of z over the data from 0
    encoder_lr: float = 0.0003          # of the encoder
    # Phase 2, the game (train/game.py); in a larger model grown from a smaller one it is called "grow".
    dual_weight: float = 1.0            # of the dual discriminator (the paper's); 0: without it
    frozen_weight: float = 0.0          # of the discriminator on frozen features; 0: without it
    frozen_lr: float = 0.0002           # of the discriminator on frozen features
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
    # Fine-tuning, that is, a run that begins with --start-from.
    freeze: str = "none"                # local, shape or render: what stays as it was (train/freeze.py)
    keep_weight: float = 0.0            # data without masks: of keeping the masks that the same codes had before
    seed: int = 0                       # of everything random: weights, codes, noise, order, flips

    def __post_init__(self) -> None:
        if self.batch < 1 or (self.batch > 4 and self.batch % 4):
            raise UserError(f"A batch of {self.batch} cannot be split into groups of 4 for the minibatch standard "
                            "deviation; use a multiple of 4.")
        if self.freeze not in FREEZES:
            raise UserError(f'There is nothing called "{self.freeze}" to freeze. {suggest(self.freeze, FREEZES)}')
        for name in ("images", "r1_every", "path_every", "augment_ramp"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("r1_image", "r1_mask", "mask_weight", "path_weight", "ema_images", "ema_share", "augment_from",
                     "reconstruct_images", "reconstruct_every", "pixel_weight", "feature_weight", "score_weight",
                     "depth_weight", "coarse_weight", "area_weight", "balance", "kl_weight", "shift_weight",
                     "dual_weight", "frozen_weight", "keep_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} must not be negative, but is {getattr(self, name)}.")
        for name in ("lr", "encoder_lr", "frozen_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"{name} must be above 0, not {getattr(self, name)}.")
        if self.images > self.reconstruct_images and not (self.dual_weight or self.frozen_weight):
            raise UserError("A game needs a discriminator, but dual_weight and frozen_weight are both 0. For a run "
                            "that only reconstructs, give --reconstruct-images as many as --images.")
        if not (0 <= self.augment_max <= 1 and -1 <= self.augment_target <= 1):
            raise UserError("augment_max is a share from 0 to 1 and augment_target a mean sign from -1 to 1, not "
                            f"{self.augment_max} and {self.augment_target}.")
        if not (0 <= self.mixing <= 1 and 0 <= self.beta2 < 1):
            raise UserError(f"mixing and beta2 are shares from 0 to 1, not {self.mixing} and {self.beta2}.")

    @property
    def reconstructs(self) -> bool:
        """Does any step reconstruct, so that an encoder is trained?"""
        return self.reconstruct_images > 0 or self.reconstruct_every > 0

    def replace(self, **changes) -> TrainConfig:
        """A copy with some numbers changed."""
        return dataclasses.replace(self, **changes)


# What the two kinds of recipe say about phases. "two-core" makes faces on a laptop: reconstruct first, then the game
# with two discriminators, in which reconstruction steps keep the variety. "paper" is the published recipe.
# "fine-tune" takes a trained generator (--start-from) to another style: the game alone, with both discriminators.
RECIPES: dict[str, dict] = {
    "two-core": dict(reconstruct_images=12_000, reconstruct_every=2, frozen_weight=0.5),
    "paper": dict(images=400_000, reconstruct_images=0, reconstruct_every=0, frozen_weight=0.0),
    "fine-tune": dict(images=8_000, reconstruct_images=0, reconstruct_every=0, frozen_weight=0.5, keep_weight=1.0,
                      ema_images=1_000),
}

_PAPER = dict(style_dim=512, mapping_layers=8, coarse_size=64, min_feat_size=16, local_channels=64,
              feature_channels=512, local_layers=10, base_layers=2, depth_layers=6)


@dataclass(frozen=True)
class Preset:
    """A model and the recipe that trains it."""

    model: ModelConfig
    recipe: TrainConfig
    kind: str = "two-core"                       # of the recipe, a key of RECIPES


# lite64 and lite128 are one family: their weights have the same shapes, only the three sizes differ, so a trained
# lite64 goes on as lite128 (train/grow.py).
_LITE = dict(style_dim=128, mapping_layers=4, local_channels=32, feature_channels=96, local_layers=8, base_layers=2,
             depth_layers=5, fourier_bands=6, render_channels=(96, 96, 48),
             discriminator_channels=(32, 64, 96, 128, 128))

# The mask weights of the small presets are eight times what (size / 512)^2 would say. With the published 1000 / 256 =
# 4 at 32 px, even with 8, the discriminator looks at nothing but how soft the generated masks are: after 10,000
# images there was no face, and a fake image beside a real mask passed for real. With 40 there were heads after 8,000.
# Small batches make many steps early, which is what a CPU run needs: nano32 with batch 8 had better masks after
# 16,000 images than with batch 16 after 24,000. On a GPU take --batch 64.
PRESETS: dict[str, Preset] = {
    "nano32": Preset(ModelConfig(
        size=32, style_dim=64, mapping_layers=4, coarse_size=16, min_feat_size=4, local_channels=16,
        feature_channels=48, local_layers=6, base_layers=2, depth_layers=4, fourier_bands=5,
        render_channels=(64, 48, 32), discriminator_channels=(32, 48, 64, 64)),
        TrainConfig(images=60_000, batch=8, r1_image=0.08, r1_mask=40.0, **RECIPES["two-core"])),
    "lite64": Preset(ModelConfig(**_LITE, size=64, coarse_size=32, min_feat_size=8),
                     TrainConfig(images=120_000, batch=8, r1_image=0.2, r1_mask=160.0, **RECIPES["two-core"])),
    # R1 is a sum over pixels, and averaging over 2 x 2 of them divides the gradient by 4 and this sum by 4.
    "lite128": Preset(ModelConfig(**_LITE, size=128, coarse_size=64, min_feat_size=16, discriminator_size=64),
                      TrainConfig(images=60_000, batch=8, r1_image=0.8, r1_mask=640.0, **RECIPES["two-core"])),
    "paper256": Preset(ModelConfig(
        **_PAPER, size=256, fourier_bands=8, render_channels=(512, 512, 256, 128),
        discriminator_channels=(128, 256, 512, 512, 512, 512, 512)),
        TrainConfig(images=4_800_000, r1_image=2.5, r1_mask=250.0, path_weight=0.5), "paper"),
    "paper512": Preset(ModelConfig(
        **_PAPER, size=512, fourier_bands=9, render_channels=(512, 512, 256, 128, 64),
        discriminator_channels=(64, 128, 256, 512, 512, 512, 512, 512)),
        TrainConfig(images=4_800_000, r1_image=10.0, r1_mask=1000.0, path_weight=0.5), "paper"),
}


def preset(name: str) -> ModelConfig:
    """The model called `name`: nano32, lite64, lite128, paper256 or paper512."""
    return _find(name).model


def recipe(name: str, kind: str = "") -> TrainConfig:
    """How the model called `name` is trained; kind: one of `RECIPES`, instead of the preset's own."""
    found = _find(name)
    if kind and kind not in RECIPES:
        raise UserError(f'There is no recipe called "{kind}". {suggest(kind, RECIPES)}')
    return found.recipe if kind in ("", found.kind) else found.recipe.replace(**RECIPES[kind])


def _find(name: str) -> Preset:
    if name not in PRESETS:
        raise UserError(f'There is no preset called "{name}". {suggest(name, PRESETS)}')
    return PRESETS[name]
