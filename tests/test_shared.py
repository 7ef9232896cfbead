"""Local generators that parts share (`model/shared.py`), and what helps many parts in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan_lite import preset
from ssgan_lite.config import ModelConfig, TrainConfig, recipe
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.masks import signed_one_hot
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.local import LocalBank
from ssgan_lite.model.sections import section
from ssgan_lite.model.shared import SharedBank
from ssgan_lite.train import Trainer
from ssgan_lite.train.losses import class_weights
from ssgan_lite.train.reconstruct import area_loss
from ssgan_lite.weights import load_pretrained, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = preset("nano32").replace(local_channels=8, feature_channels=8, render_channels=(8, 8, 8),
                                discriminator_channels=(4, 4, 8, 8), style_dim=16, mapping_layers=2)


def model(n_parts: int, shared: tuple[str, ...] = (), **changes) -> ModelConfig:
    return TINY.replace(parts=tuple(f"part_{i}" for i in range(n_parts)), transparent=(), shared=shared, **changes)


def generator(n_parts: int = 6, shared: tuple[str, ...] = ("one",) * 6) -> SemanticGenerator:
    torch.manual_seed(0)
    return SemanticGenerator(model(n_parts, shared)).eval()


def size(config: ModelConfig) -> int:
    return sum(p.numel() for p in SemanticGenerator(config).local.parameters())


def test_a_further_part_costs_its_class_code() -> None:
    few, many = (size(model(n, ("one",) * n, class_dim=5)) for n in (7, 107))
    assert many - few == 100 * 5
    assert size(model(107)) > 5 * many


def test_generators_are_as_many_as_names() -> None:
    bank = SharedBank(model(4, ("ground", "thing", "ground", "thing")))
    assert len(bank.core_weight) == 2 and bank.owner.tolist() == [0, 1, 0, 1]
    assert torch.equal(bank.weight[0], bank.weight[2]) and not torch.equal(bank.weight[0], bank.weight[1])


def test_it_is_a_local_bank_with_these_tensors() -> None:
    """Whatever a LocalBank does with its parameters, this one does with the tensors that it computes."""
    torch.manual_seed(1)
    config = model(6, ("a", "b", "b", "a", "b", "b"))
    shared, plain = SharedBank(config), LocalBank(config)
    with torch.no_grad():
        shared.map_weight.normal_()                         # biases, too
        for name, weight in plain.named_parameters():
            assert weight.shape == getattr(shared, name).shape, name
            weight.copy_(getattr(shared, name))
    codes, grid = torch.randn(2, 6, config.local_layers, config.style_dim), torch.randn(8, 5, 5)
    for ours, theirs in zip(shared(codes, grid), plain(codes, grid), strict=True):
        torch.testing.assert_close(ours, theirs)
    hidden, weights = shared(codes, grid)[0], torch.rand(2, 6, 5, 5)
    torch.testing.assert_close(shared.compose(hidden, weights), plain.compose(hidden, weights))


def test_the_class_code_tells_parts_apart() -> None:
    G = generator()
    w = G.mapping(G.sample_z(1, 3))
    before = G(w).depths
    assert not torch.allclose(before[:, 1], before[:, 2], atol=1e-3)
    with torch.no_grad():
        G.local.class_code[2] = G.local.class_code[1]
    after = G(w).depths
    torch.testing.assert_close(after[:, 1], after[:, 2])
    torch.testing.assert_close(after[:, 3], before[:, 3])


def test_every_parameter_learns() -> None:
    G = generator()
    out = G(G.mapping(G.sample_z(2, 0)))
    (out.image.square().mean() + out.depths.square().mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in G.local.parameters())


def test_an_edit_computes_one_part_as_a_full_pass_does() -> None:
    G = generator()
    face = Session(G, seed=1)
    face.render()
    face.randomize("part_3")
    edited, whole = face.render(), G(face.state.codes)
    torch.testing.assert_close(edited.image, whole.image, atol=1e-4, rtol=1e-4)


def test_it_is_saved_and_loaded(tmp_path) -> None:
    G = generator()
    G.update_mean_w(64)
    save_weights(G, tmp_path / "shared", {})
    again = load_pretrained(tmp_path / "shared.safetensors")
    assert again.config == G.config and again.config.shared == ("one",) * 6
    w = G.mapping(G.sample_z(1, 0))
    torch.testing.assert_close(again(w).image, G(w).image, atol=0.02, rtol=0.02)


def test_bad_sharing_is_a_sentence() -> None:
    with pytest.raises(UserError, match="2 generators for 6 parts"):
        model(6, ("a", "b"))
    with pytest.raises(UserError, match="class_dim is 0"):
        model(6, ("a",) * 6, class_dim=0)
    with pytest.raises(UserError, match='"local" or "render"'):
        section(generator(), "shape")
    assert "local.core_weight" in section(generator(), "local")


# ---------------------------------------------------------------------------------- what helps many parts in training

def test_balance_goes_from_pixels_to_parts() -> None:
    areas = torch.tensor([0.9, 0.09, 0.01])
    assert torch.equal(class_weights(areas, 0.0), torch.ones(3))
    shares = class_weights(areas, 1.0) * areas                                                 # of the loss
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3))
    torch.testing.assert_close(class_weights(areas), class_weights(areas, 0.5))
    with pytest.raises(UserError, match="balance"):
        TrainConfig(images=8, balance=-1.0)


def test_area_loss_asks_for_areas_not_for_places() -> None:
    ids = torch.zeros(4, 8, 8, dtype=torch.long)
    ids[:2, :4] = 1
    ids[2:, :, 6:] = 2
    mask = signed_one_hot(ids, 3)
    sharp, elsewhere = 50 * mask, 50 * mask.roll(2, dims=0).flip(-1)
    assert area_loss(sharp, mask) < 1e-9 and area_loss(elsewhere, mask) < 1e-9
    scores = mask.clone()
    scores[:, 0][ids == 2], scores[:, 2] = 1.0, -1.0                                           # part 2 is nowhere
    scores.requires_grad_()
    loss = area_loss(scores, mask)
    loss.backward()
    assert loss > 0.5 and scores.grad[:, 2].sum() < 0 < scores.grad[:, 0].sum()


@pytest.mark.parametrize("changes", [{}, dict(area_weight=0.1), dict(balance=1.0)])
def test_reconstruction_of_many_parts(changes: dict) -> None:
    rng = np.random.default_rng(0)
    config = model(20, ("one",) * 20)
    data = Dataset(torch.from_numpy(rng.integers(0, 256, (8, 3, 32, 32), np.uint8)),
                   torch.from_numpy(rng.integers(0, 20, (8, 32, 32), np.uint8)), {}, np.arange(8), "noise",
                   config.parts, ())
    trainer = Trainer(config, recipe("nano32").replace(images=8, reconstruct_images=8, batch=4, frozen_weight=0.0,
                                                       **changes), data)
    before = trainer.G.local.class_code.detach().clone()
    stats = trainer.step()
    assert ("area_loss" in stats) == ("area_weight" in changes) and all(x.isfinite().all() for x in stats.values())
    assert not torch.equal(trainer.G.local.class_code, before)
