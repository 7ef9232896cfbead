"""The render net: from the coarse feature map to the image and the mask at full size.

SemanticStyleGAN (arXiv 2112.02236), "Render net". StyleGAN2's synthesis network with skip connections (arXiv
1912.04958, section 4), with two changes: no latent code enters it, and it has a second output branch for the mask,
which starts from the coarse mask and learns residuals to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model.layers import FixedStyledConv, OutputHead, channels_last_on_cpu


class RenderStage(nn.Module):
    """Doubles the resolution: one upsampling and one plain convolution, then a head each for image and mask."""

    def __init__(self, in_channels: int, out_channels: int, n_parts: int):
        super().__init__()
        self.up = FixedStyledConv(in_channels, out_channels, upsample=True)
        self.conv = FixedStyledConv(out_channels, out_channels)
        self.to_image = OutputHead(out_channels, 3)
        self.to_mask = OutputHead(out_channels, n_parts)


class RenderNet(nn.Module):
    """[N, O, Hc, Hc] features and [N, P, Hc, Hc] coarse mask -> image [N, 3, R, R] and mask scores [N, P, R, R]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.coarse_size, self.start_size = config.coarse_size, config.min_feat_size
        self.mask_residual = config.mask_residual
        self.stages = nn.ModuleList()
        channels, size = config.feature_channels, config.min_feat_size
        for out_channels in config.render_channels:
            extra = config.feature_channels if size == config.coarse_size else 0
            self.stages.append(RenderStage(channels + extra, out_channels, config.n_parts))
            channels, size = out_channels, 2 * size
        # One fixed noise plane for each of the two convolutions of a stage, stored with the weights.
        for i, size in enumerate(self.noise_sizes):
            self.register_buffer(f"noise_{i}", torch.randn(1, 1, size, size))
        self._prepared: list[Tensor] | None = None

    @property
    def noise_sizes(self) -> list[int]:
        """Height of every noise plane, in the order of the convolutions."""
        return [self.start_size * 2 ** (i // 2 + 1) for i in range(2 * len(self.stages))]

    @property
    def stored_noise(self) -> list[Tensor]:
        """The planes that are kept with the weights: [1, 1, s, s] each."""
        return [getattr(self, f"noise_{i}") for i in range(2 * len(self.stages))]

    def draw_noise(self, n_samples: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh planes for n samples: [N, 1, s, s] each; a generator on the model's device makes them repeatable."""
        device = self.noise_0.device
        return [torch.randn(n_samples, 1, s, s, generator=generator, device=device) for s in self.noise_sizes]

    def prepare(self) -> None:
        """Compute the convolutions' weights once and keep them: no latent enters them. Undone by `train()`."""
        with torch.no_grad():
            self._prepared = []
            for stage in self.stages:       # laid out in memory as the two kinds of convolution will read them
                self._prepared += [channels_last_on_cpu(stage.up.prepare().transpose(0, 1)).transpose(0, 1),
                                   channels_last_on_cpu(stage.conv.prepare())]

    @property
    def is_prepared(self) -> bool:
        return self._prepared is not None

    def train(self, mode: bool = True):
        self._prepared = None
        return super().train(mode)

    def _load_from_state_dict(self, *args, **kwargs):
        self._prepared = None
        super()._load_from_state_dict(*args, **kwargs)

    def _apply(self, *args, **kwargs):          # .to(...), .half(), ... replace the parameters
        self._prepared = None
        return super()._apply(*args, **kwargs)

    def forward(self, features: Tensor, coarse_mask: Tensor,
                noise: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """`coarse_mask` in [-1, 1]; `noise` one plane per convolution (default: the stored ones)."""
        noise = self.stored_noise if noise is None else noise
        if [plane.shape[-1] for plane in noise] != self.noise_sizes:
            raise UserError(f"The render net needs noise planes of sizes {self.noise_sizes}, not "
                            f"{[plane.shape[-1] for plane in noise]}; `draw_noise` makes them.")
        weights = self._prepared or [None] * len(noise)
        features = channels_last_on_cpu(features)
        x = F.avg_pool2d(features, self.coarse_size // self.start_size)                        # [N, O, m, m]
        image = mask = None
        for i, stage in enumerate(self.stages):
            if x.shape[-1] == self.coarse_size:
                x = torch.cat([x, features], dim=1)
            x = stage.up(x, noise[2 * i], weights[2 * i])                                      # twice the size
            x = stage.conv(x, noise[2 * i + 1], weights[2 * i + 1])
            image, mask = stage.to_image(x, image), stage.to_mask(x, mask)
            if self.mask_residual and mask.shape[-1] == self.coarse_size:
                mask = mask + coarse_mask           # once, at its own resolution; later stages add residuals
        return image, mask
