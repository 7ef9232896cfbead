"""Drawn street scenes with exact masks: 5, 13 or 30 parts in the classes of Cityscapes, as many as one likes.

Everything is made of vector shapes in a simple perspective and of textures computed here, so the scenes are free of
rights and of people. A scene follows from its seed alone. It is drawn at four times its size, once in colors and once
in classes; the picture is the mean of the small pixels, the mask their vote (`masks.reduce_masks`). That more parts
mean the same pictures, told apart more finely, is what makes models with 5, 13 and 30 parts comparable.

    ssgan-lite prepare streets --parts 13 --count 2000 --size 64 --out streets13
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.data.prepare import Plan
from ssgan_lite.data.street_parts import DRAWN, drawn_parts
from ssgan_lite.errors import UserError

FINER = 4                                 # times the size at which a scene is drawn
CLASS_NAMES = tuple(DRAWN[30])            # in the order of the ids on the canvas; sky is 0
IDS = {name: i for i, name in enumerate(CLASS_NAMES)}
# How much the noise of its texture changes the color of a class; 0.1 where nothing is said.
ROUGH = {"sky": 0.03, "vegetation": 0.45, "terrain": 0.3, "road": 0.1, "sidewalk": 0.12, "car": 0.04, "person": 0.08}
Color = tuple[int, int, int]


def plan(n_parts: int = 13, count: int = 1000, size: int = 64, seed: int = 0) -> Plan:
    """A prepared data set of scenes from `count` seeds, seed and those after it; what ends in 9 is for validation."""
    if n_parts not in DRAWN:
        raise UserError(f"Scenes are drawn with {', '.join(map(str, sorted(DRAWN)))} parts, not {n_parts}.")
    if count < 2 or not 0 <= seed <= 10**9:
        raise UserError(f"Draw at least 2 scenes, from seeds of 0 to 10^9, not {count} from {seed}.")
    seeds = range(seed, seed + count)
    train = [f"{s:09d}" for s in seeds if s % 10 != 9]
    val = [f"{s:09d}" for s in seeds if s % 10 == 9]
    return Plan("streets", size, train, val, lambda name: draw_scene(int(name), size, n_parts),
                parts=drawn_parts(n_parts), options={"parts": n_parts, "seed": seed})


def draw_scene(seed: int, size: int = 64, n_parts: int = 13) -> tuple[np.ndarray, np.ndarray]:
    """A scene: image uint8 [3, S, S] and mask uint8 [S, S], ids of `street_parts.drawn_parts(n_parts)`."""
    if n_parts not in DRAWN:
        raise UserError(f"Scenes are drawn with {', '.join(map(str, sorted(DRAWN)))} parts, not {n_parts}.")
    if not 8 <= size <= 512:
        raise UserError(f"Scenes are drawn at 8 to 512 pixels, not {size}.")
    scene = _Scene(np.random.default_rng([seed, 20_21]), size * FINER)
    scene.draw()
    image, classes = scene.finished()                                       # [H, H, 3], [H, H]
    parts = drawn_parts(n_parts)
    table = np.array([parts[DRAWN[n_parts][name]].id for name in CLASS_NAMES], np.uint8)
    small = image.reshape(size, FINER, size, FINER, 3).mean((1, 3)).round().astype(np.uint8)
    return np.ascontiguousarray(small.transpose(2, 0, 1)), reduce_masks(table[classes][None], FINER, parts)[0]


class _Scene:
    """One scene while it is drawn. Positions are in [0, 1], y downwards.

    The ground is a plane: depth t runs from 0 at the horizon to 1 at the lower edge, and what stands at (u, t) is at
    x = vanishing + u t and has a size proportional to t.
    """

    def __init__(self, rng: np.random.Generator, side: int):
        self.rng, self.side = rng, side
        self.color, self.ids = Image.new("RGB", (side, side)), Image.new("L", (side, side))
        self.pens = ImageDraw.Draw(self.color), ImageDraw.Draw(self.ids)
        self.horizon, self.vanishing = rng.uniform(0.34, 0.5), rng.uniform(0.35, 0.65)
        self.light = rng.uniform(0.75, 1.1)

    # ------------------------------------------------------------------------------------------------- shapes

    def shape(self, kind: str, points, color: Color, name: str) -> None:
        """A polygon, or an ellipse in a box, in both pictures."""
        points = [(x * self.side, y * self.side) for x, y in points]
        for pen, fill in zip(self.pens, (color, IDS[name]), strict=True):
            getattr(pen, kind)(points, fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: Color, name: str) -> None:
        self.shape("polygon", [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, name)

    def disk(self, x: float, y: float, rx: float, ry: float, color: Color, name: str) -> None:
        self.shape("ellipse", [(x - rx, y - ry), (x + rx, y + ry)], color, name)

    def strip(self, u0: float, u1: float, color: Color, name: str, t0: float = 0.0, t1: float = 1.2) -> None:
        """A band of the ground between two lines to the vanishing point."""
        self.shape("polygon", [self.at(u0, t0), self.at(u1, t0), self.at(u1, t1), self.at(u0, t1)], color, name)

    def upright(self, u: float, height: float, color: Color, name: str, t0: float, t1: float) -> None:
        """A wall on the ground along a line to the vanishing point."""
        (xa, ya), (xb, yb) = self.at(u, t0), self.at(u, t1)
        self.shape("polygon", [(xa, ya), (xb, yb), (xb, yb - height * t1), (xa, ya - height * t0)], color, name)

    def at(self, u: float, t: float) -> tuple[float, float]:
        return self.vanishing + u * t, self.horizon + (1 - self.horizon) * t

    def paint(self, *choices: Color) -> Color:
        """One of some colors, varied."""
        color = np.array(choices[self.rng.integers(len(choices))]) + self.rng.normal(0, 12, 3)
        return tuple(int(v) for v in color.clip(0, 255))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    # ------------------------------------------------------------------------------------------------- the scene

    def draw(self) -> None:
        """Sky, houses, ground, then everything that stands on it, from far to near."""
        self.sky()
        for side in (-1, 1):
            self.houses(side)
        self.ground()
        uniform = self.rng.uniform
        things: list[tuple[float, Callable[[], None]]] = []

        def add(count: float, thing: Callable[[float, float], None], low: float, high: float,
                near: float = 0.9) -> None:
            """About `count` things between u = low and high, on one side of the street or the other."""
            for _ in range(self.rng.poisson(count)):
                t = uniform(0.12, near)
                u = uniform(low, high) * (1 if self.chance(0.5) else -1)
                things.append((t, partial(thing, u, t)))

        edge = self.edge
        add(2.5, self.tree, edge + 0.25, edge + 0.8)
        add(1.6, self.pole, edge + 0.03, edge + 0.2)
        add(0.7, self.poles, edge + 0.05, edge + 0.25)
        add(1.2, self.traffic_light, edge + 0.03, edge + 0.15)
        add(1.2, self.traffic_sign, edge + 0.03, edge + 0.2)
        add(2.0, self.person, edge + 0.05, edge + 0.5)
        add(0.7, self.bin, edge + 0.05, edge + 0.4)
        add(0.6, self.trolley, edge * 0.8, edge + 0.3)
        for count, kind in ((1.6, "car"), (0.5, "truck"), (0.5, "bus"), (0.4, "caravan"), (0.4, "trailer")):
            add(count, partial(self.vehicle, kind), 0.1, edge * 0.75, 0.8)
        add(0.6, partial(self.cycle, "motorcycle"), 0.1, edge)
        add(0.8, partial(self.cycle, "bicycle"), edge * 0.5, edge + 0.1)
        if self.rails is not None and self.chance(0.6):
            t, u = uniform(0.15, 0.7), self.rails
            things.append((t, lambda: self.vehicle("train", u, t)))
        for _, thing in sorted(things, key=lambda pair: pair[0]):
            thing()

    def sky(self) -> None:
        top = np.array(self.paint((90, 140, 215), (150, 160, 175), (235, 170, 120)))
        bottom = np.array((225, 225, 225))
        rows = np.linspace(0, 1, self.side)[:, None, None] ** 0.8
        gradient = np.broadcast_to(top + (bottom - top) * rows, (self.side, self.side, 3))
        self.color.paste(Image.fromarray(gradient.astype(np.uint8)))
        for _ in range(self.rng.poisson(3)):
            x, y, r = self.rng.uniform(0, 1), self.rng.uniform(0, self.horizon), self.rng.uniform(0.04, 0.12)
            for _ in range(4):
                self.disk(x + self.rng.normal(0, r), y + self.rng.normal(0, r / 5), r, r / 3, (240, 240, 240), "sky")

    def houses(self, side: int) -> None:
        """A row of houses along the street, nearer ones later; seldom a bridge or a tunnel at its end."""
        if side == 1 and self.chance(0.25):
            y = self.horizon - self.rng.uniform(0.05, 0.12)
            color = self.paint((140, 135, 125))
            self.box(0, y, 1, y + 0.035, color, "bridge")
            for x in self.rng.uniform(0, 1, 3):
                self.box(x, y, x + 0.03, self.horizon + 0.02, color, "bridge")
        if side == 1 and self.chance(0.25):
            x, r = self.vanishing, self.rng.uniform(0.07, 0.13)
            self.box(x - r * 1.6, self.horizon - r * 1.5, x + r * 1.6, self.horizon + 0.02,
                     self.paint((120, 115, 110)), "tunnel")
            self.disk(x, self.horizon, r, r * 1.1, (25, 25, 30), "tunnel")
        u = 0.8 * side
        borders = np.sort(np.r_[0.06, self.rng.uniform(0.1, 1.0, self.rng.integers(2, 5)), 1.4])
        for t0, t1 in zip(borders[:-1], borders[1:], strict=True):
            if self.chance(0.2):
                continue                                                             # a gap
            height, color = self.rng.uniform(0.5, 1.4), self.paint((170, 120, 95), (190, 180, 160), (130, 130, 140),
                                                                    (200, 160, 110))
            self.upright(u, height, color, "building", t0, t1)
            dark = tuple(v // 3 for v in color)
            for row in range(2, int(height / 0.14)):
                for share in np.linspace(0.1, 0.9, 5)[:-1]:
                    ta, tb = t0 + (t1 - t0) * share, t0 + (t1 - t0) * (share + 0.1)
                    (xa, ya), (xb, yb) = self.at(u, ta), self.at(u, tb)
                    low, high = row * 0.14, row * 0.14 + 0.08
                    self.shape("polygon", [(xa, ya - low * ta), (xb, yb - low * tb), (xb, yb - high * tb),
                                           (xa, ya - high * ta)], dark, "building")

    def ground(self) -> None:
        """Sidewalk or grass on both sides, the road between them, what lies and stands along it."""
        uniform, self.edge = self.rng.uniform, self.rng.uniform(0.4, 0.6)
        self.box(0, self.horizon, 1, 1, self.paint((165, 160, 155), (185, 175, 165)), "sidewalk")
        for side in (-1, 1):
            if self.chance(0.5):
                self.strip(side * (self.edge + uniform(0.15, 0.35)), side * 4,
                           self.paint((95, 140, 60), (140, 130, 80)), "terrain")
            if self.chance(0.25):
                t = uniform(0.2, 0.8)
                self.strip(side * (self.edge + 0.1), side * 2, self.paint((200, 185, 160)), "ground", t, t + 0.25)
        self.strip(-self.edge, self.edge, self.paint((75, 75, 82), (95, 92, 90)), "road")
        for t in np.arange(uniform(0.05, 0.15), 1.1, 0.17):
            self.strip(-0.012, 0.012, (225, 225, 215), "road", t, t + 0.08)
        if self.chance(0.4):
            side = 1 if self.chance(0.5) else -1
            self.strip(side * (self.edge - 0.13), side * self.edge, self.paint((120, 105, 105)), "parking")
        self.rails = None
        if self.chance(0.35):
            self.rails = uniform(-0.2, 0.2)
            self.strip(self.rails - 0.1, self.rails + 0.1, self.paint((125, 110, 100)), "rail track")
            for du in (-0.07, 0.07):
                self.strip(self.rails + du - 0.01, self.rails + du + 0.01, (190, 190, 195), "rail track")
        for side in (-1, 1):
            for name, p, height, color in (("wall", 0.25, 0.16, (160, 150, 140)), ("fence", 0.3, 0.15, (110, 80, 60)),
                                           ("guard rail", 0.3, 0.09, (185, 185, 190))):
                if not self.chance(p):
                    continue
                t0 = uniform(0.1, 0.6)
                t1, away = t0 + uniform(0.2, 0.5), 0.02 if name == "guard rail" else uniform(0.3, 0.6)
                u = side * (self.edge + away)
                if name == "wall":
                    self.upright(u, height, self.paint(color), name, t0, t1)
                    continue
                color = self.paint(color)
                for t in np.arange(t0, t1, 0.035):                                   # posts, and two bars
                    x, y = self.at(u, t)
                    self.box(x, y - height * t, x + 0.012 * t + 0.004, y, color, name)
                for low, high in ((0.3, 0.5), (0.75, 1.0)):
                    (xa, ya), (xb, yb) = self.at(u, t0), self.at(u, t1)
                    self.shape("polygon", [(xa, ya - low * height * t0), (xb, yb - low * height * t1),
                                           (xb, yb - high * height * t1), (xa, ya - high * height * t0)], color, name)

    # ------------------------------------------------------------------------------------- what stands at (u, t)

    def tree(self, u: float, t: float) -> None:
        (x, y), color = self.at(u, t), self.paint((60, 110, 45), (90, 130, 50), (150, 110, 50))
        height = self.rng.uniform(0.25, 0.6) * t
        self.box(x - 0.02 * t, y - height, x + 0.02 * t, y, (85, 60, 45), "vegetation")
        for _ in range(5):
            r = self.rng.uniform(0.08, 0.14) * t
            self.disk(x + self.rng.normal(0, 0.06 * t), y - height + self.rng.normal(0, 0.05 * t), r, r, color,
                      "vegetation")

    def pole(self, u: float, t: float, name: str = "pole", height: float = 0.6) -> tuple[float, float]:
        x, y = self.at(u, t)
        width = 0.010 * t + 0.004
        self.box(x - width, y - height * t, x + width, y, self.paint((120, 120, 125)), name)
        return x, y - height * t

    def poles(self, u: float, t: float) -> None:
        for du in (0.0, 0.05, 0.1):
            self.pole(u + du, t, "polegroup", 0.5)

    def traffic_light(self, u: float, t: float) -> None:
        x, y = self.pole(u, t, height=0.5)
        self.box(x - 0.03 * t - 0.004, y - 0.02, x + 0.03 * t + 0.004, y + 0.13 * t, (35, 35, 35), "traffic light")
        lit = self.rng.integers(3)
        for i, color in enumerate(((220, 40, 30), (240, 180, 40), (50, 200, 90))):
            color = color if i == lit else tuple(v // 4 for v in color)
            self.disk(x, y + (0.02 + 0.04 * i) * t, 0.018 * t, 0.018 * t, color, "traffic light")

    def traffic_sign(self, u: float, t: float) -> None:
        (x, y), r = self.pole(u, t, height=0.45), 0.055 * t + 0.006
        rim, inside = ((200, 40, 40), (245, 245, 245)) if self.chance(0.5) else ((240, 240, 240), (40, 80, 180))
        if self.chance(0.5):
            self.disk(x, y, r, r, rim, "traffic sign"), self.disk(x, y, r * 0.7, r * 0.7, inside, "traffic sign")
        else:
            for scale, color in ((1.0, rim), (0.6, inside)):
                s = r * scale
                self.shape("polygon", [(x, y - s), (x + s, y + s), (x - s, y + s)], color, "traffic sign")

    def person(self, u: float, t: float, name: str = "person", lift: float = 0.0) -> None:
        x, y = self.at(u, t)
        y -= lift * t
        body, legs = self.paint((180, 60, 60), (60, 90, 160), (230, 200, 80), (80, 80, 80)), self.paint((45, 50, 70))
        for dx in (-0.018, 0.018):
            self.box(x + (dx - 0.014) * t, y - 0.13 * t, x + (dx + 0.014) * t, y, legs, name)
        self.box(x - 0.04 * t, y - 0.25 * t, x + 0.04 * t, y - 0.11 * t, body, name)
        self.disk(x, y - 0.285 * t, 0.03 * t, 0.036 * t, self.paint((225, 180, 150), (120, 80, 60)), name)

    def bin(self, u: float, t: float) -> None:
        (x, y), color = self.at(u, t), self.paint((90, 100, 90), (120, 90, 60))
        self.box(x - 0.05 * t, y - 0.13 * t, x + 0.05 * t, y, color, "static")
        self.box(x - 0.06 * t, y - 0.15 * t, x + 0.06 * t, y - 0.12 * t, (50, 50, 50), "static")

    def trolley(self, u: float, t: float) -> None:
        (x, y), color = self.at(u, t), self.paint((190, 90, 170), (240, 140, 60))
        self.box(x - 0.07 * t, y - 0.11 * t, x + 0.07 * t, y - 0.03 * t, color, "dynamic")
        for dx in (-0.05, 0.05):
            self.disk(x + dx * t, y - 0.02 * t, 0.022 * t, 0.022 * t, (30, 30, 30), "dynamic")

    def vehicle(self, name: str, u: float, t: float) -> None:
        """A box on wheels, seen from behind: width, height, share of windows, by kind."""
        width, height = {"car": (0.15, 0.2), "truck": (0.18, 0.42), "bus": (0.19, 0.46), "caravan": (0.17, 0.33),
                         "trailer": (0.16, 0.2), "train": (0.2, 0.52)}[name]
        (x, y), color = self.at(u, t), {
            "car": self.paint((180, 30, 40), (40, 60, 130), (210, 210, 215), (40, 42, 45), (220, 190, 60)),
            "truck": self.paint((230, 230, 225), (60, 110, 70)), "bus": self.paint((230, 170, 40), (200, 50, 40)),
            "caravan": self.paint((245, 242, 230)), "trailer": self.paint((140, 100, 60)),
            "train": self.paint((170, 30, 30), (60, 120, 150))}[name]
        w, h = width * t, height * t
        for dx in (-0.8, 0.55):
            self.box(x + dx * w, y - 0.05 * t, x + (dx + 0.25) * w, y + 0.005, (25, 25, 25), name)
        roof = 0.72 if name == "car" else 0.95
        self.shape("polygon", [(x - w, y - 0.03 * t), (x - w, y - 0.55 * h), (x - roof * w, y - h),
                               (x + roof * w, y - h), (x + w, y - 0.55 * h), (x + w, y - 0.03 * t)], color, name)
        if name not in ("trailer", "truck"):
            glass = (60, 75, 90)
            self.box(x - 0.65 * w, y - 0.9 * h, x + 0.65 * w, y - 0.6 * h, glass, name)
        if name in ("truck", "trailer"):
            self.box(x - 0.02 * w, y - 0.95 * h, x + 0.02 * w, y - 0.1 * h, tuple(v // 2 for v in color), name)
        for dx in (-0.95, 0.7):
            self.box(x + dx * w, y - 0.4 * h, x + (dx + 0.25) * w, y - 0.3 * h, (220, 60, 50), name)

    def cycle(self, name: str, u: float, t: float) -> None:
        (x, y), color = self.at(u, t), self.paint((40, 40, 45), (170, 40, 40), (40, 110, 60))
        r = (0.045 if name == "bicycle" else 0.05) * t
        for dx in (-0.06, 0.06):
            self.disk(x + dx * t, y - r, r, r, (30, 30, 30), name)
            if name == "bicycle":
                self.disk(x + dx * t, y - r, r * 0.6, r * 0.6, (150, 150, 150), name)
        thick = 0.012 if name == "bicycle" else 0.035
        self.box(x - 0.07 * t, y - r - thick * t, x + 0.07 * t, y - r + thick * t, color, name)
        self.box(x + 0.045 * t, y - 0.15 * t, x + 0.06 * t, y - r, color, name)
        if self.chance(0.7):
            self.person(u - 0.01, t, "rider", 0.06)

    # --------------------------------------------------------------------------------------------------- texture

    def finished(self) -> tuple[np.ndarray, np.ndarray]:
        """Color with texture [H, H, 3], float, and class ids [H, H]."""
        color, ids = np.asarray(self.color, np.float32), np.asarray(self.ids)
        rough = np.array([ROUGH.get(name, 0.1) for name in CLASS_NAMES], np.float32)[ids]      # [H, H]
        noise = sum(self.noise(cells) for cells in (8, 24, 64)) / 3
        bricks = ((np.arange(self.side) // max(1, self.side // 64)) % 3 == 0)[:, None]
        rows = np.isin(ids, (IDS["building"], IDS["wall"])) & bricks
        shade = self.light * (1 + rough * noise - 0.07 * rows)
        return (color * shade[..., None]).clip(0, 255), ids

    def noise(self, cells: int) -> np.ndarray:
        """Smooth noise in about [-1, 1] with so many cells across: [H, H]."""
        coarse = Image.fromarray(self.rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
        return np.asarray(coarse.resize((self.side, self.side), Image.Resampling.BICUBIC))
