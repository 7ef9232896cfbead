"""`ssgan-lite measure WEIGHTS`: its options, and from them to the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssgan_lite.errors import UserError

MEASURES = "distances agreement leak diversity speed"
EXAMPLE = "ssgan-lite measure lite64 --n 512 --out report/"


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the options; importing torch and the measures is left to `run`, so that --help is quick."""
    add = command.add_argument
    add("weights", metavar="WEIGHTS", help="a shipped name or a .safetensors file")
    add("--baseline", default="", metavar="WEIGHTS", help="a second model beside it, such as the monolithic one")
    add("--n", type=int, default=512, help="generated faces, for distances and mask agreement (default: %(default)s)")
    add("--seed", type=int, default=0, help="another seed measures other faces (default: %(default)s)")
    add("--out", type=Path, help="a folder for measure.txt, measure.json and measure.png; without it only the table "
                                 "is printed")
    add("--force", action="store_true", help="replace a report that is there")
    add("--quick", action="store_true", help="few faces: a look within a minute or two, not a measurement")
    add("--only", nargs="+", default=MEASURES.split(), metavar="MEASURE", help=f"some of: {MEASURES} (default: all)")
    add("--leak-faces", type=int, default=256, help="faces edited for each part and kind (default: %(default)s)")
    add("--data", default="heads", help="the real faces (default: %(default)s)")
    add("--split", default="train", help="which of them: train, val or all (default: %(default)s)")
    add("--inception", type=Path, metavar="FILE", help="take the features of the FID's Inception network; FILE is "
                                                       "pt_inception-2015-12-05-6726825d.pth of pytorch-fid")
    add("--parser", type=Path, metavar="FILE", help="another parser than the shipped one")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default: %(default)s)")
    add("--batch", type=int, default=16, help="faces at a time (default: %(default)s)")
    add("--quiet", action="store_true", help="no progress bars")


def run(options: argparse.Namespace) -> int:
    from ssgan_lite.device import choose_device
    from ssgan_lite.measure import report
    from ssgan_lite.measure.run import MeasureOptions, measure

    if options.out is not None:
        report.check_folder(options.out, options.force)
    if options.force and options.out is None:
        raise UserError("--force replaces the report in --out; name that folder too.")
    chosen = MeasureOptions(
        weights=options.weights, baseline=options.baseline, n=options.n, leak_faces=options.leak_faces,
        seed=options.seed, data=options.data, split=options.split, only=tuple(options.only),
        inception=options.inception, parser=options.parser, device=str(choose_device(options.device)),
        batch=options.batch, quiet=options.quiet)
    result = measure(chosen.quick() if options.quick else chosen)
    print(report.table(result), end="")
    if options.out is not None:
        print("\nWritten: " + ", ".join(map(str, report.write(result, options.out))))
    return 0
