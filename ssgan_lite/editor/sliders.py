"""The sliders of the chosen part: directions that a judge has named, and the principal axes.

An axis has words for its two ends where they could be measured (directions/axis_labels.py), else its number.
"""

from __future__ import annotations

import weakref
from pathlib import Path

from ssgan_lite import assets
from ssgan_lite.directions.store import NamedDirections, load_directions
from ssgan_lite.editor.visible import dead_axes
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator

AXES = 3                # sliders for each kind; of the codes' axes, the first ones
REACH = 3.0             # standard deviations to either side

# Per model and part, the axes (kind, number) that change nothing to be seen; found once for all who use the model.
_dead: weakref.WeakKeyDictionary[SemanticGenerator, dict[int, frozenset]] = weakref.WeakKeyDictionary()


class SliderActions:
    """What a `Desk` shows and does of sliders. Needs: face, part, name, gallery, said, did, cover, _pixels."""

    def _load_names(self, directions: str | Path | None) -> None:
        """The named directions in a file, or those that ship with the model; without any, axes are all there is."""
        self.named: NamedDirections | None = None
        generator = self.face.generator
        if directions is not None:
            self.named = load_directions(generator, directions)
        elif generator.name in assets.listed("directions/*.safetensors"):
            try:
                self.named = load_directions(generator)
            except UserError as error:          # the editor works without them
                self.said = str(error)

    def _sliders(self) -> list:
        """The chosen part's named directions."""
        return self.named.of(self.face.generator.config.parts[self.part]) if self.named else []

    def _named(self) -> list[dict]:
        """Their names, where the face is on each, and what they move beside the part; of a cover, its own sliders."""
        if self.cover is not None:
            return self._cover_sliders()
        return [dict(label=slider.label, value=float(slider.direction.read(self.face.state.codes)[0]), low=slider.low,
                     high=slider.high, correlation=slider.effect["correlation"],
                     others=[part for part in slider.direction.place.parts if part != slider.part])
                for slider in self._sliders()]

    def _axes(self) -> dict[str, list[dict]]:
        if self.cover is not None:
            return {}
        dead = _dead.get(self.face.generator, {}).get(self.part, frozenset())
        config, layout, codes = self.face.generator.config, self.face.generator.layout, self.face.state.codes
        axes = {}
        for kind in ("shape", "texture"):
            # A model may have no layers of a kind (then its codes do nothing), or none that are read as depth.
            if kind == "shape" and config.depth_layers <= (0 if self.part == 0 else config.base_layers):
                continue
            if kind == "texture" and config.local_layers == config.depth_layers:
                continue
            own = self.face.axes(self.part, kind)
            here = own.read(codes[0, layout[self.part, kind]]).tolist()
            known = zip(here[:AXES], own.shares[:AXES].tolist(), self._words(kind), strict=True)
            axes[kind] = [dict(value=sign * value, share=share, words=words, dead=(kind, axis) in dead)
                          for axis, (value, share, (words, sign)) in enumerate(known)]
        return axes

    def _words(self, kind: str) -> list[tuple[list[str] | None, int]]:
        """Of the chosen part's axes: words for the left end and the right, and -1 where the slider is turned around.

        An axis that has a number alone has no words.
        """
        part = self.face.generator.config.parts[self.part]
        directions = self.face.axes(self.part, kind).directions[:AXES]
        known = self.named.axis_words(part, kind, directions) if self.named else [None] * len(directions)
        return [([words[0], words[1]], words[2]) if words else (None, 1) for words in known]

    def _unnamed(self) -> str | None:
        """For a model without any names: how to get them."""
        return None if self.named else "Words for it are made by: ssgan-lite directions WEIGHTS --out FILE"

    def _find_dead(self) -> None:
        """Try the chosen part's axes on this face and on one of the gallery: what does nothing is not offered."""
        known = _dead.setdefault(self.face.generator, {})
        # Near the model's average face nothing moves.
        faces = [self.face] if self._pixels() and self.face.state.psi >= 0.5 else []
        faces += [wearer.face for wearer in self.gallery.shown(self.part)[:1]]
        if self.part not in known and faces and self.cover is None:
            axes = [(kind, axis) for kind, sliders in self._axes().items() for axis in range(len(sliders))]
            known[self.part] = dead_axes(faces, self.part, axes)

    def do_slide_named(self, i: int, value: float) -> None:
        """Set the chosen part's i-th named direction."""
        if self.cover is not None:
            self._slide_cover(int(i), value)
            return
        here = self._sliders()
        if not 0 <= int(i) < len(here):
            raise UserError(f"The {self.name.lower()} has no named direction {int(i) + 1}.")
        slider = here[int(i)]
        self.did = f"{self.name}: {slider.label}"
        self.face.set_direction(slider.direction, max(slider.low, min(slider.high, float(value))))

    def do_slide(self, kind: str, axis: int, value: float) -> None:
        if self.cover is not None:
            raise UserError("Something else is behind the face, with sliders of its own.")
        words, sign = dict(enumerate(self._words(kind))).get(int(axis), (None, 1))
        self.face.set_axis(self.part, kind, int(axis), sign * max(-2 * REACH, min(2 * REACH, float(value))))
        self.did = f"{self.name} {kind}: {' to '.join(words)}" if words else f"{self.name}: {kind} {int(axis) + 1}"
