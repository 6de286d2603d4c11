"""What this process has used: memory and CPU time, without its children's."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """Bytes and seconds."""

    memory: int | None
    """Resident now; None where the system does not tell (outside of Linux)."""
    peak_memory: int
    """The most that was resident at any time."""
    cpu_seconds: float
    """Of all threads, in user and system mode."""


def process_use() -> ProcessUse:
    """What this process uses now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Kilobytes on Linux, bytes on macOS (getrusage(2) of each).
    unit = 1 if sys.platform == "darwin" else 1024
    return ProcessUse(_resident(), used.ru_maxrss * unit, used.ru_utime + used.ru_stime)


def _resident() -> int | None:
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()
