"""The pace of one limit: never more than it in any minute, and evenly up to it.

Two rules, both exact:

* The **log**: within any ``span`` seconds no more than the limit is sent. The span is the
  service's minute and a margin for what arrives late: a text that is sent in one window and
  counted in the next. Whatever bunches in front of us, no window of the service sees more.
* The **beat**: after an amount, the next one waits for that amount's share of the span. So the
  quota is used from the first second to the last, without a burst and without a pause.

A leaky bucket needs one rule only, but pays for it: so that no window sees more than the limit,
its burst has to be taken off it. The log has the whole of it: with ``Q`` a minute and a margin
of ``m`` seconds, ``60 / (60 + m)`` of the quota is used, 99 % with 0.6 s.
"""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
"""Seconds over which the service counts."""

SINGLE = 2
"""Refusals in a minute that say nothing about their share."""

CATCH_UP = 0.5
"""Seconds by which the beat may be late and still be made up for: the loop's and the system's
delays cost nothing, and idle time is not saved up for a burst."""


class Pace:
    """One limit of ``limit`` units a minute. Times are seconds of one monotonic clock."""

    def __init__(self, limit: float, *, margin: float, now: float) -> None:
        self._limit = limit
        self._span = WINDOW + margin
        self._sent: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._refused: deque[tuple[float, float]] = deque()
        self._next = now

    @property
    def limit(self) -> float:
        return self._limit

    def change(self, limit: float, now: float) -> None:
        """Go on at another limit, from the next amount on."""
        # What is left of the present beat is walked at the new pace.
        self._next = now + max(0.0, self._next - now) * min(1.0, self._limit / limit)
        self._limit = limit

    def keep_clear(self, margin: float) -> None:
        """Seconds by which arrivals may vary."""
        self._span = WINDOW + margin

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` may be sent; 0 or less: now.

        An amount larger than the limit is sent alone in its window, since it never fits.
        """
        self._forget(now)
        excess = self._total + min(amount, self._limit) - self._limit
        room_at = now
        for at, earlier in self._sent:
            if excess <= 1e-9:
                break
            excess -= earlier
            room_at = at + self._span
        return max(room_at, self._next) - now

    def take(self, amount: float, now: float) -> None:
        """Count ``amount`` as sent now."""
        self._sent.append((now, amount))
        self._total += amount
        beat = amount * self._span / self._limit
        self._next = max(self._next, now - CATCH_UP) + beat

    def recount(self, factor: float) -> None:
        """All that was sent is found to be so many times as much."""
        self._sent = deque((at, amount * factor) for at, amount in self._sent)
        self._refused = deque((at, amount * factor) for at, amount in self._refused)
        self._total *= factor

    def refused(self, amount: float, now: float) -> None:
        """The service did not count an amount that was sent.

        The log keeps it all the same: to go on as if it had never been sent would be bold.
        """
        self._refused.append((now, amount))

    def forget(self, amount: float, at: float) -> None:
        """An amount that was sent at that time could not have been counted: it never fits."""
        if (at, amount) in self._sent:
            self._sent.remove((at, amount))
            self._total -= amount

    def used(self, now: float) -> float:
        """What the service has counted in the last minute, as far as we know."""
        self._forget(now)
        window = sum(amount for at, amount in self._sent if at > now - WINDOW)
        return max(0.0, window - sum(amount for _, amount in self._refused))

    def refused_share(self, now: float) -> float:
        """Of what was sent in the last minute, the share that the service refused.

        0 for one call or two: of the first few calls, each is a large share.
        """
        self._forget(now)
        if len(self._refused) <= SINGLE:
            return 0.0
        window = sum(amount for at, amount in self._sent if at > now - WINDOW)
        return min(1.0, sum(amount for _, amount in self._refused) / window) if window else 1.0

    def sent_since(self, since: float) -> float:
        """What was sent after that time, at most a minute ago."""
        total = 0.0
        for at, amount in reversed(self._sent):
            if at <= since:
                break
            total += amount
        return total

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] <= now - self._span:
            self._total -= self._sent.popleft()[1]
        if not self._sent:
            self._total = 0.0
        while self._refused and self._refused[0][0] <= now - WINDOW:
            self._refused.popleft()
