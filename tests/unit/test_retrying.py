"""Calls that are tried again: what is waited, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import anyio
import pytest

from tests.support.retrying_bench import Bench, on_bench, overloaded, too_many
from tests.support.scripted_embedder import Outcome
from waypoint.embedding.port import TransientCallError
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.embedding.retrying import FIRST_BACKOFF, LONGEST_BACKOFF, RetryCounter
from waypoint.errors import DailyQuotaError
from waypoint.observe.events import (
    CallAnswered,
    CallEnded,
    CallFailed,
    CallStarted,
    Event,
    QuotaChanged,
)


def test_an_answer_is_passed_on_with_the_services_tokens() -> None:
    """Or with our estimate, where the service tells none."""

    async def run(bench: Bench) -> list[Event]:
        assert (await bench.embedder.embed(["a", "b"], 7)).vectors.shape == (2, 2)
        await bench.embedder.embed(["c"], 3)
        return bench.events

    events = on_bench(run, [5, None])
    assert [event.tokens for event in events if isinstance(event, CallAnswered)] == [5, 3]


def test_backoff_doubles_up_to_its_longest() -> None:
    """The upper end of each wait's jitter, from half a second to half a minute."""

    async def run(bench: Bench) -> tuple[list[float], list[float]]:
        await bench.embedder.embed(["a"], 1, counter=RetryCounter())
        return bench.waits, bench.times

    waits, times = on_bench(run, [overloaded()] * 9)
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 32, 32]
    assert (waits[0], waits[-1]) == (FIRST_BACKOFF, LONGEST_BACKOFF)
    assert times == pytest.approx([sum(waits[:count]) for count in range(10)], abs=0.01)


def test_jitter_is_full() -> None:
    """Each wait is drawn from zero up to its bound."""
    drawn: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    async def run(bench: Bench) -> list[float]:
        await bench.embedder.embed(["a"], 1)
        return bench.waits

    assert on_bench(run, [overloaded()] * 3, jitter=jitter) == [0, 0, 0]
    assert drawn == [(0, 0.5), (0, 1), (0, 2)]


def test_thousands_of_attempts_do_not_overflow() -> None:
    """Backoff stays at its longest for as long as others get answers."""

    async def run(bench: Bench) -> int:
        await bench.embedder.embed(["a"], 1, counter=RetryCounter())
        return len(bench.waits)

    attempts = on_bench(run, [overloaded()] * 1_200, give_up_after=1e9)
    assert attempts == 1_200


def test_the_servers_delay_comes_first() -> None:
    """Waited in full, with a little jitter on top; a delay of zero, too, is the server's."""

    async def run(bench: Bench) -> list[float]:
        await bench.embedder.embed(["a"], 1)
        return bench.times

    times = on_bench(run, [overloaded(33.0), too_many(12.0), overloaded(0.0)])
    assert times == pytest.approx([0, 33.5, 46, 46.5], abs=0.01)


def test_a_429_cools_all_workers_down() -> None:
    """None calls before its time, and afterwards all go on."""

    def outcomes(now: float, texts: Sequence[str]) -> Outcome:
        return too_many(30.0) if texts == ["first"] and now < 1_001 else None

    async def run(bench: Bench) -> list[float]:
        async def work(number: int) -> None:
            for _ in range(3):
                await anyio.sleep(0.2 * number)
                await bench.embedder.embed([f"worker {number}"], 1)

        async with anyio.create_task_group() as group:
            group.start_soon(bench.embedder.embed, ["first"], 1)
            for number in range(1, 8):
                group.start_soon(work, number)
        return bench.times

    first, *others = on_bench(run, outcomes)
    assert first < 0.1
    assert len(others) == 22
    assert min(others) >= 30


def test_a_429_also_holds_who_waits_for_quota() -> None:
    """They had been in the queue before it came, and are paced when it is over."""

    async def run(bench: Bench) -> list[float]:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(bench.embedder.embed, ["a"], 1)
        return bench.times

    times = on_bench(run, [too_many(30.0)], latency=0.1, limits=QuotaLimits(100, 0, 0))
    assert times[0] < 0.1
    assert min(times[1:]) >= 30
    _, *gaps = (later - earlier for earlier, later in pairwise(times[1:]))
    # One call's turn came in the pause.
    assert min(gaps) > 0.53


def test_a_429_without_a_delay_cools_down_by_backoff() -> None:
    """All workers, for as long as the one that met it."""

    async def run(bench: Bench) -> list[float]:
        async with anyio.create_task_group() as group:
            group.start_soon(bench.embedder.embed, ["a"], 1)
            await anyio.sleep(0.1)
            group.start_soon(bench.embedder.embed, ["b"], 1)
        return bench.times

    assert on_bench(run, [too_many()]) == pytest.approx([0, 0.5, 0.5], abs=0.01)


def test_calls_that_meet_one_limit_together_teach_one_lesson() -> None:
    """Eight 429 at once slow the pace down once, not eight times."""

    async def run(bench: Bench) -> list[QuotaChanged]:
        await anyio.sleep(61)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(bench.embedder.embed, ["a"], 1)
        return [
            event
            for event in bench.events
            if isinstance(event, QuotaChanged) and "429 without" in event.why
        ]

    limits = QuotaLimits(100_000, 0, 0)
    changes = on_bench(run, [too_many(5.0)] * 8, latency=1, limits=limits)
    assert len(changes) == 1


def test_a_429_that_names_the_limit_teaches_it() -> None:
    """The quota goes on at the service's own figure."""

    async def run(bench: Bench) -> int:
        await bench.embedder.embed(["a"], 1)
        return bench.quota.limits.rpm

    assert on_bench(run, [too_many(5.0, rpm=3_000)], limits=QuotaLimits(9_000, 0, 0)) == 3_000


def test_quota_is_taken_anew_for_each_attempt() -> None:
    """A call that was refused counted at the service all the same."""

    async def run(bench: Bench) -> None:
        with pytest.raises(DailyQuotaError):
            await bench.embedder.embed(["a", "b"], 2)
        assert len(bench.scripted.calls) == 3

    on_bench(run, [overloaded()] * 9, limits=QuotaLimits(0, 0, 7))


def test_every_call_that_starts_also_ends() -> None:
    """Attempts are numbered, and failures tell their reason, status and wait."""

    async def run(bench: Bench) -> list[Event]:
        await bench.embedder.embed(["a", "b"], 9)
        return bench.events

    *events, answered = on_bench(run, [overloaded(2.0), TransientCallError("reset")], latency=1)
    ended = [event for event in events if isinstance(event, CallEnded)]
    assert [event.seconds for event in ended] == pytest.approx([1.0] * 3, abs=0.01)
    rounded = [replace(e, seconds=1.0) if isinstance(e, CallEnded) else e for e in events]
    assert rounded == [
        CallStarted(2, 9, 1),
        CallEnded(2, 503, 1.0),
        CallFailed("503 UNAVAILABLE", 503, 2.5, 1),
        CallStarted(2, 9, 2),
        CallEnded(2, None, 1.0),
        CallFailed("reset", None, 1.0, 2),
        CallStarted(2, 9, 3),
        CallEnded(2, 200, 1.0),
    ]
    assert isinstance(answered, CallAnswered)
    assert (answered.texts, answered.tokens) == (2, 9)
    assert answered.seconds == pytest.approx(1.0, abs=0.01)
