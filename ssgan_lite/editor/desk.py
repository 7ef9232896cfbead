"""Actions of the face editor, without any widget: every action of the page is one method here, named `do_...`.

The desk holds a `Session`, the part that is chosen, a gallery of faces to copy from, and the picture that the meter
compares with. `Page` (page.py) hands it what the browser asks for and sends what it says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ssgan_lite.edit import Session, compare
from ssgan_lite.edit.export import has_encoder
from ssgan_lite.edit.history import History
from ssgan_lite.edit.state import FaceState
from ssgan_lite.editor.background import BackgroundActions
from ssgan_lite.editor.baseline import BaselineActions
from ssgan_lite.editor.drawing import Drawing, Drawings, jpeg
from ssgan_lite.editor.gallery import Gallery, describe
from ssgan_lite.editor.own import OwnPicture, OwnPictureActions, is_background
from ssgan_lite.editor.sharing import SharingActions
from ssgan_lite.editor.sliders import SliderActions
from ssgan_lite.editor.steps import StepActions
from ssgan_lite.editor.visible import can_be_seen
from ssgan_lite.errors import UserError
from ssgan_lite.model import GeneratorOutput, SemanticGenerator
from ssgan_lite.parts import vocabulary
from ssgan_lite.storage import user_path

THROWS = 8              # of the dice, until something can be seen
KEPT = 0.4              # share of a part's pixels that it must keep when the dice give another version of it
FIRST_SEED = 38         # of the face that an editor opens with: a pleasing one of lite64


class Desk(BackgroundActions, OwnPictureActions, SliderActions, StepActions, BaselineActions, SharingActions):
    """A face on the desk, and what lies beside it."""

    def __init__(self, generator: SemanticGenerator, seed: int = FIRST_SEED, psi: float = 0.7,
                 part: str | None = None, gallery: int | None = None, folder: str | Path | None = ".",
                 directions: str | Path | None = None):
        config = generator.config
        self.face, self.folder = Session(generator, seed, psi), None if folder is None else user_path(folder)
        self.part = config.part_id("hair" if part is None and "hair" in config.parts else
                                   part if part is not None else config.n_parts - 1)
        # At 512 pixels eight faces would take half a minute: there, few of them, and only when somebody asks.
        self.fills_gallery = config.size <= 128
        count = gallery if gallery is not None else 8 if self.fills_gallery else 4
        self.gallery = Gallery(generator, seed, psi, count)
        self.trial: FaceState | None = None     # shown instead of the face while the pointer is over the gallery
        self.said = self.told = ""              # for the eye where it matters; for a screen reader after every action
        self.offered, self._stroke = None, None
        self.own: OwnPicture | None = None      # a picture of the user's, while its codes are looked for
        self.photos: dict[int, tuple[FaceState, np.ndarray]] = {}       # faces that are a photograph's, by id
        self._drawings = Drawings()
        self._original: tuple[FaceState | None, bytes] = None, b""
        self._centers: dict[int, tuple[float, float]] = {}     # of moved parts, where they were before
        self._load_names(directions)
        self._begin_steps()
        self._find_baseline()
        self._set_mark()

    # --- what is seen ---------------------------------------------------------------------------------------------

    def view(self) -> dict:
        """Everything that the page shows beside the pictures, as plain types."""
        face, config, out = self.face, self.face.generator.config, self.output()
        labels = out.mask[0].argmax(0)
        pixels = torch.bincount(labels.flatten(), minlength=config.n_parts).tolist()
        colors = vocabulary(config.parts)
        parts = [dict(name=name, color=list(colors[name].color), pixels=pixels[i],
                      locked=i in face.locked, hidden=i in face.state.hidden) for i, name in enumerate(config.parts)]
        change = compare(self.mark, out, self.part)
        return dict(
            resolution=config.size, parts=parts, part=self.part, psi=face.state.psi, named=self._named(),
            axes=self._axes(), unnamed=self._unnamed(), place=self._place(),
            can_undo=face.can_undo, can_redo=face.can_redo, can_reset=face.state is not face.history.first,
            cover=self.cover_view(), said=self.said, told=self.told or self.said,
            own=self.own_view(),
            mark=self.mark_number,
            # Images run from -1 to 1: half of the mean change is a share of the whole range. A part that is not in
            # the picture has no change inside (NaN), which JSON could not carry.
            meter={where: share / 2 if math.isfinite(share := getattr(change, where)) else 0.0
                   for where in ("inside", "outside")}, folder=self.folder is not None, movie=has_encoder(),
            gallery=dict(names=describe(self.gallery.shown(self.part), self.part, config.parts[self.part]),
                         wanted=self.fills_gallery and not self.gallery.is_filled(self.part)))

    @property
    def in_stroke(self) -> bool:
        """Is a slider, or a part of the picture, being dragged?"""
        return self._stroke is not None

    def output(self) -> GeneratorOutput:
        """What is on the page: the face, or a trial."""
        return self.face.render(self.trial)

    def thumbnails(self) -> bytes:
        """The gallery for the chosen part: n crops of 64 x 64 x 3 bytes, one after the other."""
        return b"".join(wearer.crop(self.part).tobytes() for wearer in self.gallery.shown(self.part))

    def drawing(self) -> Drawing:
        """What is on the page, at display size."""
        return self._draw(self.trial or self.face.state)

    def original(self) -> bytes:
        """The picture that the face began as, as a JPEG file: the user's own, or that of the first state."""
        first = self.face.history.first
        if self._original[0] is not first:
            photo = self.photo()
            self._original = first, self._draw(first).picture if photo is None else jpeg(photo)
        return self._original[1]

    def photo(self) -> np.ndarray | None:
        """The photograph that the face was made from, at display size: uint8 [S, S, 3]; None if it was drawn."""
        return self.photos.get(id(self.face.history.first), (None, None))[1]

    def _draw(self, state: FaceState) -> Drawing:
        return self._drawings(self.face.render(replace(state, backdrop=None)), state.backdrop)

    def _set_mark(self) -> None:
        """From here on the meter counts."""
        self.mark = self.face.render()
        self.mark_number = getattr(self, "mark_number", 0) + 1

    # --- actions --------------------------------------------------------------------------------------------------

    def act(self, actions: Sequence[dict], buffers: Sequence[bytes] = ()) -> None:
        """Do what the page asks for, in order. What cannot be done is said, and the rest is done all the same."""
        if not is_background(actions):              # what was said before stays
            self.said = self.told = ""
        self.offered = None
        for action in actions:
            options = dict(action)
            self.trial, self.did = None, ""
            method: Callable | None = getattr(self, f"do_{options.pop('do', '')}", None)
            stroke = options.pop("stroke", None)
            if stroke is None or stroke != self._stroke:
                self.face.history.end_stroke()
                if stroke is not None:
                    self.face.history.begin_stroke()
            self._stroke = stroke
            if "buffer" in options:
                options["content"] = bytes(buffers[options.pop("buffer")])
            before = self.face.state
            try:
                if method is None:
                    raise UserError("The page asks for something that this version does not know. Reload it.")
                method(**options)
            except UserError as error:
                self.said = str(error)
            self._note(before)
            self._leave_own()

    def do_look(self) -> None:
        """Nothing; the answer brings the page up to date."""

    def do_select(self, part: int) -> None:
        self.part = self.face.generator.config.part_id(int(part))
        self._set_mark()
        self.told = f"{self.name} chosen."
        if not self._pixels():
            self.told += " It is not in this picture."

    def do_place(self, dx: float, dy: float, zoom: float, part: int | None = None) -> None:
        """Move the part by (dx, dy) half picture widths and enlarge it about its own center."""
        dx, dy, zoom = float(dx), float(dy), float(zoom)
        if part is not None and part != self.part:
            self.do_select(part)
        self.did = f"{self.name}: place and size"
        if self.cover is not None:
            self.face.adjust_backdrop(dx=dx, dy=dy, zoom=zoom)
            return
        x, y = self._center()
        # `Session.move` enlarges about the middle of the picture: what is at x comes to lie at zoom * x + dx.
        self.face.move(self.part, dx + x * (1 - zoom), dy + y * (1 - zoom), zoom)

    def do_dice(self, kind: str | None = None) -> None:
        """Another version of the part. Throws of which nothing could be seen, or that lose the part, are repeated."""
        if not self._pixels() and kind != "texture":
            self._put_on()
            return
        before, pixels, seen = self.output(), self._pixels(), None
        with self.face.stroke():
            for _ in range(THROWS):
                if self.cover is None:
                    self.face.randomize(self.part, kind)
                else:
                    self.face.randomize_backdrop()
                if can_be_seen(before, self.output()):
                    seen = self.face.state
                    if self._pixels() >= KEPT * pixels:
                        break
            else:                               # better a part that has shrunk than nothing
                if seen is not None:
                    self.face.history.enter(seen)
        self.told = f"New {kind or 'version'} of the {self.name.lower()}."
        if seen is None and self.cover is not None:
            self.said = "The picture behind the face looks the same wherever it lies."
        elif seen is None:
            self.said = (f"This model knows no other {kind or 'version'} of the {self.name.lower()} that can be seen "
                         "here.")

    def _put_on(self) -> None:
        """A part that this face does not have, from some face that has it."""
        self.do_gallery()
        if not self.gallery.shown(self.part):
            raise UserError(f"None of the faces that were tried has {self.name.lower()}.")
        self._puts_on = (getattr(self, "_puts_on", -1) + 1) % len(self.gallery.shown(self.part))
        self.do_take(self._puts_on)

    def do_new_face(self) -> None:
        self.face.randomize("all")
        self._set_mark()
        self.told = "Another face; locked parts stay." if self.face.locked else "Another face."

    def do_psi(self, value: float) -> None:
        self.face.set_psi(value)
        self.did = "Variety"
        self._set_mark()

    def do_lock(self) -> None:
        locked = self.part in self.face.locked
        (self.face.unlock if locked else self.face.lock)(self.part)
        self.told = f"{self.name} {'unlocked' if locked else 'locked'}."

    def do_show(self) -> None:
        hidden = self.part in self.face.state.hidden
        (self.face.show if hidden else self.face.hide)(self.part)
        self.told = f"{self.name} {'shown' if hidden else 'hidden'}."

    def do_gallery(self, more: bool = False) -> None:
        """Faces that have the chosen part, made when they are first wanted."""
        (self.gallery.more if more else self.gallery.fill)(self.part)
        if self.fills_gallery:
            self._find_dead()
        if not self.gallery.shown(self.part):
            self.said = f"None of the faces that were tried has {self.name.lower()}."

    def do_preview(self, i: int, kind: str | None = None) -> None:
        """Show what `do_take` would do, until anything else is done."""
        kept, self.face.history = self.face.history, History(self.face.state)
        try:
            self._take(int(i), kind)
            self.trial, self.said = self.face.state, ""
        finally:
            self.face.history = kept

    def do_take(self, i: int, kind: str | None = None) -> None:
        self._take(int(i), kind)
        self.told = f"{self.name} taken from face {int(i) + 1}."
        if self.part in self.face.state.lifts:
            self.said = (f"The {self.name.lower()} would be hidden on this face, so it was brought forward. Undo "
                         "takes it back.")

    def _take(self, i: int, kind: str | None) -> None:
        wearers = self.gallery.shown(self.part)
        if not 0 <= i < len(wearers):
            raise UserError("There is no such face to take it from.")
        with self.face.stroke():
            self._uncover()
            if self.part in self.face.state.hidden:
                self.face.show(self.part)
            self.face.wear(wearers[i].face, self.part, kind, wearers[i].depths)

    def do_undo(self) -> None:
        self.told = "Undone." if self.face.can_undo else ""
        self.face.undo()

    def do_redo(self) -> None:
        self.told = "Done again." if self.face.can_redo else ""
        self.face.redo()

    def do_reset(self) -> None:
        self.face.reset()
        self._set_mark()
        self.told = "Back to the original face."

    def do_open(self, content: bytes) -> None:
        opened = Session.load(self.face.generator, content)
        # What was on the desk stays behind it in the history: undo brings it back.
        self.face.history.begin(opened.history.first)
        if opened.state is not opened.history.first:
            self.face.history.enter(opened.state)
        self.face.locked, self.face.seed = opened.locked, opened.seed
        self._set_mark()
        self.said = "The saved face is open."

    # --- inside ---------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The chosen part's, as the beginning of a sentence."""
        return self.face.generator.config.parts[self.part].capitalize()

    def _pixels(self) -> int:
        """How many pixels of the picture belong to the chosen part."""
        return int((self.output().mask[0].argmax(0) == self.part).sum())

    def _center(self) -> tuple[float, float]:
        """Where the chosen part is when it is not moved, in coordinates from -1 to 1."""
        dx, dy, zoom = self.face.state.placement.get(self.part, (0.0, 0.0, 1.0))
        if (dx, dy, zoom) == (0.0, 0.0, 1.0) or self.part not in self._centers:
            rows, columns = (self.output().mask[0].argmax(0) == self.part).nonzero().float().split(1, dim=1)
            half = (self.output().image.shape[-1] - 1) / 2
            x, y = (float(v.mean()) / half - 1 if len(v) else 0.0 for v in (columns, rows))
            self._centers[self.part] = (x - dx) / zoom, (y - dy) / zoom
        return self._centers[self.part]

    def _place(self) -> dict[str, float]:
        """How far the chosen part's center was moved, and how much the part was enlarged."""
        if self.cover is not None:
            return dict(zip(("dx", "dy", "zoom"), self.cover.place, strict=True))
        if self.part not in self.face.state.placement:
            return dict(dx=0.0, dy=0.0, zoom=1.0)
        dx, dy, zoom = self.face.state.placement[self.part]
        x, y = self._center()
        return dict(dx=round(dx - x * (1 - zoom), 4), dy=round(dy - y * (1 - zoom), 4), zoom=zoom)
