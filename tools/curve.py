"""How a run came closer to the heads: the kernel distance of its snapshots against the images it had seen.

    python tools/curve.py RUN --json kid.json --png kid.png [--n 512] [--count 16] [--device cuda]

Every snapshot makes the same n faces (same codes), which are compared with n heads that the run trained on; the other
half of the heads, compared with the first, says what a perfect generator would get. Needs the extra `measure`, and
matplotlib for the figure. Distances compare only with the same extractor and n. `tools/ship.py --kid` puts the curve
into the record of weights that ship.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.measure import RealFaces, extractor
from ssgan_lite.storage import atomic_write
from ssgan_lite.train import find_snapshots
from ssgan_lite.train.timelapse import choose
from ssgan_lite.weights import load_pretrained

INK, LINE, PALE = "#333333", "#22577a", "#e8eef2"


def kid_curve(run: Path, n: int = 512, count: int = 16, device: str = "cpu", batch: int = 16, seed: int = 0) -> dict:
    """Kernel distances (times 1000) of up to `count` snapshots, with their errors, and that of the real halves."""
    described = json.loads((run / "run.json").read_text())
    snapshots = choose(find_snapshots(run), count)
    data = open_dataset(described["data"], described["model"]["size"])
    real = RealFaces(data, extractor(None, device), n, seed, batch)
    halves = real.among_themselves()
    curve: dict = dict(extractor=halves["extractor"], n=real.n, data=described["data"], split="train",
                       real=round(halves["kernel"], 3), real_std=round(halves["kernel_std"], 3),
                       images=[], kernel=[], kernel_std=[])
    for images, path in snapshots.items():
        found = real.of_generator(load_pretrained(path, device), batch)
        curve["images"].append(images)
        for name in ("kernel", "kernel_std"):
            curve[name].append(round(found[name], 3))
    return curve


def draw(curve: dict, path: Path, title: str = "") -> None:
    """The curve as a small figure; both axes are logarithmic, images from the first snapshot that has seen any."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    points = [(x, y, s) for x, y, s in zip(curve["images"], curve["kernel"], curve["kernel_std"], strict=True)
              if x > 0]
    if not points:
        raise UserError("No snapshot has seen any images: there is nothing to draw.")
    x, y, s = zip(*points, strict=True)
    plt.rcParams.update({"font.family": "sans-serif", "font.size": 8})
    figure, axes = plt.subplots(figsize=(3.6, 2.4), dpi=200, layout="constrained")
    lower, upper = ([max(b + sign * d, 1e-3) for b, d in zip(y, s, strict=True)] for sign in (-1, 1))
    axes.fill_between(x, lower, upper, color=PALE, lw=0)
    axes.plot(x, y, "o-", color=LINE, ms=3, lw=1.2)
    axes.axhline(max(curve["real"] + curve["real_std"], 1e-3), color=INK, ls="--", lw=0.8)
    axes.annotate("heads against heads (with their error)",
                  (x[0], max(curve["real"] + curve["real_std"], 1e-3)), (2, 3),
                  textcoords="offset points", color=INK)
    axes.set(xscale="log", yscale="log", xlabel="images seen", ylabel=f"kernel distance x 1000, n = {curve['n']}",
             title=title)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    parser.add_argument("--n", type=int, default=512, help="faces (default: %(default)s)")
    parser.add_argument("--count", type=int, default=16, help="snapshots (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    try:
        curve = kid_curve(options.run, options.n, options.count, options.device)
        for images, kernel, std in zip(curve["images"], curve["kernel"], curve["kernel_std"], strict=True):
            print(f"{images:>12,} {kernel:9.2f} +- {std:.2f}")
        print(f"{'heads':>12} {curve['real']:9.2f} +- {curve['real_std']:.2f}")
        if options.json:
            with atomic_write(options.json) as temporary:
                temporary.write_text(json.dumps(curve, indent=1) + "\n")
        if options.png:
            draw(curve, options.png)
    except UserError as error:
        print(f"curve: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
