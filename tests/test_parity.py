"""Is it the model? Every array, loss and gradient norm that the published code gives for a small configuration.

`official_parity.*` were made by running the published modules (commit 5be7c3e) with weights drawn by a stated rule;
see `fill_rule` in the JSON file. The second half replaces single functions of the library by wrong ones, and shows
that the same comparison notices each of these mistakes.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ssgan_lite import official
from ssgan_lite.model import discriminator, fourier, fusion, generator, latents, layers, local, render
from ssgan_lite.train import losses

HERE = Path(__file__).parent
RECORD = json.loads((HERE / "official_parity.json").read_text())
ARRAYS = {name: torch.from_numpy(array) for name, array in np.load(HERE / "official_parity.npz").items()}


def drawn_state(model: str) -> dict[str, torch.Tensor]:
    """The state dict of the record's fill rule, which must have the record's hash."""
    record, rng, digest, state = RECORD[model], np.random.Generator(np.random.PCG64(0)), hashlib.sha256(), {}
    kept = {key: torch.tensor(entry["value"]) for entry in record["kept_values"] for key in entry["keys"]}
    for key, shape in sorted((k, tuple(s)) for k, s in record["keys"]):
        if key.endswith("kernel"):
            state[key] = kept[key]
            continue
        value = rng.standard_normal(shape, dtype=np.float32)
        if key.startswith("style."):
            value *= np.float32(100)
        if key.endswith("noise.weight"):
            value *= np.float32(0.1)
        digest.update(value.tobytes())
        state[key] = torch.from_numpy(value)
    return state


def drawn_input(name: str) -> torch.Tensor:
    seed, shape = RECORD["inputs"][name]
    rng = np.random.Generator(np.random.PCG64(seed))
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A file in the published layout with the drawn weights."""
    path = tmp_path_factory.mktemp("parity") / "drawn.pt"
    config = RECORD["config"]
    args = argparse.Namespace(**{k: config[k] for k in ("size", "base_layers", "depth_layers", "residual_refine",
                                                        "detach_texture", "transparent_dims")})
    state = drawn_state("generator")
    torch.save(dict(g=state, g_ema=state, d=drawn_state("discriminator"), args=args), path)
    return path


def deviations(checkpoint: Path) -> dict[str, float]:
    """|ours - published| / (atol + rtol |published|), the worst entry of every array and scalar: up to 1 is equal.

    The tolerance is the one that the record suggests: rtol 1e-4, atol 1e-3 on pictures (their values reach tens),
    1e-5 on the discriminator's scores; for everything else 1e-4.
    """
    result: dict[str, float] = {}

    def compare(name: str, ours, published) -> None:
        ours, published = torch.as_tensor(ours).detach(), torch.as_tensor(published)
        assert ours.shape == published.shape, f"{name}: {tuple(ours.shape)} is not {tuple(published.shape)}"
        atol = 1e-3 if name.endswith(("_rgb", "_seg")) else 1e-4
        if name.startswith(("d_", "d4_", "d8_")):
            atol = 1e-5
        if name.startswith(("g_grad", "d_grad", "r1", "path")):
            atol = 1e-4 * float(published.abs().max())
        result[name] = float(((ours - published).abs() / (atol + 1e-4 * published.abs())).max())

    G, D = official.load_generator(checkpoint), official.load_discriminator(checkpoint)
    a = ARRAYS
    w, w2 = G.mapping(a["z"]), G.mapping(a["z2"])
    compare("w", w, a["w"]), compare("w2", w2, a["w2"])

    def compare_pass(prefix: str, out) -> None:
        fields = dict(rgb=out.image, seg=out.mask, coarse=out.coarse_mask, depths=out.depths, latents=out.codes)
        for field, value in fields.items():
            if f"{prefix}_{field}" in a:
                published = a[f"{prefix}_{field}"]
                compare(f"{prefix}_{field}", value.reshape(published.shape), published)

    base = G(w)
    compare_pass("base", base)
    compare_pass("comp", G(w, present=a["comp_mask"]))
    G.mean_w.copy_(a["mean"])
    compare_pass("trunc", G(w, psi=0.7))
    compare_pass("wplus", G(a["wplus"]))
    grids = G.embedding.grid / 1.2
    compare_pass("zoom", G(w[:1], coords=G.coordinates({part: grids for part in G.config.parts})))
    # mix_index is [P][N] as in `LatentLayout.mix`
    compare("mix_latents", G.layout.expand(G.layout.mix(w, w2, a["mix_index"])), a["mix_latents"])
    compare("expanded", G(base.codes).image - G(w).image, torch.zeros_like(base.image))

    image, mask = base.image.detach(), base.mask.detach()
    compare("d_both", D(image, mask), a["d_both"]), compare("d_img", D(image), a["d_img"])
    image8, mask8 = drawn_input("d8 image"), drawn_input("d8 seg")
    compare("d8_both", D(image8, mask8), a["d8_both"]), compare("d8_img", D(image8), a["d8_img"])
    compare("d4_both", D(image8[:4], mask8[:4]), a["d4_both"])

    scalars = RECORD["scalars"]
    compare("mask_loss", losses.mask_consistency(base.coarse_mask, base.mask), scalars["mask_loss"])
    r1 = losses.r1_penalty(D, image, mask)
    compare("r1_img", r1.image, scalars["r1_img"]), compare("r1_seg", r1.mask, scalars["r1_seg"])
    noise = drawn_input("path noise (then / 64)") / 64
    lengths = losses.path_lengths(G, base.codes, image_noise=noise)
    compare("path_lengths", lengths, scalars["path_lengths"])

    def gradient_norms(model, state_of):
        """Gradients carried into a copy of the model, so that they come out under the published names."""
        shadow = copy.deepcopy(model)
        for parameter, source in zip(shadow.parameters(), model.parameters()):
            parameter.data.copy_(torch.zeros_like(source) if source.grad is None else source.grad)
        return {key: float(value.norm()) for key, value in state_of(shadow).items()}

    G.zero_grad(), D.zero_grad()
    out = G(G.mapping(a["z"]))
    loss = out.image.square().mean() + out.mask.square().mean()
    loss.backward()
    compare("g_loss_rgb2_plus_seg2", loss, scalars["g_loss_rgb2_plus_seg2"])
    ours = gradient_norms(G, official.generator_state)
    for key, norm in RECORD["g_grad_norms"].items():
        compare(f"g_grad {key}", ours[key], norm or 0.0)
    loss = F.softplus(D(image, mask)).mean()
    loss.backward()
    compare("d_loss_softplus_fake", loss, scalars["d_loss_softplus_fake"])
    ours = gradient_norms(D, official.discriminator_state)
    for key, norm in RECORD["d_grad_norms"].items():
        compare(f"d_grad {key}", ours[key], norm or 0.0)
    return result


def test_drawn_weights_are_the_recorded_ones():
    for model in ("generator", "discriminator"):
        state, record = drawn_state(model), RECORD[model]
        drawn = [key for key in sorted(state) if not key.endswith("kernel")]
        assert sum(state[key].numel() for key in drawn) == record["n_values_drawn"]
        assert state[record["first_key_drawn"]].flatten()[:4].tolist() == pytest.approx(record["first_values"])
        assert state[record["last_key_drawn"]].flatten()[-4:].tolist() == pytest.approx(record["last_values"])


def test_every_array_loss_and_gradient_is_the_published_one(checkpoint):
    found = deviations(checkpoint)
    missing = {name for name in ARRAYS if name not in found} - {"z", "z2", "mean", "wplus", "comp_mask", "mix_index"}
    assert not missing, f"not compared: {missing}"
    wrong = {name: round(value, 1) for name, value in found.items() if not value <= 1}
    assert not wrong


# --- deliberate mistakes ------------------------------------------------------------------------------------------

SQRT2 = 2**0.5
MISTAKES = {}


def mistake(owner, name: str):
    """Registers `wrong(right)`, which gives the function that takes the place of `owner.name`, the right one."""
    def register(wrong):
        MISTAKES[wrong.__name__] = (owner, name, wrong)
        return wrong
    return register


def after(right, change):
    """A wrong constructor: the right one, and then `change(self, *arguments)`."""
    def init(self, *arguments, **options):
        right(self, *arguments, **options)
        change(self, *arguments)
    return init


@mistake(fourier, "fourier_features")
def sine_and_cosine_swapped(right):
    return lambda grid, bands: torch.cat(
        [grid, *(f(2.0**b * grid) for b in range(bands) for f in (torch.cos, torch.sin))], dim=-3)


@mistake(fourier, "fourier_features")
def factor_pi_in_the_frequencies(right):
    return lambda grid, bands: torch.cat(
        [grid, *(f(torch.pi * 2.0**b * grid) for b in range(bands) for f in (torch.sin, torch.cos))], dim=-3)


@mistake(fourier, "coordinate_grid")
def x_and_y_swapped(right):
    return lambda size: right(size).flip(0)


@mistake(fourier, "coordinate_grid")
def pixel_centers_instead_of_corners(right):
    return lambda size: right(size) * (1 - 1 / size)


@mistake(latents.LatentLayout, "_code_of")
def background_given_base_codes(right):
    return lambda self, part, layer: layer if layer < self.config.base_layers else right(self, part, layer)


@mistake(latents.LatentLayout, "_code_of")
def one_base_code_for_both_base_layers(right):
    return lambda self, part, layer: 0 if part and layer < self.config.base_layers else right(self, part, layer)


@mistake(latents.LatentLayout, "mix")
def style_mixing_takes_the_shape_of_the_wrong_face(right):
    def mix(self, w_a, w_b, choice):
        swapped = right(self, w_a, w_b, choice).clone()            # where only the texture is from b ...
        for part, row in enumerate(torch.as_tensor(choice)):
            pair = self[part]
            only = (row == latents.TEXTURE_FROM_B)[:, None, None]
            swapped[:, pair] = torch.where(only, swapped[:, pair].flip(1), swapped[:, pair])       # ... the shape is
        return swapped
    return mix


@mistake(generator, "truncate")
def truncation_the_wrong_way_round(right):
    return lambda w, mean, psi: w + psi * (mean - w)


@mistake(local, "demodulate")
def local_weights_demodulated_over_the_outputs(right):
    return lambda weight, dims: right(weight, dims=(-2,))


@mistake(local.LocalBank, "modulated_weights")
def missing_sqrt2_in_the_local_generators(right):
    return lambda self, *arguments: right(self, *arguments) / SQRT2


@mistake(local.LocalBank, "run_layers")
def depth_read_one_layer_late(right):
    def run_layers(self, *arguments):
        self.depth_layers += 1
        try:
            return right(self, *arguments)
        finally:
            self.depth_layers -= 1
    return run_layers


@mistake(fusion, "soft_mask")
def softmax_over_the_wrong_axis(right):
    def soft_mask(depths, present=None):
        mask = torch.softmax(depths, dim=2)
        if present is not None:
            mask = mask * present[..., None, None]
            mask = mask / (mask.sum(dim=1, keepdim=True) + 1e-8)
        return mask
    return soft_mask


@mistake(fusion, "soft_mask")
def parts_switched_off_without_renormalizing(right):
    return lambda depths, present=None: right(depths) if present is None else right(depths) * present[..., None, None]


@mistake(fusion, "fusion_weights")
def transparent_weights_renormalized(right):
    def fusion_weights(mask, transparent=()):
        weights = right(mask, transparent)
        return weights / weights.sum(dim=1, keepdim=True)
    return fusion_weights


@mistake(fusion, "to_coarse_mask")
def coarse_mask_left_on_0_to_1(right):
    return lambda mask: mask


@mistake(render.RenderNet, "forward")
def mask_residual_at_the_wrong_resolution(right):
    def forward(self, features, coarse_mask, noise=None):
        image, mask = right(self, features, torch.zeros_like(coarse_mask), noise)
        residual = F.interpolate(coarse_mask, scale_factor=2)      # one stage too late; later stages only enlarge it
        while residual.shape[-1] < mask.shape[-1]:
            residual = self.stages[-1].to_mask.upsample(residual)
        return image, mask + residual
    return forward


@mistake(render, "torch")
def coarse_features_in_front_of_x(right):
    class Torch:
        def __getattr__(self, name):
            return getattr(right, name)

        def cat(self, tensors, dim=0):
            return right.cat(tensors[::-1], dim=dim)
    return Torch()


@mistake(layers, "demodulate")
def render_weights_demodulated_over_the_inputs_only(right):
    return lambda weight, dims: right(weight, dims=(1,))


@mistake(layers, "scaled_leaky_relu")
def missing_sqrt2_in_the_activation(right):
    return lambda x: right(x) / SQRT2


@mistake(layers.FixedStyledConv, "prepare")
def missing_sqrt2_in_the_render_weights(right):
    return lambda self: right(self) / SQRT2


@mistake(layers.FixedStyledConv, "forward")
def noise_before_the_fir_filter(right):
    def forward(self, x, noise, weight=None):
        if self.blur is None:
            return right(self, x, noise, weight)
        x = F.conv_transpose2d(x, self.prepare().transpose(0, 1), stride=2)
        x = self.blur(x + F.pad(SQRT2 * self.noise_strength * noise, (0, 1, 0, 1)))
        return F.leaky_relu(x + SQRT2 * self.bias[:, None, None], 0.2)
    return forward


@mistake(layers.ActivatedConv2d, "__init__")
def missing_sqrt2_in_the_discriminators_convolutions(right):
    return after(right, lambda self, *_: setattr(self, "gain", 1.0 if self.gain > 1.4 else self.gain))


@mistake(layers.OutputHead, "__init__")
def upsampling_filter_with_gain_1(right):
    return after(right, lambda self, *_: setattr(self, "upsample", layers.FIRFilter(gain=1.0, up=2)))


@mistake(layers.EqualConv2d, "__init__")
def fan_in_counted_without_the_kernel(right):
    return after(right, lambda self, in_channels, *_: setattr(self, "scale", in_channels**-0.5))


@mistake(layers.EqualLinear, "__init__")
def mapping_without_the_learning_rate_multiplier(right):
    return after(right, lambda self, in_features, *_: setattr(self, "weight_scale", in_features**-0.5))


def stddev_channel(x, groups, unbiased):
    """`minibatch_stddev` of groups [group, N / group, C, H, W]; sample n is in group n mod (N / group)."""
    deviation = torch.sqrt(groups.var(dim=0, unbiased=unbiased) + 1e-8).mean(dim=(1, 2, 3)).repeat(len(groups))
    return torch.cat([x, deviation.view(-1, 1, 1, 1).expand(len(x), 1, *x.shape[2:])], dim=1)


@mistake(discriminator, "minibatch_stddev")
def stddev_groups_by_block(right):
    return lambda x: stddev_channel(x, x.unflatten(0, (-1, min(len(x), 4))).transpose(0, 1), unbiased=False)


@mistake(discriminator, "minibatch_stddev")
def unbiased_standard_deviation(right):
    return lambda x: stddev_channel(x, x.unflatten(0, (min(len(x), 4), -1)), unbiased=True)


@mistake(discriminator.ResidualBlock, "forward")
def residual_sum_not_divided_by_sqrt2(right):
    return lambda self, x: self.skip(self.skip_blur(x)) + self.conv2(self.conv1(x))


@mistake(losses, "path_lengths")
def path_lengths_summed_over_the_codes(right):
    return lambda G, codes, **options: right(G, codes, **options) * codes.shape[1] ** 0.5


@mistake(losses, "r1_penalty")
def r1_averaged_over_the_pixels(right):
    def r1_penalty(D, image, mask):
        found = right(D, image, mask)
        return found._replace(image=found.image / image[0].numel(), mask=found.mask / mask[0].numel())
    return r1_penalty


@mistake(losses, "mask_consistency")
def mask_loss_without_mean_pooling(right):
    return lambda coarse_mask, mask: right(coarse_mask, F.interpolate(mask, coarse_mask.shape[-1:] * 2))


@pytest.mark.slow
@pytest.mark.parametrize("planted", MISTAKES)
def test_single_mistake_is_noticed(planted, checkpoint, monkeypatch) -> None:
    owner, name, wrong = MISTAKES[planted]
    monkeypatch.setattr(owner, name, wrong(getattr(owner, name)))
    found = deviations(checkpoint)
    noticed = {name: value for name, value in found.items() if not value <= 1}
    assert noticed, "nothing noticed this mistake"
    assert max(noticed.values()) > 10, f"noticed only barely: {noticed}"
