"""The monolithic baseline and the ablations: each differs from the paper's model in what it says and nothing else."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn import functional as F

from ssgan_lite import load_pretrained, preset, save_weights
from ssgan_lite.cli import main
from ssgan_lite.config import PRESETS, ModelConfig
from ssgan_lite.data import open_dataset
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, MonolithicGenerator, SemanticGenerator, build_generator
from ssgan_lite.model.fusion import hard_fusion_weights, one_hot_straight_through
from ssgan_lite.model.stylegan2 import StyledConv
from ssgan_lite.pictures import sample_sheet
from ssgan_lite.train import TrainConfig, Trainer
from ssgan_lite.train.checkpoint import read_checkpoint, resume, save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")

NANO = preset("nano32")
MONOLITHIC = NANO.replace(architecture="monolithic")
# Everything that happens in a run happens in these steps: R1, path length, mixing.
RECIPE = TrainConfig(images=24, batch=4, r1_every=2, path_weight=0.5, path_every=3, mixing=0.7)
ABLATIONS = {"no mask branch": {"mask_branch": False}, "no Fourier features": {"fourier_bands": 0},
             "no base codes": {"base_layers": 0}, "hard fusion": {"fusion": "hard"}}


def built(config: ModelConfig, seed: int = 0):
    torch.manual_seed(seed)
    return build_generator(config).eval(), DualBranchDiscriminator(config)


def n_parameters(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(module) -> dict[str, tuple]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


# ------------------------------------------------------------------------------------------------------- baseline

@pytest.mark.parametrize("name", PRESETS)
def test_the_budget_is_the_semantic_models(name) -> None:
    with torch.device("meta"):
        ours, theirs = build_generator(preset(name).replace(architecture="monolithic")), build_generator(preset(name))
    assert isinstance(ours, MonolithicGenerator) and isinstance(theirs, SemanticGenerator)
    # The constant, which grows with the picture, does not count: the other shapes are those of the whole family.
    assert n_parameters(ours) - ours.render.constant.numel() == pytest.approx(n_parameters(theirs), rel=0.01)
    assert shapes(ours.mapping) == shapes(theirs.mapping)
    widths = [conv.weight.shape[0] for conv in ours.render.convs]
    assert widths[2:] == [width for width in preset(name).render_channels for _ in "ab"]
    assert 0.5 < widths[0] / preset(name).feature_channels < 2             # the rest has not become something odd


def test_the_baseline_is_called_as_the_semantic_model_is() -> None:
    G, D = built(MONOLITHIC)
    w = G.mapping(G.sample_z(4, seed=1))
    out = G(w)
    assert out.image.shape == (4, 3, 32, 32) and out.mask.shape == (4, 13, 32, 32)
    assert out.coarse_mask is None and out.depths is None
    assert out.codes.shape == (4, G.layout.n_latent, 64) and len(G.layout.names) == G.layout.n_latent
    assert D(out.image, out.mask).shape == (4, 1)
    assert torch.equal(G(w).image, out.image)                              # stored noise in eval mode
    assert torch.equal(G(G.layout.to_w_plus(w)).image, out.image)
    G.update_mean_w(100)
    torch.testing.assert_close(G(w, psi=0.0).image[0], G(w, psi=0.0).image[3])
    noise = G.render.draw_noise(4, torch.Generator().manual_seed(0))
    assert [plane.shape[-1] for plane in noise] == G.render.noise_sizes == [4, 4, 8, 8, 16, 16, 32, 32]
    with torch.no_grad():
        G.render.convs[5].noise_strength.fill_(1.0)
    assert not torch.equal(G(w, noise=noise).image, G(w).image)
    assert not torch.equal(G.train()(w).image, G(w).image)                 # fresh noise in training
    assert sample_sheet(G.eval(), range(3)).size == (3 * 32 + 2 * 2, 64)


def test_what_has_no_parts_says_so() -> None:
    G, _ = built(MONOLITHIC)
    w = G.mapping(G.sample_z(1, seed=0))
    for wrong in (dict(present=torch.ones(13)), dict(coords=torch.zeros(13, 2, 16, 16))):
        with pytest.raises(UserError, match="no parts"):
            G(w, **wrong)
    with pytest.raises(UserError, match="one per layer"):
        Session(G, seed=0).randomize("hair")
    with pytest.raises(UserError, match="does not fit"):
        G(w[:, :-1])
    with pytest.raises(UserError, match="noise planes"):
        G(w, noise=G.render.stored_noise[:-1])


@pytest.mark.parametrize("upsample", [False, True])
def test_scaling_activations_is_scaling_weights(upsample) -> None:
    """StyleGAN2 eq. 1 to 3, sample by sample, with a modulated and demodulated weight for each."""
    torch.manual_seed(0)
    conv = StyledConv(5, 7, 6, upsample=upsample)
    conv.noise_strength.data.fill_(0.3), conv.bias.data.normal_()
    x, w, size = torch.randn(3, 5, 8, 8), torch.randn(3, 6), 16 if upsample else 8
    noise, ours = torch.randn(3, 1, size, size), []
    for i in range(3):
        style = conv.style.weight @ w[i] / 6**0.5 + 1
        weight = conv.weight * style.view(1, 5, 1, 1) / 45**0.5
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if upsample:
            y = conv.blur(F.conv_transpose2d(x[i:i + 1], weight.transpose(0, 1), stride=2))
        else:
            y = F.conv2d(x[i:i + 1], weight, padding=1)
        ours.append(F.leaky_relu(y + 0.3 * noise[i] + conv.bias.view(-1, 1, 1), 0.2) * 2**0.5)
    torch.testing.assert_close(conv(x, w, noise), torch.cat(ours), rtol=1e-4, atol=1e-5)


def test_mixing_crosses_at_one_layer() -> None:
    G, _ = built(MONOLITHIC)
    a, b = torch.zeros(50, 64), torch.ones(50, 64)
    choice = G.layout.draw_mixing(50, torch.Generator().manual_seed(0))
    assert choice.min() == 1 and choice.max() == G.layout.n_latent - 1     # each face keeps a part in both
    mixed = G.layout.mix(a, b, choice)[..., 0]
    assert all(row.tolist() == [0] * k + [1] * (G.layout.n_latent - k) for row, k in zip(mixed, choice.tolist()))


# ------------------------------------------------------------------------------------------------------ ablations

@pytest.mark.parametrize("what", ABLATIONS)
def test_an_ablation_changes_no_other_tensor(what) -> None:
    G, D = built(NANO)
    G_changed, D_changed = built(NANO.replace(**ABLATIONS[what]))
    ours, theirs = {**shapes(G), **shapes(D)}, {**shapes(G_changed), **shapes(D_changed)}
    different = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    expected = {"no mask branch": {name for name in shapes(D) if name.startswith("mask_tower.")},
                "no Fourier features": {"embedding.weight"}}
    assert different == expected.get(what, set())


def test_without_mask_branch_the_mask_is_not_looked_at() -> None:
    _, full = built(NANO)
    D = DualBranchDiscriminator(NANO.replace(mask_branch=False))
    D.load_state_dict({k: v for k, v in full.state_dict().items() if not k.startswith("mask_tower.")})
    image, mask = torch.randn(4, 3, 32, 32), torch.randn(4, 13, 32, 32)
    assert torch.equal(D(image, mask), full(image)) and not torch.equal(D(image, mask), full(image, mask))


def test_without_fourier_features_positions_are_plain() -> None:
    G, _ = built(NANO.replace(fourier_bands=0))
    expected = torch.einsum("cf,fhw->chw", G.embedding.weight, G.embedding.grid) / 2**0.5
    torch.testing.assert_close(G.embedding(), expected)


def test_without_base_codes_parts_share_nothing() -> None:
    G, _ = built(NANO.replace(base_layers=0))
    assert G.layout.n_latent == 26 and not any(name.startswith("base") for name in G.layout.names)
    assert G.layout["background", "shape"] == 0 and G.layout["hair", "texture"] == 15
    w = G.layout.to_w_plus(G.mapping(G.sample_z(1, seed=1))).clone()
    before = G(w).depths
    w[:, G.layout["hair", "shape"]] += 1
    changed = (G(w).depths != before).flatten(2).any(2)[0]
    assert changed.nonzero().flatten().tolist() == [7]
    choice = G.layout.draw_mixing(1, torch.Generator().manual_seed(0))
    assert G.layout.mix(w[:, 0], w[:, 1], choice).shape == (1, 26, 64)
    with pytest.raises(UserError):
        G.layout["base", 0]


def test_hard_fusion_is_one_hot_with_the_soft_gradient() -> None:
    logits = torch.randn(2, 5, 3, 3, requires_grad=True)
    direction = torch.randn(2, 5, 3, 3)
    soft = logits.softmax(1)
    hard = one_hot_straight_through(soft)
    assert torch.equal(hard.detach().round(), F.one_hot(soft.argmax(1), 5).permute(0, 3, 1, 2).float())
    torch.testing.assert_close(hard.detach(), hard.detach().round())
    expected, = torch.autograd.grad((soft * direction).sum(), logits, retain_graph=True)
    given, = torch.autograd.grad((hard * direction).sum(), logits)
    torch.testing.assert_close(given, expected)


def test_hard_fusion_keeps_what_is_behind_glass() -> None:
    # parts: background, face, glasses; pixels: glasses before face, glasses behind face, nothing present
    mask = torch.tensor([[0.1, 0.2, 0.0], [0.3, 0.5, 0.0], [0.6, 0.3, 0.0]]).view(1, 3, 1, 3)
    weights = hard_fusion_weights(mask, transparent=[2])[0, :, 0]
    torch.testing.assert_close(weights, torch.tensor([[0.0, 0, 0], [1, 1, 0], [1, 0, 0]]), atol=1e-6, rtol=0)
    # Without transparent parts the nearest wins, glasses or not.
    weights = hard_fusion_weights(mask)[0, :, 0]
    torch.testing.assert_close(weights, torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]]), atol=1e-6, rtol=0)


def test_hard_fusion_changes_the_composition_only() -> None:
    soft, _ = built(NANO)
    hard, _ = built(NANO.replace(fusion="hard"))
    hard.load_state_dict(soft.state_dict())
    w = soft.mapping(soft.sample_z(2, seed=3))
    a, b = soft(w), hard(w)
    assert torch.equal(a.depths, b.depths) and torch.equal(a.codes, b.codes)
    assert not torch.allclose(a.image, b.image)
    torch.testing.assert_close(b.coarse_mask.round(), b.coarse_mask, atol=1e-5, rtol=0)
    assert torch.equal(a.coarse_mask.argmax(1), b.coarse_mask.argmax(1))
    shown = hard(w, present=hard.present(["face", "hair"]))
    assert set(shown.coarse_mask.argmax(1).unique().tolist()) <= {1, 7}
    b.image.sum().backward()
    assert hard.local.depth_weight.grad.abs().sum() > 0                    # shapes still learn from the image


# ------------------------------------------------------------------------------------------- training, disk, shell

@pytest.mark.slow
@pytest.mark.usefixtures("use_tiny_data")
@pytest.mark.parametrize("changes", [{"architecture": "monolithic"}, *ABLATIONS.values()], ids=str)
def test_every_model_trains_and_resumes(changes, tmp_path) -> None:
    config, data = NANO.replace(**changes), open_dataset("heads", 32)
    whole, halves = (Trainer(config, RECIPE, data) for _ in range(2))
    seen = set()
    for _ in range(4):
        seen |= set(whole.step())
    assert ("mask_loss" in seen) == (config.architecture == "semantic") and "path_length" in seen
    halves.step(), halves.step()
    save_checkpoint(halves, tmp_path / "half.pt")
    other = Trainer(config, RECIPE.replace(seed=0), data)
    resume(other, tmp_path / "half.pt")
    other.step(), other.step()
    for a, b in ((whole.G, other.G), (whole.D, other.D), (whole.G_ema, other.G_ema)):
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))
    moved = Trainer(config, RECIPE, data).G.named_parameters()             # the weights that it began with
    assert [name for (name, a), b in zip(moved, whole.G.parameters()) if torch.equal(a, b)] == []


@pytest.mark.usefixtures("use_tiny_data")
def test_checkpoints_from_before_these_fields_resume(tmp_path) -> None:
    data = open_dataset("heads", 32)
    trainer = Trainer(NANO, RECIPE, data)
    trainer.step()
    save_checkpoint(trainer, tmp_path / "now.pt")
    state = read_checkpoint(tmp_path / "now.pt")
    for name in ("architecture", "mask_branch", "fusion"):
        del state["model"][name]
    torch.save(state, tmp_path / "older.pt")
    resume(Trainer(NANO, RECIPE, data), tmp_path / "older.pt")
    with pytest.raises(UserError, match="another model .architecture semantic, not monolithic"):
        resume(Trainer(MONOLITHIC, RECIPE, data), tmp_path / "older.pt")


@pytest.mark.parametrize("changes", [{"architecture": "monolithic"}, *ABLATIONS.values()], ids=str)
def test_weights_remember_what_they_are(changes, tmp_path) -> None:
    G, _ = built(NANO.replace(**changes))
    save_weights(G, tmp_path / "it.safetensors", dtype=torch.float32)
    loaded = load_pretrained(tmp_path / "it.safetensors")
    assert loaded.config == G.config and type(loaded) is type(G)
    w = G.mapping(G.sample_z(2, seed=0))
    assert torch.equal(loaded(w).image, G(w).image)


def test_descriptions_from_before_these_fields_load(tmp_path) -> None:
    G, _ = built(NANO)
    save_weights(G, tmp_path / "old.safetensors")
    description = json.loads((tmp_path / "old.json").read_text())
    for name in ("architecture", "mask_branch", "fusion"):
        del description["config"][name]
    (tmp_path / "old.json").write_text(json.dumps(description))
    assert load_pretrained(tmp_path / "old.safetensors").config == NANO


@pytest.mark.slow
@pytest.mark.usefixtures("use_tiny_data")
def test_the_command_line_builds_them_and_resumes_without_being_told_again(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    common = ["train", "--out", str(out), "--batch", "4", "--quiet", "--device", "cpu"]
    assert main([*common, "--images", "4", "--architecture", "monolithic", "--no-mask-branch"]) == 0
    model = json.loads((out / "run.json").read_text())["model"]
    assert (model["architecture"], model["mask_branch"], model["fusion"]) == ("monolithic", False, "soft")
    assert main([*common, "--images", "8", "--resume"]) == 0
    assert load_pretrained(out / "weights.safetensors").config == MONOLITHIC.replace(mask_branch=False)
    assert main([*common, "--images", "12", "--resume", "--mask-branch"]) == 2
    assert "another model (mask_branch False, not True)" in capsys.readouterr().err
    assert main([*common, "--images", "12", "--resume", "--preset", "lite64"]) == 2


@pytest.mark.parametrize("changes, words", [
    ({"architecture": "monolitic"}, 'Did you mean "monolithic"'), ({"fusion": "solid"}, "soft"),
    ({"fourier_bands": -1}, "below 0")])
def test_what_cannot_be_built_is_named(changes, words) -> None:
    with pytest.raises(UserError, match=words):
        NANO.replace(**changes)
