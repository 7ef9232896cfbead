"""Where weights and data lie, and whether they are still what was shipped.

Three places, in this order:

1. the folder that the environment variable `SSGAN_DATA` names; where it is set, nothing else is looked at, so that
   one read-only copy can serve a whole class and nobody has to guess which copy was used;
2. `data/` beside the package, which is there in a clone (also one installed with `pip install -e`);
3. the user's cache folder, for a package installed without a clone.

Each of them holds the same tree and a `manifest.json` with the size and SHA-256 sum of every file in it. Nothing in
this module writes beside the data except `write_manifest`, which is for those who make the data:

    python -m ssgan_lite.assets            # rewrite the manifest from what is there
    python -m ssgan_lite.assets --check    # compare what is there with the manifest
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from ssgan_lite.errors import UserError
from ssgan_lite.storage import explain_reading, refuse_stand_in, sha256, user_path, write_text

MANIFEST = "manifest.json"

# What has been verified by this process: path -> (size, modification time, sum that was asked for). A pack of 25 MB
# takes a tenth of a second to hash, but a notebook that opens it in every second cell should not pay even that.
_verified: dict[Path, tuple[int, int, str]] = {}


def cache_folder() -> Path:
    """Where this package keeps what it can make again, by the custom of the platform; it need not exist.

    Where there is no home folder (a user without an entry, as in many containers), or none that can be written to, it
    is in the folder for temporary files.
    """
    folder = _cache_at_home()
    if folder is not None and (folder.is_dir() or os.access(_nearest(folder), os.W_OK)):
        return folder
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"ssgan-lite{user}"


def _cache_at_home() -> Path | None:
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        (base / "ssgan-lite").exists()
    except (RuntimeError, OSError):         # no home folder, or one that we may not look into
        return None
    return base / "ssgan-lite"


def _nearest(folder: Path) -> Path:
    """The folder itself or the first above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists() or place == place.parent)


def roots() -> list[Path]:
    """The folders in which data is looked for, best first; those that do not exist are left in."""
    named = os.environ.get("SSGAN_DATA")
    if named:
        folder = user_path(named)
        if not folder.is_dir():
            raise UserError(f'SSGAN_DATA names "{named}", which is not a folder. Point it to the data folder of a '
                            f"clone of ssgan-lite, or unset it.")
        # Whoever names the clone instead of its data folder means the same.
        inside = folder / "data"
        return [inside if not (folder / MANIFEST).exists() and (inside / MANIFEST).exists() else folder]
    at_home = _cache_at_home()
    return [Path(__file__).resolve().parent.parent / "data", *([at_home] if at_home else [])]


def find(relative_path: str | Path) -> Path:
    """The path of one file of the data tree, such as `weights/lite64.safetensors`; a missing one is a `UserError`."""
    places = roots()
    for root in places:
        if (root / relative_path).is_file():
            return root / relative_path
    looked = " and ".join(f'"{root}"' for root in places)
    raise UserError(f'The file "{Path(relative_path).as_posix()}" was not found in {looked}. {_how_to_get()}')


def find_all(pattern: str) -> list[Path]:
    """The listed files that match a pattern such as `heads/*.npz`, in order, from the first place that lists any.

    What counts is the manifest, not the folder: a file that is listed but gone is an error, a stray one is ignored.
    """
    places = roots()
    for root in places:
        if (root / MANIFEST).is_file():
            names = sorted(name for name in read_manifest(root) if Path(name).match(pattern))
            if names:
                return [find(name) for name in names]
    looked = " and ".join(f'"{root}"' for root in places)
    raise UserError(f'Nothing called "{pattern}" was found in {looked}. {_how_to_get()}')


def listed(pattern: str) -> list[str]:
    """The names, without folder and ending, of the listed files that match a pattern, be they there or not."""
    for root in roots():
        if (root / MANIFEST).is_file():
            if names := sorted(Path(name).stem for name in read_manifest(root) if Path(name).match(pattern)):
                return names
    return []


def read_manifest(root: Path) -> dict[str, dict]:
    """`{relative path: {"bytes": size, "sha256": sum}}` of one data tree."""
    path = root / MANIFEST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: {"bytes": int(e["bytes"]), "sha256": str(e["sha256"])} for name, e in entries.items()}
    except FileNotFoundError:
        raise UserError(f'There is no {MANIFEST} in "{root}", so nothing in it can be verified. '
                        f"{_how_to_get()}") from None
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f'"{path}" is damaged: it is not a list of files with sizes and sums. '
                        f"{_how_to_get()}") from None


def verify(path: str | Path) -> Path:
    """Compare a file with the manifest above it and return its path; a difference is a `UserError` that names it."""
    path = user_path(path)
    if not path.is_file():
        raise UserError(f'The file "{path}" is not there. {_how_to_get()}')
    root = next((folder for folder in path.absolute().parents if (folder / MANIFEST).is_file()), None)
    if root is None:
        raise UserError(f'No {MANIFEST} lies above "{path}", so it cannot be verified. {_how_to_get()}')
    name = path.absolute().relative_to(root).as_posix()
    entry = read_manifest(root).get(name)
    if entry is None:
        raise UserError(f'"{path}" is not listed in "{root / MANIFEST}". If you made it yourself, list it with '
                        f"`python -m ssgan_lite.assets`.")
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns, entry["sha256"])
    if _verified.get(path) == stamp:
        return path
    if status.st_size != entry["bytes"]:
        refuse_stand_in(path)
    if status.st_size < entry["bytes"]:
        raise UserError(f'"{path}" was cut short: it has {status.st_size:,} of {entry["bytes"]:,} bytes. {_again()}')
    try:
        same = status.st_size == entry["bytes"] and sha256(path) == entry["sha256"]
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    if not same:
        raise UserError(f'"{path}" was changed: its content is not what the manifest says. {_again()}')
    _verified[path] = stamp
    return path


def check(root: Path | None = None) -> list[str]:
    """What is wrong with a data tree, one sentence a file; an empty list if it is as shipped."""
    root = root or root_folder()
    trouble = []
    for name in sorted(read_manifest(root)):
        try:
            verify(root / name)
        except UserError as error:
            trouble.append(str(error))
    return trouble


def root_folder() -> Path:
    """The data tree in use: the first place that has a manifest."""
    places = roots()
    for root in places:
        if (root / MANIFEST).is_file():
            return root
    looked = " and ".join(f'"{root}"' for root in places)
    raise UserError(f"No data was found in {looked}. {_how_to_get()}")


def write_manifest(root: Path) -> dict[str, dict]:
    """List the shards and weights below `root` in its manifest, atomically; return what was listed."""
    files = [*root.rglob("*.npz"), *root.rglob("*.safetensors"),
             *(path for folder in ("weights", "measure", "directions") for path in (root / folder).rglob("*.json"))]
    entries = {path.relative_to(root).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
               for path in files}
    entries = dict(sorted(entries.items()))
    write_text(root / MANIFEST, json.dumps(entries, indent=1) + "\n")
    return entries


def _how_to_get() -> str:
    at_home = _cache_at_home()
    copy = f', or copy that folder to "{at_home}"' if at_home else ""
    return f"Clone ssgan-lite and set SSGAN_DATA to the data folder of the clone{copy}."


def _again() -> str:
    return "Fetch it again: in a clone, `git checkout` of this file restores it."


USAGE = """Usage: python -m ssgan_lite.assets [--check] [FOLDER]
Writes the manifest of a data tree; with --check it compares the files with the manifest."""


def main(arguments: list[str]) -> int:
    """`python -m ssgan_lite.assets [--check] [FOLDER]`"""
    folders = [Path(a) for a in arguments if not a.startswith("-")]
    if unknown := [a for a in arguments if a.startswith("-") and a != "--check"]:            # nothing is written
        asked = unknown[0] in ("-h", "--help")
        print(("" if asked else f"Unknown option: {unknown[0]}. ") + USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        if "--check" in arguments:
            trouble = check(folders[0] if folders else None)
            print("\n".join(trouble) or "All files are as the manifest says.")
            return 1 if trouble else 0
        root = folders[0] if folders else roots()[0]
        if not root.is_dir():
            raise UserError(f'There is no folder "{root}".')
        entries = write_manifest(root)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    size = sum(entry["bytes"] for entry in entries.values())
    print(f"{len(entries)} files, {size / 1e6:.1f} MB listed in {root / MANIFEST}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
