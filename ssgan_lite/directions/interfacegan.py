"""InterFaceGAN (Shen et al., arXiv 1907.10786): a hyperplane in code space for every attribute.

The paper separates faces with the attribute from faces without it by a linear SVM, and moves codes along the normal
of the hyperplane. Here the scores themselves are fitted by least squares with a penalty (ridge regression), whose
strength is chosen by generalized cross-validation: labels of yes and no do as well, and degrees need no threshold.

The normal n says how the attribute is *read* from a code. To *move* it, we take the direction in which the fitted
attribute grows most for codes that stay as likely as they are, Sigma n, with Sigma the covariance of W: a step of one
standard deviation.

Conditional manipulation (section 3.4 of the paper) changes an attribute and keeps others: the part of the normal that
the others' normals span is subtracted, in the same geometry.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssgan_lite.directions.direction import WHOLE, LinearDirection, Where, place
from ssgan_lite.directions.sample import Sample
from ssgan_lite.errors import UserError

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-6, 7))       # in units of the codes' mean variance


def find(sample: Sample, attribute: str, where: Where = WHOLE, without: Sequence[str] = ()) -> LinearDirection:
    """The direction of an attribute at a place; attributes in `without` are kept, as far as the fit knows them."""
    there = place(sample.generator, where)
    columns = [sample.index(attribute), *(sample.index(other) for other in without)]
    if attribute in without:
        raise UserError(f'"{attribute}" cannot be changed and kept at once; leave it out of `without`.')
    codes, scores = sample.changes(there)                                                      # [n, K, S], [n, A]
    k, s = codes.shape[1:]
    covariance = torch.block_diag(*[sample.covariance.double()] * k)                           # [K S, K S]
    normals = fit(codes.double().flatten(1), scores[:, columns].double())                      # [K S, 1 + others]
    normal, others = normals[:, 0], normals[:, 1:]
    if others.shape[1]:
        inner = others.T @ covariance
        normal = normal - others @ torch.linalg.lstsq(inner @ others, (inner @ normal)[:, None]).solution[:, 0]
    vector = covariance @ normal
    length = (normal @ vector).clamp_min(1e-24).sqrt()
    return LinearDirection(attribute, there, "interfacegan", (vector / length).view(k, s).float(),
                           (normal / length).view(k, s).float(), sample.mean)


def entangled(sample: Sample, direction: LinearDirection, count: int) -> list[str]:
    """The other attributes that a direction moves most, as the teacher has them: at most `count` names."""
    codes, scores = sample.changes(direction.place)
    moved = (codes * direction.reader).sum((1, 2))                                             # [n]
    strength = (moved[:, None] * (scores - scores.mean(0))).mean(0).abs() / sample.whole.scores.std(0).clamp_min(1e-6)
    strength[sample.index(direction.attribute)] = -1
    return [sample.names[i] for i in strength.topk(min(count, len(strength) - 1)).indices.tolist()]


def held_out(sample: Sample, attribute: str, where: Where = WHOLE) -> float:
    """How well the codes at a place predict an attribute: correlation on faces that were not fitted."""
    codes, scores = sample.changes(place(sample.generator, where))
    x, y = codes.double().flatten(1), scores[:, sample.index(attribute)].double()
    first = torch.arange(len(x)) % 2 == 0
    found = []
    for half in (first, ~first):
        prediction = x[~half] @ fit(x[half], y[half, None])[:, 0]
        found.append(torch.corrcoef(torch.stack([prediction, y[~half]]))[0, 1])
    return float(torch.stack(found).mean().nan_to_num())


def fit(x: Tensor, y: Tensor) -> Tensor:
    """Ridge regression of y [n, m] on x [n, D], each column with the penalty that predicts best: normals [D, m].

    Generalized cross-validation (Golub, Heath and Wahba, Technometrics 21, 1979): the penalty whose leave-one-out
    error, with leverages replaced by their mean, is smallest.
    """
    n = len(x)
    x, y = x - x.mean(0), y - y.mean(0)
    left, scale, right = torch.linalg.svd(x, full_matrices=False)
    along = left.T @ y                                                                         # [r, m]
    best, error = None, None
    for penalty in PENALTIES:
        shrink = scale.square() / (scale.square() + penalty * scale.square().mean())      # [r]
        residual = y.square().sum(0) - (along.square() * (2 * shrink - shrink.square())[:, None]).sum(0)
        score = residual / (1 - shrink.sum() / n).clamp_min(1e-6) ** 2                         # [m]
        normals = right.T @ (along * (shrink / scale.clamp_min(1e-12))[:, None])               # [D, m]
        if best is None:
            best, error = normals, score
        else:
            best, error = torch.where(score < error, normals, best), torch.minimum(score, error)
    return best
