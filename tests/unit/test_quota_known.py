"""A known quota against a service that counts: all of it, and no 429, whatever the way there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.quota_bench import CountingService, drive
from waypoint.embedding.rate_limit import TIERS, QuotaLimits
from waypoint.settings import QuotaTier
from waypoint.simulator.settings import SimulatorSettings

MINUTES = QuotaTier.FREE, QuotaTier.ONE, QuotaTier.TWO, QuotaTier.THREE


def service_of(limits: QuotaLimits, *, tokens: int = 120, jitter: float = 0.0) -> CountingService:
    settings = SimulatorSettings(rpm=limits.rpm, tpm=limits.tpm)
    return CountingService(settings, tokens_a_text=tokens, jitter=jitter)


def a_minutes(tier: QuotaTier) -> QuotaLimits:
    """A tier without its day, which would end a test of an hour."""
    return QuotaLimits(TIERS[tier].rpm, TIERS[tier].tpm, 0)


@pytest.mark.parametrize("tier", MINUTES)
@pytest.mark.parametrize(
    ("jitter", "share", "minutes"), [(0.0, 0.98, 10), (0.6, 0.98, 60), (2.0, 0.96, 10)]
)
def test_a_tier_is_used_whole_and_meets_no_429(
    tier: QuotaTier, jitter: float, share: float, minutes: int
) -> None:
    """98 % of the quota where arrivals vary by 0.6 s or less, 96 % where they vary by 2 s."""
    limits = a_minutes(tier)
    driven = drive(service_of(limits, jitter=jitter), limits, minutes=minutes)
    assert driven.refused == []
    assert driven.peak_texts <= limits.rpm
    assert driven.texts_between(0, minutes * 60) >= share * minutes * limits.rpm


@pytest.mark.parametrize("tier", MINUTES)
def test_the_pace_is_the_same_from_the_first_minute_to_the_last(tier: QuotaTier) -> None:
    """No burst at the start and no idle tail: each ten seconds see a sixth of a minute's texts."""
    limits = a_minutes(tier)
    driven = drive(service_of(limits), limits, minutes=10)
    shares = [driven.texts_between(at, at + 10) / (limits.rpm / 6) for at in range(0, 600, 10)]
    assert min(shares) > 0.9
    assert max(shares) < 1.1


@pytest.mark.parametrize("tier", MINUTES)
@pytest.mark.parametrize("tokens", [500, 2_000])
def test_tokens_are_used_as_texts_are(tier: QuotaTier, tokens: int) -> None:
    """Where they bind, 98 % of them; where single texts are a large part, what fits."""
    limits = QuotaLimits(0, TIERS[tier].tpm, 0)
    driven = drive(service_of(limits, tokens=tokens), limits, minutes=10)
    assert driven.refused == []
    assert driven.peak_tokens <= limits.tpm
    fitting = limits.tpm // tokens * tokens
    assert driven.tokens_between(0, 600) >= 0.98 * 10 * fitting


@settings(max_examples=20)
@given(
    rpm=st.integers(1, 12_000),
    tokens=st.integers(1, 2_000),
    tpm=st.integers(2_000, 10_000_000),
    jitter=st.sampled_from([0.0, 0.3, 0.6]),
    most=st.integers(10, 100),
)
def test_any_quota_is_used_whole_and_never_exceeded(
    rpm: int, tokens: int, tpm: int, jitter: float, most: int
) -> None:
    """98 % of what is possible within five minutes, whichever limit binds."""
    limits = QuotaLimits(rpm, tpm, 0)
    driven = drive(
        service_of(limits, tokens=tokens, jitter=jitter), limits, minutes=5, most=most, workers=32
    )
    assert driven.refused == []
    texts = min(rpm, tpm // tokens)
    # What the calls in flight can do is no matter of the quota.
    possible = min(texts, 32 * most * 60 / (0.3 + jitter))
    assert driven.texts_between(0, 300) >= 0.98 * 5 * possible - most


def test_what_varies_more_than_was_seen_costs_a_429_once_and_widens_the_margin() -> None:
    """A known limit that is exceeded all the same teaches to keep clearer of it."""
    limits = a_minutes(QuotaTier.ONE)
    service = service_of(limits, jitter=4.0)
    driven = drive(service, limits, minutes=20)
    assert driven.quota.state().margin > 2
    assert driven.refused_between(120, 1_200) == 0
    assert driven.texts_between(120, 1_200) >= 0.92 * 18 * limits.rpm
