"""Imports inside the package point one way, siblings included; none goes in a circle; every module stands alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module imports from levels before its own and from its own package, never from a sibling on the same level.
LEVELS = [
    {"errors"},
    {"parts", "storage", "device", "int8"},
    {"config", "assets", "options"},
    {"model", "data"},
    {"pictures", "official", "change", "differences"},
    {"features", "weights"},
    {"train", "measure"},
    {"directions"},
    {"edit"},
    {"invert"},
    {"editor", "doctor"},
    {"course", "cli_prepare"},
    {"cli"},
    {"__main__"},
]


def modules() -> dict[str, Path]:
    """Dotted name -> file, for every module of the package."""
    found = {}
    for path in sorted((ROOT / "ssgan_lite").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph() -> dict[str, set[str]]:
    """Module -> modules of the package that it imports, wherever in its text; `import ssgan_lite` is left out."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports inside the package are absolute"
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    targets.add(whole if whole in known else node.module or "")
        found[name] = {target for target in targets if target in known} - {"ssgan_lite", name}
    return found


def top(name: str) -> str:
    """The package or top-level module that `name` belongs to."""
    return name.split(".")[1]


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules that import each other, directly or through others."""
    reached = {}
    for start in edges:
        seen, todo = set(), [start]
        while todo:
            new = edges[todo.pop()] - seen
            seen |= new
            todo += new
        reached[start] = seen
    found = []
    for name in edges:
        circle = {other for other in reached[name] if name in reached[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def with_packages(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Importing `model.layers` from outside of `model` also runs `model/__init__.py`: the edges that this adds."""
    def parents(name: str) -> set[str]:
        parts = name.split(".")
        return {".".join(parts[:n]) for n in range(2, len(parts))}
    return {name: targets | {parent for target in targets for parent in parents(target) - parents(name) - {name}}
            for name, targets in edges.items()}


def test_imports_point_one_way() -> None:
    level = {name: number for number, names in enumerate(LEVELS) for name in names}
    wrong = []
    for name, targets in graph().items():
        if name == "ssgan_lite":
            continue
        assert top(name) in level, f"{top(name)} has no place in the levels above: give it one"
        wrong += [f"{name} imports {target}" for target in sorted(targets)
                  if top(name) != top(target) and level[top(target)] >= level[top(name)]]
    assert not wrong, "\n".join(wrong)


def test_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [{"b", "c"}, {"d"}]
    edges = {"s.a": {"s.p.x"}, "s.p": {"s.a"}, "s.p.x": set()}
    assert circles(edges) == [] and circles(with_packages(edges)) == [{"s.a", "s.p"}]


def test_imports_make_no_circle() -> None:
    assert circles(with_packages(graph())) == []


def test_subjects_of_the_course_do_not_import_each_other() -> None:
    """What two notebooks need is in `course/` itself, so that a folder can be split or removed alone."""
    wrong = []
    for name, targets in graph().items():
        parts = name.split(".")
        if parts[1:2] == ["course"] and len(parts) > 3 and parts[2] != "exercises":
            wrong += [f"{name} imports {target}" for target in sorted(targets)
                      if target.startswith("ssgan_lite.course.") and target.count(".") > 2
                      and target.split(".")[2] not in (parts[2], "exercises")]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_every_module_can_be_imported_alone() -> None:
    """Each in a process of its own, forked from one that has imported torch and, as Python does first, the package.

    What `import ssgan_lite` has imported already is imported in that way whoever asks for it.
    """
    pytest.importorskip("ipywidgets", reason="the course extra is not installed")
    program = """
import importlib, os, sys, traceback
import matplotlib.figure, numpy, torch, ipywidgets
import ssgan_lite
for name in sys.argv[1:]:
    if name in sys.modules:
        continue
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name, flush=True)
"""
    names = [name for name in modules() if not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr[-2000:]
