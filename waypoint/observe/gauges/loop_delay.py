"""How late the event loop is: how much longer a short sleep takes than was asked for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio

from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.gauges.stages import Clock

EVERY = 0.025
"""Seconds between two measurements. What holds the loop for less is met by chance only, in
proportion to how long it does."""

_BOUNDS = tuple(1e-4 * 1.1**step for step in range(130))
"""In seconds: 0.1 ms to 22 s, each a tenth wider than the one before it, which is how exact a
quantile is."""


class LoopDelayMeter:
    """Measures for as long as :meth:`run` does, at the price of a wake-up each time.

    Args:
        delays: takes the delays, in seconds; one of fine bounds if none is given.
        every: seconds between two measurements.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        *,
        delays: Histogram | None = None,
        every: float = EVERY,
    ) -> None:
        self.delays = Histogram(_BOUNDS) if delays is None else delays
        self._every = every
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = self._clock() + self._every
            await self._sleep(self._every)
            self.note(self._clock() - due)

    def note(self, delay: float) -> None:
        """Count one delay; less than zero is no delay."""
        self.delays.add(max(0.0, delay))
