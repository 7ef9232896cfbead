"""Static tables of the head: subdivision matrices and regions of the neutral head.

Everything here depends on anny's base mesh alone. It is worked out once and kept in a cache
folder, beside the loaded anny model (loading anny itself takes more than a minute).
"""

import gzip
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from PIL import Image

from .geometry import catmull_clark

FACE_OUTLINES = ("oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond")
LABEL_TEXTURES = {"lips": "lips", "ears": "ears", "inside_mouth": "inside-mouth"}


def cache_folder() -> Path:
    """Where the maker keeps its tables: $SSGAN_HEADS_CACHE, or .cache/ssgan-heads at home."""
    folder = Path(os.environ.get("SSGAN_HEADS_CACHE") or Path.home() / ".cache" / "ssgan-heads")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@lru_cache
def load_model():
    """anny's parametric human (a torch module), from the cache after the first time.

    The cached file is one that this function wrote itself; never put a foreign one there.
    """
    import anny
    import torch

    path = cache_folder() / f"anny-{anny.__version__}.pt"
    if not path.exists():
        model = anny.Anny(rig="makehuman", topology="anny-full", local_changes="all",
                          facial_actions="all", phenotypes="all").to(dtype=torch.float32)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        torch.save(model, temporary)
        os.replace(temporary, path)
    return torch.load(path, weights_only=False)


def anny_data() -> Path:
    """The folder of MakeHuman's CC0 shapes inside the installed anny package."""
    import anny

    return Path(anny.__file__).parent / "data" / "mpfb2"


def read_base_mesh():
    """Quads, their UV indices, UV coordinates and group names of MakeHuman's base mesh."""
    quads, quad_uv, groups, uv, group = [], [], [], [], ""
    for line in open(anny_data() / "3dobjs" / "base.obj"):
        if line.startswith("g "):
            group = line.split()[1]
        elif line.startswith("vt "):
            uv.append([float(value) for value in line.split()[1:3]])
        elif line.startswith("f "):
            corners = [corner.split("/") for corner in line.split()[1:]]
            quads.append([int(corner[0]) - 1 for corner in corners])
            quad_uv.append([int(corner[1]) - 1 for corner in corners])
            groups.append(group)
    return np.array(quads), np.array(quad_uv), np.array(uv), np.array(groups)


def read_outline_target(name: str, vertex_count: int) -> np.ndarray:
    """Vertex offsets [V, 3] (metres) of one of MakeHuman's face outlines at full strength."""
    offsets = np.zeros((vertex_count, 3))
    with gzip.open(anny_data() / "targets" / "head" / f"head-{name}.target.gz", "rt") as lines:
        for line in lines:
            fields = line.split()
            if fields and fields[0] != "#":
                x, y, z = (float(value) for value in fields[1:4])
                offsets[int(fields[0])] = 0.1 * x, -0.1 * z, 0.1 * y  # decimetres, y up -> z up
    return offsets


def subdivide(quads, vertex_count, levels, uv=None, quad_uv=None):
    """Matrix from base vertices to the subdivided patch, its quads, and UVs where given."""
    used = np.unique(quads)
    renumber = -np.ones(vertex_count, int)
    renumber[used] = np.arange(len(used))
    matrix = sparse.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), vertex_count))
    patch = renumber[quads]
    patch_uv = np.zeros((len(used), 2))
    if uv is not None:
        patch_uv[patch.ravel()] = uv[quad_uv.ravel()]
    for _ in range(levels):
        edges = np.unique(np.sort(np.stack([patch, np.roll(patch, -1, 1)], -1).reshape(-1, 2), 1), axis=0)
        patch_uv = np.concatenate([patch_uv, patch_uv[edges].mean(1), patch_uv[patch].mean(1)])
        step, patch = catmull_clark(patch, matrix.shape[0])
        matrix = step @ matrix
    return matrix.tocsr(), patch, patch_uv


def sample_label_texture(name: str, uv: np.ndarray) -> np.ndarray:
    """Weight in [0, 1] of one of MakeHuman's region textures at each vertex."""
    image = np.asarray(Image.open(anny_data() / "textures" / f"mpfb_{name}.jpg").convert("L"), float) / 255
    height, width = image.shape
    rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    return image[rows, columns]


def _build_tables() -> dict:
    import torch

    model = load_model()
    with torch.no_grad():
        neutral = model(phenotype_kwargs={name: 0.5 for name in model.phenotype_labels})
    base = neutral["vertices"][0].double().numpy()
    quads, quad_uv, uv, groups = read_base_mesh()
    centre = base[quads].mean(1)
    count = len(base)
    tables = {}

    def add(name, chosen, levels, with_uv=False):
        matrix, patch, patch_uv = subdivide(quads[chosen], count, levels, uv if with_uv else None, quad_uv[chosen])
        tables.update({f"{name}_data": matrix.data, f"{name}_indices": matrix.indices,
                       f"{name}_indptr": matrix.indptr, f"{name}_shape": np.array(matrix.shape),
                       f"{name}_quads": patch, f"{name}_neutral": matrix @ base})
        return patch_uv

    skin_uv = add("skin", (groups == "body") & (centre[:, 2] > 0.18) & (np.abs(centre[:, 0]) < 0.34), 2, True)
    add("torso", (groups == "helper-tights") & (centre[:, 2] > 0.36) & (np.abs(centre[:, 0]) < 0.42), 3)
    add("teeth", np.isin(groups, ["helper-upper-teeth", "helper-lower-teeth"]), 1)
    add("tongue", groups == "helper-tongue", 1)
    for region, texture in LABEL_TEXTURES.items():
        tables[f"region_{region}"] = sample_label_texture(texture, skin_uv)
    for side in "lr":
        tables[f"eye_{side}"] = np.unique(quads[groups == f"helper-{side}-eye"])
        for row in "12":
            tables[f"lashes_{side}{row}"] = quads[groups == f"helper-{side}-eyelashes-{row}"]
    for name in FACE_OUTLINES:
        tables[f"outline_{name}"] = read_outline_target(name, count).astype(np.float32)
    return tables


class Patch:
    """A part of the base mesh, subdivided: `matrix @ base_vertices` gives its vertices."""

    def __init__(self, tables, name):
        shape = tuple(tables[f"{name}_shape"])
        self.matrix = sparse.csr_matrix((tables[f"{name}_data"], tables[f"{name}_indices"], tables[f"{name}_indptr"]),
                                        shape)
        self.quads = tables[f"{name}_quads"]
        self.neutral = tables[f"{name}_neutral"]  # [V, 3]: positions on the neutral head


class Template:
    """All static tables; see `_build_tables`."""

    def __init__(self, tables):
        self.skin, self.torso = Patch(tables, "skin"), Patch(tables, "torso")
        self.teeth, self.tongue = Patch(tables, "teeth"), Patch(tables, "tongue")
        self.regions = {name: tables[f"region_{name}"] for name in LABEL_TEXTURES}
        self.eye_vertices = {side: tables[f"eye_{side}"] for side in "lr"}
        self.lash_quads = [tables[f"lashes_{side}{row}"] for side in "lr" for row in "12"]
        self.outlines = {name: tables[f"outline_{name}"] for name in FACE_OUTLINES}


@lru_cache
def load_template() -> Template:
    """The static tables, built on first use."""
    path = cache_folder() / "template-2.npz"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
        np.savez(temporary, **_build_tables())
        os.replace(temporary, path)
    with np.load(path) as tables:
        return Template({name: tables[name] for name in tables.files})
