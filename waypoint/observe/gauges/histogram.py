"""A histogram as Prometheus has them: counts below bounds, and the sum."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence


class Histogram:
    """Counts values by upper bounds, which are ascending; what exceeds the last is counted too."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0
        self.worst = 0.0
        """The largest value."""

    def add(self, value: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self.total += value
        self.worst = max(self.worst, value)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self._counts)

    @property
    def buckets(self) -> list[tuple[float, int]]:
        """Each bound, infinity at last, with the number of values up to it."""
        buckets, seen = [], 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        return buckets

    def quantile(self, share: float) -> float:
        """The value that this share of all does not exceed, as exact as the bounds are close.

        0 if there are none.
        """
        wanted = share * self.count
        for bound, seen in self.buckets:
            if seen and seen >= wanted:
                return min(bound, self.worst)
        return self.worst
