"""How much can a part vary? The mean pairwise feature distance within a part's mask when only its codes change.

A few faces are each given several shapes and textures of one part. Every two variants of a face are compared within
the union of the part in both (`features.region_distance`), and the mean is taken over pairs and faces. 0: the part
always looks the same, its codes are dead.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from ssgan_lite.features import Extractor, region_distance
from ssgan_lite.measure.samples import DIVERSITY, VARIANTS, Tick, draw_codes, generate, no_tick

FACES, VARIANTS_OF_A_FACE = 24, 3


@torch.no_grad()
def part_diversity(generator: nn.Module, extract: Extractor, faces: int = FACES,
                   variants: int = VARIANTS_OF_A_FACE, seed: int = 0, batch: int = 16, tick: Tick = no_tick) -> dict:
    """{part: {distance, pairs}}; a part that no pair shows has None."""
    layout, config = generator.layout, generator.config
    w = layout.to_w_plus(draw_codes(generator, faces, seed, DIVERSITY))                        # [N, n_latent, S]
    donors = [layout.to_w_plus(draw_codes(generator, faces, seed + 1_000_003 * i, VARIANTS)) for i in range(variants)]
    result = {}
    for part, name in enumerate(config.parts):
        distances = []
        # Few faces at a time: the feature maps of all variants are kept until all pairs are compared.
        for rows in torch.arange(faces, device=w.device).split(max(1, batch // variants)):
            maps, regions = [], []
            for donor in donors:
                edited = w[rows].clone()
                edited[:, layout[part]] = donor[rows][:, layout[part]]
                [out] = generate(generator, edited, len(rows), tick)
                maps.append(extract.maps(out.image))
                regions.append(out.mask.argmax(1) == part)                                     # [n, R, R]
            for i, j in itertools.combinations(range(variants), 2):
                distances.append(region_distance(maps[i], maps[j], regions[i] | regions[j]))
        all_distances = torch.cat(distances)
        known = all_distances[~all_distances.isnan()]
        result[name] = dict(distance=float(known.double().mean()) if len(known) else None, pairs=len(known))
    return result
