"""The sleep until the day's quota begins anew."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.rate_limit.daily_reset import DailyReset
from waypoint.embedding.rate_limit.day import DayCount, come_back_at, daily_quota_error
from waypoint.errors import DailyQuotaError
from waypoint.observe.events import Event, EventBus, WaitingForDailyReset
from waypoint.service_day import next_service_day, service_day
from waypoint.stopping import Stop, StopRequested

EVENING = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
"""22:00 in the Pacific time zone; its midnight is at 08:00 UTC."""
MIDNIGHT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def reset(events: list[Event], stop: Stop, began: float) -> DailyReset:
    """One whose wall clock goes with the loop's, from the evening on."""
    bus = EventBus()
    bus.subscribe(events.append)
    loop = asyncio.get_running_loop()
    return DailyReset(stop, bus, now=lambda: EVENING + timedelta(seconds=loop.time() - began))


def test_all_workers_sleep_until_midnight_and_it_is_told_once() -> None:
    """Pacific time, whatever ours is."""

    async def run() -> tuple[float, list[Event]]:
        events: list[Event] = []
        began = asyncio.get_running_loop().time()
        sleeper = reset(events, Stop(), began)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(sleeper.wait, daily_quota_error(1_000, now=EVENING))
        return asyncio.get_running_loop().time() - began, events

    seconds, events = run_virtual(run)
    assert seconds == pytest.approx(2 * 3_600 + 5, abs=1)
    assert events == [WaitingForDailyReset("2026-11-24T08:00:05+00:00")]


@pytest.mark.parametrize(
    ("told", "seconds", "at"),
    [
        (None, 2 * 3_600 + 5, "2026-11-24T08:00:05+00:00"),
        (EVENING + timedelta(seconds=90.75), 90.75, "2026-11-24T06:01:30+00:00"),
        (EVENING + timedelta(seconds=0.5), 0.5, "2026-11-24T06:00:00+00:00"),
        (EVENING - timedelta(seconds=1), 0, "2026-11-24T05:59:59+00:00"),
    ],
)
def test_it_sleeps_until_the_time_that_was_told(
    told: datetime | None, seconds: float, at: str
) -> None:
    """Or, if none was, until the service's midnight; neither shorter nor longer."""

    async def run() -> tuple[float, list[Event]]:
        events: list[Event] = []
        began = asyncio.get_running_loop().time()
        error = DailyQuotaError("used up", hint="", remaining=0, come_back_at=told)
        await reset(events, Stop(), began).wait(error)
        return asyncio.get_running_loop().time() - began, events

    slept, events = run_virtual(run)
    assert slept == pytest.approx(seconds, abs=0.01)
    assert events == [WaitingForDailyReset(at)]


def test_a_stop_wakes_it() -> None:
    """At once."""

    async def run() -> float:
        stop = Stop()
        began = asyncio.get_running_loop().time()
        sleeper = reset([], stop, began)
        async with anyio.create_task_group() as group:

            async def sleep() -> None:
                with pytest.raises(StopRequested):
                    await sleeper.wait(daily_quota_error(None, now=EVENING))

            group.start_soon(sleep)
            await anyio.sleep(100)
            stop.request("SIGTERM")
        return asyncio.get_running_loop().time() - began

    assert run_virtual(run) == pytest.approx(100, abs=0.1)


def test_just_after_midnight_the_service_may_be_behind() -> None:
    """Then it is asked again soon, not a day later."""
    assert come_back_at(EVENING) == MIDNIGHT + timedelta(seconds=5)
    after = MIDNIGHT + timedelta(minutes=1)
    assert come_back_at(after) == after + timedelta(minutes=15)
    assert come_back_at(MIDNIGHT + timedelta(hours=1)) > MIDNIGHT + timedelta(hours=23)
    # On the day of 23 hours as well.
    spring = datetime(2026, 3, 8, 8, 5, tzinfo=UTC)
    assert come_back_at(spring) == spring + timedelta(minutes=15)


def test_our_own_count_begins_anew_with_our_own_day() -> None:
    """Used up in the first minutes of a day, there is more at the next midnight, not before."""
    after = MIDNIGHT + timedelta(minutes=10)
    with pytest.raises(DailyQuotaError) as caught:
        DayCount(1_000, 1_000, lambda: after).check(1)
    assert caught.value.come_back_at == MIDNIGHT + timedelta(days=1, seconds=5)


def test_the_service_day_keeps_summer_time() -> None:
    """Days of 23 and of 25 hours included."""
    for day, hours in (("2026-03-08", 23), ("2026-11-01", 25), ("2026-07-01", 24)):
        begin = next_service_day(datetime.fromisoformat(f"{day}T02:00:00+00:00"))
        assert service_day(begin) == datetime.fromisoformat(day).date()
        assert next_service_day(begin) - begin == timedelta(hours=hours)


def test_the_error_says_when_to_come_back() -> None:
    """As a time and as a span, and the option that waits."""
    hint = daily_quota_error(1_000, now=EVENING).hint
    assert "2 h 01 min" in hint or "2 h 00 min" in hint
    assert "--wait" in hint
