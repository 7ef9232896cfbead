"""Masks by the parser, for pictures that come without any: `ssgan-lite prepare ... --parse`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError
from ssgan_lite.measure.parser import SIZE, load_parser
from ssgan_lite.parts import PARTS

# The parser sees a face everywhere: in 99 of 100 drawn streets, and in noise, it finds eyes and a mouth where a face
# has them, so the areas and places of the parts tell nothing. But what it makes up looks different in the mirror. The
# share of certainty that a picture and its mirror image have in common (`in_the_mirror`) is 0.87 to 0.96 for 200
# heads of the validation split and at least as much for them blurred; 0.59 to 0.83 for 200 streets, 0.57 to 0.82 for
# 100 each of noise, smooth blots, blocks and plain colors. Of 100 heads each that were cut in half 8 are above 0.82,
# turned by 90 degrees 2, of crops of their walls 4; upside down it is a half. Of drawn avatars, which the parser has
# never seen either, 98 % (personas), 85 % (avataaars), 66 % (big-ears) and 47 % (dylan) are above it.
NO_FACE = 0.82


def with_parsed_masks(plan: Plan, path: str | Path | None = None) -> Plan:
    """A plan without masks, with masks of the parser: as fine as 64 pixels, whatever the size of the picture.

    A picture in which it recognizes no face (`NO_FACE`) is a `UserError` with the picture's name: it stops the
    preparation, or is left out with its reason if the user chose so.
    """
    if plan.masks:
        raise UserError(f"--parse makes masks where there are none, and {plan.source} has masks here. Leave out "
                        "one of the two.")
    if plan.parts != PARTS:
        raise UserError("--parse knows the parts of a face only.")
    parser = load_parser(path)

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        image, _ = plan.read(name)
        pixels = torch.from_numpy(image)[None].float() / 127.5 - 1                             # [1, 3, S, S]
        small = F.interpolate(pixels, size=SIZE, mode="bilinear", antialias=image.shape[-1] > SIZE).clamp(-1, 1)
        [ids], [same] = in_the_mirror(parser, small)
        if same < NO_FACE:
            raise UserError(f'In "{name}" the parser recognizes no face: what it sees there and in the mirror image '
                            f"agrees to {same:.2f} only, for faces to more than {NO_FACE}. Cartoons and pictures "
                            "whose faces are not in the frame of the heads are better prepared without --parse.")
        mask = Image.fromarray(ids.numpy()).resize(image.shape[1:], Image.Resampling.NEAREST)
        return image, np.asarray(mask)

    said = ("It was trained on rendered heads: it reads photographs, paintings and cartoons roughly; look at some. "
            "It also measures mask agreement, and is no independent witness for a model trained on its own masks.")
    return dataclasses.replace(plan, read=read, masks=True, parser=said, options={**plan.options, "parsed": True})


@torch.no_grad()
def in_the_mirror(parser: nn.Module, images: Tensor) -> tuple[Tensor, list[float]]:
    """Part ids of images [N, 3, 64, 64], uint8 [N, 64, 64], and how much what the parser sees agrees with what it
    sees in the mirror image: the mean over the pixels of sum_p a_p b_p, 0 to 1, for shares a and b of the parts.
    """
    seen, mirrored = (torch.softmax(parser(x), dim=1) for x in (images, images.flip(-1)))     # [N, P, 64, 64]
    return seen.argmax(1).to(torch.uint8), (seen * mirrored.flip(-1)).sum(1).mean((1, 2)).tolist()
