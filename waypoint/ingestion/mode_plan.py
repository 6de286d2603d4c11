"""Price and time of the modes side by side: calls, batch jobs, and both at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.ingestion.jobs.forecast import Forecast, forecast, target
from waypoint.ingestion.jobs.passes import tokens_for_calls
from waypoint.ingestion.quota_plan import Demand, least_time
from waypoint.settings import Mode, QuotaTier

_HALVINGS = 12
"""Of the share that calls may take: to a four-thousandth."""


@dataclass(frozen=True, slots=True)
class ModeTime:
    """What a mode takes and costs."""

    mode: str
    cost_usd: float
    seconds: float
    """At least for calls; for jobs, as users saw them."""
    most_seconds: float
    """If each job takes as long as the service allows itself: a day."""
    jobs: int
    texts_in_jobs: int


def mode_times(
    demand: Demand,
    limits: QuotaLimits,
    tier: QuotaTier,
    model: EmbeddingModel,
    max_cost: float | None,
) -> list[ModeTime]:
    """Of each mode; of calls alone where the tier has no jobs. Empty for no text."""
    if not demand.texts:
        return []
    price = model.usd_per_million_tokens / 1_000_000

    def with_calls(mode: Mode, texts: int) -> ModeTime:
        """So many of the texts in calls, the others in jobs."""
        calls, jobs = _share(demand, texts), _share(demand, demand.texts - texts)
        usual = forecast(jobs.texts, jobs.tokens, tier)
        most = Forecast(0, 0.0)
        if jobs.texts:
            most = forecast(jobs.texts, jobs.tokens, tier, target)
        seconds = least_time(calls, limits).seconds if texts else 0.0
        return ModeTime(
            mode.value,
            price * (calls.tokens + jobs.tokens / 2),
            max(seconds, usual.seconds),
            max(seconds, most.seconds),
            usual.jobs,
            jobs.texts,
        )

    interactive = with_calls(Mode.INTERACTIVE, demand.texts)
    if tier is QuotaTier.FREE:
        return [interactive]
    most_tokens = math.inf if max_cost is None else max_cost / price
    share = min(1.0, tokens_for_calls(demand.tokens, most_tokens) / max(1, demand.tokens))
    mixed = _soonest(demand, limits, tier, int(share * demand.texts))
    return [interactive, with_calls(Mode.BATCH, 0), with_calls(Mode.MIXED, mixed)]


def _soonest(demand: Demand, limits: QuotaLimits, tier: QuotaTier, most: int) -> int:
    """Texts in calls, at most so many, with which both ways end at about the same time."""

    def calls(texts: int) -> float:
        return least_time(_share(demand, texts), limits).seconds

    def jobs(texts: int) -> float:
        share = _share(demand, demand.texts - texts)
        return forecast(share.texts, share.tokens, tier).seconds

    low, high = 0, most
    for _ in range(_HALVINGS):
        middle = (low + high + 1) // 2
        if calls(middle) <= jobs(middle):
            low = middle
        else:
            high = middle
    # A job is worth its turnaround only where calls alone take longer.
    return min((low, most), key=lambda texts: max(calls(texts), jobs(texts)))


def _share(demand: Demand, texts: int) -> Demand:
    part = texts / demand.texts
    return Demand(
        texts, round(part * demand.tokens), round(part * demand.characters), demand.used_today
    )
