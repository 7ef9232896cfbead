"""Edits of what lies behind the face: a color or an image in place of the model's background, and how it lies there.

`Session` inherits these. The background that the model makes is a part like any other and is edited as one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Self

import numpy as np

from ssgan_lite.edit import values
from ssgan_lite.edit.backdrop import (
    SHOWN,
    Backdrop,
    color_backdrop,
    hsv_backdrop,
    image_backdrop,
)
from ssgan_lite.errors import UserError, suggest

COLOR_FIELDS = ("hue", "saturation", "brightness")
IMAGE_FIELDS = ("dx", "dy", "zoom", "mirrored", "brightness")
LARGEST_THROW = 1.8         # zoom of an image that the dice place


class BackdropEdits:
    """What a `Session` can do to the backdrop. Needs: generator, state, seed, _draws, _free, _change."""

    def set_backdrop(self, what: str | os.PathLike | bytes | object | None) -> Self:
        """Lay a color ("white", "#20507a") or an image (a path, bytes, a Pillow image, an array) behind the face.

        None brings back the background that the model generates; `randomize("background")` gives another of those.
        """
        self._free(0)
        if what is None or isinstance(what, Backdrop):
            backdrop = what
        elif isinstance(what, str) and not os.path.exists(what) and not os.path.splitext(what)[1]:
            backdrop = color_backdrop(what)
        else:
            backdrop = image_backdrop(what, max(SHOWN, self.generator.config.size))   # sharp where it is shown
        return self._change(backdrop=backdrop)

    def adjust_backdrop(self, **changes: float) -> Self:
        """Change the color or the image that lies behind the face; absolute, not added up.

        Of a color: hue (0 to 360 degrees), saturation and brightness (0 to 1). Of an image: dx, dy and zoom, as
        `move` takes them for a part; mirrored (True or False); brightness (-1 black, 0 as it is, 1 white).

        >>> face.set_backdrop("#20507a").adjust_backdrop(hue=120)
        >>> face.set_backdrop("beach.jpg").adjust_backdrop(zoom=1.5, dx=0.3, mirrored=True)
        """
        self._free(0)
        backdrop = self.state.backdrop
        if backdrop is None:
            raise UserError("The background is the model's own, a part like any other. Lay a color or an image "
                            "behind the face first: `set_backdrop`.")
        fields = COLOR_FIELDS if backdrop.is_color else IMAGE_FIELDS
        for name in changes:
            if name not in fields:
                raise UserError(f"{'A color' if backdrop.is_color else 'An image'} behind the face has "
                                f"{', '.join(fields[:-1])} and {fields[-1]}, not {name}. {suggest(name, fields)}")
        if backdrop.is_color:
            hsv = dict(zip(COLOR_FIELDS, backdrop.color, strict=True))
            for name, value in changes.items():
                hsv[name] = values.number(value, name.capitalize(), 0, 360 if name == "hue" else 1)
            return self._change(backdrop=hsv_backdrop(**hsv))
        before = dict(zip(IMAGE_FIELDS, (*backdrop.place, backdrop.mirrored, backdrop.brightness), strict=True))
        now = {**before, **changes}
        if not isinstance(now["mirrored"], (bool, np.bool_)):
            raise UserError("An image is mirrored or not: True or False.")
        dx, dy, zoom, brightness = (values.number(now[name], name) for name in ("dx", "dy", "zoom", "brightness"))
        return self._change(backdrop=replace(backdrop, place=(dx, dy, zoom), mirrored=bool(now["mirrored"]),
                                             brightness=brightness))

    def randomize_backdrop(self, seed: int | None = None) -> Self:
        """Another color behind the face; or the image that lies there at another place, larger, perhaps mirrored.

        The image goes on covering the whole picture. Without a seed every call draws something else, the same in
        every session of this seed.
        """
        if self.state.backdrop is None:
            return self.adjust_backdrop()           # which says what to do
        if seed is None:
            self._draws += 1
            seed = values.wrapped(1_000_003 * (self.seed + 1) + self._draws)
        draw = np.random.default_rng(values.seed(seed) % 2**64)
        if self.state.backdrop.is_color:
            return self.adjust_backdrop(hue=draw.uniform(0, 360), saturation=draw.uniform(0.2, 0.8),
                                        brightness=draw.uniform(0.3, 1.0))
        zoom = draw.uniform(1.0, LARGEST_THROW)
        dx, dy = draw.uniform(1 - zoom, zoom - 1, 2)
        return self.adjust_backdrop(dx=dx, dy=dy, zoom=zoom, mirrored=draw.random() < 0.5)
