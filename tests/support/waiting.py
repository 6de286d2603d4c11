"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL = 0.01


def wait_until(condition: Callable[[], bool], *, timeout: float = 60.0) -> None:
    """Return as soon as the condition holds; fails after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(_POLL)
