"""What is in the masks: their agreement with an independent parser, and how often each part is there.

Do image and mask of a generated face say the same? The parser (`parser.py`) is asked what it sees in the image. For
every part p the intersection over union |A_p & B_p| / |A_p | B_p| of mask A and parser B is averaged over the
images whose mask A has the part. The mean over parts (mIoU) is taken over large and over small parts apart, because
a wrong pixel row costs hair nothing and an eye everything (`Part.size`). Glasses, hat and earrings are reported only.

A sliver of cloth at the border counts as much in this mean as a whole shirt. Beside it stands the pooled IoU of the
same images, sum |A_p & B_p| / sum |A_p | B_p|, in which every pixel counts alike.

A part that is never drawn lowers no mean. So the share of masks that have it is compared with that of the real faces
(`part_frequencies`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.data import Dataset
from ssgan_lite.measure.parser import parse, shrink_masks
from ssgan_lite.parts import PARTS, vocabulary

LEAST_AREA = 1 / 4          # of the median area in real faces: with less a part is there, but not drawn
DEAD = 1 / 10               # of the real faces' share


class Agreement:
    """Counts pairs of masks, batch by batch: `add(judged, witness)`, then `result()`."""

    def __init__(self, parts: tuple[str, ...] = PARTS.names):
        self.parts = tuple(parts)
        self.iou_sum, self.present = np.zeros(len(parts)), np.zeros(len(parts), int)
        self.both, self.either = np.zeros(len(parts)), np.zeros(len(parts))
        self.seen, self.right, self.pixels, self.faces = np.zeros(len(parts), int), 0, 0, 0

    def add(self, judged: Tensor, witness: Tensor) -> None:
        """Part ids [N, H, W] each; a part counts where `judged` has it."""
        judged, witness = (ids.cpu().long().flatten(1) for ids in (judged, witness))
        a = F.one_hot(judged, len(self.parts)).bool()                                          # [N, HW, P]
        b = F.one_hot(witness, len(self.parts)).bool()
        both, either = (a & b).sum(1).double(), (a | b).sum(1).double()                        # [N, P]
        present = a.any(1)
        self.iou_sum += torch.where(present, both / either.clamp(min=1), 0).sum(0).numpy()
        self.present += present.sum(0).numpy()
        self.both += (both * present).sum(0).numpy()
        self.either += (either * present).sum(0).numpy()
        self.seen += b.any(1).sum(0).numpy()
        self.right += int((judged == witness).sum())
        self.pixels += judged.numel()
        self.faces += len(judged)

    def result(self) -> dict:
        """mIoU over `large` and `small` parts, the share of equal `pixels`, and per part its IoU (averaged over
        images, and pooled) and in how many images it is for the mask (`images`) and the witness (`seen`). None: in no
        image."""
        iou = [float(s / n) if n else None for s, n in zip(self.iou_sum, self.present, strict=True)]
        pooled = [float(b / e) if e else None for b, e in zip(self.both, self.either, strict=True)]

        def mean(values: list[float | None], size: str) -> float | None:
            names = vocabulary(self.parts).of_size(size)
            known = [value for name, value in zip(self.parts, values, strict=True)
                     if name in names and value is not None]
            return sum(known) / len(known) if known else None

        return dict(
            faces=self.faces, large=mean(iou, "large"), small=mean(iou, "small"),
            large_pooled=mean(pooled, "large"), small_pooled=mean(pooled, "small"),
            pixels=self.right / max(self.pixels, 1),
            parts={name: dict(iou=a, pooled=b, images=int(n), seen=int(m))
                   for name, a, b, n, m in zip(self.parts, iou, pooled, self.present, self.seen, strict=True)})


def part_areas(ids: Tensor, n_parts: int) -> np.ndarray:
    """How many pixels each part has in each mask: part ids [N, H, W] -> [N, P]."""
    return torch.stack([(ids == part).sum((1, 2)) for part in range(n_parts)], dim=1).cpu().numpy()


def part_frequencies(generated: np.ndarray, real: np.ndarray, parts: tuple[str, ...]) -> dict:
    """{part: {any, drawn, real_any, real_drawn, dead}} from the areas of generated and real masks, [N, P] and [M, P].

    `any` is the share of masks with a pixel of the part. Stray pixels are no eyes: `drawn` is the share with at least
    a quarter of the area that the part has in the median real face that has it. A part is dead if fewer than a tenth
    as many generated as real faces have it drawn. A part that no real face has is never dead.
    """
    result = {}
    for part, name in enumerate(parts):
        there = real[:, part] > 0
        least = max(1.0, float(np.median(real[there, part])) * LEAST_AREA) if there.any() else 1.0
        shares = dict(any=(generated[:, part] > 0).mean(), drawn=(generated[:, part] >= least).mean(),
                      real_any=there.mean(), real_drawn=(real[:, part] >= least).mean())
        shares = {key: float(value) for key, value in shares.items()}
        result[name] = dict(shares, dead=shares["drawn"] < DEAD * shares["real_drawn"])
    return result


def mask_agreement(generate: Callable[[Tensor], object], w: Tensor, parser: nn.Module, parts: tuple[str, ...],
                   batch: int = 16, tick: Callable[[int], object] = lambda n: None) -> dict:
    """The generated mask with the parser's on the generated image, and the coarse mask with the final one.

    generate(w [n, S]) gives `.image`, `.mask` and, where the model has one, `.coarse_mask`.
    """
    with_parser, coarse_with_final = Agreement(parts), Agreement(parts)
    for codes in w.split(batch):
        with torch.no_grad():
            out = generate(codes)
        ids = out.mask.argmax(1).to(torch.uint8)                                               # [n, R, R]
        seen = parse(parser, out.image)                                                        # [n, r, r]
        with_parser.add(shrink_masks(ids, seen.shape[-1], vocabulary(parts)), seen)
        coarse = getattr(out, "coarse_mask", None)
        if coarse is not None:
            enlarged = F.interpolate(coarse, size=ids.shape[-1], mode="bilinear")
            coarse_with_final.add(ids, enlarged.argmax(1))
        tick(len(codes))
    return dict(parser=with_parser.result(), coarse=coarse_with_final.result() if coarse_with_final.faces else None)


def parser_accuracy(parser: nn.Module, data: Dataset) -> dict:
    """The parser against true masks: the agreement that a perfect generator would reach."""
    agreement = Agreement(data.parts)
    for rows in torch.arange(len(data)).split(64):
        seen = parse(parser, data.image_batch(rows))
        agreement.add(shrink_masks(data.masks[rows], seen.shape[-1], vocabulary(data.parts)), seen)
    return agreement.result()
