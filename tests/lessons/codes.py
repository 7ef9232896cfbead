"""Right and wrong answers to the exercises on latents, and what the notebook builds."""

from __future__ import annotations

import torch

from ssgan_lite.model.mapping import normalize_second_moment


def stub(*_):
    ...  # your lines here


def loop_norm(z):
    return torch.stack([row / (row.pow(2).mean() + 1e-8) ** 0.5 for row in z])


def far_ones(distance_from=lambda w, mean: (w - mean).norm(dim=1, keepdim=True), around=lambda mean: mean, limit=1.0,
             batch=lambda psi: psi):
    def answer(w, mean, radius):
        psi = batch((radius / distance_from(w, mean).clamp(min=1e-8)).clamp(max=limit))
        return around(mean) + psi * (w - around(mean))
    return answer


def by_direction(w, mean, radius):
    """Not for a code that is the mean itself."""
    distance = (w - mean).norm(dim=1, keepdim=True)
    return mean + (w - mean) / distance * distance.clamp(max=radius)


def centers(begin="far", rounds=30, mean=True, move=True, empty=True, of_w=False):
    """k-means with knobs, each of them a mistake."""
    def answer(w, codes, k, psi):
        codes = w if of_w else codes
        if begin == "far":
            found = [codes[0]]
            while len(found) < k:
                found.append(codes[torch.cdist(codes, torch.stack(found)).amin(1).argmax()])
        else:
            draw = torch.Generator().manual_seed(0) if begin == "random" else None
            found = list(codes[torch.randperm(len(codes), generator=draw)[:k]])
        for _ in range(rounds):
            owner = torch.cdist(codes, torch.stack(found)).argmin(1)
            found = [codes[owner == i].mean(0) if (owner == i).any() or not empty else found[i] for i in range(k)]
        nearest = torch.stack(found)[torch.cdist(w, torch.stack(found)).argmin(1)]
        nearest = nearest if mean else codes[torch.cdist(nearest, codes).argmin(1)]
        return nearest + psi * (w - nearest) if move else w + psi * (nearest - w)
    return answer


def k_means(w, codes, k, psi):
    return centers()(w, codes, k, psi)


ANSWERS = {
    "first_adam_step": dict(right=[0.045, 0.04525], stub=..., wrong=[
        (4.5, "not in percent"), (0.05, "three decimals"),
        (0.002, "stored at size 1"),
        (0.002 / 512**0.5, "step divided by size"),
        (512**-0.5, "how large the weights are"),
        (1.024, "the variance's divisor"),
        (0.5, "divide how far a weight moves"),
    ]),
    "pixel_norm": dict(right=[normalize_second_moment, loop_norm,
                        lambda z: z / (z.square().mean(1, keepdim=True) + 1e-8) ** 0.5], stub=stub, wrong=[
        (lambda z: z / z.norm(dim=1, keepdim=True), "rows have length 1"),
        (lambda z: z * torch.rsqrt(z.square().mean(0, keepdim=True) + 1e-8), "mean over the samples"),
        (lambda z: z * torch.rsqrt(z.square().mean() + 1e-8), "one mean over the whole batch"),
        (lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True), "subtract the mean of the row"),
        (lambda z: z / z.std(1, keepdim=True), "std subtracts the mean"),
        (lambda z: z / (z.square().mean(1, keepdim=True) + 1e-8), "square root is missing"),
        (lambda z: z / z.square().mean(1, keepdim=True).sqrt(), "row of zeros should stay zeros"),
        (lambda z: z / (z.square().mean(1, keepdim=True).sqrt() + 1e-8), "belongs under the root"),
        (lambda z: normalize_second_moment(z.detach()), "no gradient"),
    ]),
    "only_far_ones": dict(right=[far_ones()], stub=stub, wrong=[
        (far_ones(limit=1e9), "pushed out"), (far_ones(around=torch.zeros_like), "towards zero"),
        (far_ones(lambda w, mean: w.norm(dim=1, keepdim=True)), "distance of a code from zero"),
        (far_ones(batch=torch.min), "one psi for the whole batch"),
        (lambda w, mean, radius: mean + (w - mean).clamp(-radius, radius), "every number of a code"),
        (lambda w, mean, radius: torch.where((w - mean).norm(dim=1, keepdim=True) > radius, mean, w), "at the mean"),
        (far_ones(lambda w, mean: (w - mean).square().sum(1, keepdim=True)), "gets psi = radius / d"),
        (by_direction, "values that are not numbers"),
        (lambda w, mean, radius: far_ones()(w, mean.detach(), radius), "their gradients are not"),
    ]),
    "several_centers": dict(right=[k_means], stub=..., wrong=[
        (centers(move=False), "psi = 1 should leave"), (centers(rounds=0), "ordinary truncation"),
        (lambda w, codes, k, psi: codes.mean(0) + psi * (w - codes.mean(0)), "mean of all"),
        (lambda w, codes, k, psi: centers(mean=k == 1)(w, codes, k, psi), "becomes one of `codes`"),
        (centers(begin="random"), "no center of its own"),
        (lambda w, codes, k, psi: centers()(w, codes, k, psi**2 if k > 1 else psi), "half of the way"),
        (lambda w, codes, k, psi: centers()(w, codes, k, psi) + (k == 3) * 1e-4 * torch.randn(1), "the second time"),
        (lambda w, codes, k, psi: centers(of_w=len(w) > 1 and k == 3)(w, codes, k, psi), "the other rows"),
        (lambda w, codes, k, psi: centers()(w, codes, k, psi) / (len(codes) > 5), "is not finite"),
        (lambda w, codes, k, psi: k_means(w, codes, k, psi)[0], "has the shape"),
    ]),
}

DEFINITIONS = [
    dict(name="scaled_leaky_relu", library="ssgan_lite.model.layers:scaled_leaky_relu", inputs=lambda: (
        torch.randn(4, 7),)),
    dict(name="EqualLinear", library="ssgan_lite.model.layers:EqualLinear",
         build=lambda cls: cls(7, 5, lr_multiplier=0.1, activate=True), inputs=lambda: (torch.randn(3, 7),)),
    dict(name="MappingNetwork", library="ssgan_lite.model.mapping:MappingNetwork",
         build=lambda cls: cls(8, 3), inputs=lambda: (torch.randn(4, 8),)),
    dict(name="truncate", library="ssgan_lite.model.mapping:truncate", inputs=lambda: (
        torch.randn(3, 8), torch.randn(8), 0.6)),
]
