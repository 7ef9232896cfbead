"""Slider for the R1 weight in the two-parameter game."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from ssgan_lite.course.losses.figures import Path, phase
from ssgan_lite.course.widgets import Panel, draw
from ssgan_lite.errors import UserError


class OrbitSlider(Panel):
    """Move the weight of R1 and see where generator and discriminator go. paths: {weight: path}."""

    def __init__(self, paths: Mapping[float, Path]):
        if not paths:
            raise UserError("The slider needs at least one trajectory.")
        super().__init__()
        self.paths = dict(sorted(paths.items()))
        self.weight = widgets.SelectionSlider(options=[(f"{weight:g}", weight) for weight in self.paths],
                                              description="R1 weight", continuous_update=True)
        self.picture = widgets.Image(format="png", width=760)
        self.children = [self.weight, self.picture, self.caption]
        self.watch([self.weight], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        weights = list(self.paths)
        return f"OrbitSlider({len(weights)} R1 weights from {weights[0]:g} to {weights[-1]:g})"

    def arrival(self, near: float = 0.1) -> int | None:
        """The step after which both numbers stay within `near` of the target; None if they never do."""
        path = self.paths[self.weight.value]
        away = [step for step, (theta, psi) in enumerate(path) if abs(theta) > near or abs(psi) > near]
        last = away[-1] if away else -1
        return None if last == len(path) - 1 else last + 1

    def _redraw(self, _=None) -> None:
        weight, step = self.weight.value, self.arrival()
        draw(self.picture, phase({f"R1 weight {weight:g}": self.paths[weight]}), dpi=110)
        told = (f"both numbers stay within 0.1 of the target from step {step} on" if step is not None
                else f"they do not stay within 0.1 of the target in {len(self.paths[weight])} steps")
        self.say(f"R1 weight {weight:g}: {told}.")
