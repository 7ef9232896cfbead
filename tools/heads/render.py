"""From pieces to a picture: path tracing with Mitsuba, denoising, soft skin, and film.

Everything that differs from head to head is passed to the renderer as *opaque* data, so that its
compiled kernels are used again for the next head (compiling costs 1 to 3 seconds).
"""

import os
import tempfile
from dataclasses import dataclass

import drjit as dr
import mitsuba as mi
import numpy as np
import pyoidn
from scipy.ndimage import gaussian_filter

from .camera import EYES_AT, Camera
from .geometry import triangulate
from .light import Lighting
from .pieces import Material, Mesh, Pieces, Strands, tapered
from .vocabulary import EARS, FACE, HAIR, MOUTH, NECK, NOSE, SEE_THROUGH

mi.set_variant("llvm_ad_rgb")
Transform = mi.ScalarTransform4f
HAIR_GRAIN = 0.2          # share of the undenoised picture kept in hair: the grain reads as strands


MESH_SPECULAR = 0.42
# Compiled code is used again only for scenes of the same structure, down to the number of
# segments of a curve. So every scene has one mesh, this many sets of straight strands and of
# curved ones, and this many control points in each, whatever the head wears.
STRAIGHT_SLOTS, CURVED_SLOTS = 6, 7
STRAIGHT_POINTS, CURVED_POINTS = 36_864, 14_336


def _rgb(values):
    return {"type": "rgb", "value": [float(value) for value in values]}


def _vertex_data(name):
    return {"type": "mesh_attribute", "name": f"vertex_{name}"}


def _merged_mesh(meshes):
    """All meshes as one, their materials written on the vertices. Returns the shape and its labels."""
    vertices, faces, labels, colours, data = [], [], [], [], []
    offset = 0
    for piece in meshes:
        triangles = triangulate(piece.faces)
        vertices.append(piece.vertices)
        faces.append(triangles + offset)
        labels.append(np.broadcast_to(piece.label, len(triangles)))
        colours.append(np.broadcast_to(piece.colours, (len(piece.vertices), 3)))
        material = piece.material
        data.append(
            np.tile([material.roughness, material.metallic, material.flatness, material.sheen],
                    (len(piece.vertices), 1)))
        offset += len(piece.vertices)
    vertices, faces, data = np.concatenate(vertices), np.concatenate(faces), np.concatenate(data)
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": {
        "type": "principled", "base_color": _vertex_data("color"), "specular": MESH_SPECULAR,
        **{name: _vertex_data(name) for name in ("roughness", "metallic", "flatness", "sheen")}}})
    mesh = mi.Mesh("meshes",
                   len(vertices),
                   len(faces),
                   has_vertex_normals=True,
                   has_vertex_texcoords=False,
                   props=properties)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = vertices.astype(np.float32).ravel()
    parameters["faces"] = faces.astype(np.uint32).ravel()
    mesh.recompute_vertex_normals()
    mesh.add_attribute("vertex_color", 3, np.concatenate(colours).astype(np.float32).ravel())
    for channel, name in enumerate(("roughness", "metallic", "flatness", "sheen")):
        mesh.add_attribute(f"vertex_{name}", 1, np.ascontiguousarray(data[:, channel], np.float32))
    parameters.update()
    return mesh, np.concatenate(labels)


def _stub_curve() -> str:
    """Mitsuba reads curves from files only: a stub of four points, replaced by the real ones."""
    path = os.path.join(tempfile.gettempdir(), f"ssgan-heads-curve-{os.getpid()}.txt")
    if not os.path.exists(path):
        with open(path, "w") as file:
            file.writelines(f"{i} 0 0 .01\n" for i in range(4))
    return path


def _filling(count, hidden):
    """`count` control points of a thin coil hidden inside the head: keeps curves of equal size."""
    t = np.arange(count)
    turn = .35 * t
    coil = hidden + np.stack([.02 * np.cos(turn), .02 * np.sin(turn), .02 * np.sin(.0131 * t)], 1)
    return np.c_[coil, np.full(count, 1e-5)]


def _strand_set(group, straight, hidden):
    """Strands of one colour and material as one shape, filled up to its full size."""
    points_in_all = STRAIGHT_POINTS if straight else CURVED_POINTS
    reach = 1 if straight else 3               # control points after its first that a segment needs
    control, starts, offset = [], [], 0
    for piece in group:
        count, points, _ = piece.points.shape
        radius = np.asarray(piece.radius, float)
        if radius.ndim < 2:
            radius = tapered(radius, count, points)
        control.append(np.concatenate([piece.points, radius[..., None]], -1).reshape(-1, 4))
        starts.append((offset + np.arange(count)[:, None] * points + np.arange(points - reach)).ravel())
        offset += count * points
    if offset + reach + 1 > points_in_all:
        raise ValueError(
            f"{offset} control points of {'straight' if straight else 'curved'} strands, more than {points_in_all}: "
            "raise the number in render.py"
        )
    control.append(_filling(points_in_all - offset, hidden))
    starts = np.concatenate(starts)
    spare = points_in_all - reach - len(starts)
    starts = np.concatenate([starts, offset + np.arange(spare) % (points_in_all - offset - reach)])
    material = group[0].material
    # A trace of everything: without sheen, say, Mitsuba would compile other code.
    surface = {
        "type": "principled", "base_color": _rgb(np.clip(group[0].colour, .002, .95)),
        "roughness": material.roughness, "specular": material.specular,
        **{name: max(getattr(material, name), 1e-4) for name in ("metallic", "flatness", "sheen")}
    }
    shape = mi.load_dict(
        {"type": "linearcurve" if straight else "bsplinecurve", "filename": _stub_curve(), "bsdf": surface})
    parameters = mi.traverse(shape)
    parameters["control_point_count"] = points_in_all
    parameters["control_points"] = np.concatenate(control).astype(np.float32).ravel()
    parameters["segment_indices"] = starts.astype(np.uint32)
    parameters.update()
    return shape


def _strand_slots(strands, straight, slots, hidden):
    """Shapes and labels: strands grouped by look, and empty slots."""
    groups = {}
    for piece in strands:
        if piece.straight == straight and len(piece.points):
            groups.setdefault((piece.label, tuple(np.round(piece.colour, 6)), piece.material), []).append(piece)
    if len(groups) > slots:
        raise ValueError(
            f"{len(groups)} kinds of {'straight' if straight else 'curved'} strands, but the scene has {slots} "
            "slots: raise the number in render.py"
        )
    nothing = Strands(
        _filling(4, hidden)[None, :, :3], 1e-5, np.array([.1, .1, .1]), Material(), SEE_THROUGH, straight)
    groups = list(groups.values()) + [[nothing]] * (slots - len(groups))
    return [(_strand_set(group, straight, hidden), group[0].label) for group in groups]


def _emitters(lighting: Lighting, centre) -> dict:
    glow = mi.Bitmap(np.ascontiguousarray(lighting.glow.astype(np.float32)))
    # Mitsuba's environment has y up and looks along z; ours has z up and the face looks along -y.
    emitters = {"glow": {"type": "envmap", "bitmap": glow,
                         "to_world": Transform().rotate([0, 0, 1], 180) @ Transform().rotate([1, 0, 0], 90)}}
    for i, light in enumerate(lighting.area_lights):
        position = centre + light.position
        place = Transform().look_at(position.tolist(), centre.tolist(), (0, 0, 1)).scale([light.size, light.size, 1])
        rectangle = mi.load_dict(
            {"type": "rectangle", "to_world": place, "emitter": {"type": "area", "radiance": _rgb(light.radiance)}})
        # Its place is hidden from the compiler before the scene exists: see _make_opaque.
        parameters = mi.traverse(rectangle)
        where = parameters["to_world"]
        dr.make_opaque(where)
        parameters["to_world"] = where
        parameters.set_dirty("to_world")
        parameters.update()
        emitters[f"light{i}"] = rectangle
    return emitters


def build_scene(pieces: Pieces, camera: Camera, lighting: Lighting, size: int, depth: int = 3):
    """The Mitsuba scene, and its shapes with their labels (a part, or a part per triangle)."""
    strands = [piece for piece in pieces.items if isinstance(piece, Strands)]
    hidden = camera.target + np.array([0, .08, 0])          # inside the head
    labelled = [
        _merged_mesh([piece for piece in pieces.items if isinstance(piece, Mesh)]),
        *_strand_slots(strands, True, STRAIGHT_SLOTS, hidden), *_strand_slots(strands, False, CURVED_SLOTS, hidden)
    ]
    shapes = {f"shape{i:02d}": shape for i, (shape, _) in enumerate(labelled)}
    film = {"type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgba", "rfilter": {"type": "box"}}
    sensor = {"type": "perspective", "fov": camera.field_of_view, "film": film,
              "principal_point_offset_x": EYES_AT[0] - 0.5, "principal_point_offset_y": 0.5 - EYES_AT[1],
              "to_world": Transform().look_at(camera.position.tolist(), camera.target.tolist(), camera.up.tolist())}
    integrator = {"type": "aov", "aovs": "albedo:albedo,normal:sh_normal",
                  "image": {"type": "path", "max_depth": depth, "hide_emitters": True}}
    scene = mi.load_dict({"type": "scene", "integrator": integrator, "sensor": sensor,
                          **_emitters(lighting, camera.target), **shapes})
    _make_opaque(scene)
    return scene, labelled


GEOMETRY = ("faces", "vertex_positions", "vertex_normals", "vertex_texcoords", "control_points", "segment_indices",
            "control_point_count")


def _make_opaque(scene):
    """Hide all values from the compiler, so that one compiled kernel serves all heads.

    Shapes stay untouched: their arrays are data already, and whoever writes to one makes Mitsuba
    build its search tree a second time, which costs a third of the time of a head.
    """
    parameters = mi.traverse(scene)
    keys = [
        key for key in parameters.keys()
        if not key.endswith(GEOMETRY) and not (key.startswith("light") and key.endswith("to_world"))
    ]
    for key in keys:
        try:
            value = parameters[key]
            dr.make_opaque(value)
            parameters[key] = value
        except Exception:  # plain Python numbers and read-only entries: nothing to hide
            continue
    for key in keys:
        if key.endswith(("specular", "eta", "roughness.value", "to_world")):
            parameters.set_dirty(key)
    parameters.update()


@dataclass
class Layers:
    """What the renderer returns, [S, S, C] each; radiance and albedo are premultiplied."""

    radiance: np.ndarray
    opacity: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray


def trace(scene, samples: int, seed: int) -> Layers:
    raw = np.array(mi.render(scene, spp=samples, seed=seed))
    return Layers(np.nan_to_num(np.clip(raw[..., :3], 0, 30)), raw[..., 3:4], np.clip(raw[..., 4:7], 0, 1), raw[...,
                                                                                                                7:10])


def denoise(radiance, albedo, normal):
    """Open Image Denoise, guided by albedo and normals; all [S, S, 3]."""
    radiance, albedo, normal = (np.ascontiguousarray(layer, dtype=np.float32) for layer in (radiance, albedo, normal))
    return pyoidn.denoise(radiance, albedo=albedo, normal=normal, hdr=True)


def compose(layers: Layers, background, exposure: float, mask):
    """Head before background, denoised together (so that edges of hair stay smooth), skin softened."""
    behind = background * (1 - layers.opacity)
    grainy = layers.radiance * exposure + behind
    smooth = denoise(grainy, np.clip(layers.albedo + behind, 0, 1), layers.normal)
    grain = HAIR_GRAIN * (mask == HAIR)[..., None]
    return soften_skin(smooth * (1 - grain) + grainy * grain, mask)


def soften_skin(radiance, mask):
    """Light scattered below the skin: blur red most, blue least, within skin only (65 %)."""
    skin = np.isin(mask, [FACE, NOSE, EARS, NECK, MOUTH]).astype(np.float32)
    scale = len(mask) / 256
    result = radiance.copy()
    for channel, width in enumerate((1.3, .7, .4)):
        weight = gaussian_filter(skin, width * scale) + 1e-6
        blurred = gaussian_filter(radiance[..., channel] * skin, width * scale) / weight
        result[..., channel] += .65 * skin * (blurred - radiance[..., channel])
    return result


def choose_exposure(radiance, mask, skin_tone, rng) -> float:
    """The factor a photographer would choose: by the face, dark skin kept darker than pale."""
    luminance = radiance @ np.array([.3, .6, .1])
    face = np.isin(mask, [FACE, NOSE])
    if not face.any():
        return 1.0
    target = np.interp(skin_tone, [1, 4, 7, 10], [.49, .41, .235, .11]) * rng.uniform(.85, 1.2)
    # Between the median and the bright side: the lit half decides when light comes from one side.
    level = .6 * np.median(luminance[face]) + .4 * .75 * np.quantile(luminance[face], .9)
    return float(target / max(level, 1e-3))


def develop(radiance, rng):
    """Linear light -> 8-bit sRGB picture: saturation, a film curve with soft shoulder, a lens."""
    size = len(radiance)
    grey = (radiance @ np.array([.3, .6, .1]))[..., None]
    light = np.maximum(grey + (radiance - grey) * rng.uniform(1.04, 1.22), 0)
    row, column = np.mgrid[0:size, 0:size] / (size - 1) - .5
    light = gaussian_filter(light, (.38 * size / 128, .38 * size / 128, 0))              # no lens is sharper
    light = light * (1 - rng.uniform(0, .35) * (row**2 + column**2))[..., None]     # vignette
    contrast = rng.uniform(1.10, 1.28)
    light = .18 * (np.maximum(light, 1e-6) / .18) ** contrast
    light = light * (1 + light / 9) / (1 + .45 * light)
    srgb = np.where(light < .0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - .055)
    grain = gaussian_filter(rng.normal(size=srgb.shape), (.5, .5, 0)) * rng.uniform(.004, .013)
    return (np.clip(srgb + grain, 0, 1) * 255 + .5).astype(np.uint8)
