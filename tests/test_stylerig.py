"""StyleRig: which codes a parameter moves, what it learns from a judge whose answers are known, and files."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ssgan_lite as sg
from ssgan_lite.directions import apply, place
from ssgan_lite.directions.sample import Half, Sample
from ssgan_lite.directions.stylerig import MOVES, find, load_rig, new_rig, parameters, save_rig, train_rig
from ssgan_lite.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


class Judge(nn.Module):
    """Attributes that anyone can read, standardized: how red, how bright in the middle, how bright at the top."""

    names, backbone = ("light_side", "mouth_open", "age"), "lite0"
    mean, std = torch.zeros(3), torch.ones(3)

    def forward(self, images):
        middle = images[:, :, 8:24, 8:24].mean((1, 2, 3))
        read = torch.stack([images[:, 0].mean((1, 2)), middle, images[:, :, :4].mean((1, 2, 3))], dim=1)
        return (read - self.mean) / self.std

    def read(self, images):
        return self(images)

    def index(self, name):
        return self.names.index(name)


@pytest.fixture(scope="module")
def sample() -> Sample:
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    w = G.mapping(G.sample_z(240, seed=0)).detach()
    codes = w[torch.randint(240, (60, G.layout.n_latent))]
    codes[:, :G.config.base_layers] = codes[:, :1]
    with torch.no_grad():
        read = Judge()(G(codes).image)
        Judge.mean, Judge.std = read.mean(0), read.std(0)
        scores = Judge()(G(codes).image)
    areas = torch.full((60, G.config.n_parts), 0.1)
    return Sample(G, Judge.names, Half(codes, scores, areas), Half(codes, scores, areas), w.mean(0), torch.cov(w.T))


@pytest.fixture
def moving(sample):
    """A rig with random decoders, for a new one moves nothing."""
    rig = new_rig(sample)
    for decoder in rig.decoders:
        nn.init.normal_(decoder[2].weight, std=0.1)
    return rig.requires_grad_(False)


def test_parameter_moves_its_own_codes_and_no_other(sample, moving) -> None:
    codes = sample.whole.codes[:5]
    for k, name in enumerate(moving.names):
        wants = torch.zeros(5, len(moving.names))
        wants[:, k] = 1.5
        changed = (moving(codes, torch.zeros_like(wants), wants) != codes).any(2).any(0).nonzero()[:, 0]
        assert tuple(changed.tolist()) == tuple(sorted(place(sample.generator, MOVES[name]).addresses))
    hair = sample.generator.layout["hair"]
    assert not set(range(hair.start, hair.stop)) & set(place(sample.generator, MOVES["mouth_open"]).addresses)


def test_its_own_parameters_leave_a_face_as_it_is(sample, moving) -> None:
    codes, has = sample.whole.codes[:5], torch.randn(5, len(moving.names))
    assert torch.equal(moving(codes, has, has), codes)


@pytest.mark.slow
def test_rig_learns_what_the_judge_reads(sample) -> None:
    history = []
    rig = train_rig(sample, Judge(), steps=100, batch=6, lr=2e-3, tick=lambda step, losses: history.append(losses))
    first, last = (sum(losses["editing"] for losses in part) for part in (history[:20], history[-20:]))
    assert last < 0.8 * first
    direction = find(sample, "light_side", rig, Judge())
    codes = sample.whole.codes[:20]
    with torch.no_grad():
        moved = Judge()(sample.generator(apply(codes, direction, 1.0)).image) - sample.whole.scores[:20]
    assert moved[:, 0].mean() > 0.3, "what was wanted happens"
    assert parameters(sample.generator, Judge(), rig, codes).shape == (20, 2)


def test_rig_survives_its_file(sample, moving, tmp_path) -> None:
    save_rig(moving, sample.generator, tmp_path / "x.safetensors")
    again = load_rig(sample.generator, tmp_path / "x.safetensors")
    codes, has, wants = sample.whole.codes[:3], torch.zeros(3, 2), torch.ones(3, 2)
    assert again.names == moving.names
    assert torch.allclose(again(codes, has, wants), moving(codes, has, wants), atol=2e-2)
    other = sg.SemanticGenerator(sg.preset("nano32").replace(style_dim=24))
    with pytest.raises(UserError, match="x.safetensors.*make_networks --only rig"):
        load_rig(other, tmp_path / "x.safetensors")


def test_what_does_not_fit_is_said(sample, moving) -> None:
    with pytest.raises(UserError, match="mouth_open, light_side"):
        moving(sample.whole.codes[:2], torch.zeros(2, 1), torch.zeros(2, 1))
    with pytest.raises(UserError, match="mouth_open"):
        find(sample, "mouth_opne", moving, Judge())
    with pytest.raises(UserError, match="No rig moves"):
        new_rig(sample, ["beard"])
    judge = Judge()
    judge.backbone = "lite2"
    with pytest.raises(UserError, match="only judges"):
        train_rig(sample, judge)
