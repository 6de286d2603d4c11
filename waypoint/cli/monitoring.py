"""The monitor of an ingestion, where one is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from waypoint.ingest.run import Ingestion
from waypoint.observe.events import EventBus
from waypoint.observe.report import RunReport
from waypoint.settings import Settings


@asynccontextmanager
async def monitored(
    settings: Settings, ingestion: Ingestion, report: RunReport, events: EventBus
) -> AsyncIterator[None]:
    """Have the run looked at for as long as the context is open; nothing without METRICS_PORT."""
    if settings.metrics_port is None:
        yield
        return
    from waypoint.monitor.monitor import Monitor
    from waypoint.monitor.sources import Sources

    monitor = Monitor(
        Sources(report, ingestion.gauges, ingestion.quota_state, settings.stall_after),
        events,
        settings.metrics_host,
        settings.metrics_port,
    )
    events.subscribe(monitor)
    async with monitor.beside():
        yield
