"""What lies behind the face on the page: the model's own background, a color, or an image of the user's.

Dice and sliders of the background act on what is shown. The model's own is a part like any other; a color has hue,
saturation and brightness; an image lies somewhere, larger or smaller, mirrored, brighter or darker.
"""

from __future__ import annotations

from ssgan_lite.edit.backdrop import Backdrop
from ssgan_lite.errors import UserError


class BackgroundActions:
    """What the page shows and does of it. Needs of `Desk`: face, part, name, said, told, did, _set_mark."""

    @property
    def cover(self) -> Backdrop | None:
        """What the chosen part's controls act on in place of codes, if that is the background and it is covered."""
        return self.face.state.backdrop if self.part == 0 else None

    def do_backdrop(self, color: str | None = None, content: bytes | None = None) -> None:
        self.face.set_backdrop(content if content is not None else color)
        self._set_mark()
        self.told = "Background changed."

    def do_mirror(self) -> None:
        """The image behind the face, left to right."""
        backdrop = self.face.state.backdrop
        self.face.adjust_backdrop(mirrored=not (backdrop is not None and backdrop.mirrored))
        self.told = "The picture behind the face is mirrored."

    def cover_view(self) -> dict | None:
        """Whether a color or an image covers the model's background, as plain types."""
        backdrop = self.face.state.backdrop
        if backdrop is None:
            return None
        return dict(kind="color" if backdrop.is_color else "picture", mirrored=backdrop.mirrored)

    def _cover_sliders(self) -> list[dict]:
        """The sliders of a color or an image, named ones to the page. idle: nothing can be seen of it now."""
        slider = lambda label, value, low, high, unit, idle="": dict(     # noqa: E731
            label=label, value=round(value), low=low, high=high, step=1, unit=unit, idle=idle)
        if not self.cover.is_color:
            return [slider("brightness", 100 * self.cover.brightness, -100, 100, " %")]
        hue, saturation, brightness = self.cover.color
        saturation, brightness = round(100 * saturation), round(100 * brightness)
        black = "" if brightness else "Black has no hue and no saturation: raise the brightness first."
        gray = "" if saturation else "A gray has no hue: raise the saturation first."
        return [slider("hue", hue, 0, 360, "°", black or gray), slider("saturation", saturation, 0, 100, " %", black),
                slider("brightness", brightness, 0, 100, " %")]

    def _slide_cover(self, i: int, value: float) -> None:
        sliders = self._cover_sliders()
        if not 0 <= i < len(sliders):
            raise UserError("What is behind the face has no such slider.")
        name, low, high = (sliders[i][key] for key in ("label", "low", "high"))
        self.did = f"{self.name}: {name}"
        value = max(low, min(high, float(value)))
        self.face.adjust_backdrop(**{name: value if name == "hue" else value / 100})

    def _uncover(self) -> None:
        """Who takes another face's background wants the model's: behind a color nobody would see it."""
        if self.cover is not None:
            self.face.set_backdrop(None)
            self.said = "The model's own background is back."
