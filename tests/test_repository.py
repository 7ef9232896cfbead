"""The files around the code: that installation files agree, and that nothing is tracked which should not be."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ssgan_lite
from ssgan_lite.course.notebooks import NOTEBOOKS

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    """Name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(entry) == 2 for entry in entries), "every line of constraints.txt pins one version"
    return {canonical(name): version for name, version in entries}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file under version control."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a clone")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [path for name in names.decode().split("\0") if name and (path := ROOT / name).is_file()]


# --------------------------------------------------------------------------------------------------- installation

def test_environment_file_installs_the_package_and_nothing_else() -> None:
    """Versions live in pyproject.toml and constraints.txt; conda brings Python and pip."""
    python, pip, [(_, pip_lines)] = (*ENVIRONMENT["dependencies"][:2], ENVIRONMENT["dependencies"][2].items())
    assert len(ENVIRONMENT["dependencies"]) == 3
    assert ENVIRONMENT["name"] == PROJECT["name"]
    assert python == "python" + PROJECT["requires-python"]
    assert pip == "pip"
    constraint, package = pip_lines
    assert constraint == "--constraint constraints.txt"
    extras = re.fullmatch(r"--editable \.\[([\w,]+)\]", package)
    assert extras and set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_every_dependency_has_a_tested_version_that_it_admits() -> None:
    groups = {"base": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    for group in ("base", "course", "test", "measure"):
        for line in groups[group]:
            requirement = Requirement(line)
            version = pins().get(canonical(requirement.name))
            assert version, f"{requirement.name} is not pinned in constraints.txt"
            assert version in requirement.specifier, f"{requirement} does not admit the pinned {version}"


def test_every_dependency_of_a_reader_has_a_lower_bound() -> None:
    """`make oldest` installs exactly these."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra]
                                         for extra in ("course", "demo", "measure", "movie"))]
    bounds = {(requirement := Requirement(line)).name: requirement.specifier for group in groups for line in group}
    assert [name for name, specifier in bounds.items() if [s.operator for s in specifier] != [">="]] == []


def test_pins_serve_every_build_and_platform() -> None:
    for name, version in pins().items():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), f"{name}=={version} names a build"


def test_every_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in (*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])):
        assert re.search(rf'^ +"{re.escape(line)}", +# \w+', text, re.MULTILINE), f"{line} has no comment"


def test_this_python_is_admitted_and_versions_agree() -> None:
    assert "3.11.0" in SpecifierSet(PROJECT["requires-python"])
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ssgan_lite.__version__
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:2112.02236"
    assert f"## {ssgan_lite.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_console_scripts_exist() -> None:
    for target in PROJECT["scripts"].values():
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


TARGETS = ["lab", "demo", "quick", "test", "test-all", "lint", "oldest", "notebooks", "bench", "manifest",
           "student", "teacher", "nbgrader", "bundle", "web", "site", "grade"]
RECORDER = """#!/bin/sh
{ for word in "$@"; do echo "$word"; done; echo "JUPYTER_PATH=$JUPYTER_PATH"; echo; } >> "$RECORD"
"""


def make(folder: Path, *words: str, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"} | variables
    done = subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def spaced(tmp_path: Path) -> Path:
    """What `make` needs of a clone, in a folder with a space in its name, with a Python that only notes its words."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "my course"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "00_start_here.ipynb").touch()
    python = folder / "python of mine" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(RECORDER)
    python.chmod(0o755)
    return folder


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^#   make ([\w-]+)  ", makefile, re.MULTILINE)
    declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert set(listed) == set(TARGETS) | {"clean"} == set(declared) - {"help", "install"}
    if shutil.which("make"):
        assert [line.split()[1] for line in make(ROOT, "help").splitlines()] == listed


@pytest.mark.parametrize("target", TARGETS)
def test_make_in_path_with_space(spaced: Path, target: str) -> None:
    """A fresh clone: the environment is made, everything installed, and the target's own command run."""
    venv = spaced / "python of mine"
    first = make(spaced, target, f"VENV={venv}", f"RECORD={spaced / 'record'}", RECORD=str(spaced / "record"))
    calls = (spaced / "record").read_text(encoding="utf-8").strip().split("\n\n")
    assert "Installing" in first and (venv / ".installed").exists()
    assert any("constraints.txt\n-e\n.[course,demo,measure,movie,test]" in call for call in calls)
    own = calls[-1].splitlines()
    files = [word for word in own[:-1] if "/" in word and not word.startswith("-")]
    assert own[0] in ("-m", "benchmarks/local_bank.py", "tools/notebooks.py", "tools/oldest.py")
    assert all((ROOT / word).exists() for word in files), "a path fell apart at its space"
    if target == "demo":
        assert "ssgan_lite.editor" in own
    (spaced / "record").unlink()
    assert "Installing" not in make(spaced, target, f"VENV={venv}", RECORD=str(spaced / "record")), "installed twice"
    make(spaced, "clean", f"VENV={venv}")
    assert not venv.exists()


def test_ci_is_executable_and_runs_the_tests(tracked: list[Path]) -> None:
    script = ROOT / ".ci" / "run"
    assert "make test" in script.read_text(encoding="utf-8")
    mode = subprocess.run(["git", "ls-files", "--stage", ".ci/run"], cwd=ROOT, check=True, capture_output=True).stdout
    assert mode.startswith(b"100755")


# --------------------------------------------------------------------------------------------------------- README

def test_readme_is_short() -> None:
    assert len(README.split()) <= 700


def test_readme_map_is_the_table_of_notebooks() -> None:
    """Number, title and order of `ssgan_lite/course/notebooks.py`; a link where the notebook is written."""
    rows = re.findall(r"^\| (\[?\d\d\w? .*?) \| (.+?) \|$", README, re.MULTILINE)
    wanted = [f"{row.number} {row.title}" if row.planned else
              f"[{row.number} {row.title}](notebooks/{row.file})" for row in NOTEBOOKS]
    assert [name for name, _ in rows] == wanted


def test_readme_code_runs(tmp_path: Path) -> None:
    """In a fresh process, elsewhere: it writes the face that it promises."""
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "face.png").stat().st_size > 1000


def test_readme_names_what_is_there() -> None:
    table = README.partition("| `ssgan_lite/` |")[2]
    folders = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = {name for line in folders for name in re.findall(r"`([\w./]+)`", line)}
    assert len(named) > 8
    assert [name for name in named if not (ROOT / "ssgan_lite" / name).exists()] == []


# -------------------------------------------------------------------------------------------------- tracked files

ALL = 55                                    # MB of all tracked files together, and at most so many in a folder
BUDGET = {
    "data/heads/": 13.5, "data/avatars/": 3.5, "data/weights/training/": 9, "data/weights/": 15,
    "data/measure/": 2, "data/directions/": 2, "notebooks/": 7, "": 6.3}


def test_size_of_repository(tracked: list[Path]) -> None:
    used = dict.fromkeys(BUDGET, 0)
    for path in tracked:
        name, size = path.relative_to(ROOT).as_posix(), path.stat().st_size
        assert size < 16e6, f"{name} is larger than many hosts take"
        used[next(folder for folder in BUDGET if name.startswith(folder))] += size
    assert {folder: size / 1e6 for folder, size in used.items() if size > BUDGET[folder] * 1e6} == {}
    assert sum(used.values()) <= ALL * 1e6


def test_modules_are_short(tracked: list[Path]) -> None:
    """One idea per module, in at most 350 lines."""
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
             for path in tracked if path.suffix == ".py" and path.is_relative_to(ROOT / "ssgan_lite")}
    assert {name: count for name, count in lines.items() if count > 350} == {}


def test_nothing_tracked_names_a_registry_or_this_machine(tracked: list[Path]) -> None:
    """Where packages come from is set on each machine; a folder of the author's exists nowhere else."""
    # In two halves, so that this file does not find itself.
    forbidden = ["pypi" ".org", "python" "hosted.org", "registry.npm" "js.org", "deb.debian" ".org",
                 "download.py" "torch.org", "conda.ana" "conda.org", "/wor" "k/", "/ro" "ot/", "/ho" "me/",
                 "/opt/wh" "eels"]
    found = []
    for path in tracked:
        content = path.read_bytes()
        if b"\0" not in content:
            text = content.decode("utf-8")
            found += [f"{path.relative_to(ROOT)}: {word}" for word in forbidden if word in text]
    assert found == []


def test_nothing_tracked_is_ignored_or_left_over(tracked: list[Path]) -> None:
    ignored = subprocess.run(["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], cwd=ROOT, check=True,
                             capture_output=True, text=True).stdout
    assert ignored == ""


def test_licences_are_there() -> None:
    for name, words in (("LICENSE", "MIT License"), ("LICENSE-text", "CC BY 4.0"), ("data/LICENSE", "CC0 1.0")):
        assert words in (ROOT / name).read_text(encoding="utf-8")


def test_jupyter_asks_nothing_of_the_network() -> None:
    """A news question, or a look-up of newer versions, would be the first thing a reader sees of the course."""
    config = (ROOT / ".jupyter" / "lab_config.py").read_text(encoding="utf-8")
    assert "news_url = None" in config and "NeverCheckForUpdate" in config and '"readonly"' in config
    overrides = json.loads((ROOT / ".jupyter" / "overrides.json").read_text(encoding="utf-8"))
    asked = overrides["@jupyterlab/apputils-extension:notification"]
    assert asked == {"fetchNews": "false", "checkForUpdates": False}
    for name in ("Makefile", "INSTALL.md"):
        assert "--config=.jupyter/lab_config.py" in (ROOT / name).read_text(encoding="utf-8")


def test_recipes_name_files_that_are_there() -> None:
    """In CONTRIBUTING.md; NAME, SUBJECT, NN and FOLDER stand for what the reader chooses."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w./]+/[\w./]*|\w+\.(?:py|md|toml|txt))`", text)
             if not re.search(r"NAME|SUBJECT|NN", name)}
    assert len(named) > 12
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    for subject in ("preset", "part", "data set", "measure", "exercise", "notebook"):
        assert re.search(rf"^\*\*An? {subject}\.\*\* 1\. ", text, re.MULTILINE), f"no recipe for a {subject}"


def test_links_between_documents_lead_somewhere(tracked: list[Path]) -> None:
    broken = []
    for path in tracked:
        if path.suffix == ".md":
            for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
                if "://" not in link and not (path.parent / link).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert broken == []
