"""The wish to stop, and the waits it cuts short."""

from __future__ import annotations

import anyio
import pytest

from waypoint.stopping import Stop, StopRequested


async def test_waits_are_cut_short_at_once() -> None:
    """All of them, each with the reason."""
    stop = Stop()
    cut: list[str] = []

    async def wait() -> None:
        with pytest.raises(StopRequested) as caught, stop.interruptible():
            await anyio.sleep_forever()
        cut.append(str(caught.value))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert not cut
            stop.request("SIGINT")
    assert cut == ["SIGINT"] * 3


async def test_no_wait_begins_after_the_request() -> None:
    """Its body is not entered at all."""
    stop = Stop()
    stop.request("SIGTERM")
    with pytest.raises(StopRequested), stop.interruptible():
        pytest.fail("entered")


async def test_the_first_reason_counts() -> None:
    """A second request changes nothing."""
    stop = Stop()
    stop.request("first")
    stop.request("second")
    assert stop.requested
    assert stop.reason == "first"
    with anyio.fail_after(5):
        await stop.wait()


async def test_what_is_not_a_wait_goes_on() -> None:
    """Only what stands within ``interruptible`` is cut short."""
    stop = Stop()
    with stop.interruptible():
        await anyio.lowlevel.checkpoint()
    stop.request("SIGINT")
    await anyio.lowlevel.checkpoint()


async def test_an_error_of_the_wait_passes() -> None:
    """It is not taken for the wish to stop."""
    stop = Stop()
    with pytest.raises(KeyError), stop.interruptible():
        raise KeyError


async def test_a_cancellation_from_outside_is_not_taken_for_a_stop() -> None:
    """Also when both come together."""
    stop = Stop()
    with anyio.move_on_after(60) as outer:
        with stop.interruptible():
            outer.cancel()
            stop.request("SIGINT")
            await anyio.sleep_forever()
        pytest.fail("went on")
    assert outer.cancelled_caught


async def test_shielded_writes_are_not_cut() -> None:
    """What must be written may stand within a wait, if it is shielded."""
    stop = Stop()
    written: list[str] = []

    async def write() -> None:
        with stop.interruptible():
            stop.request("SIGINT")
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                written.append("whole")
            await anyio.lowlevel.checkpoint()

    with pytest.raises(StopRequested):
        await write()
    assert written == ["whole"]
