"""What an eye would notice: changes of a picture, and sliders that make none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssgan_lite.edit import Session
from ssgan_lite.model import GeneratorOutput

VISIBLE = 0.1           # change of a channel, of the range -1 to 1, that counts as seen: 13 of 255
FAR = 2.5               # standard deviations to either side, at which a slider is tried


def can_be_seen(before: GeneratorOutput, after: GeneratorOutput) -> bool:
    """Do the two pictures differ in so many pixels, by so much, that an eye would notice?"""
    change = (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().amax(1)              # [1, R, R]
    return int((change > VISIBLE).sum()) >= max(5, 0.001 * change[0].numel())


def dead_axes(faces: Sequence[Session], part: int, axes: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Those of a part's axes (kind, number) along which nothing can be seen to change on any of these faces."""
    dead = set(axes) if faces else set()
    for face in faces:
        trial = face.pick(0)                    # without locks, and with a history of its own
        before = trial.render()
        for kind, axis in sorted(dead):
            for value in (-FAR, FAR):
                if can_be_seen(before, trial.set_axis(part, kind, axis, value).render()):
                    dead.discard((kind, axis))
                trial.undo()
                if (kind, axis) not in dead:
                    break
    return frozenset(dead)
