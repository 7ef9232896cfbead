"""The sections of a generator, from code to picture, by which it is frozen (train/freeze.py) or blended (blend.py).

    mapping                the mapping network
    shape                  position embedding, the local generators' layers up to the pseudo-depth, the depth heads
    texture                their layers after that, and the feature heads
    local                  shape and texture: all local generators
    render                 the render net
    render_0, render_1, .. its stages, from the lowest resolution up
"""

from __future__ import annotations

from ssgan_lite.errors import UserError, suggest
from ssgan_lite.model.generator import LatentGenerator, SemanticGenerator

LAYERED = ("local.weight", "local.bias", "local.style_weight", "local.style_bias")     # [P, L, ...]
ALL = slice(None)


def section_names(generator: LatentGenerator) -> tuple[str, ...]:
    """All sections that this generator has."""
    stages = (f"render_{i}" for i in range(generator.config.render_stages))
    return "mapping", "shape", "texture", "local", "render", *stages


def section(generator: LatentGenerator, name: str) -> dict[str, slice]:
    """The tensors of a section: name in `state_dict()` -> which layers of it (axis 1 of [P, L, ...]), `ALL` of most.

    An unknown section, or a generator without sections (the monolithic baseline), is a `UserError`.
    """
    if not isinstance(generator, SemanticGenerator):
        raise UserError("The monolithic baseline has no local generators, and so no sections to choose from.")
    if name not in (known := section_names(generator)):
        raise UserError(f'A generator has no section called "{name}". {suggest(name, known)}')
    if name in ("shape", "texture") and generator.config.shared:
        raise UserError(f'Parts of this model share generators, whose layers are not told apart as "{name}". Choose '
                        '"local" or "render".')
    if name == "local":
        return dict.fromkeys((key for key in generator.state_dict() if key.startswith(("local.", "embedding."))), ALL)
    if name in ("shape", "texture"):
        shape, depth, n = name == "shape", generator.config.depth_layers, generator.config.local_layers
        layers = slice(0, depth) if shape else slice(depth, n)
        found = dict.fromkeys(LAYERED, ALL if layers == slice(0, n) else layers) if layers.start < layers.stop else {}
        begins = ("local.depth_", "embedding.") if shape else ("local.feature_",)
    elif name.startswith("render_"):
        stage = int(name.removeprefix("render_"))
        planes = 2 * stage, 2 * stage + 1
        found = dict.fromkeys((f"render.noise_{i}" for i in planes), ALL)
        begins = f"render.stages.{stage}."
    else:
        found, begins = {}, (f"{name}.",)
    return found | dict.fromkeys((key for key in generator.state_dict() if key.startswith(begins)), ALL)
