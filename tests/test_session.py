"""A session changes what it is told to change, remembers every state, and says so when it cannot."""

from __future__ import annotations

import pytest
import torch

import ssgan_lite as sg
from ssgan_lite.edit import Session, compare
from ssgan_lite.errors import UserError


@pytest.fixture(scope="module")
def G() -> sg.SemanticGenerator:
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    G.update_mean_w(1000)
    return G


def changed_codes(a, b) -> set[str]:
    """The names of the W+ codes in which two states differ."""
    return {name for i, name in enumerate(LAYOUT_NAMES) if not torch.equal(a.codes[:, i], b.codes[:, i])}


LAYOUT_NAMES = sg.LatentLayout(sg.preset("nano32")).names


@pytest.mark.parametrize("part, kind, expected", [
    ("hair", None, {"hair_shape", "hair_texture"}),
    ("hair", "texture", {"hair_texture"}),
    (["eyes", "nose"], "shape", {"eyes_shape", "nose_shape"}),
    ("base", None, {"base_0", "base_1"}),
    ("all", None, set(LAYOUT_NAMES)),
    ("all", "texture", {name for name in LAYOUT_NAMES if name.endswith("texture")}),
])
def test_randomize_changes_exactly_the_named_codes(G, part, kind, expected):
    face = Session(G, seed=3)
    before = face.state
    face.randomize(part, kind)
    assert changed_codes(before, face.state) == expected


def test_the_same_seed_gives_the_same_faces_and_no_throw_repeats(G):
    a, b = Session(G, seed=3), Session(G, seed=3)
    a.randomize("hair"), b.randomize("hair")
    assert torch.equal(a.state.codes, b.state.codes)
    first = a.state.codes
    a.randomize("hair")
    assert not torch.equal(first, a.state.codes)
    assert torch.equal(Session(G, 1).render().image, Session(G, 1).render().image)
    assert not torch.equal(Session(G, 1).render().image, Session(G, 2).render().image)


def test_editing_one_part_leaves_the_depths_of_all_others(G):
    face = Session(G, seed=3)
    before = face.render()
    after = face.randomize("hair").render()
    hair = sg.PARTS["hair"].id
    others = [p for p in range(13) if p != hair]
    assert torch.equal(before.depths[:, others], after.depths[:, others])
    assert not torch.equal(before.depths[:, hair], after.depths[:, hair])
    texture = face.randomize("hair", "texture").render()
    assert torch.equal(texture.depths, after.depths), "texture codes must not move anything"
    assert not torch.equal(texture.image, after.image)


def test_undo_redo_and_reset_are_exact(G):
    face = Session(G, seed=3)
    states = [face.state]
    for edit in (lambda: face.randomize("hair"), lambda: face.set_psi(0.5), lambda: face.hide("hat"),
                 lambda: face.move("eyes", dy=-0.1, zoom=1.2)):
        edit()
        states.append(face.state)
    for state in states[-2::-1]:
        assert face.undo().state is state
    assert face.undo().state is states[0] and not face.can_undo
    for state in states[1:]:
        assert face.redo().state is state
    assert face.redo().state is states[-1] and not face.can_redo
    assert face.reset().state is states[0]
    assert face.undo().state is states[-1]
    face.undo()
    face.randomize("nose")
    assert not face.can_redo, "a new edit ends what could be redone"


def test_copy_from_takes_a_part_wholly_or_partly(G):
    face, guest = Session(G, seed=3), Session(G, seed=4)
    address = G.layout["hair"]
    start = face.state.codes
    face.copy_from(guest, "hair", amount=0.25)
    expected = torch.lerp(start[:, address], guest.state.codes[:, address], 0.25)
    assert torch.allclose(face.state.codes[:, address], expected)
    face.copy_from(guest, "hair")
    assert torch.equal(face.state.codes[:, address], guest.state.codes[:, address])
    with pytest.raises(UserError, match="different models"):
        face.copy_from(Session(sg.SemanticGenerator(sg.preset("nano32"))), "hair")


def test_hidden_and_moved_parts(G):
    face = Session(G, seed=3)
    plain = face.render()
    out = face.show_only("background", "hair").render()
    assert set(out.coarse_mask.argmax(1).unique().tolist()) <= {0, 7}
    assert torch.equal(face.show().render().image, plain.image)
    moved = face.move("hair", dx=0.2).render()
    hair = sg.PARTS["hair"].id
    assert not torch.equal(moved.depths[:, hair], plain.depths[:, hair])
    others = [p for p in range(13) if p != hair]
    assert torch.equal(moved.depths[:, others], plain.depths[:, others])
    # Two pixels of the coarse grid to the right: what was at column j is now at column j + 2.
    two_pixels = 2 * 2 / (G.config.coarse_size - 1)
    shifted = face.undo().move("hair", dx=two_pixels).render().depths[:, hair]
    assert torch.allclose(shifted[..., 2:], plain.depths[:, hair][..., :-2], atol=1e-4)


@pytest.mark.parametrize("edit, message", [
    (lambda face: face.randomize("hiar"), 'Did you mean "hair"'),
    (lambda face: face.randomize("hair", "colour"), "shape"),
    (lambda face: face.show_only(), "At least one part"),
    (lambda face: face.hide(*sg.PARTS.names), "At least one part"),
    (lambda face: face.move("hair", zoom=0), "above 0"),
])
def test_a_mistake_is_explained_and_changes_nothing(G, edit, message):
    face = Session(G, seed=3)
    before = face.state
    with pytest.raises(UserError, match=message):
        edit(face)
    assert face.state is before and not face.can_undo


def test_compare_counts_inside_and_outside():
    config = sg.preset("nano32")
    out = lambda image, mask: sg.GeneratorOutput(image, mask, None, None, None)
    mask = torch.zeros(1, config.n_parts, 4, 4)
    mask[:, 0] = 1
    mask[:, 7, :2, :2] = 2                                      # hair in the upper left corner
    before, after = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    after[:, :, 0, 0] = 0.8                                     # inside
    after[:, :, 3, 3] = 0.6                                     # outside
    change = compare(out(before, mask), out(after, mask), 7)
    assert change.inside == pytest.approx(0.8 / 4)
    assert change.outside == pytest.approx(0.6 / 12)
    assert change.leak == pytest.approx((0.6 / 12) / (0.8 / 4))
    assert compare(out(before, mask), out(after, mask), 7, margin=2).outside == 0
    both = compare(out(before, mask), out(after, mask), [0, 7])
    assert both.outside == 0 and both.inside == pytest.approx((0.8 + 0.6) / 16)
