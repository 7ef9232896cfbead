"""Add shards to the pack that ships, and bring everything that counts or shows it up to date.

    python -m tools.heads.add ~/heads/heads-*.npz          # from the root of the repository; needs no renderer

Every shard is checked before anything is written: whole, of the pack's maker version, with the seeds that its name
says, following on those that are there. Then the manifest, `statistics.json`, the tables of `data/heads/README.md`,
figures and contact sheets are made anew. A shard that is there already is passed over, so the same command can be
given again. Without shards, everything is only made anew.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from ssgan_lite import assets
from ssgan_lite.errors import UserError
from ssgan_lite.storage import atomic_write, sha256

from .shards import Shard

DATA = Path(__file__).resolve().parents[2] / "data"
HEADS = DATA / "heads"
SHARD_SEEDS, SIZE = 500, 128


def check_shard(path: Path, version: str) -> int:
    """The first seed of a sound shard of this maker version; anything wrong with it is a `UserError`."""
    try:
        shard = Shard(path)
        made_by, seeds = str(shard.arrays["maker_version"]), shard.seeds
        images = [shard.image(row) for row in range(len(seeds))]
    except Exception as error:                        # damaged files raise errors of many kinds
        raise UserError(f'"{path}" cannot be read as a shard of heads ({error}).') from None
    if made_by != version:
        raise UserError(f'"{path}" was made by version {made_by} of the maker, the pack by {version}. All heads of a '
                        "pack come from one version.")
    number = path.stem.removeprefix("heads-")
    first = int(number) if number.isdecimal() else -1
    if first % SHARD_SEEDS or path.name != f"heads-{first:06d}.npz" or seeds.tolist() != [*range(first, first + 500)]:
        raise UserError(f'"{path}" must be called after its first seed and hold {SHARD_SEEDS} heads: its seeds are '
                        f"{seeds.min()} to {seeds.max()}.")
    if shard.masks.shape != (SHARD_SEEDS, SIZE, SIZE) or any(image.shape != (SIZE, SIZE, 3) for image in images):
        raise UserError(f'"{path}" has images or masks that are not {SIZE} x {SIZE} pixels.')
    return first


def add_shards(paths: list[Path], heads: Path = HEADS) -> list[Path]:
    """Copy shards into the folder `heads` after all of them were checked; returns the new ones."""
    there = sorted(heads.glob("heads-*.npz"))
    if not there:
        raise UserError(f'"{heads}" has no shards to add to.')
    with np.load(there[0], allow_pickle=False) as shard:
        version = str(shard["maker_version"])
    new = {}
    for path in paths:
        target = heads / path.name
        first = check_shard(path, version)
        if target.exists():
            if sha256(target) != sha256(path):
                raise UserError(f'"{path}" differs from the shard of that name in the pack. A shard never changes.')
        else:
            new[first] = path
    wanted = len(there) * SHARD_SEEDS
    for first in sorted(new):
        if first != wanted:
            raise UserError(f'The pack must have no gap: seed {wanted} is next, and "{new[first].name}" begins at '
                            f"{first}.")
        wanted += SHARD_SEEDS
    for path in new.values():
        with atomic_write(heads / path.name) as temporary:
            shutil.copyfile(path, temporary)
    return [heads / new[first].name for first in sorted(new)]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.heads.add", description="Add shards to the pack that ships, and renew its manifest, "
        "statistics, tables, figures and contact sheets.")
    parser.add_argument("shards", nargs="*", type=Path, help="files made by `python -m tools.heads`")
    arguments = parser.parse_args()
    try:
        added = add_shards(arguments.shards)
        assets.write_manifest(DATA)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(added)} shards added: {', '.join(path.name for path in added) or 'all were there'}")
    os.environ["SSGAN_DATA"] = str(DATA)              # the pack of this repository, whatever else is installed
    from . import gallery, statistics

    statistics.main()
    gallery.main()
    print("Now run tests/test_heads_pack.py and tests/test_data.py, and commit what changed in data/.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
