"""Answers to the exercises as code: what the teacher's edition puts in the place of the dots.

An answer is the library's own source where the exercise names a function of the library that takes what the reader's
takes. Otherwise it is the first right answer of `tests/lessons/SUBJECT.py`, which the tests give to the check.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import re
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ssgan_lite.course.exercises.registry import Exercise, resolve
from ssgan_lite.errors import UserError

LESSONS = Path(__file__).resolve().parent.parent / "tests" / "lessons"


def names_of_checks(source: str, known: dict[str, Exercise]) -> dict[str, list[str]]:
    """Name of each check that a cell calls -> names of the reader's variables that it is given."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
             and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
             and node.func.value.id == "check" and node.func.attr in known]
    return {call.func.attr: [arg.id for arg in call.args if isinstance(arg, ast.Name)] for call in calls}


def solved(source: str, exercise: Exercise, given: list[str]) -> str:
    """The source of an exercise's cell with an answer instead of the dots; `given`: the names of the answers."""
    subject, lines = exercise.module.split(".")[-2], source.splitlines()
    stubs = [node for node in ast.parse(source).body if _names(node) & set(given)]
    if {name for node in stubs for name in _names(node)} < set(given):
        raise UserError(f"exercise {exercise.id}: the cell does not hold the place for {', '.join(given)}.")
    first = stubs[0]
    if len(given) > 1 and _is_code(subject, exercise.name):
        for stub in reversed(stubs):                    # from below, so that line numbers stay right
            lines[stub.lineno - 1:stub.end_lineno] = []
        lines[first.lineno - 1:first.lineno - 1] = _several(subject, exercise.name, given).splitlines()
        return "\n".join(lines)
    if isinstance(first, ast.FunctionDef) or _is_code(subject, exercise.name):
        code = _from_solution(exercise, first) or _from_lesson(subject, exercise.name, given[0], _arguments(first))
        lines[first.lineno - 1:first.end_lineno] = code.splitlines()
        return "\n".join(lines)
    values = _values(subject, exercise.name, given)
    for stub in reversed(stubs):                        # from below, so that line numbers stay right
        new = ", ".join(values[name.id] for target in stub.targets for name in ast.walk(target)
                        if isinstance(name, ast.Name))
        line, value = lines[stub.lineno - 1], stub.value
        lines[stub.lineno - 1] = line[:value.col_offset] + new + line[value.end_col_offset:]
    return "\n".join(lines)


def _names(node: ast.stmt) -> set[str]:
    """What a statement that holds a place defines; nothing for other statements."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign) and any(isinstance(part, ast.Constant) and part.value is Ellipsis
                                            for part in ast.walk(node.value)):
        return {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _is_code(subject: str, check: str) -> bool:
    """Is the place for an answer, `name = ...`, one for a function or a class that the reader builds?"""
    module = _lesson(subject)
    return bool(_free(ast.Expression(_right(module, check)[0])) & set(module.definitions))


def _arguments(stub: ast.stmt) -> int:
    return len(stub.args.args) if isinstance(stub, ast.FunctionDef) else 0


def _from_solution(exercise: Exercise, stub: ast.stmt) -> str:
    """The source of the exercise's solution; empty if it is no function that takes what the reader's takes."""
    function = resolve(exercise.solution[0]) if len(exercise.solution) == 1 else None
    if not inspect.isfunction(function) or "." in function.__qualname__ or not isinstance(stub, ast.FunctionDef):
        return ""
    needed = [name for name, p in inspect.signature(function).parameters.items() if p.default is p.empty]
    return _from_library(function, stub.name) if needed == _required(stub) else ""


def _from_library(function: Callable, name: str) -> str:
    """The library's source under the reader's name, with the imports that it needs."""
    module = Module(Path(inspect.getsourcefile(function)))
    own = function.__name__
    imports = [module.imports.get(other, f"from {function.__module__} import {other}")
               for other in sorted(_free(module.definitions[own]) & module.names)]
    return _assembled(imports, [module.text(own)], own, name, f"# {own}, from {function.__module__}")


def _from_lesson(subject: str, check: str, name: str, arguments: int) -> str:
    """A right answer of a lesson's test data, with all that it is made of there."""
    module = _lesson(subject)

    def knobs(node: ast.expr) -> int:
        """Few for an answer that a reader would write, many for one from which the wrong answers are made."""
        function = module.definitions.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(function, ast.FunctionDef):
            return len(function.args.args) - arguments
        return 0 if isinstance(node, ast.Name) else 100

    answer = min(_right(module, check), key=knobs)
    wanted = answer.id if isinstance(answer, ast.Name) else ""
    if wanted in module.imports:
        found: dict = {}
        exec(module.imports[wanted], found)
        return _from_library(found[wanted], name)
    needed = module.all_that(_free(ast.Expression(answer)))
    imports = [module.imports[other] for other in sorted(needed & set(module.imports))]
    texts = [module.text(other) for other in module.definitions if other in needed]
    if not wanted:
        texts.append(f"{name} = {ast.unparse(answer)}")
    return _assembled(imports, texts, wanted, name)


def _several(subject: str, check: str, given: list[str]) -> str:
    """The first right answer of a lesson's test data to an exercise that is given several things, code among them."""
    module = _lesson(subject)
    answer = _right(module, check)[0]
    needed = module.all_that(_free(ast.Expression(answer)))
    imports = [module.imports[other] for other in sorted(needed & set(module.imports))]
    texts = [module.text(other) for other in module.definitions if other in needed]
    named = [f"{name} = {ast.unparse(part)}" for name, part in zip(given, answer.elts, strict=True)]
    return _assembled(imports, [*dict.fromkeys(texts), "\n".join(named)], "", "")


def _required(stub: ast.FunctionDef) -> list[str]:
    """Names of the arguments without a default."""
    return [arg.arg for arg in stub.args.args[:len(stub.args.args) - len(stub.args.defaults)]]


def _values(subject: str, check: str, given: list[str]) -> dict[str, str]:
    """Name -> the expression of the first right answer."""
    answer = _right(_lesson(subject), check)[0]
    parts = answer.elts if len(given) > 1 else [answer]
    found = dict(zip(given, map(ast.unparse, parts), strict=True))
    if any(_free(ast.Expression(part)) for part in parts):          # `2 * math.log(2)`: the cell has no such import
        found = {name: repr(eval(text, {"math": math})) for name, text in found.items()}
    return found


def _assembled(imports: list[str], texts: list[str], old: str, new: str, origin: str = "") -> str:
    """Imports, then definitions; a definition gets the reader's name where nothing else uses its own."""
    body = "\n\n\n".join(texts)
    if old and old != new:
        tree = ast.parse(body)
        uses = sum(isinstance(node, ast.Name) and node.id == old for node in ast.walk(tree))
        taken = any(new == node.id if isinstance(node, ast.Name) else new == node.arg for node in ast.walk(tree)
                    if isinstance(node, (ast.Name, ast.arg)))
        if not uses and not taken:
            body = re.sub(rf"^(def|class) {old}\b", rf"\1 {new}", body, flags=re.MULTILINE)
        else:
            body += f"\n\n\n{new} = {old}"
    head = "\n".join(dict.fromkeys(imports))
    return "\n\n".join(part for part in (head, "\n".join(filter(None, (origin, body)))) if part)


class Module:
    """A source file, by the names that it defines at its top level.

    definitions: name -> its statement; imports: name -> a line that imports it; names: both.
    """

    def __init__(self, path: Path):
        self.source = path.read_text(encoding="utf-8")
        self.definitions: dict[str, ast.stmt] = {}
        self.imports: dict[str, str] = {}
        for node in ast.parse(self.source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.definitions[node.name] = node
            elif isinstance(node, ast.Assign):
                self.definitions.update({name.id: node for target in node.targets for name in ast.walk(target)
                                         if isinstance(name, ast.Name)})
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                start = "import" if isinstance(node, ast.Import) else f"from {node.module} import"
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.imports[name] = f"{start} {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        self.names = {*self.definitions, *self.imports}

    def text(self, name: str) -> str:
        """The source of a definition."""
        node = self.definitions[name]
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return textwrap.dedent("\n".join(self.source.splitlines()[first - 1:node.end_lineno]))

    def all_that(self, names: set[str]) -> set[str]:
        """The names of this module that `names` need, directly or not."""
        found: set[str] = set()
        waiting = names & self.names
        while waiting:
            found |= waiting
            waiting = {other for name in waiting if name in self.definitions
                       for other in _free(self.definitions[name])} & self.names - found
        return found


def _free(node: ast.AST) -> set[str]:
    """Names that are read somewhere in a piece of code and are no builtins; local ones are among them."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - set(dir(builtins))


@cache
def _lesson(subject: str) -> Module:
    path = LESSONS / f"{subject}.py"
    if not path.exists():
        raise UserError(f"The answers on {subject} are in tests/lessons/{subject}.py of a clone, which is not there.")
    return Module(path)


def _right(module: Module, check: str) -> list[ast.expr]:
    """The expressions of the right answers to an exercise, as its lesson writes them."""
    table = module.definitions["ANSWERS"].value
    entry = next(value for key, value in zip(table.keys, table.values, strict=True) if key.value == check)
    if isinstance(entry, ast.Call):
        return next(keyword.value for keyword in entry.keywords if keyword.arg == "right").elts
    return next(value for key, value in zip(entry.keys, entry.values, strict=True) if key.value == "right").elts
