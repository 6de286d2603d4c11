"""One limit of a minute: never more than it in any minute, and evenly up to it.

Two rules, both exact:

* The **sliding window**: within any ``span`` seconds no more than the limit is sent. The span is
  the service's minute and a margin for what arrives late: a text that is sent in one window and
  counted in the next. Whatever bunches on the way, no window of the service sees more.
* The **spacing**: after an amount, the next one waits for that amount's share of the span. So the
  quota is used from the first second to the last, without a burst and without a pause.

A leaky bucket needs one rule only, but pays for it: so that no window sees more than the limit,
its burst has to be taken off it. The window has the whole of it: with ``Q`` a minute and a margin
of ``m`` seconds, ``60 / (60 + m)`` of the quota is used, 99 % with 0.6 s.
"""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
"""Seconds over which the service counts."""

CATCH_UP = 0.5
"""Seconds by which the spacing may be late and still be made up for: the loop's and the system's
delays cost nothing, and idle time is not saved up for a burst. What a refusal costs is owed as
well, and so is a whole span where the limit was found: what is sent as soon as the window allows it
leaves no window empty that was full before."""


class RateLimiter:
    """One limit of ``limit`` units a minute. Times are seconds of one monotonic clock."""

    def __init__(self, limit: float, *, margin: float, now: float) -> None:
        self._limit = limit
        self._span = WINDOW + margin
        self._sent: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._counted: deque[tuple[float, float]] = deque()
        """Of that, what the service counts: without the margin."""
        self._used = 0.0
        self._next = now
        self._owed = 0.0

    @property
    def limit(self) -> float:
        return self._limit

    def change(self, limit: float, now: float) -> None:
        """Go on at another limit, from the next amount on."""
        # What is left of the present spacing passes at the new rate.
        if self._next > now:
            self._next = now + (self._next - now) * min(1.0, self._limit / limit)
        self._limit = limit

    def set_margin(self, margin: float) -> None:
        """Seconds by which arrivals may vary."""
        self._span = WINDOW + margin

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` may be sent; 0 or less: now.

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
        return max(free_at, self._next) - now

    def take(self, amount: float, now: float) -> float:
        """Count ``amount`` as sent now; returns what the service then counts."""
        self._sent.append((now, amount))
        self._total += amount
        self._counted.append((now, amount))
        self._used = self.used(now) + amount
        if self._next >= now - CATCH_UP:
            self._owed = 0.0
        self._next = max(self._next, now - CATCH_UP - self._owed) + self._spacing(amount)
        return self._used

    def owe(self, seconds: float) -> None:
        """So much of the spacing may be made up for, as far as the window allows it."""
        self._owed = min(self._span, self._owed + seconds)
        self._next -= seconds

    @property
    def is_unspaced(self) -> bool:
        """Whether the spacing does not matter: what comes free is sent at once."""
        return self._owed >= self._span / 2

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
            self._next -= self._spacing(amount)

    def _spacing(self, amount: float) -> float:
        return amount * self._span / self._limit

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
