"""A deadline counts the time in which the process could have taken an answer."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.providers.awake import fail_after_awake


@pytest.mark.parametrize("seconds", [0.5, 1, 2.5, 60])
def test_it_ends_what_takes_longer(seconds: float) -> None:
    """At that time, and not what takes a little less."""

    async def main() -> None:
        start = asyncio.get_running_loop().time()
        with fail_after_awake(seconds):
            await anyio.sleep(seconds - 0.1)
        with pytest.raises(TimeoutError), fail_after_awake(seconds):
            await anyio.sleep(seconds + 0.1)
        assert asyncio.get_running_loop().time() - start == pytest.approx(
            2 * seconds - 0.1, abs=0.01
        )
        await anyio.sleep(2 * seconds)

    run_virtual(main)


async def test_a_pause_of_the_process_is_not_counted() -> None:
    """What came meanwhile is taken."""
    told = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, told.set)
    with fail_after_awake(1.5):
        time.sleep(2)  # noqa: ASYNC251 - it is the process that stands still
        await told.wait()


def test_a_cancellation_from_outside_stays_one() -> None:
    """It is no timeout."""

    async def main() -> None:
        with anyio.move_on_after(1) as outer, fail_after_awake(60):
            await anyio.sleep(30)
        assert outer.cancelled_caught

    run_virtual(main)
