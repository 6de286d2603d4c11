"""What suits a worker of many threads around one event loop: allocator, collector, loop."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import anyio

from waypoint.errors import OpenFilesError

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
"""It has no wheels for Windows: there, asyncio's own loop runs."""

_MANY_FILES = 8_192
_FEWEST_FILES = 32
"""That a run opens: over plain files it takes 22, and one for each call in flight."""

_M_ARENA_MAX = -8
_ARENAS = 2
_M_MMAP_THRESHOLD = -3
_LARGE = 1024 * 1024
"""Bytes from which on a block is mapped on its own."""
_ALLOCATIONS = 5_000
"""Made and not freed, after which the garbage collector looks at the youngest; 700 by default."""


def run(function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """Run it to its end on an event loop, uvloop's where there is one; returns what it does.

    The loop's own work is done in C there: a tenth less CPU time for a run, and shorter delays.

    Raises:
        OpenFilesError: fewer files may be open at once than any command needs.
    """
    _allow_many_files()
    return anyio.run(function, *arguments, backend_options={"use_uvloop": HAS_UVLOOP})


def _allow_many_files() -> None:
    """Let as many be open as may be: a shell often allows fewer than its user may have."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = _MANY_FILES if most == unlimited else min(most, _MANY_FILES)
    if allowed != unlimited and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        allowed = wanted
    opened = sum(1 for _ in Path("/dev/fd").iterdir())
    if allowed != unlimited and allowed - opened < _FEWEST_FILES:
        raise OpenFilesError(f"{allowed}, of which {opened} are, and a run takes {_FEWEST_FILES}")


def tune_process() -> None:
    """Fit a process of our own to a run; before threads start."""
    # Documents, texts and vectors make no cycles: there is little to find, and the loop waits.
    gc.set_threshold(_ALLOCATIONS)
    gc.freeze()
    _keep_few_arenas()


def _keep_few_arenas() -> None:
    """Let threads share glibc's arenas, of which each keeps what was once freed in it.

    By default there are eight for each core; with two, 20,000 chunks took 191 MB at most instead
    of 228.
    """
    _set_allocator(_M_ARENA_MAX, _ARENAS)


def return_large_blocks() -> None:
    """Fix glibc's threshold for mapped blocks, which go back to the system when they are freed.

    It raises it by itself to the size of what was freed, so that a page of vectors, 16 MB as
    JSON, soon comes from a heap that small blocks keep from shrinking. Measured over 60 pages
    of 1,000 vectors: 178 MB to 260 MB without this, 180 MB to 145 MB with it.
    """
    _set_allocator(_M_MMAP_THRESHOLD, _LARGE)


def _set_allocator(parameter: int, value: int) -> None:
    """Of glibc; elsewhere nothing happens."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(parameter, value)
