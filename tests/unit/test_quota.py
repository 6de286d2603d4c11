"""What the quota knows: limits by tier, the day, what a 429 teaches, and its own share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.rate_limit import (
    AUTO_START,
    NO_QUOTA,
    TEXTS_AND_TOKENS,
    TIERS,
    Quota,
    QuotaLimits,
)
from waypoint.errors import DailyQuotaError
from waypoint.observe.events import EventBus
from waypoint.settings import QuotaSettings, QuotaTier

NO_LIMIT = QuotaLimits(0, 0, 0)


def quota_of(
    limits: QuotaLimits,
    *,
    used_today: int = 0,
    counts_calls: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Quota:
    """A quota that watches nobody."""
    return Quota(
        limits,
        EventBus(),
        used_today=used_today,
        counts_calls=counts_calls,
        now=now,
    )


async def seconds_for(quota: Quota, texts: int, *, tokens: int = 1, times: int = 1) -> float:
    """How long it takes until that many calls are admitted."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for _ in range(times):
        await quota.acquire(texts, tokens)
    return loop.time() - begin


@pytest.mark.parametrize("tier", QuotaTier)
def test_a_tier_gives_its_limits(tier: QuotaTier) -> None:
    """Also with a simulator, if it is asked for by name; ``auto`` starts at the free pace."""
    settings = QuotaSettings(tier, None, None, None)
    if tier is QuotaTier.AUTO:
        assert TEXTS_AND_TOKENS.limits(settings) == AUTO_START == QuotaLimits(100, 30_000, 0)
        assert NO_QUOTA.limits(settings) == NO_LIMIT
        assert NO_QUOTA.limits(settings).unlimited
    else:
        for rules in (TEXTS_AND_TOKENS, NO_QUOTA):
            assert rules.limits(settings) == TIERS[tier]


def test_what_is_given_replaces_the_tiers_figure() -> None:
    """Each for itself; 0 is a figure too, and means no limit."""
    given = QuotaSettings(QuotaTier.ONE, 0, 7, None)
    assert TEXTS_AND_TOKENS.limits(given) == QuotaLimits(0, 7, 0)
    assert NO_QUOTA.limits(QuotaSettings(QuotaTier.AUTO, 9, None, 0)).rpm == 9
    assert TEXTS_AND_TOKENS.limits(QuotaSettings(QuotaTier.FREE, None, None, 7)).rpd == 7


def test_without_limits_nothing_waits() -> None:
    """A thousand calls in no time, and no batch is too large."""

    async def run() -> tuple[float, tuple[int, int]]:
        quota = quota_of(NO_LIMIT)
        return await seconds_for(quota, 100, times=1_000), quota.best_batch

    seconds, best = run_virtual(run)
    assert seconds < 0.01
    assert best == (0, 0)


def test_the_best_batch_is_a_hundredth_of_the_quota() -> None:
    """At least one text, however small the quota."""

    async def run() -> list[tuple[int, int]]:
        return [
            quota_of(limits).best_batch for limits in (TIERS[QuotaTier.FREE], TIERS[QuotaTier.ONE])
        ]

    assert run_virtual(run) == [(1, 300), (30, 10_000)]


def test_the_day_ends_before_it_is_exceeded() -> None:
    """Also with several workers, and counting what earlier runs used."""

    async def run() -> tuple[int, int]:
        quota = quota_of(QuotaLimits(0, 0, 1_000), used_today=900)
        admitted = refused = 0

        async def work() -> None:
            nonlocal admitted, refused
            while True:
                try:
                    await quota.acquire(7, 1)
                except DailyQuotaError:
                    refused += 1
                    return
                admitted += 7
                await anyio.sleep(0.1)
                quota.ended()

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(work)
        await quota.acquire(2, 1)
        quota.ended()
        with pytest.raises(DailyQuotaError, match="1,000 texts") as caught:
            await quota.acquire(1, 1)
        assert caught.value.hint
        return admitted, refused

    assert run_virtual(run) == (98, 8)


def test_the_day_is_not_used_up_while_a_call_may_give_its_texts_back() -> None:
    """The last texts wait for a call in flight: those that a 429 gives back are used as well."""

    async def run() -> tuple[float, int]:
        quota = quota_of(QuotaLimits(0, 0, 10))
        admission = await quota.acquire(8, 1)
        began = asyncio.get_running_loop().time()

        async def be_refused() -> None:
            await anyio.sleep(3)
            quota.refused(admission)
            quota.ended()

        async with anyio.create_task_group() as group:
            group.start_soon(be_refused)
            await quota.acquire(10, 1)
        waited = asyncio.get_running_loop().time() - began
        quota.ended()
        with pytest.raises(DailyQuotaError) as caught:
            await quota.acquire(1, 1)
        return waited, caught.value.texts_left or 0

    waited, left = run_virtual(run)
    assert waited == pytest.approx(3, abs=0.1)
    assert left == 0


def test_a_wait_that_is_cut_short_counts_nothing() -> None:
    """Neither against the day nor in the minute, and the next one is not stuck behind it."""

    async def run() -> int:
        quota = quota_of(QuotaLimits(10, 0, 2))
        await quota.acquire(1, 1)
        with anyio.move_on_after(1) as scope:
            await quota.acquire(1, 1)
        assert scope.cancelled_caught
        await quota.acquire(1, 1)
        return quota.state().texts_in_minute

    assert run_virtual(run) == 2


def test_an_amount_larger_than_a_minute_is_sent_alone() -> None:
    """It never fits, so nothing else is sent in its time, and it raises nothing."""

    async def run() -> list[float]:
        quota = quota_of(QuotaLimits(10, 0, 0))
        assert not quota.fits(25, 1)
        return [
            await seconds_for(quota, 1),
            await seconds_for(quota, 25),
            await seconds_for(quota, 1),
        ]

    first, large, after = run_virtual(run)
    assert first < 0.01
    assert large > 60
    assert after > 60


def test_calls_are_what_counts_where_that_is_said() -> None:
    """Then a full batch is one, in a minute and in a day, and the best one is the largest."""

    async def run() -> tuple[float, tuple[int, int]]:
        quota = quota_of(QuotaLimits(60, 0, 31), counts_calls=True)
        seconds = await seconds_for(quota, 100, times=31)
        for _ in range(31):
            quota.ended()
        with pytest.raises(DailyQuotaError):
            await quota.acquire(1, 1)
        return seconds, quota.best_batch

    seconds, best = run_virtual(run)
    assert seconds == pytest.approx(30, abs=1)
    assert best == (0, 0)


def test_a_batch_that_divides_the_limit_is_liked_best() -> None:
    """Else a part of each minute would be too small for a whole one."""

    async def run() -> list[int]:
        limits = (350, 777, 1_999, 10_000)
        return [quota_of(QuotaLimits(rpm, 0, 0)).best_batch[0] for rpm in limits]

    assert run_virtual(run) == [2, 7, 18, 100]


def test_the_days_count_begins_anew_at_midnight_pacific_time() -> None:
    """In the middle of a run, whatever the day's was."""
    before = datetime(2026, 11, 23, 7, 59, 50, tzinfo=UTC)

    async def run() -> int:
        now = before
        quota = quota_of(QuotaLimits(0, 0, 10), used_today=7, now=lambda: now)
        await quota.acquire(3, 1)
        quota.ended()
        with pytest.raises(DailyQuotaError) as caught:
            await quota.acquire(1, 1)
        assert caught.value.come_back_at == before + timedelta(seconds=15)
        now = before + timedelta(seconds=11)
        await quota.acquire(10, 1)
        return quota.state().texts_today

    assert run_virtual(run) == 10


def test_what_the_service_refused_does_not_count_for_the_day() -> None:
    """Those texts may be sent again today."""

    async def run() -> int:
        quota = quota_of(QuotaLimits(0, 0, 10))
        quota.refused(await quota.acquire(10, 1))
        quota.ended()
        await quota.acquire(10, 1)
        return quota.state().texts_today

    assert run_virtual(run) == 10


def test_a_pause_is_told_although_nobody_asks() -> None:
    """Those whose call was refused sleep elsewhere: it is the quota that is waited for."""

    async def run() -> list[str]:
        quota = quota_of(NO_LIMIT)
        quota.pause(5)
        await anyio.sleep(3)
        quota.pause(5)
        told = []
        for _ in range(2):
            await anyio.sleep(4)
            told.append(quota.state().waiting_for)
        return told

    assert run_virtual(run) == ["service", ""]


def test_the_state_says_what_is_waited_for() -> None:
    """Texts, tokens, or the service's own word; and nothing once it goes on."""

    async def run() -> list[str]:
        waited = []
        for limits, pause in (
            (QuotaLimits(6, 0, 0), 0.0),
            (QuotaLimits(0, 60, 0), 0.0),
            (QuotaLimits(0, 0, 0), 9.0),
        ):
            quota = quota_of(limits)
            await quota.acquire(1, 10)
            quota.pause(pause)
            async with anyio.create_task_group() as group:
                group.start_soon(quota.acquire, 1, 10)
                await anyio.sleep(1)
                waited.append(quota.state().waiting_for)
            waited.append(quota.state().waiting_for)
        return waited

    assert run_virtual(run) == ["texts", "", "tokens", "", "service", ""]


async def test_a_limit_beyond_reason_makes_no_larger_batch() -> None:
    """Nor is one looked for among all sizes up to it: a service may name any limit."""
    quota = Quota(QuotaLimits(10**12, 0, 0), EventBus())
    assert quota.best_batch == (100, 0)
