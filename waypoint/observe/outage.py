"""An outage: since when a service that a run needs gives no good answer, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waypoint.observe.terminal import duration

OUTAGE_AFTER = 5.0
"""Seconds without a good answer from which on failures are an outage: one alone is none."""


@dataclass(frozen=True, slots=True)
class Outage:
    """How it stands."""

    what: str
    """``service`` or ``Chroma``."""
    reason: str
    """Of the last failure."""
    seconds: float
    """Since the last good answer, or since the first was waited for."""
    retries: int
    next_try: float | None
    """Seconds until something is tried again; None while calls are under way."""

    def __str__(self) -> str:
        retries = f"{self.retries:,} {'retry' if self.retries == 1 else 'retries'}"
        then = "trying now" if self.next_try is None else f"next try in {duration(self.next_try)}"
        return f"{self.what} failing: {self.reason} for {duration(self.seconds)}, {retries}, {then}"


class OutageWatch:
    """Listens to what one service answers. ``clock``: monotonic seconds."""

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._since: float | None = None
        """Of the last good answer, or of the first call."""
        self._reason = ""
        self._retries = 0
        self._next: float = 0.0

    def asked(self) -> None:
        """Something is asked; only the first counts."""
        if self._since is None:
            self._since = self._clock()

    def failed(self, reason: str, wait: float) -> None:
        """It failed so, and is tried again in so many seconds."""
        self.asked()
        now = self._clock()
        self._reason = reason
        self._retries += 1
        # The earliest of those to come.
        again = now + wait
        self._next = min(self._next, again) if self._next > now else again

    def answered(self) -> None:
        """All is well."""
        self._since = self._clock()
        self._reason, self._retries, self._next = "", 0, 0.0

    @property
    def now(self) -> Outage | None:
        """None while nothing failed since the last good answer, or that is only just so."""
        if not self._reason or self._since is None:
            return None
        now = self._clock()
        if now - self._since < OUTAGE_AFTER:
            return None
        left = self._next - now
        return Outage(
            self._what, self._reason, now - self._since, self._retries, left if left > 0 else None
        )
