"""What a run is about at this moment, in words."""

from __future__ import annotations

from datetime import datetime

from waypoint.embedding.rate_limit import QuotaState
from waypoint.monitor.health import Health, Status
from waypoint.observe.gauges.binding import Binding


def what_it_does(
    health: Health,
    quota: QuotaState | None,
    binding: Binding,
    *,
    day_until: datetime | None,
    draining: str,
) -> str:
    """One sentence, the most urgent matter first."""
    if health.status is Status.HUNG:
        return f"hangs: {health.why}"
    if draining:
        return f"stopping ({draining}): finishing what is in flight"
    if health.status is Status.STARTING:
        return "getting ready: opening the store and the ledger, looking at the folder"
    if health.status is Status.FINISHING:
        return "finishing: removing what is gone from the folder"
    if day_until is not None:
        until = day_until.isoformat(" ", "minutes").replace("+00:00", " UTC")
        return f"waiting for the day's quota: more texts at {until}"
    if health.status is Status.WAITING and quota is not None:
        return waiting_for_quota(quota)
    return str(binding)


def waiting_for_quota(quota: QuotaState) -> str:
    """Which limit is waited for, and how far it is used."""
    match quota.waiting_for:
        case "tokens":
            used, limit, unit = quota.tokens_in_minute, quota.tpm, "tokens"
        case "service":
            return "waiting for quota: the service said to wait (429)"
        case _:
            used, limit, unit = quota.texts_in_minute, quota.rpm, "texts"
    return f"waiting for quota: {used:,} of {limit:,} {unit} this minute"
