"""One head from start to finish: attributes, pieces, picture, mask."""

from dataclasses import dataclass, replace

import numpy as np

from . import brows_beard, clothes, earrings, glasses, hair, hats, render
from .attributes import Attributes, draw_attributes
from .background import paint_background
from .camera import place_camera, view_direction
from .eyes import eyeballs, lashes
from .head import build_head
from .light import make_lighting
from .mask import make_mask
from .mouth import teeth_and_tongue
from .pieces import Pieces
from .randomness import stream
from .skin import skin_mesh
from .vocabulary import BACKGROUND, CLOTH

SIZE, SAMPLES = 128, 12    # pixels a side, light paths a pixel


@dataclass
class Portrait:
    image: np.ndarray        # [S, S, 3] uint8 sRGB
    mask: np.ndarray         # [S, S] uint8
    attributes: Attributes


def gather_pieces(attributes: Attributes, seed: int):
    """All pieces of one head, in the order in which they depend on each other."""
    head = build_head(attributes, seed)
    colours = hair.hair_colours(attributes, seed)
    stains = [hair.scalp_stain(head, attributes, colours, seed),
              *brows_beard.stains(head, attributes, colours, seed)]
    pieces = Pieces()
    pieces.add(skin_mesh(head, attributes, seed, [stain for stain in stains if stain is not None]))
    camera = place_camera(head, attributes, seed)
    pieces.add(*eyeballs(head, attributes, view_direction(attributes), seed), lashes(head, attributes, seed),
               *teeth_and_tongue(head, attributes, seed), *brows_beard.strands(head, attributes, colours, seed))
    cloth, body = clothes.make_clothes(head, attributes, seed)
    pieces.add(*cloth)
    hat = hats.make_hat(head, attributes, seed)
    if hat:
        pieces.add(*hat.meshes)
    pieces.add(*hair.make_hair(head, attributes, colours, body, hat, seed))
    frames, pieces.clear_lenses = glasses.make_glasses(head, attributes, seed)
    pieces.add(*frames, *earrings.make_earrings(head, attributes, seed))
    return head, pieces, camera


def _mean_colour(image, chosen):
    return [float(value) for value in image[chosen].mean(0) / 255] if chosen.any() else [0.0, 0.0, 0.0]


def make_portrait(seed: int, size: int = SIZE, samples: int = SAMPLES, **changes) -> Portrait:
    """Head `seed`. `changes` overrides single attributes (for contact sheets and tests)."""
    attributes = replace(draw_attributes(seed), **changes)
    head, pieces, camera = gather_pieces(attributes, seed)
    scene, labelled_shapes = render.build_scene(pieces, camera, make_lighting(attributes, seed), size)
    layers = render.trace(scene, samples, seed)
    mask = make_mask(scene, labelled_shapes, pieces, camera, size)
    film = stream(seed, "film")
    exposure = render.choose_exposure(layers.radiance, mask, attributes.skin_tone, film)
    image = render.develop(render.compose(layers, paint_background(attributes, seed, size), exposure, mask), film)
    background, cloth = _mean_colour(image, mask == BACKGROUND), _mean_colour(image, mask == CLOTH)
    attributes = replace(attributes, **{f"background_{c}": v for c, v in zip(("red", "green", "blue"), background)},
                         **{f"cloth_{c}": v for c, v in zip(("red", "green", "blue"), cloth)})
    return Portrait(image, mask, attributes)
