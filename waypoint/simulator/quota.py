"""The quotas: texts a minute, tokens a minute, texts a day, accounted exactly.

Times are whole nanoseconds of one monotonic clock, given by the caller and never falling:
with them, a call that waits for exactly the delay it was told is admitted, which rounding
would spoil in seconds as floats.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from waypoint.simulator.settings import SimulatorSettings

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * 60 * MINUTE_NS

DAILY_RETRY_NS = 12 * SECOND_NS
"""The real service, too, tells a short delay when the day's quota is used up."""


class Limit(StrEnum):
    """What a quota bounds."""

    TEXTS_PER_MINUTE = "texts_per_minute"
    TOKENS_PER_MINUTE = "tokens_per_minute"
    TEXTS_PER_DAY = "texts_per_day"


@dataclass(frozen=True, slots=True)
class Violation:
    """A quota that a call does not fit into."""

    limit: Limit
    value: int
    """The quota."""


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """Why a call is refused, and for how long."""

    violations: tuple[Violation, ...]
    retry_after_ns: int
    """Until it would fit; misleadingly short if the day's quota is among the violations."""


class Window:
    """A sum over the last ``span_ns``, or over the current one of a row of such spans.

    A sliding window is half open, (now - span, now]: what was added exactly one span ago no
    longer counts. Fixed windows are counted from ``origin_ns``.
    """

    def __init__(self, span_ns: int, *, fixed: bool = False, origin_ns: int = 0) -> None:
        self.fixed = fixed
        self._span_ns = span_ns
        self._origin_ns = origin_ns
        self._entries: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, now_ns: int, amount: int) -> int:
        """Count ``amount``; the sum with it."""
        total = self.total(now_ns) + amount
        self._entries.append((now_ns, amount))
        self._total = total
        return total

    def total(self, now_ns: int) -> int:
        """The sum at ``now_ns``."""
        if self.fixed:
            newest_outside = now_ns - (now_ns - self._origin_ns) % self._span_ns - 1
        else:
            newest_outside = now_ns - self._span_ns
        while self._entries and self._entries[0][0] <= newest_outside:
            self._total -= self._entries.popleft()[1]
        return self._total

    def wait_ns(self, now_ns: int, amount: int, limit: int) -> int:
        """How long until ``amount`` fits under ``limit``; a whole span if it never does."""
        excess = self.total(now_ns) + amount - limit
        if excess <= 0:
            return 0
        if amount > limit:
            return self._span_ns
        if self.fixed:
            return self._span_ns - (now_ns - self._origin_ns) % self._span_ns
        for added_ns, added in self._entries:
            excess -= added
            if excess <= 0:
                return added_ns + self._span_ns - now_ns
        raise AssertionError("a window's entries add up to its total")


class Quota:
    """All quotas of one project and model. Only what is counted by ``count`` uses them up."""

    def __init__(self, origin_ns: int) -> None:
        self._texts = Window(MINUTE_NS, origin_ns=origin_ns)
        self._tokens = Window(MINUTE_NS, origin_ns=origin_ns)
        self._daily = Window(DAY_NS, fixed=True, origin_ns=origin_ns)

    def check(
        self, now_ns: int, texts: int, tokens: int, settings: SimulatorSettings
    ) -> QuotaExceeded | None:
        """Why a call of that many texts and tokens does not fit now; None if it does."""
        self._texts.fixed = self._tokens.fixed = settings.quota_window == "fixed"
        units = _units(texts, settings)
        demands = (
            (Limit.TEXTS_PER_MINUTE, self._texts, units, settings.rpm),
            (Limit.TOKENS_PER_MINUTE, self._tokens, tokens, settings.tpm),
            (Limit.TEXTS_PER_DAY, self._daily, units, settings.rpd),
        )
        waits = {
            Violation(limit, value): window.wait_ns(now_ns, amount, value)
            for limit, window, amount, value in demands
            if value and window.total(now_ns) + amount > value
        }
        if not waits:
            return None
        daily = any(violation.limit is Limit.TEXTS_PER_DAY for violation in waits)
        return QuotaExceeded(tuple(waits), DAILY_RETRY_NS if daily else max(waits.values()))

    def count(self, now_ns: int, texts: int, tokens: int, settings: SimulatorSettings) -> None:
        """Count a call that was let in."""
        units = _units(texts, settings)
        self._texts.add(now_ns, units)
        self._tokens.add(now_ns, tokens)
        self._daily.add(now_ns, units)


def _units(texts: int, settings: SimulatorSettings) -> int:
    return texts if settings.quota_unit == "texts" else 1
