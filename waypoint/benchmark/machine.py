"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from waypoint import __version__

_PACKAGES = ("anyio", "chromadb", "google-genai", "httpx2", "numpy", "orjson")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and what is installed on it."""

    system: str
    processor: str
    cores: int
    """That this process may use."""
    memory_bytes: int
    load_1m: float
    """Processes that wanted a core over the last minute, when the benchmark began: figures
    taken on a busy machine are worth little."""
    python: str
    waypoint: str
    packages: dict[str, str]


def this_machine() -> Machine:
    """The machine we run on."""
    return Machine(
        system=platform.platform(),
        processor=_processor(),
        cores=len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        load_1m=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        waypoint=__version__,
        packages={name: _version(name) for name in _PACKAGES},
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
