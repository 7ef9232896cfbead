"""Files that are whole or not there: everything the library writes goes through `atomic_write`."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssgan_lite.errors import UserError


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`; it takes the place of `path` when the block ends well.

    Whatever goes wrong, an older file at `path` stays as it was and nothing half-written is left behind. No space, a
    read-only folder and the like become a `UserError`. The data are flushed to the disk before the rename, so a power
    cut leaves the old file or the new one.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; ours get the permissions any new file would have.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise UserError(explain(error, path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def explain(error: OSError, path: str | os.PathLike) -> str:
    """One sentence for an error of the file system: what, where, and what to do."""
    folder = Path(path).parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f'No space is left on the disk for "{path}". Free some, or choose another folder.'
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f'"{folder}" cannot be written to. Choose another folder.'
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f'"{folder}" is not a folder. Choose another one.'
    return f'"{path}" cannot be written: {error.strerror or error}.'


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
