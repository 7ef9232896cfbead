"""Faces to take a part from: those that have it, found and drawn when they are first wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan_lite.edit import Session
from ssgan_lite.edit.renderer import Renderer
from ssgan_lite.edit.state import FaceState, effective_codes
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import to_image

THUMBNAIL = 64          # pixels, width and height of a crop
CANDIDATES = 48         # codes of a part that are looked at together
ROUNDS = 3              # so many times at most, for parts that are rare
LEAST = 0.001           # share of the picture that a part must have to be worth taking
TRACE = 0.3             # and of the largest such part: whoever takes less would get scraps, lifted over everything
CROP = 0.3              # share of the picture's width that a crop shows at least


@dataclass(frozen=True, eq=False)
class Wearer:
    """A face of the gallery, drawn."""

    face: Session
    image: np.ndarray       # uint8 [R, R, 3]
    labels: np.ndarray      # part ids [R, R]
    depths: Tensor          # [1, P, Hc, Wc]

    def pixels(self, part: int) -> int:
        """How many pixels of the picture belong to the part."""
        return int((self.labels == part).sum())

    def crop(self, part: int) -> np.ndarray:
        """The part with a little around it: uint8 [64, 64, 3]."""
        size = len(self.labels)
        rows, columns = np.nonzero(self.labels == part)
        low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1       # (x, y)
        width = min(size, max(1.3 * (high - low).max(), CROP * size))
        corner = np.clip((low + high) / 2 - width / 2, 0, size - width)
        return np.asarray(Image.fromarray(self.image).resize(
            (THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS, box=(*corner, *(corner + width))))

    def brightness(self, part: int) -> float:
        """Mean gray value of the part, 0 to 255."""
        return float(self.image[self.labels == part].mean())


class Gallery:
    """`shown(part)` lists what is at hand, `fill(part)` looks for more until `count` faces have the part."""

    def __init__(self, generator: SemanticGenerator, seed: int, psi: float, count: int):
        self.generator, self.psi, self.count = generator, psi, count
        self.seeds = iter(range(100 * (seed + 1), 1 << 31))
        self.faces: list[Wearer] = []           # all that were drawn; a face often serves for several parts
        self.first: dict[int, int] = {}         # part -> the first of its wearers that is shown
        self.searched: set[int] = set()

    def shown(self, part: int) -> list[Wearer]:
        """At most `count` faces with the part."""
        pixels = [face.pixels(part) for face in self.faces]
        worth = max(1.0, LEAST * self.generator.config.size**2, TRACE * max(pixels, default=0))
        wearers = [face for face, count in zip(self.faces, pixels, strict=True) if count >= worth]
        return wearers[self.first.get(part, 0):][:self.count]

    def is_filled(self, part: int) -> bool:
        """Would a search find no more?"""
        return part in self.searched or len(self.shown(part)) == self.count

    def more(self, part: int) -> None:
        """Others than those that are shown."""
        self.first[part] = self.first.get(part, 0) + len(self.shown(part))
        self.searched.discard(part)
        self.fill(part)
        if not self.shown(part):                # there are no others: begin again
            self.first[part] = 0

    def fill(self, part: int) -> None:
        """Look for faces that have the part, and draw them."""
        for _ in range(ROUNDS):
            missing = self.count - len(self.shown(part))
            if missing <= 0:
                return
            seeds = [next(self.seeds) for _ in range(CANDIDATES)]
            self._draw(self._promising(part, seeds)[:missing])
        self.searched.add(part)

    @torch.no_grad()
    def _promising(self, part: int, seeds: list[int]) -> list[Tensor]:
        """The codes [1, n_latent, S] of those seeds whose part would be seen on the model's average face.

        Only this part is computed, so that many codes cost as little as a few faces. A part that shows in far fewer
        places than with the best of the codes is only a trace.
        """
        generator = self.generator
        blank = Session(generator, 0)
        codes = torch.cat([blank.codes_of(seed) for seed in seeds])                            # [n, n_latent, S]
        if part == 0:                                                                          # every face has one
            return list(codes.split(1))
        bank = generator.local
        depths = Renderer(generator)(FaceState(codes[:1], psi=0.0)).depths[0].flatten(1)       # [P, M]
        others = torch.cat([depths[:part], depths[part + 1:]]).amax(0)                         # [M]
        own = effective_codes(generator, FaceState(codes, self.psi))[:, part]                  # [n, L, S]
        middle, _ = bank.run_part(part, own, generator.embedding().flatten(1)[None])           # [n, C, M]
        seen = (bank.read_depth(middle[:, None], slice(part, part + 1))[:, 0] > others).sum(1)     # [n]
        enough = seen >= max(2.0, TRACE * float(seen.max()))
        return [codes[i:i + 1] for i in enough.nonzero().flatten().tolist()]

    def _draw(self, codes: list[Tensor]) -> None:
        if not codes:
            return
        # A session of their own, which is let go: what it keeps for the next edit would be many times the pictures.
        faces = Session(self.generator, 0, self.psi)
        faces.state = FaceState(torch.cat(codes), self.psi)
        out = faces.render()
        images, labels = to_image(out.image), out.mask.argmax(1).cpu().numpy()
        self.faces += [Wearer(faces.pick(i), images[i], labels[i], out.depths[i:i + 1]) for i in range(len(codes))]


def describe(wearers: list[Wearer], part: int, name: str) -> list[str]:
    """A name for every face, from what can be measured: "face 3: large, dark hat"."""
    if not wearers:
        return []
    sizes, lights = [w.pixels(part) for w in wearers], [w.brightness(part) for w in wearers]
    words = []
    for i, (size, light) in enumerate(zip(sizes, lights, strict=True)):
        kinds = []
        if part and size > 1.25 * np.median(sizes):
            kinds.append("large")
        elif part and size < 0.8 * np.median(sizes):
            kinds.append("small")
        kinds += ["light"] * (light > 150) + ["dark"] * (light < 80)
        words.append(f"face {i + 1}: {', '.join(kinds)} {name}".replace(":  ", ": "))
    return words
