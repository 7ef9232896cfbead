"""A session changes what it is told to change, remembers every state, and says so when it cannot."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite.edit import (
    Session,
    appearing,
    between,
    compare,
    contact_sheet,
    frames,
    save_gif,
    save_image,
    save_mp4,
    save_picture,
    strip,
    through,
    wander,
)
from ssgan_lite.edit.backdrop import background_share, soften, without_islands
from ssgan_lite.edit.interpolate import blend
from ssgan_lite.edit.renderer import halo
from ssgan_lite.edit.state import effective_codes, noise_planes
from ssgan_lite.edit.upscale import shown, upscale_ids
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import mask_to_rgb, to_image
from ssgan_lite.weights import fingerprint


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
    (lambda face: face.move("hair", zoom=0), "Zoom.*not 0"),
])
def test_a_mistake_is_explained_and_changes_nothing(G, edit, message):
    face = Session(G, seed=3)
    before = face.state
    with pytest.raises(UserError, match=message):
        edit(face)
    assert face.state is before and not face.can_undo


def test_compare_counts_inside_and_outside():
    config = sg.preset("nano32")
    def out(image, mask):
        return sg.GeneratorOutput(image, mask, None, None, None)

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
    assert compare(out(before, mask), out(after, mask), 7, margin=1).outside == pytest.approx(0.6 / 7)
    nowhere = compare(out(before, mask), out(after, mask), 3)
    assert np.isnan(nowhere.inside) and np.isnan(nowhere.leak), "a part that is not there says nothing about locality"
    assert np.isnan(compare(out(before, mask), out(before, mask), 7).leak), "nor does an edit without effect"
    both = compare(out(before, mask), out(after, mask), [0, 7])
    assert np.isnan(both.outside) and both.inside == pytest.approx((0.8 + 0.6) / 16)


# ------------------------------------------------------------------------------- computing only what an edit changed

def from_scratch(G, face) -> sg.GeneratorOutput:
    """The same face by one full forward pass of the model."""
    state, config = face.state, G.config
    present = G.present([p for p in range(config.n_parts) if p not in state.hidden]) if state.hidden else None
    coords = G.coordinates({p: sg.move_and_zoom(G.embedding.grid, *how) for p, how in state.placement.items()})
    with torch.no_grad():
        return G(effective_codes(G, state).flatten(1, 2), present=present, coords=coords if state.placement else None,
                 noise=noise_planes(G, state.noise_seed))


def random_edit(face, draw) -> str:
    """One edit drawn by lot; returns what it was."""
    config = face.generator.config
    part, kind = draw.choice(config.parts), draw.choice([None, "shape", "texture"])
    edits = {
        "randomize": lambda: face.randomize(part, kind),
        "copy": lambda: face.copy_from(Session(face.generator, draw.randrange(99)), part, kind, draw.random()),
        "base": lambda: face.randomize("base"),
        "psi": lambda: face.set_psi(draw.random(), draw.choice([None, part])),
        "move": lambda: face.move(part, draw.uniform(-0.3, 0.3), draw.uniform(-0.3, 0.3), draw.uniform(0.8, 1.2)),
        "back": lambda: face.move(part),
        "hide": lambda: face.hide(part) if len(face.state.hidden) < config.n_parts - 2 else face.show(),
        "show": lambda: face.show(),
        "noise": lambda: face.set_noise(draw.choice([None, 3])),
        "undo": face.undo, "redo": face.redo,
    }
    name = draw.choice([*edits, "randomize", "copy", "copy"])
    edits[name]()
    return f"{name} {part} {kind}"


@pytest.mark.slow
@pytest.mark.parametrize("name, n_edits, n_faces", [
    ("nano32", 60, 1), ("nano32", 15, 3), ("lite64", 25, 1), ("lite64", 6, 2), ("lite128", 8, 1), ("paper256", 2, 1),
    ("paper512", 1, 1), ("hard", 25, 1), ("no depth", 10, 1), ("trained", 40, 1)])
def test_a_drawn_face_equals_a_full_forward_pass_after_any_edits(name, n_edits, n_faces):
    torch.manual_seed(0)
    changed = {"hard": dict(fusion="hard"), "no depth": dict(depth_layers=0, base_layers=0)}
    if name == "trained":
        G = sg.load_pretrained("nano32")
    else:
        config = sg.preset("nano32").replace(**changed[name]) if name in changed else sg.preset(name)
        G = sg.SemanticGenerator(config).eval()
        G.update_mean_w(500)
        with torch.no_grad():           # new weights have heads that do nothing yet: let the noise count too
            for stage in G.render.stages:
                stage.up.noise_strength.fill_(0.1)
    face, draw = Session(G, range(n_faces) if n_faces > 1 else 0, psi=0.7), random.Random(f"{name}{n_faces}")
    for i in range(n_edits):
        what = random_edit(face, draw)
        ours, full = face.render(), from_scratch(G, face)
        for output in ("image", "mask", "coarse_mask", "depths", "codes"):
            a, b = getattr(ours, output), getattr(full, output)
            assert a.shape == b.shape
            scale = max(1.0, float(b.abs().max()))
            if name == "hard" and output != "codes":        # a tie may fall either way: a few pixels at most
                assert ((a - b).abs() > 1e-5 * scale).float().mean() < 0.02, f"edit {i}, {what}: {output}"
            else:
                assert float((a - b).abs().max()) <= 1e-5 * scale, f"edit {i}, {what}: {output}"


@pytest.mark.parametrize("fusion", ["soft", "hard"])
def test_few_parts_alone_equal_a_full_forward_pass(fusion):
    """Where a part that is switched off stands far in front, what is left must still get its whole weight."""
    G = sg.load_pretrained("nano32")
    if fusion == "hard":
        hard = sg.SemanticGenerator(G.config.replace(fusion="hard")).eval()
        hard.load_state_dict(G.state_dict())
        G = hard
    with torch.no_grad():
        G.local.depth_weight *= 3               # farther apart than in any trained model
    draw = random.Random(1)
    for seed in range(20):
        face = Session(G, seed, psi=0.9).show_only(*draw.sample(range(G.config.n_parts), draw.randint(1, 4)))
        ours, full = face.render(), from_scratch(G, face)
        difference, scale = (ours.image - full.image).abs(), max(1.0, float(full.image.abs().max()))
        assert (difference > 1e-5 * scale).float().mean() <= (0.02 if fusion == "hard" else 0)


def test_a_drawing_that_was_interrupted_leaves_nothing_half_done(monkeypatch):
    G = sg.load_pretrained("nano32")
    face = Session(G, seed=3)
    face.render()
    face.randomize("all")

    def stop(*arguments):
        raise KeyboardInterrupt

    for owner, where in ((face._renderer, "_compose"), (G.local, "read_depth")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, where, stop)
            with pytest.raises(KeyboardInterrupt):
                face.render()
        assert torch.equal(face.render().image, Session(G, seed=3).render(face.state).image)
        face.randomize("all")


class CountLayers:
    """Counts the layers of local generators and the runs of the render net."""

    def __init__(self, face, monkeypatch):
        self.layers, self.renders = [], 0
        bank, render = face.generator.local, face.generator.render.forward
        run = bank.run_part

        def count_layers(part, codes, x, begin=0):
            self.layers += [(part, layer) for layer in range(begin, begin + codes.shape[1])]
            return run(part, codes, x, begin)

        def count_render(*arguments):
            self.renders += 1
            return render(*arguments)

        monkeypatch.setattr(bank, "run_part", count_layers)
        monkeypatch.setattr(face.generator.render, "forward", count_render)

    def take(self):
        seen, self.layers, self.renders = (self.layers, self.renders), [], 0
        return seen


def test_only_what_changed_is_computed(G, monkeypatch):
    face, other = Session(G, seed=3), Session(G, seed=4)
    face.render()
    count, hair, layers = CountLayers(face, monkeypatch), sg.PARTS["hair"].id, G.config.local_layers
    face.copy_from(other, "hair").render()
    assert count.take() == ([(hair, i) for i in range(layers)], 1)
    face.copy_from(Session(G, 9), "hair", "texture").render()
    assert count.take() == ([(hair, i) for i in range(G.config.depth_layers, layers)], 1), "its shape is still known"
    face.move("hair", dx=0.1).render()
    assert count.take() == ([(hair, i) for i in range(layers)], 1)
    face.hide("hair").render()
    assert count.take() == ([], 1)
    face.set_backdrop("white").render()
    assert count.take() == ([], 0), "a backdrop is laid behind the finished picture"
    face.undo().undo().render()
    assert count.take() == ([], 0), "the last pictures are kept"


def test_weights_that_change_are_noticed(monkeypatch):
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    face = Session(G, 0)
    before = face.render().image
    with torch.no_grad():
        G.render.stages[0].conv.weight.mul_(-1)
    after = face.render().image
    assert not torch.equal(before, after) and torch.allclose(after, from_scratch(G, face).image, atol=1e-5)
    with torch.no_grad():
        G.local.weight.add_(0.1)
    G.train(), G.eval()
    assert torch.allclose(face.render().image, from_scratch(G, face).image, atol=1e-5)


def test_halo_is_as_wide_as_what_one_coarse_cell_reaches():
    torch.manual_seed(0)
    config = sg.preset("lite64")
    net = sg.SemanticGenerator(config).eval().render
    features = torch.randn(1, config.feature_channels, config.coarse_size, config.coarse_size)
    mask = torch.zeros(1, config.n_parts, config.coarse_size, config.coarse_size)
    changed, ratio, at = features.clone(), config.coarse_size // config.min_feat_size, config.coarse_size // 2
    changed[..., at:at + ratio, at:at + ratio] += 50
    with torch.no_grad():
        moved = (net(features, mask)[0] != net(changed, mask)[0]).any(1)[0].any(0).nonzero()
    scale = config.size // config.coarse_size
    assert halo(config) == 21 and halo(sg.preset("paper512")) == 93
    assert at * scale - int(moved.min()) == int(moved.max()) - ((at + ratio) * scale - 1) == halo(config)


# ----------------------------------------------------------------------------------------------------- further edits

def test_axes_are_coordinates_of_the_parts_own_codes(G):
    for part, kind in (("hair", "shape"), ("background", "texture"), ("hat", "shape")):
        axes = Session(G).axes(part, kind)
        assert torch.allclose(axes.readers @ axes.directions.T, torch.eye(4), atol=1e-3)
        w = G.mapping(torch.randn(2000, G.config.style_dim))
        t = axes.read(w.detach())
        assert torch.allclose(t.mean(0), torch.zeros(4), atol=0.15)
        assert torch.allclose(t.std(0), torch.ones(4), atol=0.15)
        assert (axes.shares[:-1] >= axes.shares[1:]).all() and float(axes.shares.sum()) <= 1 + 1e-4
    hair, nose = (Session(G).axes(part, "shape").directions for part in ("hair", "nose"))
    assert not torch.allclose(hair, nose)


def test_nudge_and_set_axis_move_one_coordinate(G):
    face = Session(G, 3)
    axes, address = face.axes("hair", "shape"), G.layout["hair", "shape"]
    before = axes.read(face.state.codes[:, address])
    face.nudge("hair", "shape", 1, 0.5)
    assert changed_codes(face.history.past[-1], face.state) == {"hair_shape"}
    moved = axes.read(face.state.codes[:, address])
    assert torch.allclose(moved - before, torch.tensor([0.0, 0.5, 0.0, 0.0]), atol=1e-3)
    face.set_axis("hair", "shape", 2, -1.5)
    there = axes.read(face.state.codes[:, address])
    assert float(there[0, 2]) == pytest.approx(-1.5, abs=1e-3)
    assert torch.allclose(there[:, :2], moved[:, :2], atol=1e-3)
    direction = torch.ones(G.config.style_dim)
    codes = face.state.codes
    assert torch.allclose(face.nudge("nose", "texture", direction, 2).state.codes[:, G.layout["nose", "texture"]],
                          codes[:, G.layout["nose", "texture"]] + 2)


def test_the_first_axis_of_a_trained_part_moves_it_more_than_the_last():
    """What the axes promise: they are sorted by what they do to the part."""
    G = sg.load_pretrained("lite64")
    face = Session(G, 5, psi=0.7)
    for part, kind in (("hair", "shape"), ("background", "texture")):
        effect = []
        for axis in (0, 3):
            ends = []
            for value in (-2, 2):
                ends.append(face.set_axis(part, kind, axis, value).render().image)
                face.undo()
            effect.append(float((ends[0] - ends[1]).abs().mean()))
        assert effect[0] > 1.5 * effect[1], (part, kind, effect)


def test_a_locked_part_stays_whatever_is_done_to_the_rest(G):
    face = Session(G, 3, psi=0.8).lock("hair")
    before = face.render()
    hair = sg.PARTS["hair"].id
    face.randomize("all").randomize(["eyes", "nose"]).set_psi(0.3).copy_from(Session(G, 9))
    after = face.render()
    assert torch.equal(before.depths[:, hair], after.depths[:, hair])
    assert torch.equal(before.codes.unflatten(1, (13, -1))[:, hair], after.codes.unflatten(1, (13, -1))[:, hair])
    assert not torch.equal(before.image, after.image)
    for edit in (lambda: face.randomize("hair"), lambda: face.move("hair", 0.1), lambda: face.set_psi(0.1, "hair"),
                 lambda: face.randomize("base"), lambda: face.set_axis("hair", "shape", 0, 1)):
        state = face.state
        with pytest.raises(UserError, match="locked"):
            edit()
        assert face.state is state
    face.unlock().randomize("hair")
    # The background does not use the base codes, so locking it alone leaves them free.
    assert changed_codes(face.state, face.lock("background").randomize("all").state) >= {"base_0", "base_1"}


def test_truncation_of_one_part(G):
    face = Session(G, 3)
    codes = face.state.codes
    used = face.set_psi(0.5).set_psi(0.0, "hair").render().codes
    expected = torch.lerp(G.mean_w, codes, 0.5)
    expected[:, G.layout["hair"]] = G.mean_w
    assert torch.allclose(used, G.layout.expand(expected), atol=1e-6)
    with pytest.raises(UserError, match="Truncation.*nan"):
        face.set_psi(float("nan"))


def test_set_and_mix(G):
    face, other = Session(G, 3), Session(G, 4)
    code = torch.randn(G.config.style_dim)
    assert torch.equal(face.set("hair", "shape", code).state.codes[0, G.layout["hair", "shape"]], code)
    start = face.state.codes
    face.mix(other, {"nose": 1, "mouth": (0, 0.5)})
    assert torch.equal(face.state.codes[:, G.layout["nose"]], other.state.codes[:, G.layout["nose"]])
    assert torch.equal(face.state.codes[:, G.layout["mouth", "shape"]], start[:, G.layout["mouth", "shape"]])
    half = torch.lerp(start, other.state.codes, 0.5)[:, G.layout["mouth", "texture"]]
    assert torch.allclose(face.state.codes[:, G.layout["mouth", "texture"]], half)
    with pytest.raises(UserError, match="shape"):
        face.set("hair", "shape", torch.randn(3))


def test_variants_differ_in_the_named_part_alone(G):
    face = Session(G, 3)
    batch = face.variants(5, "hair")
    out = batch.render()
    assert out.image.shape[0] == 5 and len({x.sum().item() for x in out.image}) == 5
    hair, others = sg.PARTS["hair"].id, [p for p in range(13) if p != sg.PARTS["hair"].id]
    assert torch.equal(out.depths[:, others], face.render().depths[:, others].expand(5, -1, -1, -1))
    one = batch.pick(2)
    assert torch.allclose(one.render().image, out.image[2:3], atol=1e-5)
    assert batch.undo().state.codes.shape[0] == 5 and not batch.can_undo
    face.copy_from(one, "hair")
    assert torch.allclose(face.render().depths[:, hair], out.depths[2:3, hair], atol=1e-6)
    with pytest.raises(UserError, match="pick"):
        face.copy_from(batch, "hair")


def test_a_stroke_is_one_step(G):
    face = Session(G, 3)
    start = face.state
    with face.stroke():
        for value in (0.2, 0.5, 1.0):
            face.set_axis("hair", "shape", 0, value)
    end = face.state
    assert face.undo().state is start and not face.can_undo
    assert face.redo().state is end
    face.randomize("nose").randomize("nose")
    assert len(face.history.past) == 3, "outside a stroke every edit is a step"


def test_history_has_no_end(G):
    face = Session(G, 3)
    states = [face.state]
    for _ in range(1000):
        states.append(face.randomize("nose").state)
    for state in states[-2::-1]:
        assert face.undo().state is state


# ------------------------------------------------------------------------------------------------------- backgrounds

@pytest.fixture(scope="module")
def trained():
    return sg.load_pretrained("nano32")


def test_a_backdrop_shows_where_the_mask_says_background(trained):
    face = Session(trained, 3, psi=0.7)
    plain = face.render()
    out = face.set_backdrop("#ff0000").render()
    share = background_share(plain.mask)[0]
    red = torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1)
    assert torch.allclose(out.image[0][:, share == 1], red.expand_as(out.image[0])[:, share == 1])
    assert torch.equal(out.image[0][:, share == 0], plain.image[0][:, share == 0])
    assert (share == 1).float().mean() > 0.1 and (share == 0).float().mean() > 0.1
    assert torch.equal(out.mask, plain.mask)
    assert torch.equal(face.set_backdrop(None).render().image, plain.image)


def test_a_speck_of_background_inside_the_face_is_left_alone():
    share = torch.zeros(1, 64, 64)
    share[:, :10] = 1                       # the wall, reaching to the edge
    share[:, 10:20, 5:6] = 1                # a thin bay that hangs together with it
    share[:, 30:33, 30:33] = 1              # an eye that the mask lost
    share[:, 45:55, 40:50] = 1              # a hole as wide as an elbow makes
    share[:, 50:52, 63] = 1                 # a sliver at the edge
    kept = without_islands(share)
    expected = share.clone()
    expected[:, 30:33, 30:33] = 0
    assert torch.equal(kept, expected)
    assert torch.equal(without_islands(torch.ones(2, 32, 32)), torch.ones(2, 32, 32))


def test_the_border_of_a_stencil_is_softened_by_a_pixel():
    stencil = torch.zeros(1, 5, 6)
    stencil[:, :, 3:] = 1
    assert torch.allclose(soften(stencil), torch.tensor([0, 0, 1, 2, 3, 3]).expand(1, 5, 6) / 3)


def test_an_image_as_backdrop_is_cut_to_a_square(trained, tmp_path):
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 20:60] = 200                                    # the middle square
    Image.fromarray(picture).save(tmp_path / "beach.png")
    path = tmp_path / "beach.png"
    for source in (path, str(path), path.read_bytes(), picture, Image.fromarray(picture)):
        backdrop = Session(trained).set_backdrop(source).state.backdrop
        assert backdrop.pixels.shape == (3, 512, 512) and backdrop.sized(32).shape == (3, 32, 32)
        assert torch.allclose(backdrop.pixels[:, 40:-40, 40:-40], torch.tensor(200 / 127.5 - 1), atol=0.02)
    assert Session(trained).set_backdrop(str(tmp_path / "beach.png")).state.backdrop.name == "beach.png"


@pytest.fixture()
def ramp() -> np.ndarray:
    """Red grows to the right, green downwards: a pixel tells where it came from."""
    across, down = np.meshgrid(np.arange(512) / 2, np.arange(512) / 2)
    return np.stack([across, down, np.zeros_like(across)], 2).astype(np.uint8)


@pytest.mark.parametrize("size", [32, 512])
def test_an_image_behind_the_face_is_placed_mirrored_and_brightened(trained, ramp, size):
    face = Session(trained).set_backdrop(ramp)

    def source(x: float, y: float) -> tuple[float, float]:
        """From where in the image, from -1 to 1, the point (x, y) of the picture comes."""
        at = [min(size - 1, int((v + 1) / 2 * size)) for v in (x, y)]
        return tuple(face.state.backdrop.sized(size)[:2, at[1], at[0]].tolist())

    near = dict(abs=2.5 / size + 0.02)
    assert source(0.5, -0.25) == pytest.approx((0.5, -0.25), **near)
    face.adjust_backdrop(dx=0.2, dy=-0.1, zoom=2)
    assert source(0.5, -0.25) == pytest.approx((0.15, -0.075), **near)
    face.adjust_backdrop(mirrored=True)
    assert source(0.5, -0.25) == pytest.approx((-0.15, -0.075), **near)
    face.adjust_backdrop(dx=0.5, dy=0, zoom=1, mirrored=False)
    assert source(-0.8, 0.0) == pytest.approx((-0.7, 0.0), **near), "beyond its edge it goes on mirrored"
    face.adjust_backdrop(dx=0, brightness=0.5)
    assert source(0.0, 0.0) == pytest.approx((0.5, 0.5), **near)
    face.adjust_backdrop(brightness=-1)
    assert (face.state.backdrop.sized(size) == -1).all()
    for _ in range(6):
        face.undo()
    assert face.state.backdrop is None and face.history.future


def test_a_color_behind_the_face_has_hue_saturation_and_brightness(trained):
    face = Session(trained).set_backdrop("#204080")
    assert face.state.backdrop.color == pytest.approx((220, 0.75, 0x80 / 255))
    assert face.adjust_backdrop(hue=120).state.backdrop.name == "#208020"
    face.adjust_backdrop(brightness=0).adjust_backdrop(brightness=0x80 / 255)
    assert face.state.backdrop.name == "#208020", "black remembers its hue"
    assert len({face.randomize_backdrop(seed=i).state.backdrop.name for i in range(4)}) == 4
    again = [Session(trained, 3).set_backdrop("white").randomize_backdrop().state.backdrop.name for _ in range(2)]
    assert again[0] == again[1]


def test_a_backdrop_is_not_adjusted_beyond_what_it_is(trained, ramp):
    face = Session(trained)
    for what, change, message in (
            (None, dict(hue=3), "set_backdrop"), ("red", dict(zoom=2), "hue, saturation"),
            ("red", dict(hue=361), "360"), ("red", dict(hue=float("nan")), "finite"), (ramp, dict(hue=3), "dx, dy"),
            (ramp, dict(zoom=0), "between"), (ramp, dict(brightness=2), "between"), (ramp, dict(dx=99), "between"),
            (ramp, dict(mirrored="no"), "True or False")):
        before = face.set_backdrop(what).state
        with pytest.raises(UserError, match=message):
            face.adjust_backdrop(**change)
        assert face.state is before
    with pytest.raises(UserError, match="locked"):
        face.lock("background").set_backdrop("white")


def test_a_saved_face_keeps_how_its_backdrop_lies(trained, ramp, tmp_path):
    face = Session(trained, 2).set_backdrop(ramp)
    face.history.begin(face.state)
    face.adjust_backdrop(dx=0.2, zoom=1.5, mirrored=True, brightness=0.25)
    path = face.save(tmp_path / "me")
    back = Session.load(trained, path)
    assert torch.equal(back.render().image, face.render().image)
    assert back.state.backdrop.place == (0.2, 0.0, 1.5) and back.history.first.backdrop.place == (0.0, 0.0, 1.0)
    assert back.history.first.backdrop.pixels is back.state.backdrop.pixels and path.stat().st_size < 1_000_000
    gray = Session(trained, 2).set_backdrop("#204080").adjust_backdrop(saturation=0)
    assert Session.load(trained, gray.save(tmp_path / "gray")).state.backdrop.color[0] == pytest.approx(220)
    # Two images without a name of their own, and nothing else that differs.
    face = Session(trained, 2).set_backdrop(ramp)
    face.history.begin(face.state)
    face.set_backdrop(255 - ramp)
    back = Session.load(trained, face.save(tmp_path / "two"))
    assert torch.equal(back.state.backdrop.pixels, face.state.backdrop.pixels)


def test_a_film_moves_the_image_and_mixes_colors(trained, ramp):
    face = Session(trained, 2).set_backdrop(ramp)
    first, then = face.state, face.adjust_backdrop(dx=0.4, zoom=2, brightness=0.5).state
    half = blend(first, then, 0.5).backdrop
    assert half.place == pytest.approx((0.2, 0.0, 1.5)) and half.brightness == pytest.approx(0.25)
    first, then = face.set_backdrop("black").state, face.set_backdrop("#ff0000").state
    assert blend(first, then, 0.25).backdrop.pixels.flatten().tolist() == pytest.approx([-0.5, -1, -1])
    assert blend(first, then, 1.0).backdrop is then.backdrop and blend(first, then, 0.0).backdrop is first.backdrop
    assert blend(face.set_backdrop(ramp).state, then, 0.4).backdrop is face.state.backdrop


def test_what_is_no_picture_is_explained(trained, tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    face = Session(trained)
    for source, message in ((tmp_path / "notes.png", "notes.png.* is not an image"), (b"\x00\x01", "not an image"),
                            (str(tmp_path / "gone.png"), "no file"), ("greenish", "not a color"),
                            (tmp_path, "not an image")):
        with pytest.raises(UserError, match=message):
            face.set_backdrop(source)
    assert not face.can_undo


# ------------------------------------------------------------------------------------- interpolation, files, export

def test_ways_between_faces(G):
    face, other = Session(G, 3, psi=0.8), Session(G, 4)
    way = between(face, other, 4, "hair")
    assert len(way) == 5 and torch.equal(way[0].codes, face.state.codes)
    assert changed_codes(way[0], way[2]) == {"hair_shape", "hair_texture"}
    assert torch.allclose(way[2].codes, (way[0].codes + way[4].codes) / 2) and way[4].psi == 0.8
    moved = between(face.pick(0), face.pick(0).move("eyes", dx=0.4), 2)
    assert moved[1].placement == {}, "copying codes does not move anything"

    tour = wander(face, "mouth", stations=3, steps=5)
    assert len(tour) == 20 and changed_codes(tour[0], tour[7]) == {"mouth_shape", "mouth_texture"}
    assert torch.allclose(tour[0].codes, face.state.codes)
    jumps = [float((a.codes - b.codes).norm()) for a, b in zip(tour, tour[1:] + tour[:1])]
    assert max(jumps) < 4 * sum(jumps) / len(jumps), "the way is smooth, its end joined to its beginning"

    steps = appearing(face, ["background", "face", "eyes"])
    assert [len(state.hidden) for state in steps] == [12, 11, 10]
    pictures = frames(face, way)
    assert len(pictures) == 5 and pictures[0].shape == (32, 32, 3)


def test_through_passes_through_its_stations_and_moves_what_was_moved(G):
    stops = [Session(G, s).state for s in (1, 2, 3)]
    way = through(stops, 4)
    assert len(way) == 9
    for i, stop in enumerate(stops):
        assert torch.allclose(way[4 * i].codes, stop.codes, atol=1e-6)
    face = Session(G, 1)
    way = through([face.state, face.move("eyes", dx=0.4).state], 2)
    assert way[1].placement[sg.PARTS["eyes"].id] == (0.2, 0.0, 1.0)


def test_a_saved_face_comes_back_exactly(G, tmp_path):
    face = Session(G, 3, psi=0.8)
    face.randomize("hair").move("eyes", 0.1, 0.2, 1.1).hide("hat").set_psi(0.4, "nose").set_backdrop("white")
    face.set_noise(5).lock("mouth")
    path = face.save(tmp_path / "me")
    assert path.name == "me.safetensors"
    back = Session.load(G, path)
    assert torch.equal(back.render().image, face.render().image)
    assert back.locked == face.locked and back.state.backdrop.name == "white"
    assert torch.equal(back.reset().render().image, face.reset().render().image), "its first state too"
    assert back.undo().can_undo and not Session.load(G, Session(G, 1).save(tmp_path / "one")).can_undo
    assert torch.equal(Session.load(G, path.read_bytes()).state.codes, Session.load(G, path).state.codes)


def test_files_that_are_no_face_of_this_model_are_explained(G, tmp_path):
    path = Session(G, 3).save(tmp_path / "me.safetensors")
    with pytest.raises(UserError, match="exists already"):
        Session(G, 4).save(path)
    assert Session(G, 4).save(path, overwrite=True) == path
    torch.manual_seed(1)
    other = sg.SemanticGenerator(sg.preset("nano32"))
    assert fingerprint(other) != fingerprint(G)
    with pytest.raises(UserError, match="another model"):
        Session.load(other, path)
    content = path.read_bytes()
    for bad, message in ((b"", "not a saved face"), (b"hello world, this is text", "not a saved face"),
                         (content[:-20], "damaged"), (content.replace(b"face 1", b"face 9"), "another version"),
                         (content.replace(b"now.codes", b"now.coats"), "damaged")):
        with pytest.raises(UserError, match=message):
            Session.load(G, bad)
    with pytest.raises(UserError, match="no saved face"):
        Session.load(G, tmp_path / "gone.safetensors")
    sg.save_weights(G, tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="not a saved face"):
        Session.load(G, tmp_path / "weights.safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder"):
        Session(G).save(tmp_path / "file" / "face")


def test_pictures_are_written_with_their_masks(trained, tmp_path):
    face = Session(trained, 3, psi=0.7)
    picture, mask = save_picture(face, tmp_path / "face")
    ids = upscale_ids(face.render().mask[0])
    assert (np.asarray(Image.open(picture)) == shown(face)).all() and ids.shape == (512, 512)
    stored = Image.open(mask)
    assert stored.mode == "P" and (np.asarray(stored) == ids.numpy()).all()
    assert (np.asarray(stored.convert("RGB")) == mask_to_rgb(ids)).all()
    with pytest.raises(UserError, match="exists already"):
        save_picture(face, tmp_path / "face.png")
    assert save_picture(face, tmp_path / "alone.png", mask=False) == [tmp_path / "alone.png"]
    small, mask = save_picture(face, tmp_path / "small.png", size=None)
    out = face.render()
    assert (np.asarray(Image.open(small)) == to_image(out.image)[0]).all(), "as the model makes it"
    assert (np.asarray(Image.open(mask)) == out.mask[0].argmax(0).numpy()).all()


def test_sheets_strips_and_films(trained, tmp_path):
    face = Session(trained, 3, psi=0.7)
    sheet = contact_sheet(face.variants(6, "hair"), columns=3, masks=True)
    assert sheet.size == (3 * 34 - 2, 2 * 66 - 2)
    pictures = frames(face, wander(face, "mouth", stations=1, steps=4))
    assert strip(pictures).size == (8 * 34 - 2, 32)
    assert Image.open(save_image(strip(pictures), tmp_path / "strip")).size == (8 * 34 - 2, 32)
    film = Image.open(save_gif(pictures, tmp_path / "film", fps=10))
    assert film.n_frames == 8 and film.size == (256, 256) and film.info["duration"] == 100 and film.info["loop"] == 0
    error = np.abs(np.asarray(film.convert("RGB"), float) - np.asarray(
        Image.fromarray(pictures[0]).resize((256, 256), Image.Resampling.BICUBIC))).mean()
    assert error < 12, "the palette serves the picture"
    with pytest.raises(UserError, match="at least one frame"):
        save_gif([], tmp_path / "none")
    with pytest.raises(UserError, match="equally large"):
        save_gif([pictures[0], pictures[0][:9]], tmp_path / "none")


def test_mp4_needs_an_encoder_and_says_so(trained, tmp_path, monkeypatch):
    pictures = [np.full((32, 32, 3), 20 * i, np.uint8) for i in range(10)]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "imageio_ffmpeg", None)
        with pytest.raises(UserError, match=r"ssgan-lite\[movie\]"):
            save_mp4(pictures, tmp_path / "film")
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the movie extra is not installed")
    path = save_mp4(pictures, tmp_path / "film", fps=10)
    reader = ffmpeg.read_frames(str(path))
    about = next(reader)
    shown = [np.frombuffer(frame, np.uint8) for frame in reader]
    assert about["size"] == (256, 256) and len(shown) == 10
    assert [float(shown[i].mean()) / 20 for i in (1, 5, 9)] == pytest.approx([1, 5, 9], abs=1)


# ------------------------------------------------------------------------------------------------- lifted depths

def test_lift_equals_a_larger_depth_bias():
    import copy

    G = sg.load_pretrained("nano32")
    hat, lifted = G.config.part_id("hat"), copy.deepcopy(G)
    with torch.no_grad():
        lifted.local.depth_bias[hat - 1] += 3.0             # the background has no depth head
    face = Session(G, 3)
    before = face.render()
    face.lift("hat", 3.0)
    for part in ("hair", "hat", "glasses"):                 # the pair of the lifted part, and others
        wanted = Session(lifted, 3)
        wanted.state = replace(face.state, lifts={})
        assert torch.allclose(face.render().image, wanted.render().image, atol=1e-4)
        assert torch.allclose(face.render().depths, wanted.render().depths, atol=1e-4)
        face.randomize(part)
    while face.can_undo:
        face.undo()
    assert torch.equal(face.render().image, before.image)


@pytest.mark.slow
def test_worn_part_is_seen_where_the_other_face_shows_it():
    G = sg.load_pretrained("nano32")
    hat, tried = G.config.part_id("hat"), 0
    for seed in range(300):
        other = Session(G, seed)
        worn = other.render().depths[0].argmax(0) == hat
        if worn.float().mean() < 0.05:
            continue
        copied, face = Session(G, 1).copy_from(other, "hat"), Session(G, 1).wear(other, "hat")
        shown = lambda face: face.render().depths[0].argmax(0) == hat           # noqa: E731
        seen = lambda face: shown(face)[worn].float().mean()                    # noqa: E731
        alike = lambda face: (shown(face) & worn).sum() / (shown(face) | worn).sum()    # noqa: E731
        assert seen(face) >= 0.5 and len(face.history.past) == 1, seed
        if face.state.lifts:
            assert seen(copied) < 0.8 and seen(face) > seen(copied), seed
            more = Session(G, 1).copy_from(other, "hat").lift("hat", 2 * face.state.lifts[hat])
            assert alike(face) >= alike(more), "lifted by more than it takes"
        else:
            assert seen(copied) >= 0.8
        tried += 1
    assert tried > 3


def test_lift_is_kept_in_a_saved_face(tmp_path):
    G = sg.load_pretrained("nano32")
    path = Session(G, 3).lift("hat", 2.5).save(tmp_path / "face")
    assert Session.load(G, path).state.lifts == {G.config.part_id("hat"): 2.5}


@pytest.mark.parametrize("amount", [float("nan"), float("inf")])
def test_lift_that_is_no_number_is_refused(amount):
    with pytest.raises(UserError, match="lifted"):
        Session(sg.load_pretrained("nano32"), 3).lift("hat", amount)
