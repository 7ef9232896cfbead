"""Pseudo-depths as pictures: the sheets of all parts as a landscape, and a cut through them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

from ssgan_lite.course.figures import INK
from ssgan_lite.course.widgets import VIEW
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.fusion import fuse
from ssgan_lite.parts import vocabulary

LOWEST, HIGHEST = -15.0, 20.0    # pseudo-depths outside are clipped in the pictures; so far down nothing is seen
BELOW_PLANE = -2.0               # the landscape shows what is above the background's plane, and a little below it


@torch.no_grad()
def render_depths(generator: SemanticGenerator, hidden: Tensor, depths: Tensor,
                  weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The second half of the generator, for depths that somebody has tampered with.

    hidden [N, P, C, Hc, Hc] and depths [N, P, Hc, Hc] as the local generators give them; `weights` replaces the
    fusion weights. Returns image [N, 3, R, R] and mask scores [N, P, R, R].
    """
    fused = fuse(depths, generator.config)
    weights = fused.weights if weights is None else weights
    return generator.render(generator.local.compose(hidden, weights), fused.coarse_mask)


def lift_to_reach(depths: Tensor, part: int, weight: float) -> Tensor:
    """How much must be added to the depth of one part so that its softmax weight becomes `weight`? [N, h, w]

    The weight a of a part obeys log(a / (1 - a)) = d - log(sum of exp of all *other* depths), so the answer is the
    difference of two such log-odds. depths: [N, P, h, w]; weight between 0 and 1, both excluded.
    """
    if not 0 < weight < 1:
        raise UserError(f"A softmax weight lies between 0 and 1 and reaches neither; {weight} cannot be had.")
    others = torch.cat([depths[:, :part], depths[:, part + 1:]], dim=1)
    return torch.logit(depths.new_tensor(weight)) - (depths[:, part] - others.logsumexp(dim=1))


def landscape(depths: Tensor, size: int = 2 * VIEW, points: int = 120) -> np.ndarray:
    """The sheets of all parts as one would see them from the front and above: [size, size, 3] uint8.

    depths: [P, h, w]. Height is pseudo-depth; the dark plane is the background at 0, and what lies below is left out.
    Every sheet is drawn as points, the nearest to the eye last.
    """
    turn, tilt = np.radians(24), np.radians(50)
    sheets = F.interpolate(depths.detach().float().cpu()[None], size=(points, points), mode="bilinear",
                           align_corners=False)[0].numpy()                                     # [P, S, S]
    height = 0.75 * sheets.clip(LOWEST, HIGHEST) / HIGHEST
    down, right = np.meshgrid(np.linspace(-1, 1, points), np.linspace(-1, 1, points), indexing="ij")
    across = right * np.cos(turn) - down * np.sin(turn)
    along = right * np.sin(turn) + down * np.cos(turn)
    screen_x = np.broadcast_to(across, sheets.shape)
    screen_y = along * np.sin(tilt) - height * np.cos(tilt)
    nearness = along * np.cos(tilt) + height * np.sin(tilt)
    slope_down, slope_right = np.gradient(height, axis=(1, 2))
    shade = np.clip(1 - points / 30 * (0.6 * slope_right - 0.5 * slope_down), 0.55, 1.25)
    colors = vocabulary(len(sheets)).palette.astype(float)
    colors[0] = (70, 70, 70)                                       # a little light, so that the plane shows its shape
    pixels = (colors[:, None, None] * shade[..., None]).clip(0, 255)
    seen = sheets > BELOW_PLANE
    order = np.argsort(nearness[seen])
    x = ((screen_x[seen][order] / 2.8 + 0.5) * size).astype(int)
    y = ((screen_y[seen][order] / 2.8 + 0.64) * size).astype(int)
    thick = np.arange(size // points + 4)                          # points overlap, so that slopes have no holes
    y, x = (y[:, None, None] + thick[:, None]).clip(0, size - 1), (x[:, None, None] + thick).clip(0, size - 1)
    picture = np.full((size * size, 3), 255, np.uint8)
    picture[(y * size + x).reshape(-1)] = pixels[seen][order].repeat(len(thick)**2, axis=0)    # the last one stays
    return picture.reshape(size, size, 3)


def section(depths: Tensor, row: int, size: int = 2 * VIEW) -> np.ndarray:
    """A cut along one row: depth of every part over the width, its name where it is in front; below, the weights.

    depths: [P, h, w] -> [size, size, 3] uint8. The strip at the bottom stacks the softmax weights in every column.
    """
    weights = torch.softmax(depths.detach().float().cpu(), dim=0)[:, row].numpy()              # [P, w]
    lines = depths.detach().float().cpu()[:, row].numpy()
    parts, width, strip = vocabulary(len(lines)), lines.shape[1], size // 6
    floor = size - strip - 8
    picture = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(10, size // 15))
    across = (np.arange(width) + 0.5) * size / width

    def up(depth: float) -> float:
        return floor - (np.clip(depth, LOWEST, HIGHEST) - LOWEST) / (HIGHEST - LOWEST) * (floor - size // 18)

    small = ImageFont.load_default(size=max(9, size // 20))
    for depth in (-10, 0, 10):
        draw.line([(0, up(depth)), (size, up(depth))], fill=(225, 225, 225))
        draw.text((2, up(depth)), f"{depth}", fill=INK, font=small, anchor="lm", stroke_width=2, stroke_fill="white")
    draw.text((2, 1), "pseudo-depth", fill=INK, font=small, anchor="la")
    for part, line in enumerate(lines):
        shown = [(x, up(d)) for x, d in zip(across, line, strict=False)]
        color = tuple(int(c * min(1.0, 420 / sum(parts[part].color))) for c in parts[part].color)   # on white
        for a, b, d in zip(shown, shown[1:], np.minimum(line, np.roll(line, -1)), strict=False):
            if d > LOWEST:
                draw.line([a, b], fill=color, width=max(2, size // 80))
    winner = weights.argmax(0)
    for x, column in zip(across, weights.T, strict=False):
        top = float(floor + 8)
        for part in np.flatnonzero(column > 0.004):
            below = top + column[part] * strip
            draw.rectangle([x - size / width / 2, top, x + size / width / 2, below], fill=parts[int(part)].color)
            top = below
    draw.text((3, floor + 9), "weights", fill=INK, font=small, anchor="la", stroke_width=2, stroke_fill="white")
    written: list[tuple[float, float, float]] = []                 # x, y and half the width of the names
    for part in np.unique(winner):                                 # the name, over the middle of where it is in front
        columns = np.flatnonzero(winner == part)
        column = columns[len(columns) // 2] if part else columns[0]
        name, high = parts[int(part)].name, size // 14
        half = draw.textlength(name, font=font) / 2 + 3
        x = float(np.clip(across[column], half + size // 9, size - half))
        y = up(lines[part][column]) - size // 60
        while any(abs(x - other) < half + wide and abs(y - line) < high for other, line, wide in written):
            y -= high / 4                                          # no name on another
        written.append((x, y, half))
        draw.text((x, y), name, fill=INK, font=font, anchor="ms", stroke_width=3, stroke_fill="white")
    return np.asarray(picture)
