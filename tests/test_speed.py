"""Number formats and layouts: what computes in which, that it stays close, and that no step waits for the device."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssgan_lite import device, preset
from ssgan_lite.cli import main
from ssgan_lite.config import ModelConfig
from ssgan_lite.data import open_dataset
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.device import Speed
from ssgan_lite.errors import UserError
from ssgan_lite.train import TrainConfig, Trainer, game
from ssgan_lite.train import state as state_module

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

NANO = preset("nano32")
MODELS = {"semantic": NANO, "monolithic": NANO.replace(architecture="monolithic"),
          "hard": NANO.replace(fusion="hard", mask_branch=False)}
# Everything that happens in a run happens in these steps: R1, path length, mixing, augmentation.
RECIPE = TrainConfig(images=64, batch=4, r1_every=2, path_weight=0.5, path_every=3, mixing=0.5, augment_from=8,
                     augment_ramp=16, augment_target=-1.0)
PRODUCTS = {"convolution", "addmm", "baddbmm", "bmm", "mm"}


def new_trainer(speed: Speed | None = None, model: ModelConfig = NANO, **changes) -> Trainer:
    return Trainer(model, RECIPE.replace(**changes), open_dataset("heads", 32), speed=speed)


class Watch(TorchDispatchMode):
    """Counts the products that are computed, by the number format of what goes in."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        name = op._schema.name.split("::")[1]
        if name in PRODUCTS:
            self.seen[name, next(x.dtype for x in args if isinstance(x, torch.Tensor))] += 1
        return op(*args, **(kwargs or {}))

    def formats(self) -> set[torch.dtype]:
        return {dtype for _, dtype in self.seen}


# ------------------------------------------------------------------------------------------------- mixed precision

@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_bf16_steps_are_finite_and_start_like_float32(model) -> None:
    exact, rounded = new_trainer(Speed("fp32"), MODELS[model]), new_trainer(Speed("bf16"), MODELS[model])
    first = exact.step(), rounded.step()
    for name, value in first[0].items():
        tolerance = dict(rel=0.15, abs=0.02) if name.startswith(("path", "real_sign")) else dict(rel=0.03, abs=0.02)
        assert first[1][name].item() == pytest.approx(value.item(), **tolerance), name
    for _ in range(3):
        stats = rounded.step()
        assert all(value.isfinite() for value in stats.values())
    rounded.require_finite()
    assert all(p.dtype == torch.float32 for net in (rounded.G, rounded.D, rounded.G_ema) for p in net.parameters())


@pytest.mark.parametrize("model", MODELS)
def test_bf16_gradients_agree_with_float32(model) -> None:
    def gradients(precision: str) -> list[torch.Tensor]:
        trainer = new_trainer(Speed(precision), MODELS[model])
        trainer._update = lambda optimizers, loss: loss.backward()
        real = trainer.draw_real()
        with torch.no_grad():
            fake = trainer.fake("d")
        game.discriminator_step(trainer, real, fake)
        discriminator = torch.cat([p.grad.flatten() for p in trainer.D.parameters()])
        game.generator_step(trainer)
        return [discriminator, torch.cat([p.grad.flatten() for p in trainer.G.parameters() if p.grad is not None])]
    for exact, rounded in zip(gradients("fp32"), gradients("bf16")):
        assert torch.cosine_similarity(exact, rounded, dim=0) > 0.99


@pytest.mark.parametrize("model", MODELS)
def test_sensitive_parts_stay_float32(model) -> None:
    trainer = new_trainer(Speed("bf16"), MODELS[model])
    formats = {}
    for name, module in trainer.G.named_modules():
        module.register_forward_hook(lambda _, __, out, name=name: formats.update(
            {name: {x.dtype for x in (out if isinstance(out, tuple) else [out]) if isinstance(x, torch.Tensor)}}))
    with Watch() as watch:
        out = trainer.fake("d")
    assert watch.seen["convolution", torch.bfloat16] >= 6 and ("convolution", torch.float32) in watch.seen     # skips
    assert formats["mapping"] == {torch.float32} and formats["render"] == {torch.float32}
    assert out.image.dtype == out.mask.dtype == out.codes.dtype == torch.float32
    if out.depths is not None:
        assert watch.seen["baddbmm", torch.bfloat16] >= NANO.local_layers - 1
        assert formats["embedding"] == {torch.float32}
        assert out.depths.dtype == out.coarse_mask.dtype == torch.float32
        codes = out.codes.unflatten(1, (13, -1))
        with trainer.mixed_precision():
            assert trainer.G.local.modulated_weights(codes).dtype == torch.float32
    else:
        assert all(formats[name] == {torch.float32} for name in formats if name.endswith("style"))
    with Watch() as watch:
        score = trainer.judge(out.image, out.mask)
    assert score.dtype == torch.float32
    assert watch.seen["addmm", torch.float32] == 2                                                     # the last ones
    towers = 1 + MODELS[model].mask_branch                     # each has a strided filter per residual block
    filters = towers * (len(NANO.discriminator_channels) - 1)
    assert watch.seen["convolution", torch.float32] == 1 + filters
    assert watch.seen["convolution", torch.bfloat16] >= 5 * towers


def test_regularizers_are_float32() -> None:
    trainer = new_trainer(Speed("bf16"))
    image, mask = trainer.draw_real()
    for part in (lambda: game.r1_step(trainer, image, mask), lambda: game.path_step(trainer)):
        with Watch() as watch:
            part()
        assert watch.formats() == {torch.float32}


@pytest.mark.slow
def test_cpu_defaults_are_plain_float32() -> None:
    default, plain = new_trainer(), new_trainer(Speed("fp32", channels_last=False))
    with Watch() as watch:
        for _ in range(4):
            default.step()
    for _ in range(4):
        plain.step()
    assert watch.formats() == {torch.float32}
    for a, b in ((default.G, plain.G), (default.D, plain.D), (default.G_ema, plain.G_ema)):
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))
    assert all(x.is_contiguous() for x in default.D.parameters())


def test_channels_last_changes_only_layout() -> None:
    first, second = new_trainer(Speed("fp32")), new_trainer(Speed("fp32", channels_last=True))
    assert second.D.final_conv.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert second.draw_real()[0].is_contiguous(memory_format=torch.channels_last)
    a, b = first.step(), second.step()
    assert all(a[name].item() == pytest.approx(b[name].item(), rel=1e-3, abs=1e-4) for name in a)


def test_state_loads_in_other_layout() -> None:
    plain, other = (new_trainer(Speed("fp32", channels_last=last)) for last in (False, True))
    for _ in range(3):
        plain.step()
    other.load_state_dict(copy.deepcopy(plain.state_dict()))   # as from a file: nothing is shared
    for mine, theirs in zip(other.D.parameters(), plain.D.parameters()):
        for name in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(other.optimizers["d"].state[mine][name], plain.optimizers["d"].state[theirs][name])
            assert other.optimizers["d"].state[mine][name].stride() == mine.stride()
    before = [weight.clone() for weight in plain.D.parameters()]
    for trainer in (plain, other):
        trainer._update([trainer.optimizers["d"]], sum((w * w.detach()).sum() for w in trainer.D.parameters()))
    for old, mine, theirs in zip(before, other.D.parameters(), plain.D.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)
        assert not torch.equal(old, theirs)


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(UserError, match='Did you mean "bf16"'):
        Speed("bf15")


def test_emulated_bf16_is_refused_before_anything_is_written(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(device, "cpu_computes_bf16", lambda: False)
    assert main(["train", "--out", str(tmp_path / "run"), "--device", "cpu", "--precision", "bf16"]) == 2
    assert not (tmp_path / "run").exists()
    device.require_bf16("auto", torch.device("cpu"))
    device.require_bf16("bf16", torch.device("cuda"))


# -------------------------------------------------------------------------------------------------- compiled parts

def test_regularizers_run_uncompiled(monkeypatch) -> None:
    calls = Counter()

    def compiled(network):
        def run(*args, **kwargs):
            calls[type(network).__name__] += 1
            return network(*args, **kwargs)
        return run
    monkeypatch.setattr(torch, "compile", compiled)
    trainer = new_trainer(Speed(compile=True))
    trainer.step()                                             # with R1 and path length
    assert calls == {"SemanticGenerator": 2, "DualBranchDiscriminator": 3}


# ------------------------------------------------------------------------------------- the host never waits in a step

class Waits(TorchDispatchMode):
    """Notes what would make the host wait for a GPU: blocking copies between devices."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        out = op(*args, **(kwargs or {}))
        name = op._schema.name
        if name in ("aten::_to_copy", "aten::copy_") and isinstance(out, torch.Tensor):
            other = args[1] if name == "aten::copy_" else args[0]
            asked = (kwargs or {}).get("non_blocking") or (name == "aten::copy_" and len(args) > 2 and args[2])
            blocking = not asked
            if other.device != out.device and blocking:
                self.found.append(name)
        if any(isinstance(x, torch.Tensor) and x.dtype == torch.bool for x in _indices(op, args)):
            self.found.append(f"{name} with a boolean index")
        return out


def _indices(op, args):
    return args[1] if op._schema.name in ("aten::index", "aten::index_put", "aten::index_put_") else ()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_no_step_synchronizes_on_meta_device(model, monkeypatch) -> None:
    """On the meta device reading a number (`item`, `if tensor`, `.cpu()`) is an error: nothing is there to read."""
    monkeypatch.setattr(state_module, "stream", lambda *address, device="cpu": None)
    monkeypatch.setattr("ssgan_lite.train.augment.stream", lambda *address, device="cpu": None)
    monkeypatch.setattr(state_module, "lazy_adam", lambda parameters, config, every: torch.optim.Adam(
        parameters, lr=config.lr, betas=(0.0, 0.99), foreach=True, capturable=False))
    monkeypatch.setattr(Trainer, "mixed_precision", lambda self: contextlib.nullcontext())
    data = Dataset(torch.zeros(16, 3, 32, 32, dtype=torch.uint8), torch.zeros(16, 32, 32, dtype=torch.uint8), {},
                   np.arange(16), checked=True)
    trainer = Trainer(MODELS[model], RECIPE, data, device="meta")
    trainer.G.layout.draw_mixing = _on_meta(trainer.G.layout.draw_mixing)
    trainer.step()                                             # what is copied once and kept
    with Waits() as waits:
        for _ in range(3):
            stats = trainer.step()
    assert waits.found == []
    assert {"r1_image", "path_length", "augment_p"} & set(stats)


def test_synchronization_is_detected() -> None:
    x = torch.zeros(3, device="meta")
    for wait in (lambda: x.sum().item(), lambda: bool((x > 0).any()), lambda: x.cpu(), lambda: x.tolist()):
        with pytest.raises((RuntimeError, NotImplementedError)):
            wait()
    with Waits() as waits:
        torch.zeros(3).to("meta")
        torch.zeros(3).to("meta", non_blocking=True)
        torch.zeros(3)[torch.tensor([True, False, True])]
    assert waits.found == ["aten::_to_copy", "aten::index with a boolean index"]


def _on_meta(draw):
    def drawn(n, generator=None):
        return draw(n, None).to("meta", non_blocking=True)
    return drawn


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("model", MODELS)
def test_no_step_synchronizes_with_gpu(model) -> None:
    trainer = Trainer(MODELS[model], RECIPE, open_dataset("heads", 32), device="cuda")
    for _ in range(7):                                         # everything that is made once
        trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(7):
            stats = trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(value.isfinite() for value in stats.values())
