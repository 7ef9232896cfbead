"""StyleFlow (Abdal et al., arXiv 2008.02401): a conditional continuous normalizing flow on codes, given attributes.

A vector field carries standard normal noise, at t = 0, to the codes of faces that have the attributes a, at t = 1:

    dx/dt = v(x, t, a)        log p(x(1) | a) = log N(x(0); 0, I) - int_0^1 tr(dv/dx) dt

The second equation is the change of variables made continuous (Chen et al., arXiv 1806.07366, theorem 1; Grathwohl et
al., arXiv 1810.01367, eq. 2), and training maximizes it. What the attributes explain about a code is taken out on
the way to the noise, so what is left there is everything else about the face. An edit goes back to the noise under
the attributes that the face has, and forth again under those it shall have: the wanted one changes, and what usually
comes with it among all faces, as far as the flow was told of it, does not.

The paper estimates the trace with random vectors. The field here has one hidden layer, whose trace is a short sum:
exact, and about as cheap as the field itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ssgan_lite.directions import interfacegan
from ssgan_lite.directions.direction import WHOLE, Direction, Where, place
from ssgan_lite.directions.sample import Sample, label, of_model, read_of_model
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import AttributePredictor, load_predictor
from ssgan_lite.storage import save_tensors
from ssgan_lite.weights import load_state

WIDTH = 192             # hidden units of the field
STEPS = 16              # of the solver, over the whole way; in float32 more change nothing
TRAINING_STEPS = 4      # enough for gradients
FLOOR = 1e-3            # of the mean variance is added to every variance when codes are whitened
HELD_OUT = 0.1          # of the samples tell when to stop
FRESH = 20_000          # codes without a face that a flow of a model learns from
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
TOLD = 0.3              # correlation with which codes must tell an attribute of faces not seen, to be a condition
FORMAT = "ssgan-lite flows 1"

Field = Callable[[Tensor, float, Tensor], tuple[Tensor, Tensor]]


class VectorField(nn.Module):
    """v(x, t, a) = B tanh(s * (A x) + b) + c, where s, b and c come from t and a by a small network.

    Its Jacobian is B diag(s (1 - tanh^2)) A, so the trace is sum_h s_h (1 - tanh_h^2) (A B)_hh. It begins as v = 0.
    """

    def __init__(self, dim: int, n_attributes: int, width: int = WIDTH):
        super().__init__()
        self.into = nn.Parameter(torch.randn(width, dim) / dim**0.5)                           # A
        self.out = nn.Parameter(torch.zeros(dim, width))                                       # B
        self.steer = nn.Sequential(nn.Linear(n_attributes + 1, 64), nn.Tanh(), nn.Linear(64, 2 * width + dim))
        self.push = nn.Linear(n_attributes, dim, bias=False)        # most of what an attribute does is to shift codes
        nn.init.zeros_(self.steer[2].weight), nn.init.zeros_(self.steer[2].bias), nn.init.zeros_(self.push.weight)

    def forward(self, x: Tensor, t: float, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """x: [N, D]; attributes: [N, A] -> velocity [N, D] and the trace of its Jacobian [N]."""
        width, dim = self.into.shape
        time = attributes.new_full((len(x), 1), t)
        s, b, c = self.steer(torch.cat([attributes, time], 1)).split([width, width, dim], dim=1)
        hidden = torch.tanh((1 + s) * (x @ self.into.T) + b)                                   # [N, H]
        diagonal = (self.into * self.out.T).sum(1)                                             # (A B)_hh: [H]
        trace = ((1 + s) * (1 - hidden.square())) @ diagonal
        return hidden @ self.out.T + c + self.push(attributes), trace


def integrate(field: Field, x: Tensor, attributes: Tensor, start: float, end: float,
              steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Follow a field from t = start to t = end by the classical Runge-Kutta method of order 4.

    x: [N, D] at `start` -> x at `end` [N, D], and the integral of the trace on the way [N]. Backwards (end < start)
    it is the inverse, up to the solver's error.
    """
    h, total = (end - start) / steps, x.new_zeros(len(x))
    for step in range(steps):
        t = start + step * h
        k1, d1 = field(x, t, attributes)
        k2, d2 = field(x + h / 2 * k1, t + h / 2, attributes)
        k3, d3 = field(x + h / 2 * k2, t + h / 2, attributes)
        k4, d4 = field(x + h * k3, t + h, attributes)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        total = total + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return x, total


def log_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I): [N, D] -> [N]."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)


class StyleFlow(nn.Module):
    """A flow between codes [N, D] and noise [N, D], given attributes [N, A] in their own units.

    Codes are whitened (mean 0, covariance I) and attributes standardized; `names` says which attributes, in order.
    """

    def __init__(self, dim: int, names: Sequence[str], width: int = WIDTH):
        super().__init__()
        self.names = tuple(names)
        self.field = VectorField(dim, len(self.names), width)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("basis", torch.eye(dim))               # [D, D], orthogonal: axes are its rows
        self.register_buffer("scale", torch.ones(dim))
        self.register_buffer("center", torch.zeros(len(self.names)))
        self.register_buffer("spread", torch.ones(len(self.names)))

    @property
    def dim(self) -> int:
        """D, how many numbers a code has."""
        return len(self.mean)

    def to_noise(self, codes: Tensor, attributes: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
        """Codes [N, D] -> noise [N, D] and log p(codes | attributes) [N], in nats."""
        self._check(codes, attributes)
        x = (codes - self.mean) @ self.basis.T / self.scale
        z, total = integrate(self.field, x, self._standard(attributes), 1.0, 0.0, steps)
        # Backwards the integral of the trace has the sign that the density wants.
        return z, log_normal(z) + total - self.scale.log().sum()

    def to_codes(self, noise: Tensor, attributes: Tensor) -> Tensor:
        """Noise [N, D] -> codes [N, D] of faces with these attributes."""
        self._check(noise, attributes)
        x, _ = integrate(self.field, noise, self._standard(attributes), 0.0, 1.0)
        return x * self.scale @ self.basis + self.mean

    def log_density(self, codes: Tensor, attributes: Tensor) -> Tensor:
        """log p(codes | attributes): [N]."""
        return self.to_noise(codes, attributes)[1]

    def edit(self, codes: Tensor, attributes: Tensor, wanted: Tensor) -> Tensor:
        """The codes [N, D] of the same faces with `wanted` attributes [N, A] in place of those that they have.

        What the way there and back loses to the solver is added again, so that nothing wanted changes nothing.
        """
        noise, _ = self.to_noise(codes, attributes)
        return codes + (self.to_codes(noise, wanted) - self.to_codes(noise, attributes))

    def column(self, name: str) -> int:
        """Where an attribute stands in [N, A]."""
        if name not in self.names:
            raise UserError(f'This flow knows no attribute "{name}"; it knows {", ".join(self.names)}.')
        return self.names.index(name)

    def adapt(self, codes: Tensor, attributes: Tensor) -> None:
        """Set mean and covariance of the codes and the scales of the attributes from samples."""
        self._check(codes, attributes)
        self.mean.copy_(codes.mean(0))
        variances, axes = torch.linalg.eigh(torch.cov(codes.T))
        self.basis.copy_(axes.T)
        self.scale.copy_((variances.clamp_min(0) + FLOOR * variances.mean()).sqrt())
        self.center.copy_(attributes.mean(0))
        self.spread.copy_(attributes.std(0).clamp_min(1e-6))

    def _standard(self, attributes: Tensor) -> Tensor:
        return (attributes - self.center) / self.spread

    def _check(self, codes: Tensor, attributes: Tensor) -> None:
        wanted = [len(codes), self.dim], [len(codes), len(self.names)]
        if [list(codes.shape), list(attributes.shape)] != [*wanted]:
            raise UserError(f"This flow takes codes [N, {self.dim}] and attributes [N, {len(self.names)}] "
                            f"({', '.join(self.names)}), not {list(codes.shape)} and {list(attributes.shape)}.")


def train_flow(codes: Tensor, attributes: Tensor, names: Sequence[str], steps: int = 600, batch: int = 128,
               lr: float = 3e-3, width: int = WIDTH, seed: int = 0,
               tick: Callable[[int, float], None] = lambda step, loss: None,
               held_out: tuple[Tensor, Tensor] | None = None) -> StyleFlow:
    """A flow by maximum likelihood on codes [N, D] whose attributes are known [N, A].

    held_out: other codes and attributes; of all states of the field that with the best likelihood there is kept
    (default: every tenth sample). tick(step, loss) is called after every step; the loss is in nats per number.
    """
    if len(codes) < 20:
        raise UserError(f"A flow is trained on at least 20 faces, better thousands; here are {len(codes)}.")
    if not (codes.isfinite().all() and attributes.isfinite().all()):
        raise UserError("Codes or attributes hold values that are not finite; leave those faces out.")
    rng = torch.random.get_rng_state()
    torch.manual_seed(seed)
    flow = StyleFlow(codes.shape[1], names, width)
    torch.random.set_rng_state(rng)
    flow.adapt(codes, attributes)
    draw = torch.Generator().manual_seed(seed)
    if held_out is None:
        rows = torch.randperm(len(codes), generator=draw)
        held, rows = rows[:max(2, int(HELD_OUT * len(rows)))], rows[max(2, int(HELD_OUT * len(rows))):]
        held_out = codes[held], attributes[held]
        codes, attributes = codes[rows], attributes[rows]
    _begin(flow, codes, attributes, *held_out)
    optimizer = torch.optim.AdamW(flow.field.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.01)
    best, kept = math.inf, None
    for step in range(steps + 1):
        if step % 50 == 0:
            with torch.no_grad():
                found = float(-flow.log_density(*held_out).mean())
            if found < best:
                best, kept = found, {name: x.clone() for name, x in flow.state_dict().items()}
        if step == steps:
            break
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        chosen = torch.randint(len(codes), (min(batch, len(codes)),), generator=draw)
        loss = -flow.to_noise(codes[chosen], attributes[chosen], TRAINING_STEPS)[1].mean() / flow.dim
        if not torch.isfinite(loss):
            raise UserError("The flow diverged. Train it with a smaller learning rate.")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.field.parameters(), 1.0)
        optimizer.step()
        tick(step + 1, float(loss.detach()))
    flow.load_state_dict(kept)
    return flow.eval().requires_grad_(False)


@torch.no_grad()
def _begin(flow: StyleFlow, codes: Tensor, attributes: Tensor, held_codes: Tensor, held_attributes: Tensor) -> None:
    """Let a field begin with the shift of codes that least squares finds, or with what of it helps held-out faces.

    What is left to learn is how the way bends and where it narrows.
    """
    def white(x: Tensor) -> Tensor:
        return (x - flow.mean) @ flow.basis.T / flow.scale

    a = flow._standard(held_attributes)
    shift = torch.linalg.lstsq(flow._standard(attributes), white(codes)).solution.T            # [D, A]
    shift = shift.nan_to_num()                             # attributes that depend on each other have no solution
    fits = [float(log_normal(white(held_codes) - share * a @ shift.T).mean()) for share in SHARES]
    flow.field.push.weight.copy_(SHARES[fits.index(max(fits))] * shift)


@dataclass(frozen=True)
class FlowDirection(Direction):
    """An edit by changing the condition: an amount of 1 is one standard deviation of the attribute among the faces.

    The attributes that a face has are read from its picture, so the face is drawn before it is moved.
    """

    flow: StyleFlow = field(repr=False)
    generator: nn.Module = field(repr=False)
    predictor: AttributePredictor = field(repr=False)

    @torch.no_grad()
    def move(self, codes: Tensor, amount: Tensor) -> Tensor:
        columns = [self.predictor.index(name) for name in self.flow.names]
        has = label(self.generator, self.predictor, codes).scores[:, columns]                  # [N, A]
        wants = has.clone()
        column = self.flow.column(self.attribute)
        wants[:, column] += amount * self.flow.spread[column]
        at = list(self.place.addresses)
        here, size = codes[:, at], codes.shape[2]                                              # [N, K, S]
        together = self.flow.dim // size                # codes that the flow takes as one; 1: each by itself
        rows = here.reshape(-1, together * size)                                               # [N K / together, D]
        repeat = len(rows) // len(codes)
        edited = self.flow.edit(rows, has.repeat_interleave(repeat, 0), wants.repeat_interleave(repeat, 0))
        moved = codes.clone()
        moved[:, at] = edited.view_as(here)
        return moved


def fit(sample: Sample, where: Where = WHOLE, steps: int = 600, seed: int = 0,
        tick: Callable[[int, float], None] = lambda step, loss: None) -> StyleFlow:
    """A flow of the codes at a place, given all attributes that they tell.

    A few thousand labelled faces are few for a density of 128 numbers, and codes without a face cost nothing. So the
    flow learns from FRESH codes with the labels that a linear reader gives them, plus noise with the covariance of
    the reader's errors. The labelled faces decide which state of it is kept.
    """
    there = place(sample.generator, where)
    codes, scores = (x.double() for x in sample.at(there))                                     # [n, K, S], [n, A]
    k = codes.shape[1]
    x, half = codes.flatten(1), len(codes) // 2
    center, mean = x.mean(0), scores.mean(0)
    told = torch.stack([(x[half:] - center) @ interfacegan.fit(x[:half] - center, scores[:half]), scores[half:]])
    told = told - told.mean(1, keepdim=True)                                                   # [2, n / 2, A]
    errors = torch.cov((told[1] - told[0]).T)
    kept = (told.prod(0).sum(0) / told.norm(dim=1).prod(0).clamp_min(1e-12) >= TOLD).nonzero()[:, 0].tolist()
    if not kept:
        raise UserError(f"The codes of {there.name} tell no attribute of this model's faces, so there is nothing to "
                        "give a flow as its condition.")
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        z = torch.randn(FRESH * k, codes.shape[2], generator=draw)
        fresh = torch.cat([sample.generator.mapping(part) for part in z.split(4096)]).view(FRESH, -1).double()
    noise = torch.randn(FRESH, len(kept), generator=draw, dtype=torch.double)
    labels = (fresh - center) @ interfacegan.fit(x - center, scores[:, kept]) + mean[kept]
    labels = labels + noise @ torch.linalg.cholesky(errors[kept][:, kept]).T
    return train_flow(fresh.float(), labels.float(), [sample.names[i] for i in kept], steps, seed=seed, tick=tick,
                      held_out=(x.float(), scores[:, kept].float()))


def find(sample: Sample, attribute: str, where: Where = WHOLE, flow: StyleFlow | None = None,
         predictor: AttributePredictor | None = None) -> FlowDirection:
    """The direction of an attribute at a place, by a flow (default: one that is trained now, which takes minutes)."""
    sample.index(attribute)
    flow = flow or fit(sample, where)
    flow.column(attribute)
    return FlowDirection(attribute, place(sample.generator, where), "styleflow", flow, sample.generator,
                         predictor or load_predictor("lite0"))


def save_flows(flows: Mapping[str, StyleFlow], generator: nn.Module, path: str | os.PathLike,
               record: dict | None = None) -> None:
    """Write a model's flows, by the names of their places, to `path` (.safetensors), as float16, and the .json."""
    state = {f"{name}.{key}": value.half() for name, flow in flows.items()
             for key, value in flow.state_dict().items()}
    about = {name: dict(dim=flow.dim, attributes=list(flow.names), width=len(flow.field.into))
             for name, flow in flows.items()}
    save_tensors(path, state, FORMAT, dict(**of_model(generator), flows=about, record=record or {}))


def load_flows(generator: nn.Module, path: str | os.PathLike | None = None) -> dict[str, StyleFlow]:
    """The flows of a model, by the names of their places, in eval mode: those that ship, or those of a file."""
    state, description = read_of_model(generator, path, "flows", FORMAT, dict(flows=dict, record=dict))
    flows = {}
    for name, about in description["flows"].items():
        flows[name] = flow = StyleFlow(about["dim"], about["attributes"], about["width"])
        own = {key.removeprefix(f"{name}."): value.float() for key, value in state.items()
               if key.startswith(f"{name}.")}
        load_state(flow, own, str(path or generator.name))
        left, _, right = torch.linalg.svd(flow.basis)          # rounded to half precision, axes are not orthogonal
        flow.basis.copy_(left @ right)
        flow.eval().requires_grad_(False)
    return flows
