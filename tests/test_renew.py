"""`tools/renew.py` knows everything that is computed from shipped weights."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def renew(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import renew

    return renew


def run(renew, monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["renew.py", *words])
    return renew.main()


def test_every_notebook_that_loads_the_weights_is_run(renew) -> None:
    listed = next(step.command[1:] for step in renew.steps("lite64", Path("runs")) if step.name == "notebooks")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        code = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
        assert (f"notebooks/{path.name}" in listed) >= ('"lite64"' in code), path.name


def test_every_file_of_directions_and_encoders_has_its_step(renew) -> None:
    names = {name: {step.name for step in renew.steps(name, Path("runs"))} for name in renew.shipped()}
    assert {"directions", "networks", "encoder", "measure", "report", "notebooks", "overview"} <= names["lite64"]
    assert "labels" in names["nano32-monolithic"] and "directions" not in names["nano32-monolithic"]
    for path in (ROOT / "data" / "directions").glob("*.safetensors"):
        assert names[path.name.split(".")[0]] & {"directions", "networks", "labels"}, path.name


def test_scripts_exist_and_a_list_runs_nothing(renew, monkeypatch, capsys) -> None:
    monkeypatch.setattr(renew.subprocess, "run", lambda *_, **__: pytest.fail("--list ran something"))
    assert run(renew, monkeypatch, "lite64", "--list", "--from", "measure") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("measure: ") and not any(line.startswith("directions") for line in lines)
    for line in lines:
        script = line.split()[2]
        assert script == "-m" or (ROOT / script).is_file(), line


def test_step_that_fails_says_how_to_go_on(renew, monkeypatch, capsys) -> None:
    ran = []

    def fake(command, **_):
        ran.append(command)
        return type("Done", (), dict(returncode=len(ran) // 2))

    monkeypatch.setattr(renew.subprocess, "run", fake)
    monkeypatch.setattr(renew.assets, "write_manifest", lambda _: None)
    assert run(renew, monkeypatch, "lite64", "--from", "measure") == 1
    assert len(ran) == 2 and "--from report" in capsys.readouterr().err


@pytest.mark.parametrize("words, said", [(["lite46"], "lite64"), (["lite64", "--from", "mesure"], "measure")])
def test_unknown_names_are_corrected(renew, monkeypatch, capsys, words, said) -> None:
    assert run(renew, monkeypatch, *words) == 2
    assert said in capsys.readouterr().err
