"""Paths of the user, atomic file writes, tensors with their description, checkpoints that can run no code.

Everything the library writes goes through `atomic_write`: a file is whole or not there. Networks are kept in pairs:
`name.safetensors`, and beside it `name.json`, which says what they are and holds the sum of the tensor file, so that
the two cannot be mixed up unnoticed (`save_tensors`, `load_tensors`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ssgan_lite.errors import UserError

try:
    import fcntl
except ImportError:                         # Windows
    fcntl = None


def user_path(path: str | os.PathLike) -> Path:
    """A path as its user means it: "~" is the home folder, in whatever way the path came here.

    It need not exist. One that cannot be looked at (no permission, a name too long for the disk) is a `UserError`.
    """
    try:
        path = Path(path).expanduser()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass                                # whoever needs it to be there says so in a better way
    except RuntimeError:
        raise UserError(f'"{path}" begins with the home folder, and whose that is is not known here. Write the whole '
                        "path.") from None
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    except (TypeError, ValueError):         # a number, or text with a zero byte
        raise UserError(f"{str(path)!r} is not the name of a file.") from None
    return path


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`; it takes the place of `path` when the block ends well.

    Whatever goes wrong, an older file at `path` stays as it was and nothing half-written is left behind, not even an
    empty folder. No space, a read-only folder and the like become a `UserError`. The data are flushed to the disk
    before the rename, so a power cut leaves the old file or the new one. Only a process that is killed leaves its
    temporary file; `remove_leftovers` finds it.
    """
    path = user_path(path)
    temporary, made = None, []
    try:
        made = _make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; ours get the permissions any new file would have.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary, made = None, []
    except OSError as error:
        raise UserError(explain(error, path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        for folder in made:
            if not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def claim_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Within: the folder exists and no other process, on this machine, can claim it; if it is taken, a `UserError`.

    Everything that writes a folder over some time claims it first. The lock is on the folder itself, so it needs no
    file, and ends with the process however that ends. Where folders cannot be locked (Windows, some network drives)
    there is none. A folder that was made here and is empty in the end is removed, and so are those made above it.
    """
    folder = user_path(folder)
    made, handle = [], None
    try:
        try:
            made = _make_folder(folder)
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "not a folder")
            handle = _lock(folder)
        except OSError as error:
            raise UserError(explain(error, folder / "file")) from error
        yield
    finally:
        if handle is not None:
            os.close(handle)
        for new in made:
            try:
                new.rmdir()
            except OSError:                 # not empty
                break


def _lock(folder: Path) -> int | None:
    """A handle of the locked folder, to be closed in the end."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f'Another process is writing to "{folder}". Wait until it has ended, or choose another '
                        "folder.") from None
    except OSError:
        pass                                # a file system without locks
    return handle


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write text atomically, as UTF-8; what has no place in UTF-8, such as odd bytes of a file's name, is escaped."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in a folder and below it."""
    for path in leftovers(folder):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(explain(error, path)) from error


def leftovers(folder: Path) -> list[Path]:
    """The temporary files of `atomic_write` in a folder and below it."""
    return sorted(folder.rglob(".*.part"))


def sha256(path: Path) -> str:
    """The SHA-256 sum of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensor_path(path: str | os.PathLike) -> Path:
    """The path with the ending .safetensors, which is added where it is missing ("v1.5" keeps its ".5")."""
    path, text = user_path(path), os.fspath(path)
    if path.is_dir() or text.endswith(("/", os.sep)):
        raise UserError(f'"{text}" names a folder. Add the name of the file, such as '
                        f'"{path / "weights.safetensors"}".')
    if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".pkl", ".bin", ".json"):
        raise UserError(f'"{text}" would be a file of another kind: give it the ending .safetensors.')
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def save_tensors(path: str | os.PathLike, tensors: dict[str, Tensor], kind: str, description: dict) -> None:
    """Write tensors to `path` (.safetensors) and what they are to the .json beside it.

    kind: what `load_tensors` will ask for, such as "ssgan-lite generator 1".
    """
    path = tensor_path(path)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Both are written before either takes its place: a pair that does not match is of no use.
    with atomic_write(path.with_suffix(".json")) as json_file, atomic_write(path) as tensor_file:
        # `save_file` would hide a full disk behind an error of its own.
        tensor_file.write_bytes(save(tensors))
        content = {"format": kind, "sha256": sha256(tensor_file), **description}
        json_file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_tensors(path: str | os.PathLike, kind: str, needs: dict[str, type]) -> tuple[dict[str, Tensor], dict]:
    """The tensors in `path` (.safetensors) and the description beside them; `needs` as in `read_description`.

    Raises UserError where a file is missing, damaged, of another kind, or where the two do not belong together.
    """
    path = Path(path)
    description = read_description(path, kind, needs)
    refuse_stand_in(path)
    try:
        tensors = load(path.read_bytes())   # `load_file` cannot open names that are not UTF-8
    except (SafetensorError, OSError) as error:
        raise UserError(f'"{path}" cannot be read ({error}); it is missing or was cut short. Fetch it '
                        "again.") from None
    if sha256(path) != description["sha256"]:
        raise UserError(f'"{path}" is not the file that "{path.with_suffix(".json").name}" describes: it was '
                        "changed, or the two are from different runs. Fetch both again.")
    return tensors, description


def read_description(path: str | os.PathLike, kind: str, needs: dict[str, type]) -> dict:
    """What the .json beside `path` (.safetensors) says; `needs`: the entries that it must have, and their types."""
    path = Path(path)
    beside = path.with_suffix(".json")
    if not path.exists():
        raise UserError(f'There are no weights at "{path}".')
    if beside.exists():
        refuse_stand_in(beside)
    try:
        description = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f'"{beside}", which says what model "{path.name}" is, is missing. Copy both.') from None
    except (ValueError, OSError) as error:
        raise UserError(f'"{beside}" cannot be read ({error}). Fetch it again.') from None
    if (not isinstance(description, dict) or description.get("format") != kind
            or not all(isinstance(description.get(name), of) for name, of in {"sha256": str, **needs}.items())):
        raise UserError(f'"{beside}" does not describe a file of the kind "{kind}".')
    return description


def refuse_stand_in(path: str | os.PathLike) -> None:
    """Raise a `UserError` for what a failed download leaves: a web page, a Git LFS pointer, or nothing at all."""
    try:
        with open(path, "rb") as file:
            head = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError as error:
        raise UserError(explain_reading(error, path)) from None
    if head.startswith(b"version https://git-lfs"):
        raise UserError(f'"{path}" is a Git LFS pointer, which only names the file. Run `git lfs pull` in its '
                        "folder, or download the file itself.")
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise UserError(f'"{path}" is a web page (HTML), saved in place of the file: open it to see what the site '
                        "said, and download the file itself.")


def save_torch(value: object, path: Path) -> None:
    """`torch.save`, but a disk that is full or the like is an `OSError`, not a `RuntimeError` without a cause."""
    with open(path, "wb") as file:
        writer = _Recorder(file)
        try:
            torch.save(value, writer)
        except RuntimeError:
            if writer.error is not None:
                raise writer.error from None
            raise


def load_torch(path: str | os.PathLike, safe: tuple[type, ...] = ()) -> object:
    """`torch.load` on the CPU that can run no code; what is missing, damaged or unsafe becomes a `UserError`.

    safe: classes that the file may hold beside tensors and plain types.
    """
    path = Path(path)
    refuse_stand_in(path)
    try:
        # torch itself does not look at the sums in the archive, so a changed byte would pass for a changed weight.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (bad := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(f"the sum of {bad} is wrong")
        # Opened here: torch cannot open names that are not UTF-8.
        with torch.serialization.safe_globals(list(safe)), open(path, "rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f'"{path}" is damaged, or holds objects that could run code; it was not loaded '
                        f"({_gist(error)}).") from None
    except Exception as error:      # damaged bytes can raise anything, from KeyError to struct.error
        raise UserError(f'"{path}" cannot be read as a checkpoint ({_gist(error)}). It was cut short '
                        "or changed.") from None


def explain(error: OSError, path: str | os.PathLike) -> str:
    """One sentence for an error of the file system: what, where, and what to do."""
    folder = Path(path).parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f'No space is left on the disk for "{path}". Free some, or choose another folder.'
    if error.errno == errno.EFBIG:
        return f'"{path}" would be larger than files may be here. Raise the limit (ulimit -f), or use another folder.'
    if error.errno == errno.ENAMETOOLONG:
        return _too_long(path)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f'"{folder}" cannot be written to. Choose another folder.'
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f'"{folder}" is not a folder. Choose another one.'
    return f'"{path}" cannot be written: {error.strerror or error}.'


def explain_reading(error: OSError, path: str | os.PathLike) -> str:
    """The same for a file that was to be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return f'"{path}" cannot be read: this user has no permission to. Ask its owner, or copy it.'
    if error.errno == errno.ENAMETOOLONG:
        return _too_long(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f'There is no file "{path}".'
    if error.errno == errno.EISDIR:
        return f'"{path}" is a folder, not a file.'
    return f'"{path}" cannot be read: {error.strerror or error}.'


def _too_long(path: str | os.PathLike) -> str:
    return f'"{os.fspath(path)[:60]}..." is a longer name than the disk allows. Choose a shorter one.'


class _Recorder:
    """A file that remembers why writing to it failed: torch swallows the reason."""

    def __init__(self, file):
        self.file, self.error = file, None

    def write(self, data) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the new ones, innermost first."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
    return missing


def _gist(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
