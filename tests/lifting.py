"""Takes definitions out of notebooks, without running the notebooks, and compares them with the library.

A definition is found with `ast` and executed in a fresh namespace together with what it needs of the notebook: the
imports, other definitions and constants (assignments of literals and of `math`) that come before it.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import pkgutil
import symtable
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from nbformat import NotebookNode
from torch import Tensor, nn

import ssgan_lite
from ssgan_lite.course.exercises.registry import resolve

Definition = ast.FunctionDef | ast.ClassDef
PUBLIC = ("model", "train", "edit", "measure", "data")      # packages whose objects a notebook may build again


def statements(notebook: NotebookNode) -> list[ast.stmt]:
    """The top-level statements of all code cells, in order; lines for the shell and for IPython are left out."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith("%%"):
            lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines()]
            found += ast.parse("\n".join(lines)).body
    return found


def is_stub(node: Definition) -> bool:
    """Is this the place of an exercise: a body, or a method's, that still has a line `...` or `name = ...`?"""
    return any(isinstance(line, (ast.Expr, ast.Assign, ast.Return)) and isinstance(line.value, ast.Constant)
               and line.value.value is Ellipsis for line in ast.walk(node))


def definitions(notebook: NotebookNode) -> dict[str, Definition]:
    """The classes and functions that a notebook defines; of several with one name the last that is no stub."""
    return {node.name: node for node in statements(notebook)
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not is_stub(node)}


def lift(notebook: NotebookNode, name: str) -> object:
    """Execute one definition of a notebook, and what it needs of the statements before it, and return the object."""
    wanted = definitions(notebook).get(name)
    if wanted is None:
        raise AssertionError(f"the notebook does not define {name}")
    kept: list[ast.stmt] = [wanted]
    missing = _names_used(wanted) - {name}
    all_statements = statements(notebook)
    position = max(i for i, node in enumerate(all_statements) if ast.dump(node) == ast.dump(wanted))
    for node in reversed(all_statements[:position]):
        bound = _names_bound(node) & missing
        if bound:
            kept.insert(0, node)
            missing = (missing - bound) | (_names_used(node) - _names_bound(node))
    namespace: dict = {"__name__": "notebook"}
    source = "\n\n".join(ast.unparse(node) for node in [*_future(all_statements), *kept])
    exec(compile(source, f"<{name} of the notebook>", "exec"), namespace)
    return namespace[name]


def compare(notebook: NotebookNode, entry: Mapping) -> None:
    """AssertionError unless a notebook's definition does what the library's does; entry: a dict of DEFINITIONS.

    name, library  the names there ("Fusion") and here ("module:Fusion")
    inputs         () -> tuple of the inputs; called once, each side gets copies
    build          class -> object, for classes; default: the class or function itself is called
    call           (object, *inputs) -> outputs; default: object(*inputs)
    rename         {parameter's name in the notebook: in the library}, where they differ
    atol           default 1e-6;   grad=False leaves the gradients out
    """
    unknown = set(entry) - {"name", "library", "inputs", "build", "call", "rename", "atol", "grad"}
    assert not unknown, f"{entry['name']}: unknown keys {unknown}"
    theirs, ours = lift(notebook, entry["name"]), resolve(entry["library"])
    assert_of_its_own(notebook, entry["name"], theirs, ours)
    torch.manual_seed(0)
    inputs = entry["inputs"]()
    results = []
    objects = []
    for thing in (ours, theirs):
        torch.manual_seed(1)
        objects.append(entry["build"](thing) if "build" in entry else thing)
    if isinstance(objects[0], nn.Module):
        _copy_state(*objects, entry.get("rename", {}), entry["name"])
    for made in objects:
        results.append(_outputs_and_gradients(made, inputs, entry))
    _assert_same(results[0], results[1], entry["name"], entry.get("atol", 1e-6))


def unlisted(notebook: NotebookNode, listed: set[str]) -> set[str]:
    """Definitions with the name of a public object of the library that no entry compares."""
    return (set(definitions(notebook)) & public_names()) - listed


def public_names() -> set[str]:
    """Names of all classes and functions that a reader might meet in the library."""
    root = Path(ssgan_lite.__file__).parent
    names: set[str] = set()
    for package in PUBLIC:
        for module in pkgutil.iter_modules([str(root / package)]):
            tree = ast.parse((root / package / f"{module.name}.py").read_text(encoding="utf-8"))
            names |= {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return {name for name in names if not name.startswith("_")}


def assert_of_its_own(notebook: NotebookNode, name: str, theirs: object, ours: object) -> None:
    """A definition that hands the work to the library would always agree with it."""
    assert theirs is not ours, f"{name} is the library's, not the notebook's"
    if isinstance(theirs, type) and isinstance(ours, type):
        assert not issubclass(theirs, ours), f"{name} inherits from the library's"
    node = definitions(notebook)[name]
    calls = {call.func.attr for call in ast.walk(node) if isinstance(call, ast.Call)
             and isinstance(call.func, ast.Attribute) and not _is_self(call.func.value)}
    assert ours.__name__ not in calls, f"{name} calls the library's {ours.__name__}"


def _outputs_and_gradients(made: Callable, inputs: tuple, entry: Mapping) -> list:
    """[output, ..., gradient, ...] with the inputs copied, the dice thrown anew, and leaves that want gradients."""
    copies = [_copy(value) for value in inputs]
    leaves = {f"the gradient of input {i}": value for i, value in enumerate(copies)
              if isinstance(value, Tensor) and value.is_floating_point()}
    if isinstance(made, nn.Module):
        rename = entry.get("rename", {})
        leaves |= {f"the gradient of {rename.get(n, n)}": parameter for n, parameter in made.named_parameters()}
    wants_grad = entry.get("grad", True)
    for leaf in leaves.values():
        leaf.requires_grad_(wants_grad)
    torch.manual_seed(2)
    with contextlib.nullcontext() if wants_grad else torch.no_grad():
        outputs = list(_flat(entry["call"](made, *copies) if "call" in entry else made(*copies)))
    total = [(out * torch.randn(out.shape, generator=torch.Generator().manual_seed(i))).sum()
             for i, out in enumerate(outputs) if isinstance(out, Tensor) and out.requires_grad]
    named = [(f"output {i}", out) for i, out in enumerate(outputs)]
    if total and wants_grad:
        gradients = torch.autograd.grad(sum(total), list(leaves.values()), allow_unused=True)
        named += sorted(zip(leaves, gradients), key=lambda item: item[0])
    return named


def _assert_same(ours: list, theirs: list, name: str, atol: float) -> None:
    assert len(ours) == len(theirs) and ours, (
        f"{name}: {len(theirs)} outputs and gradients, the library has {len(ours)}: "
        f"{[label for label, _ in theirs]}, {[label for label, _ in ours]}")
    for (label, mine), (other, its) in zip(ours, theirs):
        assert label == other, f"{name}: {other} where the library has {label}"
        if not isinstance(mine, Tensor) or not isinstance(its, Tensor):
            assert type(mine) is type(its) and mine == its, f"{name}: {label} is {its!r}, the library's is {mine!r}"
            continue
        assert mine.shape == its.shape, f"{name}: {label} is {list(its.shape)}, the library's {list(mine.shape)}"
        same = torch.allclose(mine.double(), its.double(), rtol=1e-5, atol=atol, equal_nan=True)
        assert same, f"{name}: {label} differs from the library's by {(mine - its).abs().max():.3g}"


def _copy_state(ours: nn.Module, theirs: object, rename: Mapping[str, str], name: str) -> None:
    """The library's parameters and buffers into the notebook's object; both have the same, or it is an error."""
    assert isinstance(theirs, nn.Module), f"{name} is not a module; the library's is one"
    source, own = ours.state_dict(), list(theirs.state_dict())
    names = {rename.get(key, key): key for key in own}
    assert set(names) == set(source), f"{name} has {sorted(names)}, the library {sorted(source)}"
    theirs.load_state_dict({names[key]: value.clone() for key, value in source.items()})
    theirs.train(ours.training)


def _flat(value: object):
    """Tensors, numbers and texts in outputs of any form; arrays become tensors."""
    if isinstance(value, Mapping):
        for key in value:
            yield from _flat(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _flat([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif isinstance(value, (np.ndarray, np.number, float)):
        yield torch.as_tensor(value)
    else:
        yield value


def _copy(value: object) -> object:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    return value


def _is_self(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "self"


def _names_used(node: ast.stmt) -> set[str]:
    """Names that a statement takes from outside itself; a function's own variables are not among them."""
    def free(table: symtable.SymbolTable) -> set[str]:
        names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()
                 and (symbol.is_global() or table.get_type() == "module")}
        return names.union(*(free(child) for child in table.get_children()))
    return free(symtable.symtable(ast.unparse(node), "notebook", "exec"))


def _names_bound(node: ast.stmt) -> set[str]:
    """Names that a statement gives to a definition, an import or a constant; none for any other statement."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return set() if is_stub(node) else {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign) and _is_constant(node.value):
        return {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _is_constant(node: ast.expr) -> bool:
    """Literals, other constants, arithmetic, and `math`: nothing that runs long or throws dice."""
    plain = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Dict, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop,
             ast.expr_context)
    for inner in ast.walk(node):
        of_math = isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "math"
        call_of_math = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute)
        if not (isinstance(inner, plain) or of_math or call_of_math):
            return False
    return True


def _future(nodes: list[ast.stmt]) -> list[ast.stmt]:
    return [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
