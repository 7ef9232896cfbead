"""Files for the user: pictures, films, the card, and the face itself; into the folder, or offered to the browser."""

from __future__ import annotations

from pathlib import Path

from ssgan_lite.edit.cards import FPS, film, share_files
from ssgan_lite.edit.export import gif_bytes, mask_png, picture_png
from ssgan_lite.edit.store import face_to_bytes, file_to_write, refuse_existing
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write

KINDS = ("share", "picture", "film", "face")


class SharingActions:
    """What the page can ask for. Needs of `Desk`: face, folder, photo, said, offered."""

    def do_export(self, what: str, name: str = "face", to_folder: bool = False, small: bool = False) -> None:
        """Write files, or offer them.

        what: "share", a card and a film; "picture" with its mask; "film"; "face", which can be opened again. small:
        the picture as the model makes it, not enlarged.
        """
        name = str(name).strip() or "face"
        if to_folder and self.folder is None:
            raise UserError("Here files can only be downloaded.")
        if what not in KINDS:
            raise UserError(f'There is nothing called "{what}" to export.')
        if not to_folder:
            stem = Path(name).name or "face"
            self.offered = [(stem + ending, content) for ending, content in self._files(what, small).items()]
            self.said = f"Here {'it is' if len(self.offered) == 1 else 'they are'}: " \
                f"{', '.join(name for name, _ in self.offered)}."
            return
        # Names are checked first: drawing a film for a name that no file may have would be work for nothing.
        ending = {"face": ".safetensors", "film": ".gif"}.get(what, ".png")
        path = file_to_write(self.folder / name, ending)
        refuse_existing(path, overwrite=False)
        files = {path.with_suffix(suffix): content
                 for suffix, content in self._files(what, small).items()}
        for target in files:
            refuse_existing(target, overwrite=False)
        for target, content in files.items():
            with atomic_write(target) as file:
                file.write_bytes(content)
        self.said = f"Saved: {', '.join(target.name for target in files)}."

    def _files(self, what: str, small: bool) -> dict[str, bytes]:
        """{ending: content}"""
        face = self.face
        if what == "share":
            return share_files(face, self.photo())
        if what == "picture":
            size = {"size": None} if small else {}
            return {".png": picture_png(face, **size), ".mask.png": mask_png(face, **size)}
        return {".gif": gif_bytes(film(face), FPS)} if what == "film" else {".safetensors": face_to_bytes(face)}
