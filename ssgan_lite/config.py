"""What a model is, in numbers: one architecture (the paper's) at five sizes, and the recipe that trains it.

A `ModelConfig` holds everything needed to build a generator and a discriminator; nothing is read from anywhere else.
The presets differ in numbers only. `paper256` and `paper512` are the published configurations, so the published
checkpoints load into them exactly; the other three are small enough for a laptop, with the same parts in the same
places.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.parts import PARTS

ARCHITECTURES = ("semantic", "monolithic")
FUSIONS = ("soft", "hard")


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
    transparent: tuple[str, ...] = tuple(p.name for p in PARTS if p.transparent)
    mask_residual: bool = True                   # add the coarse mask to the mask branch at its own resolution
    detach_texture: bool = False                 # no gradient from texture layers into shape layers
    mapping_lr: float = 0.01                     # learning-rate multiplier of the mapping network
    # What ablations and the baseline change. `fourier_bands=0` and `base_layers=0` are ablations too.
    architecture: str = "semantic"               # "monolithic": one StyleGAN2 for the whole face (model/baseline.py)
    mask_branch: bool = True                     # does the discriminator see the mask?
    fusion: str = "soft"                         # "hard": the nearest part alone is seen (model/fusion.py)

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
        n_resolutions = self.size.bit_length() - 2
        require(len(self.discriminator_channels) == n_resolutions,
                f"discriminator_channels needs {n_resolutions} numbers ({self.size} to 4 px), "
                f"not {len(self.discriminator_channels)}")
        require(len(self.parts) >= 2, "it needs a background and at least one other part")
        require(len(set(self.parts)) == len(self.parts), "two parts have the same name")
        for name in self.transparent:
            require(name in self.parts, f'the transparent part "{name}" is not among its parts')

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


_PAPER = dict(style_dim=512, mapping_layers=8, coarse_size=64, min_feat_size=16, local_channels=64,
              feature_channels=512, local_layers=10, base_layers=2, depth_layers=6)

PRESETS: dict[str, ModelConfig] = {
    "nano32": ModelConfig(
        size=32, style_dim=64, mapping_layers=4, coarse_size=16, min_feat_size=4, local_channels=16,
        feature_channels=48, local_layers=6, base_layers=2, depth_layers=4, fourier_bands=5,
        render_channels=(64, 48, 32), discriminator_channels=(32, 48, 64, 64)),
    "lite64": ModelConfig(
        size=64, style_dim=128, mapping_layers=4, coarse_size=32, min_feat_size=8, local_channels=32,
        feature_channels=96, local_layers=8, base_layers=2, depth_layers=5, fourier_bands=6,
        render_channels=(96, 96, 48), discriminator_channels=(32, 64, 96, 128, 128)),
    "lite128": ModelConfig(
        size=128, style_dim=128, mapping_layers=4, coarse_size=64, min_feat_size=16, local_channels=32,
        feature_channels=128, local_layers=8, base_layers=2, depth_layers=5, fourier_bands=7,
        render_channels=(128, 96, 48), discriminator_channels=(32, 64, 128, 192, 256, 256)),
    "paper256": ModelConfig(
        **_PAPER, size=256, fourier_bands=8, render_channels=(512, 512, 256, 128),
        discriminator_channels=(128, 256, 512, 512, 512, 512, 512)),
    "paper512": ModelConfig(
        **_PAPER, size=512, fourier_bands=9, render_channels=(512, 512, 256, 128, 64),
        discriminator_channels=(64, 128, 256, 512, 512, 512, 512, 512)),
}


def preset(name: str) -> ModelConfig:
    """The configuration called `name`: nano32, lite64, lite128, paper256 or paper512."""
    if name not in PRESETS:
        raise UserError(f'There is no preset called "{name}". {suggest(name, PRESETS)}')
    return PRESETS[name]
