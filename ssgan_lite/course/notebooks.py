"""The notebooks of the course: number, subject and title, in reading order.

This table alone knows the number of a notebook. Code goes by the subject: its folder in `ssgan_lite/course/`, its
test data in `tests/lessons/`. To insert or split a notebook, add a row; a letter after the number ("00b") saves
renaming the files that follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ssgan_lite.errors import UserError, suggest


@dataclass(frozen=True)
class Notebook:
    """One row. number: two digits, and a letter if it was inserted; planned: not written yet, so there is no file."""

    number: str
    subject: str
    title: str
    planned: bool = False

    @property
    def file(self) -> str:
        """Name of the file in `notebooks/`."""
        return f"{self.number}_{self.title.lower().replace(' ', '_')}.ipynb"


NOTEBOOKS = (
    Notebook("00", "start", "start here"),
    Notebook("00b", "gan", "what a GAN is"),
    Notebook("01", "faces", "faces and masks"),
    Notebook("02", "codes", "latents"),
    Notebook("02b", "modulation", "modulation"),
    Notebook("03", "fourier", "Fourier features"),
    Notebook("04", "local", "local generators"),
    Notebook("05", "fusion", "depth fusion"),
    Notebook("06", "rendering", "render net"),
    Notebook("07", "discriminator", "dual discriminator"),
    Notebook("08", "losses", "losses"),
    Notebook("09", "training", "train small"),
    Notebook("10", "scale", "train full"),
    Notebook("11", "measuring", "measure"),
    Notebook("12", "editing", "edit"),
    Notebook("13", "inversion", "invert"),
    Notebook("14", "directions", "directions"),
    Notebook("15", "domains", "new domains"),
    Notebook("16", "many_parts", "how far"),
)
BY_SUBJECT = {notebook.subject: notebook for notebook in NOTEBOOKS}
BY_NUMBER = {notebook.number: notebook for notebook in NOTEBOOKS}


def notebook_of(subject: str) -> Notebook:
    """The notebook on a subject, for instance `notebook_of("fourier").number`."""
    if subject not in BY_SUBJECT:
        raise UserError(f'No notebook is about "{subject}". {suggest(subject, BY_SUBJECT)}')
    return BY_SUBJECT[subject]
