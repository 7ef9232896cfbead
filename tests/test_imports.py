"""Imports inside the package point one way, siblings included."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A module imports from levels before its own and from its own package, never from a sibling on the same level.
LEVELS = [
    {"errors"},
    {"parts", "storage", "device"},
    {"config", "assets"},
    {"model", "data"},
    {"pictures", "official"},
    {"features", "weights"},
    {"train", "edit", "measure"},
    {"editor", "doctor"},
    {"course"},
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
    own = name.split(".")[1]
    return "course" if own in ("checks", "show") else own           # the two become one package


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
