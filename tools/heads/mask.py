"""The mask: which part is seen in each pixel, from the same geometry as the picture.

2 x 2 rays a pixel each find the first piece that has a label of its own; lashes and beard
strands are looked through. Clear lenses are glasses where they cover skin, but eyes and brows
behind them keep their class. The votes are blurred lightly (0.55 pixels) before the majority is
taken: without it, single strands of hair leave speckle. Earrings and glasses are thin: their
votes count more.
"""

import drjit as dr
import mitsuba as mi
import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .camera import Camera
from .pieces import Pieces
from .vocabulary import BACKGROUND, EARRINGS, EYEBROWS, EYES, FACE, GLASSES, NOSE, PART_NAMES, SEE_THROUGH

RAYS = 2                 # along each side of a pixel
VOTE_BLUR = 0.55         # pixels
THIN_WEIGHT = {EARRINGS: 1.8, GLASSES: 1.25, EYES: 1.35, EYEBROWS: 1.1}
LOOK_THROUGH_STEPS = 6   # at most so many lashes or beard hairs in front of each other


def first_labels(scene, labelled_shapes, size: int) -> np.ndarray:
    """Part [size * RAYS, size * RAYS] seen by each ray."""
    n = size * RAYS
    index = dr.arange(mi.UInt32, n * n)
    place = mi.Point2f((mi.Float(index % n) + 0.5) / n, (mi.Float(index // n) + 0.5) / n)
    ray, _ = scene.sensors()[0].sample_ray(0.0, 0.5, place, mi.Point2f(0.5))
    labels_of = {
        int(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(shape))[0]): label for shape, label in labelled_shapes
    }
    labels = np.full(n * n, BACKGROUND)
    done = np.zeros(n * n, bool)
    for _ in range(LOOK_THROUGH_STEPS):
        hit = scene.ray_intersect_preliminary(ray, coherent=True)
        shape, triangle = np.array(dr.reinterpret_array(mi.UInt32, hit.shape)), np.array(hit.prim_index)
        distance = np.array(hit.t)
        found = np.isfinite(distance)
        for identity in np.unique(shape[found & ~done]):
            label = labels_of.get(int(identity), BACKGROUND)
            here = found & ~done & (shape == identity)
            if isinstance(label, np.ndarray):
                labels[here] = label[triangle[here]]
                done |= here
            elif label != SEE_THROUGH:
                labels[here] = label
                done |= here
        done |= ~found
        if done.all():
            break
        step = np.where(done, 0, np.where(found, distance, 0) + 2e-4).astype(np.float32)
        ray.o = ray.o + ray.d * mi.Float(step)
    return labels.reshape(n, n)


def cover_with_lenses(labels, pieces: Pieces, camera: Camera):
    """Clear lenses: skin behind them becomes glasses, eyes and brows stay."""
    n = len(labels)
    canvas = Image.new("L", (n, n))
    for outline in pieces.clear_lenses:
        ImageDraw.Draw(canvas).polygon([tuple(place) for place in camera.project(outline) * n], fill=1)
    labels[(np.array(canvas) > 0) & np.isin(labels, [FACE, NOSE])] = GLASSES
    return labels


def vote(labels, size: int) -> np.ndarray:
    """Majority [size, size] uint8 of the rays of each pixel and, weakly, of its neighbours."""
    votes = np.stack([(labels == part).reshape(size, RAYS, size, RAYS).mean((1, 3))
                      for part in range(len(PART_NAMES))])
    votes = gaussian_filter(votes, (0, VOTE_BLUR, VOTE_BLUR))
    for part, weight in THIN_WEIGHT.items():
        votes[part] *= weight
    return votes.argmax(0).astype(np.uint8)


def make_mask(scene, labelled_shapes, pieces: Pieces, camera: Camera, size: int) -> np.ndarray:
    """The mask [size, size] uint8. `labelled_shapes`: the scene's shapes, each with its label(s)."""
    labels = first_labels(scene, labelled_shapes, size)
    return vote(cover_with_lenses(labels, pieces, camera), size)
