"""The service's calendar: its daily quota starts anew at midnight, Pacific time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")


def service_day(now: datetime | None = None) -> date:
    """The day whose quota a call made now counts against."""
    return (now or datetime.now(UTC)).astimezone(PACIFIC).date()


def next_service_day(now: datetime | None = None) -> datetime:
    """When the next such day begins, in UTC."""
    tomorrow = service_day(now) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), PACIFIC).astimezone(UTC)
