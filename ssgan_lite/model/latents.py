"""Layout of the latent codes: which code steers which layer of which part, addresses by name, and style mixing.

Three shapes of code are accepted everywhere (P parts, L layers, B base codes):

- W        [N, S]          one code for everything;
- W+       [N, B + 2P, S]  B base codes shared by all foreground parts, then a shape and a texture code per part;
- expanded [N, P * L, S]   one code for every layer of every part, part by part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError, suggest

KINDS = ("shape", "texture")
FROM_A, TEXTURE_FROM_B, BOTH_FROM_B = 0, 1, 2   # what style mixing can do to one part of one sample


class LatentLayout:
    """Addresses of the codes of a model: `layout["hair", "shape"]`, `layout["base", 0]`, `layout["hair"]` (both)."""

    def __init__(self, config: ModelConfig):
        self.config = config
        self.n_latent = config.n_latent
        self._expansion = torch.tensor(
            [self._code_of(part, layer) for part in range(config.n_parts) for layer in range(config.local_layers)])
        self._on_device: dict[torch.device, Tensor] = {}

    def _code_of(self, part: int, layer: int) -> int:
        """Which of the W+ codes steers this layer of this part."""
        config = self.config
        if layer >= config.depth_layers:
            return config.base_layers + 2 * part + 1            # texture
        if part > 0 and layer < config.base_layers:
            return layer                                        # base: one code per layer; the background has none
        return config.base_layers + 2 * part                    # shape

    def __getitem__(self, address) -> int | slice:
        """The index (or, for a part without a kind, the slice) of an address in the W+ axis."""
        part, kind = address if isinstance(address, tuple) else (address, None)
        if part == "base":
            if kind is None:
                return slice(0, self.config.base_layers)
            if not 0 <= kind < self.config.base_layers:
                raise UserError(f"There are base codes 0 to {self.config.base_layers - 1}, not {kind}.")
            return kind
        start = self.config.base_layers + 2 * self.config.part_id(part)
        if kind is None:
            return slice(start, start + 2)
        if kind not in KINDS:
            raise UserError(f'A part has codes of kind "shape" and "texture", not "{kind}". {suggest(kind, KINDS)}')
        return start + KINDS.index(kind)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every W+ code, in order: base_0, base_1, background_shape, background_texture, ..."""
        return (*(f"base_{i}" for i in range(self.config.base_layers)),
                *(f"{part}_{kind}" for part in self.config.parts for kind in KINDS))

    def to_w_plus(self, w: Tensor) -> Tensor:
        """[N, S] -> [N, n_latent, S] by repetition; a W+ code is returned as it is."""
        self._check(w)
        if w.ndim == 2:
            return w[:, None].expand(-1, self.n_latent, -1)
        if w.shape[1] != self.n_latent:
            raise UserError(f"This code has one entry per layer ({w.shape[1]}); W+ has {self.n_latent} entries and "
                            "cannot be recovered from it.")
        return w

    def expand(self, w: Tensor) -> Tensor:
        """Any of the three shapes -> expanded [N, P * L, S]."""
        self._check(w)
        if w.ndim == 3 and w.shape[1] == len(self._expansion):
            return w
        if w.device not in self._on_device:      # copied once: a GPU would have to be waited for every time
            self._on_device[w.device] = self._expansion.to(w.device)
        # Not by indexing: its gradient is summed in whatever order the threads of a CPU come.
        return self.to_w_plus(w).index_select(1, self._on_device[w.device])

    def _check(self, w: Tensor) -> None:
        n_expanded, s = len(self._expansion), self.config.style_dim
        if w.ndim in (2, 3) and w.shape[-1] == s and (w.ndim == 2 or w.shape[1] in (self.n_latent, n_expanded)):
            return
        raise UserError(f"A latent code of shape {list(w.shape)} does not fit this model: it takes [N, {s}], "
                        f"[N, {self.n_latent}, {s}] or [N, {n_expanded}, {s}].")

    def draw_mixing(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw what `mix` shall do, uniformly and independently for every part of every sample: [P, N]."""
        return torch.randint(3, (self.config.n_parts, n_samples), generator=generator,
                             device=generator.device if generator is not None else None)

    def mix(self, w_a: Tensor, w_b: Tensor, choice: Tensor | Sequence[Sequence[int]]) -> Tensor:
        """Style mixing: cross two faces part by part.

        w_a, w_b: [N, S]; choice: [P, N] of 0 (both codes of the part from a), 1 (its texture from b), 2 (shape and
        texture from b). The base codes always come from a. Returns W+ [N, n_latent, S].
        """
        a, b = self.to_w_plus(w_a), self.to_w_plus(w_b)
        choice = torch.as_tensor(choice, device=a.device).T                                    # [N, P]
        from_b = torch.stack([choice == BOTH_FROM_B, choice != FROM_A], dim=2).flatten(1)      # [N, 2P]
        base = from_b.new_zeros(len(a), self.config.base_layers)
        return torch.where(torch.cat([base, from_b], dim=1)[..., None], b, a)                  # [N, n_latent, S]
