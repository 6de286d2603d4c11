"""How much the way to the service varies, measured while running.

When a call arrives cannot be seen from here. But its way there is a part of the time until its
answer, so that what this time varies by is a bound for what the arrival does.
"""

from __future__ import annotations

from collections import deque

LEAST = 0.6
"""Seconds that are kept clear before, and whatever, was measured: 1 % of the quota."""

LEAST_UNKNOWN = 0.3
"""The same where a limit has to be found, which does not go without a refusal now and then."""

MOST = 5.0
"""Seconds. What varies more is the service's own work, which comes after the arrival."""

_CALLS = 200
"""Calls of a size that are looked back upon."""
_RECENT = 400
"""Calls of any size after which one is forgotten: what a size that is rare showed long ago says
nothing of now."""
_EVERY = 10
"""Calls between two looks."""
_TRIMMED = 100
"""One call in so many may be an exception, at either end."""


class JitterMeter:
    """Seconds by which arrivals are taken to vary: ``least`` at first, and at least."""

    def __init__(self, least: float = LEAST) -> None:
        # Calls of another size take another time, which is no jitter: sizes within a factor
        # of two are compared with each other.
        self._calls: dict[int, deque[tuple[int, float]]] = {}
        self._count = 0
        self._least = self.margin = least

    def observe(self, texts: int, seconds: float) -> None:
        """Note how long a call of ``texts`` texts took until its answer."""
        size = texts.bit_length()
        self._calls.setdefault(size, deque(maxlen=_CALLS)).append((self._count, seconds))
        self._count += 1
        if self._count % _EVERY == 0:
            spread = max(self._spread(calls) for calls in self._calls.values())
            self.margin = min(MOST, max(self._least, spread))

    def widen(self) -> None:
        """A limit that is known was exceeded all the same: arrivals vary more than is seen."""
        self._least = min(MOST, max(self._least, self.margin) * 1.5)
        self.margin = max(self.margin, self._least)

    def _spread(self, calls: deque[tuple[int, float]]) -> float:
        while calls and calls[0][0] < self._count - _RECENT:
            calls.popleft()
        if not calls:
            return 0.0
        ordered = sorted(seconds for _, seconds in calls)
        trimmed = len(ordered) // _TRIMMED
        return ordered[len(ordered) - 1 - trimmed] - ordered[trimmed]
