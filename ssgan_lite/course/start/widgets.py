"""A small face editor for one part at a time, with a map of what changed."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from ssgan_lite.course.figures import change_picture
from ssgan_lite.course.widgets import Panel, captioned, draw, gray_pixels, side_by_side, view
from ssgan_lite.edit import Session, compare
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.pictures import mask_to_rgb, to_image


class PartEditor(Panel):
    """Change one part of a face and watch the rest stay as it is.

    Four pictures: the face, its mask, where it differs from the face before the edit in hand, and a guest. The two
    sliders lead from the chosen part of this face to the same part of the guest.
    """

    still_names = ("the face", "its mask", "what changed", "the guest")

    def __init__(self, generator: SemanticGenerator, seed: int = 0, guest: int = 1, psi: float = 0.7,
                 parts: Sequence[str] = ("hair", "eyebrows", "eyes", "background", "face", "mouth", "nose", "cloth")):
        super().__init__()
        self.face, self.guest_seed = Session(generator, seed, psi), guest
        self.parts = [part for part in parts if part in generator.config.parts]
        self._size = generator.config.size
        generator.render.prepare()

        self.part = widgets.Dropdown(options=self.parts, description="part")
        self.shape = self._slider("shape", "How much of the guest's shape this part takes")
        self.texture = self._slider("texture", "How much of the guest's colors this part takes")
        self.psi = widgets.FloatSlider(value=psi, min=0, max=1, step=0.05, description="variety",
                                       tooltip="Truncation: 0 is the average face, 1 the full variety",
                                       readout_format=".2f", continuous_update=True)
        self.dice = self._button("Another guest", "random", "Take this part from another face")
        self.swap = self._button("Swap it all", "exchange", "Take the whole part from the guest")
        self.undo = self._button("Undo", "undo", "Take the last change back")
        self.new = self._button("New face", "user", "Begin with another face")
        self.pictures = [view() for _ in range(4)]
        controls = side_by_side(widgets.VBox([self.part, self.psi]), widgets.VBox([self.shape, self.texture]))
        self.children = [captioned(self.pictures, self.still_names), self.caption, controls,
                         side_by_side(self.dice, self.swap, self.undo, self.new)]

        self.watch([self.part], self._begin_edit)
        self.watch([self.shape, self.texture], self._mix)
        self.watch([self.psi], self._set_psi)
        self.dice.on_click(lambda _: self._invite(self.guest_seed + 1))
        self.swap.on_click(lambda _: self._swap())
        self.undo.on_click(lambda _: self._undo())
        self.new.on_click(lambda _: self._new_face())
        self._invite(guest)

    def __repr__(self) -> str:      # a stable line for stored notebooks; the widget itself is shown beside it
        return f"PartEditor({self._size} px; parts: {', '.join(self.parts)})"

    # The sliders preview: the state before the edit is kept, and each movement replaces the last preview.

    def _begin_edit(self, _=None) -> None:
        """Take what is shown as the face to compare with; put the sliders back."""
        self._turning = False
        self._state = self.face.state
        self._before = self.face.render()
        for slider in (self.shape, self.texture):
            self.set_quietly(slider, 0.0, self._mix)
        self._redraw()

    def _mix(self, _=None) -> None:
        if self.face.state is not self._state:
            self.face.undo()                        # the preview of the last movement
        if self.shape.value or self.texture.value:
            part = self.part.value
            mixed = Session(self.face.generator, self.face.seed)
            mixed.state = self.face.state
            mixed.copy_from(self.guest, part, "shape", self.shape.value)
            mixed.copy_from(self.guest, part, "texture", self.texture.value)
            self.face.copy_from(mixed, part)
        self._redraw()

    def _invite(self, seed: int) -> None:
        self.guest_seed, self.guest = seed, Session(self.face.generator, seed, self.face.state.psi)
        self._show_guest()
        self._begin_edit()

    def _swap(self) -> None:
        self.shape.value = self.texture.value = 1.0

    def _undo(self) -> None:
        self.face.undo()
        # All controls show the face that has come back, its variety and the guest's too.
        psi = self.face.state.psi
        self.set_quietly(self.psi, psi, self._set_psi)
        if self.guest.state.psi != psi:
            self.guest.set_psi(psi)
            self._show_guest()
        self._begin_edit()

    def _new_face(self) -> None:
        self.face.randomize("all")
        self._begin_edit()

    def _set_psi(self, change) -> None:
        if self._turning:
            self.face.undo()                        # a drag is one edit, however many positions it goes through
        self.face.set_psi(change["new"])
        self.guest.set_psi(change["new"])
        self._show_guest()
        self._begin_edit()
        self._turning = True

    def _show_guest(self) -> None:
        draw(self.pictures[3], to_image(self.guest.render().image)[0])

    def _redraw(self) -> None:
        after = self.face.render()
        part = self.face.generator.config.part_id(self.part.value)
        change = compare(self._before, after, part)
        pixels = (to_image(after.image)[0], mask_to_rgb(after.mask.argmax(1))[0], gray_pixels(change_picture(change)))
        for place, array in zip(self.pictures[:3], pixels, strict=True):
            draw(place, array)
        shown = any((out.mask.argmax(1) == part).any() for out in (self._before, after))
        if change.map.max() > 0 and not shown:
            text = f"No pixel belongs to the {self.part.value}, before or now, so there is little to see."
        elif change.map.max() == 0:
            text = f"Move a slider: the {self.part.value} will change."
        else:
            text = (f"Mean change in the {self.part.value}: {change.inside:.3f}; everywhere else: "
                    f"{change.outside:.3f} (images run from -1 to 1).")
        self.say(text)

    @staticmethod
    def _slider(name: str, tooltip: str) -> widgets.FloatSlider:
        return widgets.FloatSlider(value=0, min=0, max=1, step=0.05, description=name, tooltip=tooltip,
                                   readout_format=".2f")

    @staticmethod
    def _button(name: str, icon: str, tooltip: str) -> widgets.Button:
        return widgets.Button(description=name, icon=icon, tooltip=tooltip)
