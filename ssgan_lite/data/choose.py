"""Choosing faces: predicates over attributes, and subsets in which two attributes are correlated on purpose.

A predicate is one of

    "hat and not glasses"                    an expression over attributes, with and, or, not, brackets, comparisons
    "age > 0.8 and hair_style == 'long'"     and `in`: hat in ('cap', 'beanie')
    lambda faces: faces.masks[:, 0, 0] == 0  a function of the data set that returns N truth values
    an array of N truth values

A name alone asks whether there is any: text other than "none", a number other than 0. Names that are no attributes
may be parts ("glasses": does the mask show any?) or `background_red`, `_green`, `_blue` (is that the strongest
channel of the background, on average and clearly?), so that sources without attributes can be asked too. The heads
have attributes of these three names, the mean color in 0 .. 1: a comparison ("background_blue > 0.5") uses the
number, the name alone still asks which channel is strongest. Expressions are parsed, never executed as Python.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Protocol

import numpy as np
from torch import Tensor

from ssgan_lite.errors import UserError, suggest


class Faces(Protocol):
    """What is asked of a `Dataset` here."""

    images: Tensor                       # uint8 [N, 3, S, S]
    masks: Tensor | None                 # uint8 [N, S, S]
    attributes: dict[str, np.ndarray]    # each [N]
    source: str                          # for messages
    parts: tuple[str, ...]               # names in order of id, the background first
    has_masks: bool

    def __len__(self) -> int: ...


Predicate = str | np.ndarray | Tensor | Callable[[Faces], np.ndarray | Tensor]

BACKGROUND_HUES = {"background_red": 0, "background_green": 1, "background_blue": 2}
CLEARLY = 12.0          # of 255: how much a channel must exceed both others to name a background's color

_COMPARE = {ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
            ast.Gt: operator.gt, ast.GtE: operator.ge}


def which(faces: Faces, predicate: Predicate) -> np.ndarray:
    """Truth values, bool [N]."""
    if isinstance(predicate, str):
        try:
            tree = ast.parse(predicate.strip(), mode="eval").body
        except SyntaxError:
            raise UserError(f'"{predicate}" is not an expression. Write it like "hat and age > 0.5".') from None
        return _is_true(tree, faces, predicate)
    values = np.asarray(predicate(faces) if callable(predicate) else predicate)
    if values.dtype != bool or values.shape != (len(faces),):
        raise UserError(f"A predicate gives {len(faces)} truth values for {faces.source}, not {values.dtype} "
                        f"{list(values.shape)}.")
    return values


def plant(faces: Faces, first: Predicate, second: Predicate, agreement: float, n: int, seed: int = 0,
          share: float | None = None) -> np.ndarray:
    """Positions of n faces, int64 [n], drawn without replacement so that two predicates are correlated.

    With g = agreement and s = share, the four kinds of faces are drawn in these numbers, rounded:

        both true        n (s - (1 - g) / 2)          only the first    n (1 - g) / 2
        both false       n (1 - s - (1 - g) / 2)      only the second   n (1 - g) / 2

    so each predicate is true in s of the faces, they agree in g of them, and their correlation is
    1 - (1 - g) / (2 s (1 - s)): none at g = 1 - 2 s (1 - s), which is the fair comparison for a planted subset.
    `share` None takes the share nearest to a half that the faces allow. Too few faces of a kind raise `UserError`,
    which says how many there are and what would be possible.
    """
    if not 0 <= agreement <= 1:
        raise UserError(f"agreement is a share between 0 and 1, not {agreement}.")
    if n < 1:
        raise UserError(f"n is how many faces to draw, at least 1, not {n}.")
    a, b = which(faces, first), which(faces, second)
    kinds = [np.flatnonzero(kind) for kind in (a & b, ~a & ~b, a & ~b, ~a & b)]
    have = [len(kind) for kind in kinds]
    disagreeing = round(n * (1 - agreement))
    only_first, agreeing = disagreeing // 2, n - disagreeing
    if share is None:
        both = min(max(agreeing // 2, agreeing - have[1]), have[0])
    else:
        both = round(n * share) - only_first
        if not 0 <= both <= agreeing:
            low, high = only_first / n, (only_first + agreeing) / n
            raise UserError(f"Faces that disagree in {1 - agreement:.0%} of the cases cannot have each attribute in "
                            f"{share:.0%} of them: the share must lie between {low:.3g} and {high:.3g}.")
    need = [both, agreeing - both, only_first, disagreeing - only_first]
    if any(h < k for h, k in zip(have, need, strict=True)):
        names = ("with both", "with neither", f"with {_name(first)} only", f"with {_name(second)} only")
        lacking = "; ".join(f"{k} {name} and has {h}" for name, h, k in zip(names, have, need, strict=True) if h < k)
        most = _largest(have, agreement)
        raise UserError(f"Planting {_name(first)} with {_name(second)} in {n} faces needs {lacking} in "
                        f"{faces.source}. " + (
                            f"Up to {most} faces are possible at agreement {agreement} if share is left open."
                            if most else "Choose other attributes, or a larger data set."))
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(kind, k, replace=False) for kind, k in zip(kinds, need, strict=True)]
    return rng.permutation(np.concatenate(drawn)).astype(np.int64)


def _largest(have: list[int], agreement: float) -> int:
    """The most faces that can show this agreement, with whatever share: agreeing and disagreeing kinds suffice."""
    both, neither, first, second = have
    limits = [(both + neither) / agreement if agreement else np.inf,
              2 * min(first, second) / (1 - agreement) if agreement < 1 else np.inf]
    return int(min(limits))


def _name(predicate: Predicate) -> str:
    return f'"{predicate}"' if isinstance(predicate, str) else "the given predicate"


def _evaluate(node: ast.expr, faces: Faces, text: str) -> np.ndarray | str | float | tuple:
    """A node of an expression: arrays [N] for names and what is made of them, plain values for constants."""
    match node:
        case ast.Name(id=name):
            return _column(faces, name)
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=entries) | ast.List(elts=entries) | ast.Set(elts=entries):
            return tuple(_evaluate(entry, faces, text) for entry in entries)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_is_true(operand, faces, text)
        case ast.BoolOp(op=op, values=values):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce([_is_true(value, faces, text) for value in values])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_evaluate(side, faces, text) for side in (left, *comparators)]
            steps = zip(ops, sides[:-1], sides[1:], strict=True)
            return np.logical_and.reduce([_compare(op, x, y, text) for op, x, y in steps])
    raise UserError(f'"{ast.unparse(node)}" in "{text}" is not understood. Use attributes, values, comparisons, '
                    f"and, or, not.")


def _compare(op: ast.cmpop, left, right, text: str) -> np.ndarray:
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, tuple):
        found = np.isin(left, np.array(right))
        return ~found if isinstance(op, ast.NotIn) else found
    arrays = [side for side in (left, right) if isinstance(side, np.ndarray)]
    words = [isinstance(side, str) or isinstance(side, np.ndarray) and side.dtype.kind == "U"
             for side in (left, right)]
    if type(op) not in _COMPARE or not arrays or isinstance(right, tuple) or words[0] != words[1]:
        raise UserError(f'A comparison in "{text}" does not fit: compare words with words, numbers with numbers.')
    constants = [side for side in (left, right) if isinstance(side, str)]
    if constants and constants[0] not in arrays[0]:
        raise UserError(f'No face has the value "{constants[0]}" asked for in "{text}". '
                        f"{suggest(constants[0], map(str, np.unique(arrays[0])))}")
    return np.asarray(_COMPARE[type(op)](left, right))


def _is_true(node: ast.expr, faces: Faces, text: str) -> np.ndarray:
    """A node as truth values, bool [N]; the name of a background's color asks for the hue, never for a number."""
    if isinstance(node, ast.Name) and node.id in BACKGROUND_HUES and faces.has_masks:
        return _by_chunks(faces, lambda images, masks: _strongest(images, masks, BACKGROUND_HUES[node.id]))
    return _truth(_evaluate(node, faces, text))


def _truth(values) -> np.ndarray:
    """"Is there any": text other than "none" and "", numbers other than 0."""
    if not isinstance(values, np.ndarray):
        raise UserError("An expression needs at least one attribute of the faces.")
    return ~np.isin(values, ("none", "")) if values.dtype.kind == "U" else values != 0


def _column(faces: Faces, name: str) -> np.ndarray:
    """An attribute [N], or what images and masks say in its place."""
    if name in faces.attributes:
        return faces.attributes[name]
    if name in faces.parts and faces.has_masks:
        return _by_chunks(faces, lambda images, masks: (masks == faces.parts.index(name)).any((1, 2)))
    if name in BACKGROUND_HUES and faces.has_masks:
        return _by_chunks(faces, lambda images, masks: _strongest(images, masks, BACKGROUND_HUES[name]))
    known = [*faces.attributes, *(faces.parts + tuple(BACKGROUND_HUES) if faces.has_masks else ())]
    raise UserError(f'{faces.source} has no attribute "{name}". {suggest(name, known)}')


def _strongest(images: np.ndarray, masks: np.ndarray, channel: int) -> np.ndarray:
    """Where one channel of the background's mean color clearly exceeds the others: bool [n]."""
    behind = (masks == 0)[:, None]                                                            # [n, 1, S, S]
    mean = (images * behind).sum((2, 3), dtype=np.int64) / np.maximum(behind.sum((2, 3)), 1)  # [n, 3]
    others = np.delete(mean, channel, axis=1).max(1)
    return mean[:, channel] > others + CLEARLY


def _by_chunks(faces: Faces, function: Callable, chunk: int = 1_000) -> np.ndarray:
    """A function of images and masks over all faces, a thousand at a time: large sets are not in memory."""
    return np.concatenate([function(faces.images[i:i + chunk].cpu().numpy(), faces.masks[i:i + chunk].cpu().numpy())
                           for i in range(0, len(faces), chunk)] or [np.zeros(0, bool)])
