"""Reading and writing the published checkpoints (seasonSH/SemanticStyleGAN), without their code.

A published file is a pickled dict: the state dicts `g`, `d` and `g_ema`, and `args`, the `argparse.Namespace` of the
run. A state dict alone, and names that begin with "module." (saved by DataParallel), are read too. Files are read
with `weights_only=True`, allowing that one harmless class, so nothing in them can run code. Every width is read from
the tensors; only what leaves no trace in them (which layers are base and depth layers, the transparent parts, two
switches) is taken from `args`.

The published code keeps one module per part and layer; here the bank holds them all in one tensor, so a published
tensor is a slice of one of ours. `_generator_slots` is the dictionary between the two.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator

import torch
from torch import Tensor

from ssgan_lite.config import ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, SemanticGenerator
from ssgan_lite.model.layers import fir_kernel
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import atomic_write, load_torch, save_torch, user_path

ENDINGS = (".pt", ".pth", ".ckpt")           # of files that are read here

# The command-line defaults of the published training script, for what a file's args do not say.
PUBLISHED_DEFAULTS = dict(base_layers=2, depth_layers=6, residual_refine=False, detach_texture=False,
                          transparent_dims=(10, 12))


def load_generator(path: str | os.PathLike, *, ema: bool = True, **overrides) -> SemanticGenerator:
    """A generator in eval mode from a published checkpoint.

    ema: the averaged weights (`g_ema`, which make the better pictures) or those of the last step (`g`).
    overrides: settings that are not to be taken from the file: base_layers, depth_layers, residual_refine,
    detach_texture, transparent_dims, parts (names).
    Raises UserError where the file is missing, damaged, unsafe, or has tensors missing, left over or misshapen.
    """
    checkpoint = _read(path)
    state = _pick(checkpoint, "g_ema" if ema else "g", path)
    discriminator = _pick(checkpoint, "d", path) if "d" in checkpoint else None
    generator = SemanticGenerator(generator_config(state, checkpoint.get("args"), discriminator, **overrides))
    _fill(generator, _generator_slots(generator), state, f"The generator in {path}")
    generator.update_mean_w()
    generator.record = {}
    return generator.eval()


def load_discriminator(path: str | os.PathLike, **overrides) -> DualBranchDiscriminator:
    """The discriminator (`d`) of a published checkpoint; arguments and errors as in `load_generator`."""
    checkpoint = _read(path)
    state = _pick(checkpoint, "d", path)
    config = generator_config(_pick(checkpoint, "g_ema", path), checkpoint.get("args"), state, **overrides)
    discriminator = DualBranchDiscriminator(config)
    _fill(discriminator, _discriminator_slots(discriminator), state, f"The discriminator in {path}")
    return discriminator.eval()


def save_generator(generator: SemanticGenerator, path: str | os.PathLike,
                   discriminator: DualBranchDiscriminator | None = None) -> None:
    """Write a checkpoint in the published layout, which the published scripts read; `g` and `g_ema` are the same."""
    config = generator.config
    args = argparse.Namespace(
        size=config.size, latent=config.style_dim, n_mlp=config.mapping_layers, seg_dim=config.n_parts,
        coarse_size=config.coarse_size, min_feat_size=config.min_feat_size, local_layers=config.local_layers,
        base_layers=config.base_layers, depth_layers=config.depth_layers, local_channel=config.local_channels,
        coarse_channel=config.feature_channels, residual_refine=config.mask_residual,
        detach_texture=config.detach_texture, transparent_dims=list(config.transparent_ids), channel_multiplier=2)
    state = generator_state(generator)
    checkpoint = dict(g=state, g_ema=state, args=args)
    if discriminator is not None:
        checkpoint["d"] = discriminator_state(discriminator)
    with atomic_write(path) as temporary:
        save_torch(checkpoint, temporary)


def generator_state(generator: SemanticGenerator) -> dict[str, Tensor]:
    """The generator's parameters and buffers under their published names and in their published shapes (copies)."""
    return _collect(_generator_slots(generator))


def discriminator_state(discriminator: DualBranchDiscriminator) -> dict[str, Tensor]:
    """The same for the discriminator."""
    return _collect(_discriminator_slots(discriminator))


def generator_config(state: dict[str, Tensor], args: argparse.Namespace | None = None,
                     discriminator: dict[str, Tensor] | None = None, **overrides) -> ModelConfig:
    """The configuration that the tensors of a published generator (and discriminator, if there) and args describe."""
    if unknown := set(overrides) - set(PUBLISHED_DEFAULTS) - {"parts"}:
        raise UserError(f"Unknown settings: {', '.join(sorted(unknown))}. Known: "
                        f"{', '.join(PUBLISHED_DEFAULTS)}, parts.")
    said = {**(vars(args) if isinstance(args, argparse.Namespace) else dict(args or {})), **overrides}
    settings = {name: said.get(name, default) for name, default in PUBLISHED_DEFAULTS.items()}
    if assumed := [f"{name}={settings[name]}" for name in settings if name not in said]:
        warnings.warn(f"The checkpoint does not say {', '.join(assumed)}: the published defaults are assumed. If "
                      "faces or masks look wrong, pass what the model was trained with.", stacklevel=3)
    n_parts, n_stages = _count(state, "local_nets"), _count(state, "render_net.to_rgbs")
    parts = tuple(said.get("parts") or (PARTS.names if n_parts == len(PARTS) else
                                        ("background", *(f"part_{i}" for i in range(1, n_parts)))))
    if len(parts) != n_parts:
        raise UserError(f"The file has {n_parts} parts, but {len(parts)} names were given.")
    transparent = [i for i in settings["transparent_dims"] or () if i < n_parts]  # the published default is for faces
    start_size = _width(*((f"render_net.noises.noise_{j}", -1, j // 2 + 1) for j in range(2 * n_stages)), state=state)
    n_features = _width(("local_nets.*.to_feat.conv.weight", 0), state=state)
    channels = [_width((f"render_net.convs.{2 * i}.weight", 0), (f"render_net.convs.{2 * i}.activate.bias", 0),
                       (f"render_net.convs.{2 * i + 1}.weight", 0), (f"render_net.convs.{2 * i + 1}.weight", 1),
                       (f"render_net.to_*s.{i}.conv.weight", 1), state=state) for i in range(n_stages)]
    # The stage that takes the coarse feature map has so many more inputs than the one before it gives.
    joined = [i for i in range(1, n_stages) for name in ("weight", "modulation")
              if _shape(state, f"render_net.convs.{2 * i}.{name}")[1:2] == (channels[i - 1] + n_features,)]
    if not joined:
        raise UserError("No convolution of the render net takes the coarse feature map, so the coarse size cannot be "
                        "read from this file.")
    size = start_size << n_stages
    return ModelConfig(
        size=size, style_dim=_width(("style.*.weight", 0), state=state),
        mapping_layers=_count(state, "style", start=1),
        coarse_size=start_size << joined[0], min_feat_size=start_size,
        local_channels=_width(("local_nets.*.linears.*.conv.weight", 1), state=state), feature_channels=n_features,
        local_layers=_count(state, "local_nets.0.linears"),
        base_layers=settings["base_layers"], depth_layers=settings["depth_layers"], render_channels=tuple(channels),
        discriminator_channels=_discriminator_widths(discriminator) if discriminator else _published_widths(size),
        fourier_bands=_width(("pos_embed.weights", 1), state=state) // 4,                      # 2 (2 F + 1) features
        parts=parts, transparent=tuple(parts[i] for i in transparent),
        mask_residual=bool(settings["residual_refine"]), detach_texture=bool(settings["detach_texture"]))


def _published_widths(size: int) -> tuple[int, ...]:
    """The published table of discriminator widths from `size` down to 4, at channel multiplier 2."""
    return tuple(min(512, 32768 // r) for r in (size >> i for i in range(size.bit_length() - 2)))


def _discriminator_widths(state: dict[str, Tensor]) -> tuple[int, ...]:
    """The widths of a published discriminator from full size down to 4."""
    first = _width(("convs_*.0.0.weight", 0), ("convs_*.0.1.bias", 0), state=state)
    return (first, *(_width((f"convs_*.{i}.conv2.1.weight", 0), (f"convs_*.{i}.skip.1.weight", 0), state=state)
                     for i in range(1, 1 + _count(state, "convs_img", start=1))))


def _generator_slots(generator: SemanticGenerator) -> Iterator[tuple[str, Tensor | None, tuple[int, ...], float]]:
    """(published key, our tensor or slice of one, published shape, 0); a kernel buffer has no tensor but its gain."""
    local, render = generator.local, generator.render
    yield _slot("pos_embed.weights", generator.embedding.weight, (-1, -1, 1, 1))
    for p in range(generator.config.n_parts):
        net = f"local_nets.{p}"
        for i in range(generator.config.local_layers):
            layer = f"{net}.linears.{i}"
            yield _slot(f"{layer}.conv.weight", local.weight[p, i], (1, -1, -1, 1, 1))
            yield _slot(f"{layer}.conv.modulation.weight", local.style_weight[p, i])
            yield _slot(f"{layer}.conv.modulation.bias", local.style_bias[p, i])
            yield _slot(f"{layer}.activate.bias", local.bias[p, i])
        yield _slot(f"{net}.to_feat.conv.weight", local.feature_weight[p], (-1, -1, 1, 1))
        yield _slot(f"{net}.to_feat.conv.modulation", local.feature_modulation[p], (1, -1, 1, 1))
        yield _slot(f"{net}.to_feat.bias", local.feature_bias[p], (1, -1, 1, 1))
        yield _kernel(f"{net}.to_feat.upsample.kernel", 4.0)
        if p > 0:
            yield _slot(f"{net}.to_depth.conv.weight", local.depth_weight[p - 1], (1, -1, 1, 1))
            yield _slot(f"{net}.to_depth.conv.modulation", local.depth_modulation[p - 1], (1, -1, 1, 1))
            yield _slot(f"{net}.to_depth.bias", local.depth_bias[p - 1:p], (1, -1, 1, 1))
            yield _kernel(f"{net}.to_depth.upsample.kernel", 4.0)
    for i, stage in enumerate(render.stages):
        for j, conv in ((2 * i, stage.up), (2 * i + 1, stage.conv)):
            name = f"render_net.convs.{j}"
            yield _slot(f"{name}.weight", conv.weight)
            yield _slot(f"{name}.modulation", conv.modulation, (1, -1, 1, 1))
            yield _slot(f"{name}.noise.weight", conv.noise_strength, (1,))
            yield _slot(f"{name}.activate.bias", conv.bias)
            yield _slot(f"render_net.noises.noise_{j}", render.stored_noise[j])
        yield _kernel(f"render_net.convs.{2 * i}.blur.kernel", 4.0)
        for name, head in ((f"render_net.to_rgbs.{i}", stage.to_image), (f"render_net.to_segs.{i}", stage.to_mask)):
            yield _slot(f"{name}.conv.weight", head.weight, (-1, -1, 1, 1))
            yield _slot(f"{name}.conv.modulation", head.modulation, (1, -1, 1, 1))
            yield _slot(f"{name}.bias", head.bias, (1, -1, 1, 1))
            yield _kernel(f"{name}.upsample.kernel", 4.0)
    for i, layer in enumerate(generator.mapping.layers):
        yield _slot(f"style.{i + 1}.weight", layer.weight)
        yield _slot(f"style.{i + 1}.bias", layer.bias)


def _discriminator_slots(discriminator: DualBranchDiscriminator):
    for name, tower in (("convs_img", discriminator.image_tower), ("convs_seg", discriminator.mask_tower)):
        yield _slot(f"{name}.0.0.weight", tower[0].conv.weight)
        yield _slot(f"{name}.0.1.bias", tower[0].bias)
        for i in range(1, len(tower)):
            block = tower[i]
            yield _slot(f"{name}.{i}.conv1.0.weight", block.conv1.conv.weight)
            yield _slot(f"{name}.{i}.conv1.1.bias", block.conv1.bias)
            yield _kernel(f"{name}.{i}.conv2.0.kernel", 1.0)
            yield _slot(f"{name}.{i}.conv2.1.weight", block.conv2.conv.weight)
            yield _slot(f"{name}.{i}.conv2.2.bias", block.conv2.bias)
            yield _kernel(f"{name}.{i}.skip.0.kernel", 1.0)
            yield _slot(f"{name}.{i}.skip.1.weight", block.skip.weight)
    yield _slot("final_conv.0.weight", discriminator.final_conv.conv.weight)
    yield _slot("final_conv.1.bias", discriminator.final_conv.bias)
    for i in (0, 1):
        yield _slot(f"final_linear.{i}.weight", discriminator.final_linear[i].weight)
        yield _slot(f"final_linear.{i}.bias", discriminator.final_linear[i].bias)


def _slot(key: str, tensor: Tensor, shape: tuple[int, ...] | None = None):
    """One published tensor; in `shape` every -1 stands for the next of our own dimensions."""
    ours = iter(tensor.shape)
    return key, tensor, tuple(next(ours) if d == -1 else d for d in shape) if shape else tuple(tensor.shape), 0.0


def _kernel(key: str, gain: float):
    return key, None, (4, 4), gain


def _collect(slots) -> dict[str, Tensor]:
    return {key: fir_kernel(gain) if tensor is None else tensor.detach().cpu().reshape(shape).clone()
            for key, tensor, shape, gain in slots}


@torch.no_grad()
def _fill(model: torch.nn.Module, slots, state: dict[str, Tensor], what: str) -> None:
    """Copy every published tensor into its place; say in words what is missing, left over, misshapen or different."""
    troubles, left = [], dict(state)
    for key, tensor, shape, gain in slots:
        theirs = left.pop(key, None)
        if theirs is None:
            troubles.append(f"{key} is missing")
        elif tuple(theirs.shape) != shape:
            troubles.append(f"{key} has shape {list(theirs.shape)}, not {list(shape)}")
        elif tensor is not None:
            tensor.copy_(theirs.reshape(tensor.shape))
        elif not torch.allclose(theirs.float(), fir_kernel(gain)):
            troubles.append(f"{key} is another filter than [1, 3, 3, 1]")
    troubles += [f"{key} is not known" for key in left]
    if troubles:
        more = f", and {len(troubles) - 3} more" if len(troubles) > 3 else ""
        raise UserError(f"{what} does not fit: {'; '.join(troubles[:3])}{more}.")


def _read(path: str | os.PathLike) -> dict:
    path = user_path(path)
    if not path.is_file():
        raise UserError(f'There is no file "{path}". Published checkpoints must be downloaded by hand; see README.')
    checkpoint = load_torch(path, (argparse.Namespace,))
    if not isinstance(checkpoint, dict):
        raise UserError(f"{path} holds no dict of state dicts, so it is not a published checkpoint.")
    if str(checkpoint.get("format", "")).startswith("ssgan-lite"):
        raise UserError(f'"{path}" holds the state of a training run, to go on with: train --resume or --start-from. '
                        f'For pictures take the generator beside it, "{path.parent / "weights.safetensors"}".')
    return checkpoint


def _pick(checkpoint: dict, key: str, path) -> dict[str, Tensor]:
    """One of the state dicts. A file that holds only one, a generator or a discriminator, is taken for that."""
    state = checkpoint.get(key)
    if state is None and _is_state(checkpoint):
        is_discriminator = any(name.startswith("convs_img.") for name in _without_module(checkpoint))
        state = checkpoint if is_discriminator == (key == "d") else None
    if not isinstance(state, dict):
        held = ", ".join(map(str, list(checkpoint)[:4])) or "nothing"
        more = f" and {len(checkpoint) - 4} more" if len(checkpoint) > 4 else ""
        raise UserError(f'{path} has no "{key}" (it holds: {held}{more}); is it a SemanticStyleGAN checkpoint?')
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise UserError(f'{path} does not fit: "{name}" in "{key}" is no tensor.')
    state = _without_module(state)
    if "local.weight" in state:
        raise UserError(f'"{path}" holds tensors of this library, but not what model they are of. Write the '
                        "generator with save_weights, which keeps its configuration beside it.")
    return state


def _is_state(checkpoint: dict) -> bool:
    return bool(checkpoint) and all(isinstance(value, Tensor) for value in checkpoint.values())


def _without_module(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as they are in the module itself, not in the DataParallel around it."""
    return {name.removeprefix("module."): value for name, value in state.items()}


def _shape(state: dict[str, Tensor], key: str) -> tuple[int, ...]:
    return tuple(state[key].shape) if key in state else ()           # what is missing is reported when all are filled


def _width(*places: tuple, state: dict[str, Tensor]) -> int:
    """A width, by majority: places are (key with *, axis) or (key, axis, how often to halve).

    One misshapen tensor is outvoted, so that it is the one that is complained about, not all the others.
    """
    votes: Counter[int] = Counter()
    for pattern, axis, *halvings in places:
        for key in fnmatch.filter(state, pattern):
            if state[key].ndim > max(axis, 0):
                votes[state[key].shape[axis] >> sum(halvings)] += 1
    if not votes:
        raise UserError(f"The checkpoint does not fit: {places[0][0]} is missing.")
    return votes.most_common(1)[0][0]


def _count(state: dict[str, Tensor], prefix: str, start: int = 0) -> int:
    """How many modules are called prefix.start, prefix.(start + 1), ... without a gap."""
    there = {int(found[1]) for key in state if (found := re.match(re.escape(prefix) + r"\.(\d+)\.", key))}
    n = 0
    while start + n in there:
        n += 1
    if n == 0:
        raise UserError(f"The checkpoint does not fit: {prefix}.{start} is missing.")
    return n
