"""The account's quota, as settings, ledger and earlier runs know it."""

from __future__ import annotations

from waypoint.embedding.budget import Budget
from waypoint.embedding.providers import chosen_model
from waypoint.embedding.rate_limit import Quota, QuotaRules
from waypoint.models import DayUse, EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.service_day import service_day
from waypoint.settings import QuotaSettings, QuotaUnit, Settings
from waypoint.storage.ledger.port import Ledger


def budget_of(settings: Settings) -> Budget | None:
    """What a run may spend; None for no bound."""
    if settings.max_texts is None and settings.max_cost is None:
        return None
    model = chosen_model(settings)
    return Budget(
        max_texts=settings.max_texts,
        max_usd=settings.max_cost,
        usd_per_million_tokens=model.usd_per_million_tokens,
    )


async def open_quota(
    wanted: QuotaSettings,
    rules: QuotaRules,
    ledger: Ledger | None,
    space: EmbeddingSpace,
    events: EventBus,
) -> Quota:
    """The quota of a command that calls the service.

    Args:
        rules: what the endpoint's limits are counted in, and which there are.
        ledger: None for one that a command must not read now: then nothing is known of the day.
    """
    used, estimated = DayUse(), None
    if ledger is not None:
        used = await ledger.day_use(service_day().isoformat(), space)
        estimated = await ledger.estimated_quota(space)
    counts_calls = QuotaUnit.CALLS in (wanted.unit, rules.unit)
    return Quota(
        rules.limits(wanted),
        events,
        to_find=wanted.to_find & rules.to_find,
        estimated=estimated,
        used_today=used.calls if counts_calls else used.texts,
        counts_calls=counts_calls,
    )
