"""Calling the reader's answer with care: its mistakes become words, and nothing of the reader's is disturbed."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import os
import random
import re
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PACKAGE = str(Path(__file__).resolve().parents[2]) + os.sep      # ssgan_lite/
STANDARD = tuple({str(Path(sysconfig.get_path(name)).resolve()) + os.sep for name in ("stdlib", "platstdlib")})


class CheckFailed(AssertionError):
    """Raised by a check only if SSGAN_CHECKS=raise; an AssertionError, so that graders take it for a failed test."""

    def __init__(self, hint: str = ""):
        super().__init__(hint)
        self.hint = hint


class NotStarted(CheckFailed):
    """The place for the answer still holds `...`."""


class WrongAnswer(CheckFailed):
    """The first thing that is wrong with an answer, in words."""


class Answer:
    """The reader's function or class; calling it notices an empty body, a missing return and changed inputs.

    Everything else is passed through, so `answer.__name__` or `inspect.signature(answer)` are the reader's.
    """

    def __init__(self, function: Callable, in_place: bool = False):
        functools.update_wrapper(self, function, updated=())
        self.function, self.in_place = function, in_place

    def __call__(self, *args, **kwargs):
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        before = [_version(tensor) for tensor in tensors]
        result = self.function(*args, **kwargs)
        if self.in_place:
            return result
        if result is Ellipsis or (result is None and is_unfinished(self.function)):
            raise NotStarted
        if result is None:
            raise WrongAnswer("Your function returns nothing (None). Is a `return` missing at its end?")
        if before != [_version(tensor) for tensor in tensors]:
            raise WrongAnswer("Your function changes a tensor that it was given. Make a new one instead: `x = x + "
                              "1`, not `x += 1`.")
        return result

    def __getattr__(self, name: str):
        return getattr(self.function, name)


class Watch(TorchDispatchMode):
    """Used as `with Watch() as watch: answer(...)`.

    operations: how many operations torch carried out; largest: how many numbers the largest tensor made by them
    holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.operations = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        self.operations += 1
        # An expanded tensor has many entries and little memory: what counts is the memory.
        self.largest = max([self.largest, *(leaf.untyped_storage().nbytes() // leaf.element_size()
                                            for leaf in tree_leaves(out) if isinstance(leaf, Tensor))])
        return out


def guard(answer: object, in_place: bool = False) -> object:
    """Wrap what can be called; a value is passed on as it is, unless it is the place-holder `...`."""
    if is_blank(answer):
        raise NotStarted
    if callable(answer) and not isinstance(answer, (Answer, nn.Module)):
        return Answer(answer, in_place)
    return answer


def answer_of(function: Callable, *args, **kwargs):
    """Call something of the reader's (a function, or an object that the reader's class made) with the same care."""
    return (function if isinstance(function, Answer) else Answer(function))(*args, **kwargs)


def is_blank(value: object) -> bool:
    """Is this a place-holder: `...`, None, an empty text, or a collection that still holds one?"""
    if value is None or value is Ellipsis:
        return True
    if isinstance(value, str):
        return value.strip() in ("", "...")
    if isinstance(value, dict):
        return any(is_blank(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(is_blank(item) for item in value)


def is_unfinished(code: object) -> bool:
    """Does a function, or any method of a class or of an object's class, still hold the line `...`, or nothing at
    all?

    A function whose source cannot be found counts as unfinished.
    """
    for function in _functions(code):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):
            return True
        if isinstance(tree, ast.FunctionDef):
            body = [line for line in tree.body if not _is_text(line)]
            if not body or all(isinstance(line, ast.Pass) for line in body):
                return True
        if any(isinstance(node, ast.Constant) and node.value is Ellipsis and not _is_index(node, tree)
               for node in ast.walk(tree)):
            return True
    return False


def own_lines(error: BaseException, check: Callable) -> list[str]:
    """The lines of the reader's own code through which an error came, innermost last; none of ours, none of torch's.

    check: the function that called the reader's; it may stand in a file of the reader's too.
    """
    found, ours = [], check.__code__
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        in_check = code.co_filename == ours.co_filename and code.co_qualname.startswith(ours.co_qualname)
        if not in_check and is_readers(code.co_filename):
            source = linecache.getline(code.co_filename, frame.tb_lineno).strip()
            where = "the cell" if _is_cell(code.co_filename) else Path(code.co_filename).name
            found.append(f"  line {frame.tb_lineno} of {where}" + (f":  {source}" if source else ""))
        frame = frame.tb_next
    return found if len(found) <= 4 else [*found[:2], "  ...", found[-1]]


def is_readers(filename: str) -> bool:
    """Is this a notebook's cell or a file of the reader's, not part of this package or of anything installed?"""
    if _is_cell(filename):
        return True
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    installed = {"site-packages", "dist-packages"}.intersection(path.parts)
    return not installed and not str(path).startswith((PACKAGE, *STANDARD))


def is_place_holder_error(error: BaseException, lines: list[str]) -> bool:
    """Did the reader's code stop because it is not written yet: NotImplementedError, or an operation on `...`?"""
    if not lines:
        return False
    if isinstance(error, NotImplementedError):
        return "aten::" not in str(error)               # torch says "Could not run 'aten::...'" with the same class
    return isinstance(error, (TypeError, AttributeError)) and "ellipsis" in str(error)


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Random numbers of our own, and gradients on; afterwards everything of the reader's is as it was."""
    python, arrays, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)           # torch.manual_seed would touch a GPU not yet in use, too
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
        torch.set_rng_state(tensors)
        if devices:
            torch.cuda.set_rng_state_all(devices)


def _functions(code: object) -> list[Callable]:
    """The functions written in Python behind a function, a class, a bound method or an object."""
    code = inspect.unwrap(code.function if isinstance(code, Answer) else code)
    code = code.func if isinstance(code, functools.partial) else code
    if isinstance(code, (types.FunctionType, types.MethodType)):
        return [code]
    owner = code if isinstance(code, type) else type(code)
    return [value for value in vars(owner).values() if isinstance(value, types.FunctionType)]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _is_index(node: ast.Constant, tree: ast.AST) -> bool:
    """Is this `...` part of an index, as in `x[..., 0]`, or of a type, as in `tuple[int, ...]`?"""
    return any(node in ast.walk(outer.slice) for outer in ast.walk(tree) if isinstance(outer, ast.Subscript))


def _is_cell(filename: str) -> bool:
    return bool(re.search(r"ipykernel_\d+|<ipython-input|<stdin>|<string>", filename))


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
