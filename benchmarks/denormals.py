"""What fusion weights below 1e-38 (denormals) cost: the same faces with a plain softmax of the depths, and with the
one that makes such weights zero (`softmax_of_depths` in ssgan_lite/model/fusion.py).

    python benchmarks/denormals.py --models nano32 lite64

The two take turns; medians, one thread, milliseconds of processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import ssgan_lite as sg
from ssgan_lite.model import fusion

WAYS = {"softmax": lambda depths: torch.softmax(depths, dim=1), "ours": fusion.softmax_of_depths}


def milliseconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return 1e3 * (time.process_time() - began)


@torch.no_grad()
def measure(name: str, repeats: int) -> str:
    G = sg.load_pretrained(name)
    w = G.mapping(G.sample_z(1, seed=0))
    hidden, depths = G.local(G.layout.expand(w).unflatten(1, (G.config.n_parts, -1)), G.embedding())
    heads: dict[str, list[float]] = {way: [] for way in WAYS}
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(repeats + 2):
        for way, softmax in WAYS.items():
            fusion.softmax_of_depths = softmax
            weights = fusion.fuse(depths, G.config).weights
            times = milliseconds(lambda: G.local.compose(hidden, weights)), milliseconds(lambda: G(w))
            if turn >= 2:                                                      # the first ones warm up
                heads[way].append(times[0]), whole[way].append(times[1])
            tiny = ((weights > 0) & (weights < torch.finfo(torch.float32).tiny)).float().mean().item()
            if way == "softmax":
                share = tiny
    fusion.softmax_of_depths = WAYS["ours"]
    columns = [f"{what} {statistics.median(t['softmax']):6.1f} -> {statistics.median(t['ours']):6.1f}"
               for what, t in (("feature heads", heads), ("whole face", whole))]
    return f"{name:9} denormals: {share:5.1%} of the weights;  " + ";  ".join(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["nano32", "lite64"])
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.models:
        print(measure(name, options.repeats), flush=True)


if __name__ == "__main__":
    main()
