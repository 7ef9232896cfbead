"""Whatever takes a path, a name or a number from the user refuses bad ones in a sentence.

The entry points are found by introspection: every option of every command from the parser, every public function with
a path among its parameters from the packages. A new command, option or function is tested without being listed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg
from ssgan_lite import options
from ssgan_lite.cli import build_parser, main
from ssgan_lite.directions import Half, NamedDirections, Sample
from ssgan_lite.edit import Session
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import AttributePredictor
from ssgan_lite.model.encoder import Encoder
from ssgan_lite.train import Networks, TrainConfig

pytestmark = pytest.mark.usefixtures("one_thread", "use_tiny_data")

PACKAGES = ("ssgan_lite", "ssgan_lite.official", "ssgan_lite.weights", "ssgan_lite.pictures", "ssgan_lite.data",
            "ssgan_lite.edit", "ssgan_lite.train", "ssgan_lite.measure", "ssgan_lite.measure.attributes",
            "ssgan_lite.directions")
LONG = 300 * "x"
PARSER = build_parser()


# ------------------------------------------------------------------------------------------------------ introspection

def commands(parser: argparse.ArgumentParser | None = None, words: tuple[str, ...] = ()) -> Iterator[tuple]:
    """(words, parser) of every command, `prepare folder` for example."""
    parser = parser or PARSER
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield words, parser
    for action in nested:
        for name, inner in action.choices.items():
            yield from commands(inner, (*words, name))


def options_of(kind: Callable) -> list:
    """(command, option) for every option whose text `kind` turns into a value."""
    return [pytest.param(words, action, id=" ".join((*words, action.dest))) for words, parser in commands()
            for action in parser._actions if action.type is kind]


def line(words: tuple[str, ...], chosen: argparse.Action, value: str, filler: Path) -> list[str]:
    """A command line with this value for one option, and something for all others that must be there."""
    parser = dict(commands())[words]
    arguments = list(words)
    for action in parser._actions:
        if action is not chosen and action.dest != chosen.dest and action.required:
            text = str(filler / "filler.png")
            arguments += [f"{action.option_strings[0]}={text}"] if action.option_strings else [text]
    return arguments + ([f"{chosen.option_strings[0]}={value}"] if chosen.option_strings else [value])


@pytest.fixture(autouse=True)
def one_parser(monkeypatch) -> None:
    """Building the parser reads sources; once is enough."""
    monkeypatch.setattr("ssgan_lite.cli.build_parser", lambda: PARSER)


def ends_in_a_sentence(arguments: list[str], capsys) -> str:
    """Run a command that must fail in words: exit code 2, one complaint on standard error, no traceback."""
    capsys.readouterr()
    try:
        code = main(arguments)
    except SystemExit as stop:              # argparse
        code = stop.code
    said = capsys.readouterr()
    assert code == 2 and "Traceback" not in said.err, said
    assert sum(text.startswith("ssgan-lite") for text in said.err.splitlines()) == 1, said.err
    return said.err


def functions() -> list:
    """(function, its parameter) for every public function or method of PACKAGES with a path among its parameters."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or [name for name, value in vars(module).items()
                                                     if getattr(value, "__module__", "") == package]
        for name in names:
            value = getattr(module, name)
            holders = {name: value} if inspect.isfunction(value) else {
                f"{name}.{key}": getattr(value, key) for key in vars(value)
                if not key.startswith("_") and callable(getattr(value, key))} if inspect.isclass(value) else {}
            for label, function in holders.items():
                for parameter in inspect.signature(function).parameters.values():
                    if re.search(r"\bPath(Like)?\b", str(parameter.annotation)) and not name.startswith("_"):
                        found[getattr(function, "__qualname__", label), parameter.name] = function
    return [pytest.param(function, parameter, id=f"{name}({parameter})")
            for (name, parameter), function in found.items()]


@pytest.fixture(scope="module")
def stock() -> dict:
    """Something to put in for every other parameter that a public function may need, by its name."""
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32")).eval()
    face = Session(G, seed=1)
    face.randomize("hair", seed=2)
    picture = Image.fromarray(np.zeros((32, 32, 3), np.uint8))
    half = Half(face.state.codes, torch.zeros(1, 1), torch.zeros(1, G.config.n_parts))
    return dict(generator=G, self=face, face=face, image=face.render().image, frames=[picture] * 2, picture=picture,
                encoder=Encoder(G.config), networks=Networks(G.config, TrainConfig(), 0, {"G": {}}, {}, "here"),
                preset="nano32", split="train", predictor=AttributePredictor("lite0", ("age",)),
                named=NamedDirections((), {}), child=G, parent="nano32",
                sample=Sample(G, ("age",), half, None, G.mean_w, torch.eye(G.config.style_dim)))


def call(function: Callable, parameter: str, value: object, stock: dict):
    """Call a function with this value for one parameter, and from the stock what else it needs."""
    signature = inspect.signature(function)
    needed = {p.name: stock[p.name] for p in signature.parameters.values()
              if p.default is p.empty and p.name in stock and p.name != parameter
              and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return function(**needed, **{parameter: value})


@pytest.fixture
def other_user(tmp_path, tiny_data) -> Iterator[Path]:      # both made before we become another user
    """A folder that another user sees, with a file and a folder that only root may read; within, we are that user."""
    if not hasattr(os, "seteuid") or os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = Path(tempfile.mkdtemp(prefix="ssgan-lite-"))
    folder.chmod(0o755)
    for name in ("locked.safetensors", "locked.json", "locked.pt", "locked.png", "dataset.json"):
        (folder / name).write_text("{}")
        (folder / name).chmod(0o600)
    (folder / "locked").mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)


# --------------------------------------------------------------------------------------------------- the command line

@pytest.mark.parametrize("words, option", options_of(options._finite))
@pytest.mark.parametrize("text", ["nan", "-inf", "1e999"])
def test_numbers_that_are_not_finite_are_refused(words, option, text, tmp_path, capsys) -> None:
    assert option.option_strings[0] in ends_in_a_sentence(line(words, option, text, tmp_path), capsys)


@pytest.mark.parametrize("words, option", options_of(options._whole))
def test_whole_numbers_beyond_64_bits_are_refused(words, option, tmp_path, capsys) -> None:
    assert option.option_strings[0] in ends_in_a_sentence(line(words, option, str(2**70), tmp_path), capsys)


@pytest.mark.parametrize("words, option", options_of(options._path))
def test_tilde_is_the_home_folder_behind_an_equals_sign(words, option, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    parsed = PARSER.parse_args(line(words, option, "~/x", tmp_path))
    assert getattr(parsed, option.dest) == tmp_path / "x"


@pytest.mark.parametrize("words, option", options_of(options._path) + options_of(str))
def test_names_too_long_for_the_disk_are_refused(words, option, tmp_path, capsys) -> None:
    for text in (LONG, f"{LONG}/weights.safetensors", f"folder:{LONG}"):
        arguments = line(words, option, text, tmp_path)
        if words[0] == "measure":
            arguments.append("--only=distances")
        ends_in_a_sentence(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words, option", options_of(options._path) + options_of(str))
def test_files_that_only_others_may_read_are_refused(words, option, other_user, capsys) -> None:
    for name in ("locked/x.safetensors", "locked.safetensors", "locked.pt", "locked"):
        arguments = line(words, option, str(other_user / name), other_user / "locked")
        ends_in_a_sentence(arguments, capsys)
    ends_in_a_sentence(line(words, option, f"folder:{other_user}", other_user / "locked"), capsys)


# ----------------------------------------------------------------------------------------------------- the library

BAD = {"too long": LONG, "zero byte": "a\0b", "a number": 7, "too long inside": f"{LONG}/x.safetensors"}


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
@pytest.mark.parametrize("function, parameter", functions())
def test_paths_that_cannot_be_are_user_errors(function, parameter, bad, stock, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        call(function, parameter, bad, stock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function, parameter", functions())
def test_unreadable_paths_are_user_errors(function, parameter, stock, other_user) -> None:
    if "parent" in inspect.signature(function).parameters:
        pytest.skip("reads weights that ship first, which this user may not either")
    for name in ("locked/x.safetensors", "locked.safetensors", "locked.pt", "locked.png"):
        try:
            call(function, parameter, other_user / name, stock)
        except UserError as error:
            assert "locked" in str(error) or str(other_user) in str(error)
        else:
            assert function.__name__ in ALLOWED, "it read or wrote what it may not"


ALLOWED = {"is_name", "encoder_of", "recorded_run"}        # they say what a name is, or that nothing is known
