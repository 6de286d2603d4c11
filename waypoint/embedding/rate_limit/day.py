"""The texts of a day: the service counts them anew from midnight, Pacific time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from waypoint.errors import DailyQuotaError
from waypoint.service_day import PACIFIC, next_service_day, service_day

LATE = timedelta(minutes=15)
"""So long after midnight the service may still count the day before."""


AFTER_MIDNIGHT = timedelta(seconds=5)


class DayCount:
    """Texts of the day, against the day's limit; 0 means no limit.

    Args:
        used: texts of this day that are in the ledger.
        now: the wall clock, in UTC.
    """

    def __init__(self, limit: int, used: int, now: Callable[[], datetime]) -> None:
        self.limit = limit
        self._used = used
        self._now = now
        self._day: date = service_day(now())

    @property
    def used(self) -> int:
        self._roll()
        return self._used

    def check(self, texts: int) -> None:
        """
        Raises:
            DailyQuotaError: the day's texts would be exceeded.
        """
        self._roll()
        if self.limit and self._used + texts > self.limit:
            now = self._now()
            # By our own count, which begins anew with our own clock's day.
            at = next_service_day(now) + AFTER_MIDNIGHT
            left = max(0, self.limit - self._used)
            raise daily_quota_error(self.limit, remaining=left, now=now, at=at)

    def take(self, texts: int) -> None:
        self._used += texts

    def give_back(self, texts: int) -> None:
        """The service did not count them."""
        self._used = max(0, self._used - texts)

    def _roll(self) -> None:
        today = service_day(self._now())
        if today != self._day:
            self._day = today
            self._used = 0


def come_back_at(now: datetime) -> datetime:
    """When texts are to be had again, after the day's are used up: in UTC.

    Refused shortly after midnight, the service's clock is behind ours: then it is soon.
    """
    # By the calendar: two days of a year do not have 24 hours.
    begun = datetime.combine(service_day(now), time(), PACIFIC).astimezone(UTC)
    return now + LATE if now - begun < LATE else next_service_day(now) + AFTER_MIDNIGHT


def daily_quota_error(
    limit: int | None,
    *,
    remaining: int = 0,
    now: datetime | None = None,
    at: datetime | None = None,
    said: str = "",
) -> DailyQuotaError:
    """The error for a day's texts used up; ``limit`` where it is known.

    ``remaining``: texts that are left, too few for the call that was to be made. ``at``: when
    there will be more, in UTC; by default what a refusal by the service means. ``said``: its words.
    """
    now = now or datetime.now(UTC)
    at = at or come_back_at(now)
    minutes = -(-int((at - now).total_seconds()) // 60)
    allowed = f" ({limit:,} texts)" if limit else ""
    return DailyQuotaError(
        f"the day's quota{allowed} is used up" + (f" ({said})" if said else ""),
        hint=f"run the same command again at {at.astimezone():%Y-%m-%d %H:%M %Z}, in "
        f"{minutes // 60} h {minutes % 60:02} min (midnight Pacific time), or add --wait to have "
        "the run sleep until then; what is embedded is kept",
        remaining=remaining,
        come_back_at=at,
    )
