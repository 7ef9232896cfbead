"""`ssgan-lite invert PHOTO...`: align, find codes, tune, and write a face file with a sheet beside it."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ssgan_lite.device import choose_device
from ssgan_lite.edit import Session
from ssgan_lite.edit.store import refuse_existing
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.invert.align import Aligned, align, parse_numbers
from ssgan_lite.invert.frame import Landmarks
from ssgan_lite.invert.project import SPACES, ProjectOptions, project
from ssgan_lite.invert.refine import first_guess, load_part_encoder
from ssgan_lite.invert.sheet import Entry, inversion_sheet
from ssgan_lite.invert.tune import difference_path, save_difference, tune
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import save_png
from ssgan_lite.storage import tensor_path, user_path
from ssgan_lite.weights import encoder_of, load_pretrained

STARTS = ("auto", "encoder", "mean")


@dataclass(frozen=True)
class InvertOptions:
    """What is inverted, how, and where to."""

    out: Path                       # the face file to write (.safetensors); for several pictures a folder
    photos: tuple[str, ...] = ()    # pictures, or patterns such as "holiday/*.jpg"
    weights: str = "lite64"         # a shipped name, a .safetensors file or a published checkpoint
    space: str = "parts"            # which codes may move: w, w+ or parts
    tune: bool = False              # then tune the generator around the codes; the difference lies beside the face
    mask: Path | None = None        # your own mask, as large as the photo or the aligned picture; else the parser's
    eyes: str = ""                  # X,Y,X,Y: where the eyes are, in pixels of the upright photo; else looked for
    mouth: str = ""                 # X,Y: where the mouth is
    framed: bool = False            # the pictures are in the model's frame already, as rendered heads are
    steps: int = 200                # of the descent
    tune_steps: int = 100           # of tuning
    prior: float = ProjectOptions.prior     # how strongly codes are kept near those of the model's own faces
    start: str = "auto"             # where the descent begins: encoder, mean, or auto (encoder if there is one)
    seed: int = 0                   # of the exploration noise
    only: bool = False              # fit the chosen space alone; the sheet then shows no other
    force: bool = False             # replace files that exist
    device: str = "auto"            # auto, cpu, cuda, cuda:1
    quiet: bool = False             # no progress bars

    def __post_init__(self) -> None:
        for name, known in (("space", SPACES), ("start", STARTS)):
            value = getattr(self, name)
            if value not in known:
                raise UserError(f'--{name} "{value}" is not known. {suggest(value, known)}')
        for name in ("steps", "tune_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}.")
        if self.mouth and not self.eyes:
            raise UserError("--mouth needs --eyes, too.")


def invert(options: InvertOptions) -> int:
    """All pictures; returns the exit code: 0, 2 if some could not be used, 130 if it was interrupted."""
    photos = find_photos(options.photos)
    several = len(photos) > 1
    if several and (options.eyes or options.mouth or options.mask):
        raise UserError("--eyes, --mouth and --mask belong to one picture; give them with one picture at a time.")
    out = user_path(options.out)
    if several and out.suffix:
        raise UserError(f'For {len(photos)} pictures --out must be a folder, not "{out}".')
    targets = [out / f"{photo.stem}.safetensors" for photo in photos] if several else [tensor_path(out)]
    if len(set(targets)) < len(targets):
        raise UserError("Two of the pictures have the same name but for the ending; invert them one at a time.")
    for target in targets:
        _check_free(target, options)
    generator = load_pretrained(options.weights, choose_device(options.device)).requires_grad_(False)
    if generator.config.architecture != "semantic":
        raise UserError(f'"{options.weights}" is a monolithic model: it has no parts, so its faces cannot be edited. '
                        "`ssgan_lite.invert.project` finds its codes all the same.")
    failed = 0
    for photo, target in zip(photos, targets, strict=True):
        try:
            if invert_one(generator, photo, target, options):
                return 130
        except UserError as error:
            if not several:
                raise
            failed += 1
            print(f"ssgan-lite: {error}", file=sys.stderr)
    return 2 if failed else 0


def invert_one(generator: SemanticGenerator, photo: Path, target: Path, options: InvertOptions) -> bool:
    """One picture to one face file; True if it was interrupted (what was found is written all the same)."""
    landmarks = None
    if options.eyes:
        x = parse_numbers(options.eyes, (4,), "--eyes")
        mouth = tuple(parse_numbers(options.mouth, (2,), "--mouth")) if options.mouth else None
        landmarks = Landmarks(tuple(x[:2]), tuple(x[2:]), mouth)
    aligned = align(photo, generator.config.size, landmarks, options.mask, options.framed,
                    parts=generator.config.parts)
    network = FrozenFeatures().to(generator.device)
    knobs = dict(seed=options.seed, progress=not options.quiet, network=network, prior=options.prior)
    entries, results, start = [], {}, None
    if options.start != "mean":
        start = _guess(generator, aligned, options, network)
    if start is not None:
        levels = float((generator(start).image.clamp(-1, 1) - aligned.image).abs().mean() * 127.5)
        entries.append(Entry(f"encoder\n{levels:.1f} levels", generator, start))
        print(f"{photo.name}: encoder, {levels:.1f} levels of 255 from the picture")
    spaces = [options.space] if options.only else _in_order(options.space)
    for space in spaces:
        found = project(generator, aligned.image, aligned.mask, space, start=start, steps=options.steps, **knobs)
        results[space] = found
        levels = found.distances[0]["levels"]
        entries.append(Entry(f"{space}\n{levels:.1f} levels", generator, found.codes))
        print(_line(photo, space, found.distances[0]))
        if found.interrupted:
            break
    # Interrupted before its turn came, the wanted space has nothing yet: the last one that has is taken.
    chosen = results.get(options.space) or found
    interrupted = found.interrupted
    tuned = None
    if options.tune and not interrupted:
        tuned = tune(generator, chosen.codes, aligned.image, aligned.mask, progress=not options.quiet,
                     network=network, steps=options.tune_steps, seed=options.seed)
        entries.append(Entry(f"tuned\n{tuned.levels:.1f} levels", tuned.generator, chosen.codes))
        print(f"{photo.name}: tuned, {tuned.levels:.1f} levels of 255 from the picture")
        interrupted = tuned.interrupted
    Session(generator, codes=chosen.codes).save(target, overwrite=options.force)
    written = [target]
    if options.force:                       # a difference of an older face would be taken for this one's
        for old in (difference_path(target), difference_path(target).with_suffix(".json")):
            old.unlink(missing_ok=True)
    if tuned is not None:
        written.append(save_difference(generator, tuned.difference, difference_path(target), options.force))
    written.append(save_png(inversion_sheet(aligned, entries), sheet_path(target)))
    print(f"{'Interrupted; the best so far is written' if interrupted else 'Written'}: "
          + ", ".join(str(path) for path in written))
    return interrupted


def _guess(generator: SemanticGenerator, aligned: Aligned, options: InvertOptions,
           network: FrozenFeatures) -> Tensor | None:
    """What the model's encoders say, W+ [1, n_latent, S]; None for a model without."""
    encoder = encoder_of(options.weights, generator.device)
    parts = load_part_encoder(options.weights, generator.config, generator.device)
    if encoder is None and parts is None:
        if options.start == "encoder":
            raise UserError(f'"{options.weights}" comes without an encoder. Leave out --start encoder: the descent '
                            "then begins at the mean face and takes a few steps more.")
        return None
    return first_guess(generator, aligned.image, aligned.mask, encoder, parts, network)


def find_photos(patterns: Sequence[str]) -> list[Path]:
    """The files that names and patterns mean, in order and once each."""
    found: list[Path] = []
    for pattern in patterns:
        path = user_path(pattern)
        if path.is_file() or not glob.has_magic(pattern):
            matches = [path]
        else:
            matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]
            if not matches:
                raise UserError(f'No file is called "{pattern}".')
        found += [match for match in matches if match not in found]
    return found


def sheet_path(target: Path) -> Path:
    """Where the sheet of a face file lies."""
    return target.with_suffix(".sheet.png")


def _in_order(space: str) -> list[str]:
    """All spaces, the wanted one last: the sheet then ends with what is saved."""
    return [*(other for other in SPACES if other != space), space]


def _check_free(target: Path, options: InvertOptions) -> None:
    """Better to know before minutes of work."""
    for path in (target, sheet_path(target), *([difference_path(target)] if options.tune else [])):
        refuse_existing(path, options.force)


def _line(photo: Path, space: str, face: dict) -> str:
    large = [iou for name, iou in face.get("iou", {}).items() if name in PARTS.names and PARTS[name].size == "large"]
    agreement = f", large parts' IoU {sum(large) / len(large):.2f}" if large else ""
    return (f"{photo.name}: {space}, {face['levels']:.1f} levels of 255 from the picture, distance "
            f"{face['distance']:.2f}, codes {face['prior']:.2f} deviations from the mean of W{agreement}")
