"""StyleRig (Tewari et al., arXiv 2004.00121): the parameters of a rig (yaw, smile, light ...) drive the codes.

A network takes the codes of a face, what its parameters are and what they shall be, and gives new codes. Nobody shows
it pairs of faces: it teaches itself with the predictor of attributes as a differentiable judge (the paper uses a face
renderer). For two faces w and v, and one parameter k taken from v,

    editing       what is read from the new face for k is what v has                         (section 4.3.2)
    consistency   everything else that is read is what w had                                 (section 4.3.3)
    cycle         the parameter of w put back gives w back                                   (section 4.3)

The paper also learns to leave a face alone when it is given its own parameters (section 4.3.1). Here that needs no
loss: what each parameter adds to the codes is a product with how much the parameter is to change, as in

    w' = w + sum_k (q_k - p_k) f_k(encoding of w, p, q_k).

And a smile must not move the hair. In the paper every code may answer every parameter; here `MOVES` says which codes
a parameter drives, so that all others stay bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ssgan_lite.directions.direction import HEAD, WHOLE, Direction, Where, place
from ssgan_lite.directions.sample import Sample, label, of_model, read_of_model
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.measure.attributes import AttributePredictor, load_predictor
from ssgan_lite.storage import save_tensors
from ssgan_lite.weights import load_state

MOVES: dict[str, Where] = dict(
    yaw=(HEAD, "shape"),
    pitch=(HEAD, "shape"),
    mouth_open="mouth",
    smile=("mouth", "face"),
    brow_thickness="eyebrows",
    light_side=(HEAD, "texture"),
)
ENCODING = 32               # numbers that tell a decoder about the face, as in the paper
HIDDEN = 32
FORMAT = "ssgan-lite rig 1"
EDITING, CONSISTENCY, CYCLE, NEAR = 1.0, 0.3, 0.1, 0.003       # weights of the losses


class RigNet(nn.Module):
    """Codes W+ [N, n_latent, S] and parameters [N, K], in standard deviations of the heads -> new codes.

    root: [S, S] with root^T root = covariance of W; inside, all codes are in its units.
    """

    def __init__(self, names: Sequence[str], addresses: Sequence[Sequence[int]], n_latent: int, style_dim: int):
        super().__init__()
        self.names, self.addresses = tuple(names), tuple(tuple(a) for a in addresses)
        self.encoder = nn.Linear(n_latent * style_dim, ENCODING)
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(ENCODING + len(names) + 1, HIDDEN), nn.Tanh(),
                          nn.Linear(HIDDEN, len(a) * style_dim)) for a in self.addresses)
        for decoder in self.decoders:                                      # begins as "nothing moves"
            nn.init.zeros_(decoder[2].weight), nn.init.zeros_(decoder[2].bias)
        self.register_buffer("mean", torch.zeros(style_dim))
        self.register_buffer("root", torch.eye(style_dim))
        self.register_buffer("inverse", torch.eye(style_dim))
        self.register_buffer("spread", torch.ones(len(self.names)))        # of the parameters among the model's faces

    def adapt(self, mean: Tensor, covariance: Tensor, spread: Tensor) -> None:
        """Take units from the mean [S] and covariance [S, S] of W and the parameters' standard deviations [K]."""
        variances, axes = torch.linalg.eigh(covariance.double())
        sizes = (variances.clamp_min(0) + 1e-3 * variances.mean()).sqrt()[:, None]
        self.mean.copy_(mean)
        self.spread.copy_(spread)
        self.root.copy_(sizes * axes.T)
        self.inverse.copy_(axes / sizes.T)

    def forward(self, codes: Tensor, has: Tensor, wants: Tensor) -> Tensor:
        """codes W+; has, wants: [N, K] -> codes W+ of the same faces with the wanted parameters."""
        self._check(codes, has, wants)
        white = (codes - self.mean) @ self.inverse                                             # [N, n_latent, S]
        encoding = torch.tanh(self.encoder(white.flatten(1) / 8))                              # [N, 32]
        moved = torch.zeros_like(codes)
        for k, (decoder, at) in enumerate(zip(self.decoders, self.addresses, strict=True)):
            step = decoder(torch.cat([encoding, has, wants[:, k:k + 1]], dim=1))
            step = step.unflatten(1, (len(at), -1)) * (wants - has)[:, k, None, None]          # [N, n, S]
            moved = moved.index_add(1, torch.tensor(at, device=codes.device), step @ self.root)
        return codes + moved

    def column(self, name: str) -> int:
        """Which parameter a name is; an unknown one is a `UserError`."""
        if name not in self.names:
            raise UserError(f'This rig has no parameter "{name}". {suggest(str(name), self.names)}')
        return self.names.index(name)

    def _check(self, codes: Tensor, has: Tensor, wants: Tensor) -> None:
        n_latent, k = self.encoder.in_features // len(self.mean), len(self.names)
        shapes = [list(x.shape) for x in (codes, has, wants)]
        if shapes != [[len(codes), n_latent, len(self.mean)], [len(codes), k], [len(codes), k]]:
            raise UserError(f"This rig takes codes [N, {n_latent}, {len(self.mean)}] and parameters [N, {k}] "
                            f"({', '.join(self.names)}), not {shapes}.")


def new_rig(sample: Sample, names: Sequence[str] | None = None) -> RigNet:
    """A rig that moves nothing yet, with those of `MOVES` that the sample's predictor can read (or with `names`)."""
    G = sample.generator
    names = [name for name in MOVES if name in sample.names] if names is None else list(names)
    for name in names:
        if name not in MOVES:
            raise UserError(f'No rig moves "{name}". {suggest(str(name), MOVES)}')
        sample.index(name)
    addresses = [place(G, MOVES[name] if sample.mixed is not None else WHOLE).addresses for name in names]
    rig = RigNet(names, addresses, G.layout.n_latent, G.config.style_dim)
    rig.adapt(sample.mean, sample.covariance, sample.whole.scores[:, [sample.index(name) for name in names]].std(0))
    return rig


def train_rig(sample: Sample, predictor: AttributePredictor, steps: int = 400, batch: int = 8, lr: float = 1e-3,
              names: Sequence[str] | None = None, seed: int = 0,
              tick: Callable[[int, dict], None] = lambda step, losses: None) -> RigNet:
    """Teach a rig, with the faces of a sample as w and v. tick(step, losses) is called after every step."""
    if predictor.backbone != "lite0":
        raise UserError("A rig is taught by the predictor on Lite0; the one on Lite2 only judges it.")
    G = sample.generator.eval().requires_grad_(False)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    rig = new_rig(sample, names)
    torch.random.set_rng_state(state)
    columns = torch.tensor([sample.index(name) for name in rig.names])
    halves = [half for half in (sample.whole, sample.mixed) if half is not None]
    codes, scores = (torch.cat([getattr(half, name) for half in halves]) for name in ("codes", "scores"))
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(rig.parameters(), lr=lr, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1.0, 2 * (1 - step / steps))
        w, v = torch.randint(len(codes), (2, batch), generator=draw)
        k = torch.randint(len(rig.names), (batch,), generator=draw)
        has, wants = scores[w][:, columns], scores[w][:, columns].clone()
        wants[torch.arange(batch), k] = scores[v, columns[k]]
        new = rig(codes[w], has, wants)
        read = predictor(G(new).image.clamp(-1.2, 1.2))                                        # [N, A]
        wanted = scores[w].clone()
        wanted[torch.arange(batch), columns[k]] = scores[v, columns[k]]
        error = (read - wanted).square()
        edited = torch.zeros_like(error).scatter(1, columns[k, None], 1.0)
        back = rig(new, read[:, columns], has)
        losses = dict(editing=(error * edited).sum(1).mean(),
                      consistency=(error * (1 - edited)).sum(1).mean() / (error.shape[1] - 1),
                      cycle=((back - codes[w]) @ rig.inverse).square().mean(),
                      near=((new - codes[w]) @ rig.inverse).square().sum((1, 2)).mean())
        loss = (EDITING * losses["editing"] + CONSISTENCY * (error.shape[1] - 1) * losses["consistency"]
                + CYCLE * losses["cycle"] + NEAR * losses["near"])
        if not torch.isfinite(loss):
            raise UserError("The rig diverged. Train it with a smaller learning rate.")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(rig.parameters(), 1.0)
        optimizer.step()
        tick(step + 1, {name: float(value.detach()) for name, value in losses.items()})
    return rig.eval().requires_grad_(False)


@dataclass(frozen=True)
class RigDirection(Direction):
    """A parameter of a rig: an amount of 1 is one standard deviation of it among the model's faces.

    The parameters that a face has are read from its picture, so the face is drawn before it is moved.
    """

    rig: RigNet = field(repr=False)
    generator: nn.Module = field(repr=False)
    predictor: AttributePredictor = field(repr=False)

    @torch.no_grad()
    def move(self, codes: Tensor, amount: Tensor) -> Tensor:
        has = parameters(self.generator, self.predictor, self.rig, codes)
        wants = has.clone()
        column = self.rig.column(self.attribute)
        wants[:, column] += amount * self.rig.spread[column]
        return self.rig(codes, has, wants)


@torch.no_grad()
def parameters(generator: nn.Module, predictor: AttributePredictor, rig: RigNet, codes: Tensor) -> Tensor:
    """The parameters of faces with codes W+, as they are read from their pictures: [N, K]."""
    return label(generator, predictor, codes).scores[:, [predictor.index(name) for name in rig.names]]


def find(sample: Sample, attribute: str, rig: RigNet | None = None,
         predictor: AttributePredictor | None = None) -> RigDirection:
    """The direction of a parameter, at the codes that it drives; without a rig, one is trained (minutes)."""
    predictor = predictor or load_predictor("lite0")
    rig = rig or train_rig(sample, predictor)
    rig.column(attribute)
    where = MOVES[attribute] if sample.mixed is not None else WHOLE
    return RigDirection(attribute, place(sample.generator, where), "stylerig", rig, sample.generator, predictor)


def save_rig(rig: RigNet, generator: nn.Module, path: str | os.PathLike, record: dict | None = None) -> None:
    """Write `path` (.safetensors), as float16, and the .json beside it."""
    save_tensors(path, {name: value.half() for name, value in rig.state_dict().items()}, FORMAT,
                 dict(**of_model(generator), names=list(rig.names), addresses=[list(at) for at in rig.addresses],
                      record=record or {}))


def load_rig(generator: nn.Module, path: str | os.PathLike | None = None) -> RigNet:
    """The rig of a model, in eval mode: the one that ships, or that of a file."""
    state, description = read_of_model(generator, path, "rig", FORMAT, dict(names=list, addresses=list, record=dict))
    rig = RigNet(description["names"], description["addresses"], generator.layout.n_latent,
                 generator.config.style_dim)
    load_state(rig, {name: value.float() for name, value in state.items()}, str(path or generator.name))
    return rig.eval().requires_grad_(False)
