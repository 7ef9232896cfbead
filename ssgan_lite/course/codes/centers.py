"""The open task of the notebook on latents: truncation to the nearest of several centers of W."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssgan_lite.course.exercises import answer_of, expect, expect_close, expect_shape

SOLUTION = """\
def truncate_to_centers(w, codes, k, psi):
    centers = codes[:1]                                             # begin with k codes that are far apart
    while len(centers) < k:
        farthest = torch.cdist(codes, centers).amin(1).argmax()
        centers = torch.cat([centers, codes[farthest][None]])
    for _ in range(50):                                             # k-means: the mean of those who are nearest
        nearest = torch.cdist(codes, centers).argmin(1)
        centers = torch.stack([codes[nearest == i].mean(0) if (nearest == i).any() else centers[i]
                               for i in range(k)])
    center = centers[torch.cdist(w, centers).argmin(1)]             # [N, S]
    return center + psi * (w - center)"""
S = 10


def examine(answer: Callable) -> None:
    """Clouds of codes whose centers are known."""
    def asked(w: Tensor, codes: Tensor, k: int, psi: float) -> Tensor:
        out = answer_of(answer, w, codes, k, psi)
        expect_shape(out, w.shape, "the truncated codes")
        return out

    codes, w = torch.randn(400, S), torch.randn(6, S)
    expect_close(answer(w, codes, 1, 1.0), w, "psi = 1 should leave every code as it is")
    expect_close(asked(w, codes, 1, 0.3), codes.mean(0) + 0.3 * (w - codes.mean(0)), "with a single center, k = 1, "
                 "it should be the ordinary truncation to the mean of `codes`", atol=1e-4)
    middles = 6 * torch.nn.functional.normalize(torch.randn(3, S), dim=1)
    sizes = (300, 80, 20)                                           # kinds are not equally frequent
    codes = torch.cat([middle + 0.3 * torch.randn(n, S) for middle, n in zip(middles, sizes, strict=True)])
    codes = codes[torch.randperm(len(codes))]
    w = torch.cat([middle + 0.5 * torch.randn(20, S) for middle in middles])
    kind = torch.arange(3).repeat_interleave(20)
    out = asked(w, codes, 3, 0.0)
    expect(not (out - codes.mean(0)).abs().max() < 0.1, "with psi = 0 and k = 3 all codes become the mean of all; "
                                                        "each should become the nearest of three centers")
    expect(not (torch.cdist(out, codes).amin(1) < 1e-4).all(), "with psi = 0 every code becomes one of `codes`; a "
                                                                "center is the mean of those nearest to it")
    off = (out - middles[kind]).norm(dim=1)
    for i, n in enumerate(sizes):
        expect(off[kind == i].max() < 0.6, f"of three kinds of codes ({', '.join(map(str, sizes))} of each) the one "
               f"with {n} has no center of its own: begin with codes that are far apart, or try several beginnings")
    half = asked(w, codes, 3, 0.5)
    expect_close(half, out + 0.5 * (w - out), "psi = 0.5 should lead half of the way from a code to its center",
                 atol=1e-3)
    expect(torch.equal(asked(w, codes, 3, 0.5), half), "the same codes give another result the second time; seed "
                                                       "what is random")
    alone = asked(w[30:31], codes, 3, 0.5)
    expect((alone - half[30:31]).abs().max() < 1e-3, "the result for a code depends on the other rows of `w`; "
                                                     "centers are found among `codes` alone")
    few = torch.tensor([[0.0], [0.1], [5.0], [5.1], [5.2]]).expand(-1, S)
    expect(torch.isfinite(asked(few[:2], few, 4, 0.5)).all(), "with five codes and k = 4 the result is not finite: a "
           "center to which no code is nearest has no mean; keep it where it was")
