"""Faces that the notebooks show are chosen by measure."""

from __future__ import annotations

import pytest
import torch

from ssgan_lite import preset
from ssgan_lite.course.examples import face_with, far_apart, guest_for, spread_out
from ssgan_lite.edit import Session, compare
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return SemanticGenerator(preset("nano32")).eval()


def test_face_with_most_of_a_part_is_found(generator):
    seed = face_with(generator, "hair", range(4))
    hair = [(Session(generator, s, 0.7).render().mask.argmax(1) == generator.config.part_id("hair")).sum().item()
            for s in range(4)]
    assert hair[seed] == max(hair)


def test_face_with_most_of_a_part_has_nothing_unwanted_beneath_it(generator):
    seeds, part_id = range(4), generator.config.part_id
    most = face_with(generator, "hair", seeds)
    beneath = {}
    for s in seeds:
        ids = Session(generator, s, 0.7).hide("hair").render().mask.argmax(1)
        beneath[s] = {name for name in generator.config.parts if (ids == part_id(name)).any()}
    unwanted = next((name for name in beneath[most] if any(name not in beneath[s] for s in seeds)), None)
    assert unwanted is not None, "another generator is needed: these four faces have the same parts"
    seed = face_with(generator, "hair", seeds, without=[unwanted])
    assert seed != most and unwanted not in beneath[seed]
    assert face_with(generator, "hair", seeds, without=["background"]) == most, "all have one: the most hair it is"


def test_guest_changes_the_picture_most(generator):
    face = Session(generator, 1, 0.7)
    state, before = face.state, face.render()
    seed = guest_for(face, ["hair"], seeds=range(2, 6))
    assert face.state is state, "the face is as it was"
    effect = {}
    for s in range(2, 6):
        after = face.copy_from(Session(generator, s, 0.7), "hair").render()
        effect[s] = compare(before, after, generator.config.part_id("hair")).map.mean().item()
        face.undo()
    assert seed == max(effect, key=effect.get)
    assert guest_for(face, {"hair": ["hair"], "eyes": ["eyes", "eyebrows"]}, seeds=[3]) == 3


def test_two_faces_that_differ_most(generator):
    a, b = far_apart(generator, range(3))
    images = [Session(generator, s, 0.7).render().image for s in range(3)]
    distance = {(i, j): (images[i] - images[j]).norm().item() for i in range(3) for j in range(i + 1, 3)}
    assert tuple(sorted((a, b))) == max(distance, key=distance.get)


def test_no_seeds_is_an_error(generator):
    with pytest.raises(UserError, match="range"):
        face_with(generator, "hair", [])


def test_pictures_that_differ_are_spread_out():
    levels = torch.tensor([0.0, 0.1, 0.5, 0.52, 0.9])[:, None, None, None].expand(-1, 3, 2, 2)
    assert spread_out(levels, 2, beside=levels[:1]) == [2, 4], "neither beside the first nor beside each other"
    with pytest.raises(UserError, match="6 of 5"):
        spread_out(levels, 6, beside=levels[:1])
