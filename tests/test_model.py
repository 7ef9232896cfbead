"""What the model promises beyond the numbers of the parity test: repeatable, separable by parts, without waste."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssgan_lite import DualBranchDiscriminator, ModelConfig, SemanticGenerator, move_and_zoom, preset
from ssgan_lite.config import PRESETS
from ssgan_lite.errors import UserError
from ssgan_lite.model.fusion import fusion_weights, soft_mask
from ssgan_lite.train import losses


@pytest.fixture(scope="module")
def shared() -> SemanticGenerator:
    torch.manual_seed(0)
    G = SemanticGenerator(preset("nano32")).eval().requires_grad_(False)
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.2)                       # it starts at 0, where noise would change nothing
        if name.endswith(("depth_weight",)):
            parameter.mul_(3)                          # clearer borders
    return G


@pytest.fixture
def G(shared: SemanticGenerator) -> SemanticGenerator:
    return copy.deepcopy(shared)


@pytest.fixture
def w(G: SemanticGenerator) -> torch.Tensor:
    return G.mapping(G.sample_z(2, seed=5))


def config_with(n_parts: int, **changes) -> ModelConfig:
    parts = ("background", *(f"part_{i}" for i in range(1, n_parts)))
    return preset("nano32").replace(parts=parts, transparent=parts[-1:], **changes)


# ----------------------------------------------------------------------------------------------------- repeatability

def test_eval_mode_is_repeatable(G, w) -> None:
    first, second = G(w), G(w)
    assert torch.equal(first.image, second.image) and torch.equal(first.mask, second.mask)
    assert torch.equal(G(w, noise=G.render.stored_noise).image, first.image)
    torch.testing.assert_close(G(w[1:]).image, first.image[1:])           # whatever else is in the batch


def test_noise_is_drawn_in_training_and_can_be_seeded(G, w) -> None:
    def drawn(seed):
        return G(w, noise=G.render.draw_noise(2, torch.Generator().manual_seed(seed))).image
    assert torch.equal(drawn(3), drawn(3)) and not torch.equal(drawn(3), drawn(4))
    assert not torch.equal(drawn(3), G(w).image)
    G.train()
    assert not torch.equal(G(w).image, G(w).image)
    G.eval()
    assert torch.equal(G(w).image, G(w).image)
    with pytest.raises(UserError, match=r"noise planes of sizes \[8, 8, 16, 16, 32, 32\], not \[8\]"):
        G(w, noise=G.render.draw_noise(2)[:1])


def test_a_seed_is_a_face_in_any_batch(G) -> None:
    many = G.sample_z(5, seed=10)
    assert torch.equal(many[3], G.sample_z(1, seed=13)[0]) and not torch.equal(many[0], many[1])
    torch.manual_seed(0)
    assert torch.equal(G.sample_z(5, seed=10), many)


# -------------------------------------------------------------------------------------------------------------- codes

def test_all_three_shapes_of_a_code_are_one_face(G, w) -> None:
    out = G(w)
    for code in (G.layout.to_w_plus(w), G.layout.expand(w)):
        torch.testing.assert_close(G(code).image, out.image)
    assert out.codes.shape == (2, 13 * 6, 64) and G.layout.to_w_plus(w).shape == (2, 2 + 26, 64)


@pytest.mark.parametrize("shape", [(64,), (2, 63), (2, 27, 64), (2, 28, 63), (2, 79, 64), (1, 2, 28, 64)])
def test_a_code_of_the_wrong_shape(shape, G) -> None:
    with pytest.raises(UserError) as error:
        G(torch.zeros(shape))
    assert str(list(shape)) in str(error.value)
    for fits in ("[N, 64]", "[N, 28, 64]", "[N, 78, 64]"):
        assert fits in str(error.value)


@pytest.mark.parametrize("address, message", [
    (("hiar", "shape"), 'no part called "hiar". Did you mean "hair"'), (("hair", "colour"), '"shape" and "texture"'),
    (("base", 2), "base codes 0 to 1, not 2"), ((13, "shape"), "parts 0 to 12, not 13")])
def test_wrong_addresses(address, message, G) -> None:
    with pytest.raises(UserError, match=message):
        G.layout[address]


def test_an_address_steers_its_part_and_kind_only(G, w) -> None:
    before = G(w)
    for kind in ("shape", "texture"):
        code = G.layout.to_w_plus(w).clone()
        code[:, G.layout["hair", kind]] = torch.randn(2, 64)
        after = G(code)
        moved = (after.depths != before.depths).flatten(2).any(2).any(0)
        assert moved.tolist() == [name == "hair" and kind == "shape" for name in G.config.parts]
        assert not torch.allclose(after.image, before.image)
    code = G.layout.to_w_plus(w).clone()
    code[:, G.layout["base"]] = torch.randn(2, 2, 64)
    moved = (G(code).depths != before.depths).flatten(2).any(2).any(0)
    assert moved.tolist() == [False] + [True] * 12


def test_truncation(G, w) -> None:
    assert G.mean_w.isnan().all()
    middle = G(w, psi=0)
    assert G.mean_w.isfinite().all()                                       # computed when it is needed
    torch.testing.assert_close(middle.image[0], middle.image[1])
    torch.testing.assert_close(middle.image[:1], G(G.mean_w[None]).image)
    torch.testing.assert_close(G(w, psi=1).image, G(w).image, rtol=0, atol=0)
    torch.testing.assert_close(G(w, psi=0.7).image, G(G.mean_w + 0.7 * (w - G.mean_w)).image)
    torch.testing.assert_close(G(G.layout.to_w_plus(w), psi=0.7).image, G(w, psi=0.7).image)
    z = G.sample_z(20_000, None)
    torch.testing.assert_close(G.mean_w, G.mapping(z).mean(0), rtol=0, atol=0.05)


def test_mixing_never_takes_a_shape_without_its_texture(G) -> None:
    a, b = torch.zeros(64, 64), torch.ones(64, 64)
    choice = G.layout.draw_mixing(64, torch.Generator().manual_seed(0))
    assert choice.shape == (13, 64)
    assert (torch.bincount(choice.flatten()) / choice.numel()).sub(1 / 3).abs().max() < 0.1
    mixed = G.layout.mix(a, b, choice)[..., 0]                             # [N, 28]: 0 from a, 1 from b
    assert (mixed[:, G.layout["base"]] == 0).all()
    seen = set()
    for i, part in enumerate(G.config.parts):
        pairs = mixed[:, G.layout[part]]
        assert torch.equal(pairs, torch.tensor([[0.0, 0], [0, 1], [1, 1]])[choice[i]])
        seen |= {tuple(pair.tolist()) for pair in pairs}
    assert seen == {(0, 0), (0, 1), (1, 1)}
    assert torch.equal(G.layout.draw_mixing(64, torch.Generator().manual_seed(0)), choice)


# -------------------------------------------------------------------------------------------------------- composition

def test_the_composition_mask_switches_parts_off(G, w) -> None:
    shown = ["background", "face", "hair"]
    ids = [G.config.part_id(part) for part in shown]
    out = G(w, present=G.present(shown))
    share = (out.coarse_mask + 1) / 2
    torch.testing.assert_close(share.sum(1), torch.ones(2, 16, 16), rtol=0, atol=1e-3)
    assert (share[:, [i for i in range(13) if i not in ids]] == 0).all() and (share[:, ids] > 0).all()
    code = G.layout.to_w_plus(w).clone()                                   # what is absent has no effect
    code[:, G.layout["cloth"]] = torch.randn(2, 2, 64)
    torch.testing.assert_close(G(code, present=G.present(shown)).image, out.image)
    assert not torch.allclose(G(code).image, G(w).image)
    each = torch.stack([G.present(["background"]), G.present(shown)])      # one mask a sample
    torch.testing.assert_close(G(w, present=each).image[1], out.image[1])
    torch.testing.assert_close(G(w, present=torch.ones(13)).image, G(w).image)
    with pytest.raises(UserError, match='no part called "hiar". Did you mean "hair"'):
        G.present(["hiar"])
    with pytest.raises(UserError, match="At least one part"):
        G.present([])


def test_coordinates_move_one_part_and_its_depths_only(G, w) -> None:
    step = 2 / 15                                                          # one pixel of the 16 x 16 grid
    before = G(w).depths
    after = G(w, coords=G.coordinates({"hair": move_and_zoom(G.embedding.grid, dx=3 * step, dy=-2 * step)})).depths
    hair, others = 7, [i for i in range(13) if i != 7]
    assert torch.equal(after[:, others], before[:, others])
    torch.testing.assert_close(after[:, hair, :-2, 3:], before[:, hair, 2:, :-3], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(after[:, hair], before[:, hair])
    zoomed = G(w, coords=G.coordinates({"hair": move_and_zoom(G.embedding.grid, zoom=3.0)})).depths[:, hair]
    assert zoomed.std() < before[:, hair].std()                            # a third of the picture fills it
    plain = G(w, coords=G.coordinates({})).image
    torch.testing.assert_close(plain, G(w).image, rtol=1e-4, atol=1e-4)
    with pytest.raises(UserError, match="Did you mean"):
        G.coordinates({"haar": G.embedding.grid})


def test_transparent_parts_are_laid_over_what_is_behind() -> None:
    mask = soft_mask(torch.randn(2, 5, 3, 3))
    weights = fusion_weights(mask, transparent=(2, 4))
    torch.testing.assert_close(weights[:, [0, 1, 3]].sum(1), torch.ones(2, 3, 3))
    torch.testing.assert_close(weights[:, [2, 4]], mask[:, [2, 4]])
    torch.testing.assert_close(weights[:, 0] / weights[:, 1], mask[:, 0] / mask[:, 1])
    assert torch.equal(fusion_weights(mask), mask)


def test_parts_behind_glasses_stay_visible(G, w) -> None:
    """However near the glasses are, the face's texture still shows through; through a solid hat it does not."""
    def influence(front: str) -> float:
        model = copy.deepcopy(G)
        model.local.depth_bias[model.config.part_id(front) - 1] = 10.0
        code = model.layout.to_w_plus(w).clone()
        code[:, model.layout["face", "texture"]] = torch.randn(2, 64, generator=torch.Generator().manual_seed(1))
        return (model(code).image - model(w).image).abs().max().item()
    assert influence("glasses") > 1e-2 and influence("glasses") > 10 * influence("hat")


# ------------------------------------------------------------------------------------------------------- the hot path

class Operations(TorchDispatchMode):
    """Counts the operations that reach the kernels, and remembers the largest tensor that one of them made."""

    def __init__(self):
        super().__init__()
        self.count, self.largest = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.count += 1
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, torch.Tensor):
                # An expanded tensor takes no memory: what counts is what lies behind it.
                self.largest = max(self.largest, tensor.untyped_storage().nbytes() // tensor.element_size())
        return result


def operations(config: ModelConfig, backward: bool, n: int = 2) -> Operations:
    G = SemanticGenerator(config).train(backward)
    w = torch.randn(n, config.style_dim)
    with torch.set_grad_enabled(backward):
        G(w)                                           # whatever is prepared once is prepared now
        with Operations() as seen:
            out = G(w)
            if backward:
                (out.image.mean() + out.mask.mean()).backward()
    return seen


@pytest.mark.parametrize("backward", [False, True])
def test_nothing_loops_over_parts(backward: bool) -> None:
    few, many = (operations(config_with(n), backward).count for n in (5, 30))
    assert few == many


@pytest.mark.parametrize("backward", [False, True])
def test_no_part_has_a_feature_map_of_full_width(backward: bool) -> None:
    """Feature heads and composition are one product: a tensor [N, P, O, H, W] is never built."""
    config = config_with(13, feature_channels=192, local_channels=8)
    full = 2 * 13 * 192 * 16 * 16
    assert operations(config, backward).largest < full / 4


# -------------------------------------------------------------------------------------------------------------- sizes

@pytest.mark.parametrize("name, generator, discriminator", [
    ("nano32", None, None), ("lite64", None, None), ("lite128", None, None),
    ("paper256", 20_208_020, 51_169_793), ("paper512", 20_320_358, 51_406_593)])
def test_every_preset_builds(name, generator, discriminator) -> None:
    with torch.device("meta"):
        G, D = SemanticGenerator(preset(name)), DualBranchDiscriminator(preset(name))
    counts = [sum(p.numel() for p in model.parameters()) for model in (G, D)]
    if generator is None:             # ours may still change a little; they must stay small
        assert counts[0] < 2e6 and counts[1] < 8e6
    else:
        assert counts == [generator, discriminator]
    assert G.config.size == int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))


def test_what_cannot_be_built_is_said() -> None:
    assert set(PRESETS) == {"nano32", "lite64", "lite128", "paper256", "paper512"}
    with pytest.raises(UserError, match='no preset called "lite46". Did you mean "lite64"'):
        preset("lite46")
    for changes, message in ((dict(size=48), "size is 48, not a power of two"),
                             (dict(coarse_size=32), "not below size"),
                             (dict(depth_layers=9), "base <= depth <= local"),
                             (dict(parts=("a",)), "at least one other"),
                             (dict(transparent=("wig",)), '"wig" is not among'),
                             (dict(render_channels=(8,)), "render_channels needs 3")):
        with pytest.raises(UserError, match=f"cannot be built: .*{message}"):
            preset("nano32").replace(**changes)
    values = preset("nano32").to_dict()
    assert ModelConfig.from_dict(values) == preset("nano32")
    with pytest.raises(UserError, match="not known here: wigs"):
        ModelConfig.from_dict({**values, "wigs": 1})
    with pytest.raises(UserError, match="incomplete.*style_dim"):
        ModelConfig.from_dict({k: v for k, v in values.items() if k != "style_dim"})


# ---------------------------------------------------------------------------------------------------------- gradients

def nudged(model: torch.nn.Module, direction: list[torch.Tensor], by: float) -> torch.nn.Module:
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter, step in zip(other.parameters(), direction):
            parameter += by * step
    return other


def check_second_derivative(model: torch.nn.Module, value) -> None:
    """The gradient of a penalty that is itself made of gradients, against a difference quotient."""
    random = torch.Generator().manual_seed(1)
    direction = [torch.randn(p.shape, generator=random, dtype=p.dtype) for p in model.parameters()]
    value(model).backward()
    slope = sum(float((p.grad * step).sum()) for p, step in zip(model.parameters(), direction) if p.grad is not None)
    eps = 1e-9            # small, so that hardly any activation passes its kink
    ahead, behind = (value(nudged(model, direction, by)).item() for by in (eps, -eps))
    quotient = (ahead - behind) / (2 * eps)
    assert abs(slope) > 1e-5 and slope == pytest.approx(quotient, rel=1e-3)


def test_r1_has_a_gradient() -> None:
    torch.manual_seed(0)
    D = DualBranchDiscriminator(preset("nano32")).double()
    image, mask = torch.randn(4, 3, 32, 32, dtype=torch.double), torch.randn(4, 13, 32, 32, dtype=torch.double)

    def penalty(model):
        r1 = losses.r1_penalty(model, image, mask)
        return r1.image + r1.mask
    check_second_derivative(D, penalty)


def test_the_path_length_has_a_gradient() -> None:
    torch.manual_seed(0)
    G = SemanticGenerator(preset("nano32")).double().eval()
    codes = G.layout.expand(torch.randn(2, 64, dtype=torch.double))
    noise = torch.randn(2, 3, 32, 32, dtype=torch.double) / 32

    def penalty(model):
        lengths = losses.path_lengths(model, codes, image_noise=noise)
        return losses.path_penalty(lengths, torch.zeros((), dtype=torch.double))[0]
    check_second_derivative(G, penalty)


def test_texture_can_be_cut_off_from_shape(w) -> None:
    for detach in (False, True):
        model = SemanticGenerator(preset("nano32").replace(detach_texture=detach))
        model.render.mask_residual = False     # shape is then reached through the features only
        model.local.depth_weight.requires_grad_(False)
        out = model.local(model.layout.expand(w).unflatten(1, (13, 6)), model.embedding())[0]
        out.sum().backward()
        assert bool(model.local.weight.grad[:, :4].any()) is not detach and model.local.weight.grad[:, 4:].any()


# --------------------------------------------------------------------------------------------------- prepared weights

@pytest.mark.parametrize("forget", [lambda G: G.train().eval(), lambda G: G.float(), lambda G: G.to("cpu")],
                         ids=["train", "float", "to"])
def test_prepared_weights_do_not_outlive_the_parameters(forget, G, w) -> None:
    before = G(w).image
    G.render.prepare()
    torch.testing.assert_close(G(w).image, before)
    state = {name: tensor + 0.3 if "render.stages" in name else tensor for name, tensor in G.state_dict().items()}
    fresh = SemanticGenerator(G.config).eval()
    for model in (G, fresh):
        model.load_state_dict(state)
    forget(G)
    with torch.no_grad():
        torch.testing.assert_close(G(w).image, fresh(w).image)
    assert not torch.allclose(fresh(w).image, before)


def test_a_batch_that_cannot_be_grouped() -> None:
    D = DualBranchDiscriminator(preset("nano32"))
    with pytest.raises(UserError, match="batch of 6 cannot be split into groups of 4.*multiple of 4"):
        D(torch.zeros(6, 3, 32, 32), torch.zeros(6, 13, 32, 32))
    assert D(torch.zeros(3, 3, 32, 32)).shape == (3, 1)
