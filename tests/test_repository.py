"""The files around the code: that installation files agree, and that nothing is tracked which should not be."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ssgan_lite

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
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


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["lab", "demo", "test", "lint", "notebooks", "bench", "manifest"])
def test_make_targets_install_before_they_run(target: str, tmp_path: Path) -> None:
    """On a fresh machine, `make TARGET` makes the environment first; once it is there, it installs nothing."""
    def plan(venv: Path) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        return subprocess.run(["make", "-n", target, f"VENV={venv}"], cwd=ROOT, env=environment, check=True,
                              capture_output=True, text=True).stdout
    assert "-c constraints.txt -e" in plan(tmp_path / "fresh")
    (tmp_path / "ready").mkdir()
    (tmp_path / "ready" / ".installed").touch()
    assert "pip" not in plan(tmp_path / "ready")


def test_ci_is_executable_and_runs_the_tests(tracked: list[Path]) -> None:
    script = ROOT / ".ci" / "run"
    assert "make test" in script.read_text(encoding="utf-8")
    mode = subprocess.run(["git", "ls-files", "--stage", ".ci/run"], cwd=ROOT, check=True, capture_output=True).stdout
    assert mode.startswith(b"100755")


# -------------------------------------------------------------------------------------------------- tracked files

def test_nothing_tracked_is_large(tracked: list[Path]) -> None:
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in tracked}
    assert {name: size for name, size in sizes.items() if size >= 16e6} == {}
    assert sum(sizes.values()) < 55e6


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


def test_model_knows_nothing_of_what_uses_it(tracked: list[Path]) -> None:
    """The arrows point one way: parts, config <- model <- train, edit, measure <- editor, show, checks, cli."""
    layers = [{"errors", "parts", "config", "storage"}, {"model"},
              {"assets", "data", "weights", "official", "pictures"}, {"train", "edit", "measure"},
              {"editor", "show", "checks", "doctor", "cli", "__main__"}]
    level = {name: i for i, names in enumerate(layers) for name in names}
    wrong = []
    for path in tracked:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.suffix != ".py" or parts[0] != "ssgan_lite" or parts[1] == "__init__":
            continue
        assert parts[1] in level, f"{parts[1]} has no place in the order of imports above: give it one"
        text = path.read_text(encoding="utf-8")
        for module in re.findall(r"^ *(?:from|import) ssgan_lite\.(\w+)", text, re.MULTILINE):
            if level[module] > level[parts[1]]:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


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


def test_links_between_documents_lead_somewhere(tracked: list[Path]) -> None:
    broken = []
    for path in tracked:
        if path.suffix == ".md":
            for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
                if "://" not in link and not (path.parent / link).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert broken == []
