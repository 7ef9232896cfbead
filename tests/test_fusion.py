"""Depth-based fusion is done in one place: whoever composes a face gets the picture of the generator."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

import ssgan_lite as sg
from ssgan_lite.edit import Session
from ssgan_lite.invert.project import forward_by_parts
from ssgan_lite.model.fusion import fuse, fusion_weights, hard_fusion_weights, one_hot_straight_through, soft_mask

PACKAGE = Path(sg.__file__).parent


def by_session(G, w):
    return Session(G, 3).render().image


def by_inversion(G, w):
    cover = torch.ones(1, G.config.n_parts, G.config.coarse_size, G.config.coarse_size)
    return forward_by_parts(G, G.layout.to_w_plus(w), cover).image


def by_depth_sheets(G, w):
    sheets = pytest.importorskip("ssgan_lite.course.fusion.sheets")
    codes = G.layout.expand(w).unflatten(1, (G.config.n_parts, -1))
    return sheets.render_depths(G, *G.local(codes, G.embedding()))[0]


def by_stages(G, w):
    stages = pytest.importorskip("ssgan_lite.course.rendering.stages")
    return G.render(*stages.fuse_face(G, 3, psi=1.0))[0]


@pytest.mark.parametrize("composed", [by_session, by_inversion, by_depth_sheets, by_stages])
@pytest.mark.parametrize("name", ["nano32-hard-fusion", "nano32"])
@torch.no_grad()
def test_composition_anywhere_is_the_generators(name, composed) -> None:
    G = sg.load_pretrained(name)
    w = G.mapping(G.sample_z(1, 3))
    torch.testing.assert_close(composed(G, w), G(w).image, rtol=0, atol=1e-4)


def test_nobody_composes_without_fuse() -> None:
    """The steps of `fuse` are for model/fusion.py, and for the exercises that compare with them."""
    steps = {"fusion_weights", "hard_fusion_weights", "to_coarse_mask"}
    users = {}
    for path in PACKAGE.rglob("*.py"):
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
                 for alias in node.names}
        if path.name != "checks.py" and names & steps:
            users[str(path.relative_to(PACKAGE))] = names & steps
    assert not users


@pytest.mark.parametrize("fusion", ["soft", "hard"])
def test_fuse_does_what_the_config_says(fusion) -> None:
    config = sg.preset("nano32").replace(fusion=fusion)
    depths, present = torch.randn(2, 13, 4, 4), torch.ones(13)
    present[3] = 0
    found, mask = fuse(depths, config, present), soft_mask(depths, present)
    if fusion == "hard":
        torch.testing.assert_close(found.weights, hard_fusion_weights(mask, config.transparent_ids))
        torch.testing.assert_close(found.coarse_mask, 2 * one_hot_straight_through(mask) - 1)
    else:
        torch.testing.assert_close(found.weights, fusion_weights(mask, config.transparent_ids))
        torch.testing.assert_close(found.coarse_mask, 2 * mask - 1)


def test_weights_hold_no_denormals() -> None:
    """A CPU multiplies numbers below 1e-38 many times as slowly, and trained depths lie up to 100 apart."""
    config = sg.preset("nano32")
    depths = torch.linspace(-100, 0, 13).view(1, 13, 1, 1).repeat(1, 1, 2, 2)
    plain = torch.softmax(depths, dim=1)
    tiny = torch.finfo(torch.float32).tiny
    assert ((plain > 0) & (plain < tiny)).any(), "the case has some"
    found = fuse(depths, config).weights
    assert not ((found > 0) & (found < tiny)).any()
    torch.testing.assert_close(found, fusion_weights(plain, config.transparent_ids), rtol=0, atol=1e-12)


def test_gradient_is_that_of_a_softmax() -> None:
    depths = torch.tensor([0.0, -1.0, -30.0, -60.0]).view(1, 4, 1, 1).requires_grad_()
    ours, = torch.autograd.grad(soft_mask(depths)[:, 1].sum(), depths)
    plain, = torch.autograd.grad(torch.softmax(depths, dim=1)[:, 1].sum(), depths)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-20)
