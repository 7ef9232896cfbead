"""Shape mistakes in words: what the operands of a failed operation look like, and what is probably missing."""

from __future__ import annotations

import ast
import linecache
import textwrap
from collections.abc import Callable, Sequence
from types import TracebackType

import torch
from torch import Tensor

KEEPDIM = "`keepdim=True` keeps the axis over which a sum or a mean is taken"
# Parts of an expression that can be computed again without harm; calls are limited to those that change nothing.
HARMLESS = (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.keyword, ast.Subscript, ast.Slice, ast.Tuple,
            ast.List, ast.UnaryOp, ast.BinOp, ast.Compare, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)
# What torch says, and what a beginner can do about it.
KNOWN = {
    "Boolean value of Tensor with more than one value": "`if` and `and` need one truth value; `torch.equal(a, b)`, "
    "`.all()` and `.any()` make one of many",
    "index tensor of type LongTensor": "the part numbers are bytes; `.long()` makes them the integers that are "
    "wanted here",
    "is out of bounds for dimension 0": "you index the first axis, which is mostly the batch; `x[:, p]` takes entry "
    "p of the second axis",
    "with a bool tensor is not supported": "turn true and false into numbers by `.float()` before you calculate with "
    "them; `~mask` is the opposite of a mask"}

CHANGING = ("print", "pop", "append", "backward", "step")


def difference(found: Sequence[int], wanted: Sequence[int]) -> str:
    """What probably went wrong with a result of shape `found` that should be `wanted`; empty if unknown."""
    found, wanted = list(found), list(wanted)
    if found == wanted:
        return ""
    if len(found) < len(wanted) and [n for n in wanted if n != 1] == [n for n in found if n != 1]:
        return f"{KEEPDIM}, `[:, None]` puts one in"
    if len(found) > len(wanted) and [n for n in wanted if n != 1] == [n for n in found if n != 1]:
        return "squeeze or index away the axes of length 1"
    if len(found) == len(wanted) and sorted(found) == sorted(wanted):
        return "the axes are in another order; `permute` or `movedim` exchanges them"
    return ""


def explanation(error: BaseException, is_readers: Callable[[str], bool]) -> str:
    """What the error means, in one sentence; empty where we have nothing to add to it."""
    for fragment, told in KNOWN.items():
        if fragment in str(error):
            return told
    return operands(error, is_readers)


def operands(error: BaseException, is_readers: Callable[[str], bool]) -> str:
    """One sentence with the shapes at the reader's operation that failed; empty if they cannot be found."""
    trace = error.__traceback__
    last: TracebackType | None = None
    while trace is not None:
        if is_readers(trace.tb_frame.f_code.co_filename):
            last = trace
        trace = trace.tb_next
    node = None if last is None else _expression(last)
    if node is None:
        return ""
    names = {**last.tb_frame.f_globals, **last.tb_frame.f_locals}
    if isinstance(node, ast.BinOp):
        left, right = (_value(side, names) for side in (node.left, node.right))
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            return (f"the left side has the shape {list(left.shape)}, the right side {list(right.shape)}"
                    + (_matrices(left, right) if isinstance(node.op, ast.MatMult) else _broadcast(left, right)))
    if isinstance(node, ast.Subscript):
        tensor, mask = _value(node.value, names), _value(node.slice, names)
        if isinstance(tensor, Tensor) and isinstance(mask, Tensor) and mask.dtype == torch.bool:
            return (f"the tensor has the shape {list(tensor.shape)}, the mask in the brackets {list(mask.shape)}; "
                    "the mask must have the lengths of the tensor's first axes")
    if isinstance(node, ast.Call):
        items = [inner for item in node.args for inner in (item.elts if isinstance(item, ast.List | ast.Tuple)
                                                           else [item])]
        shapes = [list(value.shape) for value in (_value(item, names) for item in items) if isinstance(value, Tensor)]
        if shapes:
            return "the shapes given to it are " + ", ".join(map(str, shapes))
    return ""


def _broadcast(left: Tensor, right: Tensor) -> str:
    """Advice for two tensors that do not broadcast."""
    short, long = sorted((list(left.shape), list(right.shape)), key=len)
    if len(short) < len(long):
        # Would it fit with axes of length 1 put in somewhere? From the end: [2, 4] in [3, 2, 4, 5].
        fitting, rest = [], list(short)
        for length in reversed(long):
            fits = bool(rest) and rest[-1] in (length, 1)
            fitting.append(rest.pop() if fits else 1)
        if not rest:
            return (f". As {fitting[::-1]} the shorter one would fit: `None` in an index puts in an axis of length "
                    f"1, as in `[:, None]`; {KEEPDIM}")
    pairs = "; for all pairs of rows, write `a[:, None] - b`" if short[1:] == long[1:] else ""
    return f". Counted from the last axis, lengths must be equal, or one of them 1{pairs}"


def _matrices(left: Tensor, right: Tensor) -> str:
    return ". In A @ B the last axis of A must be as long as the last but one of B; `.mT` exchanges these two"


def _expression(trace: TracebackType) -> ast.expr | None:
    """The syntax tree of the very operation at which a frame stopped."""
    code = trace.tb_frame.f_code
    positions = list(code.co_positions())
    if trace.tb_lasti // 2 >= len(positions):
        return None
    line, last_line, column, last_column = positions[trace.tb_lasti // 2]
    if None in (line, last_line, column, last_column):
        return None
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(line, last_line + 1)]
    lines[-1] = lines[-1][:last_column]                     # columns count bytes; the end first, it may be one line
    lines[0] = lines[0][column:]
    try:
        return ast.parse("(" + textwrap.dedent(b"".join(lines).decode()) + ")", mode="eval").body
    except (SyntaxError, UnicodeDecodeError):
        return None


def _value(node: ast.expr, names: dict) -> object:
    """The value of an expression, computed again; None for one that might change something."""
    for inner in ast.walk(node):
        if not isinstance(inner, HARMLESS):
            return None
        called = getattr(inner, "func", None)
        name = getattr(called, "attr", getattr(called, "id", ""))
        if isinstance(inner, ast.Call) and (name.endswith("_") or name in CHANGING):
            return None
    try:
        return eval(compile(ast.Expression(node), "<shapes>", "eval"), names)
    except Exception:
        return None
