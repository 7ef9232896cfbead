"""Is it the model? Every array, loss and gradient norm that the published code gives for a small configuration.

`official_parity.*` were made by running the published modules (commit 5be7c3e) with weights drawn by a stated rule;
see `fill_rule` in the JSON file. The second half plants single mistakes in a copy of the library and shows that the
same comparison notices each of them.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

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


def deviations(sg, official, checkpoint: Path) -> dict[str, float]:
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

    losses, scalars = importlib.import_module(sg.__name__ + ".train.losses"), RECORD["scalars"]
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


def test_the_drawn_weights_are_the_recorded_ones():
    for model in ("generator", "discriminator"):
        state, record = drawn_state(model), RECORD[model]
        drawn = [key for key in sorted(state) if not key.endswith("kernel")]
        assert sum(state[key].numel() for key in drawn) == record["n_values_drawn"]
        assert state[record["first_key_drawn"]].flatten()[:4].tolist() == pytest.approx(record["first_values"])
        assert state[record["last_key_drawn"]].flatten()[-4:].tolist() == pytest.approx(record["last_values"])


def test_every_array_loss_and_gradient_is_the_published_one(checkpoint):
    import ssgan_lite
    from ssgan_lite import official

    found = deviations(ssgan_lite, official, checkpoint)
    missing = {name for name in ARRAYS if name not in found} - {"z", "z2", "mean", "wplus", "comp_mask", "mix_index"}
    assert not missing, f"not compared: {missing}"
    wrong = {name: round(value, 1) for name, value in found.items() if not value <= 1}
    assert not wrong


# (what is done wrong, module, the right line, the wrong one)
MISTAKES = [
    ("sine and cosine swapped", "model/fourier.py",
     "[torch.sin(2.0**band * grid), torch.cos(2.0**band * grid)]",
     "[torch.cos(2.0**band * grid), torch.sin(2.0**band * grid)]"),
    ("a factor pi in the frequencies", "model/fourier.py", "torch.sin(2.0**band * grid)",
     "torch.sin(3.14159265 * 2.0**band * grid)"),
    ("x and y swapped", "model/fourier.py", "torch.stack([x, y])", "torch.stack([y, x])"),
    ("pixel centres instead of corners", "model/fourier.py", "torch.linspace(-1.0, 1.0, size)",
     "(torch.arange(size) + 0.5) * 2 / size - 1"),
    ("background given base codes", "model/latents.py", "if part > 0 and layer < config.base_layers",
     "if layer < config.base_layers"),
    ("one base code for both base layers", "model/latents.py", "return layer  ", "return 0  "),
    ("local weights demodulated over the outputs", "model/local.py", "dims=(-1,))", "dims=(-2,))"),
    ("render weights demodulated over the inputs only", "model/layers.py", "dims=(1, 2, 3))", "dims=(1,))"),
    ("missing sqrt(2) in the activation", "model/layers.py", "F.leaky_relu(x, 0.2) * SQRT2", "F.leaky_relu(x, 0.2)"),
    ("missing sqrt(2) in the discriminator", "model/layers.py", "gain: float = SQRT2):", "gain: float = "
                                                                                                 "1.0):"),
    ("missing sqrt(2) in the render net's weights", "model/layers.py", "return SQRT2 * demodulate(",
     "return demodulate("),
    ("missing sqrt(2) in the local generators", "model/local.py", "(SQRT2 * self.modulated_weights(codes))",
     "(1.0 * self.modulated_weights(codes))"),
    ("the depth read one layer late", "model/local.py", "layer == self.depth_layers - 1", "layer == "
                                                                                          "self.depth_layers"),
    ("softmax over the wrong axis", "model/fusion.py", "torch.softmax(depths, dim=1)",
     "torch.softmax(depths, dim=2)"),
    ("transparent weights renormalised", "model/fusion.py",
     "return solid / (solid.sum(dim=1, keepdim=True) + EPS) + mask * (1 - is_solid)",
     "both = solid / (solid.sum(dim=1, keepdim=True) + EPS) + mask * (1 - is_solid)\n"
     "    return both / both.sum(dim=1, keepdim=True)"),
    ("parts switched off without renormalising", "model/fusion.py",
     "mask = mask / (mask.sum(dim=1, keepdim=True) + EPS)", "pass"),
    ("the coarse mask left on [0, 1]", "model/fusion.py", "return 2 * mask - 1", "return mask"),
    ("mask residual at the wrong resolution", "model/render.py",
     "if self.mask_residual and mask.shape[-1] == self.coarse_size:\n                mask = mask + coarse_mask",
     "if self.mask_residual and mask.shape[-1] == 2 * self.coarse_size:\n"
     "                mask = mask + F.interpolate(coarse_mask, scale_factor=2)"),
    ("coarse features in front of x", "model/render.py", "torch.cat([x, features], dim=1)",
     "torch.cat([features, x], dim=1)"),
    ("noise before the FIR filter", "model/layers.py",
     "            x = self.blur(x).add_(bias[:, None, None])                                         # [N, out, 2H, "
     "2W]",
     "            x = self.blur(x + F.pad(SQRT2 * self.noise_strength * noise, (0, 1, 0, 1)))\n"
     "            x, noise = x.add_(bias[:, None, None]), None"),
    ("the upsampling filter with gain 1", "model/layers.py", "self.upsample = FIRFilter(gain=4.0, up=2)",
     "self.upsample = FIRFilter(gain=1.0, up=2)"),
    ("fan-in counted without the kernel", "model/layers.py", "self.scale = 1 / math.sqrt(in_channels * "
                                                             "kernel_size**2)",
     "self.scale = 1 / math.sqrt(in_channels)"),
    ("mapping without the learning-rate multiplier", "model/layers.py",
     "self.weight_scale = lr_multiplier / math.sqrt(in_features)", "self.weight_scale = 1 / math.sqrt(in_features)"),
    ("truncation the wrong way round", "model/mapping.py", "mean + psi * (w - mean)", "w + psi * (mean - w)"),
    ("style mixing takes the shape of the wrong face", "model/latents.py",
     "[choice == BOTH_FROM_B, choice != FROM_A]", "[choice != FROM_A, choice == BOTH_FROM_B]"),
    ("stddev groups by block", "model/discriminator.py",
     "x.reshape(group, n // group, c, h, w)", "x.reshape(n // group, group, c, h, w).transpose(0, 1)"),
    ("unbiased standard deviation", "model/discriminator.py", "unbiased=False", "unbiased=True"),
    ("the residual sum not divided by sqrt(2)", "model/discriminator.py", "gain=1 / SQRT2)", "gain=1.0)"),
    ("path lengths summed over the codes", "train/losses.py", ".sum(dim=2).mean(dim=1)", ".sum(dim=2).sum(dim=1)"),
    ("R1 averaged over the pixels", "train/losses.py", ".square().flatten(1).sum(dim=1)",
     ".square().flatten(1).mean(dim=1)"),
    ("the mask loss without its mean pooling", "train/losses.py", "F.adaptive_avg_pool2d(mask, "
                                                                  "coarse_mask.shape[-1])",
     "F.interpolate(mask, coarse_mask.shape[-1:] * 2)"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_single_mistake_is_noticed(mistake, checkpoint, tmp_path, monkeypatch):
    """The library is copied, one line is spoilt, and the comparison must fail somewhere."""
    import ssgan_lite

    _, module, right, wrong = mistake
    shutil.copytree(Path(ssgan_lite.__file__).parent, tmp_path / "ssgan_lite",
                    ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "ssgan_lite" / module
    source = path.read_text()
    assert source.count(right) >= 1, "the right line is no longer in the library: this test must follow it"
    path.write_text(source.replace(right, wrong, 1))

    for name in [name for name in sys.modules if name.split(".")[0] == "ssgan_lite"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    spoilt = importlib.import_module("ssgan_lite")
    assert Path(spoilt.__file__).is_relative_to(tmp_path)
    try:
        found = deviations(spoilt, importlib.import_module("ssgan_lite.official"), checkpoint)
        wrong = {name: value for name, value in found.items() if not value <= 1}
        assert wrong, "nothing noticed this mistake"
        assert max(wrong.values()) > 10, f"noticed only barely: {wrong}"
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "ssgan_lite"]:
            monkeypatch.delitem(sys.modules, name)
