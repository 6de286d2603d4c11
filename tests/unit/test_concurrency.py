"""The number of calls in flight that is of use, against services of several kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from tests.support.virtual_time import run_virtual
from waypoint.embedding.concurrency import AUTO_START, CallSlots
from waypoint.events import ConcurrencyChanged, Event, EventBus

SECONDS = 120.0


@dataclass(slots=True)
class Load:
    """What a test service sees."""

    in_flight: int = 0
    most: int = 0
    answered: int = 0


def limit_after(
    latency: Callable[[int, float], float | None],
    *,
    most: int = 64,
    adaptive: bool = True,
    before: float = 0.0,
    after: float = 0.0,
) -> tuple[int, Load]:
    """The limit after two minutes of endless demand, and what the service saw.

    ``latency``: seconds by calls in flight and time, None for an overload. ``before`` and
    ``after``: seconds that a worker waits, with its slot, for the quota and for the store.
    """

    async def run() -> tuple[int, Load]:
        loop = asyncio.get_running_loop()
        begin, load, bus = loop.time(), Load(), EventBus()
        slots = CallSlots(most, bus, adaptive=adaptive, clock=loop.time)

        async def work() -> None:
            while True:
                await slots.take()
                try:
                    await anyio.sleep(before)
                    with slots.call():
                        load.in_flight += 1
                        load.most = max(load.most, load.in_flight)
                        seconds = latency(load.in_flight, loop.time() - begin)
                        await anyio.sleep(0.1 if seconds is None else seconds)
                        load.in_flight -= 1
                    if seconds is None:
                        slots.overloaded()
                        await anyio.sleep(0.5)
                    else:
                        load.answered += 1
                        slots.answered(100, seconds)
                    await anyio.sleep(after)
                finally:
                    slots.give_back()

        with anyio.move_on_after(SECONDS):
            async with anyio.create_task_group() as group:
                for _ in range(most):
                    group.start_soon(work)
        return slots.limit, load

    return run_virtual(run)


def test_a_service_that_bears_everything_gets_all() -> None:
    """One call more after each round, up to the most there may be."""
    limit, load = limit_after(lambda _calls, _time: 0.3)
    assert limit == load.most == 64


def test_calls_do_not_queue_up_at_a_service_of_limited_width() -> None:
    """Beyond ten at once each call waits for the others: about ten are found."""
    limit, load = limit_after(lambda calls, _time: 0.3 * max(1.0, calls / 10))
    assert 8 <= limit <= 18
    assert load.answered > 0.9 * 10 / 0.3 * SECONDS


def test_an_overloaded_service_is_spared() -> None:
    """A 503 from the ninth call on: the limit stays about eight."""
    limit, load = limit_after(lambda calls, _time: None if calls > 8 else 0.3)
    assert 4 <= limit <= 9
    assert load.answered > 0.6 * 8 / 0.3 * SECONDS


def test_what_becomes_slower_gets_less_and_what_recovers_more() -> None:
    """A service that is three times as slow for a while under the same load."""
    limit, _ = limit_after(lambda calls, _time: 0.3 * max(1.0, calls / 4))
    assert limit <= 9
    limit, _ = limit_after(lambda _calls, time: 0.9 if time < 20 else 0.3)
    assert limit > 30


def test_a_quota_that_binds_asks_for_no_more_calls() -> None:
    """Slots whose holders wait for quota are of no use, and none is added."""
    limit, load = limit_after(lambda _calls, _time: 0.2, before=1.0)
    assert limit == AUTO_START
    assert load.most <= AUTO_START


def test_a_store_that_binds_asks_for_no_more_calls() -> None:
    """Nor are those whose holders wait for the writer."""
    limit, _ = limit_after(lambda _calls, _time: 0.2, after=1.0)
    assert limit <= AUTO_START + 1


def test_a_fixed_number_stays() -> None:
    """Whatever the service does."""
    limit, load = limit_after(
        lambda calls, _time: None if calls > 3 else 0.3, adaptive=False, most=8
    )
    assert limit == load.most == 8


def test_changes_are_told() -> None:
    """With the new number and why."""
    events: list[Event] = []
    bus = EventBus()
    bus.subscribe(events.append)
    slots = CallSlots(64, bus, adaptive=True)
    slots.overloaded()
    assert events == [ConcurrencyChanged(2, "the service is overloaded")]
