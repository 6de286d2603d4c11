"""The pace of the quota, in virtual time: never above it in any minute, and close below it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.sliding_window import Admission, peak, windows
from tests.support.virtual_time import run_virtual
from waypoint.embedding.rate_limit import TIERS, WINDOW, Quota, QuotaLimits
from waypoint.observe.events import EventBus
from waypoint.settings import QuotaTier

WORKERS = 8
FREE_MINUTE = QuotaLimits(100, 30_000, 0)
"""The free tier without its day, which would end a test of minutes."""
LIMITS = {
    "free": FREE_MINUTE,
    "1": TIERS[QuotaTier.ONE],
    "2": TIERS[QuotaTier.TWO],
    "3": TIERS[QuotaTier.THREE],
}


async def admit_for(
    seconds: float, limits: QuotaLimits, size: Callable[[Quota], tuple[int, int]]
) -> list[Admission]:
    """What eight workers with endless demand are admitted, ``size`` giving texts and tokens."""
    loop = asyncio.get_running_loop()
    quota = Quota(limits, EventBus())
    admitted: list[Admission] = []

    async def work() -> None:
        while True:
            texts, tokens = size(quota)
            await quota.acquire(texts, tokens)
            admitted.append(Admission(loop.time(), texts, tokens))

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for _ in range(WORKERS):
                group.start_soon(work)
    return admitted


async def replay(
    limits: QuotaLimits, calls: list[tuple[int, int, float]], pause: float
) -> list[Admission]:
    """Admit calls of texts and tokens, each asked for after an idle time; then a pause."""
    loop = asyncio.get_running_loop()
    quota = Quota(limits, EventBus())
    admitted: list[Admission] = []

    async def ask(texts: int, tokens: int) -> None:
        await quota.acquire(texts, tokens)
        admitted.append(Admission(loop.time(), texts, tokens))

    async with anyio.create_task_group() as group:
        for position, (texts, tokens, idle) in enumerate(calls):
            group.start_soon(ask, texts, tokens)
            await anyio.sleep(idle)
            if position == len(calls) // 2:
                quota.pause(pause)
    return admitted


def assert_within(limit: int, amounts: list[tuple[float, int]]) -> None:
    """No minute sees more than the limit, unless a single call is larger than it."""
    for window in windows(amounts, WINDOW):
        assert not limit or len(window) == 1 or sum(window) <= limit


CALL = st.tuples(
    st.integers(1, 100), st.integers(1, 20_000), st.sampled_from([0.0, 0.0, 0.3, 7.0, 90.0])
)


@settings(max_examples=60)
@given(
    rpm=st.one_of(st.just(0), st.integers(1, 12_000)),
    tpm=st.one_of(st.just(0), st.integers(1, 200_000)),
    calls=st.lists(CALL, min_size=1, max_size=40),
    pause=st.floats(0, 100),
)
@example(rpm=100, tpm=0, calls=[(80, 1, 0.0)] * 6, pause=0.0)
@example(rpm=100, tpm=30_000, calls=[(20, 9_000, 0.0)] * 5 + [(20, 1, 0.0)] * 10, pause=0.0)
@example(rpm=100, tpm=0, calls=[(1, 1, 0.0)] * 300, pause=33.0)
def test_no_minute_sees_more_than_the_quota(
    rpm: int, tpm: int, calls: list[tuple[int, int, float]], pause: float
) -> None:
    """Whatever is asked for, and also where calls are larger than a burst; and all get through."""
    admitted = run_virtual(lambda: replay(QuotaLimits(rpm, tpm, 0), calls, pause))
    assert_within(rpm, [(each.at, each.texts) for each in admitted])
    assert_within(tpm, [(each.at, each.tokens) for each in admitted])
    asked = sorted((texts, tokens) for texts, tokens, _ in calls)
    assert sorted((each.texts, each.tokens) for each in admitted) == asked


@pytest.mark.parametrize("tier", LIMITS)
@pytest.mark.parametrize("batch", ["single texts", "best batch"])
def test_a_tier_is_used_whole_and_never_exceeded(tier: str, batch: str) -> None:
    """At least 98 % of the texts a minute over three minutes, and never more than all."""
    limits = LIMITS[tier]
    minutes = 3

    def size(quota: Quota) -> tuple[int, int]:
        texts = 1 if batch == "single texts" else quota.best_batch[0]
        return texts, texts * limits.tpm // limits.rpm // 2

    admitted = run_virtual(lambda: admit_for(minutes * WINDOW, limits, size))
    texts = [(each.at, each.texts) for each in admitted]
    assert peak(texts, WINDOW) <= limits.rpm
    assert peak([(each.at, each.tokens) for each in admitted], WINDOW) <= limits.tpm
    assert sum(each.texts for each in admitted) / (minutes * limits.rpm) >= 0.98


@pytest.mark.parametrize("tier", LIMITS)
def test_tokens_bind_where_texts_are_long(tier: str) -> None:
    """Texts of 500 tokens, one a call, use at least 98 % of the tokens that are allowed."""
    limits = QuotaLimits(0, LIMITS[tier].tpm, 0)
    admitted = run_virtual(lambda: admit_for(3 * WINDOW, limits, lambda _: (1, 500)))
    tokens = [(each.at, each.tokens) for each in admitted]
    assert 0.98 * limits.tpm <= sum(each for _, each in tokens) / 3
    assert peak(tokens, WINDOW) <= limits.tpm


@pytest.mark.parametrize("tier", LIMITS)
def test_the_pace_is_even(tier: str) -> None:
    """No second sees more than a burst and a second's share."""
    limits = LIMITS[tier]
    admitted = run_virtual(lambda: admit_for(WINDOW, limits, lambda quota: (1, 1)))
    burst = max(1, limits.rpm // 100)
    assert peak([(each.at, each.texts) for each in admitted], 1.0) <= burst + limits.rpm / 60


def test_a_pause_is_followed_by_the_pace_not_by_a_flood() -> None:
    """What eight workers were waiting for meanwhile does not come all at once."""

    async def run() -> list[Admission]:
        calls = [(9, 1, 0.01)] * 60
        return await replay(QuotaLimits(1_000, 0, 0), calls, 30.0)

    admitted = run_virtual(run)
    first = next(each.at for each in admitted if each.at >= admitted[0].at + 30)
    assert not [each for each in admitted if admitted[0].at + 1 < each.at < first]
    assert peak([(each.at, each.texts) for each in admitted if each.at >= first], 1.0) <= 9 * 3
