"""A first guess in a fraction of a second: the encoder's z, then corrections part by part, in W+.

The encoder that is trained with the generator sees the picture once and gives one code for the whole face.
`PartEncoder` looks at what that code draws, compares it with the picture part by part, and says by how much the
part's codes should move; the answer is drawn, compared and corrected again. (Iterative
refinement: Alaluf et al., "ReStyle", arXiv 2104.02699; here with one small network shared by all parts.) A descent
that begins there needs fewer steps; who is in a hurry takes the guess as it is.

    python -m ssgan_lite.invert.refine --weights lite64 --out data/weights/encoders/lite64.parts     # trains one
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from ssgan_lite import assets
from ssgan_lite.config import ModelConfig
from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.device import cpu_computes_bf16
from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.invert.distance import mask_distance, picture_distance
from ssgan_lite.invert.prior import code_prior
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.encoder import Encoder, pool_features, pool_mask
from ssgan_lite.storage import load_tensors, save_tensors, user_path
from ssgan_lite.weights import encoder_of, is_name, load_pretrained, load_state

FORMAT = "ssgan-lite part encoder 1"
MAPS = 3                        # frozen maps at strides 4, 8 and 16
CHANNELS = sum(FrozenFeatures.CHANNELS[:MAPS])
PLACES = 8                      # masks are pooled to this size: where a part is, and where it should be
HIDDEN = 128                    # 0.15 million parameters with lite64, 0.3 MB on disk
ROUNDS = 2                      # a third one changed the distance by less than one percent
STEP = 0.3                      # scale of the output, in standard deviations of W


class PartEncoder(nn.Module):
    """From what a part looks like and should look like to a step of its codes, in standard deviations of W."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.part = nn.Parameter(torch.randn(config.n_parts, HIDDEN) / HIDDEN**0.5)    # who is asking
        self.first = nn.Linear(2 * CHANNELS + 2 * PLACES**2, HIDDEN)
        self.second = nn.Linear(HIDDEN, HIDDEN)
        self.codes = nn.Linear(HIDDEN, 2 * config.style_dim)                           # shape and texture
        self.base = nn.Linear(HIDDEN, config.base_layers * config.style_dim)           # from all parts together
        for layer in (self.codes, self.base):                                          # begins as "no correction"
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, wanted: Sequence[Tensor], drawn: Sequence[Tensor], wanted_mask: Tensor,
                drawn_mask: Tensor) -> Tensor:
        """Frozen maps of the picture and of what was drawn; the masks [N, P, h, w] in [0, 1] -> [N, n_latent, S]."""
        n, p = wanted_mask.shape[:2]
        seen = torch.cat([_by_part(wanted, wanted_mask), _by_part(drawn, wanted_mask),
                          F.adaptive_avg_pool2d(wanted_mask, PLACES).flatten(2),
                          F.adaptive_avg_pool2d(drawn_mask, PLACES).flatten(2)], dim=2)        # [N, P, D]
        h = F.leaky_relu(self.first(seen) + self.part, 0.2)                                    # [N, P, HIDDEN]
        h = F.leaky_relu(self.second(h), 0.2)
        steps = self.codes(h).view(n, 2 * p, self.config.style_dim)
        base = self.base(h.mean(1)).view(n, self.config.base_layers, self.config.style_dim)
        return STEP * torch.cat([base, steps], dim=1)                                          # [N, n_latent, S]


def _by_part(maps: Sequence[Tensor], mask: Tensor) -> Tensor:
    """The mean of unit features over every part: [N, P, C]. Of a part that is not there: zeros."""
    found = []
    for x in maps:
        share = F.adaptive_avg_pool2d(mask, x.shape[-1]).flatten(2)                            # [N, P, M]
        share = share / share.sum(2, keepdim=True).clamp_min(1e-3)
        found.append(share @ F.normalize(x.float(), dim=1).flatten(2).mT * x.shape[1]**0.5)    # [N, P, C]
    return torch.cat(found, dim=2)


@torch.no_grad()
def first_guess(generator: SemanticGenerator, image: Tensor, mask: Tensor, encoder: Encoder | None = None,
                parts: PartEncoder | None = None, network: FrozenFeatures | None = None,
                rounds: int = ROUNDS) -> Tensor:
    """Codes W+ [N, n_latent, S] of pictures [N, 3, R, R] with part ids [N, R, R], without descending.

    encoder: the model's own (default: begin at the mean of W); parts: corrections in `rounds` rounds (default: none).
    """
    network = network or FrozenFeatures().to(generator.device)
    prior, maps = code_prior(generator), network(image)
    one_hot = F.one_hot(mask.long(), generator.config.n_parts).movedim(-1, 1).float()          # [N, P, R, R]
    u = _begin(generator, prior, maps, one_hot, encoder)
    for _ in range(rounds if parts is not None else 0):
        out = generator(prior.to_w(u))
        u = u + parts(maps[:MAPS], network(out.image.clamp(-1.2, 1.2), MAPS), one_hot, _drawn(out))
    return prior.to_w(u)


def _begin(generator, prior, maps: list[Tensor], one_hot: Tensor, encoder: Encoder | None) -> Tensor:
    """Where the rounds begin: standardized W+ [N, n_latent, S]."""
    if encoder is None:
        return prior.mean.new_zeros(len(one_hot), generator.config.n_latent, generator.config.style_dim)
    z = encoder(pool_features(maps), pool_mask(2 * one_hot - 1)).mean
    return prior.from_w(generator.layout.to_w_plus(generator.mapping(z)))


def _drawn(out) -> Tensor:
    return (out.coarse_mask.float() + 1) / 2


def _half(generator: SemanticGenerator):
    """bfloat16 wherever it is safe, unless a CPU would emulate it, 40 times slower than float32."""
    kind = generator.device.type
    return torch.autocast(kind, torch.bfloat16, enabled=kind != "cpu" or cpu_computes_bf16())


def train_part_encoder(generator: SemanticGenerator, data: Dataset, images: int = 1_500, batch: int = 4,
                       encoder: Encoder | None = None, lr: float = 0.002, rounds: int = ROUNDS,
                       prior_weight: float = 0.02, mask_weight: float = 0.5, seed: int = 0, progress: bool = True,
                       network: FrozenFeatures | None = None) -> PartEncoder:
    """A part encoder for a generator, whose weights stay as they are.

    Every round is a step of its own: the loss is that of `project`, and no gradient runs from one round into the one
    before.
    """
    generator = generator.eval().requires_grad_(False)
    torch.manual_seed(seed)
    parts = PartEncoder(generator.config).to(generator.device)
    optimizer = torch.optim.Adam(parts.parameters(), lr=lr, betas=(0.9, 0.99))
    prior, network = code_prior(generator), network or FrozenFeatures().to(generator.device)
    draw = torch.Generator().manual_seed(seed)
    masks = data.require_masks("Training a part encoder")
    bar = tqdm(total=images, desc="part encoder", disable=not progress)
    for seen in range(0, images, batch):
        rows = torch.randint(len(data), (batch,), generator=draw)
        image, ids = data.image_batch(rows, device=generator.device), masks[rows].to(generator.device).long()
        one_hot = F.one_hot(ids, generator.config.n_parts).movedim(-1, 1).float()
        optimizer.param_groups[0]["lr"] = lr * (1 - seen / images)
        # The generator and the frozen network may compute in bfloat16, which is faster by a quarter on a CPU that
        # knows it; the losses and the part encoder itself do not.
        with torch.no_grad(), _half(generator):
            maps = network(image)
            u = _begin(generator, prior, maps, one_hot, encoder)
            out = generator(prior.to_w(u))
            drawn = network(out.image.clamp(-1.2, 1.2), MAPS)
        for _ in range(rounds):
            u = u.detach() + parts(maps[:MAPS], [x.detach() for x in drawn], one_hot, _drawn(out).detach())
            with _half(generator):
                out = generator(prior.to_w(u))
                drawn = network(out.image.clamp(-1.2, 1.2), MAPS)
            loss = (picture_distance(out.image.float(), image, drawn, maps[:MAPS])
                    + mask_weight * mask_distance(out.mask.float(), out.depths.float(), ids)
                    + prior_weight * u.square().mean((1, 2))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        bar.update(batch)
        bar.set_postfix(loss=f"{float(loss.detach()):.3f}", refresh=False)
    bar.close()
    return parts.eval().requires_grad_(False)


def save_part_encoder(parts: PartEncoder, path: str | os.PathLike, record: dict | None = None) -> None:
    """Write a part encoder as float16 to `path` (.safetensors), with its model's configuration beside it."""
    save_tensors(path, {name: x.half() for name, x in parts.state_dict().items()}, FORMAT,
                 dict(config=parts.config.to_dict(), record=record or {}))


def load_part_encoder(weights: str | os.PathLike, config: ModelConfig,
                      device: str | torch.device = "cpu") -> PartEncoder | None:
    """The part encoder that lies in `encoders/` beside a model's weights; None where there is none.

    weights: what `load_pretrained` was given; config: that model's, to be compared.
    """
    if is_name(weights):
        name = f"weights/encoders/{os.fspath(weights)}.parts.safetensors"
        if not assets.listed(name):
            return None
        path = assets.verify(assets.find(name))
        assets.verify(path.with_suffix(".json"))
    else:
        model = user_path(weights)
        path = model.parent / "encoders" / f"{model.stem}.parts.safetensors"
        if not path.is_file():
            return None
    state, description = load_tensors(path, FORMAT, dict(config=dict))
    if ModelConfig.from_dict(description["config"]) != config:
        raise UserError(f'"{path}" is the part encoder of another model than "{weights}". Train one for it: '
                        "python -m ssgan_lite.invert.refine --help")
    parts = PartEncoder(config)
    load_state(parts, {name: x.float() for name, x in state.items()}, str(path))
    return parts.to(device).eval().requires_grad_(False)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ssgan_lite.invert.refine --weights NAME --out FILE`"""
    parser = argparse.ArgumentParser(description="Train a part encoder for a model, on the heads.")
    parser.add_argument("--weights", required=True, help="a shipped name or a .safetensors file")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--images", type=int, default=1_500, help="heads shown (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        generator = load_pretrained(options.weights)
        data = open_dataset("heads", size=generator.config.size, split="train")
        parts = train_part_encoder(generator, data, options.images, encoder=encoder_of(options.weights))
        save_part_encoder(parts, options.out, dict(images=options.images, heads=len(data)))
    except UserError as error:
        print(f"ssgan-lite: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
