"""The command line: `ssgan-lite doctor | train | sample | measure | prepare`; each has `--help` with an example.

Plain argparse: training must start on a machine that has torch, numpy, pillow, safetensors and tqdm and nothing else.
Whatever a user can mend is a `UserError`: its sentence goes to standard error, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import typing
from collections.abc import Sequence
from pathlib import Path

from ssgan_lite.errors import UserError

# What `train` may change of a preset's model: the baseline and the ablations.
ABLATIONS = ("architecture", "mask_branch", "fusion", "fourier_bands", "base_layers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        code = options.command(options) or 0
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"ssgan-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ssgan-lite: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:          # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())     # or the interpreter complains at its end
        return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ssgan-lite", description="Compositional face GANs: train them, sample "
                                     "from them, and check that everything is in place.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add(commands, "doctor", run_doctor, "check this machine, the installation, weights and data",
         "ssgan-lite doctor")

    train = _add(commands, "train", run_train, "train a model on the heads",
                 "ssgan-lite train --preset nano32 --out runs/first")
    _add_fields(train, "run", "ssgan_lite.train.run", "RunOptions")
    train.set_defaults(preset=None)        # so that `run_train` can tell whether it was named
    train.add_argument("--recipe", default="", metavar="KIND", help="two-core (reconstruct, then the game with two "
                       "discriminators) or paper (default: the preset's; paper for paper256 and paper512)")
    _add_fields(train, "recipe (default: the preset's)", "ssgan_lite.config", "TrainConfig",
                preset_defaults=True)
    _add_fields(train, "baseline and ablations (default: the paper's model)", "ssgan_lite.config", "ModelConfig",
                preset_defaults=True, only=ABLATIONS)

    sample = _add(commands, "sample", run_sample, "draw faces with their masks into a PNG file",
                  "ssgan-lite sample --weights lite64 --seeds 0:16 --out faces.png")
    sample.add_argument("--weights", default="lite64",
                        help="a shipped name or a .safetensors file (default: %(default)s)")
    sample.add_argument("--seeds", default="0:16",
                        help="one seed, a list 3,5,8 or a range 0:16 (default: %(default)s)")
    sample.add_argument("--psi", type=float, default=0.7, help="truncation: 1 all variety, 0 the mean face "
                                                               "(default: %(default)s)")
    sample.add_argument("--columns", type=int, default=8, help="faces in a row (default: %(default)s)")
    sample.add_argument("--scale", type=int, default=1, help="enlarge every pixel (default: %(default)s)")
    sample.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    sample.add_argument("--force", action="store_true", help="replace the file if it exists")
    _add_measure(commands)
    _add_prepare(commands)
    return parser


def run_doctor(options: argparse.Namespace) -> int:
    from ssgan_lite.doctor import examine

    return examine()


def run_train(options: argparse.Namespace) -> int:
    from ssgan_lite.config import TrainConfig, preset, recipe
    from ssgan_lite.train import RunOptions, recorded_model, recorded_preset, recorded_recipe, train

    if options.preset is None:       # a run that goes on knows what it is
        options.preset = (recorded_preset(options.out) if options.resume else None) or RunOptions.preset
    model = preset(options.preset)   # an unknown name is a better first complaint than anything that follows from it
    changes = {field.name: getattr(options, field.name) for field in dataclasses.fields(TrainConfig)
               if getattr(options, field.name) is not None}
    ablations = {name: getattr(options, name) for name in ABLATIONS if getattr(options, name) is not None}
    run = RunOptions(**{field.name: getattr(options, field.name) for field in dataclasses.fields(RunOptions)})
    begun_with = recorded_recipe(run.out) if run.resume and not options.recipe else None
    model = (recorded_model(run.out, run.preset) if run.resume else None) or model
    train(run, (begun_with or recipe(options.preset, options.recipe)).replace(**changes), model=model.replace(**ablations))
    return 0


def run_sample(options: argparse.Namespace) -> int:
    from ssgan_lite.pictures import sample_sheet
    from ssgan_lite.storage import atomic_write
    from ssgan_lite.weights import load_pretrained

    seeds = parse_seeds(options.seeds)
    if options.columns < 1 or options.scale < 1:
        raise UserError(f"--columns and --scale must be at least 1, not {options.columns} and {options.scale}.")
    if options.out.suffix.lower() != ".png":
        raise UserError(f'"{options.out}" would hold a PNG picture: give it a name that ends in .png.')
    if options.out.exists() and not options.force:
        raise UserError(f'"{options.out}" exists. Choose another name, or add --force to replace it.')
    generator = load_pretrained(options.weights)
    sheet = sample_sheet(generator, seeds, options.columns, options.psi, options.scale)
    with atomic_write(options.out) as temporary:
        sheet.save(temporary, "PNG")
    print(f"{len(seeds)} faces in {options.out}")
    return 0


def _add_measure(commands) -> None:
    from ssgan_lite.measure.command import EXAMPLE, add_options

    add_options(_add(commands, "measure", run_measure, "measure a model: distances, mask agreement, leak, diversity, "
                     "speed", EXAMPLE))


def run_measure(options: argparse.Namespace) -> int:
    from ssgan_lite.measure.command import run

    return run(options)


def _add_prepare(commands) -> None:
    """`prepare celebamask | folder | avatars | verify`"""
    prepare = commands.add_parser("prepare", help="make a data set from your own images, or draw avatars",
                                  description="Make a data set that open_dataset can open.")
    kinds = prepare.add_subparsers(required=True, metavar="SOURCE")

    celebamask = _add(kinds, "celebamask", run_prepare_celebamask, "read your own copy of CelebAMask-HQ",
                      "ssgan-lite prepare celebamask ~/CelebAMask-HQ --size 256 --out celebamask256")
    celebamask.add_argument("path", type=Path, help="the folder with CelebA-HQ-img and CelebAMask-HQ-mask-anno")

    folder = _add(kinds, "folder", run_prepare_folder, "read your own pictures, with or without masks",
                  "ssgan-lite prepare folder photos --masks masks --size 128 --out mine")
    folder.add_argument("images", type=Path, help="the folder of pictures; subfolders are read too")
    folder.add_argument("--masks", type=Path, help="the folder of masks, called like their pictures")
    folder.add_argument("--mask-colors", default="", metavar="TABLE", help='"parts" or a JSON table: read masks by '
                        "colour (default: palettes by number, RGB by the colours of the parts)")
    for parser, size in ((celebamask, 256), (folder, 128)):
        parser.add_argument("--size", type=int, default=size, help="width and height, in pixels (default: "
                            "%(default)s)")
        parser.add_argument("--out", type=Path, required=True, help="the folder to make, or to go on with")
        parser.add_argument("--skip-bad", action="store_true", help="leave out faces that cannot be used, and list "
                            "them in the report, instead of stopping at the first")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    avatars = _add(kinds, "avatars", run_prepare_avatars, "draw artists' avatars with masks of their parts",
                   "ssgan-lite prepare avatars --out my-avatars")
    avatars.add_argument("--out", type=Path, required=True, help="the folder for the shards")
    avatars.add_argument("--each", type=int, default=500, help="how many of each style (default: %(default)s)")
    avatars.add_argument("--quiet", action="store_true", help="no progress bar")

    verify = _add(kinds, "verify", run_prepare_verify, "compare a prepared folder with its checksums",
                  "ssgan-lite prepare verify celebamask256")
    verify.add_argument("folder", type=Path, help="what --out was")


def run_prepare_celebamask(options: argparse.Namespace) -> int:
    from ssgan_lite.data import celebamask

    return _prepare(celebamask.plan(options.path, _checked_size(options.size), leave_out=[options.out]), options)


def run_prepare_folder(options: argparse.Namespace) -> int:
    from ssgan_lite.data import folder

    plan = folder.plan(options.images, options.masks, _checked_size(options.size), options.mask_colors,
                       leave_out=[options.out])
    return _prepare(plan, options)


def run_prepare_avatars(options: argparse.Namespace) -> int:
    from ssgan_lite.data import avatars

    paths = avatars.make(options.out, options.each, options.quiet)
    print(f"{options.each * len(paths):,} avatars in {options.out}")
    return 0


def run_prepare_verify(options: argparse.Namespace) -> int:
    from ssgan_lite.data import prepare, prepared

    print(prepare.report(prepared.verify(options.folder)), end="")
    print("All files are as they were made.")
    return 0


def _prepare(plan, options: argparse.Namespace) -> int:
    from ssgan_lite.data import prepare

    about = prepare.prepare(plan, options.out, options.skip_bad, options.quiet)
    print(prepare.report(about), end="")
    print(f'Open it with open_dataset("{plan.source}:{options.out}", size={plan.size}).')
    return 0


def _checked_size(size: int) -> int:
    if not 16 <= size <= 1024:
        raise UserError(f"--size {size} is not between 16 and 1024.")
    return size


def parse_seeds(text: str) -> list[int]:
    """"7", "3,5,8" or "0:16" as a list of seeds."""
    try:
        if ":" in text:
            first, last = map(int, text.split(":"))
            seeds = list(range(first, last))
        else:
            seeds = [int(seed) for seed in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or max(seeds) >= 2**63:
        raise UserError(f'"{text}" names no seeds. Write one (7), a list (3,5,8) or a range (0:16).')
    return seeds


def _add(commands, name: str, function, summary: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.",
                                 epilog=f"example:\n  {example}",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(command=function)
    return parser


def _add_fields(parser: argparse.ArgumentParser, title: str, module: str, name: str,
                preset_defaults: bool = False, only: Sequence[str] = ()) -> None:
    """An option for every field of a dataclass (or `only` these), its help being the comment behind the field."""
    import importlib
    import inspect

    cls = getattr(importlib.import_module(module), name)
    types, source = typing.get_type_hints(cls), inspect.getsource(cls)
    group = parser.add_argument_group(title)
    for field in dataclasses.fields(cls):
        if only and field.name not in only:
            continue
        line = next(line for line in source.splitlines() if line.strip().startswith(f"{field.name}:"))
        text = line.partition("#")[2].strip().rstrip(". ;,").replace("%", "%%")
        kind, flag = types[field.name], f"--{field.name.replace('_', '-')}"
        required = field.default is dataclasses.MISSING and not preset_defaults
        default = None if preset_defaults or required else field.default
        if kind is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            shown = "" if default in (None, "") else f"{' ' if text else ''}(default: {default})"
            group.add_argument(flag, type=kind, default=default, required=required, help=text + shown,
                               metavar=kind.__name__.upper())
