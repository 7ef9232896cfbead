"""A slider through the turns of a game that was played."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from ssgan_lite.course.gan.figures import boards
from ssgan_lite.course.gan.toy import CENTERS, Moment, kinds_found
from ssgan_lite.course.widgets import Panel, draw
from ssgan_lite.errors import UserError


class GameReplay(Panel):
    """One moment of a game at a time, from its history."""

    still_width = 420

    def __init__(self, history: Sequence[Moment]):
        super().__init__()
        if not history:
            raise UserError("The history is empty: play some turns first.")
        self.history = list(history)
        turns = [moment.turn for moment in self.history]
        self.turn = widgets.SelectionSlider(options=turns, value=turns[0], description="turn",
                                            tooltip="The game after so many turns",
                                            layout=widgets.Layout(width="360px"))
        self.picture = widgets.Image(format="png")
        self.children = [self.turn, self.picture, self.caption]
        self.watch([self.turn], self._redraw)
        self._redraw()

    def __repr__(self) -> str:
        return f"GameReplay({len(self.history)} moments)"

    def _redraw(self, _=None) -> None:
        moment = self.history[self.turn.index]
        draw(self.picture, boards({f"after {moment.turn} turns": moment}))
        found = kinds_found(moment.points, CENTERS, 0.6, len(moment.points) // 50)
        self.say(f"After {moment.turn} turns {found} of {len(CENTERS)} kinds are found.")
