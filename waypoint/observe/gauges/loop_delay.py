"""How late the event loop is: by how much a short sleep takes longer than was asked for."""

from __future__ import annotations

import bisect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from waypoint.observe.gauges.stages import Clock

EVERY = 0.025
"""Seconds between two measurements. What holds the loop for less is met by chance only, in
proportion to how long it does."""

_BOUNDS = tuple(1e-4 * 1.1**step for step in range(130))
"""Upper bounds of the histogram's classes, in seconds: 0.1 ms to 22 s, each a tenth wider than
the one before it, which is how exact a quantile is."""


@dataclass(frozen=True, slots=True)
class LoopDelay:
    """Delays since the meter began, in seconds."""

    counts: tuple[int, ...]
    """By class; the last is open."""
    worst: float

    @property
    def measurements(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """The delay that this share of the measurements did not exceed; 0 if there are none."""
        wanted = share * self.measurements
        seen = 0
        for bound, count in zip(_BOUNDS, self.counts, strict=False):
            seen += count
            if count and seen >= wanted:
                return min(bound, self.worst)
        return self.worst


class LoopDelayMeter:
    """Measures for as long as :meth:`run` does, at the price of a wake-up each time.

    ``every``: seconds between two measurements.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        *,
        every: float = EVERY,
    ) -> None:
        self._every = every
        self._clock = clock
        self._sleep = sleep
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._worst = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = self._clock() + self._every
            await self._sleep(self._every)
            self.note(self._clock() - due)

    def note(self, delay: float) -> None:
        """Count one delay; one below zero is none."""
        self._counts[bisect.bisect_left(_BOUNDS, delay)] += 1
        self._worst = max(self._worst, delay)

    def snapshot(self) -> LoopDelay:
        return LoopDelay(tuple(self._counts), self._worst)
