"""One limit of a minute: never more than it in any minute, and evenly up to it.

Two rules:

* The **sliding window**, which is exact: within any ``span`` seconds no more than the limit is
  sent. The span is the service's minute and a margin for what arrives late: a text that is sent
  in one window and counted in the next. Whatever bunches on the way, no window of the service
  sees more.
* The **spacing**, by an ``AsyncLimiter``: a bucket of a hundredth of the limit, or a little more
  than the largest batch, refilled with the limit in each span. So the quota is used from the first
  second to the last, without a burst and without a pause.

A leaky bucket alone would have to take its burst off the limit, so that no window sees more. The
window has the whole of it: with ``Q`` a minute and a margin of ``m`` seconds, ``60 / (60 + m)`` of
the quota is used, 99 % with 0.6 s.
"""

from __future__ import annotations

import math
from collections import deque

from aiolimiter import AsyncLimiter
from anyio import CancelScope

WINDOW = 60.0
"""Seconds over which the service counts."""

BURST_SHARE = 100
"""A batch is at most the limit divided by this: small batches are spaced evenly."""

CATCH_UP = 1.1
"""Size of the bucket in amounts: whose turn is late by a tenth of the wait, by the loop's and the
system's delays, makes up for it."""


class RateLimiter:
    """One limit of ``limit`` units a minute. Times are seconds of the event loop's clock."""

    def __init__(self, limit: float, *, margin: float) -> None:
        self._limit = limit
        self._span = WINDOW + margin
        self._sent: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._counted: deque[tuple[float, float]] = deque()
        """Of that, what the service counts: without the margin."""
        self._used = 0.0
        self._bucket: AsyncLimiter | None = None
        self._turn: CancelScope | None = None
        """Of the one who waits for the bucket."""
        self._owed = 0.0
        self.unspaced = False
        """Whether what the window allows is sent at once."""

    @property
    def limit(self) -> float:
        return self._limit

    def change(self, limit: float) -> None:
        """Go on at another limit, at once."""
        self._limit = limit
        # Never mutated: a waiter for more than a lowered rate holds would wait for ever.
        self._bucket = None
        if self._turn is not None:
            self._turn.cancel()

    def set_margin(self, margin: float) -> None:
        """Seconds by which arrivals may vary."""
        self._span = WINDOW + margin

    # -- the spacing -----------------------------------------------------------------------

    def is_due(self, amount: float) -> bool:
        """Whether ``amount`` need not wait for what was sent before."""
        spaced = self._spaced(amount)
        return not spaced or self._bucket_for(spaced).has_capacity(spaced)

    async def space(self, amount: float) -> None:
        """Wait for the turn of ``amount``; only one may wait at a time."""
        while spaced := self._spaced(amount):
            bucket = self._bucket_for(spaced)
            with CancelScope() as self._turn:
                await bucket.acquire(spaced)
            if bucket is self._bucket:
                break
        self._owed = max(0.0, self._owed - self._seconds(amount))

    def owe(self, seconds: float) -> None:
        """So much of the spacing is made up for, as far as the window allows it."""
        self._owed = min(self._span, self._owed + seconds)

    def _spaced(self, amount: float) -> float:
        """What of it has to wait for its turn."""
        if self.unspaced or not math.isfinite(self._limit):
            return 0.0
        return max(0.0, amount - self._owed * self._limit / self._span)

    def _bucket_for(self, amount: float) -> AsyncLimiter:
        """What is larger than the bucket gets a larger one, full as each is at first."""
        if self._bucket is None or amount > self._bucket.max_rate:
            size = max(amount * CATCH_UP, self._limit / BURST_SHARE)
            self._bucket = AsyncLimiter(size, self._seconds(size))
        return self._bucket

    def _seconds(self, amount: float) -> float:
        return amount * self._span / self._limit

    # -- the window ------------------------------------------------------------------------

    def wait(self, amount: float, now: float) -> float:
        """Seconds until the window allows ``amount``; 0 or less: now.

        An amount larger than the limit is sent alone in its window, since it never fits.
        """
        self._forget(now)
        excess = self._total + min(amount, self._limit) - self._limit
        free_at = now
        for at, earlier in self._sent:
            if excess <= 1e-9:
                break
            excess -= earlier
            free_at = at + self._span
        return free_at - now

    def take(self, amount: float, now: float) -> float:
        """Count ``amount`` as sent now; returns what the service then counts."""
        self._sent.append((now, amount))
        self._total += amount
        self._counted.append((now, amount))
        self._used = self.used(now) + amount
        return self._used

    def recount(self, factor: float) -> None:
        """All that was sent is found to be so many times as much."""
        self._sent = deque((at, amount * factor) for at, amount in self._sent)
        self._total *= factor
        self._counted = deque((at, amount * factor) for at, amount in self._counted)
        self._used *= factor

    def forget(self, amount: float, at: float) -> None:
        """An amount that was admitted at that time was not sent, or not counted."""
        if (at, amount) in self._sent:
            self._sent.remove((at, amount))
            self._total -= amount
            if (at, amount) in self._counted:
                self._counted.remove((at, amount))
                self._used -= amount
            self.owe(self._seconds(amount))

    def used(self, now: float) -> float:
        """What the service has counted in the last minute, as far as we know."""
        while self._counted and self._counted[0][0] <= now - WINDOW:
            self._used -= self._counted.popleft()[1]
        if not self._counted:
            self._used = 0.0
        return self._used

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] <= now - self._span:
            self._total -= self._sent.popleft()[1]
        if not self._sent:
            self._total = 0.0
