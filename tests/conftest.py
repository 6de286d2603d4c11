"""What holds for all tests: how examples are found, and what a test leaves of its process.

The gate takes the same ones each time and has all the time it needs for one, so that whether it
passes depends on the code alone. ``HYPOTHESIS_PROFILE=search`` (``make soak``) looks for others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

_MASK = os.umask(0o022)
os.umask(_MASK)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Commands that run within the test's process make their files private."""
    os.umask(_MASK)
    yield
    os.umask(_MASK)
