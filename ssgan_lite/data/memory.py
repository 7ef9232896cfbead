"""Memory checks before a large data set is loaded."""

from __future__ import annotations

import sys

from ssgan_lite.errors import UserError

WORTH_SAYING = 1_000_000_000       # bytes: smaller amounts are not reported


def available_memory() -> int | None:
    """Bytes that can be used without swapping; None where the system does not say (other than Linux)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def check_fits(needed: int, what: str, advice: str) -> None:
    """Raise `UserError` if `what` needs more bytes than are free; report large amounts that fit on standard error."""
    free = available_memory()
    if free is not None and needed > free:
        raise UserError(f"{what} needs {size_in_words(needed)} of memory, and {size_in_words(free)} are free. "
                        f"{advice}")
    if needed >= WORTH_SAYING:
        print(f"{what}: {size_in_words(needed)} of memory", file=sys.stderr)


def size_in_words(size: float) -> str:
    """12_600_000 as "13 MB", 7_340_000_000 as "7.3 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 999.5e6 else f"{size / 1e6:.0f} MB"
