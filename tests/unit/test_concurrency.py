"""The number of calls in flight that is of use, against services of several kinds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.virtual_time import run_virtual
from waypoint.embedding.adaptive_concurrency import AUTO_START, AdaptiveConcurrency
from waypoint.observe.events import ConcurrencyChanged, Event, EventBus

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
    overload_after: float = 0.1,
    changes: list[tuple[float, int]] | None = None,
) -> tuple[int, Load]:
    """The limit after two minutes of endless demand, and what the service saw.

    ``latency``: seconds by calls in flight and time, None for an overload, which is told after
    ``overload_after`` seconds. ``before`` and ``after``: seconds that a worker waits, with its
    slot, for the quota and for the store. ``changes``: takes each new limit, with its time.
    """

    async def run() -> tuple[int, Load]:
        loop = asyncio.get_running_loop()
        begin, load, bus = loop.time(), Load(), EventBus()
        slots = AdaptiveConcurrency(most, bus, adaptive=adaptive)

        def note(event: Event) -> None:
            if changes is not None and isinstance(event, ConcurrencyChanged):
                changes.append((loop.time() - begin, event.limit))

        bus.subscribe(note)

        async def work() -> None:
            while True:
                await slots.take()
                try:
                    await anyio.sleep(before)
                    with slots.call():
                        load.in_flight += 1
                        load.most = max(load.most, load.in_flight)
                        seconds = latency(load.in_flight, loop.time() - begin)
                        await anyio.sleep(overload_after if seconds is None else seconds)
                        load.in_flight -= 1
                    if seconds is None:
                        slots.overloaded()
                        rests = slots.rest()
                        await anyio.sleep(0.5)
                        if rests:
                            await slots.take()
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


async def test_changes_are_told() -> None:
    """With the new number and why."""
    events: list[Event] = []
    bus = EventBus()
    bus.subscribe(events.append)
    slots = AdaptiveConcurrency(64, bus, adaptive=True)
    slots.overloaded()
    assert events == [ConcurrencyChanged(2, "the service is overloaded")]


ROUND_TRIP = 0.3
TROUBLE = 30.0
"""Seconds after which there is trouble: by then all calls are found to be of use."""


Changes = list[tuple[float, int]]


def in_trouble(lasts: float, *, share: float = 1.0, seed: int = 0, most: int = 64) -> Changes:
    """The new limits from the trouble on, each with its time; before it, it is ``most``.

    ``share``: of the calls sent in those ``lasts`` seconds that are refused, one round trip later.
    """
    draw = random.Random(seed)

    def latency(_calls: int, time: float) -> float | None:
        troubled = TROUBLE <= time < TROUBLE + lasts and draw.random() < share
        return None if troubled else ROUND_TRIP

    changes: Changes = []
    limit_after(latency, most=most, overload_after=ROUND_TRIP, changes=changes)
    before = [limit for time, limit in changes if time < TROUBLE]
    assert before[-1] == most
    return changes[len(before) :]


@pytest.mark.parametrize("most", [8, 64])
def test_calls_that_fail_together_halve_it_once(most: int) -> None:
    """However many are in flight: what comes back of them afterwards says nothing more."""
    limits = [limit for _, limit in in_trouble(ROUND_TRIP, most=most)]
    assert most // 2 <= limits[0] < most
    assert limits == sorted(limits)


@settings(max_examples=8)
@given(
    lasts=st.floats(0.05, 4.0),
    share=st.floats(0.02, 1.0),
    seed=st.integers(0, 1000),
    most=st.integers(5, 64),
)
def test_it_falls_once_a_round_trip_at_most(
    lasts: float, share: float, seed: int, most: int
) -> None:
    """Whatever share of the calls is refused, for however long."""
    before, fell = most, []
    for time, limit in in_trouble(lasts, share=share, seed=seed, most=most):
        if limit < before:
            fell.append(time)
            assert limit >= before // 2
        before = limit
    assert all(later - earlier > 0.99 * ROUND_TRIP for earlier, later in pairwise(fell))


@pytest.mark.parametrize("most", [8, 64])
@pytest.mark.parametrize("lasts", [0.1, ROUND_TRIP, 2.0, 10.0])
def test_it_is_back_within_ten_round_trips(lasts: float, most: int) -> None:
    """After the trouble ends, that is: a blink, a round trip, several, or down to one call."""
    back = next(time for time, limit in in_trouble(lasts, most=most)[1:] if limit == most)
    # The last calls that are refused are told of a round trip later, and wait for half a second.
    assert back < TROUBLE + lasts + ROUND_TRIP + 0.5 + 10 * ROUND_TRIP


def test_a_service_that_has_become_narrower_is_believed_in_the_end() -> None:
    """What was taken away isn't made up for again and again where it was too much."""
    changes: list[tuple[float, int]] = []
    limit, _ = limit_after(
        lambda calls, time: None if time > TROUBLE and calls > 8 else ROUND_TRIP,
        overload_after=ROUND_TRIP,
        changes=changes,
    )
    assert 4 <= limit <= 10
    assert max(limit for time, limit in changes if time > TROUBLE + 40) <= 12
