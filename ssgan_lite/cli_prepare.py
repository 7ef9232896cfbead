"""The command line of `ssgan-lite prepare SOURCE`: a data set from the user's own files, or a drawn one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ssgan_lite.data import avatars, celebamask, cityscapes, folder, portraits, prepared, streets
from ssgan_lite.data.prepare import Plan, prepare, report
from ssgan_lite.data.vocabulary import read_vocabulary
from ssgan_lite.errors import UserError
from ssgan_lite.measure.parsed import with_parsed_masks
from ssgan_lite.options import add_fields, given
from ssgan_lite.parts import PARTS


@dataclass(frozen=True)
class PrepareOptions:
    """What `prepare` needs for photographs, wherever they come from."""

    out: Path                    # the folder to make, or to go on with
    skip_bad: bool = False       # leave out faces that cannot be used, and list them in the report
    quiet: bool = False          # no progress bar


@dataclass(frozen=True)
class CelebAMaskOptions:
    """Where CelebAMask-HQ lies."""

    path: Path                   # the folder with CelebA-HQ-img and CelebAMask-HQ-mask-anno
    size: int = 256              # width and height, in pixels


@dataclass(frozen=True)
class FolderOptions:
    """Where one's own pictures lie, and how their masks are read."""

    images: Path                 # the folder of pictures; subfolders are read too
    masks: Path | None = None    # the folder of masks, called like their pictures
    size: int = 128              # width and height, in pixels
    mask_colors: str = ""        # "parts" or a JSON table: read masks by color; else palettes by number, RGB as parts
    parts: Path | None = None    # a JSON list of the parts that the masks show, if those are not a face's


@dataclass(frozen=True)
class PortraitOptions:
    """Where a published set of aligned portraits lies."""

    path: Path                   # its folder, as it was unpacked
    size: int = 128              # width and height, in pixels


@dataclass(frozen=True)
class ParseOptions:
    """Masks for pictures that have none."""

    parse: bool = False          # make masks with the parser, which knows rendered heads and refuses what is no face


@dataclass(frozen=True)
class CityscapesOptions:
    """Where Cityscapes lies, and how it is read."""

    path: Path                   # the folder with leftImg8bit and gtFine
    size: int = 128              # width and height, in pixels
    classes: int = 8             # 8 groups, or 19 or 30 classes
    crops: int = 2               # squares per picture: 1 (the middle), 2 (both halves) or 3


@dataclass(frozen=True)
class StreetOptions:
    """Which street scenes are drawn."""

    parts: int = 13              # 5, 13 or 30
    count: int = 1000            # how many scenes
    size: int = 64               # width and height, in pixels
    seed: int = 0                # of the first one; the others follow


@dataclass(frozen=True)
class AvatarOptions:
    """Which avatars are drawn, and where to."""

    out: Path                    # the folder for the shards
    each: int = 500              # how many of each style
    quiet: bool = False          # no progress bar


@dataclass(frozen=True)
class VerifyOptions:
    """What is verified."""

    folder: Path                 # what --out was


def add_sources(kinds, add: Callable) -> None:
    """A command for every source; `add` makes one (`cli._add`)."""
    command = add(kinds, "celebamask", run_prepare_celebamask, "read your own copy of CelebAMask-HQ",
                   "ssgan-lite prepare celebamask ~/CelebAMask-HQ --size 256 --out celebamask256")
    add_fields(command, CelebAMaskOptions, positional=("path",))
    add_fields(command, PrepareOptions)
    command = add(kinds, "folder", run_prepare_folder, "read your own pictures, with or without masks",
                   "ssgan-lite prepare folder photos --masks masks --size 128 --out mine")
    add_fields(command, FolderOptions, positional=("images",))
    add_fields(command, ParseOptions)
    add_fields(command, PrepareOptions)
    for name, function, summary in (
            ("metfaces", run_prepare_metfaces, "read your own copy of MetFaces, portraits from works of art"),
            ("ffhq", run_prepare_ffhq, "read your own copy of FFHQ, thumbnails or large pictures"),
            ("bitmoji", run_prepare_bitmoji, "read a folder of Bitmoji faces or other cartoons on a clear ground")):
        command = add(kinds, name, function, summary, f"ssgan-lite prepare {name} ~/{name} --size 64 --out {name}64")
        add_fields(command, PortraitOptions, positional=("path",))
        add_fields(command, ParseOptions)
        add_fields(command, PrepareOptions)
    command = add(kinds, "cityscapes", run_prepare_cityscapes, "read your own copy of Cityscapes",
                   "ssgan-lite prepare cityscapes ~/cityscapes --classes 19 --size 64 --out streets19")
    add_fields(command, CityscapesOptions, positional=("path",))
    add_fields(command, PrepareOptions)
    command = add(kinds, "streets", run_prepare_streets, "draw street scenes of 5, 13 or 30 parts",
                   "ssgan-lite prepare streets --parts 13 --count 2000 --out streets13")
    add_fields(command, StreetOptions)
    add_fields(command, PrepareOptions)
    command = add(kinds, "avatars", run_prepare_avatars, "draw artists' avatars with masks of their parts",
                   "ssgan-lite prepare avatars --out my-avatars")
    add_fields(command, AvatarOptions)
    command = add(kinds, "verify", run_prepare_verify, "compare a prepared folder with its checksums",
                   "ssgan-lite prepare verify celebamask256")
    add_fields(command, VerifyOptions, positional=("folder",))


def run_prepare_celebamask(options: argparse.Namespace) -> int:
    source = CelebAMaskOptions(**given(options, CelebAMaskOptions))
    return _prepare(celebamask.plan(source.path, _checked_size(source.size), leave_out=[options.out]), options)


def run_prepare_folder(options: argparse.Namespace) -> int:
    source = FolderOptions(**given(options, FolderOptions))
    parts = PARTS if source.parts is None else read_vocabulary(source.parts)
    plan = folder.plan(source.images, source.masks, _checked_size(source.size), source.mask_colors,
                       leave_out=[options.out], parts=parts)
    return _prepare(plan, options)


def run_prepare_metfaces(options: argparse.Namespace) -> int:
    source = PortraitOptions(**given(options, PortraitOptions))
    return _prepare(portraits.plan_metfaces(source.path, _checked_size(source.size), [options.out]), options)


def run_prepare_ffhq(options: argparse.Namespace) -> int:
    source = PortraitOptions(**given(options, PortraitOptions))
    return _prepare(portraits.plan_ffhq(source.path, _checked_size(source.size), [options.out]), options)


def run_prepare_bitmoji(options: argparse.Namespace) -> int:
    source = PortraitOptions(**given(options, PortraitOptions))
    plan = folder.plan(source.path, size=_checked_size(source.size), leave_out=[options.out], source="bitmoji")
    return _prepare(plan, options)


def run_prepare_cityscapes(options: argparse.Namespace) -> int:
    source = CityscapesOptions(**given(options, CityscapesOptions))
    plan = cityscapes.plan(source.path, _checked_size(source.size), source.classes, source.crops, [options.out])
    return _prepare(plan, options)


def run_prepare_streets(options: argparse.Namespace) -> int:
    chosen = StreetOptions(**given(options, StreetOptions))
    return _prepare(streets.plan(chosen.parts, chosen.count, _checked_size(chosen.size), chosen.seed), options)


def run_prepare_avatars(options: argparse.Namespace) -> int:
    chosen = AvatarOptions(**given(options, AvatarOptions))
    paths = avatars.make(chosen.out, chosen.each, chosen.quiet)
    print(f"{chosen.each * len(paths):,} avatars in {chosen.out}")
    return 0


def run_prepare_verify(options: argparse.Namespace) -> int:
    print(report(prepared.verify(options.folder)), end="")
    print("All files are as they were made.")
    return 0


def _prepare(plan: Plan, options: argparse.Namespace) -> int:
    chosen = PrepareOptions(**given(options, PrepareOptions))
    if ParseOptions(**given(options, ParseOptions)).parse:
        plan = with_parsed_masks(plan)
    about = prepare(plan, chosen.out, chosen.skip_bad, chosen.quiet)
    print(report(about), end="")
    print(f"Open it with open_dataset({f'{plan.source}:{chosen.out}'!r}, size={plan.size}).")
    return 0


def _checked_size(size: int) -> int:
    if not 16 <= size <= 1024:
        raise UserError(f"--size {size} is not between 16 and 1024.")
    return size
