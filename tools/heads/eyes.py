"""Eyes: white, iris, pupil and cornea in one sphere a side; lashes; teeth and tongue beside them.

The mask's class "eyes" is what shows of the eyeballs between the lids.
"""

import numpy as np
from scipy.spatial import cKDTree

from .attributes import Attributes
from .geometry import normalise, smoothstep, sphere
from .head import Head
from .pieces import Material, Mesh, Strands, tapered
from .randomness import smooth_noise, stream
from .vocabulary import EYES, SEE_THROUGH

IRIS = {"dark_brown": (.028, .015, .009), "brown": (.075, .037, .017), "hazel": (.105, .070, .030),
        "green": (.080, .100, .058), "blue": (.075, .120, .180), "grey": (.105, .125, .140)}


def eyeballs(head: Head, attributes: Attributes, towards_camera, seed: int) -> list:
    """Two eyeballs that look about at the camera. `towards_camera`: unit vector [3]."""
    rng = stream(seed, "eyes")
    unit, quads, polar, around = sphere(64, 72)
    # Most portraits look into the camera; some glance past it.
    stray = 0.025 if rng.random() < 0.8 else 0.10
    # Lids do not follow the gaze here, so it rises and sinks less than the camera does.
    gaze = normalise(
        np.asarray(towards_camera) * np.array([1, 1, .6]) + rng.normal(size=3) * np.array([stray, stray, .4 * stray]))
    iris_radius, pupil_radius = rng.uniform(.0060, .0066), rng.uniform(.0020, .0030)
    iris = np.array(IRIS[attributes.eye_colour]) * (1 + rng.normal(0, .1))
    pattern = rng.integers(1 << 30)
    meshes = []
    for centre in head.eye_centres:
        # The two eyes converge slightly: each looks at a point 0.9 m ahead.
        look = normalise(head.eye_centres.mean(0) + 0.9 * gaze - centre)
        across = normalise(np.cross(look, [0, 0, 1.0]))
        frame = np.stack([-across, -look, np.cross(across, look)], 1)
        iris_angle = np.arcsin(iris_radius / head.eye_radius)
        pupil_angle = np.arcsin(pupil_radius / head.eye_radius)
        bulge = 1 + .035 * np.exp(-(polar / iris_angle) ** 4)
        vertices = (unit * (0.995 * head.eye_radius * bulge)[:, None]) @ frame.T + centre
        t = polar / iris_angle
        fibres = smooth_noise(np.stack([3 * np.cos(around), 3 * np.sin(around), .25 * t], 1),
                              np.random.default_rng(pattern), .35, 2)
        iris_colour = iris * (1 + .3 * fibres[:, None]) * (1.2 - .75 * smoothstep(t, .78, 1.)[:, None]) * (
            1 + .4 * smoothstep(-t, -.75, -.45)[:, None])
        white = np.array([.47, .435, .41
                          ]) * (1 - .25 *
                                (attributes.skin_tone - 1) / 9) * (1 - .30 * smoothstep(polar, .5, 1.1))[:, None]
        white = white * (1 - smoothstep(polar, .55, 1.3)[:, None] * np.array([0, .10, .12]))
        edge = smoothstep(t, .92, 1.08)[:, None]
        colour = iris_colour * (1 - edge) + white * edge
        pupil = smoothstep(-polar, -1.1 * pupil_angle, -.9 * pupil_angle)[:, None]
        colour = colour * (1 - pupil) + .004 * pupil
        # The upper lid and its lashes shade the top of the eye more than the light shows at this size.
        colour = colour * (1 - .6 * smoothstep(unit[:, 2], .10, .42))[:, None]
        meshes.append(Mesh(vertices, quads, np.clip(colour, .003, 1), Material(roughness=.06, specular=.55), EYES))
    return meshes


def lashes(head: Head, attributes: Attributes, seed: int) -> Strands:
    """Lashes along MakeHuman's lash strips; in the mask they take the class of what they cover."""
    rng = stream(seed, "lashes")
    neutral = head.regions.neutral
    lids = cKDTree(head.skin[(np.abs(neutral[:, 2] - .664) < .02) & (neutral[:, 1] < -.16)])
    per_quad = int(rng.integers(2, 6))
    roots, tips = [], []
    for quads in head.template.lash_quads:
        corners = head.base[quads]                                        # [Q, 4, 3]
        order = np.argsort(lids.query(corners.reshape(-1, 3))[0].reshape(-1, 4), 1)
        a, b, c, d = (np.take_along_axis(corners, order[:, k, None, None], 1)[:, 0] for k in range(4))
        swap = (np.linalg.norm(a - c, axis=1) > np.linalg.norm(a - d, axis=1))[:, None]
        c, d = np.where(swap, d, c), np.where(swap, c, d)
        for _ in range(per_quad):
            u = rng.random((len(quads), 1))
            root, tip = a * (1 - u) + b * u, c * (1 - u) + d * u
            roots.append(root)
            tips.append(root + (tip - root) * rng.uniform(.5, .85, (len(quads), 1)))
    roots, tips = np.concatenate(roots)[:, None], np.concatenate(tips)[:, None]
    t = np.linspace(0, 1, 5)[None, :, None]
    points = roots * (1 - t) + tips * t + np.array([0, 0, .0012]) * (t * (t - 1))
    width = rng.uniform(.00009, .00015) + .00005 * attributes.lip_colour
    return Strands(points,
                   tapered(width, len(points), 5),
                   np.array([.012, .010, .009]),
                   Material(.5, .3),
                   SEE_THROUGH,
                   straight=False)
