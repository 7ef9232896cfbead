"""Your own picture in the editor: its face is looked for, guessed by the encoder, and brought nearer step by step.

Nothing runs in the background. The work is cut into pieces (`OwnPicture.go_on`): a few windows of the search, a step
or two of the descent. The page asks for the next piece when the last one is answered (`do_go_on`), and whatever the
user did meanwhile goes with it. So a click waits for one piece at most, in a kernel and in the demo server alike;
there is nothing to lock; and the work for a page that was closed ends by itself.
"""

from __future__ import annotations

import io
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ssgan_lite.edit import Session
from ssgan_lite.edit.backdrop import SHOWN
from ssgan_lite.edit.state import FaceState
from ssgan_lite.editor.drawing import jpeg
from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.invert import (
    Landmarks,
    PartEncoder,
    ProjectOptions,
    Projector,
    align,
    first_guess,
    load_part_encoder,
)
from ssgan_lite.invert.align import read_photo
from ssgan_lite.invert.frame import crop, frame_to_photo
from ssgan_lite.invert.landmarks import search_face
from ssgan_lite.measure.parser import Parser, load_parser
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.encoder import Encoder
from ssgan_lite.weights import encoder_of

PIECE = 0.15            # seconds of work between two answers; a step of the descent is never cut in two
STEPS = 200             # of the descent
KEPT_SIDE = 2048        # pixels of the longer side that are kept of a photograph
SHOWN_SIDE = 800        # ... and that the page shows, to point at eyes and mouth; small pictures are enlarged


@dataclass
class Helpers:
    """Networks that find a face and its first codes."""

    parser: Parser
    features: FrozenFeatures
    encoder: Encoder | None             # of the model, if it came with one
    parts: PartEncoder | None


_helpers: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def helpers_of(generator: SemanticGenerator) -> Helpers:
    """Loaded when they are first wanted, once for all who use the model."""
    if generator not in _helpers:
        name, device = getattr(generator, "name", ""), generator.device
        encoder = parts = None
        if name:
            try:
                encoder, parts = encoder_of(name, device), load_part_encoder(name, generator.config, device)
            except UserError:           # of another model, or damaged: the descent then begins at the mean of W
                encoder = parts = None
        _helpers[generator] = Helpers(load_parser(), FrozenFeatures().to(device), encoder, parts)
    return _helpers[generator]


class OwnPicture:
    """A photograph on its way to codes.

    state   "looking" for a face; "points": none was found, the user has to say where it is; "fitting"; "done"
    codes   W+ [1, n_latent, S], the best so far; None before the guess
    image   [1, 3, R, R], the photograph in the model's frame; None before
    large   uint8 [S, S, 3], the same at display size
    """

    def __init__(self, generator: SemanticGenerator, content: bytes, name: str = "your picture"):
        self.generator, self.name, self.steps = generator, name, STEPS
        self.photo = read_photo(content, name)
        self.note = "Of an animation its first picture is taken." if _is_animated(content) else ""
        self.photo.thumbnail((KEPT_SIDE, KEPT_SIDE))
        self.state, self.step, self.refused = "looking", 0, 0
        self.codes: Tensor | None = None
        self.image: Tensor | None = None
        self.large: np.ndarray | None = None
        self.shown: FaceState | None = None         # the state of the face on the desk that has these codes
        self.picture = self._photo_file()
        self._work = self._look_and_fit()

    @property
    def busy(self) -> bool:
        return self.state in ("looking", "fitting")

    def go_on(self) -> None:
        """One piece of work; it also ends where something new is to be seen."""
        end, before = time.monotonic() + PIECE, self.state
        while self.busy and self.state == before:
            next(self._work, None)
            if time.monotonic() >= end:
                break

    def ask_for_points(self) -> None:
        """The user will say where eyes and mouth are."""
        self.state, self.picture = "points", self._photo_file()

    def point(self, points: Sequence[Sequence[float]]) -> None:
        """Eyes and mouth as shares of the photograph's width and height; the guess is there when this returns."""
        try:
            places = [(float(x) * self.photo.width, float(y) * self.photo.height) for x, y in points]
        except (TypeError, ValueError):
            places = []
        if len(places) != 3:
            raise UserError("Three points are needed: two eyes and the mouth.")
        try:
            self._work = self._fit(Landmarks(*places))
            next(self._work)
        except UserError:
            self.refused += 1
            raise

    def _look_and_fit(self) -> Iterator[None]:
        found = yield from search_face(self.photo, helpers_of(self.generator).parser)
        if found is None:
            self.ask_for_points()
            return
        yield from self._fit(found)

    def _fit(self, landmarks: Landmarks) -> Iterator[None]:
        generator, helpers = self.generator, helpers_of(self.generator)
        aligned = align(self.photo, generator.config.size, landmarks, parser=helpers.parser,
                        parts=generator.config.parts)
        image, mask = aligned.image.to(generator.device), aligned.mask.to(generator.device)
        codes = first_guess(generator, image, mask, helpers.encoder, helpers.parts, helpers.features)
        self.image, self.codes, self.step, self.state = image, codes, 0, "fitting"
        shown = max(SHOWN, generator.config.size)
        self.large = np.asarray(crop(self.photo, frame_to_photo(aligned.landmarks), shown))
        self.picture = jpeg(self.large)
        yield
        projector = Projector(generator, image, mask, "parts", ProjectOptions(steps=self.steps), codes,
                              helpers.features)
        while not projector.finished:
            projector.step()
            self.step, self.codes = projector.steps, projector.codes
            yield
        projector.finish()
        self.codes, self.state = projector.codes, "done"

    def _photo_file(self) -> bytes:
        return jpeg(ImageOps.contain(self.photo, (SHOWN_SIDE, SHOWN_SIDE)))


class OwnPictureActions:
    """What the page can ask for. Needs of `Desk`: face, own, photos, said, told, _set_mark."""

    def do_picture(self, content: bytes, name: str = "") -> None:
        """Begin with the content of an image file."""
        self.own = OwnPicture(self.face.generator, content, str(name).strip()[:80] or "your picture")
        self.said, self.told = self.own.note, f"Looking for a face in {self.own.name}. {self.own.note}"

    def do_points(self, points: Sequence[Sequence[float]] | None = None) -> None:
        """Eyes and mouth as the user sees them; without points, let the user say."""
        if self.own is None:
            raise UserError("The picture is not here any more. Choose it again.")
        if points is None:
            self.own.ask_for_points()
            return
        self.own.point(points)
        self._show_own()
        self.told = "This is the first guess. It comes nearer by itself; stop it when it is good enough."

    def do_go_on(self) -> None:
        """The next piece of work."""
        if self.own is None or not self.own.busy:
            return
        before = self.own.state
        try:
            self.own.go_on()
        except Exception:
            self.own = None
            raise
        self._show_own()
        if self.own.state == "points":
            self.said = f"No face was found in {self.own.name}. Point at its eyes and at its mouth."
        elif before == "looking" and self.own.state == "fitting":
            self.told = "A face was found. It comes nearer by itself; stop it when it is good enough."
        elif self.own.state == "done":
            self.do_stop()

    def do_stop(self) -> None:
        """Good enough: from here on it is a face like any other."""
        if self.own is not None and self.own.shown is not None:
            self.said = (f"Your picture can be edited now; this face is {self._levels():.0f} levels of 255 away from "
                         "it. Undo brings the face before it back.")
        self.own = None

    def do_cancel(self) -> None:
        """As if the picture had not been chosen; while its points are corrected, as if they had not been."""
        if self.own is not None and self.own.state == "fitting":
            self.face.undo()
            self._set_mark()
        self.own, self.told = None, "The picture is put away."

    def own_view(self) -> dict | None:
        """What the page shows of it, as plain types."""
        own = self.own
        if own is None:
            return None
        return dict(state=own.state, name=own.name, step=own.step, steps=own.steps, refused=own.refused,
                    levels=round(self._levels(), 1) if own.shown is not None else None)

    def _levels(self) -> float:
        """Mean absolute difference between what is on the page and the photograph, of 255."""
        return float((self.face.render().image[:1].clamp(-1, 1) - self.own.image).abs().mean() * 127.5)

    def _show_own(self) -> None:
        """Put the best codes so far on the desk: one step of the history, however often they change."""
        own, history = self.own, self.face.history
        if own.codes is None or own.shown is not None and torch.equal(own.shown.codes, own.codes):
            return
        state = Session(self.face.generator, codes=own.codes).state
        if own.shown is not None:
            del self.photos[id(own.shown)]
            history.improve(state)
        else:
            history.begin(state)
            self.face.locked = frozenset()
        own.shown = state
        self.photos[id(state)] = state, own.large
        self._set_mark()

    def _leave_own(self) -> None:
        """Whoever edits the face, or goes back behind it, has decided that it is good enough."""
        if self.own is not None and self.own.shown is not None and self.face.state is not self.own.shown:
            self.own = None


def is_background(actions: object) -> bool:
    """Is a request nothing but the next piece of work, which nobody clicked for?"""
    return isinstance(actions, list) and len(actions) == 1 and isinstance(actions[0], dict) \
        and actions[0].get("do") == "go_on"


def _is_animated(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:                   # `read_photo` has read it already; who cannot count its frames, does not
        return False
