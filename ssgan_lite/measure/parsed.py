"""Masks by the parser, for pictures that come without any: `ssgan-lite prepare ... --parse`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from ssgan_lite.data.prepare import Plan
from ssgan_lite.errors import UserError
from ssgan_lite.measure.parser import SIZE, load_parser, parse
from ssgan_lite.parts import PARTS


def with_parsed_masks(plan: Plan, path: str | Path | None = None) -> Plan:
    """A plan without masks, with masks of the parser: as fine as 64 pixels, whatever the size of the picture."""
    if plan.masks:
        raise UserError(f"--parse makes masks where there are none, and {plan.source} has masks here. Leave out "
                        "one of the two.")
    if plan.parts != PARTS:
        raise UserError("--parse knows the parts of a face only.")
    parser = load_parser(path)

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        image, _ = plan.read(name)
        pixels = torch.from_numpy(image)[None].float() / 127.5 - 1                             # [1, 3, S, S]
        ids = parse(parser, F.interpolate(pixels, size=SIZE, mode="bilinear", antialias=image.shape[-1] > SIZE))[0]
        mask = Image.fromarray(ids.numpy()).resize(image.shape[1:], Image.Resampling.NEAREST)
        return image, np.asarray(mask)

    said = ("It was trained on rendered heads: it reads photographs, paintings and cartoons roughly; look at some. "
            "It also measures mask agreement, and is no independent witness for a model trained on its own masks.")
    return dataclasses.replace(plan, read=read, masks=True, parser=said, options={**plan.options, "parsed": True})
