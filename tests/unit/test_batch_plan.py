"""What the modes cost and take: the queue's rules in virtual time, and what is told of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from waypoint.cli.benchmark.batch import mode_table
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.rate_limit import TIERS
from waypoint.ingestion.jobs.forecast import forecast, target
from waypoint.ingestion.jobs.passes import tokens_for_calls
from waypoint.ingestion.jobs.queue import QUEUE_TOKENS
from waypoint.ingestion.mode_plan import ModeTime, mode_times
from waypoint.ingestion.quota_plan import Demand
from waypoint.settings import QuotaTier

MODEL = GEMINI_MODELS["gemini-embedding-001"]
MILLION = Demand(1_000_000, 150_000_000, 0)


def modes_of(demand: Demand, tier: QuotaTier, max_cost: float | None = None) -> dict[str, ModeTime]:
    return {each.mode: each for each in mode_times(demand, TIERS[tier], tier, MODEL, max_cost)}


def test_the_page_has_the_table_that_the_command_makes() -> None:
    """Of 10,000 and 1,000,000 texts at each tier."""
    page = (Path(__file__).parents[2] / "docs" / "batch.md").read_text("utf-8")
    assert "\n".join(mode_table([10_000, 1_000_000], 150)) in page


@pytest.mark.parametrize("tier", [QuotaTier.ONE, QuotaTier.TWO, QuotaTier.THREE])
def test_a_million_texts_in_jobs(tier: QuotaTier) -> None:
    """At a day a job, a queue's tokens a day at most."""
    slow = forecast(1_000_000, 150_000_000, tier, target)
    assert slow.seconds / 86_400 >= 150_000_000 / QUEUE_TOKENS[tier]
    assert slow.seconds / 86_400 <= 1.3 * 150_000_000 / QUEUE_TOKENS[tier]


def test_modes_side_by_side() -> None:
    """Jobs cost half; both at once end soonest, and cost what is between."""
    modes = modes_of(MILLION, QuotaTier.TWO)
    calls, jobs, both = modes["interactive"], modes["batch"], modes["mixed"]
    assert calls.cost_usd == pytest.approx(2 * jobs.cost_usd) == pytest.approx(22.5)
    assert jobs.cost_usd < both.cost_usd < calls.cost_usd
    assert both.seconds < calls.seconds < jobs.seconds
    assert 0 < both.texts_in_jobs < 1_000_000


def test_both_at_once_keeps_to_the_budget() -> None:
    """Calls take what leaves the rest affordable as jobs; none, if jobs alone take it all."""
    both = modes_of(MILLION, QuotaTier.TWO, max_cost=15)["mixed"]
    assert both.cost_usd <= 15
    assert modes_of(MILLION, QuotaTier.TWO, max_cost=1)["mixed"].texts_in_jobs == 1_000_000
    assert tokens_for_calls(100, math.inf) == math.inf
    assert tokens_for_calls(100, 100) == pytest.approx(100)
    assert tokens_for_calls(100, 55) == 0


def test_no_jobs_where_there_are_none() -> None:
    """At the free tier, and for no text."""
    assert list(modes_of(MILLION, QuotaTier.FREE)) == ["interactive"]
    assert modes_of(Demand(0, 0, 0), QuotaTier.TWO) == {}
    small = modes_of(Demand(100, 15_000, 0), QuotaTier.TWO)
    assert small["mixed"].jobs == 0
