"""Words for the principal axes of a part, found by measuring: along this one hair gets longer, along that one darker.

An axis (ganspace.py) has no name, and nobody has looked at it. So faces are drawn with the coordinate far to either
side, and the part is measured in mask and image: its edges and its area for an axis of shape, its color in CIELAB for
one of texture. The axis gets the words of the quantity that changes most, in standard deviations of the model's own
faces, if the change is large enough to be seen and nearly all faces agree on its sign. Otherwise it keeps its number.
No pair of words is given twice to the same kind of a part.

This says what an axis does to the pixels. What it means ("smile") a judge has to confirm: see naming.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ssgan_lite.directions.direction import KINDS
from ssgan_lite.directions.ganspace import part_axes
from ssgan_lite.directions.store import AxisName
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.parts import to_lab
from ssgan_lite.pictures import to_image

AXES = 3                # of each kind, the first ones: those that the editor shows
FACES = 128             # of which the spread of a quantity is taken, and among which wearers are looked for
WEARERS = 12            # faces with the part, on which its axes are tried
BATCH = 8               # faces that are drawn at once
FEWEST = 4              # with fewer faces that can be compared, nothing is said
FAR = 2.0               # standard deviations to either side
PSI = 0.7               # truncation of these faces, as in the editor
LEAST = 0.001           # share of the picture; of a part with less nothing is said
CLEAR = 0.75            # standard deviations that the quantity must change by, from one side to the other
EQUAL = 0.7             # of the strongest effect: effects from here on are about equal
STILL = 0.5             # an edge is still if it moves by no more than this, of what the one across it moves
HANGING = ("hair", "face", "nose", "neck", "earrings")     # parts that are called long; others are called tall


class Quantity(NamedTuple):
    """What is measured, the words for less and for more of it, and the smallest change that is seen."""

    less: str
    more: str
    least: float


# Where several change about equally, the first in the list speaks. Lengths: the picture is 2 wide. CIELAB: a
# difference of about 2 is just noticeable side by side.
QUANTITIES = {
    "shape": (Quantity("shorter", "longer", 0.04),                              # the lower edge, the upper one still
              Quantity("smaller", "larger", 0.15),                              # logarithm of the area
              Quantity("narrower", "wider", 0.04), Quantity("flatter", "taller", 0.04),
              Quantity("more to the left", "more to the right", 0.03), Quantity("higher", "lower", 0.03)),
    "texture": (Quantity("darker", "lighter", 4.0), Quantity("greener", "redder", 4.0),
                Quantity("bluer", "yellower", 4.0), Quantity("grayer", "more colorful", 4.0),
                Quantity("less contrast", "more contrast", 4.0)),               # spread of the lightness
}


@torch.no_grad()
def name_axes(generator: SemanticGenerator, quiet: bool = True) -> tuple[AxisName, ...]:
    """Words for the first axes of every part, where they can be found.

    Draws 128 faces, and 144 for every part: three minutes of one core for thirteen parts at 64 pixels.
    """
    parts = generator.config.parts
    codes = generator.layout.to_w_plus(generator.mapping(generator.sample_z(FACES, seed=0)))
    usual = {(part, kind): [] for part in range(len(parts)) for kind in KINDS}
    for out in _draw(generator, codes):
        for (part, kind), rows in usual.items():
            rows.append(measure(out, part, kind))
    usual = {key: torch.cat(rows) for key, rows in usual.items()}                              # [FACES, M] each
    found = []
    for part, name in enumerate(tqdm(parts, desc="axes", unit="part", disable=quiet)):
        wears = ~usual[part, "shape"].isnan().any(1)
        faces = codes[wears][:WEARERS]
        if len(faces) < FEWEST:
            continue
        for kind in KINDS:
            spread = _spread(usual[part, kind][wears], kind)
            directions = part_axes(generator, part, kind).directions[:AXES]
            effects = torch.stack([effect(changes(*_ends(generator, faces, part, kind, axis), kind), spread, kind)
                                   for axis in range(len(directions))])
            words = choose(effects, kind, name in HANGING)
            found += [AxisName(name, kind, chosen[0].less, chosen[0].more, chosen[1] * vector)
                      for chosen, vector in zip(words, directions, strict=True) if chosen is not None]
    return tuple(found)


def _ends(generator: SemanticGenerator, faces: Tensor, part: int, kind: str, axis: int) -> list[Tensor]:
    """The part measured on faces W+ [N, n_latent, S] with the coordinate far to the left and to the right."""
    axes, at = part_axes(generator, part, kind), generator.layout[part, kind]
    ends = []
    for value in (-FAR, FAR):
        moved = faces.clone()
        moved[:, at] += (value - axes.read(faces[:, at])[:, axis, None]) * axes.directions[axis]
        ends.append(torch.cat([measure(out, part, kind) for out in _draw(generator, moved)]))
    return ends


def _draw(generator: SemanticGenerator, codes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and part ids of codes W+ [N, n_latent, S], in batches."""
    for some in codes.split(BATCH):
        out = generator(some, psi=PSI)
        yield out.image.clamp(-1, 1), out.mask.argmax(1)


def measure(out: tuple[Tensor, Tensor], part: int, kind: str) -> Tensor:
    """A part on N faces: [N, 5], NaN where a face hardly has it; only its area is always a number.

    Of a shape: edges (top, bottom, left, right, from -1 to 1) and the logarithm of the area in pixels. Of a texture:
    CIELAB lightness, a, b, chroma, and the spread of the lightness.
    out: image [N, 3, R, R] in [-1, 1], ids [N, R, R]
    """
    image, ids = out
    own = (ids == part).to(image)                                                              # [N, R, R]
    pixels = own.sum((1, 2))                                                                   # [N]
    absent = (pixels < max(4.0, LEAST * own[0].numel()))[:, None].expand(-1, 5).clone()
    if kind == "shape":
        found = torch.stack([*_edges(own.sum(2)), *_edges(own.sum(1)), pixels.clamp_min(1).log()], 1)
        absent[:, -1] = False
    else:
        lab = torch.from_numpy(to_lab(to_image(image))).to(own).movedim(-1, 1)                 # [N, 3, R, R]
        light, a, b = ((lab * own[:, None]).sum((2, 3)) / pixels[:, None]).unbind(1)
        contrast = ((lab[:, 0] - light[:, None, None]).square() * own).sum((1, 2)) / pixels
        found = torch.stack([light, a, b, torch.hypot(a, b), contrast.sqrt()], 1)
    return found.masked_fill(absent, torch.nan)


def _edges(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Where 3 % and 97 % of the pixels lie before: from -1 to 1, finer than a pixel. [N, R] -> [N] each"""
    size = counts.shape[1]
    share = torch.nn.functional.pad(counts.cumsum(1) / counts.sum(1, keepdim=True), (1, 0))    # [N, R + 1], 0 to 1
    edges = []
    for wanted in (0.03, 0.97):
        i = (share[:, 1:] < wanted).sum(1, keepdim=True).clamp_max(size - 1)                   # the pixel it is in
        low, high = share.gather(1, i), share.gather(1, i + 1)
        edges.append((2 * (i + (wanted - low) / (high - low)) / size - 1)[:, 0])
    return edges[0], edges[1]


def changes(before: Tensor, after: Tensor, kind: str) -> Tensor:
    """From one measurement [N, 5] to another: the change of every quantity [N, Q]."""
    moved = after - before
    if kind == "texture":
        return moved
    top, bottom, left, right, area = moved.unbind(1)
    # What grows at its lower end is not lowered, and what is lowered is not longer.
    longer = torch.where(top.abs() <= STILL * bottom.abs(), bottom, 0.0).where(~bottom.isnan(), bottom)
    return torch.stack([longer, area, right - left, bottom - top, _shared(left, right), _shared(top, bottom)], 1)


def _shared(one: Tensor, other: Tensor) -> Tensor:
    """How far both edges moved together: 0 where one of them stayed, or they went apart."""
    less, more = torch.minimum(one.abs(), other.abs()), torch.maximum(one.abs(), other.abs())
    together = (one.sign() == other.sign()) & (less > STILL * more)
    return torch.where(together, (one + other) / 2, 0.0).where(~(one + other).isnan(), one + other)


def _spread(usual: Tensor, kind: str) -> Tensor:
    """Standard deviations of the quantities [Q] among faces [N, 5]."""
    if kind == "texture":
        return usual.std(0)
    top, bottom, left, right, area = usual.unbind(1)
    return torch.stack([bottom, area, right - left, bottom - top, (left + right) / 2, (top + bottom) / 2], 1).std(0)


def effect(change: Tensor, spread: Tensor, kind: str) -> Tensor:
    """Changes [N, Q] -> what they are in standard deviations [Q]; 0 where they are small, or not on nearly all faces.

    Of six faces one may be an exception: a part that another one hides, or that is at its limit.
    """
    least = torch.tensor([quantity.least for quantity in QUANTITIES[kind]]).to(change)
    known = ~change.isnan()
    middle = change.nanmedian(0).values.nan_to_num()                                           # [Q]
    agree = (change * middle.sign() >= least / 2).sum(0)
    clear = (known.sum(0) >= FEWEST) & (agree >= known.sum(0) - known.sum(0) // 6) & (middle.abs() >= least)
    # A spread that cannot be seen itself would make much of nothing.
    strength = middle / torch.maximum(spread.nan_to_num(), least)
    return torch.where(clear & (strength.abs() >= CLEAR), strength, 0.0)


def choose(effects: Tensor, kind: str, hangs: bool) -> list[tuple[Quantity, int] | None]:
    """Effects [K, Q] -> what each of K axes changes, and 1 or -1: more of it or less. The strongest chooses first."""
    quantities = QUANTITIES[kind]
    strength = effects.abs()
    if not hangs:
        strength = strength * torch.tensor([quantity.more != "longer" for quantity in quantities]).to(effects)
    best = strength.amax(1)
    chosen: list[tuple[Quantity, int] | None] = [None] * len(effects)
    for axis in best.argsort(descending=True, stable=True).tolist():
        q = int((strength[axis] >= EQUAL * best[axis]).nonzero()[0])
        if best[axis] > 0 and quantities[q] not in [other[0] for other in chosen if other]:
            chosen[axis] = quantities[q], 1 if effects[axis, q] > 0 else -1
    return chosen
