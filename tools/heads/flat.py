"""A second opinion on the masks: heads rendered flat, every piece in the colour of its part.

It shares the pieces and the camera with the maker and nothing with `mask.py`: one mesh whose triangles are
painted, strands read from a curve file, the renderer's own camera, sampler and albedo channel, 4 x 4 samples
at random places in each pixel, and a plain majority without blur or weights. Lashes and beard strands are left
out of the scene, since they take the class of what they cover; clear lenses are put into a second scene as
surfaces, so that what lies behind them is found by depth and not by their outline.

    python -m tools.heads.flat SHARD.npz flat_pass.npz        # the first 50 heads of a shard
"""

import argparse
import lzma
import os
import tempfile
from pathlib import Path

import mitsuba as mi
import numpy as np

from .attributes import draw_attributes
from .camera import EYES_AT, Camera
from .geometry import triangulate
from .pieces import Mesh, Pieces, Strands, tapered
from .portrait import gather_pieces
from .render import Transform
from .shards import Shard, write_atomically
from .vocabulary import FACE, GLASSES, NOSE, PART_NAMES, SEE_THROUGH

FINE = 4                            # samples along each side of a pixel
LENS = len(PART_NAMES)              # a clear lens, in the second scene only
SURE = 0.75                         # a pixel counts as the part's inside from this share of its samples
# One colour a label, far from each other: three digits to the base 3. Black is the background.
COLOURS = np.array([[0, 0, 0]] + [[.2 + .35 * (i // 9 % 3), .2 + .35 * (i // 3 % 3), .2 + .35 * (i % 3)]
                                  for i in range(1, LENS + 1)])


def _painted_mesh(meshes):
    """All meshes as one, every triangle in the colour of its part."""
    vertices, faces, labels, offset = [], [], [], 0
    for piece in meshes:
        triangles = triangulate(piece.faces)
        vertices.append(piece.vertices)
        faces.append(triangles + offset)
        labels.append(np.broadcast_to(piece.label, len(triangles)))
        offset += len(piece.vertices)
    vertices, faces, labels = np.concatenate(vertices), np.concatenate(faces), np.concatenate(labels)
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": {
        "type": "diffuse", "reflectance": {"type": "mesh_attribute", "name": "face_color"}}})
    mesh = mi.Mesh("painted", len(vertices), len(faces), props=properties)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = vertices.astype(np.float32).ravel()
    parameters["faces"] = faces.astype(np.uint32).ravel()
    mesh.add_attribute("face_color", 3, COLOURS[labels].astype(np.float32).ravel())
    parameters.update()
    return mesh


def _painted_strands(pieces, folder):
    """One shape for all strands of a part and kind, read from a file of control points."""
    shapes, groups = {}, {}
    for piece in pieces:
        groups.setdefault((piece.label, piece.straight), []).append(piece)
    for number, ((label, straight), group) in enumerate(groups.items()):
        path = os.path.join(folder, f"strands{number}.txt")
        with open(path, "w") as file:
            for piece in group:
                count, points, _ = piece.points.shape
                radius = np.asarray(piece.radius, float)
                radius = radius if radius.ndim == 2 else tapered(radius, count, points)
                for strand in np.concatenate([piece.points, radius[..., None]], -1):
                    file.write("\n".join("%.6f %.6f %.6f %.7f" % tuple(point) for point in strand) + "\n\n")
        shapes[f"strands{number}"] = {
            "type": "linearcurve" if straight else "bsplinecurve", "filename": path,
            "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": COLOURS[label].tolist()}}}
    return shapes


def _samples(meshes, strands, camera: Camera, size: int, seed: int) -> np.ndarray:
    """Label of one random sample in each of [FINE * size, FINE * size] small pixels."""
    n = FINE * size
    with tempfile.TemporaryDirectory() as folder:
        scene = mi.load_dict({
            "type": "scene", "integrator": {"type": "aov", "aovs": "albedo:albedo"}, "sensor": {
                "type": "perspective", "fov": camera.field_of_view, "principal_point_offset_x": EYES_AT[0] - 0.5,
                "principal_point_offset_y": 0.5 - EYES_AT[1],
                "to_world": Transform().look_at(camera.position.tolist(), camera.target.tolist(), camera.up.tolist()),
                "film": {"type": "hdrfilm", "width": n, "height": n, "rfilter": {"type": "box"}}
            }, "painted": _painted_mesh(meshes), **_painted_strands(strands, folder)
        })
        albedo = np.array(mi.render(scene, spp=1, seed=seed))[..., -3:]
    distance = ((albedo[..., None, :] - COLOURS) ** 2).sum(-1)                  # [n, n, labels]
    if np.sqrt(distance.min(-1)).max() > .02:
        raise RuntimeError(f"seed {seed}: the flat pass has colours that are no part's")
    return distance.argmin(-1)


def flat_pass(pieces: Pieces, camera: Camera, size: int = 128, seed: int = 0):
    """Part by plain majority [size, size] uint8, and whether it fills at least SURE of the pixel [size, size]."""
    meshes = [
        piece for piece in pieces.items if isinstance(piece, Mesh) and not np.array_equal(piece.label, SEE_THROUGH)
    ]
    strands = [
        piece for piece in pieces.items
        if isinstance(piece, Strands) and piece.label != SEE_THROUGH and len(piece.points)
    ]
    labels = _samples(meshes, strands, camera, size, seed)
    if pieces.clear_lenses:
        lenses = []
        for outline in pieces.clear_lenses:
            corners = np.arange(1, len(outline) + 1)
            fan = np.stack([np.zeros_like(corners), corners, np.roll(corners, -1)], 1)
            lenses.append(Mesh(np.concatenate([outline.mean(0)[None], outline]), fan, None, None, LENS))
        behind = _samples(meshes + lenses, strands, camera, size, seed) == LENS
        labels[behind & np.isin(labels, [FACE, NOSE])] = GLASSES
    votes = np.stack([(labels == part).reshape(size, FINE, size, FINE).mean((1, 3))
                      for part in range(len(PART_NAMES))])
    return votes.argmax(0).astype(np.uint8), votes.max(0) >= SURE


def write_flat_pass(shard: Shard, path: Path, count: int = 50):
    """Flat passes of the first heads of a shard in one small file: `seed`, `maker_version`, `labels`, `sure`."""
    seeds = shard.seeds[:count]
    passes = []
    for seed in seeds.tolist():
        _, pieces, camera = gather_pieces(draw_attributes(seed), seed)
        passes.append(flat_pass(pieces, camera, seed=seed))
        print(f"seed {seed}: {(passes[-1][0] == shard.masks[len(passes) - 1]).mean():.4f} of the pixels agree",
              flush=True)
    labels, sure = (np.stack(column) for column in zip(*passes))
    write_atomically(path, {"seed": seeds, "maker_version": shard.arrays["maker_version"],
                            "labels": np.frombuffer(lzma.compress(labels.tobytes(), preset=9), np.uint8),
                            "sure": np.frombuffer(lzma.compress(np.packbits(sure).tobytes(), preset=9), np.uint8)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.heads.flat",
                                     description="Render the first heads of a shard flat, to check its masks.")
    parser.add_argument("shard", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=50)
    arguments = parser.parse_args()
    write_flat_pass(Shard(arguments.shard), arguments.out, arguments.count)
