"""The wait of a run whose day's quota is used up, until there is more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import anyio

from waypoint.embedding.rate_limit.day import come_back_at
from waypoint.errors import DailyQuotaError
from waypoint.observe.events import EventBus, WaitingForDailyReset
from waypoint.stopping import Stop

_LOOK_EVERY = 60.0
"""Seconds. A machine that was suspended in between wakes up late by a monotonic clock."""


class DailyReset:
    """Shared by all workers: told once, waited for by each."""

    def __init__(
        self,
        stop: Stop,
        events: EventBus,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stop = stop
        self._events = events
        self._now = now
        self._told: datetime | None = None

    async def wait(self, error: DailyQuotaError) -> None:
        """Return when texts are to be had again.

        Raises:
            StopRequested: the run is to stop.
        """
        until = error.come_back_at or come_back_at(self._now())
        if self._told is None or self._told <= self._now():
            self._told = until
            self._events.emit(WaitingForDailyReset(until.isoformat("T", "seconds")))
        with self._stop.interruptible():
            while (left := (until - self._now()).total_seconds()) > 0:  # noqa: ASYNC110 - it is time that is waited for
                await anyio.sleep(min(left, _LOOK_EVERY))
