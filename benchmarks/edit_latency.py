"""How long an edit of one part takes, against a full forward pass in the same run.

    python benchmarks/edit_latency.py                          # nano32, lite64, lite128
    python benchmarks/edit_latency.py --models paper512 --repeats 5

A full pass consists of the bank of local generators with its heads, and the render net. After an edit of one part the
session runs the render net and, of the rest, what the edit changed; the promise is at most a fifth of it:

    edit <= render net + (bank and heads) / 5

Shipped weights are used where there are any, new ones of the same shape otherwise (the time does not depend on them).
All numbers are medians over edits that go round all parts; each kind of measurement takes its turn within a repeat,
so that a busy machine slows all of them alike. On a very busy one, `--cpu --threads 1` counts the processor's time
instead.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import ssgan_lite as sg
from ssgan_lite.edit import Session
from ssgan_lite.edit.state import effective_codes
from ssgan_lite.model.fusion import fuse
from ssgan_lite.weights import shipped

clock = time.perf_counter


def timed(function) -> tuple[float, object]:
    """(milliseconds, result)"""
    began = clock()
    result = function()
    return 1000 * (clock() - began), result


@torch.no_grad()
def measure(name: str, repeats: int) -> dict[str, float]:
    """Median milliseconds of every step for one model."""
    torch.manual_seed(0)
    generator = sg.load_pretrained(name) if name in shipped() else sg.SemanticGenerator(sg.preset(name)).eval()
    if generator.mean_w.isnan().any():
        generator.update_mean_w(1000)
    face, config = Session(generator, 0, psi=0.7), generator.config
    others = [Session(generator, seed) for seed in range(1, 4)]
    face.render()
    times: dict[str, list[float]] = {key: [] for key in ("full", "render net", "bank and heads", "edit of a part",
                                                         "edit of its texture")}

    def bank_and_heads():
        codes = effective_codes(generator, face.state)
        hidden, depths = generator.local(codes, generator.embedding())
        weights, coarse_mask = fuse(depths, config)
        return generator.local.compose(hidden, weights), coarse_mask

    for i in range(repeats + 2):
        part = config.parts[i % config.n_parts]
        step = {}
        step["bank and heads"], (features, coarse) = timed(bank_and_heads)
        step["render net"], _ = timed(lambda: generator.render(features, coarse))
        face.copy_from(others[i % 3], part)
        step["edit of a part"], ours = timed(face.render)
        step["full"], full = timed(lambda: generator(face.state.codes, psi=face.state.psi))
        if float((ours.image - full.image).abs().max()) > 1e-5 * max(1.0, float(full.image.abs().max())):
            raise SystemExit(f"{name}: the edited face differs from a full pass")
        face.copy_from(others[(i + 1) % 3], part, "texture")
        step["edit of its texture"], _ = timed(face.render)
        if i >= 2:                                                         # the first two warm up
            for key, value in step.items():
                times[key].append(value)
    return {key: statistics.median(values) for key, values in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["nano32", "lite64", "lite128"])
    parser.add_argument("--repeats", type=int, default=39, help="edits to take the median of (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu", action="store_true", help="count processor time; use it with --threads 1")
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock = time.process_time
    torch.set_num_threads(options.threads)
    print(f"median of {options.repeats} edits, {options.threads} threads, milliseconds"
          f"{' of processor time' if options.cpu else ''}")
    failed = 0
    for name in options.models:
        t = measure(name, options.repeats)
        allowed = t["render net"] + t["bank and heads"] / 5
        kept = t["edit of a part"] <= allowed
        failed += not kept
        print(f"{name:9s} full {t['full']:7.1f} = bank and heads {t['bank and heads']:6.1f} + render net "
              f"{t['render net']:7.1f};  one part {t['edit of a part']:7.1f} ({t['edit of a part'] / t['full']:.0%} "
              f"of full; allowed {allowed:.1f}: {'kept' if kept else 'NOT KEPT'});  its texture alone "
              f"{t['edit of its texture']:7.1f}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
