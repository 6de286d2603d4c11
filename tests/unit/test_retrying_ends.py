"""Calls that are not tried again: hope given up, a stop, a cancellation, an error for good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import anyio
import pytest

from tests.support.retrying_bench import Bench, on_bench, overloaded, too_many
from tests.support.scripted_embedder import Outcome
from waypoint.embedding.port import CallRefusedError, PoisonBatchError, TransientCallError
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.embedding.retrying import (
    FRUITLESS_AFTER,
    LONGEST_BACKOFF,
    REFUSED_AFTER,
    RetryCounter,
)
from waypoint.errors import (
    DailyQuotaError,
    KeyRefusedError,
    RequestRefusedError,
    ServiceUnavailableError,
)
from waypoint.stopping import StopRequested


@pytest.mark.parametrize("latency", [0.0, 59.0])
def test_hope_is_given_up_after_a_time_without_an_answer(latency: float) -> None:
    """Counted from the first failure; the error says what happened last and what to do."""

    async def run(bench: Bench) -> float:
        await anyio.sleep(3_000)
        begin = bench.began + 3_000
        with pytest.raises(ServiceUnavailableError, match="503 UNAVAILABLE") as caught:
            await bench.embedder.embed(["secret text"], 1, counter=RetryCounter())
        assert isinstance(caught.value.__cause__, TransientCallError)
        assert caught.value.hint
        assert "secret" not in str(caught.value)
        return bench.scripted.times[-1] - begin

    last_call = on_bench(run, lambda _now, _texts: overloaded(), latency=latency, give_up_after=600)
    assert 600 - latency <= last_call <= 600 + LONGEST_BACKOFF + latency


def test_hope_lives_while_another_worker_gets_answers() -> None:
    """The service is not away: it is this call that has no luck."""

    def outcomes(now: float, texts: Sequence[str]) -> Outcome:
        return overloaded() if texts == ["unlucky"] and now < 4_000 else None

    async def run(bench: Bench) -> float:
        async def lucky() -> None:
            while True:
                await bench.embedder.embed(["lucky"], 1)
                await anyio.sleep(60)

        async with anyio.create_task_group() as group:
            group.start_soon(lucky)
            await bench.embedder.embed(["unlucky"], 1, counter=RetryCounter())
            group.cancel_scope.cancel()
        return bench.times[-1]

    assert on_bench(run, outcomes, give_up_after=100) >= 3_000


def test_a_wait_for_the_day_is_no_failure_of_the_service() -> None:
    """Hours until the day's quota is back do not count as hours without an answer."""

    async def run(bench: Bench) -> int:
        with pytest.raises(DailyQuotaError):
            await bench.embedder.embed(["evening"], 1)
        await anyio.sleep(8 * 3600)
        await bench.embedder.embed(["morning"], 1)
        return len(bench.scripted.calls)

    spent = DailyQuotaError("the day's quota is used up")
    assert on_bench(run, [overloaded(), spent, overloaded(), None], give_up_after=600) == 4


@pytest.mark.parametrize(
    ("outcomes", "limits", "calls"),
    [
        ([overloaded(300.0)] * 3, QuotaLimits(0, 0, 0), 3),
        ([too_many(300.0)], QuotaLimits(0, 0, 0), 1),
        ([], QuotaLimits(1, 0, 0), 0),
    ],
    ids=["backoff", "cool-down", "quota"],
)
def test_a_stop_cuts_waits_short(outcomes: list[Outcome], limits: QuotaLimits, calls: int) -> None:
    """At once, whatever was waited for."""

    async def run(bench: Bench) -> float:
        if limits.rpm:
            await bench.quota.acquire(1, 1)
        begin = asyncio.get_running_loop().time()
        async with anyio.create_task_group() as group:

            async def work() -> None:
                with pytest.raises(StopRequested, match="Ctrl-C"):
                    await bench.embedder.embed(["a"], 1)

            for _ in range(3):
                group.start_soon(work)
                await anyio.sleep(1)
            bench.stop.request("Ctrl-C")
        assert len(bench.scripted.calls) == calls
        return asyncio.get_running_loop().time() - begin

    assert on_bench(run, outcomes, limits=limits) == pytest.approx(3, abs=0.01)


def test_a_stop_does_not_cut_a_call_under_way() -> None:
    """What was sent is billed: its answer is awaited, and a new call is not begun."""

    async def run(bench: Bench) -> tuple[int, ...]:
        shapes = []
        async with anyio.create_task_group() as group:

            async def work() -> None:
                shapes.append((await bench.embedder.embed(["a"], 1)).vectors.shape)

            group.start_soon(work)
            await anyio.sleep(1)
            bench.stop.request("SIGTERM")
        with pytest.raises(StopRequested):
            await bench.embedder.embed(["b"], 1)
        assert len(bench.scripted.calls) == 1
        return shapes[0]

    assert on_bench(run, latency=5) == (1, 2)


@pytest.mark.parametrize("wait", [1, 33], ids=["in the call", "in the backoff"])
def test_cancellation_is_not_swallowed(wait: int) -> None:
    """Neither taken for a failure nor tried again."""

    async def run(bench: Bench) -> int:
        with anyio.move_on_after(wait) as scope:
            await bench.embedder.embed(["a"], 1)
        assert scope.cancelled_caught
        await anyio.sleep(1_000)
        return len(bench.scripted.calls)

    assert on_bench(run, [overloaded(100)] * 5, latency=10) == 1


@pytest.mark.parametrize(
    "error",
    [
        CallRefusedError("400 INVALID_ARGUMENT", 400),
        KeyRefusedError("the service refuses the API key"),
        RequestRefusedError("the service does not know the model"),
        DailyQuotaError("the day's quota is used up"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_retry_can_fix_passes_at_once(error: Exception) -> None:
    """As it came, after a single call."""

    async def run(bench: Bench) -> int:
        with pytest.raises(type(error)) as caught:
            await bench.embedder.embed(["a"], 1)
        assert caught.value is error
        return len(bench.scripted.calls)

    assert on_bench(run, [error]) == 1


def test_failures_without_end_are_for_the_sender_to_look_into() -> None:
    """Whatever they are, but for a 429: that one says that it is not the text."""

    async def run(bench: Bench) -> int:
        with pytest.raises(PoisonBatchError, match="503"):
            await bench.embedder.embed(["a"], 1)
        return len(bench.scripted.calls)

    outcomes = [too_many(1.0)] * 20 + [overloaded()] * FRUITLESS_AFTER
    assert on_bench(run, outcomes) == 20 + FRUITLESS_AFTER


@pytest.mark.parametrize("refusals", [REFUSED_AFTER - 1, REFUSED_AFTER])
def test_a_doubtful_refusal_is_believed_once_it_is_repeated(refusals: int) -> None:
    """A call that was aborted is no text that is refused."""
    aborted = CallRefusedError("409 ABORTED", 409, doubtful=True)

    async def run(bench: Bench) -> bool:
        try:
            await bench.embedder.embed(["a"], 1)
        except CallRefusedError:
            return False
        return True

    outcomes: list[Outcome] = [aborted] * refusals
    assert on_bench(run, outcomes) is (refusals < REFUSED_AFTER)
