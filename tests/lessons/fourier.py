"""Right and wrong answers to the exercises on Fourier features, and what the notebook builds."""

from __future__ import annotations

import math

import numpy as np
import torch

from ssgan_lite.model import fourier


def features_stub(grid, bands):
    ...  # your lines here


def features(grid, speeds=lambda k: 2.0**k, order=(torch.sin, torch.cos), keep=True, dim=-3, bands=3):
    waves = [wave(speeds(k) * grid) for k in range(bands) for wave in order]
    return torch.cat([*([grid] if keep else []), *waves], dim=dim)


def features_as_a_list_of_angles(grid, bands):
    angles = [grid * 2.0**k for k in range(bands)]
    if not angles:
        return grid
    lifted = torch.stack([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=-4)
    return torch.cat([grid, lifted.flatten(-4, -3)], dim=-3)


def sines_before_cosines(grid, bands):
    speeds = [2.0**k for k in range(bands)]
    return torch.cat([grid, *(torch.sin(s * grid) for s in speeds), *(torch.cos(s * grid) for s in speeds)], dim=-3)


def x_before_y(grid, bands):
    def of(axis):
        waves = [wave(2.0**k * axis) for k in range(bands) for wave in (torch.sin, torch.cos)]
        return torch.cat([axis, *waves], dim=-3)
    x, y = grid.split(1, dim=-3)
    return torch.cat([of(x), of(y)], dim=-3)


def x_before_y_in_each_band(grid, bands):
    x, y = grid.split(1, dim=-3)
    return torch.cat([grid, *(wave(2.0**k * axis) for k in range(bands) for axis in (x, y)
                              for wave in (torch.sin, torch.cos))], dim=-3)


def waves_before_coordinates(grid, bands):
    return torch.cat([features(grid, keep=False, bands=bands), grid], dim=-3)


def right_for_four_axes_only(grid, bands):
    return features(grid, dim=1, bands=bands)


def without_the_case_of_none(grid, bands):
    return features(grid, keep=False, bands=bands) if bands == 0 else features(grid, bands=bands)


def detached(grid, bands):
    return features(grid.detach(), bands=bands) + 0 * grid.sum()


def aliased_stub(size, bands):
    ...  # your lines here


def aliased(size, bands, points=lambda n: n - 1, turn=math.pi, length=2.0, factor=1.0, list_of=lambda k: 2**k):
    limit = turn / (length / points(size))
    return [list_of(k) for k in range(bands) if factor * 2**k > limit]


def aliased_by_steps(size, bands):
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    return torch.tensor([2**k for k in range(bands) if 2**k * (line[1] - line[0]) > math.pi])


def move_stub(grid, dx=0.0, dy=0.0, zoom=1.0):
    ...  # your lines here


def shift(dx, dy, grid):
    return torch.tensor([dx, dy], dtype=grid.dtype).view(2, 1, 1)


def move_by_channels(grid, dx=0.0, dy=0.0, zoom=1.0):
    return torch.stack([(grid[0] - dx) / zoom, (grid[1] - dy) / zoom])


def move_in_place(grid, dx=0.0, dy=0.0, zoom=1.0):
    grid[0] -= dx
    grid[1] -= dy
    return grid / zoom


def keep_stub(cx, cy, zoom):
    ...  # your lines here; return (dx, dy)


class Waves(torch.nn.Module):
    """Random waves and a linear map that least squares find."""

    def __init__(self, n=200, fastest=12.0, size=None, alias=0.0):
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.speeds = torch.nn.Parameter(fastest * (torch.rand(n, 2, generator=draw) - 0.5) + alias)
        self.out, self.size = torch.nn.Parameter(torch.zeros(3, 2 * n)), size

    def features(self, grid):
        angles = torch.einsum("kf,fhw->khw", self.speeds, grid)
        return torch.cat([angles.sin(), angles.cos()])

    def forward(self, grid):
        if self.size:
            return torch.einsum("ck,khw->chw", self.out, self.features(grid)).reshape(3, *self.size(grid))
        return torch.einsum("ck,khw->chw", self.out, self.features(grid))


@torch.no_grad()
def fitted(picture, **how):
    network = Waves(**how)
    features = network.features(fourier.coordinate_grid(picture.shape[-1])).flatten(1).T
    driver = torch.linalg.lstsq(features.double(), picture.flatten(1).T.double(), driver="gelsd")
    network.out.copy_(driver.solution.T)
    return network


def one_color(picture):
    network = Waves(n=4)
    network.forward = lambda grid: picture.mean((1, 2), keepdim=True).expand(3, *grid.shape[1:])
    return network


def half_way(picture):
    network = fitted(picture)
    right, mean = network.forward, picture.mean((1, 2), keepdim=True)
    network.forward = lambda grid: 0.6 * right(grid) + 0.4 * mean
    return network


ANSWERS = {
    "predict_feature_channels": dict(
        stub=..., right=[30, torch.tensor(30)],
        wrong=[(28, "coordinates themselves stay in front"), (15, "x and y both"), (16, "a sine and a cosine"),
               (34, "do not count as one of them"), (7, "count the coordinates"), ("thirty", "one number")]),
    "fourier_features": dict(
        stub=features_stub, right=[fourier.fourier_features, features_as_a_list_of_angles],
        wrong=[(lambda grid, bands: features(grid, keep=False, bands=bands), "missing in front"),
               (waves_before_coordinates, "they come first"),
               (lambda grid, bands: features(grid, lambda k: math.pi * 2.0**k, bands=bands), "factor pi"),
               (lambda grid, bands: features(grid, lambda k: k + 1.0, bands=bands), "twice the one before"),
               (lambda grid, bands: features(grid, lambda k: 2.0 ** (k + 1), bands=bands), "first frequency is 2"),
               (lambda grid, bands: features(grid, lambda k: 2.0 * k, bands=bands), "2 to the power of k"),
               (lambda grid, bands: features(grid, order=(torch.cos, torch.sin), bands=bands), "the sine is first"),
               (sines_before_cosines, "stand beside each other"),
               (x_before_y, "x and y alternate"),
               (x_before_y_in_each_band, "sin x, sin y, cos x, cos y"),
               (lambda grid, bands: features(grid, dim=0, bands=bands), "third axis from the end"),
               (lambda grid, bands: features(grid.abs(), bands=bands), "yours hold other values"),
               (right_for_four_axes_only, "a grid of shape [2, 3, 7] with 6"),
               (lambda grid, bands: features(grid), "even if 6 are asked for"),
               (lambda grid, bands: list(features(grid, bands=bands)), "should be a tensor"),
               (detached, "gradients")]),
    "aliased_frequencies": dict(
        stub=aliased_stub, right=[aliased, aliased_by_steps, lambda size, bands: set(aliased(size, bands)),
                                   lambda size, bands: np.array(aliased(size, bands))],
        wrong=[(lambda size, bands: [2**k for k in range(bands) if 2**k not in aliased(size, bands)],
                "wanted are the others"),
               (lambda size, bands: aliased(size, bands, list_of=lambda k: k), "exponents"),
               (lambda size, bands: aliased(size, bands, turn=2 * math.pi), "the length 2, not 1"),
               (lambda size, bands: aliased(size, bands + 1), "end at 2**(bands - 1)"),
               (lambda size, bands: [2**k for k in range(bands) if 2**k > (size - 1) / 2], "half a turn is pi"),
               (lambda size, bands: [2**k for k in range(bands) if 2**k > size / 2], "half the number of positions"),
               (lambda size, bands: [2**k for k in range(bands) if 2**k > size], "with the number of positions"),
               (lambda size, bands: aliased(size, bands, points=lambda n: n), "the ends of the grid are included"),
               (lambda size, bands: [512], "your list is not right"),
               (lambda size, bands: len(aliased(size, bands)), "return a list")]),
    "move_and_zoom": dict(
        stub=move_stub, right=[fourier.move_and_zoom, move_by_channels],
        wrong=[(lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid + shift(dx, dy, grid)) / zoom, "with a plus"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid - shift(dy, dx, grid)) / zoom, "exchanged"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid - shift(dx, -dy, grid)) / zoom, "y runs down"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid - shift(dx, dy, grid)) * zoom, "becomes smaller"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: grid / zoom - shift(dx, dy, grid), "you zoom first"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid - 2 * shift(dx, dy, grid)) / zoom,
                "the shift without zoom"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0: (grid - shift(dx, dy, grid)) / zoom**2, "zoom without a "
                   "shift"),
               (move_in_place, "changes a tensor that it was given"),
               (lambda grid, dx=0.0, dy=0.0, zoom=1.0:
                (fourier.coordinate_grid(grid.shape[-1]) - shift(dx, dy, grid)) / zoom, "it should have [2, 3, 6]")]),
    "shift_that_keeps": dict(
        stub=keep_stub, right=[lambda cx, cy, zoom: (cx * (1 - zoom), cy * (1 - zoom)),
                               lambda cx, cy, zoom: torch.tensor([cx, cy]) * (1 - zoom),
                               lambda cx, cy, zoom: np.array([cx, cy]) * (1 - zoom)],
        wrong=[(lambda cx, cy, zoom: (cx, cy), "it already is there"),
               (lambda cx, cy, zoom: (0, 0), "away from the middle of the grid"),
               (lambda cx, cy, zoom: (cx * (zoom - 1), cy * (zoom - 1)), "the sign is wrong"),
               (lambda cx, cy, zoom: (cx * (1 - 1 / zoom), cy * (1 - 1 / zoom)), "subtracts the shift first"),
               (lambda cx, cy, zoom: (cx * zoom, cy * zoom), "solve for the shift"),
               (lambda cx, cy, zoom: (cx * -0.5, cy * -0.5), "for zoom below 1"),
               (lambda cx, cy, zoom: cx * (1 - zoom), "two numbers")]),
    "picture_as_network": dict(stub=..., right=[fitted], wrong=[
        (lambda picture: picture, "an `nn.Module`"), (lambda picture: fitted(picture, n=300), "at most 2,000"),
        (one_color, "a picture of one color"), (half_way, "0.04 is asked for"),
        (lambda picture: fitted(picture, alias=47 * math.pi), "between them wrong"),
        (lambda picture: fitted(picture, size=lambda grid: (max(grid.shape), max(grid.shape)) if grid.shape[1]
                                == grid.shape[2] else (5, 3)), "3 x 5 positions"),
    ]),
}

DEFINITIONS = [
    dict(name="coordinate_grid", library="ssgan_lite.model.fourier:coordinate_grid", inputs=lambda: (7,)),
    dict(name="PositionEmbedding", library="ssgan_lite.model.fourier:PositionEmbedding",
         build=lambda cls: cls(6, 3, 5), inputs=lambda: (torch.randn(2, 2, 4, 5),)),
]
