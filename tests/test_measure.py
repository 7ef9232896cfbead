"""Every measure against a case whose answer is known, and the command with right and wrong input."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ssgan_lite as sg
from ssgan_lite import assets
from ssgan_lite.cli import main
from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.edit import Change, compare
from ssgan_lite.errors import UserError
from ssgan_lite.features import region_distance
from ssgan_lite.measure import (
    Agreement,
    MeasureOptions,
    RealFaces,
    baseline_leak,
    distances,
    frechet_distance,
    kernel_distance,
    locality,
    make_parser,
    mask_agreement,
    measure,
    parser_accuracy,
    part_diversity,
    part_frequencies,
    precision_recall,
    report,
    run,
    semantic_leak,
    time_and_memory,
)
from ssgan_lite.measure.distances import cached_features, compared, frechet_of_gaussians
from ssgan_lite.measure.inception import Inception
from ssgan_lite.measure.masks import part_areas
from ssgan_lite.measure.parser import Parser, load_parser, parse, shrink_masks
from ssgan_lite.measure.samples import draw_codes, no_tick
from ssgan_lite.parts import PARTS

CONFIG = sg.preset("nano32")
P = len(PARTS)


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


# ---------------------------------------------------------------------------------------------------------- distances

def test_kernel_distance_is_what_its_formula_says() -> None:
    x, y = normal(7, 3, 0), normal(9, 3, 1) + 0.5

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    def within(s):
        return np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j])

    between = np.mean([kernel(a, b) for a in x for b in y])
    assert kernel_distance(x, y, subsets=2).value == pytest.approx(1000 * (within(x) + within(y) - 2 * between))


def test_kernel_distance_of_shifted_gaussians() -> None:
    """In one dimension MMD^2 = (difference of third moments)^2 + 3 (of second)^2 + 3 (of means)^2: for N(0, 1) and
    N(1, 1) the moments are 0, 1, 0 and 1, 2, 4, so it is 16 + 3 + 3."""
    found = kernel_distance(normal(1200, 1, 0), normal(1200, 1, 1) + 1, subsets=20)
    assert abs(found.value - 22_000) < 3 * found.std and found.std < 5_000


def test_kernel_distance_of_one_distribution_is_zero_on_average_and_its_spread_is_known() -> None:
    pairs = [kernel_distance(normal(60, 8, 2 * i), normal(60, 8, 2 * i + 1), subsets=30) for i in range(40)]
    values = np.array([pair.value for pair in pairs])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values)), "the estimator is biased"
    assert values.min() < 0 < values.max()
    assert 0.5 < np.mean([pair.std for pair in pairs]) / values.std() < 2.5
    x = normal(200, 8, 5)
    assert abs(kernel_distance(x, x).value) < 0.05 * kernel_distance(x, x + 1).value


def test_frechet_distance_of_gaussians_in_closed_form() -> None:
    x = normal(50, 6, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, x + 3) == pytest.approx(6 * 9)
    assert frechet_distance(x, 3 * x - 2 * x.mean(0)) == pytest.approx(4 * np.trace(np.cov(x, rowvar=False)))
    diagonal = frechet_of_gaussians(np.zeros(3), np.diag([1.0, 4, 0]), np.ones(3), np.diag([9.0, 4, 1]))
    assert diagonal == pytest.approx(3 + (1 - 3) ** 2 + 0 + 1)


def test_frechet_distance_of_covariances_that_do_not_commute() -> None:
    a, b = (m @ m.T for m in (normal(5, 5, 0), normal(5, 5, 1)))
    mean = np.zeros(5)
    roots = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0)).sum()
    assert frechet_of_gaussians(mean, a, mean, b) == pytest.approx(np.trace(a) + np.trace(b) - 2 * roots)
    assert frechet_of_gaussians(mean, a, mean, b) == pytest.approx(frechet_of_gaussians(mean, b, mean, a))


def test_precision_and_recall_tell_quality_from_variety() -> None:
    real = normal(120, 4, 0)
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 100) == (0.0, 0.0)
    collapsed = real[:1] + 1e-3 * normal(120, 4, 1)              # excellent, but always the same
    precision, recall = precision_recall(real, collapsed)
    assert precision == 1.0 and recall < 0.05
    wild = np.concatenate([real[:60], 50 * normal(60, 4, 2)])    # half of them are nonsense
    assert precision_recall(real, wild)[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("call, message", [
    (lambda: kernel_distance(normal(3, 4, 0), normal(9, 4, 0)), "3 samples are too few"),
    (lambda: precision_recall(normal(9, 4, 0), normal(3, 4, 0)), "3 samples are too few"),
    (lambda: frechet_distance(normal(9, 4, 0), normal(9, 5, 0)), r"\[9, 4\] and \[9, 5\]"),
    (lambda: frechet_distance(normal(9, 4, 0) * np.nan, normal(9, 4, 0)), "not finite"),
])
def test_features_that_do_not_fit(call, message) -> None:
    with pytest.raises(UserError, match=message):
        call()


# ----------------------------------------------------------------------------------------------------------- features

def test_inception_has_the_shapes_of_the_published_file(tmp_path: Path) -> None:
    network = Inception(None)
    # 27,161,264 of the published network, less auxiliary classifier and classifier.
    assert sum(p.numel() for p in network.parameters()) == 27_161_264 - 3_326_696 - 2_049_000
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 2048)
    torch.save({**network.state_dict(), "fc.weight": torch.zeros(1008, 2048)}, tmp_path / "inception.pth")
    Inception(tmp_path / "inception.pth")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="is not the file pt_inception"):
        Inception(tmp_path / "other.pth")
    with pytest.raises(UserError, match="no Inception weights at"):
        Inception(tmp_path / "gone.pth")


def test_region_distance() -> None:
    a = torch.randn(3, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    everywhere, left = torch.ones(3, 16, 16, dtype=torch.bool), torch.zeros(3, 16, 16, dtype=torch.bool)
    left[..., :8] = True
    assert torch.allclose(region_distance([a], [3 * a], everywhere), torch.zeros(3), atol=1e-6), "length is no matter"
    assert torch.allclose(region_distance([a, a], [-a, a], everywhere), torch.full((3,), 2.0))
    b = a.clone()
    b[..., :2] *= -1
    assert torch.allclose(region_distance([a], [b], left), torch.full((3,), 4.0))
    assert torch.allclose(region_distance([a], [b], ~left), torch.zeros(3), atol=1e-6)
    assert region_distance([a], [b], left & ~left).isnan().all()


class Pixels(nn.Module):
    """An extractor for tests: the picture itself, 4 x 4 pixels of it."""

    name, dim = "pixels", 48

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)

    def maps(self, images: Tensor) -> list[Tensor]:
        return [torch.cat([images, torch.ones_like(images[:, :1])], 1)]


# ----------------------------------------------------------------------------------------- a model with known answers

@dataclass
class Stripes:
    """Part p owns rows 2p and 2p + 1 of the picture (the background the rest); its texture code is their colour, its
    shape code the colour of the row below. `spill` is how far a colour runs over the stripe's lower border, `flood`
    makes every edit change every pixel alike."""

    spill: int = 0
    flood: bool = False
    config = CONFIG

    def __post_init__(self) -> None:
        self.layout, self.record = sg.LatentLayout(CONFIG), {}

    def parameters(self):
        return iter([torch.zeros(1)])

    def buffers(self):
        return iter(())

    def mapping(self, z: Tensor) -> Tensor:
        return z

    def __call__(self, w: Tensor) -> SimpleNamespace:
        w = self.layout.to_w_plus(w)
        image, mask = torch.zeros(len(w), 3, 32, 32), torch.zeros(len(w), P, 32, 32)
        mask[:, 0] = 0.5
        for part in range(1, P - 1):                             # the last part is never there
            rows = slice(2 * part, 2 * part + 2 + self.spill)
            color = w[:, self.layout[part, "texture"], :3, None, None].tanh() / 4
            if self.flood:
                image += color
            else:
                image[:, :, rows] += color
            mask[:, part, 2 * part:2 * part + 2] = 1
        return SimpleNamespace(image=image, mask=mask, coarse_mask=mask[..., ::2, ::2] * 2 - 1)


def test_an_edit_within_its_part_does_not_leak_and_a_flood_does() -> None:
    confined, flood = (semantic_leak(Stripes(flood=f), faces=5) for f in (False, True))
    assert confined["hair"]["texture"]["leak"] == 0 and confined["hair"]["texture"]["faces"] == 5
    assert flood["hair"]["texture"]["leak"] == pytest.approx(1)
    assert flood["hair"]["texture"]["leak_without_margin"] == pytest.approx(1)
    # Nothing changes with the shape code, and the last part is on no face: there is no leak to speak of.
    for nothing in (confined["hair"]["shape"], confined["earrings"]["texture"]):
        assert nothing["leak"] is None and nothing["faces"] == 0
    assert locality.summary(confined)["texture"]["median"] == 0
    assert locality.summary(confined)["shape"] == dict(median=None, worst=None, worst_part=None)


def test_the_margin_forgives_what_the_render_net_blurs() -> None:
    found = semantic_leak(Stripes(spill=1), faces=4)["nose"]["texture"]
    assert found["leak"] == 0
    # One row of 30 outside changes as much as the two inside do.
    assert found["leak_without_margin"] == pytest.approx(1 / 30)
    assert [locality.margin(size) for size in (32, 64, 128, 512)] == [1, 1, 2, 8]


def test_the_change_is_the_one_that_the_editor_shows() -> None:
    torch.manual_seed(0)
    outputs = [sg.GeneratorOutput(torch.randn(1, 3, 32, 32), torch.randn(1, P, 32, 32), None, None, None)
               for _ in range(2)]
    before, after = (locality.Rendered(o.image.clamp(-1, 1), o.mask.argmax(1).to(torch.uint8)) for o in outputs)
    for dilation in (0, 1):
        ours, theirs = locality.change(before, after, 7, dilation), compare(*outputs, 7, dilation)
        assert float(ours.inside) == pytest.approx(theirs.inside, rel=1e-5)
        assert float(ours.leak) == pytest.approx(theirs.leak, rel=1e-5)


class Mono(Stripes):
    """A monolithic stand-in: W of 64 numbers, the first 12 of which (the strongest axes) colour one stripe each if it
    is `tidy`, and all stripes alike if not."""

    config = SimpleNamespace(**{**CONFIG.__dict__, "n_parts": P, "architecture": "monolithic"})
    tidy = True

    def __post_init__(self) -> None:
        self.record = {}
        self.layout = SimpleNamespace(to_w_plus=lambda w: w[:, None] if w.ndim == 2 else w)

    def mapping(self, z: Tensor) -> Tensor:
        scale = torch.full((64,), 0.01)
        scale[:P] = torch.linspace(1, 0.5, P)                    # apart, so that the principal axes are these axes
        return z * scale

    def __call__(self, w: Tensor) -> SimpleNamespace:
        image, mask = torch.zeros(len(w), 3, 32, 32), torch.zeros(len(w), P, 32, 32)
        mask[:, 0] = 0.5
        for part in range(1, P - 1):
            rows = slice(2 * part, 2 * part + 2)
            color = w[:, 0, part] if self.tidy else w[:, 0, :P].sum(1)
            image[:, :, rows if self.tidy else slice(None)] += 0.05 * color[:, None, None, None]
            mask[:, part, rows] = 1
        return SimpleNamespace(image=image, mask=mask)


def test_a_monolithic_model_is_given_the_direction_that_changes_the_part_most(monkeypatch) -> None:
    targets = {name: {kind: dict(inside=0.02) for kind in locality.KINDS} for name in CONFIG.parts}
    axes = locality.candidate_directions
    monkeypatch.setattr(locality, "candidate_directions", lambda *arguments: axes(*arguments, count=P))
    monkeypatch.setattr(locality, "CHOOSING_FACES", 4)
    tidy, untidy = Mono(), Mono()
    untidy.tidy = False
    found = baseline_leak(tidy, targets, faces=6)
    # 4096 codes give the axes with a small error, so a tidy direction is nearly but not quite tidy.
    assert found["hair"]["texture"]["leak"] < 0.05 and found["hair"]["texture"]["short"] == 0
    assert found["hair"]["texture"]["leak_of_best"] <= found["hair"]["texture"]["leak"] + 1e-6
    assert found["hair"]["texture"]["inside"] == 0.02
    assert found["earrings"]["shape"]["leak"] is None
    assert baseline_leak(untidy, None, faces=6)["hair"]["texture"]["leak"] == pytest.approx(1, abs=1e-4)
    unreachable = {name: {kind: dict(inside=1.9) for kind in locality.KINDS} for name in CONFIG.parts}
    assert baseline_leak(tidy, unreachable, faces=6)["hair"]["shape"]["short"] == 6


def test_scaling_to_the_same_change_inside() -> None:
    """A direction whose leak grows with the step: where the change inside is reached between two steps, so is it."""
    curve = [Change(torch.tensor([0.1 * s]), torch.tensor([0.1 * s * s])) for s in locality.STEPS]
    for target, leak in ((0.1, 1.0), (0.2, 2.0), (0.1 * 2 ** 0.5, 1.5), (100.0, 8.0), (None, 1.0)):
        found, short = locality._at(target, curve, curve)
        assert float(found) == pytest.approx(leak, rel=1e-4) and short == (target == 100.0)


def test_directions_move_all_layers_or_half_of_them() -> None:
    G = sg.model.build_generator(CONFIG.replace(architecture="monolithic")).eval()
    whole, coarse, fine = locality.candidate_directions(G, seed=0, count=1)
    assert whole.shape == (G.layout.n_latent, CONFIG.style_dim)
    assert torch.equal(coarse + fine, whole) and coarse[0].any() and not coarse[-1].any() and fine[-1].any()
    w = G.mapping(torch.randn(4096, CONFIG.style_dim))
    along = w.detach() @ (whole[0] / whole[0].norm())
    assert float(along.std()) == pytest.approx(float(whole[0].norm()), rel=0.1), "not one standard deviation long"


def test_diversity_counts_only_what_the_part_shows() -> None:
    found = part_diversity(Stripes(), Pixels(), faces=3, variants=3)
    assert found["hair"]["pairs"] == 9 and found["hair"]["distance"] > 0
    assert found["earrings"] == dict(distance=None, pairs=0)
    dead = Stripes()
    dead.mapping = lambda z: torch.zeros_like(z)
    assert part_diversity(dead, Pixels(), faces=2)["hair"]["distance"] == pytest.approx(0, abs=1e-6)


# ----------------------------------------------------------------------------------------------------- mask agreement

def test_agreement_counts() -> None:
    judged = torch.zeros(2, 4, 4, dtype=torch.uint8)
    judged[0, :2] = PARTS["hair"].id
    agreement = Agreement()
    agreement.add(judged, judged)
    perfect = agreement.result()
    assert perfect["large"] == 1 and perfect["pixels"] == 1 and perfect["small"] is None
    assert perfect["parts"]["hair"] == dict(iou=1.0, pooled=1.0, images=1, seen=1)
    assert perfect["parts"]["nose"] == dict(iou=None, pooled=None, images=0, seen=0)

    witness = judged.clone()
    witness[0, 1] = 0                                           # half of the hair is taken for background
    witness[1, 0, 0] = PARTS["nose"].id                         # a nose that is not in the mask
    agreement = Agreement()
    agreement.add(judged[:1], witness[:1]), agreement.add(judged[1:], witness[1:])
    found = agreement.result()["parts"]
    assert found["hair"]["iou"] == pytest.approx(4 / 8)
    assert found["background"]["iou"] == pytest.approx((8 / 12 + 15 / 16) / 2)
    assert found["background"]["pooled"] == pytest.approx(23 / 28)
    assert found["nose"] == dict(iou=None, pooled=None, images=0, seen=1)


class TrueParser(nn.Module):
    """A parser that is always right about `Stripes`, or always one row too low."""

    def __init__(self, shift: int = 0):
        super().__init__()
        self.shift = shift

    def forward(self, image: Tensor) -> Tensor:
        mask = Stripes()(torch.zeros(len(image), 64)).mask.roll(self.shift, dims=2)
        return mask.repeat_interleave(2, 2).repeat_interleave(2, 3)                            # [N, P, 64, 64]


def test_a_perfect_parser_agrees_and_a_shifted_one_by_as_much_as_it_should() -> None:
    w = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    perfect = mask_agreement(Stripes(), w, TrueParser(), CONFIG.parts, batch=2)
    assert perfect["parser"]["faces"] == 5 and perfect["parser"]["small"] == 1 == perfect["parser"]["pixels"]
    assert perfect["coarse"]["small"] > 0.3
    shifted = mask_agreement(Stripes(), w, TrueParser(1), CONFIG.parts)
    assert shifted["parser"]["small"] == pytest.approx(1 / 3)     # one row of two in common, three in all


def test_parsing_at_every_size() -> None:
    class Halves(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            assert image.shape[-2:] == (64, 64)
            return torch.stack([image[:, 0], -image[:, 0]], 1)

    for size, answer in ((128, 64), (64, 64), (32, 32)):
        image = torch.ones(1, 3, size, size)
        image[..., :size // 2] = -1
        ids = parse(Halves(), image)
        assert ids.shape == (1, answer, answer) and ids.dtype == torch.uint8
        assert (ids[..., :answer // 2] == 1).all() and (ids[..., answer // 2:] == 0).all()
    assert shrink_masks(torch.zeros(2, 32, 32, dtype=torch.uint8), 64).shape == (2, 32, 32)


def test_a_parser_is_made_stored_and_read_again(use_tiny_data, tmp_path: Path, capsys, one_thread) -> None:
    out = tmp_path / "parser64"
    assert make_parser.main(["--out", str(out), "--images", "32"]) == 0
    assert make_parser.main(["--out", str(out), "--images", "32"]) == 2
    assert "exists" in capsys.readouterr().err
    parser = load_parser(out.with_suffix(".safetensors"))
    assert parser.record["images"] == 32 and set(parser.record["validation"]) == {"128", "64", "32"}
    again = make_parser.train_parser(open_dataset("heads", 64), 32, quiet=True)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(parser(image), again.half().float()(image)), "the same seed makes the same parser"
    content = bytearray(out.with_suffix(".safetensors").read_bytes())
    content[-1] ^= 1
    out.with_suffix(".safetensors").write_bytes(content)
    with pytest.raises(UserError, match="was changed"):
        load_parser(out.with_suffix(".safetensors"))


def test_the_shipped_parser_is_small_and_as_good_as_its_record_says(monkeypatch) -> None:
    monkeypatch.delenv("SSGAN_DATA", raising=False)
    parser = load_parser()
    assert assets.find("measure/parser64.safetensors").stat().st_size < 1e6
    recorded = parser.record["validation"]["64"]
    assert recorded["large"] > 0.8 and recorded["small"] > 0.65, "it could not judge what is asked of a generator"
    faces = open_dataset("heads", 64, "val")
    some = parser_accuracy(parser, faces.subset(range(0, len(faces), 6)))
    remedy = "other heads than it was trained on? Make it again: python -m ssgan_lite.measure.make_parser --help"
    assert some["large"] == pytest.approx(recorded["large"], abs=0.04), remedy
    assert some["small"] == pytest.approx(recorded["small"], abs=0.06), remedy


# -------------------------------------------------------------------------------------------------------- the command

@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    sg.save_weights(sg.SemanticGenerator(CONFIG).eval(), path, {"images": 1234})
    return path


@pytest.fixture
def small_world(monkeypatch, tmp_path) -> None:
    """Random pictures for real faces, pixels for features, an untrained parser: quick, and nothing installed."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (40, 3, 32, 32), np.uint8))
    masks = torch.from_numpy(rng.integers(0, P, (40, 8, 8), np.uint8).repeat(4, 1).repeat(4, 2))
    faces = Dataset(images, masks, {}, np.arange(40), "noise")
    torch.manual_seed(0)
    parser = Parser().eval()
    parser.record = {}
    monkeypatch.setattr(run, "open_dataset", lambda *_: faces)
    monkeypatch.setattr(run, "extractor", lambda *_: Pixels())
    monkeypatch.setattr(run, "EfficientNetLite0", Pixels)
    monkeypatch.setattr(run, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(run, "load_parser", lambda *_: parser)


def test_codes_begin_alike_whatever_their_number() -> None:
    G = Stripes()
    assert torch.equal(draw_codes(G, 5, 3, 0), draw_codes(G, 50, 3, 0)[:5])
    assert not torch.equal(draw_codes(G, 5, 3, 0), draw_codes(G, 5, 4, 0))
    assert not torch.equal(draw_codes(G, 5, 3, 0), draw_codes(G, 5, 3, 1))


@pytest.mark.slow
def test_one_command_gives_table_json_and_figure(weights, small_world, tmp_path, capsys) -> None:
    out = tmp_path / "report"
    command = ["measure", str(weights), "--n", "16", "--leak-faces", "2", "--quick", "--quiet", "--device", "cpu"]
    assert main([*command, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith((out / "measure.txt").read_text())
    for words in ("16 generated to as many real faces", "  pixels", "kernel distance x 1000", "real halves",
                  "seen in training", "dead parts of tiny", "real faces", "small parts", "1,234 images", "leak",
                  "Diversity", "peak memory", "seed 0"):
        assert words.lower() in shown.lower()
    assert "FID" not in shown
    result = json.loads((out / "measure.json").read_text())
    assert result["models"][0]["distances"]["n"] == result["real"]["n"] == 16
    assert result["models"][0]["seen"]["extractor"] == "pixels" and result["seen_real"]["n"] == 16
    assert set(result["models"][0]["parts"]) == set(PARTS.names)
    assert (out / "measure.png").exists() == (pytest.importorskip("matplotlib") is not None)

    assert main([*command, "--out", str(out)]) == 2
    assert "already holds a report" in capsys.readouterr().err
    assert main([*command, "--out", str(out), "--force"]) == 0
    again = json.loads((out / "measure.json").read_text())
    for measured in (result, again):
        measured["models"][0]["speed"] = None
    assert again == result, "the same seed must give the same numbers"


def test_another_seed_measures_other_faces(weights, small_world) -> None:
    def leak(seed: int) -> dict:
        options = MeasureOptions(str(weights), n=16, leak_faces=2, seed=seed, only=("leak",), quiet=True)
        return measure(options)["models"][0]["leak"]

    assert leak(0) == leak(0) != leak(1)


@pytest.mark.slow
def test_a_baseline_stands_beside(weights, small_world, tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    baseline = tmp_path / "mono" / "weights.safetensors"
    sg.save_weights(sg.model.build_generator(CONFIG.replace(architecture="monolithic")).eval(), baseline)
    axes = locality.candidate_directions
    monkeypatch.setattr(locality, "candidate_directions", lambda *arguments: axes(*arguments, count=1))
    monkeypatch.setattr(locality, "CHOOSING_FACES", 2)
    result = measure(MeasureOptions(str(weights), str(baseline), n=16, leak_faces=2, diversity_faces=1, quiet=True))
    ours, theirs = result["models"]
    assert theirs["architecture"] == "monolithic" and theirs["diversity"] is None
    part = next(name for name, values in ours["leak"].items() if values["texture"]["inside"])
    assert theirs["leak"][part]["texture"]["inside"] == ours["leak"][part]["texture"]["inside"]
    shown = report.table(result)
    assert "mono: texture" in shown and "as far as the first model's edit" in shown
    assert report.figure(result) is not None


def test_a_curve_over_snapshots_needs_the_real_features_once(weights, small_world) -> None:
    real = RealFaces(run.open_dataset(), Pixels(), n=20)
    generator = sg.load_pretrained(weights)
    assert real.of_generator(generator)["kernel"] > 5 * real.among_themselves()["kernel_std"]


def test_only_early_seeds_of_heads_are_compared() -> None:
    """Numbers stay comparable when the pack grows."""
    images = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    heads = Dataset(images, None, {}, np.array([0, 2499, 2500, 3, 3999, 7]), "heads")
    assert compared(heads).seeds.tolist() == [0, 2499, 3, 7]
    other = Dataset(images, None, {}, heads.names, "avatars")
    assert compared(other) is other


def test_stored_features_are_those_of_the_very_same_images(tmp_path, monkeypatch) -> None:
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    calls = []

    class Counted(Pixels):
        def forward(self, images: Tensor) -> Tensor:
            calls.append(len(images))
            return super().forward(images)

    first = cached_features(images, Counted(), 16, no_tick, tmp_path)
    again = cached_features(images, Counted(), 16, no_tick, tmp_path)
    assert np.array_equal(first, again) and calls == [16, 4]
    assert not np.array_equal(first, cached_features(images.flip(0), Counted(), 16, no_tick, tmp_path))
    [stored] = [path for path in tmp_path.iterdir() if np.array_equal(np.load(path), first)]
    stored.write_bytes(stored.read_bytes()[:100])                # damaged: made again
    assert np.array_equal(first, cached_features(images, Counted(), 16, no_tick, tmp_path))
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert np.array_equal(first, cached_features(images, Counted(), 16, no_tick, blocked / "features"))
    monkeypatch.setattr(distances, "KEPT", 2)
    cached_features(images + 1, Counted(), 16, no_tick, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_stray_pixels_do_not_bring_a_dead_part_to_life() -> None:
    real, fake = np.full((100, P), 100), np.full((50, P), 100)
    eyes, hat, nose = (PARTS[name].id for name in ("eyes", "hat", "nose"))
    real[:, hat] = 0                         # no real face has it
    fake[:, eyes] = 3                        # everywhere, but too small
    fake[:46, nose] = 0                      # 8 % of the faces have it, of 100 %
    found = part_frequencies(fake, real, PARTS.names)
    assert found["eyes"] == dict(any=1.0, drawn=0.0, real_any=1.0, real_drawn=1.0, dead=True)
    assert found["nose"]["dead"] and found["nose"]["any"] == pytest.approx(0.08)
    assert not found["hat"]["dead"] and not found["hair"]["dead"]
    masks = torch.zeros(2, 4, 4, dtype=torch.uint8)
    masks[1, 0] = 3
    assert part_areas(masks, 4).tolist() == [[16, 0, 0, 0], [12, 0, 0, 4]]


def test_speed_is_measured(weights) -> None:
    found = time_and_memory(sg.load_pretrained(weights), batches=(1, 2), repeats=3)
    assert set(found["ms_per_face"]) == {"1", "2"} and found["ms_per_face"]["1"]["median"] > 0
    assert found["peak_mb"] is None or found["peak_mb"] > 10


@pytest.mark.parametrize("arguments, message", [
    (["--n", "3"], "3 faces are too few"),
    (["--only", "leek"], 'Did you mean "leak"'),
    (["--seed", "-1"], "seed must be at least 0"),
    (["--batch", "0"], "batch must be at least 1"),
    (["--force"], "--force replaces the report in --out"),
    (["--device", "cuda:99"], "(?i)cuda"),
    (["--inception", "nowhere.pth", "--only", "distances"], "no Inception weights"),
    (["--parser", "nowhere.safetensors", "--only", "agreement"], "no weights at.*nowhere"),
    (["--baseline", "nowhere.safetensors"], "no weights at"),
    (["--out", __file__], "is a file"),
    (["--data", "hedas", "--only", "distances"], "hedas"),
])
def test_wrong_input_is_one_sentence(arguments, message, weights, capsys, monkeypatch) -> None:
    monkeypatch.setattr(run, "EfficientNetLite0", Pixels)
    monkeypatch.setattr("ssgan_lite.measure.inception.EfficientNetLite2", Pixels)
    assert main(["measure", str(weights), "--quiet", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error


def test_unknown_weights_and_a_missing_extra(weights, capsys, monkeypatch) -> None:
    assert main(["measure", "lyte64"]) == 2
    assert "lyte64" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    assert main(["measure", str(weights), "--quiet"]) == 2
    assert "[measure]" in capsys.readouterr().err
