"""Right and wrong answers to the exercises on long runs."""

from __future__ import annotations

import math

import torch


def cost_stub(images, rate, gpus, efficiency, price):
    ...  # your lines here


def cost(images, rate, gpus, efficiency, price):
    seconds = images / (rate * gpus * efficiency)
    return [seconds / 3600, torch.tensor(seconds / 3600 * gpus * price)]


def cost_with(hours=1.0, paid=1.0):
    """The right answer, with either number off by a factor."""
    def answer(*case):
        right = cost(*case)
        return right[0] * hours, right[1] * paid
    return answer


def lost_stub(seen, every, batch):
    ...  # your lines here


def lost(seen, every, batch):
    last = 0
    for images in range(batch, seen + 1, batch):
        if images // every > (images - batch) // every:
            last = images
    return seen - last


def batch_stub(memory, fixed, per_image):
    ...  # your lines here


def largest(memory, fixed, per_image):
    batch = 0
    while fixed + (batch + 4) * per_image <= memory:
        batch += 4
    return batch


def train_on(folder, steps, stop_after=None, quiet=False, seeded=True, every=1, optimizer=True, inputs=True,
             newest=False, flat=False, resumes=True, rate=0.01):
    """The solution, with a switch for every mistake."""
    if seeded:
        torch.manual_seed(0)
    f, path, begin = torch.nn.Linear(8, 1), folder / "state.pt", 0
    adam = torch.optim.Adam(f.parameters(), lr=rate)
    found = sorted(folder.iterdir()) if newest else [path] if path.exists() else []
    if found and resumes:
        state = torch.load(found[0], weights_only=True)
        begin = state["step"]
        f.load_state_dict(state["f"])
        if optimizer:
            adam.load_state_dict(state["adam"])
    for step in range(begin, steps):
        if step == stop_after:
            if quiet:
                return f.weight.detach()
            raise RuntimeError("power cut")
        draw = torch.Generator().manual_seed(step) if inputs else None
        x = torch.randn(16, 8, generator=draw)
        loss = (f(x) - x.sum(1, keepdim=True)).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if every and step % every == 0:
            aside = path.with_suffix(".new")
            torch.save({"step": step + 1, "f": f.state_dict(), "adam": adam.state_dict()}, aside)
            aside.replace(path)
    return f.weight.detach()[0] if flat else f.weight.detach()


def surviving(**changes):
    return lambda folder, steps, stop_after=None: train_on(folder, steps, stop_after, **changes)


def begins_again(folder, steps, stop_after=None):
    """Goes on with the weights, but counts its steps from 0."""
    known = torch.load(folder / "w.pt") if (folder / "w.pt").exists() else None
    torch.manual_seed(0)
    f = torch.nn.Linear(8, 1)
    if known is not None:
        f.load_state_dict(known)
    adam = torch.optim.Adam(f.parameters(), lr=0.02)
    for step in range(steps):
        if step == stop_after:
            raise RuntimeError("power cut")
        x = torch.randn(16, 8, generator=torch.Generator().manual_seed(step))
        adam.zero_grad()
        (f(x) - x.sum(1, keepdim=True)).square().mean().backward()
        adam.step()
        torch.save(f.state_dict(), folder / "w.pt")
    return f.weight.detach()


ANSWERS = {
    "run_cost": dict(
        stub=cost_stub, right=[cost],
        wrong=[(lambda *case: cost(*case)[0], "two numbers"), (lambda *case: cost(*case)[::-1], "hours first"),
               (cost_with(hours=3600), "are seconds"),
               (cost_with(hours=60), "are minutes"), (cost_with(hours=8), "eight share the work"),
               (lambda i, r, g, e, p: cost(i, r, g, 1, p), "left the efficiency out"),
               (lambda i, r, g, e, p: (i / r / g / 3600 * e, 0), "below the line"),
               (lambda i, r, g, e, p: (i / r / 3600 * (1 - e), 0), "all GPUs together see in an hour"),
               (cost_with(paid=1 / 8), "that of one GPU"), (cost_with(paid=0.8), "paid all the same"),
               (cost_with(paid=2), "GPUs times the price"),
               (lambda i, r, g, e, p: cost(i, r, 8, 0.8, p), "as it is"), (lambda *case: ("x", 1), "first number")]),
    "images_lost": dict(
        stub=lost_stub, right=[lost],
        wrong=[(lambda s, e, b: s - lost(s, e, b), "where the last checkpoint was written"),
               (lambda s, e, b: s % e, "after whole steps"), (lambda s, e, b: lost(s, e, b) // b, "count steps"),
               (lambda s, e, b: s - s // e * e // b * b, "round "
                                                         "up"), (lambda s, e, b: e - s % e, "up to the next one"),
               (lambda s, e, b: e, "the end of the step that reached it"),
               (lambda s, e, b: lost(s, e, b) if s >= e else 0, "before the first checkpoint"),
               (lambda s, e, b: lost(s, e, b) or b, "loses nothing"),
               (lambda s, e, b: lost(s, e, 32), "seen=16000")]),
    "next_bfloat16": dict(
        stub=..., right=[1.0078125, 1.0078, 1.008, 1 + 2**-7, torch.tensor(1.0078125)],
        wrong=[(2**-7, "that is the distance"), (1 + 2**-8, "seven stand behind"), (1 + 2**-10, "float16"),
               (1 + 2**-23, "float32"), (1 + 2**-16, "take nine of them"), (1.1, "2^-b apart"),
               ("1.0078", "one number")]),
    "four_times_the_batch": dict(
        stub=(..., ...), right=[(0.004, 8000), (4e-3, 8000.0), (0.002 * math.sqrt(4), 2_048_000 / 256)],
        wrong=[((0.008, 8000), "linear rule"), ((0.001, 8000), "not shorter"), ((0.002, 8000), "stays as it is"),
               ((0.4, 8000), "the factor by which the batch grew"), ((0.004, 32_000), "batches of 64"),
               ((0.004, 16_000), "not its square root"), ((0.004, 2_048_000), "images in a step"),
               (("x", 8000), "the learning rate should be one number")]),
    "largest_batch": dict(
        stub=batch_stub, right=[largest],
        wrong=[(lambda m, f, p: int(m / p), "subtract it first"),
               (lambda m, f, p: math.ceil((m - f) / p / 4) * 4, "mind the fixed part"),
               (lambda m, f, p: (m - f) / p, "whole number"), (lambda m, f, p: int((m - f) // p), "groups of 4"),
               (lambda m, f, p: 16, "round down to a multiple of 4"),
               (lambda m, f, p: largest(m - 1e-6, f, p), "just fits"),
               (lambda m, f, p: int((m - f) // p // 4 * 4), "not a negative number"),
               (lambda m, f, p: min(largest(m, f, p), 100), "as it is")]),
    "surviving_run": dict(stub=..., right=[train_on, surviving(every=4)], wrong=[
        (surviving(quiet=True), "raise RuntimeError"), (lambda *_: 3, "return the weight as a tensor"),
        (surviving(flat=True), "the weight has the shape"), (surviving(rate=0.0), "nothing is trained"),
        (lambda folder, steps, stop_after=None: torch.full((1, 8), float(steps)),
         "no nearer to ones"),
        (surviving(seeded=False), "seed everything"), (surviving(every=0), "all is lost"),
        (begins_again, "all its steps once more"), (surviving(optimizer=False), "not with the same bits"),
        (surviving(newest=True), "half-written"),
    ]),
}

DEFINITIONS: list[dict] = []
