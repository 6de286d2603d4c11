"""What this process has used: memory and CPU time, without its children's."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")
_STATUS = Path("/proc/self/status")


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
    peak = _peak() or used.ru_maxrss * unit
    return ProcessUse(_resident(), peak, used.ru_utime + used.ru_stime)


def _resident() -> int | None:
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def _peak() -> int | None:
    """On Linux, where ru_maxrss may be that of the process which started this one.

    The kernel counts the memory that is given up at an exec as the new program's, too.
    """
    try:
        lines = _STATUS.read_bytes().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:")]
    return kilobytes[0] * 1024 if kilobytes else None
