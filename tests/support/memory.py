"""What this process came to hold at most, as Linux counts it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

needs_peak = pytest.mark.skipif(
    not _RESET.exists(), reason="needs Linux, which tells a process's peak and forgets it"
)


@contextmanager
def peak_below(most: int) -> Iterator[None]:
    """Fail if the block takes more than so many bytes beyond what there is at its beginning."""
    gc.collect()
    _RESET.write_text("5")
    before = _kilobytes("VmRSS")
    yield
    grown = (_kilobytes("VmHWM") - before) * 1024
    assert grown < most, f"{grown:,} bytes, at most {most:,}"


def _kilobytes(name: str) -> int:
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith(name))
    return int(line.split()[1])
