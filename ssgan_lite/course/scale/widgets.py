"""A planner for training runs, and a slider through the snapshots of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch

from ssgan_lite.config import PRESETS
from ssgan_lite.course.figures import (
    faces_of,
)
from ssgan_lite.course.scale.figures import scaling_figure
from ssgan_lite.course.scale.planner import GPUS, Plan, fixed_bytes, training_bytes
from ssgan_lite.course.widgets import Panel, draw, side_by_side, view
from ssgan_lite.errors import UserError
from ssgan_lite.model.discriminator import STDDEV_GROUP
from ssgan_lite.pictures import png_bytes

FACE = 96               # screen pixels of a face in the slider


class RunPlanner(Panel):
    """Choose a model, GPUs, batch, speed and price; read off hours, cost and memory."""

    def __init__(self, preset: str = "lite128", images: float = 2e6, rate: float = 800):
        super().__init__()

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
        rows = [(self.preset, self.bits), (self.gpus, self.batch), (self.rate, self.images), (self.price,)]
        self.children = [*(side_by_side(*controls) for controls in rows), self.caption, self.picture]
        self.watch([control for controls in rows for control in controls], self._redraw)
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
        self.say(f"{told}.")
        draw(self.picture, scaling_figure(plan, batches=(plan.batch,), mark=True))


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} minutes"
    return f"{hours:.3g} hours" if hours < 48 else f"{hours / 24:.3g} days"


class TimeLapse(Panel):
    """Drag through the snapshots of a run: the same seeds at every moment, images above and masks below."""

    def __init__(self, generators: Mapping[int, torch.nn.Module], seeds: Sequence[int] = range(6)):
        if len(generators) < 2:
            raise UserError("A time-lapse needs at least two snapshots.")
        super().__init__()
        self.seeds, self.sheets = list(seeds), {}
        for images, generator in generators.items():
            strips = [np.concatenate(faces, axis=1) for faces in faces_of(generator, self.seeds)]      # images, masks
            self.sheets[images] = png_bytes(np.concatenate(strips), len(self.seeds) * FACE)
        self.moment = widgets.SelectionSlider(options=[(f"{images:,}", images) for images in self.sheets],
                                              description="images", continuous_update=True,
                                              layout=widgets.Layout(width="420px"))
        self.picture = view(len(self.seeds) * FACE, 2 * FACE)
        self.children = [self.picture, self.moment, self.caption]
        self.watch([self.moment], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"TimeLapse({len(self.seeds)} faces, {len(self.sheets)} snapshots)"

    def _redraw(self, _=None) -> None:
        images = self.moment.value
        self.picture.value = self.sheets[images]
        self.say(f"After {images:,} images, the averaged generator.")
