"""The account's quota, as settings, ledger and earlier runs know it."""

from __future__ import annotations

from waypoint.embedding.budget import Budget
from waypoint.embedding.known_models import known_model
from waypoint.embedding.rate_limit import Quota, limits_for
from waypoint.models import DayUse, EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.service_day import service_day
from waypoint.settings import QuotaSettings, QuotaUnit, Settings
from waypoint.storage.ledger import Ledger
from waypoint.storage.ledger.thread import LedgerThread


def budget_of(settings: Settings) -> Budget | None:
    """What a run may spend; None for no bound."""
    if settings.max_texts is None and settings.max_cost is None:
        return None
    model = known_model(settings.embedding_model)
    return Budget(
        max_texts=settings.max_texts,
        max_usd=settings.max_cost,
        usd_per_million_tokens=model.usd_per_million_tokens,
    )


async def open_quota(
    wanted: QuotaSettings,
    ledger: LedgerThread | None,
    space: EmbeddingSpace,
    events: EventBus,
    *,
    built_in: bool,
) -> Quota:
    """The quota of a command that calls the service.

    Args:
        ledger: None for one that a command must not read now: then nothing is known of the day.
        built_in: the service is a simulator of our own, which has no quota that could be found.
    """
    used, learned = DayUse(), None
    if ledger is not None:
        used = await ledger.run(Ledger.day_use, service_day().isoformat(), space)
        learned = await ledger.run(Ledger.learned_quota, space)
    counts_calls = wanted.unit is QuotaUnit.CALLS
    return Quota(
        limits_for(wanted, simulated=built_in),
        events,
        to_find=frozenset() if built_in else wanted.to_find,
        learned=learned,
        used_today=used.calls if counts_calls else used.texts,
        counts_calls=counts_calls,
    )
