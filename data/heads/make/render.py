"""From pieces to a picture: path tracing with Mitsuba, denoising, soft skin, and film.

Everything that differs from head to head is passed to the renderer as *opaque* data, so that its
compiled kernels are used again for the next head (compiling costs 1 to 3 seconds).
"""

import os
import tempfile

import drjit as dr
import mitsuba as mi
import numpy as np
import pyoidn
from scipy.ndimage import gaussian_filter

from .camera import EYES_AT, Camera
from .geometry import triangulate
from .light import Lighting
from .pieces import Ball, Material, Mesh, Pieces, Strands, tapered
from .vocabulary import EARS, FACE, HAIR, MOUTH, NECK, NOSE

mi.set_variant("llvm_ad_rgb")
Transform = mi.ScalarTransform4f


def _rgb(values):
    return {"type": "rgb", "value": [float(value) for value in values]}


def _surface(material: Material, colour) -> dict:
    description = {"type": "principled", "base_color": colour, "roughness": material.roughness,
                   "specular": material.specular, "metallic": material.metallic,
                   "flatness": material.flatness, "sheen": material.sheen}
    return description


def _mesh(name, piece: Mesh):
    faces = triangulate(piece.faces)
    colours = np.broadcast_to(piece.colours, (len(piece.vertices), 3))
    surface = _surface(piece.material, {"type": "mesh_attribute", "name": "vertex_color"})
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": surface})
    mesh = mi.Mesh(name, len(piece.vertices), len(faces), has_vertex_normals=piece.smooth,
                   has_vertex_texcoords=False, props=properties)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = piece.vertices.astype(np.float32).ravel()
    parameters["faces"] = faces.astype(np.uint32).ravel()
    if piece.smooth:
        mesh.recompute_vertex_normals()
    mesh.add_attribute("vertex_color", 3, colours.astype(np.float32).ravel())
    parameters.update()
    return mesh


def _stub_curve() -> str:
    """Mitsuba reads curves from files only: a stub of four points, replaced by the real ones."""
    path = os.path.join(tempfile.gettempdir(), f"ssgan-heads-curve-{os.getpid()}.txt")
    if not os.path.exists(path):
        with open(path, "w") as file:
            file.writelines(f"{i} 0 0 .01\n" for i in range(4))
    return path


def _strands(piece: Strands):
    count, points, _ = piece.points.shape
    radius = np.asarray(piece.radius, float)
    if radius.ndim < 2:
        radius = tapered(radius, count, points)
    control = np.concatenate([piece.points, radius[..., None]], -1).astype(np.float32)
    segments = points - (1 if piece.straight else 3)
    first = (np.arange(count)[:, None] * points + np.arange(segments)).astype(np.uint32).ravel()
    shape = mi.load_dict({"type": "linearcurve" if piece.straight else "bsplinecurve", "filename": _stub_curve(),
                          "bsdf": _surface(piece.material, _rgb(piece.colour))})
    parameters = mi.traverse(shape)
    parameters["control_point_count"] = count * points
    parameters["control_points"] = control.ravel()
    parameters["segment_indices"] = first
    parameters.update()
    return shape


def _emitters(lighting: Lighting, centre) -> dict:
    glow = mi.Bitmap(np.ascontiguousarray(lighting.glow.astype(np.float32)))
    # Mitsuba's environment has y up and looks along z; ours has z up and the face looks along -y.
    emitters = {"glow": {"type": "envmap", "bitmap": glow,
                         "to_world": Transform().rotate([0, 0, 1], 180) @ Transform().rotate([1, 0, 0], 90)}}
    for i, light in enumerate(lighting.area_lights):
        position = centre + light.position
        place = Transform().look_at(position.tolist(), centre.tolist(), (0, 0, 1)).scale([light.size, light.size, 1])
        emitters[f"light{i}"] = {"type": "rectangle", "to_world": place,
                                 "emitter": {"type": "area", "radiance": _rgb(light.radiance)}}
    return emitters


def build_scene(pieces: Pieces, camera: Camera, lighting: Lighting, size: int, depth: int = 3):
    """The Mitsuba scene, and its shapes in the order of the pieces."""
    shapes = {}
    for i, piece in enumerate(pieces.items):
        shapes[f"piece{i:02d}"] = _mesh(f"piece{i:02d}", piece) if isinstance(piece, Mesh) else _strands(piece)
    film = {"type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgba", "rfilter": {"type": "box"}}
    sensor = {"type": "perspective", "fov": camera.field_of_view, "film": film,
              "principal_point_offset_x": EYES_AT[0] - 0.5, "principal_point_offset_y": 0.5 - EYES_AT[1],
              "to_world": Transform().look_at(camera.position.tolist(), camera.target.tolist(), camera.up.tolist())}
    integrator = {"type": "aov", "aovs": "albedo:albedo,normal:sh_normal",
                  "image": {"type": "path", "max_depth": depth, "hide_emitters": True}}
    scene = mi.load_dict({"type": "scene", "integrator": integrator, "sensor": sensor,
                          **_emitters(lighting, camera.target), **shapes})
    _make_opaque(scene)
    return scene, list(shapes.values())


def _make_opaque(scene):
    """Hide all values from the compiler, so that one compiled kernel serves all heads."""
    parameters = mi.traverse(scene)
    for key in list(parameters.keys()):
        try:
            value = parameters[key]
            dr.make_opaque(value)
            parameters[key] = value
        except Exception:  # plain Python numbers and read-only entries: nothing to hide
            continue
    for key in list(parameters.keys()):
        if key.endswith(("specular", "eta", "roughness.value", "to_world")):
            parameters.set_dirty(key)
    parameters.update()


def trace(scene, samples: int, seed: int):
    """Radiance [S, S, 3] (denoised; hair keeps some of its grain), opacity [S, S, 1]."""
    layers = np.array(mi.render(scene, spp=samples, seed=seed))
    radiance = np.nan_to_num(np.clip(layers[..., :3], 0, 30)).astype(np.float32)
    albedo = np.ascontiguousarray(np.clip(layers[..., 4:7], 0, 1).astype(np.float32))
    normal = np.ascontiguousarray(layers[..., 7:10].astype(np.float32))
    smooth = pyoidn.denoise(np.ascontiguousarray(radiance), albedo=albedo, normal=normal, hdr=True)
    return radiance, smooth, layers[..., 3:4]


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


def expose(radiance, mask, skin_tone, rng):
    """Scale the picture as a photographer would: by the face, dark skin kept darker than pale."""
    luminance = radiance @ np.array([.3, .6, .1])
    face = np.isin(mask, [FACE, NOSE])
    if not face.any():
        return radiance
    target = np.interp(skin_tone, [1, 4, 7, 10], [.46, .38, .235, .125]) * rng.uniform(.85, 1.2)
    # Between the median and the bright side: the lit half decides when light comes from one side.
    level = .6 * np.median(luminance[face]) + .4 * .75 * np.quantile(luminance[face], .9)
    return radiance * (target / max(level, 1e-3))


def develop(radiance, rng):
    """Linear light -> 8-bit sRGB picture: saturation, a film curve with soft shoulder, a lens."""
    size = len(radiance)
    grey = (radiance @ np.array([.3, .6, .1]))[..., None]
    light = np.maximum(grey + (radiance - grey) * rng.uniform(1.0, 1.2), 0)
    row, column = np.mgrid[0:size, 0:size] / (size - 1) - .5
    light = gaussian_filter(light, (.38 * size / 128, .38 * size / 128, 0))              # no lens is sharper
    light = light * (1 - rng.uniform(0, .35) * (row**2 + column**2))[..., None]     # vignette
    contrast = rng.uniform(1.08, 1.25)
    light = .18 * (np.maximum(light, 1e-6) / .18) ** contrast
    light = light * (1 + light / 9) / (1 + .45 * light)
    srgb = np.where(light < .0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - .055)
    grain = gaussian_filter(rng.normal(size=srgb.shape), (.5, .5, 0)) * rng.uniform(.004, .013)
    return (np.clip(srgb + grain, 0, 1) * 255 + .5).astype(np.uint8)
