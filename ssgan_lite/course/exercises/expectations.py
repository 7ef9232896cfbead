"""What checks are made of: each function lets a right answer pass and stops a wrong one with a hint in words.

The first expectation that fails is the hint, so a check begins with the typical mistakes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Number

import torch
from torch import Tensor

from ssgan_lite.course.exercises.answers import WrongAnswer, answer_of
from ssgan_lite.course.exercises.shapes import difference


def expect(condition: object, hint: str) -> None:
    """Stop with the hint unless the condition holds."""
    if not condition:
        raise WrongAnswer(hint)


def close(out: object, wanted: object, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
    """Are two tensors or numbers the same but for rounding? Never an error: other types and shapes are not close.

    Meant for typical mistakes: `expect(not close(out, what_the_mistake_gives), "hint")`.
    """
    try:
        out, wanted = _tensor(out), _tensor(wanted)
    except (TypeError, ValueError, RuntimeError):
        return False
    if out.shape != wanted.shape:
        return False
    return torch.allclose(out, wanted.to(out.device), rtol=rtol, atol=atol)


def expect_close(out: object, wanted: object, hint: str, atol: float = 1e-5, rtol: float = 1e-5,
                 what: str = "your result") -> None:
    """Stop unless `out` is a tensor (or number) of the wanted shape whose values are finite and as wanted.

    A wrong type or shape and values that are not numbers have words of their own; the hint speaks of wrong values.
    """
    if isinstance(wanted, Number):
        expect_number(out, what)
    else:
        expect_shape(out, list(wanted.shape), what)
    if torch.isfinite(_tensor(wanted)).all():
        hold = "hold" if is_plural(what) else "holds"
        expect(torch.isfinite(_tensor(out)).all(), f"{what} {hold} values that are not numbers (nan or inf)")
    expect(close(out, wanted, atol, rtol), hint)


def expect_tensor(out: object, what: str = "your result") -> None:
    """Stop unless `out` is a tensor."""
    it_is = "they are" if is_plural(what) else "it is"
    expect(isinstance(out, Tensor), f"{what} should be a tensor; {it_is} {describe(out)}")


def expect_shape(out: object, shape: Sequence[int], what: str = "your result") -> None:
    """Stop unless `out` is a tensor of this shape."""
    expect_tensor(out, what)
    told = difference(out.shape, shape)
    has, it = ("have", "they") if is_plural(what) else ("has", "it")
    expect(list(out.shape) == list(shape), f"{what} {has} the shape {list(out.shape)}; {it} should have {list(shape)}"
           + (f": {told}" if told else ""))


def expect_number(out: object, what: str = "your answer") -> None:
    """Stop unless `out` is one number: an int, a float, or a tensor or array with one element."""
    single = getattr(out, "ndim", 0) == 0 or getattr(out, "numel", lambda: getattr(out, "size", 0))() == 1
    is_number = isinstance(out, Number) and not isinstance(out, bool) or (hasattr(out, "item") and single)
    expect(is_number, f"{what} should be one number; it is {describe(out)}")
    expect(not math.isnan(float(out)), f"{what} is NaN")


def expect_choice(out: object, right: str | Sequence[str], hints: Mapping[str, str]) -> None:
    """For statements to choose from: `out` names the right one(s); `hints` has a word for each of the others.

    Letters may be upper or lower case; several right ones may come in any order, as "ac", "a and c" or ["a", "c"].
    """
    options = sorted({*right, *hints})
    expect(isinstance(out, (str, list, tuple, set)) and all(isinstance(item, str) for item in out),
           f'choose from {", ".join(options)}, as text: "{options[0]}"; you gave {describe(out)}')
    items = [re.sub(r"\band\b|[\s,;&+().]", "", item.lower()) for item in ([out] if isinstance(out, str) else out)]
    chosen = set("".join(items))
    expect(chosen <= set(options), f'choose from {", ".join(options)}; "{", ".join(sorted(chosen))}" is not among '
                                   "them")
    for letter in sorted(chosen - set(right)):
        expect(False, hints[letter])
    expect(chosen == set(right), "what you chose is right, but something is missing: more than one is right")


def expect_same_gradients(answer: Callable, wanted: Callable, inputs: Sequence[Tensor], hint: str,
                          atol: float = 1e-4, rtol: float = 1e-4) -> None:
    """Stop unless both functions of the same inputs have the same gradients with respect to each floating-point
    input.

    Outputs may be tensors or tuples of them; they are multiplied with fixed random numbers and summed, so that a
    gradient that vanishes for a plain sum (of a softmax, say) is compared too.
    """
    results = []
    for function in (lambda *args: answer_of(answer, *args), wanted):
        leaves = [value.detach().clone().requires_grad_(value.is_floating_point()) for value in inputs]
        outputs = function(*leaves)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        generator = torch.Generator().manual_seed(0)
        total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
        expect(total.requires_grad, "no gradient flows through your result: something in it was detached, rounded, "
                                    "turned into a plain number, or computed under torch.no_grad()")
        leaves = [leaf for leaf in leaves if leaf.requires_grad]
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        results.append([torch.zeros_like(leaf) if gradient is None else gradient
                        for leaf, gradient in zip(leaves, gradients, strict=False)])
    for ours, theirs in zip(*results, strict=False):
        expect(close(ours, theirs, atol, rtol), hint)


def is_plural(what: str) -> bool:
    """Do "the weights of a batch" have, or has "the loss of a face"? Told by the noun before the first "of" or "for".
    """
    words = re.split(r" of | for ", what)[0].split()
    return words[-1].endswith("s") and not words[-1].endswith(("ss", "us", "is"))


def two_sizes(low: int, high: int) -> tuple[int, int]:
    """Two different sizes from low to high - 1, drawn anew, so that axes cannot be confused unnoticed."""
    first, second = torch.randperm(high - low)[:2].tolist()
    return low + first, low + second


def describe(value: object) -> str:
    """A value in words: 'a tensor of shape [2, 3]', 'a list of 4', 'None'."""
    if value is None or value is Ellipsis:
        return str(value)
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if hasattr(value, "shape"):
        return f"an array of shape {list(value.shape)}"
    if isinstance(value, (list, tuple, dict, set)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (bool, int, float)):
        return f"the {type(value).__name__} {value}"
    if callable(value):
        return "a function" if not isinstance(value, type) else "a class"
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def _tensor(value: object) -> Tensor:
    return torch.as_tensor(value).detach().to(torch.float64)
