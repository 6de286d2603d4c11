"""When hope is given up: what counts as asking, and what a service may ask us to wait."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import anyio
import pytest

from tests.support.retrying_bench import Bench, on_bench, overloaded, too_many
from tests.support.scripted_embedder import Outcome
from waypoint.embedding.port import QuotaExceededError
from waypoint.embedding.providers.error_answer import ErrorAnswer
from waypoint.embedding.providers.refusals import LONGEST_DELAY, Called, translate
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.embedding.retrying import RetryCounter
from waypoint.errors import ServiceUnavailableError
from waypoint.observe.events import ServiceDelay


def test_a_delay_longer_than_hope_ends_the_run_at_once() -> None:
    """Told is how long, why, and when to come back."""

    async def run(bench: Bench) -> float:
        with pytest.raises(ServiceUnavailableError, match="2 h 00 min") as caught:
            await bench.embedder.embed(["a"], 1)
        assert "429 RESOURCE_EXHAUSTED" in caught.value.message
        assert "--give-up-after" in caught.value.hint
        assert "run the same command again at 2" in caught.value.hint
        assert not [event for event in bench.events if isinstance(event, ServiceDelay)]
        return bench.times[-1]

    assert on_bench(run, [too_many(7200.0)] * 9, give_up_after=7199) < 0.001


@pytest.mark.parametrize("after", [None, overloaded(), too_many(500.0)])
def test_a_delay_within_hope_is_waited_out(after: Outcome) -> None:
    """It is no failure: what comes after it has its time."""

    async def run(bench: Bench) -> list[float]:
        await bench.embedder.embed(["a"], 1, counter=RetryCounter())
        told = [event.seconds for event in bench.events if isinstance(event, ServiceDelay)]
        assert told == [500.0] * (1 + isinstance(after, QuotaExceededError))
        return bench.times

    times = on_bench(run, [too_many(500.0), after], give_up_after=501)
    assert times[1] == pytest.approx(500, abs=1)


def test_a_service_that_puts_us_off_for_ever_is_given_up() -> None:
    """Delays that were in vain count, so that the run ends as its option says."""

    async def run(bench: Bench) -> float:
        with pytest.raises(ServiceUnavailableError, match="for 60 s; the last failure: 429"):
            await bench.embedder.embed(["a"], 1)
        return bench.times[-1]

    last = on_bench(run, lambda _now, _texts: too_many(7.0), give_up_after=60)
    assert 60 <= last <= 60 + 2 * 8


def test_delays_that_many_are_told_at_once_count_once() -> None:
    """Eight workers meet the same refusal."""

    began: list[float] = []

    async def run(bench: Bench) -> None:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(bench.embedder.embed, [str(number)], 1)

    def outcomes(now: float, _texts: Sequence[str]) -> Outcome:
        began.append(now)
        return too_many(40.0) if now - began[0] < 60 else None

    on_bench(run, outcomes, give_up_after=45)
    assert began[-1] - began[0] == pytest.approx(80, abs=1.1)


def test_waiting_for_our_own_quota_is_no_failure() -> None:
    """A text a minute: between two failures there are sixty seconds without a question."""

    async def run(bench: Bench) -> int:
        await bench.embedder.embed(["a"], 1, counter=RetryCounter())
        return len(bench.scripted.calls)

    outcomes = [overloaded()] * 5
    assert on_bench(run, outcomes, limits=QuotaLimits(1, 0, 0), give_up_after=40) == 6


def refused(details: object) -> Exception:
    """What a 429 with these details becomes."""
    body = json.dumps({"error": {"details": details}}).encode()
    return translate(ErrorAnswer(429, "Too Many Requests", body), Called("model"))


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        *[("33s", 33.0), ("0s", 0.0), ("2.5s", 2.5), ("7200s", 7200.0)],
        *[("99999999999s", LONGEST_DELAY), ("infs", None), ("nans", None), ("-5s", None)],
        *[("1e9s", None), ("9" * 400 + "s", None), ("", None), ("s", None), (33, None)],
        *[(None, None), (["33s"], None), ({"seconds": 33}, None), ("33", None), ("٣s", None)],
    ],
)
def test_a_delay_is_taken_within_reason(delay: object, seconds: float | None) -> None:
    """Anything that cannot be meant is as none."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    told = refused(details)
    assert isinstance(told, QuotaExceededError)
    assert told.retry_after == seconds


@pytest.mark.parametrize(
    ("value", "figure"),
    [
        *[("3000", 3000), (3000, 3000), ("-5", None), (-5, None), ("00", None)],
        *[("1e30", None), (1e30, None), (math.inf, None), ("9" * 5000, None), (10**30, None)],
        *[("", None), (None, None), (True, None), ([], None), ("1_000", None), ("3000.5", None)],
    ],
)
def test_a_quotas_value_is_taken_within_reason(value: object, figure: int | None) -> None:
    """Anything that cannot be meant is as if nothing was said."""
    violation = {"quotaId": "EmbedContentRequestsPerMinutePerUser", "quotaValue": value}
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
    told = refused(details)
    assert isinstance(told, QuotaExceededError)
    assert told.rpm == figure
