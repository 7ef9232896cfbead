"""The strip of steps: a small picture of every state of the history, to go back to with one click."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np
from PIL import Image

from ssgan_lite.edit.state import FaceState
from ssgan_lite.editor.drawing import jpeg
from ssgan_lite.pictures import to_image

WIDTH = 56              # pixels of a small picture
SHOWN_STEPS = 24        # at most on the strip; undo goes back farther


class Step(NamedTuple):
    """A state's small picture [56, 56, 3], and what led to it."""

    picture: np.ndarray
    label: str


class StepActions:
    """What a `Desk` shows and does of it. Needs: face, trial, in_stroke, told, own."""

    def _begin_steps(self) -> None:
        self._labels: weakref.WeakKeyDictionary[FaceState, str] = weakref.WeakKeyDictionary()
        self._known: weakref.WeakKeyDictionary[FaceState, Step] = weakref.WeakKeyDictionary()
        self._drawn: tuple[list[Step], bytes] = [], b""
        self.did = ""           # what the last action did, for the strip; sliders tell nothing else

    def _note(self, before: FaceState) -> None:
        """Remember how the present state came to be, if the last action has made it."""
        state, history = self.face.state, self.face.history
        if state is not before and not history.future and state is not history.first:
            self._labels.setdefault(state, self.did or self.told.rstrip(".") or "Changed")

    def do_step(self, to: int) -> None:
        """Undo or do again until `to` steps lie behind."""
        history = self.face.history
        while len(history.past) > int(to) and history.undo():
            pass
        while len(history.past) < int(to) and history.redo():
            pass
        self.told = f"{self._label(self.face.state)}. This is step {len(history.past) + 1}."

    def _label(self, state: FaceState) -> str:
        return self._labels.get(state, "The face at first")

    def steps_view(self) -> tuple[dict, bytes]:
        """The strip {at: place of the present step, first: number of its first, labels}, and its pictures."""
        history = self.face.history
        states = [*history.past, history.now, *reversed(history.future)]
        at = len(history.past)
        first = max(0, min(at - SHOWN_STEPS // 2, len(states) - SHOWN_STEPS))
        states = states[first:first + SHOWN_STEPS]
        if not self.in_stroke and len(history.past) + len(history.future):
            steps = [self._step(state) for state in states]
            if [id(step) for step in steps] != [id(step) for step in self._drawn[0]]:
                strip = np.concatenate([step.picture for step in steps], 1)
                self._drawn = steps, jpeg(Image.fromarray(strip))
        elif not self.in_stroke:
            self._drawn = [], b""
        return dict(at=at - first, first=first, labels=[step.label for step in self._drawn[0]]), self._drawn[1]

    def _step(self, state: FaceState) -> Step:
        """Drawn once; the label is kept with it."""
        if state not in self._known:
            picture = Image.fromarray(to_image(self.face.render(state).image)[0])
            picture = picture.resize((WIDTH, WIDTH), Image.Resampling.LANCZOS)
            self._known[state] = Step(np.asarray(picture), self._label(state))
        return self._known[state]
