"""What a training run holds at one moment, what is drawn for it, and how it is saved and brought back.

Networks, optimizers and a few numbers. The phases (reconstruct.py, game.py) are functions of a `TrainingState`, and
`Trainer` (trainer.py) is the one that takes their steps.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ssgan_lite.config import ModelConfig, TrainConfig
from ssgan_lite.data.dataset import Dataset
from ssgan_lite.device import Speed, prepare_device
from ssgan_lite.errors import UserError
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.model import DualBranchDiscriminator, GeneratorOutput, build_generator
from ssgan_lite.model.encoder import Encoder, pool_mask
from ssgan_lite.train.augment import AdaptiveAugment
from ssgan_lite.train.distributed import ALONE, Objective, Processes
from ssgan_lite.train.feature_cache import FeatureCache, open_cache
from ssgan_lite.train.freeze import Learned
from ssgan_lite.train.frozen_discriminator import FrozenDiscriminator
from ssgan_lite.train.losses import class_weights
from ssgan_lite.train.streams import derive_seed, shuffled_indices, stream, uniform
from ssgan_lite.weights import load_state

CALIBRATION_FACES = 64          # real faces that set the scale of the frozen discriminator
CALIBRATION_MASKS = 1024        # ... and of the encoder's view of the mask

ALWAYS = ("G", "D", "G_ema")                    # networks that every run has
OPTIONAL = ("frozen_D", "encoder", "original")  # those that depend on the recipe
MASKS_LOOKED_AT = 4000          # for the areas of the parts


def broke_down(step: int, quantities: list[str]) -> str:
    """The sentence for a run that has diverged."""
    return (f"Training diverged by step {step}: NaN or infinite: {', '.join(quantities)}. The last good checkpoint "
            "is kept; begin another run from it (--start-from) with a lower --lr or larger R1 weights.")


def lazy_adam(parameters, config: TrainConfig, every: int | None) -> torch.optim.Adam:
    """Adam, corrected for a regularizer that takes an extra step every `every` steps (StyleGAN2, appendix B).

    With c = k / (k + 1), learning rate and betas become lr * c, beta^c: the k + 1 steps then move as far as k did.
    `every=None`: nothing takes extra steps, so there is nothing to correct for.
    """
    c = 1.0 if every is None else every / (every + 1)
    return torch.optim.Adam(parameters, lr=config.lr * c, betas=(0.0, config.beta2**c), fused=True)


def part_areas(data: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """The mean share of the picture that every part fills, over at most MASKS_LOOKED_AT faces: [P]."""
    masks = data.require_masks("Reconstruction")
    counts = torch.zeros(len(data.parts), dtype=torch.int64)
    chosen = torch.linspace(0, len(masks) - 1, min(len(masks), MASKS_LOOKED_AT)).long()
    for rows in chosen.split(256):
        counts += torch.bincount(masks[rows.to(masks.device)].flatten(), minlength=len(counts)).cpu()
    return (counts / counts.sum()).float().to(device)


class TrainingState:
    """All networks of a run, the average, their optimizers; what is drawn for a step, and how a step is taken.

    As one of several `processes` it has its share of every batch; n below counts the samples of the whole batch.
    """

    def __init__(self, model: ModelConfig, config: TrainConfig, data: Dataset, device: str | torch.device = "cpu",
                 speed: Speed | None = None, processes: Processes = ALONE, quiet: bool = True):
        if data.size != model.size:
            raise UserError(f"The model makes {model.size}-pixel images, the data are {data.size} pixels wide. "
                            f"Open them with size={model.size}.")
        if not len(data):
            raise UserError(f"There is nothing to train on: {data.source} holds no faces.")
        self._check_masks(data, model, config)
        processes.check_batch(config.batch)
        speed = speed or Speed()
        self.processes = processes
        self.model_config, self.config, self.device = model, config, torch.device(device)
        self.data = data.to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "weights"))
            self.G, self.D = build_generator(model), DualBranchDiscriminator(model)
        prepare_device(self.device)
        self.bf16, self.layout = speed.bf16(self.device), speed.layout(self.device)
        self.G.to(self.device).train()
        self.D.to(self.device, memory_format=self.layout).train()
        self.G.render.to(memory_format=self.layout)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        path_every = config.path_every if config.path_weight else None
        self.learned = Learned(self.G, config.freeze)
        self.optimizers = {"g": lazy_adam(self.learned.weights, config, path_every),
                           "d": lazy_adam(self.D.parameters(), config, config.r1_every)}
        self.path_mean = torch.zeros((), device=self.device)
        self.augment = AdaptiveAugment(config, self.device, processes)
        # Compiled graphs have no second derivative, so R1 and path length call the networks themselves.
        self.fast_G, self._fast_D = (torch.compile(net) if speed.compile else net for net in (self.G, self.D))
        # objective -> (networks that it moves, their optimizers)
        moved: dict[str, tuple[nn.Module, tuple[str, ...]]] = {
            "d": (self.D, ("d",)), "r1": (self.D, ("d",)), "g": (self.G, ("g",)), "path": (self.G, ("g",))}
        self.encoder = self.frozen_D = self.frozen = self.cache = None
        # What fine-tuning begins with (`grow.begin` fills it): the masks of its codes are to stay.
        self.original = copy.deepcopy(self.G_ema) if config.keep_weight else None
        if config.reconstructs or config.frozen_weight:
            self.frozen = FrozenFeatures().to(self.device)
        if config.frozen_weight:
            self._add_frozen_discriminator()
            moved["frozen"] = self.frozen_D, ("frozen",)
        if config.reconstructs:
            self._add_encoder(open_cache(data, self.frozen, self.device, processes, quiet))
            moved["reconstruct"] = nn.ModuleList([self.G, self.encoder]), ("reconstruct", "encoder")
        self._moved = {name: (processes.share(network), [self.optimizers[key] for key in keys])
                       for name, (network, keys) in moved.items()}
        self.steps = 0
        self.grown = False                 # did the run begin with the networks of a smaller model?
        self.averaged_before = 0.0         # images that the average had seen before the run; inf: given, keep it

    @staticmethod
    def _check_masks(data: Dataset, model: ModelConfig, config: TrainConfig) -> None:
        """Data without masks are enough for fine-tuning; masks must be of the model's parts."""
        if data.has_masks:
            if data.parts != model.parts:
                theirs = next((name for name in data.parts if name not in model.parts), len(data.parts))
                raise UserError(f"{data.source} has other parts than the model ({theirs}, ...). A model is trained "
                                "and fine-tuned on masks of its own parts, in their order.")
        elif config.reconstructs:
            raise UserError(f"Reconstruction needs masks, and {data.source} has none. Without masks a trained "
                            "generator can be fine-tuned: add --recipe fine-tune --start-from lite64.")
        elif not config.keep_weight:
            raise UserError(f"Training needs masks, and {data.source} has none. Without masks a trained generator "
                            "can be fine-tuned: add --recipe fine-tune --start-from lite64, or --keep-weight 1.")

    def _add_frozen_discriminator(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.config.seed, "weights of the frozen discriminator"))
            sees_masks = self.model_config.mask_branch and self.data.has_masks
            self.frozen_D = FrozenDiscriminator(self.model_config.n_parts if sees_masks else 0)
        self.frozen_D.to(self.device)
        with torch.no_grad():
            some = self.data.image_batch(range(min(len(self.data), CALIBRATION_FACES)))
            self.frozen_D.calibrate(self.frozen(some))
        self.optimizers["frozen"] = torch.optim.Adam(self.frozen_D.heads.parameters(), lr=self.config.frozen_lr,
                                                     betas=(0.0, self.config.beta2), fused=True)

    def _add_encoder(self, cache: FeatureCache) -> None:
        self.cache = cache
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.config.seed, "weights of the encoder"))
            self.encoder = Encoder(self.model_config)
        self.encoder.to(self.device)
        mean, deviation = cache.statistics()
        first = torch.arange(min(len(self.data), CALIBRATION_MASKS)).split(CALIBRATION_FACES)
        masks = torch.cat([pool_mask(self.data.batch(rows)[1]) for rows in first])
        self.encoder.offset.copy_(torch.cat([mean, masks.mean(dim=0)]))
        # What hardly ever varies, such as the background in a corner, must not become a huge number when it does.
        self.encoder.scale.copy_(torch.cat([deviation, masks.std(dim=0, correction=0)]).clamp_min(0.1))
        self.class_weights = class_weights(part_areas(self.data, self.device), self.config.balance)
        # Apart from the game's, whose gradients are of another size.
        self.optimizers["reconstruct"] = lazy_adam(self.learned.weights, self.config, None)
        self.optimizers["encoder"] = torch.optim.Adam(self.encoder.parameters(), lr=self.config.encoder_lr,
                                                      fused=True)

    @property
    def images_seen(self) -> int:
        return self.steps * self.config.batch

    @property
    def phase(self) -> str:
        """reconstruct, game, or (a game in a model that was grown) grow."""
        if self.images_seen < self.config.reconstruct_images:
            return "reconstruct"
        return "grow" if self.grown else "game"

    # --------------------------------------------------------------------------------------------- what is drawn

    def draw_normal(self, shape: tuple[int, ...], *purpose: object) -> Tensor:
        """Standard normal numbers, this process' share along the first axis."""
        generator = stream(self.config.seed, self.steps, *purpose, device=self.device)
        return self.processes.mine(torch.randn(shape, generator=generator, device=self.device))

    def draw_codes(self, n: int, purpose: str, generator: nn.Module | None = None) -> Tensor:
        """Fresh codes, W [n, S] or, in a share `mixing` of the batches, W+ [n, n_latent, S] crossed from two.

        generator: whose mapping network makes them of the random numbers; default: that of G.
        """
        mapping = (generator or self.G).mapping
        address = (self.config.seed, self.steps, purpose)
        z = torch.randn(2, n, self.model_config.style_dim, generator=stream(*address, "z", device=self.device),
                        device=self.device)
        z = self.processes.mine(z, dim=1)
        if uniform(*address, "mix?") >= self.config.mixing:
            return mapping(z[0])
        choice = self.G.layout.draw_mixing(n, stream(*address, "mix", device=self.device))
        choice = self.processes.mine(choice, dim=-1)
        return self.G.layout.mix(mapping(z[0]), mapping(z[1]), choice)

    def draw_noise(self, n: int, purpose: str) -> list[Tensor]:
        """Fresh noise planes for the render net."""
        planes = self.G.render.draw_noise(n, stream(self.config.seed, self.steps, purpose, "noise",
                                                    device=self.device))
        return [self.processes.mine(plane) for plane in planes]

    def draw_faces(self, seed: int, start: int, purpose: str) -> tuple[Tensor, Tensor]:
        """Which faces of the data come at position `start` of the order of this seed, and which of them mirrored."""
        n = self.config.batch
        indices = shuffled_indices(seed, len(self.data), start, n)
        draws = torch.rand(n, generator=stream(self.config.seed, self.steps, purpose))
        flip = draws < (0.5 if self.config.flip else 0.0)
        return self.processes.mine(indices), self.processes.mine(flip)

    def faces(self, indices: Tensor, flip: Tensor) -> tuple[Tensor, Tensor | None]:
        """Faces of the data: image [N, 3, R, R] and mask [N, P, R, R], both in [-1, 1]; None without masks."""
        # non_blocking: the host goes on at once instead of waiting until the device has done all that it was given.
        indices, flip = (x.to(self.device, non_blocking=True) for x in (indices, flip))
        if not self.data.has_masks:
            return self.data.image_batch(indices, flip).contiguous(memory_format=self.layout), None
        image, mask = self.data.batch(indices, flip)
        return image.contiguous(memory_format=self.layout), mask.contiguous(memory_format=self.layout)

    def draw_real(self) -> tuple[Tensor, Tensor | None]:
        """The next batch of the data."""
        return self.faces(*self.draw_faces(self.config.seed, self.images_seen, "flip"))

    # ------------------------------------------------------------------------------------------ what the phases use

    def fake(self, purpose: str) -> GeneratorOutput:
        """A batch from the generator being trained, with its own codes and noise."""
        n = self.config.batch
        codes, noise = self.draw_codes(n, purpose), self.draw_noise(n, purpose)
        with self.mixed_precision():
            return self.fast_G(codes, noise=noise)

    @torch.no_grad()
    def masks_before(self, purpose: str) -> tuple[Tensor, Tensor]:
        """The masks that the batch of `fake` would have had before fine-tuning: scores [N, P, R, R], weights [P].

        The same z, mixing and noise, in the generator that the run began with.
        """
        n = self.config.batch
        with self.mixed_precision():
            scores = self.original(self.draw_codes(n, purpose, self.original), noise=self.draw_noise(n, purpose)).mask
        counts = torch.bincount(scores.argmax(dim=1).flatten(), minlength=scores.shape[1])
        areas = self.processes.average(counts / counts.sum())
        return scores, class_weights(areas)

    def judge(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """The dual discriminator's scores, for all but R1."""
        with self.mixed_precision():
            return self._fast_D(image, mask)

    def mixed_precision(self) -> torch.autocast:
        """Within: bfloat16 where the model allows it (`ssgan_lite.model.precision`), if this run uses it at all.

        Losses and the regularizers R1 and path length stay outside: they square and subtract small numbers.
        """
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def as_seen(self, image: Tensor, mask: Tensor | None, purpose: str) -> tuple[Tensor, Tensor | None]:
        """What the dual discriminator gets to see of image and mask: augmented, once that has begun.

        Where the data have no masks it sees images alone, as in the paper's fine-tuning.
        """
        mask = mask if self.data.has_masks else None
        if not self.augment.active(self.images_seen):
            return image, mask
        if mask is None:
            return self.augment(image, image[:, :1], self.config.seed, self.steps, purpose)[0], None
        return self.augment(image, mask, self.config.seed, self.steps, purpose)

    @contextmanager
    def fixed_discriminators(self) -> Iterator[None]:
        """Within: their weights get no gradients, so none is computed."""
        weights = [*self.D.parameters(), *(self.frozen_D.heads.parameters() if self.frozen_D else ())]
        for weight in weights:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in weights:
                weight.requires_grad_(True)

    def take(self, name: str, objective: Objective) -> dict[str, Tensor]:
        """A step down one of the objectives; what it reports."""
        evaluate, optimizers = self._moved[name]
        loss, stats = evaluate(objective)
        self._update(optimizers, loss)
        return stats

    def _update(self, optimizers: list[torch.optim.Optimizer], loss: Tensor) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.learned.hand_over()
        for optimizer in optimizers:
            optimizer.step()

    # ------------------------------------------------------------------------------------- saved and brought back

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
                # The fused optimizer walks through memory: its averages must lie as the weights do, in whatever
                # layout the state was saved.
                held.update({name: torch.empty_like(weight).copy_(value) for name, value in held.items()
                             if value.shape == weight.shape and value.stride() != weight.stride()})
        self.path_mean, self.steps = state["path_mean"].to(self.device), state["steps"]
        self.grown, self.averaged_before = state["grown"], state["averaged_before"]
        self.augment.p = state["augment_p"].to(self.device)
