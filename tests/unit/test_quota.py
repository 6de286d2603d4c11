"""What the quota knows: limits by tier, the day, what a 429 teaches, and its own share."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.quota import (
    AUTO_START,
    BACK_OFF,
    RAISE_AFTER,
    TIERS,
    Quota,
    QuotaLimits,
    limits_for,
)
from waypoint.errors import DailyQuotaError
from waypoint.events import Event, EventBus, QuotaChanged
from waypoint.settings import QuotaSettings, QuotaTier

NO_LIMIT = QuotaLimits(0, 0, 0)


def quota_of(
    limits: QuotaLimits,
    events: list[Event] | None = None,
    *,
    adaptive: bool = False,
    used_today: int = 0,
) -> Quota:
    """A quota that goes by the running loop's clock and notes its events."""
    bus = EventBus()
    if events is not None:
        bus.subscribe(events.append)
    clock = asyncio.get_running_loop().time
    return Quota(limits, bus, adaptive=adaptive, used_today=used_today, clock=clock)


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
        assert limits_for(settings, simulated=False) == AUTO_START == QuotaLimits(100, 30_000, 0)
        assert limits_for(settings, simulated=True) == NO_LIMIT
        assert limits_for(settings, simulated=True).unlimited
    else:
        for simulated in (False, True):
            assert limits_for(settings, simulated=simulated) == TIERS[tier]


def test_what_is_given_replaces_the_tiers_figure() -> None:
    """Each for itself; 0 is a figure too, and means no limit."""
    given = QuotaSettings(QuotaTier.ONE, 0, 7, None)
    assert limits_for(given, simulated=False) == QuotaLimits(0, 7, 0)
    assert limits_for(QuotaSettings(QuotaTier.AUTO, 9, None, 0), simulated=True).rpm == 9


def test_without_limits_nothing_waits() -> None:
    """A thousand calls in no time, and no batch is too large."""

    async def run() -> tuple[float, tuple[int, int], float | None]:
        quota = quota_of(NO_LIMIT)
        return await seconds_for(quota, 100, times=1_000), quota.best_batch, quota.share_in_use

    seconds, best, share = run_virtual(run)
    assert seconds < 0.01
    assert best == (0, 0)
    assert share is None


def test_the_best_batch_is_a_hundredth_of_the_quota() -> None:
    """At least one text, however small the quota."""

    async def run() -> list[tuple[int, int]]:
        return [
            quota_of(limits).best_batch for limits in (TIERS[QuotaTier.FREE], TIERS[QuotaTier.ONE])
        ]

    assert run_virtual(run) == [(1, 297), (29, 9_900)]


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

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(work)
        await quota.acquire(2, 1)
        with pytest.raises(DailyQuotaError, match="1,000 texts") as caught:
            await quota.acquire(1, 1)
        assert caught.value.hint
        return admitted, refused

    assert run_virtual(run) == (98, 8)


def test_a_wait_that_is_cut_short_counts_nothing() -> None:
    """Neither against the day nor in the share, and the next one is not stuck behind it."""

    async def run() -> float | None:
        quota = quota_of(QuotaLimits(10, 0, 2))
        await quota.acquire(1, 1)
        with anyio.move_on_after(1) as scope:
            await quota.acquire(1, 1)
        assert scope.cancelled_caught
        await quota.acquire(1, 1)
        return quota.share_in_use

    assert run_virtual(run) == pytest.approx(0.2)


def test_the_share_in_use_is_of_the_last_minute() -> None:
    """Texts admitted in it, by the texts it allows."""

    async def run() -> list[float | None]:
        quota = quota_of(QuotaLimits(1_000, 0, 0))
        shares = [quota.share_in_use]
        await quota.acquire(5, 1)
        shares.append(quota.share_in_use)
        await anyio.sleep(30)
        await quota.acquire(5, 1)
        shares.append(quota.share_in_use)
        await anyio.sleep(31)
        shares.append(quota.share_in_use)
        await anyio.sleep(60)
        return [*shares, quota.share_in_use]

    assert run_virtual(run) == pytest.approx([0, 0.005, 0.01, 0.005, 0])


def test_auto_doubles_every_twenty_seconds() -> None:
    """From 100 texts a minute on, for as long as nothing speaks against it."""

    async def run() -> tuple[list[float], list[Event]]:
        events: list[Event] = []
        quota = quota_of(AUTO_START, events, adaptive=True)
        loop = asyncio.get_running_loop()
        begin, times = loop.time(), []
        while len(events) < 5:
            known = len(events)
            await quota.acquire(1, 10)
            if len(events) > known:
                times.append(loop.time() - begin)
        return times, events

    times, events = run_virtual(run)
    changes = [event for event in events if isinstance(event, QuotaChanged)]
    assert [event.rpm for event in changes] == [200, 400, 800, 1_600, 3_200]
    assert [event.tpm for event in changes] == [60_000, 120_000, 240_000, 480_000, 960_000]
    assert times == pytest.approx([RAISE_AFTER * step for step in range(1, 6)], abs=2)


def test_a_tier_that_was_named_is_not_left_upwards() -> None:
    """Only ``auto`` looks for more."""

    async def run() -> list[Event]:
        events: list[Event] = []
        quota = quota_of(TIERS[QuotaTier.ONE], events)
        await seconds_for(quota, 10, times=500)
        return events

    assert run_virtual(run) == []


def test_the_services_figure_is_adopted() -> None:
    """The pace is at once that of the figure, begins without a burst, and stays."""

    async def run() -> tuple[float, Quota, list[Event]]:
        events: list[Event] = []
        quota = quota_of(AUTO_START, events, adaptive=True)
        await quota.acquire(1, 1)
        await quota.learn(rpm=3_000, tpm=1_000_000, backed_off=True)
        seconds = await seconds_for(quota, 29, times=100)
        return seconds, quota, events

    seconds, quota, events = run_virtual(run)
    assert seconds == pytest.approx(2_900 / (2_940.3 / 60), abs=0.6)
    assert quota.limits == QuotaLimits(3_000, 1_000_000, 0)
    assert events == [QuotaChanged(3_000, 1_000_000, "the service said so")]


def test_a_429_without_a_figure_slows_auto_down() -> None:
    """By a fixed factor; a named tier is believed instead."""

    async def run() -> tuple[QuotaLimits, QuotaLimits]:
        auto = quota_of(QuotaLimits(1_000, 0, 0), adaptive=True)
        named = quota_of(QuotaLimits(1_000, 0, 0))
        for quota in (auto, named):
            await quota.learn(backed_off=True)
        return auto.limits, named.limits

    auto, named = run_virtual(run)
    assert auto.rpm == 1_000 * BACK_OFF
    assert named.rpm == 1_000


def test_a_limit_is_learned_where_none_was() -> None:
    """From then on it binds."""

    async def run() -> tuple[float, QuotaLimits]:
        quota = quota_of(NO_LIMIT)
        await quota.acquire(100, 1)
        await quota.learn(rpm=60)
        return await seconds_for(quota, 1, times=30), quota.limits

    seconds, limits = run_virtual(run)
    assert seconds > 29
    assert limits == QuotaLimits(60, 0, 0)


def test_a_limit_learned_binds_who_waits_already() -> None:
    """A waiter of the old, faster bucket does not slip through beside the new one."""

    async def run() -> float:
        quota = quota_of(QuotaLimits(60, 0, 0))
        await quota.acquire(1, 1)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with anyio.create_task_group() as group:
            group.start_soon(quota.acquire, 1, 1)
            await anyio.sleep(0.5)
            await quota.learn(rpm=6)
        return loop.time() - begin

    assert run_virtual(run) > 10


def test_an_amount_larger_than_the_bucket_is_admitted_in_time() -> None:
    """Also one that is larger than the whole minute: it waits, and raises nothing."""

    async def run() -> float:
        quota = quota_of(QuotaLimits(10, 1_000, 0))
        return await seconds_for(quota, 25, tokens=3_000)

    assert 100 < run_virtual(run) < 700
