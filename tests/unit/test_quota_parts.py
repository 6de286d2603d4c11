"""The parts of the quota, each alone: the exact figures that the simulated minutes rest on."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.rate_limit import Quota, QuotaLimits
from waypoint.embedding.rate_limit.day import DayCount, come_back_at, daily_quota_error
from waypoint.embedding.rate_limit.estimator import (
    ALONE,
    COOLDOWN,
    FIRST_STEP,
    MAX_COOLDOWN,
    RateEstimator,
    Refusal,
)
from waypoint.embedding.rate_limit.jitter import LEAST, MOST, JitterMeter
from waypoint.embedding.rate_limit.minute_limits import MinuteLimits
from waypoint.embedding.rate_limit.rate_limiter import WINDOW, RateLimiter
from waypoint.embedding.rate_limit.streak import RefusalStreak
from waypoint.embedding.rate_limit.token_factor import TokenFactor
from waypoint.errors import DailyQuotaError
from waypoint.models import EstimatedLimit, EstimatedQuota
from waypoint.observe.events import Event, EventBus, QuotaChanged

NOON = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
"""Noon in the Pacific time zone; its next midnight is twelve hours later."""


# -- tokens ------------------------------------------------------------------------------------


def test_a_factor_of_before_is_kept_within_reason() -> None:
    """And applied upwards: a call of no tokens is not free."""
    assert [TokenFactor(each).value for each in (0.01, 0.25, 1.3, 4.0, 9.0)] == [
        0.25, 0.25, 1.3, 4.0, 4.0,
    ]  # fmt: skip
    assert [TokenFactor(1.3).apply(tokens) for tokens in (0, 1, 10, 11)] == [1, 2, 13, 15]
    assert [TokenFactor(each).measured for each in (1.0, 1.3)] == [False, True]


def test_the_services_count_is_believed_from_a_thousand_tokens_on() -> None:
    """With a fiftieth more, since the next text may be denser."""
    factor = TokenFactor(1.0)
    factor.observe(666, 999)
    assert (factor.value, factor.measured) == (1.0, False)
    factor.observe(0, 1)
    assert factor.value == pytest.approx(1_000 / 666 * 1.02)
    assert factor.measured
    factor.observe(1, 100_000)
    assert factor.value == 4.0
    low = TokenFactor(1.0)
    low.observe(100_000, 1_000)
    assert low.value == 0.25


def test_what_was_counted_long_ago_weighs_less() -> None:
    """Half, after two hundred thousand tokens; and where nothing was estimated nothing is said."""
    factor = TokenFactor(1.0)
    factor.observe(200_000, 200_000)
    factor.observe(1, 1)
    assert factor.value == pytest.approx(1.02)
    factor.observe(100_000, 300_000)
    # (200,001 / 2 + 300,000) / (200,001 / 2 + 100,000)
    assert factor.value == pytest.approx(2 * 1.02, rel=1e-4)
    nothing = TokenFactor(1.0)
    nothing.observe(0, 1_000)
    assert nothing.value == 1.0


def test_a_refusal_for_tokens_raises_the_factor_at_most_to_double() -> None:
    """Part of the difference may be somebody else's use."""
    factor = TokenFactor(1.0)
    assert factor.correct(1_500, 1_000)
    assert (factor.value, factor.last_correction, factor.measured) == (1.5, 1.5, True)
    assert factor.correct(9_000, 1_000)
    assert (factor.value, factor.last_correction) == (3.0, 2.0)
    assert factor.correct(9_000, 1_000)
    assert factor.value == 4.0
    assert factor.last_correction == pytest.approx(4 / 3)
    assert not factor.correct(9_000, 1_000)
    assert TokenFactor(1.0).correct(2, 1)


def test_where_the_service_counts_or_nothing_was_used_no_refusal_corrects() -> None:
    """Then somebody else uses the quota as well."""
    assert not TokenFactor(1.0).correct(1_000, 0)
    counted = TokenFactor(1.0)
    counted.observe(1_000, 1_000)
    assert not counted.correct(1_500, 1_000)
    assert counted.value == pytest.approx(1.02)
    few = TokenFactor(1.0)
    few.observe(999, 999)
    assert few.correct(1_500, 1_000)


# -- one limit of a minute ---------------------------------------------------------------------


async def turns(limiter: RateLimiter, *amounts: float) -> list[float]:
    """When each amount has its turn, in seconds from now."""
    began, at = anyio.current_time(), []
    for amount in amounts:
        await limiter.space(amount)
        at.append(anyio.current_time() - began)
    return at


def test_a_whole_window() -> None:
    """What was sent is free again after the span; a limit's worth at once, after its whole."""
    limiter = RateLimiter(60, margin=3.0)
    assert limiter.wait(1, 100.0) == 0
    assert limiter.take(1, 100.0) == 1
    assert limiter.wait(59, 100.0) == 0
    assert limiter.take(59, 101.0) == 60
    assert limiter.wait(1, 101.0) == pytest.approx(62.0)
    assert limiter.wait(2, 101.0) == pytest.approx(63.0)
    assert limiter.wait(600, 101.0) == pytest.approx(63.0)
    assert [limiter.used(at) for at in (159.9, 160.0, 160.9, 161.1)] == [60, 59, 59, 0]


def test_turns_come_evenly() -> None:
    """A bucket of a tenth more than the largest amount; idle time fills it once."""

    async def run() -> list[list[float]]:
        small, large = RateLimiter(6_000, margin=0.0), RateLimiter(60, margin=0.0)
        evenly = [await turns(small, 60, 30, 30, 60), await turns(large, 1, 1, 10, 1, 10)]
        await anyio.sleep(1_000)
        return [*evenly, await turns(small, 60, 60)]

    small, large, idle = run_virtual(run)
    assert small == pytest.approx([0, 0.24, 0.54, 1.14], abs=0.001)
    assert large == pytest.approx([0, 0.9, 0.9, 0.9, 10.9], abs=0.001)
    assert idle == pytest.approx([0, 0.54], abs=0.001)


def test_without_a_limit_or_unspaced_it_is_always_ones_turn() -> None:
    """Then the window alone decides."""

    async def run() -> list[float]:
        unspaced = RateLimiter(60, margin=0.6)
        unspaced.unspaced = True
        unlimited = RateLimiter(math.inf, margin=0.6)
        assert all(each.is_due(1e9) for each in (unspaced, unlimited))
        return await turns(unspaced, 60, 60) + await turns(unlimited, 1e9, 1e9)

    assert run_virtual(run) == pytest.approx([0] * 4, abs=0.001)


def test_what_is_owed_is_made_up_for_once() -> None:
    """It needs no turn, nor does what was not sent; what is left of an amount waits for its own."""

    async def run() -> list[list[float]]:
        limiter = RateLimiter(60, margin=0.0)
        limiter.owe(10.0)
        owed = await turns(limiter, 10, 5, 5)
        assert not limiter.is_due(1)
        limiter.take(5, 100.0)
        limiter.forget(5, 100.0)
        assert limiter.is_due(5)
        limiter.forget(5, 100.0)
        return [owed, await turns(limiter, 4, 2)]

    owed, given_back = run_virtual(run)
    assert owed == pytest.approx([0, 0, 4.5], abs=0.001)
    assert given_back == pytest.approx([0, 1], abs=0.001)


@pytest.mark.parametrize("limit", [30, 120, math.inf])
def test_who_waits_goes_on_at_a_limit_that_changes(limit: float) -> None:
    """At once, by a new bucket; also where the new rate is too low for the amount, and twice."""

    async def run() -> list[float]:
        limiter, at = RateLimiter(60, margin=0.0), list[float]()
        await limiter.space(20)

        async def change() -> None:
            await anyio.sleep(5)
            limiter.change(45)
            limiter.change(limit)

        async with anyio.create_task_group() as group:
            group.start_soon(change)
            at.extend(await turns(limiter, 20, 20))
        return at

    first, second = run_virtual(run)
    assert first == pytest.approx(5, abs=0.001)
    assert second - first == pytest.approx(18 * 60 / limit, abs=0.001)


def test_a_turn_that_is_cut_short_takes_nothing() -> None:
    """Whoever comes next has it."""

    async def run() -> list[float]:
        limiter = RateLimiter(60, margin=0.0)
        await limiter.space(10)
        with anyio.move_on_after(5):
            await limiter.space(10)
        return await turns(limiter, 10)

    assert run_virtual(run) == pytest.approx([4], abs=0.001)


def test_what_was_not_sent_is_given_back_and_only_that() -> None:
    """What nobody admitted changes nothing."""
    limiter = RateLimiter(60, margin=0.0)
    limiter.take(10, 0.0)
    limiter.take(20, 10.0)
    limiter.forget(20, 10.0)
    assert limiter.used(10.0) == 10
    assert limiter.wait(50, 10.0) == 0
    limiter.forget(20, 10.0)
    limiter.forget(10, 5.0)
    assert limiter.used(10.0) == 10
    assert limiter.wait(51, 10.0) == pytest.approx(50)


def test_a_recount_makes_all_of_it_so_many_times_as_much() -> None:
    """In our own window and in what the service counts, to the last text."""
    limiter = RateLimiter(60, margin=2.0)
    limiter.take(10, 0.0)
    limiter.take(5, 30.0)
    limiter.recount(2.0)
    assert limiter.used(30.0) == 30
    assert limiter.wait(31, 40.0) == pytest.approx(22.0)
    assert limiter.used(60.0) == 10
    assert limiter.used(90.0) == 0
    assert limiter.wait(60, 62.0) == pytest.approx(30.0)


def test_a_margin_that_grows_keeps_more_clear() -> None:
    """In the window that is under way, too."""
    limiter = RateLimiter(60, margin=0.0)
    limiter.take(60, 0.0)
    limiter.set_margin(6.0)
    assert limiter.wait(1, 0.0) == pytest.approx(66.0)


# -- jitter ------------------------------------------------------------------------------------


def test_a_limit_that_was_exceeded_widens_the_margin_by_half() -> None:
    """From what is kept clear now, at most to five seconds; what is measured does not undo it."""
    meter = JitterMeter(LEAST)
    meter.widen()
    assert meter.margin == pytest.approx(0.9)
    for _ in range(10):
        meter.observe(100, 0.3)
    assert meter.margin == pytest.approx(0.9)
    for number in range(10):
        meter.observe(100, 0.3 + 0.2 * number)
    assert meter.margin == pytest.approx(1.8)
    meter.widen()
    assert meter.margin == pytest.approx(2.7)
    for _ in range(5):
        meter.widen()
    assert meter.margin == MOST


def test_sizes_within_a_factor_of_two_are_compared() -> None:
    """Calls of another size take another time, which is no jitter; it is looked at every ten."""
    meter = JitterMeter()
    for _ in range(5):
        meter.observe(4, 1.0)
        meter.observe(8, 9.0)
    assert meter.margin == LEAST
    for _ in range(9):
        meter.observe(7, 3.0)
    assert meter.margin == LEAST
    meter.observe(7, 3.0)
    assert meter.margin == pytest.approx(2.0)


# -- refusals in a row -------------------------------------------------------------------------


def test_a_first_refusal_halts_all_until_one_goes_through() -> None:
    """One that was sent after it; the time that it took is told."""
    streak = RefusalStreak()
    assert (streak.length, streak.needed, streak.halts) == (0, 1, False)
    streak.refused(10.0, sent_at=9.0)
    streak.refused(11.0, sent_at=9.5)
    assert (streak.length, streak.halts) == (2, True)
    assert streak.answered(12.0, sent_at=9.4, cleared=0) == 0.0
    assert streak.length == 2
    assert streak.answered(13.0, sent_at=9.5, cleared=0) == 3.0
    assert (streak.length, streak.halts) == (0, False)
    assert streak.answered(14.0, sent_at=13.0, cleared=0) == 0.0


def test_where_refusals_are_the_services_way_more_of_them_are_needed() -> None:
    """So many as happen once in ten thousand calls; and one alone halts nobody."""
    streak = RefusalStreak()
    for number in range(180):
        streak.answered(number, sent_at=number, cleared=number % 9 == 0)
    # 20 of 200.
    assert streak.needed == 4
    halts = []
    for at in (200.0, 201.0):
        streak.refused(at, sent_at=at)
        halts.append(streak.halts)
    assert halts == [False, True]
    often = RefusalStreak()
    for number in range(1_000):
        often.answered(number, sent_at=number, cleared=1)
    assert often.needed == math.ceil(math.log(1e-4) / math.log(0.9))


def test_a_refusal_of_long_ago_is_forgotten() -> None:
    """Half of it with each thousand calls: then the first one means a limit again."""
    streak = RefusalStreak()
    streak.answered(0.0, sent_at=0.0, cleared=1)
    for number in range(979):
        streak.answered(number, sent_at=number, cleared=0)
    assert streak.needed == 2
    streak.answered(1.0, sent_at=1.0, cleared=0)
    # Half a refusal of five hundred calls.
    assert streak.needed == 2
    for number in range(500):
        streak.answered(number, sent_at=number, cleared=0)
    assert streak.needed == 1


# -- the search for a limit --------------------------------------------------------------------


def found(value: float, *, now: float = 0.0, ceiling: float = 0.0) -> RateEstimator:
    """A limit that an earlier run found."""
    return RateEstimator(value, largest=10_000, ceiling=ceiling, found=True, now=now)


def refuse(estimator: RateEstimator, now: float, level: float, **given: Any) -> bool:
    """A refusal of a call of 10 at a level, sent a moment ago."""
    usual = Refusal(now - 0.1, 10, level, used=level - 10, told=0.0, others=1, under_way=0)
    return estimator.refuse(now, replace(usual, **given))


def test_a_limit_that_was_found_is_probed_once_it_has_stood_for_a_while() -> None:
    """By a twenty-fifth or two calls, whichever is more; never beyond what the user gave."""
    estimator = found(1_000)
    assert not estimator.searching
    assert [estimator.is_due(at) for at in (WINDOW + COOLDOWN - 0.1, WINDOW + COOLDOWN)] == [
        False,
        True,
    ]
    assert [estimator.step(amount) for amount in (1, 20, 30)] == [40, 40, 60]
    estimator.go_up(10, 90.0)
    assert estimator.value == 1_000 * (1 + FIRST_STEP)
    assert not estimator.is_due(500.0)
    assert estimator.estimated(used=0) == EstimatedLimit(1_000, met=True)
    assert estimator.most_in_flight(90.0) == 2
    given = found(1_000, ceiling=1_010)
    given.go_up(10, 90.0)
    assert given.value == 1_010
    assert not found(1_000, ceiling=1_000).is_due(1_000.0)
    assert [found(1_000, ceiling=limit).lowered for limit in (1_000, 1_001)] == [False, True]
    assert found(1).step(0) == 1


def test_a_probe_that_goes_through_is_followed_by_a_larger_one_then_by_a_search() -> None:
    """Each is double the one before; of more than a tenth, the limit is looked for anew."""
    estimator = found(1_000)
    estimator.go_up(10, 100.0)
    assert estimator.answered(101.0, sent_at=100.5, amount=10, level=1_019) == 0
    assert estimator.estimated(used=0) == EstimatedLimit(1_000, met=True)
    assert estimator.answered(102.0, sent_at=101.5, amount=10, level=1_030) == 0
    assert estimator.estimated(used=0) == EstimatedLimit(1_040, met=True)
    assert estimator.is_due(102.0)
    assert estimator.step(1) == pytest.approx(1_040 * 2 * FIRST_STEP)
    estimator.go_up(10, 102.0)
    assert estimator.most_in_flight(102.0) == 3
    assert estimator.value == pytest.approx(1_040 * (1 + 2 * FIRST_STEP))
    estimator.answered(103.0, sent_at=102.5, amount=10, level=estimator.value)
    assert estimator.searching
    assert estimator.most_in_flight(103.0 + WINDOW - 0.1) == 3
    assert estimator.most_in_flight(103.0 + WINDOW) == 0


def test_a_probe_that_is_refused_is_taken_back_and_waits_longer_each_time() -> None:
    """A minute's hold, then two: a quota that stays costs few refusals."""
    estimator, now = found(1_000), 100.0
    for hold in (2 * COOLDOWN, MAX_COOLDOWN, MAX_COOLDOWN):
        estimator.go_up(10, now)
        assert not refuse(estimator, now + 1, 1_010)
        assert estimator.value == 1_000
        assert not estimator.is_due(now + 1 + hold - 0.1)
        assert estimator.is_due(now + 1 + hold)
        now += 1 + hold
    estimator.go_up(10, now)
    estimator.answered(now + 1, sent_at=now + 0.5, amount=10, level=1_035)
    assert estimator.value == 1_040


def test_a_probe_that_nothing_sends_is_taken_back() -> None:
    """After ten seconds: something else holds us back."""
    estimator = found(1_000)
    estimator.go_up(10, 100.0)
    estimator.answered(110.0, sent_at=109.0, amount=10, level=500)
    assert estimator.value == 1_040
    estimator.answered(110.1, sent_at=109.0, amount=10, level=500)
    assert estimator.value == 1_000


def test_a_named_limit_is_taken_over() -> None:
    """And whether we had kept to it all the same, which says that arrivals vary."""
    estimator = found(1_000, now=0.0)
    assert not refuse(estimator, 100.0, 600, told=500, used=500)
    assert estimator.value == 500
    # Sent before that lesson: no news.
    assert not refuse(estimator, 100.1, 600, told=500, used=500, sent_at=99.0)
    assert refuse(estimator, 101.0, 510, told=500, used=500)
    assert refuse(estimator, 102.0, 510, told=504, used=500)
    assert not refuse(estimator, 103.0, 510, told=600, used=ALONE * 600)
    assert estimator.value == 600
    # With less used of it somebody else has used the rest: what we had is what is left for us.
    assert not refuse(estimator, 104.0, 310, told=700, used=300)
    assert estimator.value == 300


def test_refusals_in_a_row_are_the_limits_unless_something_goes_through_there() -> None:
    """Two are needed of a limit that was found; of a minute that began before us, none counts."""
    young = found(1_000)
    for at in (50.0, 51.0, 52.0):
        refuse(young, at, 800)
    assert young.value == 1_000
    estimator = found(1_000)
    refuse(estimator, 100.0, 800)
    assert estimator.value == 1_000
    refuse(estimator, 101.0, 820)
    assert estimator.value == 790
    assert estimator.estimated(used=0) == EstimatedLimit(790, met=True)
    cleared = found(1_000)
    refuse(cleared, 100.0, 800)
    assert cleared.answered(101.0, sent_at=100.5, amount=10, level=811) == 1
    refuse(cleared, 102.0, 800)
    assert cleared.value == 1_000


def test_the_highest_limit_that_explains_enough_refusals_is_taken() -> None:
    """One further below may have been for want of capacity."""
    estimator = found(1_000)
    for at, level in ((100.0, 700), (101.0, 800)):
        assert not refuse(estimator, at, level, used=0, under_way=5)
    refuse(estimator, 102.0, 810)
    assert estimator.value == 790


def test_a_refusal_that_names_no_limit_is_of_the_fullest() -> None:
    """By its share, not by its figures; of what has no limit it is not."""
    minute = MinuteLimits(
        QuotaLimits(100, 10_000, 0), to_find=frozenset(), estimated=None, margin=0.6, now=0.0
    )
    minute.limiters["rpm"].take(50, 0.0)
    minute.limiters["tpm"].take(4_000, 0.0)
    assert minute.fullest(1.0) == "rpm"
    minute.limiters["tpm"].take(2_000, 1.0)
    assert minute.fullest(2.0) == "tpm"
    unlimited = MinuteLimits(
        QuotaLimits(0, 10_000, 0), to_find=frozenset(), estimated=None, margin=0.6, now=0.0
    )
    unlimited.limiters["rpm"].take(50, 0.0)
    unlimited.limiters["tpm"].take(1, 0.0)
    assert (unlimited.fullest(1.0), unlimited.limit("rpm")) == ("tpm", 0)


def test_where_there_is_no_limit_no_refusal_finds_one() -> None:
    """It is the service that has to name it."""
    unlimited = found(math.inf, ceiling=math.inf)
    for at in (100.0, 101.0, 102.0):
        assert not refuse(unlimited, at, 50)
    assert unlimited.value == math.inf
    refuse(unlimited, 103.0, 50, told=40)
    assert unlimited.value == 40


def test_only_what_is_sent_beyond_a_limit_probes_it() -> None:
    """Up to it, a single refusal says nothing."""
    estimator = found(1_000)
    estimator.go_up(10, 100.0)
    refuse(estimator, 101.0, 1_000)
    assert estimator.value == 1_040


async def test_what_is_tried_beyond_a_limit_is_sent_at_once() -> None:
    """If the limit was to be found, it is full, and nothing comes free by itself."""
    estimated = EstimatedQuota(EstimatedLimit(1_000, met=True), EstimatedLimit(), 1.0)
    to_find = frozenset({"rpm"})
    minute = MinuteLimits(
        QuotaLimits(100, 0, 0), to_find=to_find, estimated=estimated, margin=0.6, now=0.0
    )
    minute.go_up_if_due("rpm", 10, 100.0)
    assert minute.limit("rpm") == 1_000
    minute.limiters["rpm"].take(1_000, 100.0)
    minute.go_up_if_due("rpm", 10, 100.0)
    assert minute.limit("rpm") == 1_040
    await minute.limiters["rpm"].space(40)
    assert minute.limiters["rpm"].is_due(10)
    await minute.limiters["rpm"].space(10)
    assert not minute.limiters["rpm"].is_due(10)
    given = MinuteLimits(
        QuotaLimits(1_000, 0, 0), to_find=frozenset(), estimated=None, margin=0.6, now=0.0
    )
    given.limiters["rpm"].take(1_000, 100.0)
    given.go_up_if_due("rpm", 10, 100.0)
    assert given.limit("rpm") == 1_000


def test_refusals_that_a_limit_was_found_by_are_cleared_if_more_goes_through() -> None:
    """Where it was found just now; long afterwards the limit has risen instead."""
    for later, cleared in ((WINDOW + COOLDOWN - 1, 2), (WINDOW + COOLDOWN, 0)):
        estimator = found(1_000)
        for at in (100.0, 101.0):
            refuse(estimator, at, 800)
        probed = 101.0 + later
        estimator.go_up(10, probed - 1)
        told = estimator.answered(probed, sent_at=probed - 0.5, amount=10, level=estimator.value)
        assert told == cleared


def test_a_search_rises_with_what_goes_through_and_keeps_what_did() -> None:
    """Its pace is a multiple of the geometric mean of that and of the likeliest largest."""
    estimator = RateEstimator(100, largest=10_000, ceiling=0, found=False, now=0.0, passed=70.0)
    assert estimator.searching
    assert estimator.estimated(used=60) == EstimatedLimit(70)
    assert estimator.estimated(used=80) == EstimatedLimit(80)
    assert estimator.estimated(used=800) == EstimatedLimit(100)
    estimator.answered(1.0, sent_at=0.5, amount=1, level=1)
    assert estimator.value == pytest.approx(34 * math.sqrt(100))
    estimator.answered(2.0, sent_at=1.5, amount=0.5, level=2)
    assert estimator.value == pytest.approx(34 * math.sqrt(100))
    estimator.answered(3.0, sent_at=2.5, amount=0.5, level=2)
    assert estimator.value == pytest.approx(34 * math.sqrt(200))
    unlimited = RateEstimator(math.inf, largest=10_000, ceiling=0, found=False, now=0.0)
    assert unlimited.estimated(used=5) == EstimatedLimit()
    assert unlimited.most_in_flight(0.0) == 0


# -- the day -----------------------------------------------------------------------------------


def test_a_days_last_texts_are_told_with_the_refusal() -> None:
    """What the service did not count is to be had again; never more than the limit."""
    day = DayCount(10, 7, lambda: NOON)
    day.check(3)
    with pytest.raises(DailyQuotaError) as caught:
        day.check(4)
    assert caught.value.texts_left == 3
    day.give_back(100)
    assert day.used == 0
    day.take(12)
    with pytest.raises(DailyQuotaError) as caught:
        day.check(1)
    assert caught.value.texts_left == 0
    DayCount(0, 10**9, lambda: NOON).check(10**9)


@pytest.mark.parametrize(
    ("limit", "until", "words"),
    [
        (1_000, timedelta(hours=2, minutes=5), ("(1,000 texts)", "in 2 h 05 min")),
        (None, timedelta(seconds=61), ("the day's quota is used up", "in 0 h 02 min")),
        (None, timedelta(minutes=60), ("the day's quota is used up", "in 1 h 00 min")),
    ],
)
def test_the_error_of_a_day_names_the_limit_and_the_time(
    limit: int | None, until: timedelta, words: tuple[str, str]
) -> None:
    """Rounded up: a minute too early is in vain; and by default nothing is left."""
    error = daily_quota_error(limit, now=NOON, at=NOON + until)
    assert str(error).endswith("used up")
    assert words[0] in str(error)
    assert words[1] in error.hint
    assert f"{(NOON + until).astimezone():%Y-%m-%d %H:%M}" in error.hint
    assert "--wait" in error.hint
    assert (error.texts_left, error.come_back_at) == (0, NOON + until)
    assert daily_quota_error(limit, remaining=7, now=NOON).texts_left == 7


def test_a_refusal_of_now_is_reckoned_from_now() -> None:
    """In UTC; a quarter of an hour after midnight the service's clock is no longer behind."""
    before = datetime.now(UTC)
    at = daily_quota_error(None).come_back_at
    assert at is not None
    assert before < at <= before + timedelta(hours=25, seconds=5)
    midnight = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    late = midnight + timedelta(minutes=15)
    assert come_back_at(late) == midnight + timedelta(days=1, seconds=5)


# -- what is told ------------------------------------------------------------------------------


def test_the_state_has_each_limit_beside_what_is_used_of_it() -> None:
    """Texts, tokens and the day; and that there is a pause, until it is over."""

    async def run() -> None:
        limits = QuotaLimits(600, 9_000, 1_000)
        quota = Quota(limits, EventBus(), used_today=5)
        await quota.acquire(6, 30)
        state = quota.state()
        assert (state.texts_in_minute, state.rpm) == (6, 600)
        assert (state.tokens_in_minute, state.tpm) == (30, 9_000)
        assert (state.texts_today, state.rpd) == (11, 1_000)
        assert (state.waiting_for, state.margin) == ("", LEAST)
        quota.pause(10.0)
        await anyio.sleep(9.9)
        assert quota.state().waiting_for == "service"
        await anyio.sleep(0.1)
        assert quota.state().waiting_for == ""

    run_virtual(run)


async def test_tokens_are_estimated_back_from_what_the_service_counts() -> None:
    """What it counts of a batch, by what it counted before."""
    quota = Quota(QuotaLimits(0, 0, 0), EventBus())
    assert quota.estimate_of(900) == 900
    admission = await quota.acquire(10, 1_000)
    quota.answered(admission, texts=10, estimated=1_000, counted=2_000)
    quota.ended()
    assert quota.estimate_of(2_040) == 1_000
    estimated = quota.estimated
    assert estimated is not None
    assert estimated.token_factor == pytest.approx(2.04)


def test_a_named_limit_of_tokens_that_we_kept_to_corrects_our_estimate() -> None:
    """And what was sent is counted anew by it."""
    told = list[Event]()
    bus = EventBus()
    bus.subscribe(told.append)

    async def run() -> None:
        quota = Quota(QuotaLimits(100, 1_000, 0), bus)
        quota.answered(await quota.acquire(1, 500), texts=1, estimated=500, counted=None)
        quota.ended()
        await anyio.sleep(40)
        second = await quota.acquire(1, 100)
        quota.refused(second, tpm=900)
        quota.ended()
        assert quota.state().tokens_in_minute == 900
        assert quota.limits == QuotaLimits(100, 900, 0)
        estimated = quota.estimated
        assert estimated is not None
        assert estimated.token_factor == pytest.approx(1.8)

    run_virtual(run)
    assert told == [QuotaChanged(100, 900, "the service said so")]
