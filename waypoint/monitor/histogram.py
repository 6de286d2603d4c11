"""A histogram as Prometheus has them: counts below bounds, and the sum."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from waypoint.observe.gauges.loop_delay import LoopDelayMeter


class Histogram:
    """Counts values by upper bounds, which are ascending; what exceeds the last is counted too."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def buckets(self) -> list[tuple[float, int]]:
        """Each bound, infinity at last, with the number of values up to it."""
        buckets, seen = [], 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        return buckets


class CountedLoopDelay(LoopDelayMeter):
    """Measures the event loop's delay into a histogram as well."""

    def __init__(self, histogram: Histogram, every: float) -> None:
        super().__init__(every=every)
        self._histogram = histogram

    def note(self, delay: float) -> None:
        super().note(delay)
        self._histogram.add(max(0.0, delay))
