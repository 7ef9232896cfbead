"""The command line: `ssgan-lite doctor | train | sample | measure | invert | prepare`; --help shows examples.

Plain argparse: training must start on a machine that has the core packages and nothing else. The options of a command
are the fields of dataclasses, each explained by the comment behind it (`add_fields`). Whatever a user can mend is a
`UserError`: its sentence goes to standard error, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ssgan_lite import doctor
from ssgan_lite.cli_prepare import add_sources
from ssgan_lite.config import ModelConfig, TrainConfig, preset, recipe
from ssgan_lite.directions.command import DirectionsOptions, find_names
from ssgan_lite.errors import UserError
from ssgan_lite.invert.command import InvertOptions, invert
from ssgan_lite.measure import MeasureOptions, ReportOptions, measure, table
from ssgan_lite.measure import report as measure_report
from ssgan_lite.options import add_fields, given
from ssgan_lite.pictures import sample_sheet
from ssgan_lite.storage import atomic_write, explain_reading
from ssgan_lite.train import RunOptions, recorded_run, train
from ssgan_lite.weights import load_pretrained

# What `train` may change of a preset's model: the baseline and the ablations.
ABLATIONS = ("architecture", "mask_branch", "fusion", "fourier_bands", "base_layers")
READER_GONE = 141                # what a shell reports for a program whose output nobody reads: 128 + SIGPIPE


@dataclass(frozen=True)
class RecipeOptions:
    """Which of a preset's recipes `train` begins with."""

    recipe: str = ""             # two-core (reconstruct, then two discriminators), paper or fine-tune; else preset's


@dataclass(frozen=True)
class SampleOptions:
    """What `sample` draws, and where to."""

    out: Path                    # the PNG file to write
    weights: str = "lite64"      # a shipped name, a .safetensors file or a published checkpoint
    seeds: str = "0:16"          # one seed, a list 3,5,8 or a range 0:16
    psi: float = 0.7             # truncation: 1 all variety, 0 the mean face
    columns: int = 8             # faces in a row
    scale: int = 1               # enlarge every pixel
    force: bool = False          # replace the file if it exists


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _never_fail_to_print()
    try:
        options = build_parser().parse_args(arguments)
        code = options.command(options) or 0
        sys.stdout.flush()
        return code
    except UserError as error:
        return _end(f"ssgan-lite: {error}", 2)
    except KeyboardInterrupt:
        return _end("ssgan-lite: interrupted", 130)
    except BrokenPipeError:             # the reader of our output, such as `head`, has gone: not all was said
        return _end("", READER_GONE)
    except OSError as error:            # a file of the user's that no other place has explained
        if error.filename is None:
            raise
        return _end(f"ssgan-lite: {explain_reading(error, error.filename)}", 2)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="ssgan-lite", description="Compositional face GANs: train them, sample "
                                     "from them, and check that everything is in place.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add(commands, "doctor", run_doctor, "check this machine, the installation, weights and data",
         "ssgan-lite doctor")

    command = _add(commands, "train", run_train, "train a model on the heads",
                   "ssgan-lite train --preset nano32 --out runs/first")
    add_fields(command, RunOptions, "run")
    add_fields(command, RecipeOptions)
    add_fields(command, TrainConfig, "recipe (default: the preset's)", show_defaults=False)
    add_fields(command, ModelConfig, "baseline and ablations (default: the paper's model)", show_defaults=False,
                only=ABLATIONS, required=False)

    command = _add(commands, "sample", run_sample, "draw faces with their masks into a PNG file",
                   "ssgan-lite sample --weights lite64 --seeds 0:16 --out faces.png")
    add_fields(command, SampleOptions)

    command = _add(commands, "measure", run_measure, "measure a model: distances, parts, mask agreement, leak, "
                   "diversity, speed", "ssgan-lite measure lite64 --out report/")
    add_fields(command, MeasureOptions, "what is measured", positional=("weights",))
    add_fields(command, ReportOptions, "the report")

    command = _add(commands, "invert", run_invert, "make a face of a picture of your own, to be edited",
                   "ssgan-lite invert photo.jpg --weights lite64 --out mine.safetensors --tune")
    add_fields(command, InvertOptions, positional=("photos",))

    command = _add(commands, "directions", run_directions, "find directions of attributes, and name those that "
                   "a judge confirms", "ssgan-lite directions lite64 --out mine.safetensors")
    add_fields(command, DirectionsOptions, positional=("weights",))

    kinds = commands.add_parser("prepare", help="make a data set from your own images, or draw avatars",
                                description="Make a data set that open_dataset can open.")
    kinds = kinds.add_subparsers(required=True, metavar="SOURCE")
    add_sources(kinds, _add)
    return parser


def _add(commands, name: str, function: Callable, summary: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.",
                                 epilog=f"example:\n  {example}",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(command=function)
    return parser


# ----------------------------------------------------------------------------------------------------------- commands

def run_doctor(options: argparse.Namespace) -> int:
    return doctor.examine()


def run_train(options: argparse.Namespace) -> int:
    chosen = given(options, RunOptions)
    record = recorded_run(chosen["out"]) if chosen.get("resume") else None      # a run that goes on knows what it is
    if record is not None:              # an option that is named here wins where it may
        chosen = {**record.options, "preset": record.preset, "data": record.data, **chosen}
    run = RunOptions(**chosen)
    model = preset(run.preset)   # an unknown name is a better first complaint than anything that follows from it
    kind = RecipeOptions(**given(options, RecipeOptions)).recipe
    config = record.recipe if record is not None and not kind else recipe(run.preset, kind)
    if record is not None and record.preset == run.preset:
        model = record.model
    train(run, config.replace(**given(options, TrainConfig)), model=model.replace(**given(options, ModelConfig)))
    return 0


def run_sample(options: argparse.Namespace) -> int:
    chosen = SampleOptions(**given(options, SampleOptions))
    seeds = parse_seeds(chosen.seeds)
    if chosen.columns < 1 or chosen.scale < 1:
        raise UserError(f"--columns and --scale must be at least 1, not {chosen.columns} and {chosen.scale}.")
    if chosen.out.suffix.lower() != ".png":
        raise UserError(f'"{chosen.out}" would hold a PNG picture: give it a name that ends in .png.')
    if chosen.out.exists() and not chosen.force:
        raise UserError(f'"{chosen.out}" exists. Choose another name, or add --force to replace it.')
    generator = load_pretrained(chosen.weights)
    sheet = sample_sheet(generator, seeds, chosen.columns, chosen.psi, chosen.scale)
    with atomic_write(chosen.out) as temporary:
        sheet.save(temporary, "PNG")
    print(f"{len(seeds)} faces in {chosen.out}")
    return 0


def run_measure(options: argparse.Namespace) -> int:
    place = ReportOptions(**given(options, ReportOptions))
    measure_report.check_folder(place)
    result = measure(MeasureOptions(**given(options, MeasureOptions)))
    print(table(result), end="")
    if place.out is not None:
        print("\nWritten: " + ", ".join(map(str, measure_report.write(result, place.out))))
    return 0


def run_invert(options: argparse.Namespace) -> int:
    return invert(InvertOptions(**given(options, InvertOptions)))


def run_directions(options: argparse.Namespace) -> int:
    return find_names(DirectionsOptions(**given(options, DirectionsOptions)))


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


# ------------------------------------------------------------------------------------------------------------- output

def _never_fail_to_print() -> None:
    """Names of files may have letters that the terminal's encoding lacks: those are escaped."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):          # not a text file of the usual kind
            stream.reconfigure(errors="backslashreplace")


def _end(message: str, code: int) -> int:
    """Say why a command ends; where nobody reads that any more, keep the interpreter from complaining."""
    try:
        if message:
            print(message, file=sys.stderr)
        sys.stderr.flush()
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError, OSError):
                os.dup2(nothing, stream.fileno())
    return code
