"""What the face editor does, without any widget: every action of the page is one method here, named `do_...`.

The desk holds a `Session`, the part that is chosen, a gallery of faces to copy from, and the picture against which the
meter measures. `Page` (page.py) hands it what the browser asks for and sends what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ssgan_lite.edit import Session, between, compare, frames, gif_bytes, save_gif, save_picture
from ssgan_lite.edit.export import mask_png, picture_png
from ssgan_lite.edit.store import face_to_bytes
from ssgan_lite.errors import UserError
from ssgan_lite.model import GeneratorOutput, SemanticGenerator
from ssgan_lite.parts import vocabulary

AXES = 3                # sliders for each kind; of the codes' axes, the first ones
REACH = 3.0             # standard deviations to either side
FILM_STEPS = 16         # frames of the film from the original to the face as it is now


class Desk:
    """A face on the desk, and what lies beside it."""

    def __init__(self, generator: SemanticGenerator, seed: int = 0, psi: float = 0.7, part: str | None = None,
                 gallery: int | None = None, folder: str | Path | None = "."):
        config = generator.config
        self.face, self.folder = Session(generator, seed, psi), None if folder is None else Path(folder)
        self.part = config.part_id("hair" if part is None and "hair" in config.parts else
                                   part if part is not None else config.n_parts - 1)
        # Twelve faces at 512 pixels would take half a minute: few of them, and only when somebody asks.
        self.gallery_size = gallery if gallery is not None else 8 if config.size <= 128 else 4
        self.gallery_seed, self.gallery_faces = 100 * (seed + 1), None
        self.said, self.offered, self._stroke = "", None, None
        self._set_mark()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def view(self) -> dict:
        """Everything that the page shows beside the pictures, as plain types."""
        face, config, out = self.face, self.face.generator.config, self.output()
        labels = out.mask[0].argmax(0)
        pixels = torch.bincount(labels.flatten(), minlength=config.n_parts).tolist()
        colors = vocabulary(config.parts)
        parts = [dict(name=name, color=list(colors[name].color), pixels=pixels[i],
                      locked=i in face.locked, hidden=i in face.state.hidden) for i, name in enumerate(config.parts)]
        dx, dy, zoom = face.state.placement.get(self.part, (0.0, 0.0, 1.0))
        change = compare(self.mark, out, self.part)
        backdrop = face.state.backdrop
        return dict(
            parts=parts, part=self.part, psi=face.state.psi, axes=self._axes(), place=dict(dx=dx, dy=dy, zoom=zoom),
            can_undo=face.can_undo, can_redo=face.can_redo, can_reset=face.state is not face.history.first,
            backdrop=None if backdrop is None else backdrop.name, said=self.said, mark=self.mark_number,
            # Images run from -1 to 1: half of the mean change is a share of the whole range.
            meter=dict(inside=change.inside / 2, outside=change.outside / 2), folder=self.folder is not None)

    @property
    def in_stroke(self) -> bool:
        """Is a slider, or a part of the picture, being dragged?"""
        return self._stroke is not None

    def output(self) -> GeneratorOutput:
        return self.face.render()

    def original(self) -> GeneratorOutput:
        """The face that the session began with."""
        first = self.face.history.first
        if getattr(self, "_original", (None,))[0] is not first:
            self._original = first, self.face.render(first)
        return self._original[1]

    def _axes(self) -> dict[str, list[dict]]:
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
            axes[kind] = [dict(value=value, share=share) for value, share in
                          zip(here[:AXES], own.shares[:AXES].tolist())]
        return axes

    def _set_mark(self) -> None:
        """From here on the meter counts."""
        self.mark = self.face.render()
        self.mark_number = getattr(self, "mark_number", 0) + 1

    # --- actions ------------------------------------------------------------------------------------------------------

    def act(self, actions: Sequence[dict], buffers: Sequence[bytes] = ()) -> None:
        """Do what the page asks for, in order. What cannot be done is said, and the rest is done all the same."""
        self.said, self.offered = "", None
        for action in actions:
            options = dict(action)
            method: Callable | None = getattr(self, f"do_{options.pop('do', '')}", None)
            stroke = options.pop("stroke", None)
            if stroke is None or stroke != self._stroke:
                self.face.history.end_stroke()
                if stroke is not None:
                    self.face.history.begin_stroke()
            self._stroke = stroke
            if "buffer" in options:
                options["content"] = bytes(buffers[options.pop("buffer")])
            try:
                if method is None:
                    raise UserError("The page asks for something that this version does not know. Reload it.")
                method(**options)
            except UserError as error:
                self.said = str(error)

    def do_look(self) -> None:
        """Nothing; the answer brings the page up to date."""

    def do_select(self, part: int) -> None:
        self.part = self.face.generator.config.part_id(int(part))
        self._set_mark()

    def do_slide(self, kind: str, axis: int, value: float) -> None:
        self.face.set_axis(self.part, kind, int(axis), max(-2 * REACH, min(2 * REACH, float(value))))

    def do_place(self, dx: float, dy: float, zoom: float) -> None:
        self.face.move(self.part, float(dx), float(dy), float(zoom))

    def do_dice(self, kind: str | None = None) -> None:
        self.face.randomize(self.part, kind)

    def do_new_face(self) -> None:
        self.face.randomize("all")
        self._set_mark()

    def do_psi(self, value: float) -> None:
        self.face.set_psi(value)
        self._set_mark()

    def do_lock(self) -> None:
        (self.face.unlock if self.part in self.face.locked else self.face.lock)(self.part)

    def do_show(self) -> None:
        (self.face.show if self.part in self.face.state.hidden else self.face.hide)(self.part)

    def do_gallery(self, more: bool = False) -> None:
        """Faces to copy from, made when they are first wanted."""
        if more or self.gallery_faces is None:
            if more:
                self.gallery_seed += self.gallery_size
            self.gallery_faces = Session(self.face.generator, range(self.gallery_seed, self.gallery_seed
                                                                    + self.gallery_size), self.face.state.psi)

    def do_take(self, i: int, kind: str | None = None) -> None:
        if self.gallery_faces is None:
            raise UserError("There are no faces to copy from yet.")
        self.face.copy_from(self.gallery_faces.pick(int(i)), self.part, kind)

    def do_backdrop(self, colour: str | None = None, content: bytes | None = None) -> None:
        self.face.set_backdrop(content if content is not None else colour)
        self._set_mark()

    def do_undo(self) -> None:
        self.face.undo()

    def do_redo(self) -> None:
        self.face.redo()

    def do_reset(self) -> None:
        self.face.reset()
        self._set_mark()

    def do_open(self, content: bytes) -> None:
        opened = Session.load(self.face.generator, content)
        # What was on the desk stays behind it in the history: undo brings it back.
        opened.history.past = [*self.face.history.past, self.face.state, *opened.history.past]
        self.face.history, self.face.locked, self.face.seed = opened.history, opened.locked, opened.seed
        self._set_mark()
        self.said = "The saved face is open."

    def do_export(self, what: str, name: str = "face", to_folder: bool = False) -> None:
        """A picture with its mask, a film, or the face itself; into the folder, or offered to the browser."""
        name = str(name).strip() or "face"
        if to_folder and self.folder is None:
            raise UserError("Here files can only be downloaded.")
        if what not in ("picture", "film", "face"):
            raise UserError(f'There is nothing called "{what}" to export.')
        if to_folder:
            target = self.folder / name
            write = {"picture": lambda: save_picture(self.face, target),
                     "film": lambda: [save_gif(self._film(), target)],
                     "face": lambda: [self.face.save(target)]}[what]
            self.said = f"Saved: {', '.join(path.name for path in write())}."
            return
        stem = Path(name).name or "face"
        self.offered = {"picture": lambda: [(f"{stem}.png", picture_png(self.face)),
                                            (f"{stem}.mask.png", mask_png(self.face))],
                        "film": lambda: [(f"{stem}.gif", gif_bytes(self._film()))],
                        "face": lambda: [(f"{stem}.safetensors", face_to_bytes(self.face))]}[what]()

    def _film(self):
        """From the original to the face as it is now, and back."""
        first, now = Session(self.face.generator), self.face.pick(0)
        first.history.now = self.face.history.first
        way = between(first, now, FILM_STEPS)
        last = frames(self.face, [self.face.state])
        forth = frames(first, way[:-1]) + last
        return [forth[0]] * 5 + forth[1:-1] + last * 5 + forth[-2:0:-1]

