"""A quota that nobody told, that others share, or that changes: found, and followed."""

from __future__ import annotations

import pytest

from tests.support.quota_bench import CountingService, drive
from tests.support.virtual_time import run_virtual
from waypoint.embedding.rate_limit import AUTO_START, TIERS, Quota, QuotaLimits
from waypoint.models import EstimatedLimit, EstimatedQuota
from waypoint.observe.events import EventBus, QuotaChanged
from waypoint.settings import QuotaTier
from waypoint.simulator.settings import SimulatorSettings, WindowKind

BOTH = frozenset({"rpm", "tpm"})
AMPLE = 10_000_000


def service_of(
    rpm: int,
    *,
    tells: bool = True,
    others: int = 0,
    window: WindowKind = "sliding",
    tokens: int = 120,
    tpm: int = 0,
) -> CountingService:
    settings = SimulatorSettings(rpm=rpm, tpm=tpm, quota_window=window)
    return CountingService(
        settings, tokens_a_text=tokens, jitter=0.3, tells=tells, delays=tells, others=others
    )


@pytest.mark.parametrize("rpm", [100, 1_000, 3_000, 5_000, 10_000, 20_000])
@pytest.mark.parametrize("tells", [True, False], ids=["told", "not told"])
def test_an_unknown_quota_is_found(rpm: int, tells: bool) -> None:
    """97 % of it over minutes 4 to 6 with about a 429 a minute, whether or not it is named."""
    driven = drive(service_of(rpm, tells=tells), AUTO_START, to_find=BOTH, minutes=6)
    assert driven.texts_between(180, 360) >= 0.97 * 3 * rpm
    assert driven.refused_between(180, 360) <= 5


def test_an_unknown_quota_of_fixed_minutes_is_found() -> None:
    """By the figure in the 429."""
    driven = drive(service_of(3_000, window="fixed"), AUTO_START, to_find=BOTH, minutes=6)
    assert driven.texts_between(180, 360) >= 0.9 * 3 * 3_000
    assert driven.refused_between(180, 360) <= 3


@pytest.mark.parametrize("known", [True, False], ids=["tier given", "auto"])
@pytest.mark.parametrize("tells", [True, False], ids=["told", "not told"])
def test_what_others_leave_of_a_quota_is_found(known: bool, tells: bool) -> None:
    """The figure that the service names is then not ours: 94 % of the rest, minutes 4 to 6."""
    driven = drive(
        service_of(3_000, tells=tells, others=1_200),
        TIERS[QuotaTier.ONE] if known else AUTO_START,
        to_find=frozenset() if known else BOTH,
        minutes=6,
    )
    assert driven.texts_between(180, 360) >= 0.94 * 3 * 1_800
    assert driven.refused_between(180, 360) <= 10


def bare(rpm: int, *, busy: float = 0.0, window: WindowKind = "sliding") -> CountingService:
    """Of whose refusals none tells anything."""
    service = service_of(rpm, tells=False, window=window)
    service.busy = busy
    return service


@pytest.mark.parametrize("delays", [True, False], ids=["RetryInfo", "bare"])
@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_tier_3_is_found_within_45_s(window: WindowKind, delays: bool) -> None:
    """From then on no minute loses more than a twentieth, although no refusal tells the limit."""
    service = bare(10_000, window=window)
    service.delays = delays
    driven = drive(service, AUTO_START, to_find=BOTH, minutes=5)
    assert driven.refused_between(0, 45) <= 3
    if window == "sliding":
        assert driven.least_window(45, 300) >= 0.95 * 10_000
    assert driven.texts_between(60, 300) >= 0.97 * 4 * 10_000


@pytest.mark.parametrize("rpm", [100, 1_000, 3_000])
def test_what_a_burst_used_is_used_again_as_it_comes_free(rpm: int) -> None:
    """No minute after the first loses more than a few seconds of the limit."""
    driven = drive(bare(rpm), AUTO_START, to_find=BOTH, minutes=4)
    assert driven.texts_between(0, 240) >= 0.95 * 4 * rpm
    assert driven.refused_between(0, 45) <= 6


@pytest.mark.parametrize("rpm", [100, 3_000, 10_000])
@pytest.mark.parametrize("busy", [0.015, 0.05, 0.1])
@pytest.mark.parametrize("known", [True, False], ids=["tier given", "auto"])
def test_refusals_that_no_pace_fixes_cost_their_wait(rpm: int, busy: float, known: bool) -> None:
    """At most a fifth of the time that the quota takes, whether or not it is known."""
    limits = QuotaLimits(rpm, AMPLE, 0) if known else AUTO_START
    to_find = frozenset[str]() if known else BOTH
    driven = drive(bare(rpm, busy=busy), limits, to_find=to_find, minutes=8)
    assert driven.seconds_for(6 * rpm) <= 1.2 * 6 * 60


@pytest.mark.parametrize("tells", [True, False], ids=["told", "not told"])
def test_a_quota_that_changes_is_followed(tells: bool) -> None:
    """Up within three minutes, down within one after the service's own window has emptied.

    Without a figure, the way down is felt out, and a little more is given away.
    """
    changes = {4.0: SimulatorSettings(rpm=5_000), 10.0: SimulatorSettings(rpm=1_000)}
    driven = drive(
        service_of(3_000, tells=tells), AUTO_START, to_find=BOTH, minutes=14, changes=changes
    )
    assert driven.texts_between(420, 600) >= 0.9 * 3 * 5_000
    assert driven.texts_between(660, 840) >= (0.9 if tells else 0.8) * 3 * 1_000
    assert driven.refused_between(180, 840) <= (20 if tells else 35)


def test_a_limit_that_was_given_is_never_left_upwards() -> None:
    """Also after a 429 had lowered it, and the service now allows more."""
    changes = {4.0: SimulatorSettings(rpm=9_000)}
    driven = drive(service_of(2_000), QuotaLimits(3_000, AMPLE, 0), minutes=15, changes=changes)
    assert driven.texts_between(120, 240) >= 0.9 * 2 * 2_000
    assert driven.texts_between(600, 900) >= 0.9 * 5 * 3_000
    assert driven.peak_texts <= 3_000


def test_what_was_learned_is_where_the_next_run_begins() -> None:
    """At full pace from its first minute."""
    first = drive(service_of(3_000), AUTO_START, to_find=BOTH, minutes=6)
    estimated = first.quota.estimated
    assert estimated is not None
    assert estimated.rpm.met
    assert estimated.rpm.value == pytest.approx(3_000, rel=0.1)
    assert not estimated.tpm.met
    second = drive(service_of(3_000), AUTO_START, to_find=BOTH, minutes=5, estimated=estimated)
    assert second.texts_between(0, 60) >= 0.98 * 3_000
    assert second.texts_between(0, 300) >= 0.95 * 5 * 3_000
    assert second.refused_between(0, 60) == 0


@pytest.mark.parametrize("texts", [0, 5])
def test_a_run_that_asks_for_little_forgets_nothing(texts: int) -> None:
    """What an earlier run saw go through, and met no limit at, is where the next begins."""
    before = EstimatedQuota(EstimatedLimit(3_754), EstimatedLimit(450_000), 1.5)

    async def ask() -> EstimatedQuota | None:
        quota = Quota(AUTO_START, EventBus(), to_find=BOTH, estimated=before)
        for _ in range(texts):
            await quota.acquire(1, 100)
            quota.ended()
        return quota.estimated

    assert run_virtual(ask) == before


async def test_what_was_found_before_outlives_a_run_with_a_given_limit() -> None:
    """Who gives --rpm once has not told what the account bears."""
    before = EstimatedQuota(
        EstimatedLimit(3_000, met=True), EstimatedLimit(900_000, met=False), 1.5
    )
    given = Quota(QuotaLimits(500, 100_000, 0), EventBus(), estimated=before)
    assert given.estimated == before


def test_what_was_given_is_not_learned() -> None:
    """The user's word is not to be outlived by what a run met."""
    driven = drive(service_of(1_000), QuotaLimits(3_000, AMPLE, 0), minutes=4)
    assert driven.quota.limits.rpm < 1_100
    assert driven.quota.estimated is None


def test_the_pace_of_a_search_rises_with_what_goes_through() -> None:
    """Evenly, and told as it rises; a tier's minute is sent within 40 s."""
    driven = drive(service_of(0), AUTO_START, to_find=BOTH, minutes=1)
    found = [event.rpm for event in driven.events if isinstance(event, QuotaChanged)]
    assert found == sorted(found)
    assert driven.texts_between(0, 5) <= 100
    assert driven.texts_between(0, 45) >= 10_000
    assert len(driven.events) < 10_000


@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_is_not_held_back_by_its_own_small_batches(workers: int) -> None:
    """Few calls in flight, or slow ones, carry more texts as more go through."""
    service = service_of(0)
    service.latency = 3.0
    driven = drive(service, AUTO_START, to_find=BOTH, minutes=10, workers=workers)
    assert driven.texts_between(540, 600) >= workers * 60 / 3.5 * 50


def test_a_limit_appears_where_none_was_known() -> None:
    """By the service's figure."""
    driven = drive(service_of(600), QuotaLimits(0, 0, 0), minutes=6)
    assert driven.texts_between(180, 360) >= 0.9 * 3 * 600
    assert driven.refused_between(180, 360) <= 3


def test_low_estimates_of_tokens_are_corrected_by_a_429() -> None:
    """After which 90 % of the tokens are used, with hardly another refusal."""
    service = service_of(3_000, tpm=200_000, tokens=200)
    driven = drive(
        service, QuotaLimits(3_000, 200_000, 0), minutes=8, estimate=lambda tokens: tokens // 2
    )
    assert 1 <= len(driven.refused) <= 3
    assert driven.tokens_between(60, 480) >= 0.9 * 7 * 200_000


def test_a_correction_of_tokens_is_kept_for_the_next_run() -> None:
    """Which then meets no 429 at all."""
    limits = QuotaLimits(3_000, 200_000, 0)
    first = drive(
        service_of(3_000, tpm=200_000, tokens=200), limits, minutes=4, estimate=lambda n: n // 2
    )
    estimated = first.quota.estimated
    assert estimated is not None
    assert estimated.rpm == estimated.tpm == EstimatedLimit()
    assert estimated.token_factor == pytest.approx(2.0, rel=0.05)
    second = drive(
        service_of(3_000, tpm=200_000, tokens=200),
        limits,
        minutes=4,
        estimated=estimated,
        estimate=lambda n: n // 2,
    )
    assert second.refused == []
    assert second.tokens_between(0, 240) >= 0.9 * 4 * 200_000
