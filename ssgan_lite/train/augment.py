"""Adaptive discriminator augmentation (ADA), against a dual discriminator that memorizes a small data set.

Karras et al., "Training generative adversarial networks with limited data" (arXiv 2006.06676). Everything that the
dual discriminator sees, real or fake, is transformed at random with probability p per kind of transform, and p
follows the sign of D(real): when too many reals are called real, p goes up. Because p stays well below 1 the
generator learns faces, not transformed ones. Image and mask move together; colors change in the image only.

Nothing here synchronizes with the device: p is a tensor, and which samples are changed is decided by comparing
tensors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.config import TrainConfig
from ssgan_lite.train.distributed import ALONE, Processes
from ssgan_lite.train.streams import stream

# Ranges, uniform between minus and plus this much. Mild: the face stays in the picture.
SHIFT = 1 / 8                # of the width; half of the shifts are by whole pixels, which do not blur
SCALE = 0.25                 # exponent of 2: 0.84 to 1.19 times as large
ROTATION = math.pi / 12      # 15 degrees
BRIGHTNESS = 0.2             # added, in a picture of -1 to 1
CONTRAST = 0.4               # exponent of 2: 0.76 to 1.32
SATURATION = 0.8             # exponent of 2: 0.57 to 1.74
HUE = math.pi / 10           # angle about the gray axis

GEOMETRY_DRAWS, COLOR_DRAWS = 11, 8


class AdaptiveAugment:
    """`augment(image, mask, *address)` transforms; `update(sign)` adapts p. Off until `augment_from` images."""

    def __init__(self, config: TrainConfig, device: torch.device | str = "cpu", processes: Processes = ALONE):
        self.config, self.p, self.processes = config, torch.zeros((), device=device), processes
        gray = torch.full((3, 3), 1 / 3)                                       # projection on the gray axis
        turn = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)     # quarter turn about it
        self._axes = torch.stack([gray, torch.eye(3) - gray, turn]).to(device)         # once: a copy synchronizes

    def active(self, images_seen: int) -> bool:
        """Is augmentation on at this point of the training? Known on the host."""
        return self.config.augment_max > 0 and images_seen >= self.config.augment_from

    def update(self, real_sign: Tensor) -> None:
        """One step: p changes by batch / ramp, up if the mean sign of D(real) is above the target, else down."""
        change = torch.sign(real_sign.detach() - self.config.augment_target) * (self.config.batch
                                                                                / self.config.augment_ramp)
        self.p = (self.p + change).clamp(0.0, self.config.augment_max)

    def __call__(self, image: Tensor, mask: Tensor, *address: object) -> tuple[Tensor, Tensor]:
        """image [N, 3, R, R], mask [N, P, R, R]; the same address gives the same transforms. Once differentiable."""
        n = len(image) * self.processes.count
        generator = stream(*address, "augment", device=image.device)
        draws = self.processes.mine(torch.rand(n, GEOMETRY_DRAWS + COLOR_DRAWS, generator=generator,
                                               device=image.device))
        geometry, color = draws.split([GEOMETRY_DRAWS, COLOR_DRAWS], dim=1)
        matrix, moved = draw_geometry(geometry, self.p, image.shape[-1])
        image, mask = move(image.float(), mask.float(), matrix, moved)
        return tint(image, *self._draw_color(color)), mask

    def _draw_color(self, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A color matrix [N, 3, 3], an offset [N] and which samples they change [N], from uniform numbers [N, 8].

        matrix = contrast * (gray + saturation * (cos(hue) (1 - gray) + sin(hue) turn)): only the contrast acts along
        the gray axis; around it the hue rotates and the saturation stretches.
        """
        gates, values = draws[:, :4] < self.p, (2 * draws[:, 4:] - 1)                          # [N, 4] each
        values = torch.where(gates, values, 0.0)
        offset, contrast = BRIGHTNESS * values[:, 0], torch.exp2(CONTRAST * values[:, 1])
        saturation, hue = torch.exp2(SATURATION * values[:, 2]), HUE * values[:, 3]
        weights = torch.stack([contrast, contrast * saturation * hue.cos(), contrast * saturation * hue.sin()], dim=1)
        matrix = (weights[:, :, None, None] * self._axes).sum(dim=1)                           # [N, 3, 3]
        return matrix, offset, gates.any(dim=1)


def draw_geometry(draws: Tensor, p: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Affine maps from output to input positions, [N, 2, 3] in half widths, and which samples move [N], from [N, 11].

    Mirror, shift by whole pixels, shift by any amount, scale and rotation, each with probability p (the mirror with
    p / 2, since it is its own opposite).
    """
    gates, values = draws[:, :5] < p, 2 * draws[:, 5:] - 1                                     # [N, 5], [N, 6]
    gates = torch.cat([draws[:, :1] < p / 2, gates[:, 1:]], dim=1)
    pixel = 2.0 / size
    whole = torch.round(values[:, 0:2] * 2 * SHIFT / pixel) * pixel                            # [N, 2]
    shift = torch.where(gates[:, 1:2], whole, 0.0) + torch.where(gates[:, 2:3], values[:, 2:4] * 2 * SHIFT, 0.0)
    zoom = torch.exp2(torch.where(gates[:, 3], SCALE * values[:, 4], 0.0))
    angle = torch.where(gates[:, 4], ROTATION * values[:, 5], 0.0)
    return inverse_map(torch.where(gates[:, 0], -1.0, 1.0), shift, zoom, angle), gates.any(dim=1)


def inverse_map(mirror: Tensor, shift: Tensor, zoom: Tensor, angle: Tensor) -> Tensor:
    """[N, 2, 3]: output position -> input position, M R(-angle) (x - shift) / zoom. Positive angles turn clockwise.

    mirror [N] of 1 and -1 (left to right), shift [N, 2] (right and down, half widths), zoom [N], angle [N].
    """
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    linear = torch.stack([mirror * cos, mirror * sin, -sin, cos], dim=1).view(-1, 2, 2)
    return torch.cat([linear, -(linear * shift[:, None]).sum(dim=2, keepdim=True)], dim=2)


def move(image: Tensor, mask: Tensor, matrix: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Resample image and mask together; samples that are not `moved` [N] stay identical.

    Beyond its edge the picture continues as its mirror image, the mask as background: +1 in channel 0, else -1.
    """
    grid = F.affine_grid(matrix, list(image.shape), align_corners=False)
    background = mask.new_full((1, mask.shape[1], 1, 1), -1.0)
    background[:, 0] = 1.0
    warped_image = F.grid_sample(image, grid, "bilinear", "reflection", align_corners=False)
    # Padding is with zeros, so the mask is moved as its difference from the background.
    warped_mask = F.grid_sample(mask - background, grid, "bilinear", "zeros", align_corners=False) + background
    chosen = moved.view(-1, 1, 1, 1)
    return torch.where(chosen, warped_image, image), torch.where(chosen, warped_mask, mask)


def tint(image: Tensor, matrix: Tensor, offset: Tensor, tinted: Tensor) -> Tensor:
    """matrix [N, 3, 3] times every pixel plus offset [N]; samples that are not `tinted` [N] stay identical.

    Written as a sum and not as a matrix product, which a GPU would be allowed to round to ten bits.
    """
    colored = (matrix[:, :, :, None, None] * image[:, None]).sum(dim=2) + offset.view(-1, 1, 1, 1)
    return torch.where(tinted.view(-1, 1, 1, 1), colored, image)
