"""Command line of the maker: `python -m tools.heads ...`, run from the root of the repository."""

import argparse
import sys
from pathlib import Path

from . import MAKER_VERSION


def _seed_range(text: str):
    try:
        first, stop = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a range of seeds; write FIRST:STOP, for example 0:500") from None
    if not 0 <= first < stop:
        raise argparse.ArgumentTypeError(f"{text!r} is empty or negative; write FIRST:STOP with 0 <= FIRST < STOP")
    return first, stop


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tools.heads",
        description=f"Render heads with masks and attributes (maker version {MAKER_VERSION}).")
    parser.add_argument("--seeds",
                        type=_seed_range,
                        required=True,
                        metavar="FIRST:STOP",
                        help="which heads, for example 0:500 (STOP is left out)")
    parser.add_argument("--out",
                        type=Path,
                        required=True,
                        help="folder for shards of 500 heads and for work in progress")
    parser.add_argument("--processes",
                        type=int,
                        default=1,
                        help="each uses one core and about 1.5 GB of memory (default: 1)")
    parser.add_argument("--sheet",
                        action="store_true",
                        help="only draw a contact sheet of these heads, OUT/sheet-FIRST-STOP.png")
    parser.add_argument("--masks", action="store_true", help="with --sheet: each mask beside its picture")
    arguments = parser.parse_args()
    first, stop = arguments.seeds
    if arguments.processes < 1:
        parser.error("--processes must be at least 1")
    if arguments.sheet:
        from .portrait import make_portrait
        from .sheets import contact_sheet

        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / f"sheet-{first}-{stop}.png"
        contact_sheet([make_portrait(seed) for seed in range(first, stop)], masks=arguments.masks).save(path)
        print(path)
        return 0
    from .produce import produce

    return 1 if produce(first, stop, arguments.out, arguments.processes) else 0


if __name__ == "__main__":
    sys.exit(main())
