"""What a training run is at one moment: three networks, two optimisers and a few numbers, to save and to bring back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssgan_lite.errors import UserError
from ssgan_lite.train.augment import AdaptiveAugment
from ssgan_lite.train.distributed import Processes
from ssgan_lite.weights import load_state

NETWORKS = ("G", "D", "G_ema")


def broke_down(step: int, quantities: list[str]) -> str:
    """The sentence for a run whose numbers have left the finite ones."""
    return (f"Training broke down by step {step}: no longer a finite number: {', '.join(quantities)}. The last good "
            "checkpoint is kept; begin another run from it (--start-from) with a lower --lr or larger R1 weights.")


class TrainingState:
    """What `Trainer` (trainer.py) holds, and how it is saved, replaced and checked."""

    G: nn.Module
    D: nn.Module
    G_ema: nn.Module
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    path_mean: Tensor
    augment: AdaptiveAugment
    device: torch.device
    processes: Processes
    steps: int
    given_average: bool

    def give(self, states: dict[str, dict[str, Tensor]], source: str = "the given weights") -> None:
        """Replace the weights of G, D and G_ema, or of some of them; what does not fit is a `UserError`."""
        for name, state in states.items():
            load_state(getattr(self, name), state, f"{source} ({name})")

    def require_finite(self) -> None:
        """Raise a `UserError` if a weight is no longer a number, which no later step can mend."""
        bad = [name for name in NETWORKS
               if not all(weight.isfinite().all() for weight in getattr(self, name).parameters())]
        if bad:
            raise UserError(broke_down(self.steps, [f"a weight of {name}" for name in bad]))

    def require_agreement(self) -> None:
        """Several processes must hold the same weights, bit for bit; else a `UserError`."""
        if self.processes.count > 1:
            sums = [int(sum(weight.detach().view(torch.int32).sum(dtype=torch.int64)
                            for weight in getattr(self, name).parameters())) for name in NETWORKS]
            self.processes.require_same(f"the weights by step {self.steps}", self.steps, *sums)

    def state_dict(self) -> dict:
        """Everything needed to go on bit for bit; random numbers follow from seed and step (`streams`)."""
        return dict(G=self.G.state_dict(), D=self.D.state_dict(), G_ema=self.G_ema.state_dict(),
                    optimizer_g=self.optimizer_g.state_dict(), optimizer_d=self.optimizer_d.state_dict(),
                    path_mean=self.path_mean, augment_p=self.augment.p, steps=self.steps,
                    given_average=self.given_average)

    def load_state_dict(self, state: dict) -> None:
        for name in (*NETWORKS, "optimizer_g", "optimizer_d"):
            getattr(self, name).load_state_dict(state[name])
        for optimizer in (self.optimizer_g, self.optimizer_d):
            for weight, held in optimizer.state.items():
                # The fused optimiser walks through memory: its averages must lie as the weights do, in whatever layout
                # the state was saved.
                held.update({name: torch.empty_like(weight).copy_(value) for name, value in held.items()
                             if value.shape == weight.shape and value.stride() != weight.stride()})
        self.path_mean, self.steps = state["path_mean"].to(self.device), state["steps"]
        self.given_average = state.get("given_average", False)                       # nor this
        self.augment.p = state.get("augment_p", torch.zeros(())).to(self.device)     # older checkpoints have none
