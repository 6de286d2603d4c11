"""Refusals in a row, and how often they were of no limit."""

from __future__ import annotations

import math

_UNLIKELY = 1e-4
"""That so many refusals in a row are all for want of capacity: once in so many calls."""
_AT_FIRST, _MEMORY = 20, 1_000
"""Calls that are taken to have gone through before, and after which older ones weigh half."""


class RefusalStreak:
    """All calls' outcomes, whichever limit a refusal may be about."""

    def __init__(self) -> None:
        self.length = 0
        """Refusals since a call went through that was sent after the last of them."""
        self._began = self._refused = 0.0
        self._calls, self._cleared = float(_AT_FIRST), 0.0

    @property
    def needed(self) -> int:
        """Refusals in a row, from which on they can't be for want of capacity."""
        if not self._cleared:
            return 1
        return math.ceil(math.log(_UNLIKELY) / math.log(min(0.9, self._cleared / self._calls)))

    @property
    def halts(self) -> bool:
        """Whether all calls have to wait, and then one of them to try.

        Where a refusal now and then is the service's way, it takes a second one.
        """
        return self.length > (1 if self._cleared else 0)

    def refused(self, now: float, *, sent_at: float) -> None:
        """A call was refused."""
        if not self.length:
            self._began = now
        self.length += 1
        self._refused = max(self._refused, sent_at)
        self._count()

    def answered(self, now: float, *, sent_at: float, cleared: int) -> float:
        """A call went through; ``cleared``: refusals that it shows to be of no limit.

        Returns the seconds that a streak lasted which it ends.
        """
        self._count()
        self._cleared += cleared
        if not self.length or sent_at < self._refused:
            return 0.0
        self.length = 0
        return now - self._began

    def _count(self) -> None:
        self._calls += 1
        if self._calls > _MEMORY:
            self._calls /= 2
            self._cleared /= 2
            if self._cleared < 0.5:
                self._cleared = 0.0
