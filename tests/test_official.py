"""Published checkpoints: read without running what is in them, complete or refused in words, and written back."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest
import torch

from ssgan_lite import DualBranchDiscriminator, SemanticGenerator, official, preset
from ssgan_lite.errors import UserError
from ssgan_lite.model.layers import fir_kernel

PAPER_ARGS = dict(base_layers=2, depth_layers=6, residual_refine=True, detach_texture=False,
                  transparent_dims=[10, 12])


def published_shapes(n_parts: int = 13) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Keys and shapes of the 512 px configuration, written down from the published code and not from this library."""
    g: dict[str, tuple[int, ...]] = {"pos_embed.weights": (64, 38, 1, 1)}
    for p in range(n_parts):
        net = f"local_nets.{p}"
        for i in range(10):
            g[f"{net}.linears.{i}.conv.weight"] = (1, 64, 64, 1, 1)
            g[f"{net}.linears.{i}.conv.modulation.weight"] = (64, 512)
            g[f"{net}.linears.{i}.conv.modulation.bias"] = (64,)
            g[f"{net}.linears.{i}.activate.bias"] = (64,)
        heads = [("to_feat", 512)] + [("to_depth", 1)] * (p > 0)
        for head, out in heads:
            g[f"{net}.{head}.conv.weight"] = (out, 64, 1, 1)
            g[f"{net}.{head}.conv.modulation"] = (1, 64, 1, 1)
            g[f"{net}.{head}.bias"] = (1, out, 1, 1)
            g[f"{net}.{head}.upsample.kernel"] = (4, 4)
    widths = [(512, 512)] * 4 + [(256, 1024), (256, 256), (128, 256), (128, 128), (64, 128), (64, 64)]
    for j, (out, inputs) in enumerate(widths):
        conv = f"render_net.convs.{j}"
        g[f"{conv}.weight"] = (out, inputs, 3, 3)
        g[f"{conv}.modulation"] = (1, inputs, 1, 1)
        g[f"{conv}.noise.weight"] = (1,)
        g[f"{conv}.activate.bias"] = (out,)
        if j % 2 == 0:
            g[f"{conv}.blur.kernel"] = (4, 4)
        g[f"render_net.noises.noise_{j}"] = (1, 1, 32 << j // 2, 32 << j // 2)
    for i, c in enumerate((512, 512, 256, 128, 64)):
        for head, out in (("to_rgbs", 3), ("to_segs", n_parts)):
            g[f"render_net.{head}.{i}.conv.weight"] = (out, c, 1, 1)
            g[f"render_net.{head}.{i}.conv.modulation"] = (1, c, 1, 1)
            g[f"render_net.{head}.{i}.bias"] = (1, out, 1, 1)
            g[f"render_net.{head}.{i}.upsample.kernel"] = (4, 4)
    for i in range(1, 9):
        g[f"style.{i}.weight"], g[f"style.{i}.bias"] = (512, 512), (512,)

    d: dict[str, tuple[int, ...]] = {}
    for tower, inputs in (("convs_img", 3), ("convs_seg", n_parts)):
        d[f"{tower}.0.0.weight"], d[f"{tower}.0.1.bias"] = (64, inputs, 1, 1), (64,)
        channels = (64, 128, 256, 512, 512, 512, 512, 512)
        for i, (a, b) in enumerate(zip(channels, channels[1:]), 1):
            d[f"{tower}.{i}.conv1.0.weight"], d[f"{tower}.{i}.conv1.1.bias"] = (a, a, 3, 3), (a,)
            d[f"{tower}.{i}.conv2.0.kernel"] = (4, 4)
            d[f"{tower}.{i}.conv2.1.weight"], d[f"{tower}.{i}.conv2.2.bias"] = (b, a, 3, 3), (b,)
            d[f"{tower}.{i}.skip.0.kernel"], d[f"{tower}.{i}.skip.1.weight"] = (4, 4), (b, a, 1, 1)
    d["final_conv.0.weight"], d["final_conv.1.bias"] = (512, 513, 3, 3), (512,)
    d["final_linear.0.weight"], d["final_linear.0.bias"] = (512, 8192), (512,)
    d["final_linear.1.weight"], d["final_linear.1.bias"] = (1, 512), (1,)
    return g, d


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in shapes.items():
        if key.endswith("kernel"):
            state[key] = fir_kernel(1.0 if key.startswith("convs_") else 4.0)
        else:
            scale = 100.0 if key.startswith("style.") else 1.0
            state[key] = torch.randn(shape, generator=random) * scale
    return state


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# ------------------------------------------------------------------------------------- the published configuration

@pytest.fixture(scope="module")
def paper_file(tmp_path_factory) -> Path:
    g, d = (drawn(shapes) for shapes in published_shapes())
    assert (len(g), len(d)) == (732, 108)
    path = tmp_path_factory.mktemp("published") / "CelebAMask-HQ-512x512.pt"
    torch.save(dict(g=g, g_ema=g, d=d, args=argparse.Namespace(**PAPER_ARGS, size=512, dataset="x", n_gpu=8)), path)
    return path


@pytest.mark.slow
def test_the_512_configuration_loads_and_draws(paper_file: Path) -> None:
    G = official.load_generator(paper_file)
    assert G.config == preset("paper512") and not G.training
    assert parameters(G) == 20_320_358
    state = torch.load(paper_file, weights_only=False)["g_ema"]
    torch.testing.assert_close(G.local.weight[7, 3], state["local_nets.7.linears.3.conv.weight"][0, :, :, 0, 0])
    torch.testing.assert_close(G.local.depth_weight[11], state["local_nets.12.to_depth.conv.weight"][0, :, 0, 0])
    with torch.no_grad():
        out = G(G.mapping(G.sample_z(1, seed=1)), psi=0.7)
    assert out.image.shape == (1, 3, 512, 512) and out.mask.shape == (1, 13, 512, 512)
    assert out.coarse_mask.shape == out.depths.shape == (1, 13, 64, 64) and out.codes.shape == (1, 130, 512)
    assert out.image.isfinite().all() and out.image.std() > 0
    if sys.platform == "linux":         # torch itself takes most of a gigabyte
        import resource

        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3.5e6, "more than 3.5 GB were used"


def test_the_512_discriminator_loads(paper_file: Path) -> None:
    D = official.load_discriminator(paper_file)
    assert parameters(D) == 51_406_593
    state = torch.load(paper_file, weights_only=False)["d"]
    assert torch.equal(D.mask_tower[4].skip.weight, state["convs_seg.4.skip.1.weight"])


# ------------------------------------------------------------------------------------------------------ round trips

@pytest.fixture
def nano() -> tuple[SemanticGenerator, DualBranchDiscriminator]:
    torch.manual_seed(0)
    G, D = SemanticGenerator(preset("nano32")).eval(), DualBranchDiscriminator(preset("nano32")).eval()
    with torch.no_grad():
        for parameter in (*G.parameters(), *D.parameters()):
            parameter += 0.1 * torch.randn_like(parameter)          # biases and strengths too
    return G, D


def test_round_trip(nano, tmp_path: Path) -> None:
    G, D = nano
    official.save_generator(G, tmp_path / "nano.pt", D)
    assert [path.name for path in tmp_path.iterdir()] == ["nano.pt"]
    G2, D2 = official.load_generator(tmp_path / "nano.pt"), official.load_discriminator(tmp_path / "nano.pt")
    assert G2.config == D2.config == preset("nano32")
    for ours, theirs in ((G, G2), (D, D2)):
        state = theirs.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items() if name != "mean_w")
    z = torch.randn(4, 64)
    with torch.no_grad():
        ours, theirs = G(G.mapping(z)), G2(G2.mapping(z))
        assert torch.equal(ours.image, theirs.image) and torch.equal(ours.mask, theirs.mask)
        assert torch.equal(D(ours.image, ours.mask), D2(ours.image, ours.mask))
    G3 = official.load_generator(tmp_path / "nano.pt", ema=False)
    assert torch.equal(G3.local.weight, G.local.weight)


def test_round_trip_of_the_parity_configuration(tmp_path: Path) -> None:
    from test_parity import RECORD, drawn_state

    state, config = drawn_state("generator"), RECORD["config"]
    args = argparse.Namespace(**{k: config[k] for k in PAPER_ARGS})
    torch.save(dict(g_ema=state, args=args), tmp_path / "theirs.pt")
    G = official.load_generator(tmp_path / "theirs.pt")
    official.save_generator(G, tmp_path / "ours.pt")
    saved = torch.load(tmp_path / "ours.pt", weights_only=False)
    assert saved["g"].keys() == saved["g_ema"].keys() == state.keys()
    for key, tensor in state.items():
        assert saved["g_ema"][key].shape == tensor.shape and torch.equal(saved["g_ema"][key], tensor), key
    for name in PAPER_ARGS:
        assert getattr(saved["args"], name) == getattr(args, name), name


def test_seventeen_parts(tmp_path: Path) -> None:
    parts = ("background", *(f"class_{i}" for i in range(1, 17)))
    config = preset("nano32").replace(parts=parts, transparent=("class_3",))
    official.save_generator(SemanticGenerator(config), tmp_path / "g.pt")
    G = official.load_generator(tmp_path / "g.pt")
    assert G.config.n_parts == 17 and G.config.parts[16] == "part_16" and G.config.transparent == ("part_3",)
    named = official.load_generator(tmp_path / "g.pt", parts=parts)
    assert named.config.parts == parts and named.layout["class_9", "texture"] == 2 + 2 * 9 + 1
    with torch.no_grad():
        assert named(named.mapping(named.sample_z(1, 0))).mask.shape == (1, 17, 32, 32)
    with pytest.raises(UserError, match="17 parts, but 2 names"):
        official.load_generator(tmp_path / "g.pt", parts=("a", "b"))


# ------------------------------------------------------------------------------------------------ what does not fit

@pytest.fixture
def spoilt(nano, tmp_path: Path):
    """A function that writes a file with one thing wrong in it."""
    def write(change=lambda checkpoint: None) -> Path:
        official.save_generator(nano[0], tmp_path / "good.pt", nano[1])
        checkpoint = torch.load(tmp_path / "good.pt", weights_only=False)
        change(checkpoint)
        torch.save(checkpoint, tmp_path / "spoilt.pt")
        return tmp_path / "spoilt.pt"
    return write


KEYS = ["pos_embed.weights", "local_nets.0.linears.0.conv.weight", "local_nets.5.to_feat.conv.weight",
        "local_nets.12.to_depth.bias", "render_net.convs.0.weight", "render_net.convs.2.weight",
        "render_net.convs.4.weight", "render_net.noises.noise_0", "render_net.noises.noise_5",
        "render_net.to_rgbs.0.bias", "render_net.to_segs.2.conv.weight", "render_net.convs.4.blur.kernel",
        "style.1.weight", "style.4.bias"]


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_tensor_is_named(key: str, spoilt) -> None:
    path = spoilt(lambda checkpoint: checkpoint["g_ema"].pop(key))
    with pytest.raises(UserError) as error:
        official.load_generator(path)
    assert f"{key} is missing" in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", [(), (7,), "one more"])
def test_a_misshapen_tensor_is_named(key: str, shape, spoilt) -> None:
    def change(checkpoint):
        good = checkpoint["g_ema"][key].shape
        checkpoint["g_ema"][key] = torch.zeros((good[0] + 1, *good[1:]) if shape == "one more" else shape)
    path = spoilt(change)
    with pytest.raises(UserError) as error:
        official.load_generator(path)
    assert key in str(error.value) and len(str(error.value)) < 500
    others = [k for k in KEYS if k != key and k in str(error.value)]
    assert not others, f"{others} are complained about as well"


@pytest.mark.parametrize("key", ["local_nets.3.linears.9.conv.weight", "local_nets.14.to_feat.bias",
                                 "render_net.x", "epoch"])
def test_a_tensor_too_many_is_named(key: str, spoilt) -> None:
    path = spoilt(lambda checkpoint: checkpoint["g_ema"].update({key: torch.zeros(3)}))
    with pytest.raises(UserError, match=f"{key} is not known"):
        official.load_generator(path)


def test_the_discriminator_is_checked_alike(spoilt) -> None:
    for change, words in ((lambda c: c["d"].pop("convs_seg.2.skip.1.weight"), "convs_seg.2.skip.1.weight is missing"),
                          (lambda c: c["d"].update({"final_conv.1.bias": torch.zeros(2)}),
                           "final_conv.1.bias has shape"),
                          (lambda c: c["d"].update(more=torch.zeros(2)), "more is not known"),
                          (lambda c: c.pop("d"), 'no "d"')):
        with pytest.raises(UserError, match=words):
            official.load_discriminator(spoilt(change))


def test_another_filter_is_noticed(spoilt) -> None:
    path = spoilt(lambda c: c["g_ema"]["render_net.convs.0.blur.kernel"].mul_(2))
    with pytest.raises(UserError, match=r"convs.0.blur.kernel is another filter than \[1, 3, 3, 1\]"):
        official.load_generator(path)


def test_files_that_are_no_checkpoints(spoilt, tmp_path: Path) -> None:
    for value, words in (([1, 2], "no dict"), ({"state": 1}, 'no "g_ema".*it holds: state'),
                         ({}, "it holds: nothing"), ({"g_ema": {}}, "missing"),
                         ({"g_ema": {"style.1.weight": 3}}, '"style.1.weight".*no tensor')):
        torch.save(value, tmp_path / "x.pt")
        with pytest.raises(UserError, match=words):
            official.load_generator(tmp_path / "x.pt")
    (tmp_path / "x.pt").write_text("<html>404</html>")
    with pytest.raises(UserError, match="x.pt"):
        official.load_generator(tmp_path / "x.pt")
    with pytest.raises(UserError, match="There is no file .*gone.pt"):
        official.load_generator(tmp_path / "gone.pt")
    with pytest.raises(UserError, match="There is no file"):
        official.load_generator(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.999])
def test_truncated(share: float, spoilt) -> None:
    path = spoilt()
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(UserError, match="spoilt.pt.*(cut short|damaged)"):
        official.load_generator(path)


def test_one_changed_byte_is_noticed(spoilt) -> None:
    path = spoilt()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(UserError, match="spoilt.pt.*changed"):
        official.load_generator(path)


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm_done",)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_could_run_code_is_not_loaded(zipped: bool, spoilt, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = spoilt()
    checkpoint = {**torch.load(path, weights_only=False), "extra": Harmful()}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="could run code; it was not loaded"):
        official.load_generator(path)
    assert not (tmp_path / "harm_done").exists()
    assert argparse.Namespace not in torch.serialization.get_safe_globals()      # allowed for this one file only


def test_the_old_format_of_torch_is_read(nano, spoilt) -> None:
    path = spoilt()
    torch.save(torch.load(path, weights_only=False), path, _use_new_zipfile_serialization=False)
    assert torch.equal(official.load_generator(path).local.weight, nano[0].local.weight)


# -------------------------------------------------------------------------------------------------------------- args

def test_what_args_do_not_say_is_assumed_aloud(spoilt, recwarn) -> None:
    path = spoilt(lambda c: c.pop("args"))
    with pytest.warns(UserWarning, match="does not say .*depth_layers=6.*residual_refine=False"):
        G = official.load_generator(path)
    assert (G.config.depth_layers, G.config.mask_residual, G.config.transparent_ids) == (6, False, (10, 12))
    recwarn.clear()
    G = official.load_generator(path, base_layers=2, depth_layers=4, residual_refine=True, detach_texture=False,
                                transparent_dims=(10, 12))
    assert G.config == preset("nano32") and not recwarn.list
    with pytest.raises(UserError, match="Unknown settings: depth.*depth_layers"):
        official.load_generator(path, depth=4)


def test_more_args_than_are_needed(spoilt) -> None:
    def change(checkpoint):
        vars(checkpoint["args"]).update(dataset="/data/x", lr=0.002, mixing=0.3, aug=None, viz_every=2000, ckpt=None,
                                        local_rank=0, distributed=False, r1_img=10, names=["a", ("b", 1)])
    assert official.load_generator(spoilt(change)).config == preset("nano32")
    assert official.load_generator(spoilt(lambda c: c.update(args=vars(c["args"])))).config == preset("nano32")


def test_args_that_cannot_be(spoilt) -> None:
    with pytest.raises(UserError, match="base <= depth <= local, not 2, 60, 6"):
        official.load_generator(spoilt(lambda c: setattr(c["args"], "depth_layers", 60)))


def test_writing_into_a_folder_that_is_none(nano, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is not a folder"):
        official.save_generator(nano[0], tmp_path / "file" / "g.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
