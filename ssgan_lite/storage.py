"""Files that are whole or not there: everything the library writes goes through `atomic_write`."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ssgan_lite.errors import UserError


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`; it takes the place of `path` when the block ends well.

    Whatever goes wrong, an older file at `path` stays as it was and nothing half-written is left behind, not even an
    empty folder. No space, a read-only folder and the like become a `UserError`. The data are flushed to the disk
    before the rename, so a power cut leaves the old file or the new one. Only a process that is killed leaves its
    temporary file; `remove_leftovers` finds it.
    """
    path = Path(path)
    temporary, made = None, []
    try:
        made = _make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
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
    try:
        # torch itself does not look at the sums in the archive, so a changed byte would pass for a changed weight.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (bad := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(f"the sum of {bad} is wrong")
        with torch.serialization.safe_globals(list(safe)):
            return torch.load(path, map_location="cpu", weights_only=True)
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
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f'"{folder}" cannot be written to. Choose another folder.'
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f'"{folder}" is not a folder. Choose another one.'
    return f'"{path}" cannot be written: {error.strerror or error}.'


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
