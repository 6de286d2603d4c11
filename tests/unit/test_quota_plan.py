"""What a quota makes a run take, and the chunk size that would use all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.rate_limit import TIERS, QuotaLimits
from waypoint.ingestion.quota_plan import (
    DAY,
    WORTH_SAYING,
    Demand,
    advise_chunk_size,
    least_time,
    tier_times,
)
from waypoint.settings import QuotaTier

MODEL = GEMINI_MODELS["gemini-embedding-001"]


def demand(texts: int, *, tokens_each: int = 100, used_today: int = 0) -> Demand:
    """So many texts of a length, four characters a token."""
    tokens = texts * tokens_each
    return Demand(texts, tokens, tokens * 4, used_today)


def test_the_time_at_each_tier() -> None:
    """The limit that binds differs: the day's for free, texts for 1 to 3 with short texts."""
    found = {each.tier: each for each in tier_times(demand(30_000))}
    assert {tier: each.binding_quota for tier, each in found.items()} == {
        "free": "texts a day", "1": "texts a minute", "2": "texts a minute", "3": "texts a minute",
    }  # fmt: skip
    assert (found["free"].days, found["free"].seconds) == (30, 29 * DAY)
    assert (found["1"].seconds, found["2"].seconds, found["3"].seconds) == (600, 360, 180)
    assert (found["2"].rpm, found["2"].tpm, found["2"].rpd) == (5_000, 5_000_000, 0)
    long = {each.tier: each for each in tier_times(demand(30_000, tokens_each=1_500))}
    assert (long["1"].binding_quota, long["1"].seconds) == ("tokens a minute", 2_700)


@pytest.mark.parametrize(
    ("texts", "used", "days"),
    [(0, 0, 0), (1_000, 0, 1), (1_001, 0, 2), (700, 300, 1), (701, 300, 2), (1, 5_000, 2)],
)
def test_the_day_counts_what_was_used_of_it(texts: int, used: int, days: int) -> None:
    """Today's rest first, whole days after it."""
    least = least_time(demand(texts, used_today=used), TIERS[QuotaTier.FREE])
    assert least.days == days
    assert (least.binding_quota == "texts a day") == (days > 1)


def test_the_size_at_which_both_limits_bind() -> None:
    """Tier 1: 333 tokens a text, 1,333 characters; the chunk size grows in proportion."""
    advice = advise_chunk_size(demand(30_000), TIERS[QuotaTier.ONE], MODEL, 600)
    assert advice is not None
    assert advice.chunk_size == 1_950
    assert 320 <= advice.tokens_per_text <= 1_000_000 / 3_000
    assert 1_280 <= advice.characters_per_text <= 1_334
    assert advice.present_tokens_per_text == 100
    assert 180 <= advice.seconds <= 190


@pytest.mark.parametrize(
    ("tokens_each", "limits"),
    [
        (400, QuotaLimits(3_000, 1_000_000, 0)),
        (300, QuotaLimits(3_000, 1_000_000, 0)),
        (100, QuotaLimits(3_000, 0, 0)),
        (100, QuotaLimits(0, 1_000_000, 0)),
        (100, QuotaLimits(0, 0, 1_000)),
    ],
    ids=["tokens bind", "hardly a gain", "no tokens' limit", "no texts' limit", "a day's alone"],
)
def test_where_the_size_wastes_nothing_it_is_not_mentioned(
    tokens_each: int, limits: QuotaLimits
) -> None:
    """Nor where there is nothing to send."""
    assert advise_chunk_size(demand(30_000, tokens_each=tokens_each), limits, MODEL, 600) is None
    assert advise_chunk_size(demand(0), limits, MODEL, 600) is None


@given(
    texts=st.integers(1, 10**7),
    tokens_each=st.integers(1, 2_000),
    used=st.integers(0, 2_000),
    size=st.integers(50, 16_000),
    rpm=st.integers(1, 20_000),
    tpm=st.integers(1, 20_000_000),
    rpd=st.integers(0, 10_000),
)
def test_advice_is_worth_it_and_possible(
    texts: int, tokens_each: int, used: int, size: int, rpm: int, tpm: int, rpd: int
) -> None:
    """Less time by a fifth at least, larger than now, within what model and settings allow."""
    limits = QuotaLimits(rpm, tpm, rpd)
    wanted = demand(texts, tokens_each=tokens_each, used_today=used)
    advice = advise_chunk_size(wanted, limits, MODEL, size)
    if advice is None:
        return
    assert size < advice.chunk_size <= min(16_000, MODEL.max_input_tokens * 4)
    assert advice.chunk_size % 50 == 0
    assert least_time(wanted, limits).seconds >= WORTH_SAYING * advice.seconds
    # Not beyond the balance: tokens would bind, and longer texts gain nothing more.
    assert advice.tokens_per_text <= tpm / rpm + 0.1
