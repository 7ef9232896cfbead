"""Exercises on Fourier features: positions, frequencies, and aliasing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssgan_lite.course.exercises import (
    answer_of,
    close,
    describe,
    exercise,
    expect,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
    expect_tensor,
)
from ssgan_lite.model import fourier


@exercise(1, title="How many channels?", minutes=2, level=1,
          solution_text="The two coordinates, and for each of the 7 frequencies a sine and a cosine of each of "
                        "them:\n2 + 7 * 2 * 2 = 2 * (2 * 7 + 1) = 30.")
def predict_feature_channels(channels):
    """Say how many numbers a position becomes with seven frequencies."""
    expect_number(channels)
    expect(channels != 28, "the coordinates themselves stay in front; you have counted the sines and cosines only")
    expect(channels not in (14, 15), "that is for one coordinate; x and y both get their sines and cosines")
    expect(channels != 16, "each frequency gives a sine and a cosine; you have counted one of them")
    expect(channels != 34, "the 7 frequencies are 1, 2, 4, ... 64; the coordinates do not count as one of them")
    expect(channels == 30, "count the coordinates, then what one frequency adds, and how many frequencies there are")


def _features(grid: Tensor, speeds: list[float], order: tuple[Callable, Callable] = (torch.sin, torch.cos)) -> Tensor:
    return torch.cat([grid, *(f(speed * grid) for speed in speeds for f in order)], dim=-3)


def _three_bands(grid: Tensor) -> Tensor:
    return _features(grid, [1.0, 2.0, 4.0])


@exercise(2, title="Frequencies to features", solution="ssgan_lite.model.fourier:fourier_features", minutes=10,
          level=2)
def fourier_features(answer):
    """Lift a grid [..., 2, H, W] to xy, sin(xy), cos(xy), sin(2xy), cos(2xy), ... along the channel axis."""
    bands = 3
    grid = 2 * torch.rand(4, 2, 5, 6) - 1
    out, wanted = answer(grid, bands), fourier.fourier_features(grid, bands)
    expect_tensor(out)
    speeds = [1.0, 2.0, 4.0]
    waves = _features(grid, speeds)[:, 2:]
    expect(not close(out, waves), "the coordinates themselves are missing in front of the waves")
    expect(not close(out, torch.cat([waves, grid], dim=1)), "the coordinates stand behind the waves; they come first")
    expect(not close(out, _features(grid, [math.pi * speed for speed in speeds]), atol=1e-4),
           "there is a factor pi in your frequencies; here they are 1, 2, 4, ... themselves")
    expect(not close(out, _features(grid, [1.0, 2.0, 3.0])) and not close(out, _features(grid, [0.0, 1.0, 2.0])),
           "your frequencies grow by one; each should be twice the one before")
    expect(not close(out, _features(grid, [0.0, 2.0, 4.0])) and not close(out, _features(grid, [0.0, 1.0, 4.0])),
           "frequency number k is 2 to the power of k, `2**k`: not 2 * k, and not k**2")
    expect(not close(out, _features(grid, [2.0, 4.0, 8.0])),
           "your first frequency is 2; the slowest is 2**0 = 1")
    expect(not close(out, _features(grid, speeds, (torch.cos, torch.sin))),
           "cosine comes before sine in your result; the sine is first")
    grouped = torch.cat([grid, *(torch.sin(s * grid) for s in speeds), *(torch.cos(s * grid) for s in speeds)], dim=1)
    expect(not close(out, grouped), "all sines come before all cosines in your result; sine and cosine of one "
                                    "frequency stand beside each other, slow before fast")
    x, y = grid.split(1, dim=1)
    apart = torch.cat([x, *(f(s * x) for s in speeds for f in (torch.sin, torch.cos)),
                       y, *(f(s * y) for s in speeds for f in (torch.sin, torch.cos))], dim=1)
    expect(not close(out, apart), "everything of x comes before everything of y in your result; x and y alternate")
    in_turn = [f(s * axis) for s in speeds for axis in (x, y) for f in (torch.sin, torch.cos)]
    expect(not close(out, torch.cat([grid, *in_turn], dim=1)),
           "you write sin x, cos x, sin y, cos y; the sines of both coordinates come first, then the cosines of "
           "both: sin x, sin y, cos x, cos y")
    expect(out.ndim == 4 and out.shape[0] == 4,
           "the channels of [..., 2, H, W] are the third axis from the end; joined along another one, your result is "
           f"{list(out.shape)} instead of {list(wanted.shape)}")
    expect_close(out, wanted, "the channels are x, y, then sin and cos at 1, 2, 4, ...; yours hold other values")
    for shape, bands in (((2, 3, 7), 6), ((2, 3, 2, 4, 1), 1)):
        grid = 2 * torch.rand(shape) - 1
        out, wanted = answer(grid, bands), fourier.fourier_features(grid, bands)
        expect(out.shape != _three_bands(grid).shape, f"you make three frequencies even if {bands} are asked for")
        hint = f"a grid of shape {list(shape)} with {bands} frequencies comes out wrong"
        expect(out.shape == wanted.shape, f"{hint}: {list(out.shape)} instead of {list(wanted.shape)}. Count the "
                                          "axis of the channels from the end")
        expect_close(out, wanted, hint)
    grid = torch.rand(2, 2, 2)
    expect_close(answer(grid, 0), grid, "with no frequencies at all the coordinates alone are left")
    expect_same_gradients(answer, fourier.fourier_features, [torch.rand(2, 3, 3), torch.tensor(2)],
                          "the values are right, but their gradients with respect to the grid are not")


def _too_fast(limit: float, bands: int, factor: float = 1.0) -> list[int]:
    return [2**k for k in range(bands) if factor * 2**k > limit]


@exercise(3, title="Too fast for the grid", minutes=10, level=2,
          solution_text="def aliased_frequencies(size, bands):\n"
                        "    step = 2 / (size - 1)                   # from -1 to 1, ends included\n"
                        "    limit = math.pi / step                  # half a turn from one position to the next\n"
                        "    return [2**k for k in range(bands) if 2**k > limit]\n\n"
                        "# aliased_frequencies(64, 9) == [128, 256]: two of the nine.")
def aliased_frequencies(answer):
    """List the frequencies among 1, 2, ... 2**(bands - 1) that a grid of `size` positions cannot carry."""
    def of(size: int, bands: int) -> list[float]:
        out = answer(size, bands)
        out = out.tolist() if hasattr(out, "tolist") else out
        expect(isinstance(out, (list, tuple, set)), f"return a list of frequencies, such as [64, 128]; you return "
                                               f"{describe(out)}")
        return sorted(out)

    published = of(64, 9)
    expect(published != sorted({2**k for k in range(9)} - {128, 256}),
           "you list the frequencies that the grid can carry; wanted are the others")
    expect(published != [7, 8], "you list the exponents k; wanted are the frequencies 2**k")
    expect(published != _too_fast(2 * math.pi * 63 / 2, 9),
           "your limit is twice too high: the grid from -1 to 1 has the length 2, not 1, and from one position to "
           "the next a wave may make half a turn, not a whole one")
    expect(published != _too_fast(math.pi * 63 / 2, 9, math.pi),
           "your limit is pi times too low, (size - 1) / 2: half a turn is pi, so a wave is too fast when 2**k times "
           "the step 2 / (size - 1) is more than pi; the waves are sin(2**k x), without another pi")
    expect(published != _too_fast(32, 9), "you compare with half the number of positions; the limit is half a turn, "
                                          "pi, divided by the step of the grid")
    expect(published != [128, 256, 512], "the frequencies end at 2**(bands - 1)")
    expect(published == [128, 256], "on a grid of 64 your list is not right; the step is 2 / (size - 1), and a wave "
                                    "may turn by at most pi in one step")
    for size in (41, 21, 82):                                # here 2 / size and 2 / (size - 1) give different lists
        limit = math.pi * (size - 1) / 2
        expect(of(size, 9) == _too_fast(limit, 9),
               "the ends of the grid are included: n positions have n - 1 steps between them")
    expect(of(128, 5) == [] and of(16, 0) == [], "where every frequency can be carried, the list is empty")
    expect(of(2, 3) != [4], "you compare with the number of positions; the limit is half a turn, pi, divided by the "
                            "step of the grid")
    expect(of(2, 3) == [2, 4], "a grid of two positions has one step of length 2; its limit is pi / 2")


@exercise(4, title="Move and zoom", solution="ssgan_lite.model.fourier:move_and_zoom", minutes=10, level=2)
def move_and_zoom(answer):
    """Make the grid with which a part appears shifted by (dx, dy) and `zoom` times larger about its new center."""
    grid = fourier.coordinate_grid(5)
    dx, dy = torch.tensor([1.0, 0.0]).view(2, 1, 1), torch.tensor([0.0, 1.0]).view(2, 1, 1)
    shifted = answer(grid, 0.25, 0.5, 1.0)
    expect_tensor(shifted)
    expect(not close(shifted, grid + 0.25 * dx + 0.5 * dy),
           "with a plus the part moves left and up: a pixel has to be told the position that is to appear there")
    expect(not close(shifted, grid - 0.25 * dy - 0.5 * dx), "the shifts are exchanged: channel 0 is x, channel 1 y")
    expect(not close(shifted, grid - 0.25 * dx + 0.5 * dy), "positive dy moves down, and y runs down as well")
    expect_close(shifted, grid - 0.25 * dx - 0.5 * dy, "the shift without zoom is not right")
    zoomed = answer(grid, 0.0, 0.0, 1.2)
    expect(not close(zoomed, grid * 1.2), "multiplied by zoom, the positions cover a larger square and the part "
                                          "becomes smaller")
    expect_close(zoomed, grid / 1.2, "the zoom without a shift is not right: where the generator says 1, the pixel "
                                     "at the distance `zoom` should be")
    both = answer(grid, 0.25, -0.5, 2.0)
    expect(not close(both, grid / 2.0 - 0.25 * dx + 0.5 * dy),
           "you zoom first and shift afterwards, so the shift is enlarged too: at the pixel (dx, dy) the generator "
           "should see (0, 0)")
    expect_close(both, (grid - 0.25 * dx + 0.5 * dy) / 2.0, "shift and zoom are right alone but not together")
    for _ in range(3):
        grid = torch.randn(2, 3, 6)
        dx, dy, zoom = (torch.rand(3) + 0.5).tolist()
        expect_close(answer(grid, dx, dy, zoom), fourier.move_and_zoom(grid, dx, dy, zoom),
                     "on a grid of another size, or one that is not square, the result is wrong")
    grid = torch.randn(2, 4, 4)
    expect_close(answer(grid), grid, "without a shift and with zoom 1 the grid stays as it is")
    expect_same_gradients(lambda x: answer_grid(answer, x), lambda x: fourier.move_and_zoom(x, 0.1, 0.2, 1.5), [grid],
                          "the values are right, but their gradients with respect to the grid are not")


def answer_grid(answer: Callable, grid: Tensor) -> Tensor:
    return answer(grid, 0.1, 0.2, 1.5)


@exercise(5, title="Larger, but in its place", minutes=15, level=3,
          solution_text="def shift_that_keeps(cx, cy, zoom):\n"
                        "    # wanted: the pixel c sees the position c, so (c - d) / zoom = c\n"
                        "    return cx * (1 - zoom), cy * (1 - zoom)")
def shift_that_keeps(answer):
    """Find the (dx, dy) with which a part at (cx, cy) becomes `zoom` times larger and keeps its center."""
    def of(cx: float, cy: float, zoom: float) -> Tensor:
        out = answer(cx, cy, zoom)
        expect(hasattr(out, "__len__") and getattr(out, "ndim", 1) == 1 and len(out) == 2,
               "return two numbers, (dx, dy)")
        return torch.stack([torch.as_tensor(value, dtype=torch.float64).reshape(()) for value in out])

    center, zoom = torch.tensor([0.2, -0.6], dtype=torch.float64), 1.5
    out = of(0.2, -0.6, zoom)
    expect(not close(out, center), "with this shift the part moves by as much as its center is away from the middle; "
                                    "it already is there")
    expect(not close(out, center * (zoom - 1)), "the sign is wrong: a part to the right of the middle is pushed "
                                                "further right by the zoom, so it has to be moved back")
    expect(not close(out, center * (1 - 1 / zoom)) and not close(out, center * (1 / zoom - 1)),
           "you solve c / zoom - d = c or the like; move_and_zoom subtracts the shift first: (c - d) / zoom = c")
    expect(not close(out, 0 * center), "without a shift the zoom pushes the part away from the middle of the grid")
    expect_close(out, center * (1 - zoom), "the pixel (cx, cy) should see the position (cx, cy): put it into "
                                           "(position - shift) / zoom and solve for the shift", what="(dx, dy)")
    for _ in range(3):
        cx, cy, zoom = (torch.rand(3) + 0.3).tolist()
        expect_close(of(cx, cy, zoom), torch.tensor([cx, cy], dtype=torch.float64) * (1 - zoom),
                     "for zoom below 1, or another center, the shift is wrong", what="(dx, dy)")
    expect_close(of(0.3, 0.4, 1.0), torch.zeros(2), "without a zoom nothing has to be moved", what="(dx, dy)")


SOLUTION = """\
class Waves(nn.Module):                                       # random waves, and a linear map that is solved for
    def __init__(self, n=200, fastest=12.0):
        super().__init__()
        self.speeds = nn.Parameter(fastest * torch.rand(n, 2) - fastest / 2)
        self.out = nn.Parameter(torch.zeros(3, 2 * n))

    def features(self, grid):                                 # [2, H, W] -> [2 n, H, W]
        angles = torch.einsum("kf,fhw->khw", self.speeds, grid)
        return torch.cat([angles.sin(), angles.cos()])

    def forward(self, grid):
        return torch.einsum("ck,khw->chw", self.out, self.features(grid))

def fit_picture(picture):
    network = Waves()
    A = network.features(coordinate_grid(picture.shape[-1])).flatten(1).T
    solution = torch.linalg.lstsq(A, picture.flatten(1).T).solution
    network.out.data = solution.T
    return network"""


def smooth_picture(grid: Tensor) -> Tensor:
    """A picture that is known at every position: three waves, one per color. [2, H, W] -> [3, H, W], 0 to 1"""
    x, y = grid
    return torch.stack([0.5 + 0.3 * torch.sin(9 * x + 4 * y), 0.5 + 0.3 * torch.cos(7 * y - 2 * x),
                        0.5 + 0.2 * torch.sin(8 * x) * torch.cos(5 * y)])


@exercise(6, title="Build it yourself: a picture as a network", minutes=45, level=3, solution_text=SOLUTION)
def picture_as_network(answer):
    """Fit a small network of positions to a picture; it must also be right between the pixels."""
    size = 48
    picture = smooth_picture(fourier.coordinate_grid(size))
    network = answer(picture)
    expect(isinstance(network, nn.Module), f"return the fitted network, an `nn.Module`; you return "
                                           f"{describe(network)}")
    count = sum(value.numel() for value in (*network.parameters(), *network.buffers()))
    expect(0 < count <= 2000, f"the network holds {count:,} numbers; at most 2,000 are allowed (the picture has "
                              f"{picture.numel():,}), and they must be parameters or buffers")
    with torch.no_grad():
        drawn = answer_of(network, fourier.coordinate_grid(size))
        expect_shape(drawn, [3, size, size], "the drawing")
        error = (drawn - picture).abs().mean()
        mean = (picture - picture.mean((1, 2), keepdim=True)).abs().mean()
        expect(error < 0.6 * mean, f"on the pixels the drawing is wrong by {error:.3f} on average; a picture of one "
                                   f"color would be by {mean:.3f}. Does the network see more than x and y?")
        expect(error < 0.04, f"on the pixels the drawing is wrong by {error:.3f} on average, and 0.04 is asked for: "
                             "more waves, or more steps")
        fine = fourier.coordinate_grid(2 * size - 1)
        error = (answer_of(network, fine) - smooth_picture(fine)).abs().mean()
        expect(error < 0.05, f"on the pixels it is right, between them wrong by {error:.3f} on average: your waves "
                             "are faster than the picture's grid can carry")
        odd = answer_of(network, torch.zeros(2, 3, 5))
        expect_shape(odd, [3, 3, 5], "the drawing on a grid of 3 x 5 positions")
