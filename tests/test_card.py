"""What is shared: the card, and the film that begins and ends with the faces that were shown."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.edit import Session, card, cards, film, share, shown
from ssgan_lite.edit.cards import MARGIN, changed_parts
from ssgan_lite.edit.export import has_encoder
from ssgan_lite.errors import UserError


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    return sg.load_pretrained("nano32")


@pytest.fixture()
def face(G) -> Session:
    return Session(G, 3, psi=0.7).randomize("hair", seed=5)


def test_card_shows_before_and_after(face) -> None:
    picture, before = np.asarray(card(face), float), shown(face, face.history.first)
    middle = slice(MARGIN + 100, MARGIN + 400)
    for left, wanted in ((MARGIN, before), (MARGIN + 512 + 24, shown(face))):
        drawn = picture[middle, left + 100:left + 400]
        assert np.abs(drawn - wanted[100:400, 100:400]).max() == 0
    photo = np.full((512, 512, 3), 90, np.uint8)
    assert (np.asarray(card(face, photo))[middle, MARGIN + 100:MARGIN + 400] == 90).all()


def test_card_of_a_face_that_was_not_changed_is_refused(G) -> None:
    with pytest.raises(UserError, match="Change the face first"):
        card(Session(G, 3))


def test_parts_that_were_changed_are_named(G, face) -> None:
    names = lambda: [G.config.parts[i] for i in changed_parts(face, face.history.first, face.state)]   # noqa: E731
    assert names() == ["hair"]
    face.move("mouth", 0.1).hide("nose").set_backdrop("white")
    assert set(names()) == {"background", "hair", "mouth", "nose"}
    face.set_psi(0.2)
    assert names() == list(G.config.parts)
    face.reset()
    assert names() == []


def test_film_goes_there_and_back(face) -> None:
    face.move("mouth", 0.2).hide("nose")
    pictures = film(face, 64)
    first, last = (shown(face, state, 64) for state in (face.history.first, face.state))
    assert (pictures[0] == first).all() and any((picture == last).all() for picture in pictures)
    steps = [np.abs(a.astype(float) - b).mean() for a, b in zip(pictures, [*pictures[1:], pictures[0]], strict=True)]
    assert steps[-1] < 0.3 * np.abs(first.astype(float) - last).mean(), "it can be repeated: no jump at its end"


def test_card_and_film_are_written_beside_each_other(face, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cards, "STEPS", 3)
    files = share(face, tmp_path / "me.png")
    assert [file.name for file in files] == ["me.png", "me.gif"] + ["me.mp4"] * has_encoder()
    assert Image.open(files[0]).size == (1128, 812)
    gif = Image.open(io.BytesIO(files[1].read_bytes()))
    assert gif.info["loop"] == 0 and gif.n_frames >= 6
    with pytest.raises(UserError, match="exists already"):
        share(face, tmp_path / "me")
