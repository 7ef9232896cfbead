"""What a check can find: nothing was answered yet, or something is wrong and this is the hint."""

from __future__ import annotations


class CheckFailed(AssertionError):
    """Raised by a check only if SSGAN_CHECKS=raise; an AssertionError, so that graders take it for a failed test."""

    def __init__(self, hint: str = ""):
        super().__init__(hint)
        self.hint = hint


class NotStarted(CheckFailed):
    """The place for the answer still holds `...`."""


class WrongAnswer(CheckFailed):
    """The first thing that is wrong with an answer, in words."""
