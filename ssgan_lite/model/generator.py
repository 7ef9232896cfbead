"""The generator: codes -> local generators -> fusion -> render net. SemanticStyleGAN, arXiv 2112.02236."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model.fourier import PositionEmbedding
from ssgan_lite.model.fusion import fuse
from ssgan_lite.model.latents import LatentLayout
from ssgan_lite.model.local import LocalBank
from ssgan_lite.model.mapping import MappingNetwork, truncate
from ssgan_lite.model.render import RenderNet
from ssgan_lite.model.shared import SharedBank


@dataclass
class GeneratorOutput:
    """What one forward pass gives. N samples, P parts, R = image size, Hc = coarse size."""

    image: Tensor          # [N, 3, R, R], about -1 to 1, not clamped
    mask: Tensor           # [N, P, R, R], raw scores; the largest wins
    coarse_mask: Tensor | None   # [N, P, Hc, Hc], in [-1, 1]; None for the monolithic baseline
    depths: Tensor | None        # [N, P, Hc, Hc], pseudo-depths; the background's are 0; None for the baseline
    codes: Tensor          # [N, P * L, S], the expanded codes that were used


class LatentGenerator(nn.Module):
    """Base class of all generators: codes drawn from z, and the mean of W towards which they are truncated.

    A subclass has `mapping` (z -> w), `layout` (which code steers what) and `render` (with `draw_noise`).
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.name = ""        # of its weights, set by who loads them; a saved face says by which it was made
        # The mean of W, for truncation. NaN until `update_mean_w` has run, so that it is never used unnoticed.
        self.register_buffer("mean_w", torch.full((config.style_dim,), float("nan")))

    @property
    def device(self) -> torch.device:
        return self.mean_w.device

    def sample_z(self, n_samples: int, seed: int | None = None) -> Tensor:
        """[N, S] standard normal; with a seed the same on every device and for every n (z[i] depends on seed + i)."""
        if seed is None:
            return torch.randn(n_samples, self.config.style_dim, device=self.device)
        rows = [torch.randn(self.config.style_dim, generator=torch.Generator().manual_seed(seed + i))
                for i in range(n_samples)]
        return torch.stack(rows).to(self.device)

    @torch.no_grad()
    def update_mean_w(self, n_samples: int = 10_000, seed: int = 0) -> Tensor:
        """Estimate the mean of W from `n_samples` codes, keep it for truncation, and return it: [S]."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n_samples, self.config.style_dim, generator=generator).to(self.device)
        self.mean_w.copy_(self.mapping(z).mean(dim=0))
        return self.mean_w

    def truncate(self, w: Tensor, psi: float) -> Tensor:
        """Pull codes towards the mean of W: psi = 1 leaves them, 0 gives the average face. w: [..., S]."""
        if psi == 1:
            return w
        if self.mean_w.isnan().any():
            self.update_mean_w()
        return truncate(w, self.mean_w, psi)


class SemanticGenerator(LatentGenerator):
    """SemanticStyleGAN's generator.

    `G(w)` takes W, W+ or expanded codes (see `LatentLayout`). In eval mode it uses the stored noise planes, so the
    same code gives the same picture; in train mode it draws fresh ones.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.layout = LatentLayout(config)
        self.mapping = MappingNetwork(config.style_dim, config.mapping_layers, config.mapping_lr)
        self.embedding = PositionEmbedding(config.coarse_size, config.fourier_bands, config.local_channels)
        self.local = SharedBank(config) if config.shared else LocalBank(config)
        self.render = RenderNet(config)

    def coordinates(self, moved: Mapping[str | int, Tensor]) -> Tensor:
        """A grid for every part, the plain one except where `moved` gives another ([2, Hc, Hc]): [P, 2, Hc, Hc]."""
        grids = self.embedding.grid.repeat(self.config.n_parts, 1, 1, 1)
        for part, grid in moved.items():
            grids[self.config.part_id(part)] = grid
        return grids

    def present(self, parts: Sequence[str | int]) -> Tensor:
        """The composition mask that shows only `parts`: [P] of 0 and 1."""
        present = torch.zeros(self.config.n_parts, device=self.device)
        present[[self.config.part_id(part) for part in parts]] = 1.0
        if not present.any():
            raise UserError("At least one part must be shown; name one, for example \"background\".")
        return present

    def forward(self, w: Tensor, *, psi: float = 1.0, present: Tensor | None = None, coords: Tensor | None = None,
                noise: Sequence[Tensor] | None = None) -> GeneratorOutput:
        """From codes to image and mask.

        w        W [N, S], W+ [N, B + 2P, S] or expanded codes [N, P * L, S]
        psi      truncation towards `mean_w`
        present  [P] or [N, P], which parts take part in the composition (see `present()`)
        coords   [P, 2, Hc, Hc] or [N, P, 2, Hc, Hc], a position grid per part (see `coordinates()`)
        noise    planes for the render net (see `render.draw_noise`); default: stored in eval mode, fresh in training
        """
        codes = self.layout.expand(self.truncate(w, psi))                                      # [N, P L, S]
        per_layer = codes.unflatten(1, (self.config.n_parts, self.config.local_layers))        # [N, P, L, S]
        hidden, depths = self.local(per_layer, self.embedding(coords))                         # [N, P, C, Hc, Hc]
        weights, coarse_mask = fuse(depths, self.config, present)                              # [N, P, Hc, Hc]
        features = self.local.compose(hidden, weights)                                         # [N, O, Hc, Hc]
        if noise is None and self.training:
            noise = self.render.draw_noise(len(codes))
        image, scores = self.render(features, coarse_mask, noise)
        return GeneratorOutput(image, scores, coarse_mask, depths, codes)
