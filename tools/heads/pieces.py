"""What the scene is made of: meshes, strands and balls, each with a material and a label.

The modules of the parts return lists of pieces; only `render.py` knows the renderer.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Material:
    """A surface of Disney's "principled" kind. All numbers in [0, 1]."""

    roughness: float = 0.5
    specular: float = 0.4     # strands only: meshes share render.MESH_SPECULAR
    metallic: float = 0.0
    flatness: float = 0.0     # approximates light scattered below the surface
    sheen: float = 0.0        # soft glow at grazing angles: cloth, peach fuzz
    opacity: float = 1.0


@dataclass
class Mesh:
    vertices: np.ndarray      # [V, 3] metres
    faces: np.ndarray         # [F, 3] or [F, 4]
    colours: np.ndarray       # [V, 3] or [3], linear RGB reflectance
    material: Material
    label: int | np.ndarray   # a part, SEE_THROUGH, or a part per triangle (quads: see triangulate)


@dataclass
class Strands:
    points: np.ndarray        # [N, K, 3] metres
    radius: np.ndarray        # scalar, [N] or [N, K]
    colour: np.ndarray        # [3] linear RGB reflectance
    material: Material
    label: int
    straight: bool = True     # linear segments; otherwise a B-spline through few points


@dataclass
class Pieces:
    """The pieces of one head and the outlines of clear lenses ([L, 3] each)."""

    items: list = field(default_factory=list)
    clear_lenses: list = field(default_factory=list)

    def add(self, *items):
        self.items.extend(items)


def tapered(radius, count, points, tip=0.35):
    """Radii [count, points] that shrink from `radius` at the root to `tip` of it at the end."""
    return np.broadcast_to(np.reshape(radius, (-1, 1)), (count, 1)) * np.linspace(1, tip, points)
