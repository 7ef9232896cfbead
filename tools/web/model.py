"""What the page knows of a model beside its graphs: parts, layout of the codes, sliders."""

from __future__ import annotations

import base64
import json
import struct

import torch
from torch import Tensor

from ssgan_lite import assets
from ssgan_lite.directions.ganspace import part_axes
from ssgan_lite.directions.store import NamedDirections, load_directions
from ssgan_lite.editor.desk import FIRST_SEED
from ssgan_lite.editor.sliders import AXES
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.latents import KINDS
from ssgan_lite.parts import vocabulary
from tools.web.graphs import graphs_of

PSI = 0.7               # of the first face, as in the editor


def as_half(generator: SemanticGenerator) -> SemanticGenerator:
    """The generator with every weight rounded to float16, and the mean of W that goes with it."""
    if generator.mean_w.isnan().any():
        generator.update_mean_w()
    state = {name: tensor.half().float() if tensor.is_floating_point() and name != "mean_w" else tensor
             for name, tensor in generator.state_dict().items()}
    generator.load_state_dict(state)
    return generator.eval()


def model_file(generator: SemanticGenerator, seed: int = FIRST_SEED) -> bytes:
    """The model as page.js reads it: a header with its length before it, then the graphs. See `as_half`."""
    graphs = graphs_of(generator)
    header = json.dumps(dict(_about(generator), seed=seed, psi=PSI,
                             graphs=[(name, len(content)) for name, content in graphs.items()])).encode()
    return b"".join([struct.pack(">I", len(header)), header, *graphs.values()])


def _about(generator: SemanticGenerator) -> dict:
    config, colors = generator.config, vocabulary(generator.config.parts)
    expansion = generator.layout.expand(torch.arange(config.n_latent, dtype=torch.float32)
                                        .view(1, -1, 1).expand(1, -1, config.style_dim))[0, :, 0].int().tolist()
    mean = part_axes(generator, 0, KINDS[0]).mean
    ships = generator.name in assets.listed("directions/*.safetensors")
    known = load_directions(generator) if ships else NamedDirections((), {})
    named = known.sliders
    axes = [{kind: _axes(generator, part, kind, known) for kind in KINDS if _has(generator, part, kind)}
            for part in range(config.n_parts)]
    return dict(
        name=generator.name, size=config.size, coarse=config.coarse_size, style=config.style_dim,
        layers=config.local_layers, features=config.feature_channels, latents=config.n_latent,
        baseLayers=config.base_layers, expansion=expansion, meanW=_floats(generator.mean_w),
        parts=[dict(name=name, color=list(colors[name].color), transparent=i in config.transparent_ids)
               for i, name in enumerate(config.parts)],
        axes=axes, axesMean=_floats(mean),
        named=[dict(part=slider.part, label=slider.label, low=slider.low, high=slider.high,
                    correlation=slider.effect["correlation"], parts=list(slider.direction.place.parts),
                    addresses=list(slider.direction.place.addresses), vector=_floats(slider.direction.vector),
                    reader=_floats(slider.direction.reader)) for slider in named],
        namedMean=_floats(named[0].direction.mean) if named else None)


def _has(generator: SemanticGenerator, part: int, kind: str) -> bool:
    """Do codes of this kind do anything for this part? As `SliderActions._axes` asks."""
    config = generator.config
    if kind == "shape":
        return config.depth_layers > (0 if part == 0 else config.base_layers)
    return config.local_layers != config.depth_layers


def _axes(generator: SemanticGenerator, part: int, kind: str, known: NamedDirections) -> dict:
    """Axes that have words are turned so that there is more of it to the right."""
    own = part_axes(generator, part, kind)
    words = known.axis_words(generator.config.parts[part], kind, own.directions[:AXES])
    signs = [one[2] if one else 1 for one in words]
    return dict(shares=own.shares[:AXES].tolist(), words=[one and one[:2] for one in words],
                readers=[_floats(sign * x) for sign, x in zip(signs, own.readers, strict=False)],
                directions=[_floats(sign * x) for sign, x in zip(signs, own.directions, strict=False)])


def _floats(values: Tensor) -> dict:
    return dict(floats=base64.b64encode(values.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())
                .decode())
