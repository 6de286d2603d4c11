"""What the monitor is told at its start, and asks while the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waypoint.embedding.rate_limit import QuotaState
from waypoint.observe.gauges import Gauges
from waypoint.observe.report import RunReport


@dataclass(frozen=True, slots=True)
class Sources:
    """Where its figures come from."""

    report: RunReport
    """Kept up to date by its own listener: so the page's figures are the report's."""
    gauges: Gauges
    quota: Callable[[], QuotaState | None]
    """None before the quota is known."""
    stall_after: float
    """Seconds without movement from which on the run hangs."""
