"""What a training run will take: hours, money and memory, from one GPU to many, by arithmetic alone.

The model of time is the simplest that is of use. A step of one process takes

    t = fixed + images / rate + exchange,     exchange = 2 (N - 1) / N * gradient bytes / link

with a `fixed` time to start the work however small the batch, a `rate` of images a second when the GPU is full, and,
with N processes, the time in which a ring passes all gradients round (Patarasuk and Yuan, 2009: each process sends and
receives 2 (N - 1) / N times their size). What one would have to measure are `fixed`, `rate` and `link`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import ipywidgets as widgets
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ssgan_lite.config import PRESETS, ModelConfig
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, build_generator
from ssgan_lite.model.discriminator import STDDEV_GROUP
from ssgan_lite.course.figures import INK

BLUE, ORANGE = "#22577a", "#d1782f"
GPUS = (1, 2, 4, 8, 16, 32, 64)
SCRATCH = 2             # times what autograd keeps: gradients on their way, second derivatives, workspaces


@dataclass(frozen=True)
class Plan:
    """A run on several GPUs; everything but `batch` and `images` belongs to one GPU or one step."""

    gpus: int                       # N
    batch: int                      # images a step, all processes together
    images: float                   # of the whole run
    rate: float                     # images a second of one GPU with enough to do
    fixed: float = 0.02             # seconds that a step takes however few images it has
    gradients: float = 40e6         # bytes that are exchanged at each step
    link: float = 10e9              # bytes a second between two GPUs
    price: float = 2.5              # of an hour of one GPU, in whatever currency

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.batch < 1 or min(self.images, self.rate, self.link) <= 0:
            raise UserError("A plan needs at least one GPU and one image a step, and images, rate and link above 0.")

    @property
    def step(self) -> float:
        """Seconds."""
        exchange = 2 * (self.gpus - 1) / self.gpus * self.gradients / self.link
        return self.fixed + self.batch / self.gpus / self.rate + exchange

    @property
    def hours(self) -> float:
        return self.images / self.batch * self.step / 3600

    @property
    def gpu_hours(self) -> float:
        return self.hours * self.gpus

    @property
    def cost(self) -> float:
        return self.gpu_hours * self.price

    @property
    def possible(self) -> bool:
        """Can the batch be dealt out in whole groups of the minibatch standard deviation?"""
        return self.batch % (STDDEV_GROUP * self.gpus) == 0


def hours_and_cost(images: float, rate: float, gpus: int, efficiency: float, price: float) -> tuple[float, float]:
    """Hours that a run takes on so many GPUs, and what they cost together.

    rate: images a second of one GPU alone; efficiency: the share of `gpus * rate` that is left when they work together;
    price: of one GPU for one hour.
    """
    hours = images / (rate * gpus * efficiency) / 3600
    return hours, hours * gpus * price


def largest_batch(memory: float, fixed: float, per_image: float, group: int = STDDEV_GROUP) -> int:
    """The largest batch, a multiple of `group`, that fits into `memory` beside the `fixed` part; 0 if none does.

    All in the same unit; per_image is what every image of the batch adds.
    """
    return max(0, int((memory - fixed) // per_image) // group * group)


def images_lost(seen: int, every: int, batch: int) -> int:
    """How many images a run that is killed after `seen` of them has to see again.

    A checkpoint is written after the first step that reaches a multiple of `every`; steps have `batch` images, and
    there is a checkpoint of the beginning.
    """
    reached = seen // every * every
    return seen - -(-reached // batch) * batch


@cache
def kept_per_image(config: ModelConfig) -> tuple[int, int]:
    """Bytes that a forward pass of generator and of discriminator keeps for the way back, for each image, in float32.

    Counted on torch's "meta" device, where tensors have shapes but no content: nothing is computed and no memory used.
    """
    with torch.device("meta"):
        G, D = build_generator(config), DualBranchDiscriminator(config)
        made = [(_kept(lambda: G(torch.zeros(n, config.style_dim))),
                 _kept(lambda: D(torch.zeros(n, 3, config.size, config.size),
                                 torch.zeros(n, config.n_parts, config.size, config.size)))) for n in (4, 8)]
    return tuple((eight - four) // 4 for four, eight in zip(*made))        # weights are in both, and cancel


def _kept(forward) -> int:
    storages: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage                                 # several tensors may share one
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in storages.values())


@cache
def fixed_bytes(config: ModelConfig) -> tuple[int, int]:
    """Bytes that do not depend on the batch: weights, gradients, both moments of Adam, average; and the gradients."""
    with torch.device("meta"):
        g, d = (sum(p.numel() for p in net.parameters()) for net in (build_generator(config),
                                                                     DualBranchDiscriminator(config)))
    return 4 * (4 * (g + d) + g), 4 * (g + d)


def training_bytes(config: ModelConfig, batch: int, bits: int = 32) -> float:
    """About what a training step of one process holds at its peak."""
    return fixed_bytes(config)[0] + batch * SCRATCH * sum(kept_per_image(config)) * bits / 32


def memory_figure(names: Sequence[str] = tuple(PRESETS)) -> Figure:
    """MB that one more image in the batch adds, for generator and discriminator of every preset."""
    figure = Figure(figsize=(6.4, 2.3), layout="constrained")
    axis = figure.subplots()
    kept = [kept_per_image(PRESETS[name].model) for name in names]
    for offset, which, color, hatch, label in ((-0.2, 0, BLUE, "", "generator"), (0.2, 1, ORANGE, "//",
                                                                               "discriminator")):
        values = [pair[which] / 1e6 for pair in kept]
        axis.barh([i + offset for i in range(len(names))], values, 0.38, color=color, hatch=hatch, edgecolor="white",
                  label=label)
        for i, value in enumerate(values):
            axis.text(value * 1.08, i + offset, f"{value:.3g}", va="center", fontsize=8, color=INK)
    axis.set_xscale("log")
    axis.set_xlim(0.5, 4000)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper right")
    _quiet(axis, "MB kept for each image of a batch, float32", "")
    return figure


def scaling_figure(start: Plan, batches: Sequence[int] = (64, 256, 1024), gpus: Sequence[int] = GPUS,
                   mark: bool = False) -> Figure:
    """Left the hours, right the GPU-hours, over the number of GPUs, for several sizes of the whole batch.

    A curve ends where its batch can be dealt out no further. mark: a line at the number of GPUs of `start`.
    """
    figure = Figure(figsize=(7.4, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    ideal = replace(start, gpus=1)
    left.plot(gpus, [ideal.hours / n for n in gpus], ":", color="#999999", linewidth=1.2,
              label=f"ideal, batch {start.batch}")
    for batch, line, marker, color in zip(batches, ("-", "--", "-."), "os^", (BLUE, ORANGE, INK)):
        plans = [plan for n in gpus if (plan := replace(start, gpus=n, batch=batch)).possible]
        for axis, name in ((left, "hours"), (right, "gpu_hours")):
            axis.plot([plan.gpus for plan in plans], [getattr(plan, name) for plan in plans], line, marker=marker,
                      color=color, markersize=4, linewidth=1.4, label=f"batch {batch}")
    left.set_yscale("log")
    right.set_ylim(bottom=0)
    for axis, title in ((left, "hours"), (right, "GPU-hours (what you pay)")):
        axis.set_xscale("log", base=2)
        axis.set_xticks(list(gpus), [str(n) for n in gpus])
        if mark:
            axis.axvline(start.gpus, color=ORANGE, linestyle="--", linewidth=1.2)
        _quiet(axis, "GPUs", title)
    left.legend(fontsize=8, frameon=False, labelcolor=INK, loc="lower left")
    return figure


class RunPlanner(widgets.VBox):
    """Choose a model, GPUs, batch, speed and price; read off hours, cost and memory."""

    def __init__(self, preset: str = "lite128", images: float = 2e6, rate: float = 800):
        def choice(options, value, text):
            return widgets.SelectionSlider(options=options, value=value, description=text, continuous_update=True)

        self.preset = widgets.Dropdown(options=list(PRESETS), value=preset, description="model")
        self.gpus = choice(GPUS, 1, "GPUs")
        self.batch = choice((16, 32, 64, 128, 256, 512, 1024), 64, "batch")
        self.bits = widgets.Dropdown(options=[("float32", 32), ("bf16", 16)], value=16, description="numbers")
        self.rate = widgets.FloatLogSlider(value=rate, min=0, max=4, base=10, step=0.05, description="images/s",
                                           tooltip="of one GPU with enough to do", readout_format=".0f")
        self.images = widgets.FloatLogSlider(value=images, min=4, max=7.5, step=0.05, description="images",
                                             readout_format=".2s")
        self.price = widgets.FloatSlider(value=2.5, min=0, max=10, step=0.25, description="price/hour")
        self.picture = widgets.Image(format="png", width=720)
        self.caption = widgets.HTML()
        rows = [(self.preset, self.bits), (self.gpus, self.batch), (self.rate, self.images), (self.price,)]
        super().__init__([*(widgets.HBox(row, layout=widgets.Layout(flex_flow="row wrap")) for row in rows),
                          self.caption, self.picture])
        for control in (self.preset, self.bits, self.gpus, self.batch, self.rate, self.images, self.price):
            control.observe(self._redraw, "value")
        self._redraw()

    def __repr__(self) -> str:
        return f"RunPlanner({len(PRESETS)} models, 1 to {GPUS[-1]} GPUs)"

    @property
    def plan(self) -> Plan:
        """What the controls say."""
        return Plan(self.gpus.value, self.batch.value, self.images.value, self.rate.value, price=self.price.value,
                    gradients=fixed_bytes(PRESETS[self.preset.value].model)[1])

    def _redraw(self, _=None) -> None:
        plan = self.plan
        if plan.possible:
            memory = training_bytes(PRESETS[self.preset.value].model, plan.batch // plan.gpus, self.bits.value) / 1e9
            told = (f"{_duration(plan.hours)} on {plan.gpus} GPU{'s' * (plan.gpus > 1)}: {plan.gpu_hours:.3g} GPU-"
                    f"hours, cost {plan.cost:.3g}; {plan.batch // plan.gpus} images a step on each, about "
                    f"{memory:.2g} GB")
        else:
            told = (f"A batch of {plan.batch} cannot be dealt to {plan.gpus} GPUs in groups of {STDDEV_GROUP}: "
                    f"at least {STDDEV_GROUP * plan.gpus} are needed")
        self.caption.value = f"<p aria-live='polite'>{told}.</p>"
        drawn = io.BytesIO()
        figure = scaling_figure(plan, batches=(plan.batch,), mark=True)
        FigureCanvasAgg(figure).print_figure(drawn, format="png", dpi=100)
        self.picture.value = drawn.getvalue()


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} minutes"
    return f"{hours:.3g} hours" if hours < 48 else f"{hours / 24:.3g} days"


def _quiet(axis, x: str, y: str) -> None:
    axis.set_xlabel(x, fontsize=8, color=INK), axis.set_ylabel(y, fontsize=8, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    axis.minorticks_off()
    axis.spines[["top", "right"]].set_visible(False)
