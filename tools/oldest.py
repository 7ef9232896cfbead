"""Run the quick tests with the oldest versions that pyproject.toml admits: `make oldest`, or

    python tools/oldest.py --venv some/folder       # keep the environment, and take it up again next time

Every dependency of the package and of its extras for readers is installed at its lower bound (`torch>=2.6` as 2.6),
the tools of the tests at the versions of constraints.txt.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
READERS = ("course", "demo", "measure", "movie")        # extras whose bounds are promised


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def oldest() -> list[str]:
    """`name==lower bound` for every dependency of a reader; ValueError for one without a bound."""
    extras = project()["optional-dependencies"]
    pins = []
    for line in sum((extras[extra] for extra in READERS), project()["dependencies"]):
        requirement = Requirement(line)
        bounds = [s.version for s in requirement.specifier if s.operator == ">="]
        if len(bounds) != 1:
            raise ValueError(f"{requirement.name} has no lower bound in pyproject.toml")
        pins.append(f"{requirement.name}=={bounds[0]}")
    return sorted(set(pins))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, help="where the environment goes (default: a folder that is removed)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ssgan-oldest-") as scratch:
        venv = (options.venv or Path(scratch) / "venv").absolute()
        python = venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        print("Installing", *oldest(), flush=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *oldest()], check=True)
        subprocess.run([*install, "-c", "constraints.txt", *project()["optional-dependencies"]["test"]], cwd=ROOT,
                       check=True)
        subprocess.run([*install, "--no-deps", "-e", ROOT], check=True)
        return subprocess.run([python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", "-m",
                               "not slow and not long", "tests"], cwd=ROOT).returncode


if __name__ == "__main__":
    raise SystemExit(main())
