"""Everything for a classroom without a network, in one folder: `make bundle OUT=folder`.

    OUT/wheels/            every package that the course needs, for one kind of machine and one version of Python
    OUT/ssgan-lite/        the repository as committed: library, notebooks, data
    OUT/install.sh         makes ssgan-lite/.venv from the wheels; nothing is downloaded
    OUT/install.bat        ... on Windows
    OUT/README.txt

Copy the folder to a memory stick or a shared drive. It is for machines like this one; for others, on any machine with
a network and uv: `python -m tools.bundle OUT --platform win_amd64 --python 3.12`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from ssgan_lite.errors import UserError
from ssgan_lite.storage import user_path

ROOT = Path(__file__).resolve().parent.parent
HERE = "{}.{}".format(*sys.version_info)
EXTRAS = ("course", "demo", "measure", "movie")
BUILD = ("hatchling", "editables")            # what `pip install -e` itself needs
# Other kinds of machines: what pip calls them, and uv. pip alone would get what the machine at hand needs.
PLATFORMS = {"win_amd64": "x86_64-pc-windows-msvc", "macosx_14_0_arm64": "aarch64-apple-darwin"}
MACOS = "14.0"                                # the oldest that torch has wheels for
SHELL = """\
#!/bin/sh
# Installs the course from this folder: sh install.sh. Another Python: PYTHON=python3.12 sh install.sh
set -e
cd "$(dirname "$0")/ssgan-lite"
"${PYTHON:-python3}" -c 'import sys; v = "%d.%d" % sys.version_info[:2]; v == "{python}" or sys.exit(
    "These wheels are for Python {python}, this is " + v + ". Say PYTHON=python{python} sh install.sh")'
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --find-links ../wheels \\
    -c constraints.txt -e ".[{extras}]"
touch .venv/.installed
echo "Installed. Open the course: cd ssgan-lite && make lab"
echo "or: .venv/bin/jupyter lab --config=.jupyter/lab_config.py notebooks/00_start_here.ipynb"
"""
BATCH = """\
@echo off
rem Installs the course from this folder. Double-click it, or call it in a command prompt.
cd /d "%~dp0ssgan-lite" || exit /b 1
py -{python} -m venv .venv || exit /b 1
.venv\\Scripts\\python -m pip install --quiet --disable-pip-version-check --no-index --find-links ..\\wheels ^
    -c constraints.txt -e ".[{extras}]" || exit /b 1
echo Installed. Open the course:
echo cd ssgan-lite ^&^& .venv\\Scripts\\jupyter lab --config=.jupyter/lab_config.py notebooks/00_start_here.ipynb
"""
README = """\
ssgan-lite, a course in notebooks, for machines without a network.

Linux, macOS:  sh install.sh
Windows:       install.bat

The wheels are for Python {python} on {platform}. The course is installed where this folder lies: copy the folder to
the machine's own disk first. Learners then open ssgan-lite/notebooks/00_start_here.ipynb; INSTALL.md in ssgan-lite
says more.
"""


def requirements() -> list[str]:
    """What pyproject.toml asks for, with the course's extras, and what an installation from source needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    return [*dict.fromkeys(str(Requirement(line)) for line in named), *BUILD]


def download(folder: Path, platform: str = "", python: str = "", index: str = "") -> None:
    """Fetch the wheels into `folder`: for machines like this one, or for another platform or version of Python."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
               "--only-binary=:all:", "-d", str(folder), "-c", str(ROOT / "constraints.txt")]
    wanted = requirements()
    if platform or python:
        python = python or HERE
        command += ["--no-deps", "--python-version", python, *(["--platform", platform] if platform else [])]
        wanted = needed_elsewhere(wanted, platform, python, index)
    command += ["--extra-index-url", index] if index else []
    _run([*command, *wanted])


def needed_elsewhere(wanted: list[str], platform: str, python: str, index: str = "") -> list[str]:
    """The packages, each with its version, that these requirements come to there: "colorama==0.4.6" on Windows."""
    if platform and platform not in PLATFORMS:
        raise UserError(f'There is no platform "{platform}" here, only {" and ".join(PLATFORMS)}. For another, make '
                        "the bundle on such a machine.")
    if importlib.util.find_spec("uv") is None:
        raise UserError("For another platform or version of Python uv finds out what is needed: pip install uv.")
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
               "--only-binary", ":all:", "-c", str(ROOT / "constraints.txt"), "--python-version", python]
    command += ["--python-platform", PLATFORMS[platform]] if platform else []
    command += ["--extra-index-url", index, "--index-strategy", "unsafe-best-match"] if index else []
    return _run(command, "\n".join(wanted), MACOSX_DEPLOYMENT_TARGET=MACOS).split()


def _run(command: list[str], told: str = "", **environment: str) -> str:
    """What a command prints; what it cannot do is a `UserError` with its last words."""
    done = subprocess.run(command, input=told, text=True, capture_output=True, check=False,
                          env={**os.environ, **environment})
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise UserError(f"{command[2]} could not fetch the packages: {' '.join(errors[-2:])}")
    return done.stdout


def copy_repository(folder: Path) -> None:
    """The last commit of this repository, without its history."""
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "tree.tar"
        try:
            subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(archive), "HEAD"], check=True,
                           capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise UserError("A bundle is made from a clone of the repository, with git.") from None
        with tarfile.open(archive) as tree:
            tree.extractall(folder, filter="data")


def bundle(out: str | os.PathLike, platform: str = "", python: str = "", index: str = "") -> Path:
    """Write the bundle into the folder `out`, which must be empty or new. Nothing is left there when it fails."""
    out = user_path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f'"{out}" is not empty. Choose a new folder.')
    out.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        download(place / "wheels", platform, python, index)
        copy_repository(place / "ssgan-lite")
        values = dict(python=python or HERE, extras=",".join(EXTRAS), platform=platform or sysconfig.get_platform())
        for name, text in (("install.sh", SHELL), ("install.bat", BATCH), ("README.txt", README)):
            for key, value in values.items():
                text = text.replace("{" + key + "}", value)
            (place / name).write_text(text, encoding="utf-8", newline="\r\n" if name.endswith(".bat") else "\n")
        if out.exists():
            out.rmdir()
        place.chmod(0o755)
        place.rename(out)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="a new folder")
    parser.add_argument("--platform", default="", help=f"{' or '.join(PLATFORMS)}; default: as this machine")
    parser.add_argument("--python", default="", help="3.12, for instance; default: as this one")
    parser.add_argument("--index", default="", help="another place with builds of torch (INSTALL.md)")
    options = parser.parse_args()
    try:
        out = bundle(options.out, options.platform, options.python, options.index)
    except UserError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 2
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"{out}: {len(list((out / 'wheels').iterdir()))} packages, {size:.0f} MB. README.txt there says how to "
          "install from it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
