"""Undo and redo without limit: a list of past states, and one of those that were undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

State = TypeVar("State")


class History(Generic[State]):
    """States in the order in which they were entered. A *stroke*, such as the drag of a slider, counts as one."""

    def __init__(self, first: State):
        self.now = first
        self._beginnings = [first]
        self.past: list[State] = []
        self.future: list[State] = []
        self._in_stroke = self._begun = False

    @property
    def first(self) -> State:
        """What `reset` goes back to: the face that was begun with, or the one that was opened last."""
        there = {id(state) for state in (*self.past, self.now)}
        return next((state for state in reversed(self._beginnings) if id(state) in there), self._beginnings[0])

    def begin(self, state: State) -> None:
        """Another face, such as a saved one: `first` from here on; undo leads back to the one before."""
        self.end_stroke()
        self.enter(state)
        self._beginnings.append(state)

    def improve(self, state: State) -> None:
        """`state` takes the place of the present one, as if that had never been."""
        self._beginnings = [state if one is self.now else one for one in self._beginnings]
        self.now = state

    def enter(self, state: State) -> None:
        """Make `state` the present one. Within a stroke it takes the place of what the stroke entered before."""
        if not (self._in_stroke and self._begun):
            self.past.append(self.now)
        self._begun = True
        self.future.clear()
        self.now = state

    @contextmanager
    def stroke(self) -> Iterator[None]:
        """All that is entered in the block is one step; a stroke within a stroke is part of it."""
        if self._in_stroke:
            yield
            return
        self.begin_stroke()
        try:
            yield
        finally:
            self.end_stroke()

    def begin_stroke(self) -> None:
        self._in_stroke, self._begun = True, False

    def end_stroke(self) -> None:
        self._in_stroke = self._begun = False

    def undo(self) -> bool:
        """One step back; False at the beginning."""
        self.end_stroke()
        if not self.past:
            return False
        self.future.append(self.now)
        self.now = self.past.pop()
        return True

    def redo(self) -> bool:
        """One step forward again; False if there is none."""
        self.end_stroke()
        if not self.future:
            return False
        self.past.append(self.now)
        self.now = self.future.pop()
        return True
