"""A training run as one picture, or as an animation: rows are snapshots, columns are faces from fixed seeds.

    python tools/timelapse.py runs/first --png first.png --gif first.gif [--count 12] [--seeds 0:8] [--masks]

The run must have taken snapshots, which it does unless told otherwise; the name of weights that ship with snapshots
("nano32") does as well.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ssgan_lite.cli import parse_seeds
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write
from ssgan_lite.train import timelapse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--png", type=Path)
    parser.add_argument("--gif", type=Path)
    parser.add_argument("--count", type=int, default=12, help="snapshots (default: %(default)s)")
    parser.add_argument("--seeds", default="0:8", help="(default: %(default)s)")
    parser.add_argument("--psi", type=float, default=1.0, help="truncation (default: none)")
    parser.add_argument("--scale", type=int, default=2, help="enlarge every pixel (default: %(default)s)")
    parser.add_argument("--masks", action="store_true", help="the masks, too")
    options = parser.parse_args()
    if not (options.png or options.gif):
        parser.error("name a file: --png or --gif")
    try:
        rows = timelapse.of_run(options.run, parse_seeds(options.seeds), options.count, options.masks, options.psi,
                                options.scale)
        if options.png:
            with atomic_write(options.png) as temporary:
                timelapse.strip(rows).save(temporary, "PNG", optimize=True)
        if options.gif:
            timelapse.save_gif(timelapse.frames(rows), options.gif)
    except UserError as error:
        print(f"timelapse: {error}", file=sys.stderr)
        return 2
    print(f"{len(rows)} snapshots, {', '.join(f'{images:,}' for images in rows)} images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
