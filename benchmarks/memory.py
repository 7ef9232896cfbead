"""How much memory this process holds, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

KNOWN = Path("/proc/self/status").exists()


def resident(field: str) -> int:
    """Bytes: VmRSS, what this process holds, or VmHWM, the most it ever held. (`getrusage` counts its parent's
    too.)
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise LookupError(field)
