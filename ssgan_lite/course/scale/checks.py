"""Exercises on long runs: cost, lost work, bfloat16, batch size and learning rate, memory, and a run that
survives."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch

from ssgan_lite.course.exercises import answer_of, close, describe, exercise, expect, expect_number, expect_shape
from ssgan_lite.course.scale import planner


@exercise(1, title="Hours and money", minutes=8, level=1, solution="ssgan_lite.course.scale.planner:hours_and_cost")
def run_cost(answer):
    """How many hours does a run take, and what does it cost?"""
    case = dict(images=7_200_000, rate=500, gpus=8, efficiency=0.8, price=3.0)
    hours, cost = planner.hours_and_cost(**case)
    out = answer(*case.values())
    expect(isinstance(out, (tuple, list)) and len(out) == 2, "return two numbers: hours and cost")
    for value, what in zip(out, ("the first number, the hours,", "the second number, the cost,"), strict=False):
        expect_number(value, what)
    mine, paid = map(float, out)
    expect(not (close(mine, cost) and close(paid, hours)), "hours first, then the cost")
    expect(not close(mine, hours * 3600), "your hours are seconds")
    expect(not close(mine, hours * 60), "your hours are minutes")
    expect(not close(mine, hours * 8), "your hours are those of one GPU; eight share the work")
    expect(not close(mine, hours * 0.8), "you left the efficiency out: eight GPUs that lose a fifth are worth 6.4")
    expect(not close(mine, hours * 0.64), "a low efficiency makes the run longer, so it belongs below the line, with "
           "the rate")
    expect(close(mine, hours), "hours: images divided by the images that all GPUs together see in an hour")
    expect(not close(paid, hours * 3), "the cost is that of one GPU; all of them are rented for all the hours")
    expect(not close(paid, cost * 0.8), "GPUs that wait for each other are paid all the same: nothing is taken off "
           "the cost")
    expect(close(paid, cost), "cost: hours times GPUs times the price of an hour")
    again = answer_of(answer, 1_000_000, 250, 1, 1.0, 0.0)
    expect(close(float(again[0]), 1_000_000 / 250 / 3600) and float(again[1]) == 0, "for other numbers (one GPU, "
           "given away for nothing) it does not come out; did you write one of the numbers down as it is?")


@exercise(2, title="What a kill costs", minutes=10, level=2, solution="ssgan_lite.course.scale.planner:images_lost")
def images_lost(answer):
    """How many images must a killed run see again after it was resumed?"""
    out = answer(2_400, 1_000, 32)                       # checkpoint after 2016
    expect_number(out)
    expect(not close(out, 2_016), "that is where the last checkpoint was written; how many images have been seen "
           "since?")
    expect(not close(out, 400), "checkpoints are written after whole steps: of batches of 32, none ends at exactly "
           "2,000")
    expect(not close(out, 12), "you count steps; count images")
    expect(not close(out, 2_400 - 1_984), "the step that *reaches* 2,000 ends above it, not below: round up")
    expect(not close(out, 600), "what is lost was done after the last checkpoint; you count up to the next one")
    expect(close(out, 384), "find the last multiple of `every` that was reached, then the end of the step that "
           "reached it")
    expect(close(answer_of(answer, 960, 1_000, 32), 960), "before the first checkpoint (seen=960) everything is "
           "lost: there is only the one of the beginning")
    expect(close(answer_of(answer, 2_048, 1_024, 32), 0), "a run that is killed just when a checkpoint was written "
           "(seen=2048, every=1024) loses nothing")
    for seen, every, batch in ((16_000, 300, 64), (10_080, 100, 16), (640, 1, 8)):
        expect(close(answer_of(answer, seen, every, batch), planner.images_lost(seen, every, batch)),
               f"it does not come out for seen={seen}, every={every}, batch={batch}")


@exercise(3, title="The next number", minutes=4, level=1, solution_text=(
    "Between 1 and 2 the exponent is 0 and seven bits are stored behind the point: the next number is 1 + 2^-7 = "
    "1.0078125. A weight of 1 that is to become 1.001 stays 1."))
def next_bfloat16(answer):
    """The smallest number above 1 that bfloat16 has."""
    expect_number(answer)
    value = float(answer)
    expect(not close(value, 2**-7, 1e-6), "that is the distance; what is the number itself?")
    expect(not close(value, 1 + 2**-8, 1e-6), "eight bits of precision count the leading 1, which is not stored; "
           "only seven stand behind the point")
    expect(not close(value, 1 + 2**-10, 1e-6), "that is float16, which has ten bits behind the point and a small "
           "range instead")
    expect(not close(value, 1 + 2**-23, 1e-9), "that is float32, with 23 bits behind the point")
    expect(not close(value, 1 + 2**-16, 1e-7), "sixteen bits in all, but sign and exponent take nine of them")
    expect(close(value, 1 + 2**-7, 2.5e-4), "between 1 and 2 the numbers stand 2^-b apart, where b is the number of "
           "bits behind the point")


@exercise(4, title="Four times the batch", minutes=6, level=2, solution_text=(
    "The square root of 4 is 2, so the learning rate becomes 0.004. 2,048,000 images in batches of 256 are 8,000 "
    "steps, "
    "a quarter of the 32,000 steps of before: fewer looks, each less noisy."))
def four_times_the_batch(rate, steps):
    """Learning rate by the square-root rule, and number of steps, after the batch has grown from 64 to 256."""
    expect_number(rate, "the learning rate")
    expect_number(steps, "the number of steps")
    rate, steps = float(rate), float(steps)
    expect(not close(rate, 0.008, 1e-6), "that is the linear rule; here the rate grows with the square root of the "
           "batch")
    expect(not close(rate, 0.001, 1e-6), "a larger batch has a less noisy gradient, so the step may be longer, not "
           "shorter")
    expect(not close(rate, 0.002, 1e-6), "the rate stays as it is here; that is what one does with the *same* batch "
           "on more GPUs")
    expect(close(rate, 0.004, 1e-5), "learning rate: 0.002 times the square root of the factor by which the batch "
                                     "grew")
    expect(not close(steps, 32_000, 1), "that is the number of steps with batches of 64")
    expect(not close(steps, 16_000, 1), "the number of steps follows the batch itself, not its square root")
    expect(close(steps, 8_000, 1), "steps: images in all divided by images in a step")


@exercise(5, title="The largest batch", minutes=10, level=2, solution="ssgan_lite.course.scale.planner:largest_batch")
def largest_batch(answer):
    """The largest batch, a multiple of 4, that fits into the memory of a GPU."""
    out = answer(24.0, 3.0, 0.9)                         # 23.33
    expect_number(out)
    expect(not close(out, 26), "the fixed part takes room too: subtract it first")
    expect(not close(out, 24), "0.9 GB times 24 and the fixed 3 GB are more than there is; round down, and mind the "
           "fixed part")
    expect(not close(out, 21 / 0.9), "a batch is a whole number")
    expect(not close(out, 23), "the minibatch standard deviation wants groups of 4: the batch must be a multiple of "
                               "4")
    expect(close(out, 20), "subtract the fixed part, divide by what one image takes, round down to a multiple of 4")
    expect(close(answer_of(answer, 10.0, 2.0, 1.0), 8), "with memory 10, fixed 2 and 1 for each image a batch of 8 "
           "just fits")
    expect(close(answer_of(answer, 2.0, 3.0, 0.5), 0), "where the fixed part alone does not fit, the answer is 0, "
           "not a negative number")
    expect(close(answer_of(answer, 80.0, 1.5, 0.03), math.floor(78.5 / 0.03) // 4 * 4), "for other numbers it does "
           "not come out; did you write one of them down as it is?")


SOLUTION = """\
def train_on(folder, steps, stop_after=None):
    torch.manual_seed(0)
    f, path, begin = nn.Linear(8, 1), folder / "state.pt", 0
    adam = torch.optim.Adam(f.parameters(), lr=0.01)
    if path.exists():
        state = torch.load(path, weights_only=True)
        begin = state["step"]
        f.load_state_dict(state["f"]), adam.load_state_dict(state["adam"])
    for step in range(begin, steps):
        if step == stop_after:
            raise RuntimeError("power cut")
        x = torch.randn(16, 8, generator=torch.Generator().manual_seed(step))    # no random number has a memory
        loss = (f(x) - x.sum(1, keepdim=True)).square().mean()
        adam.zero_grad(), loss.backward(), adam.step()
        with atomic_write(path) as aside:
            torch.save({"step": step + 1, "f": f.state_dict(), "adam": adam.state_dict()}, aside)
    return f.weight.detach()"""


@exercise(6, title="Build it yourself: a run that survives", minutes=45, level=3, solution_text=SOLUTION)
def surviving_run(answer):
    """A training that goes on after a crash and ends with the same bits."""
    with tempfile.TemporaryDirectory() as scratch:
        def run(name, steps, stop_after=None):
            folder = Path(scratch) / name
            folder.mkdir(exist_ok=True)
            if stop_after is None:
                return answer(folder, steps)
            try:
                answer(folder, steps, stop_after)
            except RuntimeError:
                return None
            expect(False, f"with stop_after={stop_after} the function should raise RuntimeError, as a crash would; "
                          "it ended quietly")

        whole = run("whole", 30)
        expect(isinstance(whole, torch.Tensor), f"return the weight as a tensor; you return {describe(whole)}")
        expect_shape(whole, [1, 8], "the weight")
        expect(not torch.equal(whole, run("begun", 1)), "thirty steps end with the same weight as one: nothing is "
                                                       "trained")
        more = run("longer", 300)
        expect((more - 1).abs().mean() < (whole - 1).abs().mean(), "after 300 steps the weight is no nearer to ones, "
                                                                   "the right solution, than after 30")
        expect(torch.equal(whole, run("again", 30)), "the same run in another folder ends with other bits: seed "
                                                     "everything that is random")
        run("cut", 30, stop_after=13)
        files = [path for path in (Path(scratch) / "cut").rglob("*") if path.is_file()]
        expect(files, "nothing was written before the crash, so all is lost; write a checkpoint along the way")
        resumed = run("cut", 30)
        expect(close(resumed, whole, 0.05), "the resumed run ends somewhere else: does it begin again, or do all its "
                                            "steps once more?")
        expect(torch.equal(resumed, whole), "the resumed run ends near, but not with the same bits: Adam's memory "
               "and the random inputs of every step belong in the checkpoint, or must follow from the step alone")
        run("twice", 30, stop_after=5)
        run("twice", 30, stop_after=20)
        expect(torch.equal(run("twice", 30), whole), "after two crashes it does not come out")
        folder = Path(scratch) / "half"
        run("half", 30, stop_after=13)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            half = path.read_bytes()[:path.stat().st_size // 2]
            for name in (f"{path.name}.tmp", f"{path.name}.part", f".{path.name}.tmp", "tmp"):
                (folder / name).write_bytes(half)
        try:
            after = run("half", 30)
        except Exception as error:
            expect(False, f"it stops with {type(error).__name__} where a crash has left half-written files beside "
                          "the checkpoint: read only the finished one")
        expect(torch.equal(after, whole), "half-written files beside the checkpoint change the result")
