"""The ordinary GAN beside ours: a monolithic baseline that is asked for the same edit.

It has one code for the whole face and none of a part. What it offers instead is what `measure/locality.py` measures
and notebooks 01 and 11 show: a step along that principal axis of its codes which changes the part most, found on
other faces, and as long as it takes to change the part as much as ours was changed.
"""

from __future__ import annotations

import functools
import math

import torch

from ssgan_lite.change import Change, change_of, region_of
from ssgan_lite.editor.drawing import Drawings
from ssgan_lite.errors import UserError
from ssgan_lite.measure.locality import STEPS, candidate_directions, choose_directions, margin
from ssgan_lite.model import GeneratorOutput, MonolithicGenerator
from ssgan_lite.weights import load_pretrained, shipped

SEED, PSI = 38, 0.7             # of its face
AXES = 8                        # principal axes that are tried, as in notebook 11
SIZE = 256                      # pixels of its picture, which has half the width of the page's
ENDING = "-monolithic"          # how the names of such models end


class Baseline:
    """A monolithic generator and its face; `edit(part, target)` changes it and says how far that went."""

    def __init__(self, generator: MonolithicGenerator, name: str):
        self.generator, self.name, self.parts = generator, name, generator.config.parts
        with torch.no_grad():
            w = generator.mapping(generator.sample_z(1, SEED))
            self.codes = generator.layout.to_w_plus(generator.truncate(w, PSI))                # [1, n_latent, S]
        self.face = self._draw(self.codes)
        self.drawings = Drawings(SIZE)
        self._curves: dict[int, torch.Tensor] = {}
        self._last: tuple = None, None

    @functools.cached_property
    def directions(self) -> tuple[torch.Tensor, list[int]]:
        """Principal axes of W [AXES, n_latent, S], and for every part the number of the one that changes it most."""
        axes = candidate_directions(self.generator, 0, AXES)[:AXES]
        most, _ = choose_directions(self.generator, axes, 0, margin(self.generator.config.size), batch=16)
        return axes, most

    def edit(self, part: str, target: float) -> tuple[GeneratorOutput, Change]:
        """Its face with the part changed by `target` (see `Change.inside`), and what that did.

        If the part cannot be changed so much within 8 standard deviations, the farthest of the steps is taken; if
        the face does not have the part, it stays as it is.
        """
        number = self.generator.config.part_id(part)
        still = self.face, self.change(self.face, number)
        if not target > 0:
            return still
        axes, most = self.directions
        if number not in self._curves:
            steps = torch.tensor(STEPS).view(-1, 1, 1)
            self._curves[number] = self.change(self._draw(self.codes + steps * axes[most[number]]), number).inside
        step = reach(self._curves[number].nan_to_num(0.0).tolist(), target)
        if step is None:
            return still
        if self._last[0] != (number, step):                 # what is on the page already is not drawn again
            out = self._draw(self.codes + step * axes[most[number]])
            self._last = (number, step), (out, self.change(out, number))
        return self._last[1]

    def change(self, after: GeneratorOutput, part: int) -> Change:
        """What was done to its face, inside and outside of the part, for each of N pictures."""
        before, ids = self.face.image.expand_as(after.image), after.mask.argmax(1)
        region = region_of(self.face.mask.argmax(1).expand_as(ids), ids, part)
        return change_of(before, after.image, region)

    @torch.no_grad()
    def _draw(self, codes: torch.Tensor) -> GeneratorOutput:
        return self.generator(codes)


def reach(curve: list[float], target: float) -> float | None:
    """How long a step must be for a change `target`, where steps of the lengths STEPS change by `curve`.

    Between two of them the logarithm is interpolated, below the first the change grows in proportion; None if no step
    changes anything.
    """
    if max(curve) <= 0:
        return None
    for k, change in enumerate(curve):
        if change >= target:
            if k == 0 or curve[k - 1] <= 0:
                return STEPS[k] * target / change
            share = math.log(target / curve[k - 1]) / math.log(change / curve[k - 1])
            return STEPS[k - 1] * (STEPS[k] / STEPS[k - 1]) ** share
    return STEPS[curve.index(max(curve))]


def baseline_name(model: str) -> str | None:
    """The name of the baseline for a model: of the same budget if it ships, else another one."""
    names = [name for name in shipped() if name.endswith(ENDING)]
    if model + ENDING in names:
        return model + ENDING
    return names[0] if names else None


@functools.lru_cache(maxsize=2)
def load_baseline(name: str) -> Baseline:
    """Loaded when it is first wanted, once for all who use the editor."""
    return Baseline(load_pretrained(name).eval(), name)


class BaselineActions:
    """What a `Desk` shows and does of it. Needs: face, part, mark, said, told, name, output."""

    def _find_baseline(self) -> None:
        self.baseline: Baseline | None = None       # beside our face, while it is wanted
        self.baseline_name = baseline_name(getattr(self.face.generator, "name", ""))

    def do_beside(self) -> None:
        """Show the ordinary GAN, or put it away."""
        if self.baseline_name is None:
            raise UserError("No model without parts is here to compare with.")
        if self.baseline is not None:
            self.baseline, self.told = None, "The ordinary GAN is put away."
            return
        self.baseline = load_baseline(self.baseline_name)
        self.told = "An ordinary GAN makes the same edits beside yours."

    def baseline_view(self, inside: float) -> tuple[dict | None, bytes, bytes]:
        """What the page shows of it, its picture, and its face before. inside: of our edit (see `Change`)."""
        if self.baseline_name is None or self.baseline is None:
            return (None if self.baseline_name is None else dict(on=False)), b"", b""
        baseline, part = self.baseline, self.face.generator.config.parts[self.part]
        before, knows = baseline.drawings(baseline.face).picture, part in baseline.parts
        out, change = baseline.edit(part, inside) if knows else (baseline.face, None)
        meter = {where: _share(getattr(change, where, 0.0)) for where in ("inside", "outside")}
        view = dict(on=True, name=baseline.name, size=baseline.generator.config.size, meter=meter, knows=knows)
        return view, baseline.drawings(out).picture, before


def _share(change: torch.Tensor | float) -> float:
    """Of the range from -1 to 1; 0 where there is no region."""
    share = float(change) / 2
    return share if math.isfinite(share) else 0.0
