"""The process of a run: which loop it has, and how often its collector looks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from waypoint.ingestion import runtime


@pytest.fixture
def threshold() -> Iterator[None]:
    """What the collector is told stays within the test."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def loop_of(*arguments: int) -> tuple[str, tuple[int, ...]]:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0], arguments


@pytest.mark.parametrize(("has", "loop"), [(runtime.HAS_UVLOOP, "uvloop"), (False, "asyncio")])
def test_a_run_has_the_quickest_loop_there_is(
    monkeypatch: pytest.MonkeyPatch, has: bool, loop: str
) -> None:
    """uvloop's where it is installed, and asyncio's own elsewhere."""
    if loop == "uvloop" and not has:
        pytest.skip("uvloop has no wheel for this system")
    monkeypatch.setattr(runtime, "HAS_UVLOOP", has)
    assert runtime.run(loop_of, 1, 2) == (loop, (1, 2))


def test_the_collector_looks_less_often(threshold: None) -> None:
    """How it treats the old is left as it was."""
    _, middle, old = gc.get_threshold()
    runtime.tune_process()
    assert gc.get_threshold() == (5_000, middle, old)
