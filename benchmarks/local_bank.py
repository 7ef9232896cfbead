"""How much faster is the library than a plain implementation of the same formulas?

    python benchmarks/local_bank.py                  ten minutes and more
    python benchmarks/local_bank.py --quick          three to four minutes

Both run with the same weights in one process. First their outputs and gradients are compared; then they take turns, A
B A B ..., so that whatever else the machine does hits both alike, and the medians are compared. Peak memory is the
operating system's high-water mark of a fresh process per case. What the plain implementation is: `plain.py`.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

import plain
import ssgan_lite as sg
from memory import KNOWN, resident
from ssgan_lite.model.fusion import fuse
from ssgan_lite.train import TrainConfig, losses
from ssgan_lite.train.state import lazy_adam

PARTS = (5, 10, 13, 20, 30)
# (what, preset, batch, mode) -> the ratio that is expected on two cores
EXPECTED = {("local side", "lite64", 1, "forward"): 4.0, ("local side", "paper256", 1, "forward"): 1.5,
            ("local side", "paper512", 1, "forward"): 1.5, ("generator", "lite64", 1, "forward"): 2.0,
            ("generator", "paper512", 1, "forward"): 2.0, ("training step", "lite64", 8, "step"): 3.0}


# --- the two sides --------------------------------------------------------------------------------------------------

def library_local_side(G, codes):
    per_layer = codes.unflatten(1, (G.config.n_parts, G.config.local_layers))
    hidden, depths = G.local(per_layer, G.embedding())
    weights, coarse_mask = fuse(depths, G.config)
    return G.local.compose(hidden, weights), coarse_mask


def library_generator(G, z):
    out = G(G.mapping(z))
    return out.image, out.mask, out.coarse_mask


def plain_generator(G, z):
    return plain.generate(G, G.layout.expand(plain.mapping(G, z)))


def case_functions(what: str, preset: str, batch: int, mode: str) -> tuple[Callable, Callable]:
    """Two calls without arguments that do the same work: the plain side and the library's."""
    G = new_generator(preset)
    if what == "local side":
        argument, sides = G.layout.expand(G.mapping(G.sample_z(batch, seed=1))).detach(), (plain.local_side,
                                                                                          library_local_side)
    else:
        argument, sides = G.sample_z(batch, seed=1), (plain_generator, library_generator)
    if what == "generator, prepared":
        G.render.prepare()

    def call(side):
        def forward():
            with torch.no_grad():
                side(G, argument)

        def forward_and_backward():
            G.zero_grad(set_to_none=True)
            loss_of(side(G, argument)).backward()

        return forward if mode == "forward" else forward_and_backward

    return call(sides[0]), call(sides[1])


def new_generator(preset: str, n_parts: int | None = None):
    torch.manual_seed(0)
    config = sg.preset(preset)
    if n_parts is not None:
        config = config.replace(parts=tuple(f"part{i}" for i in range(n_parts)), transparent=())
    G = sg.SemanticGenerator(config).eval()
    with torch.no_grad():                       # biases and noise off their zeros, so that a slip in them would show
        for name, parameter in G.named_parameters():
            if name.endswith(("bias", "noise_strength")):
                parameter += 0.1 * torch.randn_like(parameter) / (0.01 if "mapping" in name else 1)
    return G


def loss_of(outputs) -> torch.Tensor:
    return sum(x.square().mean() for x in outputs)


class Training:
    """Discriminator, R1 and generator step, with plain networks or the library's; otherwise the same code."""

    def __init__(self, preset: str, batch: int, use_plain: bool):
        self.G, self.use_plain = new_generator(preset), use_plain
        torch.manual_seed(1)
        self.D = sg.DualBranchDiscriminator(self.G.config)
        config, self.recipe = self.G.config, TrainConfig(batch=batch)
        self.optimizer_g = lazy_adam(self.G.parameters(), self.recipe, 1_000_000)
        self.optimizer_d = lazy_adam(self.D.parameters(), self.recipe, self.recipe.r1_every)
        self.z = torch.randn(batch, config.style_dim)
        self.image = torch.rand(batch, 3, config.size, config.size) * 2 - 1
        labels = torch.randint(config.n_parts, (batch, config.size, config.size))
        self.mask = torch.nn.functional.one_hot(labels, config.n_parts).permute(0, 3, 1,
                                                                                2).to(self.image.dtype) * 2 - 1
        self.noise = self.G.render.draw_noise(batch)

    def fake(self):
        if self.use_plain:
            codes = self.G.layout.expand(plain.mapping(self.G, self.z))
            return plain.generate(self.G, codes, self.noise)
        out = self.G(self.G.mapping(self.z), noise=self.noise)
        return out.image, out.mask, out.coarse_mask

    def score(self, image, mask):
        return plain.discriminate(self.D, image, mask) if self.use_plain else self.D(image, mask)

    def update(self, optimizer, loss, step: bool) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if step:
            optimizer.step()

    def d_step(self, step: bool = True):
        with torch.no_grad():
            image, mask, _ = self.fake()
        self.update(self.optimizer_d,
                    losses.discriminator_loss(self.score(self.image, self.mask), self.score(image, mask)), step)

    def r1_step(self, step: bool = True):
        recipe = self.recipe
        r1 = losses.r1_penalty(self.score, self.image, self.mask)
        loss = recipe.r1_every * (recipe.r1_image / 2 * r1.image + recipe.r1_mask / 2 * r1.mask)
        self.update(self.optimizer_d, loss, step)

    def g_step(self, step: bool = True):
        self.D.requires_grad_(False)
        image, mask, coarse = self.fake()
        loss = losses.generator_loss(self.score(image, mask))
        loss = loss + self.recipe.mask_weight * losses.mask_consistency(coarse, mask)
        self.update(self.optimizer_g, loss, step)
        self.D.requires_grad_(True)


# --- first: the same numbers ----------------------------------------------------------------------------------------

def deviation(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference in units of the largest value."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float((ours - theirs).detach().abs().max() / (theirs.detach().abs().max() + 1e-12))


def gradients(module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def compare_gradients(ours: dict, theirs: dict) -> float:
    """Largest difference relative to each parameter's largest gradient; what is zero but for rounding is left out."""
    assert ours.keys() == theirs.keys(), set(ours) ^ set(theirs)
    scale = max(float(g.abs().max()) for g in theirs.values())
    return max(deviation(ours[k], theirs[k]) for k in ours if theirs[k].abs().max() > 1e-9 * scale)


def assert_equal(presets: list[str]) -> dict[str, float]:
    """Outputs in float32, and outputs, gradients and R1's second derivatives of lite64 in float64.

    In float64 nothing but a mistake is larger than 1e-7; in float32 a sum in another order already changes small
    gradients by a percent, so comparing those there would prove little.
    """
    worst = {}

    def outputs(preset: str, batch: int) -> float:
        G = new_generator(preset)
        z = G.sample_z(batch, seed=1).to(torch.get_default_dtype())
        codes = G.layout.expand(G.mapping(z))
        pairs = [*zip(library_local_side(G, codes), plain.local_side(G, codes), strict=True),
                 *zip(library_generator(G, z), plain_generator(G, z), strict=True)]
        G.render.prepare()
        pairs += zip(library_generator(G, z), plain_generator(G, z), strict=True)
        return max(deviation(a, b) for a, b in pairs)

    with torch.no_grad():
        for preset in presets:
            worst[f"{preset} outputs, float32"] = outputs(preset, 2 if preset == "lite64" else 1)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            worst["lite64 outputs"] = outputs("lite64", 2)
        ours, theirs = Training("lite64", 4, False), Training("lite64", 4, True)
        for step, module in (("d_step", "D"), ("r1_step", "D"), ("g_step", "G")):
            found = []
            for training in (ours, theirs):
                getattr(training, step)(step=False)
                found.append(gradients(getattr(training, module)))
            worst[f"lite64 {step} gradients"] = compare_gradients(*found)
    finally:
        torch.set_default_dtype(torch.float32)
    for name, value in worst.items():
        limit = 1e-4 if name.endswith("float32") else 1e-7
        assert value <= limit, f"{name} differ by {value:.1e} of the largest value; at most {limit:.0e} is rounding"
    print("Same results on both sides; largest difference in units of the largest value:")
    print("  " + "\n  ".join(f"{name:<28}{value:.0e}" for name, value in worst.items()))
    return worst


# --- then: time and memory ------------------------------------------------------------------------------------------

@dataclass
class Result:
    what: str
    preset: str
    batch: int
    mode: str
    plain: float = 0.0                # seconds of wall time, medians
    ours: float = 0.0
    ratio: float = 0.0                # of the medians
    low: float = 0.0                  # quartiles of the ratios of neighbouring runs
    high: float = 0.0
    cpu_ratio: float = 0.0            # the same of processor time, which other programs disturb less
    runs: int = 0
    skipped: str = ""
    extra: dict = field(default_factory=dict)


def take_turns(a: Callable, b: Callable, seconds: float, least: int = 5, most: int = 60) -> dict:
    """Run a and b alternately for about `seconds`, after one unmeasured run of each."""
    times: dict[str, list] = dict(a=[], b=[], cpu_a=[], cpu_b=[])
    start = time.perf_counter()
    a(), b()
    pair = time.perf_counter() - start
    for _ in range(max(least if pair < seconds else 3, min(most, int(seconds / max(pair, 1e-6))))):
        for name, f in (("a", a), ("b", b)):
            wall, cpu = time.perf_counter(), time.process_time()
            f()
            times[name].append(time.perf_counter() - wall)
            times[f"cpu_{name}"].append(time.process_time() - cpu)
    median = {name: statistics.median(values) for name, values in times.items()}
    low, _, high = statistics.quantiles([x / y for x, y in zip(times["a"], times["b"], strict=True)], n=4)
    return dict(plain=median["a"], ours=median["b"], ratio=median["a"] / median["b"], low=low, high=high,
                cpu_ratio=median["cpu_a"] / median["cpu_b"], runs=len(times["a"]))


def estimate_seconds(f: Callable) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def measure_speed(presets: list[str], batches: list[int], seconds: float, longest: float = 20.0,
                  modes: tuple[str, ...] = ("forward", "forward + backward")) -> list[Result]:
    results = []
    for preset in presets:
        for what in ("local side", "generator", "generator, prepared"):
            for mode in modes:
                if what == "generator, prepared" and mode != "forward":
                    continue                       # prepared weights are constants: there is nothing to train
                one = None
                for batch in batches:
                    result = Result(what, preset, batch, mode)
                    if one is not None and one * batch > longest:
                        result.skipped = f"would take {one * batch:.0f} s a call on the plain side"
                    else:
                        a, b = case_functions(what, preset, batch, mode)
                        if one is None and len(batches) > 1:
                            a()                    # the first call of all pays for setting up
                            one = estimate_seconds(a) / batch
                        result = Result(what, preset, batch, mode, **take_turns(a, b, seconds))
                    results.append(result)
                    print_row(result)
    return results


def measure_training(seconds: float, batch: int = 8) -> Result:
    """D step + G step + a sixteenth of an R1 step, at 64 pixels."""
    sides = [Training("lite64", batch, use_plain) for use_plain in (True, False)]
    parts = {}
    for step, share in (("d_step", 1), ("g_step", 1), ("r1_step", 1 / 16)):
        a, b = (getattr(side, step) for side in sides)
        parts[step] = take_turns(a, b, seconds) | dict(share=share)
    total = {side: sum(p[side] * p["share"] for p in parts.values()) for side in ("plain", "ours")}
    weights = {step: p["plain"] * p["share"] / total["plain"] for step, p in parts.items()}

    def combined(key: str) -> float:               # of a ratio over parts that follow each other
        return 1 / sum(weights[step] / p[key] for step, p in parts.items())

    result = Result("training step", "lite64", batch, "step", total["plain"], total["ours"],
                    total["plain"] / total["ours"], combined("low"), combined("high"), combined("cpu_ratio"),
                    min(p["runs"] for p in parts.values()),
                    extra={step: round(p["ratio"], 2) for step, p in parts.items()})
    print_row(result)
    return result


def measure_parts(preset: str, seconds: float) -> list[dict]:
    """Milliseconds against the number of parts, batch 1, forward."""
    rows = []
    for n_parts in PARTS:
        G = new_generator(preset, n_parts)
        codes = G.layout.expand(G.mapping(G.sample_z(1, seed=1))).detach()
        with torch.no_grad():
            local = take_turns(lambda: plain.local_side(G, codes), lambda: library_local_side(G, codes), seconds)
            whole = take_turns(lambda: plain.generate(G, codes), lambda: G(codes), seconds)
        rows.append(dict(preset=preset, parts=n_parts, local_plain=local["plain"], local_ours=local["ours"],
                         whole_plain=whole["plain"], whole_ours=whole["ours"]))
    print(f"\nCost against the number of parts: {preset}, batch 1, forward, ms (relative to {PARTS[0]} parts)")
    print(f"{'parts':>6}{'':>6}" + "".join(f"{name:>22}" for name in ("local side, plain", "local side, library",
                                                                     "generator, plain", "generator, library")))
    for row in rows:
        cells = [f"{1000 * row[k]:9.1f} (x{row[k] / rows[0][k]:4.1f})"
                 for k in ("local_plain", "local_ours", "whole_plain", "whole_ours")]
        print(f"{row['parts']:>6} x{row['parts'] / PARTS[0]:4.1f}" + "".join(f"{cell:>22}" for cell in cells))
    return rows


def measure_memory(cases: list[tuple[str, str, int, str]], threads: int) -> list[dict]:
    """Peak of one call above the loaded model, in MB: a fresh process for each case and side."""
    if not KNOWN:
        print("\nPeak memory: measured on Linux only.")
        return []
    print("\nPeak memory of one call above the loaded model, MB (VmHWM of a fresh process)")
    print(f"{'what':<22}{'preset':<10}{'batch':>5}  {'mode':<20}{'plain':>8}{'library':>9}{'ratio':>7}")
    rows = []
    for case in cases:
        peaks = []
        for side in ("plain", "library"):
            done = subprocess.run([sys.executable, __file__, "--child", json.dumps([*case, side, threads])],
                                  capture_output=True, text=True, check=True)
            peaks.append(json.loads(done.stdout.splitlines()[-1]))
        names = ("what", "preset", "batch", "mode", "plain", "library")
        rows.append(dict(zip(names, (*case, *peaks), strict=True)))
        what, preset, batch, mode = case
        print(f"{what:<22}{preset:<10}{batch:>5}  {mode:<20}{peaks[0]:>8.0f}{peaks[1]:>9.0f}"
              f"{peaks[0] / max(peaks[1], 1):>7.1f}", flush=True)
    return rows


def child(case: str) -> None:
    what, preset, batch, mode, side, threads = json.loads(case)
    torch.set_num_threads(threads)
    if what == "training step":
        training = Training(preset, batch, side == "plain")
        calls = [training.d_step, training.g_step]
    else:
        calls = [case_functions(what, preset, batch, mode)[side == "library"]]
    before = resident("VmRSS")
    for call in calls:
        call()
    print(json.dumps((resident("VmHWM") - before) / 1e6))


# --- the table ------------------------------------------------------------------------------------------------------

def print_header() -> None:
    print(f"\n{'what':<22}{'preset':<10}{'batch':>5}  {'mode':<20}{'plain ms':>10}{'ours ms':>10}{'ratio':>7}"
          f"{'quartiles':>14}{'cpu':>7}{'runs':>6}  expected")


def print_row(r: Result) -> None:
    head = f"{r.what:<22}{r.preset:<10}{r.batch:>5}  {r.mode:<20}"
    if r.skipped:
        print(f"{head}skipped: {r.skipped}", flush=True)
        return
    wanted = EXPECTED.get((r.what, r.preset, r.batch, r.mode))
    verdict = "" if wanted is None else f">= {wanted:g}: {'yes' if r.ratio >= wanted else 'MISSED'}"
    more = "  (" + ", ".join(f"{k} {v:g}" for k, v in r.extra.items()) + ")" if r.extra else ""
    print(f"{head}{1000 * r.plain:>10.1f}{1000 * r.ours:>10.1f}{r.ratio:>7.2f}{f'{r.low:.2f}-{r.high:.2f}':>14}"
          f"{r.cpu_ratio:>7.2f}{r.runs:>6}  {verdict}{more}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="lite64; of the paper's sizes the forward pass only")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="default: at most 2")
    parser.add_argument("--out", type=Path, help="also write everything as JSON to this file")
    parser.add_argument("--seconds", type=float, help="time for each measurement (default 6, quick 1)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child)

    torch.set_num_threads(options.threads)
    quick, seconds = options.quick, options.seconds or (1.0 if options.quick else 6.0)
    presets = ["lite64"] if quick else ["lite64", "paper256", "paper512"]
    print(f"torch {torch.__version__}, {options.threads} threads of {os.cpu_count()} processors, "
          f"{platform.machine()}")
    record = dict(torch=torch.__version__, threads=options.threads, processors=os.cpu_count(), quick=quick)
    record["largest_difference"] = assert_equal(presets)
    print_header()
    results = measure_speed(presets, [1, 8], seconds)
    results.append(measure_training(2 * seconds))
    if quick:
        results += measure_speed(["paper256", "paper512"], [1], seconds, modes=("forward",))
    record["speed"] = [copy.copy(vars(r)) for r in results]
    record["parts"] = measure_parts("lite64", seconds / 3)
    if not quick:
        record["parts"] += measure_parts("paper256", seconds / 2)
    cases = [("local side", "lite64", 8, "forward"), ("training step", "lite64", 8, "step")]
    if not quick:
        cases = [(what, preset, batch, mode) for preset, batch in (("lite64", 8), ("paper256", 1), ("paper512", 1))
                 for what in ("local side", "generator") for mode in ("forward", "forward + backward")] + cases[1:]
    record["memory_mb"] = measure_memory(cases, options.threads)
    missed = [r for r in results if not r.skipped and r.ratio < EXPECTED.get((r.what, r.preset, r.batch, r.mode), 0)]
    print("\n" + (f"{len(missed)} of {len(EXPECTED)} expectations missed." if missed else "All expectations met."))
    if options.out:
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
