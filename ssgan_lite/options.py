"""Command-line options from dataclasses: one for every field, with the comment behind the field as its help.

Numbers must be finite, and "~" in the name of a file is the home folder, also behind an equals sign (--out=~/x).
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path

from ssgan_lite.errors import UserError
from ssgan_lite.storage import user_path


def add_fields(parser: argparse.ArgumentParser, cls: type, title: str = "", positional: Sequence[str] = (),
                only: Sequence[str] = (), show_defaults: bool = True, required: bool = True) -> None:
    """An option for every field of a dataclass (or `only` these), its help being the comment behind the field.

    What is not given stays out of the namespace, so that `given` can tell it from a default that was typed.
    """
    kinds, source = typing.get_type_hints(cls), inspect.getsource(cls).splitlines()
    group = parser.add_argument_group(title) if title else parser
    for field in dataclasses.fields(cls):
        if only and field.name not in only:
            continue
        text = next(line for line in source if line.strip().startswith(f"{field.name}:")).partition("  # ")[2]
        text = text.strip().rstrip(". ;,").replace("%", "%%")
        nothing = (dataclasses.MISSING, None, "", ())
        if show_defaults and field.default not in nothing and kinds[field.name] is not bool:
            shown = " ".join(field.default) if isinstance(field.default, tuple) else field.default
            text += f" (default: {shown})"
        settings: dict = dict(help=text, default=argparse.SUPPRESS)
        name = f"--{field.name.replace('_', '-')}"
        if field.name in positional:
            name = field.name
            settings["metavar"] = name.upper()
        else:
            settings["required"] = required and field.default is dataclasses.MISSING
        if kinds[field.name] is bool:
            group.add_argument(name, action=argparse.BooleanOptionalAction, **settings)
            continue
        kind = next(k for k in (*typing.get_args(kinds[field.name]), kinds[field.name]) if k is not types.NoneType)
        if isinstance(field.default, tuple):
            settings["nargs"] = "+"
        settings.setdefault("metavar", "FILE" if kind is Path else kind.__name__.upper())
        group.add_argument(name, type=_CONVERTERS[kind], **settings)


def given(options: argparse.Namespace, cls: type) -> dict:
    """The fields of a dataclass that the command line names."""
    return {field.name: tuple(value) if isinstance(value := getattr(options, field.name), list) else value
            for field in dataclasses.fields(cls) if hasattr(options, field.name)}


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number') from None
    if abs(number) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text} is larger than numbers are here")
    return number


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f'"{text}" is not a finite number')
    return number


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of a file or folder is empty")
    try:
        return user_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_CONVERTERS: dict[type, Callable] = {int: _whole, float: _finite, str: str, Path: _path}
