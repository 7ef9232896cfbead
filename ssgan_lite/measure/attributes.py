"""What a face looks like, in numbers: age, smile, hair length, yaw ... read from the picture alone.

Two predictors of the same attributes, both trained on the heads, whose attributes are known rather than estimated:

- `load_predictor("lite0")` reads EfficientNet-Lite0's features. It is differentiable and may teach: directions are
  fitted to what it says, and it may be part of a loss.
- `load_predictor("lite2")`, the judge, reads EfficientNet-Lite2's features. No direction and no loss has ever used
  it; it says whether an edit did what was wanted.

Both answer in standard deviations of the heads: 0 is the heads' mean, 1 is one standard deviation above it. For an
attribute that is there or not, the number that is predicted is 0 or 1, in the same scale. How well each attribute is
read is in `about`, measured on the validation split; what neither reads well was left out (`record["left_out"]`).

    python -m ssgan_lite.measure.make_attributes --out data/measure      # how the shipped ones were made
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite import assets
from ssgan_lite.data import Dataset
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.features import EfficientNetLite, scale
from ssgan_lite.model.precision import full_precision
from ssgan_lite.storage import load_tensors, save_tensors, tensor_path
from ssgan_lite.weights import load_state

FORMAT = "ssgan-lite attributes 1"
BACKBONES = {"lite0": 0, "lite2": 2}
SIZE = 128                                   # pictures are scaled to this size
POOLED = (2, 4, 4, 2)                        # the maps at strides 4, 8, 16 and 32 are averaged to this size
PIXELS = 16                                  # and the picture itself to this size
HIDDEN = 32

# How dark a color of hair is: from 0 (white) to 1 (black), from the mean luminance of such hair among the heads.
DARKNESS = {"white": 0.0, "blond": 0.33, "grey": 0.39, "light_brown": 0.70, "red": 0.72, "brown": 0.84,
            "dark_brown": 0.95, "black": 1.0}
# How long hair looks from the front: tied back it looks short.
LENGTH = {"bald": 0, "buzz": 1, "short": 2, "slick": 2, "side_part": 2, "messy": 2, "bun": 2, "ponytail": 2,
          "rounded": 2, "bob": 3, "long": 4, "long_fringe": 4}
LEAST_HAIR = 0.02                            # share of the picture; with less of it, its color is not asked for

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Attribute:
    """One thing that can be read from a picture."""

    name: str
    unit: str                                # "yes or no" for what is there or not: 1 or 0
    truth: Callable[[Values, np.ndarray], np.ndarray]    # (attributes, parts' areas [N, P]) -> [N]; NaN: unknown
    mirrored: int = 1                        # times what it is in the mirrored picture

    @property
    def is_number(self) -> bool:
        return self.unit != YES_NO


YES_NO = "yes or no"


def _plain(name: str) -> Callable[[Values, np.ndarray], np.ndarray]:
    return lambda values, areas: values[name].astype(np.float64)


def _any(name: str, *none: str) -> Callable[[Values, np.ndarray], np.ndarray]:
    return lambda values, areas: (~np.isin(values[name], none or ("none",))).astype(np.float64)


def _brightness(what: str) -> Callable[[Values, np.ndarray], np.ndarray]:
    return lambda values, areas: np.mean([values[f"{what}_{color}"] for color in ("red", "green", "blue")], axis=0)


def _hair(of: Callable[[Values], np.ndarray]) -> Callable[[Values, np.ndarray], np.ndarray]:
    """Of heads whose hair can be seen."""
    return lambda values, areas: np.where(areas[:, 7] >= LEAST_HAIR, of(values), np.nan)


ATTRIBUTES = (
    Attribute("skin_tone", "Monk scale, 1 to 10", _plain("skin_tone")),
    Attribute("skin_redness", "0 to 1", _plain("skin_redness")),
    Attribute("freckles", "0 to 1", _plain("freckles")),
    Attribute("age", "years", _plain("age")),
    Attribute("face_width", "-1 to 1", _plain("face_width")),
    Attribute("face_angularity", "0 to 1", _plain("face_angularity")),
    Attribute("hair_darkness", "0 (white) to 1 (black)",
              _hair(lambda values: np.array([DARKNESS[c] for c in values["hair_colour"]]))),
    Attribute("hair_length", "0 (bald) to 4 (long)",
              lambda values, areas: np.array([LENGTH[style] for style in values["hair_style"]], np.float64)),
    Attribute("curly_hair", YES_NO, _hair(lambda values: (values["hair_kind"] == "curly").astype(np.float64))),
    Attribute("brow_thickness", "0 to 1", _plain("brow_thickness")),
    Attribute("beard", YES_NO, _any("beard")),
    Attribute("lip_color", "0 (bare) to 1 (painted)", _plain("lip_colour")),
    Attribute("smile", "0 to 1", _plain("smile")),
    Attribute("mouth_open", "0 to 1", _plain("mouth_open")),
    Attribute("glasses", YES_NO, _any("glasses")),
    Attribute("dark_glasses", YES_NO, lambda values, areas: (values["glasses"] == "sun").astype(np.float64)),
    Attribute("hat", YES_NO, _any("hat")),
    Attribute("earrings", YES_NO, lambda values, areas: (areas[:, 12] > 0).astype(np.float64)),
    Attribute("yaw", "degrees", _plain("yaw"), -1),
    Attribute("pitch", "degrees", _plain("pitch")),
    Attribute("roll", "degrees", _plain("roll"), -1),
    Attribute("light_side", "degrees, positive: from the right", _plain("light_side"), -1),
    Attribute("background_brightness", "0 to 1", _brightness("background")),
    Attribute("cloth_brightness", "0 to 1", _brightness("cloth")),
)


def true_attributes(data: Dataset) -> np.ndarray:
    """What is known of the heads: [N, len(ATTRIBUTES)] in units; NaN where it cannot be seen."""
    missing = {"skin_tone", "hair_style", "light_side"} - set(data.attributes)
    if missing or not data.has_masks:
        raise UserError("Attributes are read from the heads' own; this data set does not have them. Use "
                        'open_dataset("heads", size).')
    areas = torch.stack([(data.masks == part).float().mean((1, 2)) for part in range(len(data.parts))], 1).numpy()
    return np.stack([attribute.truth(data.attributes, areas) for attribute in ATTRIBUTES], axis=1)


class Reader(nn.Module):
    """Features [N, D] -> scores [N, A]: a linear map, and beside it a small MLP that mends it."""

    def __init__(self, inputs: int, outputs: int, hidden: int = HIDDEN):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.mlp = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, outputs))
        self.register_buffer("offset", torch.zeros(inputs))        # mean and standard deviation of the inputs
        self.register_buffer("scale", torch.ones(inputs))
        self.register_buffer("mean", torch.zeros(outputs))         # and of the attributes, in units
        self.register_buffer("std", torch.ones(outputs))

    @full_precision
    def forward(self, features: Tensor) -> Tensor:
        x = ((features - self.offset) / self.scale).clamp(-8, 8)
        return self.linear(x) + self.mlp(x)


class AttributePredictor(nn.Module):
    """Pictures [N, 3, R, R] in [-1, 1] -> what they show [N, A], in standard deviations of the heads."""

    def __init__(self, backbone: str, names: tuple[str, ...], about: dict | None = None, record: dict | None = None):
        super().__init__()
        self.backbone, self.names = backbone, tuple(names)
        self.about, self.record = about or {}, record or {}
        self.network = EfficientNetLite(BACKBONES[backbone])
        self.network.head = nn.Identity()                                  # not needed here
        inputs = feature_size(self.network)
        self.reader = Reader(inputs, len(self.names))

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of every attribute."""
        known = {attribute.name: attribute.unit for attribute in ATTRIBUTES}
        return tuple(known[name] for name in self.names)

    def index(self, name: str) -> int:
        """Which column an attribute is; an unknown one is a `UserError`."""
        if name not in self.names:
            left = self.record.get("left_out", {})
            if name in left:
                raise UserError(f'"{name}" cannot be read well enough from a picture, so it was left out. '
                                f"Known: {', '.join(self.names)}.")
            raise UserError(f'There is no attribute called "{name}". {suggest(str(name), self.names)}')
        return self.names.index(name)

    def forward(self, images: Tensor) -> Tensor:
        """Scores [N, A]; gradients flow back into the images."""
        return self.reader(features_for(self.network, images))

    def in_units(self, scores: Tensor) -> Tensor:
        """Scores [..., A] in the attributes' own units: years, degrees, 0 to 1."""
        return scores * self.reader.std + self.reader.mean

    @torch.no_grad()
    def read(self, images: Tensor, batch: int = 32) -> Tensor:
        """Scores [N, A] of pictures in [-1, 1], without gradients, `batch` at a time."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise UserError(f"Pictures have shape [N, 3, R, R], not {list(images.shape)}.")
        return torch.cat([self(part.clamp(-1, 1)) for part in images.split(batch)])


def compare_attributes(names: tuple[str, ...], generated: Tensor, real: Tensor) -> dict[str, dict]:
    """How the readings of generated faces [N, A] are distributed beside those of real ones [M, A], per attribute.

    mean, std and distance are in standard deviations of the heads; the distance is Wasserstein's, the mean
    difference of the sorted readings: 0 where the distributions agree.
    """
    shares = torch.linspace(0, 1, 101, dtype=torch.float64, device=real.device)
    ours, theirs = (x.double().quantile(shares, dim=0) for x in (generated, real))             # [101, A]
    return {name: dict(mean=float(generated[:, i].mean()), std=float(generated[:, i].std()),
                       real_mean=float(real[:, i].mean()), real_std=float(real[:, i].std()),
                       distance=float((ours[:, i] - theirs[:, i]).abs().mean())) for i, name in enumerate(names)}


def features_for(network: EfficientNetLite, images: Tensor) -> Tensor:
    """What a reader looks at: pooled maps of the frozen network, and the picture itself, small: [N, D]."""
    small = F.adaptive_avg_pool2d(images, PIXELS).flatten(1)
    if images.shape[-1] != SIZE:
        images = F.interpolate(images, size=SIZE, mode="bilinear", antialias=images.shape[-1] > SIZE)
    maps = network.tapped(scale(images), 4)
    return torch.cat([F.adaptive_avg_pool2d(x.float(), size).flatten(1)
                      for x, size in zip(maps, POOLED, strict=True)] + [small], dim=1)


def feature_size(network: EfficientNetLite) -> int:
    """D of `features_for`."""
    with torch.no_grad():
        return features_for(network, torch.zeros(1, 3, SIZE, SIZE)).shape[1]


def save_predictor(predictor: AttributePredictor, path: str | os.PathLike) -> None:
    """Write `path`.safetensors, with floats in half precision, and `path`.json. The backbone is not in it."""
    state = {name: tensor.half() for name, tensor in predictor.reader.state_dict().items()}
    save_tensors(path, state, FORMAT, dict(backbone=predictor.backbone, names=list(predictor.names),
                                           about=predictor.about, record=predictor.record))


def load_predictor(which: str | os.PathLike = "lite0") -> AttributePredictor:
    """The shipped predictor on "lite0" (may teach) or on "lite2" (only judges), or one in a file; in eval mode."""
    if which in BACKBONES:
        path = assets.find(f"measure/attributes-{which}.safetensors")
        assets.verify(path), assets.verify(path.with_suffix(".json"))
    elif isinstance(which, str) and "/" not in which and "." not in which:
        raise UserError(f'There is no predictor of attributes called "{which}". {suggest(which, BACKBONES)}')
    else:
        path = tensor_path(which)
    state, description = load_tensors(path, FORMAT, dict(backbone=str, names=list, about=dict, record=dict))
    predictor = AttributePredictor(description["backbone"], tuple(description["names"]), description["about"],
                                   description["record"])
    load_state(predictor.reader, {name: tensor.float() for name, tensor in state.items()}, str(path))
    return predictor.eval().requires_grad_(False)
