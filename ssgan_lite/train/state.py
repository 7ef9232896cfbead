"""What a training run is at one moment: networks, optimizers and a few numbers, to save and to bring back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssgan_lite.errors import UserError
from ssgan_lite.train.augment import AdaptiveAugment
from ssgan_lite.train.distributed import Processes
from ssgan_lite.weights import load_state

ALWAYS = ("G", "D", "G_ema")                    # networks that every run has
OPTIONAL = ("frozen_D", "encoder")              # those that depend on the recipe


def broke_down(step: int, quantities: list[str]) -> str:
    """The sentence for a run that has diverged."""
    return (f"Training diverged by step {step}: NaN or infinite: {', '.join(quantities)}. The last good checkpoint is "
            "kept; begin another run from it (--start-from) with a lower --lr or larger R1 weights.")


class TrainingState:
    """What `Trainer` (trainer.py) holds, and how it is saved, replaced and checked."""

    G: nn.Module
    D: nn.Module
    G_ema: nn.Module
    frozen_D: nn.Module | None
    encoder: nn.Module | None
    optimizers: dict[str, torch.optim.Optimizer]
    path_mean: Tensor
    augment: AdaptiveAugment
    device: torch.device
    processes: Processes
    steps: int
    grown: bool
    averaged_before: float

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks of this run by name."""
        return {name: network for name in (*ALWAYS, *OPTIONAL) if (network := getattr(self, name)) is not None}

    def give(self, states: dict[str, dict[str, Tensor]], source: str = "the given weights") -> None:
        """Replace the weights of some of the networks; what does not fit is a `UserError`."""
        for name, state in states.items():
            load_state(getattr(self, name), state, f"{source} ({name})")

    def require_finite(self) -> None:
        """Raise a `UserError` if a weight is NaN or infinite, which no later step can mend."""
        bad = [name for name, network in self.networks.items()
               if not all(weight.isfinite().all() for weight in network.parameters())]
        if bad:
            raise UserError(broke_down(self.steps, [f"a weight of {name}" for name in bad]))

    def require_agreement(self) -> None:
        """Several processes must hold the same weights, bit for bit; else a `UserError`."""
        if self.processes.count > 1:
            sums = [int(sum(weight.detach().view(torch.int32).sum(dtype=torch.int64)
                            for weight in network.parameters())) for network in self.networks.values()]
            self.processes.require_same(f"the weights by step {self.steps}", self.steps, *sums)

    def state_dict(self) -> dict:
        """Everything needed to go on bit for bit; random numbers follow from seed and step (`streams`)."""
        return dict(networks={name: network.state_dict() for name, network in self.networks.items()},
                    optimizers={name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
                    path_mean=self.path_mean, augment_p=self.augment.p, steps=self.steps, grown=self.grown,
                    averaged_before=self.averaged_before)

    def load_state_dict(self, state: dict) -> None:
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            for weight, held in optimizer.state.items():
                # The fused optimizer walks through memory: its averages must lie as the weights do, in whatever layout
                # the state was saved.
                held.update({name: torch.empty_like(weight).copy_(value) for name, value in held.items()
                             if value.shape == weight.shape and value.stride() != weight.stride()})
        self.path_mean, self.steps = state["path_mean"].to(self.device), state["steps"]
        self.grown, self.averaged_before = state["grown"], state["averaged_before"]
        self.augment.p = state["augment_p"].to(self.device)
