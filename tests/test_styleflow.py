"""StyleFlow: the solver, the exact trace, the density, the way back, and edits, each against what is known."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

import ssgan_lite as sg
from ssgan_lite.directions import draw_sample, load_sample, save_labels
from ssgan_lite.directions.styleflow import (
    StyleFlow,
    VectorField,
    integrate,
    load_flows,
    log_normal,
    save_flows,
    train_flow,
)
from ssgan_lite.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def lively(flow: StyleFlow | VectorField, size: float = 0.3):
    """The same with random weights, for a new field moves nothing."""
    draw = torch.Generator().manual_seed(3)
    for parameter in flow.parameters():
        parameter.data = size * torch.randn(parameter.shape, generator=draw)
    return flow


@pytest.fixture
def flow() -> StyleFlow:
    torch.manual_seed(0)
    made = lively(StyleFlow(6, ["age", "smile"], width=16))
    made.adapt(torch.randn(200, 6) @ torch.randn(6, 6) + 1, torch.randn(200, 2) * 3 + 5)
    return made


def test_linear_field_gives_matrix_exponential_and_gaussian_density() -> None:
    torch.manual_seed(1)
    matrix = 0.4 * torch.randn(5, 5)
    field = lambda x, t, a: (x @ matrix.T, matrix.trace().expand(len(x)))              # noqa: E731
    z = torch.randn(50, 5)
    x, total = integrate(field, z, z, 0.0, 1.0)
    flow = torch.linalg.matrix_exp(matrix)
    assert torch.allclose(x, z @ flow.T, atol=1e-4)
    known = MultivariateNormal(torch.zeros(5), flow @ flow.T).log_prob(x)
    assert torch.allclose(log_normal(z) - total, known, atol=1e-3)
    back, other = integrate(field, x, x, 1.0, 0.0)
    assert torch.allclose(back, z, atol=1e-4) and torch.allclose(other, -total, atol=1e-5)


def test_trace_is_that_of_the_whole_jacobian() -> None:
    field = lively(VectorField(7, 2, width=16))
    x, a = torch.randn(4, 7), torch.randn(4, 2)
    whole = [torch.autograd.functional.jacobian(lambda y, i=i: field(y[None], 0.3, a[i:i + 1])[0][0], x[i]).trace()
             for i in range(4)]
    assert torch.allclose(field(x, 0.3, a)[1], torch.stack(whole), atol=1e-5)


def test_codes_come_back(flow) -> None:
    codes, attributes = 2 * torch.randn(30, 6) + 1, 3 * torch.randn(30, 2) + 5
    noise, _ = flow.to_noise(codes, attributes)
    assert (noise - (codes - flow.mean) @ flow.basis.T / flow.scale).abs().max() > 0.1, "the flow does something"
    assert (flow.to_codes(noise, attributes) - codes).abs().max() < 1e-3


def test_density_is_that_of_the_whole_map(flow) -> None:
    """log p(x) = log N(z) + log |det dz/dx|, with the determinant of the map from codes to noise as a whole."""
    codes, attributes = torch.randn(5, 6) + 1, torch.randn(5, 2) + 5
    noise, density = flow.to_noise(codes, attributes)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(
            lambda y, i=i: flow.to_noise(y[None], attributes[i:i + 1])[0][0], codes[i])
        wanted = log_normal(noise)[i] + torch.linalg.slogdet(jacobian).logabsdet
        assert torch.allclose(density[i], wanted, atol=1e-3)


@pytest.fixture(scope="module")
def gaussian():
    """Codes that are a Gaussian whose mean goes with two attributes, and a flow trained on them."""
    draw = torch.Generator().manual_seed(0)
    shift, root = torch.randn(4, 2, generator=draw), torch.randn(4, 4, generator=draw) / 2
    attributes = torch.randn(3000, 2, generator=draw)
    codes = attributes @ shift.T + torch.randn(3000, 4, generator=draw) @ root.T
    flow = train_flow(codes[:2500], attributes[:2500], ["age", "smile"], steps=300, width=32, lr=1e-2)
    return flow, codes[2500:], attributes[2500:], shift, root


@pytest.mark.slow
def test_trained_flow_knows_a_gaussian(gaussian) -> None:
    flow, codes, attributes, shift, root = gaussian
    best = MultivariateNormal(attributes @ shift.T, root @ root.T).log_prob(codes).mean()
    plain = MultivariateNormal(codes.mean(0), torch.cov(codes.T)).log_prob(codes).mean()
    found = flow.log_density(codes, attributes).mean()
    assert plain + 0.8 * (best - plain) < found < best + 0.1
    noise, _ = flow.to_noise(codes, attributes)
    together = torch.corrcoef(torch.cat([noise, attributes], 1).T)[:4, 4:]
    assert together.abs().max() < 0.2, "what the attributes explain is not in the noise"


@pytest.mark.slow
def test_edit_moves_by_what_the_attribute_does(gaussian) -> None:
    flow, codes, attributes, shift, _ = gaussian
    wanted = attributes.clone()
    wanted[:, 1] += 1.0
    moved = flow.edit(codes, attributes, wanted) - codes
    assert (moved - shift[:, 1]).norm(dim=1).mean() < 0.25 * shift[:, 1].norm()
    assert torch.equal(flow.edit(codes, attributes, attributes), codes), "nothing wanted, nothing changed"


@pytest.mark.slow
def test_without_the_trace_all_codes_would_end_in_one_point(gaussian) -> None:
    """That the density needs the log-determinant: N(z) alone grows when the field squeezes everything."""
    flow, codes, attributes, *_ = gaussian
    squeeze = lambda x, t, a: (5 * x, x.new_full((len(x),), 5.0 * x.shape[1]))         # noqa: E731
    z, total = integrate(squeeze, codes, attributes, 1.0, 0.0)
    assert log_normal(z).mean() > flow.log_density(codes, attributes).mean()
    assert (log_normal(z) + total).mean() < flow.log_density(codes, attributes).mean()


def test_what_does_not_fit_is_said(flow) -> None:
    with pytest.raises(UserError, match="age, smile"):
        flow.to_noise(torch.randn(3, 6), torch.randn(3, 1))
    with pytest.raises(UserError, match="age, smile"):
        flow.column("beard")
    with pytest.raises(UserError, match="at least 20"):
        train_flow(torch.randn(10, 4), torch.randn(10, 1), ["age"])
    with pytest.raises(UserError, match="finite"):
        train_flow(torch.full((30, 4), torch.nan), torch.randn(30, 1), ["age"])


def test_flows_survive_their_file_and_belong_to_one_model(flow, tmp_path) -> None:
    torch.manual_seed(0)
    G, other = (sg.SemanticGenerator(sg.preset("nano32")) for _ in range(2))
    save_flows({"whole": flow}, G, tmp_path / "x.safetensors", dict(steps=3))
    again = load_flows(G, tmp_path / "x.safetensors")["whole"]
    codes, attributes = torch.randn(4, 6), torch.randn(4, 2) + 5
    assert again.names == flow.names
    noise, _ = again.to_noise(codes, attributes)
    assert torch.allclose(noise, flow.to_noise(codes, attributes)[0], atol=0.05)
    assert (again.to_codes(noise, attributes) - codes).abs().max() < 1e-4, "half precision keeps the way back"
    with pytest.raises(UserError, match="x.safetensors.*make_networks --only flows"):
        load_flows(other, tmp_path / "x.safetensors")


def test_labels_bring_the_same_faces_back(tmp_path) -> None:
    torch.manual_seed(0)
    G, other = (sg.SemanticGenerator(sg.preset("nano32")).eval() for _ in range(2))
    sample = draw_sample(G, whole=6, mixed=5, seed=4)
    save_labels(sample, tmp_path / "x.safetensors", seed=4)
    again = load_sample(G, tmp_path / "x.safetensors")
    for mine, theirs in ((sample.whole, again.whole), (sample.mixed, again.mixed)):
        assert torch.equal(mine.codes, theirs.codes)
        assert torch.allclose(mine.scores, theirs.scores, atol=0.02)
        assert torch.allclose(mine.areas, theirs.areas, atol=1e-3)
    assert again.names == sample.names and torch.equal(again.mean, sample.mean)
    with pytest.raises(UserError, match="x.safetensors.*make_networks --only labels"):
        load_sample(other, tmp_path / "x.safetensors")
    other.name = "unknown"
    with pytest.raises(UserError, match="unknown.*make_networks"):
        load_sample(other)
